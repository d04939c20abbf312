"""`zoo explain` and `zoo ops`: codes, ops, keys, arguments, and what other libraries call them."""

from __future__ import annotations

import pytest

import speczoo
from speczoo.compiler.initialisers import INITIALISERS
from speczoo.compiler.layer import Layer
from speczoo.compiler.reference import reference
from speczoo.specs.codes import CODES
from speczoo.specs.expression.reference import FUNCTIONS
from speczoo.specs.keys import keys, models
from speczoo.specs.spec import Spec
from speczoo.training.recipe import Recipe
from speczoo.training.recipe_words import WordChoice, choices
from tests.commands.zoo_command import data, zoo


@pytest.mark.parametrize("name", CODES)
def test_codes(name: str) -> None:
    assert zoo("explain", name).stdout.rstrip("\n") == CODES[name].explanation.rstrip("\n")
    got = data("explain", name)
    assert (got["code"], got["bad"], got["good"]) == (name, CODES[name].bad, CODES[name].good)


def test_without_a_word_codes_are_listed() -> None:
    listed = zoo("explain").stdout
    assert all(name in listed for name in CODES)
    assert zoo("explain", "error[cycle]").stdout == zoo("explain", "cycle").stdout
    assert "`shape-mismatch`" in zoo("explain", "shape_mismatch", code=2).stderr


def meanings(word: str) -> list[dict[str, object]]:
    found = data("explain", word)
    return found if isinstance(found, list) else [found]


@pytest.mark.parametrize("op", sorted(Layer.registry)[::7])
def test_ops_are_explained_with_arguments_and_what_comes_out_of_the_example(op: str) -> None:
    page = zoo("explain", op).stdout
    assert all(argument.name in page and argument.description in page for argument in reference(op).arguments)
    assert all(line in page for line in reference(op).example.splitlines())
    reported = next(meaning for meaning in meanings(op) if "op" in meaning)
    assert [argument["name"] for argument in reported["arguments"]] == [a.name for a in reference(op).arguments]  # type: ignore[attr-defined]


def test_sizes_of_the_example_are_explained_as_arithmetic() -> None:
    (output,) = speczoo.graph(reference("Conv2d").example).outputs.values()
    assert f"height: floor((32 + 2 * 1 - 3) / 2) + 1 = {output[1]}" in zoo("explain", "Conv2d").stdout


def test_every_key_of_specs_and_recipes_is_explained() -> None:
    for model in [*models(Spec), *models(Recipe)]:
        for name, key in keys(model).items():
            reported = [meaning for meaning in meanings(name) if meaning.get("key") == name]
            assert key.description in {meaning["meaning"] for meaning in reported}, name


@pytest.mark.parametrize("choice", choices().values(), ids=[*choices()])
def test_every_word_of_recipes_is_explained_with_the_keys_beside_it(choice: WordChoice) -> None:
    for word in (choice.word, f"torch.optim.{choice.word}"):
        reported = next(meaning for meaning in meanings(word) if meaning.get("word") == choice.word)
        assert reported["of"] == choice.place.name
        assert [key["key"] for key in reported["keys"]] == [  # type: ignore[attr-defined]
            key for key in keys(choice.model) if key != choice.tag.name
        ]
    page = zoo("explain", choice.word).stdout
    assert all(
        key.name in page and key.description in page for key in keys(choice.model).values() if key is not choice.tag
    )


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_function_is_explained(name: str) -> None:
    reported = next(meaning for meaning in meanings(name) if "function" in meaning)
    assert (reported["call"], reported["meaning"]) == (FUNCTIONS[name].call, FUNCTIONS[name].doc)
    assert f"$({FUNCTIONS[name].call})" in zoo("explain", name).stdout


@pytest.mark.parametrize("name", INITIALISERS)
def test_every_initialiser_is_explained_with_what_it_takes(name: str) -> None:
    reported = next(meaning for meaning in meanings(f"torch.nn.init.{name}_") if "initialiser" in meaning)
    assert set(reported["takes"]) == set(INITIALISERS[name])  # type: ignore[call-overload]
    page = zoo("explain", name).stdout
    assert all(f"`{argument}`" in page for argument in INITIALISERS[name])


def test_every_key_of_recipes_says_what_it_is() -> None:
    assert all(key.description and key.holds for model in models(Recipe) for key in keys(model).values())


def test_an_argument_is_explained_with_the_ops_that_have_it() -> None:
    reported = next(meaning for meaning in meanings("kernel_size") if "argument" in meaning)
    assert set(reported["ops"]) == {op for op, layer in Layer.registry.items() if "kernel_size" in layer.model_fields}  # type: ignore[call-overload]


@pytest.mark.parametrize(
    ("word", "op"),
    [("nn.Conv2d", "Conv2d"), ("torch.nn.ReLU", "ReLU"), ("Dense", "Linear"), ("swish", "SiLU"), ("cat", "concat")],
)
def test_names_of_other_libraries_are_known(word: str, op: str) -> None:
    assert [meaning["op"] for meaning in meanings(word) if "op" in meaning] == [op]


@pytest.mark.parametrize(
    ("word", "hint"), [("Conv2D", "Conv2d"), ("BatchNormalization", "BatchNorm2d"), ("kernelsize", "kernel_size")]
)
def test_what_is_nearly_a_word_is_asked_about(word: str, hint: str) -> None:
    assert f"`{hint}`" in zoo("explain", word, code=2).stderr


def test_ops_are_listed_by_glob_or_by_a_part_of_their_names() -> None:
    everything = {row["op"] for row in data("ops")}
    assert everything == set(Layer.registry)
    assert {row["op"] for row in data("ops", "conv*")} == {op for op in everything if op.lower().startswith("conv")}
    assert {row["op"] for row in data("ops", "pool")} == {op for op in everything if "pool" in op.lower()}
    assert "no op fits" in zoo("ops", "nothing*", code=2).stderr
    assert all(reference(op).summary in zoo("ops", op).stdout for op in ("Conv2d", "add"))

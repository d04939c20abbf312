"""What a word means: a code of diagnostics, an op, an argument, a key of the language or of recipes, a function.

Each meaning is plain data (`data`, for `--json`) and a page (`page`). A word may have several.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from inspect import cleandoc
from typing import TYPE_CHECKING, Any, TypeAlias

from speczoo import api
from speczoo.compiler.composite import Node
from speczoo.compiler.initialisers import INITIALISERS, WORDS
from speczoo.compiler.layer import Layer
from speczoo.compiler.reference import ArgumentDoc, Reference, reference
from speczoo.compiler.synonyms import OPS, OPS_ASKED, OPS_ELSEWHERE
from speczoo.compiler.unknown import UNKNOWN
from speczoo.compiler.window import AXES
from speczoo.console import BOLD, DIM, Line, Styled
from speczoo.specs.codes import CODES, Code
from speczoo.specs.expression.reference import FUNCTIONS
from speczoo.specs.keys import Key, Model, keys, models
from speczoo.specs.spec import Spec
from speczoo.specs.suggestions import nearest, spelling, unqualified
from speczoo.specs.wording import by_axis
from speczoo.table import Column, Table

if TYPE_CHECKING:
    from speczoo.training.recipe_words import WordChoice

Page: TypeAlias = list["Line | Table"]


@dataclass(frozen=True)
class CodeMeaning:
    """The code of a diagnostic, explained with a spec that earns it and the same spec mended."""

    code: Code

    @property
    def data(self) -> dict[str, Any]:
        code = self.code
        data = {"code": code.name, "severity": code.severity, "meaning": code.meaning}
        return {**data, "explanation": code.explanation, "bad": code.bad, "good": code.good}

    @property
    def page(self) -> Page:
        return [*self.code.explanation.rstrip().split("\n")]


@dataclass(frozen=True)
class OpMeaning:
    """A layer or a function, with its arguments, and an example with what comes out."""

    op: Reference

    @property
    def data(self) -> dict[str, Any]:
        return {"op": self.op.op, **{name: value for name, value in asdict(self.op).items() if name != "op"}}

    @property
    def page(self) -> Page:
        first, *more = self.op.description.split("\n")
        page: Page = [[Styled(self.op.op, BOLD), "  ", first], *more]
        facts = "; ".join(filter(None, (self.op.inputs, self.op.torch)))
        page += ["", [Styled(facts, DIM)]]
        if self.op.arguments:
            page += ["", _arguments(self.op.arguments)]
        if self.op.example:
            page += ["", *(f"    {line}" for line in self.op.example.splitlines()), "", *_result(self.op)]
        return page


@dataclass(frozen=True)
class KeyMeaning:
    """A key of a mapping of the language, or of recipes."""

    key: Key
    model: Model

    @property
    def of(self) -> str:
        return _of(self.model)

    @property
    def data(self) -> dict[str, Any]:
        key = self.key
        data = {"key": key.name, "of": self.of, "holds": key.holds, "meaning": key.description}
        return {**data, "required": key.required, "default": key.default, "instead": [*key.instead]}

    @property
    def page(self) -> Page:
        key, default = self.key, self.key.default
        page: Page = [[Styled(key.name, BOLD), f"  a key of {self.of}"]]
        page += [key.description] if key.description else []
        page += [f"It is {key.holds}."] if key.holds else []
        if key.required:
            page += ["It must be there."]
        elif default is not None:
            page += [f"Without it: {_written(default)}."]
        return page


@dataclass(frozen=True)
class ChoiceMeaning:
    """A word of a recipe that says which optimizer, schedule, transform or data set: with the keys beside it."""

    choice: WordChoice

    @property
    def data(self) -> dict[str, Any]:
        beside = [KeyMeaning(key, self.choice.model).data for key in self._keys]
        return {"word": self.choice.word, "of": self.choice.place.name, "meaning": self.meaning, "keys": beside}

    @property
    def meaning(self) -> str:
        return cleandoc(self.choice.model.__doc__ or "")

    @property
    def _keys(self) -> list[Key]:
        return [key for key in keys(self.choice.model).values() if key.name != self.choice.tag.name]

    @property
    def page(self) -> Page:
        word, place = self.choice.word, self.choice.place
        page: Page = [[Styled(word, BOLD), "  ", " ".join(self.meaning.split())]]
        page += ["", [Styled(f"a word of recipes: `{place.name}` is {place.holds}", DIM)]]
        if self._keys:
            columns = {
                "Key": [key.name for key in self._keys],
                "Default": ["required" if key.required else _written(key.default) for key in self._keys],
                "Holds": [key.holds.replace("`", "") for key in self._keys],
                "What it says": [key.description for key in self._keys],
            }
            page += ["", Table([Column(head, cells, left=True) for head, cells in columns.items()])]
        return page


@dataclass(frozen=True)
class FunctionMeaning:
    """A function of expressions."""

    name: str

    @property
    def data(self) -> dict[str, Any]:
        function = FUNCTIONS[self.name]
        return {"function": self.name, "call": function.call, "meaning": function.doc}

    @property
    def page(self) -> Page:
        function = FUNCTIONS[self.name]
        return [[Styled(self.name, BOLD), "  a function of expressions"], f"`$({function.call})`: {function.doc}"]


@dataclass(frozen=True)
class InitialiserMeaning:
    """What a rule of `init` may start a parameter as."""

    name: str

    @property
    def data(self) -> dict[str, Any]:
        takes = {argument: [*WORDS.get(argument, ())] or "a number" for argument in INITIALISERS[self.name]}
        return {"initialiser": self.name, "torch": f"torch.nn.init.{self.name}_", "takes": takes}

    @property
    def page(self) -> Page:
        torch = f"As torch.nn.init.{self.name}_ draws it."
        page: Page = [[Styled(self.name, BOLD), "  an initialiser, of `init`"], torch]
        for argument, takes in self.data["takes"].items():
            page += [f"`{argument}` is {takes if isinstance(takes, str) else 'one of ' + ', '.join(takes)}."]
        return page


@dataclass(frozen=True)
class ArgumentMeaning:
    """An argument that several ops have, or one."""

    name: str
    uses: Sequence[tuple[str, ArgumentDoc]]

    @property
    def data(self) -> dict[str, Any]:
        return {"argument": self.name, "ops": {op: asdict(argument) for op, argument in self.uses}}

    @property
    def page(self) -> Page:
        descriptions: dict[str, list[str]] = {}
        for op, argument in self.uses:
            descriptions.setdefault(argument.description, []).append(op)
        page: Page = [[Styled(self.name, BOLD), "  an argument"]]
        for description, ops in descriptions.items():
            page += [f"{description}  [{', '.join(ops)}]"]
        return page


Meaning: TypeAlias = (
    CodeMeaning | OpMeaning | ChoiceMeaning | FunctionMeaning | InitialiserMeaning | KeyMeaning | ArgumentMeaning
)


def meanings(word: str) -> list[Meaning]:
    """Return all that a word means, what it most likely does first; nothing where it is no word of the language."""
    code = CODES.get(re.sub(r"^(?:error|warning)\[(.*)\]$", r"\1", word))
    found: list[Meaning] = [CodeMeaning(code)] if code else []
    if (op := _op(word)) is not None:
        found.append(OpMeaning(reference(op)))
    if (choice := _choices().get(word.rpartition(".")[2])) is not None:
        found.append(ChoiceMeaning(choice))
    found += [FunctionMeaning(word)] * (word in FUNCTIONS)
    initialiser = word.removeprefix("torch.nn.init.").removesuffix("_")
    found += [InitialiserMeaning(initialiser)] * (initialiser in INITIALISERS)
    found += [KeyMeaning(keys(model)[word], model) for model in _models() if word in keys(model)]
    uses = [(op, argument) for op, argument in _all_arguments() if argument.name == word]
    return [*found, ArgumentMeaning(word, uses)] if uses else found


def suggestion(word: str) -> str:
    """Return what to write in place of a word that means nothing; empty where nothing is near."""
    plain = spelling(unqualified(word))
    if plain in OPS_ELSEWHERE:
        return OPS_ELSEWHERE[plain]
    close = OPS_ASKED.get(plain) or nearest(word, words())
    return f"did you mean `{close}`?" if close else ""


def words() -> list[str]:
    """Return all words that mean something: codes, ops, words of recipes, functions, initialisers, keys, arguments."""
    named = (name for model in _models() for name in keys(model))
    arguments = (argument.name for _, argument in _all_arguments())
    return list(dict.fromkeys([*CODES, *Layer.registry, *_choices(), *FUNCTIONS, *INITIALISERS, *named, *arguments]))


def _op(word: str) -> str | None:
    """Return the op of this name, under which another library may have it, or with the module before it."""
    name = unqualified(word)
    return name if name in Layer.registry else OPS.get(spelling(name))


def _models() -> Iterator[Model]:
    from speczoo.training.recipe import Recipe

    yield from models(Spec)
    yield from models(Recipe)


def _choices() -> Mapping[str, WordChoice]:
    from speczoo.training.recipe_words import choices

    return choices()


def _of(model: Model) -> str:
    """Return whose keys they are: of a model, or of what chooses it."""
    words = [f"`{choice.word}`" for choice in _choices().values() if choice.model is model]
    return OF.get(model.__name__) or " or ".join(words) or model.__name__


def _written(value: Any) -> str:
    return "" if value is None else value if isinstance(value, str) else json.dumps(value)


def _all_arguments() -> Iterator[tuple[str, ArgumentDoc]]:
    for op in Layer.registry:
        for argument in reference(op).arguments:
            yield op, argument


#: Whose keys they are, by the model.
OF = {
    "Spec": "a spec", "Input": "an input", "Param": "a parameter", "Block": "a block", "Entry": "an entry",
    "Output": "an output", "InitRule": "a rule of `init`", "Expect": "`expect`", "Comprehension": "a loop in a list",
    "Tap": "a tap", "Bounds": "bounds", "ExpectedMemory": "`memory`", "Weights": "`weights`", "Variant": "a variant",
    "Recipe": "a recipe", "Network": "a recipe's `network`", "Torchvision": "a data set of torchvision",
    "Folder": "a folder", "Canvas": "digits on a canvas", "Transforms": "`transforms`",
    "Statistics": "`normalize`",
}  # fmt: skip


# -- pages of ops ---------------------------------------------------------------------------------------------------


def _arguments(arguments: Sequence[ArgumentDoc]) -> Table:
    return Table(
        [
            Column("Argument", [argument.name for argument in arguments], left=True),
            Column("Default", [_shown(argument) for argument in arguments], left=True),
            Column("Takes", [argument.takes.replace("`", "") for argument in arguments], left=True),
            Column("What it does", [argument.description for argument in arguments], left=True),
        ]
    )


def _shown(argument: ArgumentDoc) -> str:
    """Return what an argument is where it is left out, in a word or two."""
    if argument.required:
        return "required"
    if argument.derived:
        return "derived"
    return "" if argument.reference else json.dumps(argument.default).strip('"')


def _result(op: Reference) -> list[Line]:
    """Return what the op makes of its example: shapes, costs, and how each size comes about."""
    node = next(node for _, node, _ in api.graph(op.example).walk() if node.op == op.op)
    shapes = " and ".join(by_axis(shape) or "1" for shape in node.shapes)
    outputs = " and ".join(by_axis(value.shape) or "1" for value in node.outputs if value is not UNKNOWN)
    counts = [f"{number:,} {unit}" for number, unit in ((node.params, "parameters"), (node.macs, "MACs")) if number]
    first = "; ".join([f"{shapes} -> {outputs}" if shapes else outputs, *counts])
    return [f"    {first}", *(f"    {line}" for line in _sizes(node))]


def _sizes(node: Node) -> Iterator[str]:
    """Yield how the sizes of a layer's output come about that are computed: `height: floor((32 - 3) / 2) + 1 = 15`."""
    layer, output = node.body, node.outputs[0]
    if not isinstance(layer, Layer) or output is UNKNOWN or not node.shapes:
        return
    names = AXES.get(len(output.shape) - 1, ())
    if len(node.shapes[0]) != len(output.shape):
        return
    for name, (at, size) in zip(("channels", *names), enumerate(output.shape), strict=False):
        if how := layer.arithmetic(at, *node.shapes):
            yield f"{name}: {how} = {size}"

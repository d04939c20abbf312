"""Several models as one spec: what they share is written once, what differs are parameters, each model is a variant."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from torch import nn

from speczoo import api
from speczoo.compiler.graph import Graph
from speczoo.importing import writing
from speczoo.importing.aligning import aligned
from speczoo.importing.columns import Column, key
from speczoo.importing.custom import Customs
from speczoo.importing.entries import ImportedList
from speczoo.importing.folding import Apart, declared, folded
from speczoo.importing.imported import ListedModel, expected, flowing, held, in_style, listed, tied
from speczoo.importing.inputs import ModelInput
from speczoo.importing.refusals import ImportRefused, Refusal


@dataclass(frozen=True)
class Family:
    """Models as one spec: `str` is its text; `graphs` the checked networks by their names, which are its variants;
    `sizes`, `notes` and `plugin` as of one model, for all of them.
    """

    name: str
    text: str
    graphs: Mapping[str, Graph]
    sizes: bool
    notes: tuple[str, ...] = ()
    plugin: str = ""

    def __str__(self) -> str:
        return self.text


def from_modules(models: Mapping[str, nn.Module], input: Any, *, name: str, custom: bool = False) -> Family:
    """Return models as one spec whose variants they are, each held to its model as `from_module` does.

    `input` flows into all of them; with `custom`, they have their custom layers together.

    Raises ImportRefused for what no spec can say, and where the models are no one list of layers with some
    left out; else as `from_module`.
    """
    customs = Customs() if custom else None
    made = {each: listed(model, input, each, customs) for each, model in models.items()}
    if customs is not None:
        customs.settle([(model, made[each].runs.first) for each, model in models.items()])
    shapes = {each: [replace(i, most=0) for i in one.inputs] for each, one in made.items()}
    first = next(iter(models))
    other = [each for each in models if shapes[each] != shapes[first]]
    if other:
        raise ImportRefused(name, [Refusal("", f"`{each}`", f"it takes other inputs than {first}") for each in other])
    text, settings = _written(name, made)
    graphs, notes, sizes = {}, [], True
    for each, model in models.items():
        graphs[each] = api.graph(text, **settings[each])
        tried, known = held(model, graphs[each], made[each], text, settings[each])
        sizes = sizes and tried
        notes += [f"{each}: {note}" for note in known]
    return Family(name, text, graphs, sizes, tuple(notes), customs.text if customs is not None else "")


def _written(name: str, made: Mapping[str, ListedModel]) -> tuple[str, dict[str, dict[str, Any]]]:
    """Return the text of a spec with variants, and what each sets. Raises ImportRefused where there is no one spec."""
    misaligned = _misaligned(made)
    try:
        network = folded([one.root for one in made.values()])
    except Apart:
        raise ImportRefused(name, misaligned) from None
    defaults, settings = _settings([*made], network.settings)
    inputs: list[ModelInput] = next(iter(made.values())).inputs
    data = writing.spec_data(name, flowing(inputs), network.made, network.blocks, {})
    data |= {"params": {n: declared(network.settings[n], default) for n, default in defaults.items()}}
    ties = next(iter(made.values())).ties
    data = tied(data, {key: its for key, its in ties.items() if all(one.ties.get(key) == its for one in made.values())})
    plain = writing.text_of(data)
    variants = {
        each: {**({"params": params} if params else {}), "expect": expected(api.graph(plain, **params))}
        for each, params in settings.items()
    }
    return in_style(name, data | {"variants": variants}), settings


def _settings(names: list[str], settings: Mapping[str, Column]) -> tuple[dict[str, Any], dict[str, dict[str, Any]]]:
    """Return the defaults of parameters, which are the first model's, and what each model sets besides."""
    defaults = {param: column[0] for param, column in settings.items()}
    return defaults, {
        name: {p: column[n] for p, column in settings.items() if key([column[n]]) != key([defaults[p]])}
        for n, name in enumerate(names)
    }


def _misaligned(made: Mapping[str, ListedModel]) -> list[Refusal]:
    """Return which models do not line up with the first, and the first entry that only one of both has."""
    (first, one), *others = made.items()
    out = []
    for name, other in others:
        if aligned([one.root, other.root]) is None:
            why = f"it does not line up with {first}{_difference(one.root, other.root)}"
            out.append(Refusal("", f"`{name}`", why))
    return out or [Refusal("", ", ".join(made), "their blocks do not line up with each other")]


def _difference(one: ImportedList, other: ImportedList) -> str:
    names = [[entry.name or entry.op for entry in made.entries] for made in (one, other)]
    apart = next((pair for pair in zip(*names, strict=False) if pair[0] != pair[1]), None)
    return f": `{apart[1]}` stands where that has `{apart[0]}`" if apart else ""

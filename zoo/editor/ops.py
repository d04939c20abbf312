"""What an op takes, whatever it is: a layer, a block of the text, a spec in use, or what a word of a recipe chooses."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

from speczoo import catalogue
from speczoo.compiler.layer import Layer
from speczoo.compiler.reference import reference
from speczoo.editor.names import TextNames
from speczoo.editor.tree import Mapping, TextScalar, find, plain
from speczoo.specs.diagnostics import Report
from speczoo.specs.loaded_spec import LoadedSpec, UsedSpec
from speczoo.specs.parameter import TYPES
from speczoo.specs.scalars import is_text

#: A text that needs no quotes in flow style.
_BARE = re.compile(r"[\w$./-][\w$./ ()+*-]*")


@dataclass(frozen=True, slots=True)
class Taken:
    """What an op takes by a name: `default` as a spec would write it, None where it must be given."""

    name: str
    takes: str
    default: str | None
    doc: str
    choices: tuple[str, ...] = ()
    derived: bool = False
    reference: bool = False
    kind: str = ""  # the type of a parameter

    @property
    def line(self) -> str:
        """What it is, in a line."""
        default = (
            "" if self.required else " Follows from what flows in." if self.derived else f" Default: `{self.default}`."
        )
        return f"{self.takes[:1].upper()}{self.takes[1:]}.{default}" if self.takes else default.strip()

    @property
    def required(self) -> bool:
        return self.default is None

    @property
    def label(self) -> str:
        """How it stands in a signature."""
        return self.name if self.required else f"{self.name}: {self.default}"


@dataclass(frozen=True, slots=True)
class Op:
    """An op: what it is in a sentence and at length, and what it takes."""

    name: str
    kind: Literal["layer", "block", "use", "choice"]
    summary: str
    description: str
    arguments: tuple[Taken, ...]

    def argument(self, name: str) -> Taken | None:
        return next((each for each in self.arguments if each.name == name), None)


def op_of(name: str, names: TextNames, unit: LoadedSpec | None = None) -> Op | None:
    """Return an op by its name; None where there is none. `unit` is the spec that a name under `use` is of."""
    if name in Layer.registry:
        return layer(name)
    if name in names.blocks:
        return _block(name, names)
    used = find(names.root, ("use", name))
    return _used(name, used.text, unit) if isinstance(used, TextScalar) else None


@cache
def layer(name: str) -> Op:
    """Return a layer or function of the registry."""
    found = reference(name)
    arguments = tuple(
        Taken(
            each.name,
            each.takes,
            None if each.required else written(each.default),
            each.description,
            choices(name, each.name),
            each.derived,
            each.reference,
        )
        for each in found.arguments
    )
    return Op(name, "layer", found.summary, found.description, arguments)


def written(value: Any) -> str:
    """Return a value as a spec has it, in flow style."""
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(written, value))}]"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{key}: {written(part)}' for key, part in value.items())}}}"
    if isinstance(value, str):
        return value if is_text(value) and _BARE.fullmatch(value) else json.dumps(value, ensure_ascii=False)
    return json.dumps(value)


@cache
def choices(op: str, argument: str) -> tuple[str, ...]:
    """Return the words that an argument of a layer may be, true and false among them."""
    properties = Layer.registry[op].model_json_schema().get("properties", {})
    found: list[str] = []
    left = [properties.get(argument, {})]
    while left:
        part = left.pop()
        left += part.get("anyOf", ())
        values = [*part.get("enum", ()), *([part["const"]] if "const" in part else ())]
        found += map(written, values)
        if part.get("type") == "boolean" and not values:
            found += ["true", "false"]
    return tuple(dict.fromkeys(found))


def _block(name: str, names: TextNames) -> Op:
    block = find(names.root, ("blocks", name))
    doc = block.get("doc") if isinstance(block, Mapping) else None
    params = block.get("params") if isinstance(block, Mapping) else None
    pairs = params.pairs if isinstance(params, Mapping) else ()
    text = doc.text if isinstance(doc, TextScalar) else ""
    arguments = tuple(parameter(pair.key.text, plain(pair.value)) for pair in pairs)
    return Op(name, "block", text or "A block of this spec.", text, arguments)


def _used(name: str, wanted: str, unit: LoadedSpec | None) -> Op:
    found = use_of(wanted, unit)
    if found is None or found.unit is None:
        return Op(name, "use", wanted, "", ())
    spec = found.unit.spec
    arguments = tuple(parameter(key, declared.written) for key, declared in spec.params.items())
    return Op(name, "use", spec.title or wanted, f"`{wanted}`: {spec.title or spec.name}", arguments)


def use_of(wanted: str, unit: LoadedSpec | None) -> UsedSpec | None:
    """Return the spec that a name under `use` means; before the spec that asks could be read, one of the zoo alone."""
    if unit is not None:
        found = catalogue.lookup(wanted, unit)
        return found if isinstance(found, UsedSpec) else None
    named = catalogue.named(wanted, Report()) if not catalogue.is_path(wanted) else None
    return UsedSpec(*named) if named is not None else None


def parameter(name: str, declared: Any) -> Taken:
    """Return a parameter as it is written: a type, a default, or the long form."""
    if not isinstance(declared, dict):
        if isinstance(declared, str) and declared in TYPES:
            return Taken(name, f"`{declared}`", None, "", kind=declared)
        return Taken(name, "", written(declared), "")
    kind = str(declared.get("type") or "")
    among = tuple(map(str, declared["choices"])) if isinstance(declared.get("choices"), list) else ()
    bounds = [f"{word} {declared[key]}" for key, word in (("min", "at least"), ("max", "at most")) if key in declared]
    words = [f"`{kind}`"] if kind else []
    words += bounds + ([f"one of {', '.join(f'`{choice}`' for choice in among)}"] if among else [])
    default = written(declared["default"]) if "default" in declared else None
    return Taken(name, ", ".join(words), default, str(declared.get("doc") or ""), among, kind=kind)

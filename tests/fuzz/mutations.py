"""Specs changed as authors and attackers would: keys dropped, misspelt and doubled, values swapped, entries moved.

Most random text dies as YAML syntax and proves little; what comes from here is nearly always past it.
"""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable, Iterator
from functools import lru_cache
from pathlib import Path as File
from random import Random
from typing import Any, TypeAlias

import speczoo.compiler.layers  # noqa: F401  (fills the registry)
from speczoo import catalogue
from speczoo.compiler.layer import Layer
from speczoo.specs.diagnostics import Report
from speczoo.specs.document import parse
from speczoo.specs.expression import FUNCTIONS
from speczoo.specs.keys import keys, models
from speczoo.specs.origin import Words
from speczoo.specs.source import Source
from speczoo.specs.spec import Spec
from speczoo.testing.mistakes import at

Path: TypeAlias = tuple[str | int, ...]

#: Values at the edges of what anything takes.
VALUES: list[Any] = [
    0, 1, -1, 2, 3, 7, 64, 255, 2**31, 2**40, 2**63, 2**64, -(2**63), 0.0, 0.5, 1.0, -0.0, 1e-5, 1e308, 2.5, True, False,
    None, "", "x", "input", "same", "valid", "zeros", "$x", "$", "$$", "$(", "$()", "$(1 / 0)", "$(1 // 0)", "$(2 ** 64)",
    "$in_channels", "$(in_channels * 2)", "$(input.channels)", "$(input.height)", "$(input.shape)", "$in_shape",
    "$(in_channels + 1)", "$(in_channels // 2)", "$num_classes", "$channels", "$stride", "$i", "$(i + 1)", "$depths",
    "$(depths[0])", "$(depths[9])", "$(len(depths))", "$(1 if i else 2)", "$(i > 1)", "$(i == 1)", "1..3", "1..0", "$(1)..3",
    "0..1000000", [], [0], [1], [1, 1], [3, 3], [2, 2, 2], [-1], [1, -1], [0, 1], ["input", "input"], ["x", 2], [[1, 2], [3, 4]],
    [1] * 9, {}, {"a": 1}, {"i": "1..2"}, {"i": [1, 2]}, {"a, b": [[1, 2]]}, {"normal": {"std": 0.1}}, {"op": "ReLU"},
    [{"op": "ReLU"}], "é", "a-b", "__init__", "class", "self", "x\\n", '"""', "'", "{0}", "\u2028", "$(\u00b2)", "nearest",
    "bilinear", "torch.nn.ReLU", "../x.yaml", "./x.yaml", "resnet18", "int", "list", "op", "shape", "float", "add.0", "input.0",
]  # fmt: skip
KEYS = [
    *dict.fromkeys(key for model in models(Spec) for key in keys(model)),
    *("weight", "x"),
    *sorted({name for layer in Layer.registry.values() for name in layer.model_fields}),
]
OPS = [*sorted(Layer.registry), "ConvLSTM", "$block", "Block", "nothing"]
#: Values that fit where an op asks for one.
FITTING: list[Any] = [
    1,
    2,
    3,
    4,
    8,
    16,
    0.5,
    True,
    [1, 2],
    [2, 1],
    [3, 3],
    [1, 1, 1, 1],
    [4, 4, 1],
    "same",
    "$channels",
]
#: What YAML and JSON make something of, or other readers of them.
WORDS = [
    ",", ":", "-", "?", "|", ">", "&", "*", "!", "%", "@", "`", "#", "'", "\"", "[", "]", "{", "}", "=", "~", "$",
    "$(", "(", ")", "\\", ";", "//", "0x1F", "0o17", "0b11", "010", "1_000", "1:30", "1:2.5", "1_0e999", "1e400",
    "1e3", ".5", "5.", "+1", "-0", "1,000", ".inf", "NaN", "Infinity", "yes", "no", "on", "off", "null", "true",
    "FALSE", "<<:", "&a", "*a", "!x", "!!int", "---", "...", "|-", ">2", "\\q", "\\u00e9", "\u00e9", "\u2028",
    "\ufeff", "a:1", "a=1", "99999999999999999999",
]  # fmt: skip
NAMES = [
    "i",
    "k",
    "n",
    "channels",
    "in_channels",
    "widths",
    "depths",
    "flag",
    "input.shape",
    "input.height",
    "x.channels",
]
LITERALS = [
    "0",
    "1",
    "2",
    "3",
    "7",
    "0.5",
    "1e3",
    "true",
    "false",
    "null",
    "'x'",
    "[1, 2, 3]",
    "[]",
    "2 ** 40",
    "(1)",
    ".5",
]
OPERATORS = ["+", "-", "*", "/", "//", "%", "**", "==", "!=", "<", "<=", ">", ">=", "and", "or", "in", "not in"]


@lru_cache(maxsize=1)
def seeds() -> dict[str, Any]:
    """The zoo's specs as data."""
    return {path.stem: catalogue.own(path).document.data for path in catalogue.files()}


@lru_cache(maxsize=1)
def small_seeds() -> list[dict[str, Any]]:
    """What the fuzzer starts from, small so that it is fast: the specs of the error cases, and those of the zoo without
    what is only reported, and with one variant."""
    words = {*keys(Words), "weights"}
    cut = []
    for data in seeds().values():
        kept = {key: value for key, value in data.items() if key not in words}
        if "variants" in data:
            name, chosen = next(iter(data["variants"].items()))
            kept["variants"] = {name: {key: value for key, value in chosen.items() if key not in words}}
        cut.append(kept)
    cases = (File(__file__).parents[1] / "errors" / "cases").rglob("*.yaml")
    found = (read(path.read_bytes()) for path in sorted(cases))
    return cut + [data for data in found if data is not None]


def mutated(data: dict[str, Any], random: Random, times: int) -> dict[str, Any]:
    """A copy of a spec with so many changes."""
    made = copy.deepcopy(data)
    for _ in range(times):
        random.choice(CHANGES)(made, random)
    return made


def places(value: Any, path: Path = ()) -> Iterator[Path]:
    """The path of every value."""
    if path:
        yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield from places(inner, (*path, key))


def somewhere(data: Any, random: Random, wanted: Callable[[Any], bool]) -> tuple[Any, Any] | None:
    """A container and a key of it, whose value is `wanted`."""
    found = [path for path in places(data) if wanted(at(data, path))]
    if not found:
        return None
    # as likely in the network as in the many words around it
    inside = [path for path in found if path[0] in ("layers", "blocks")]
    *parents, last = random.choice(inside if inside and random.random() < 0.7 else found)
    return at(data, tuple(parents)), last


def anything(value: Any) -> bool:
    return True


def drop(data: Any, random: Random) -> None:
    if place := somewhere(data, random, anything):
        del place[0][place[1]]


def swap(data: Any, random: Random) -> None:
    """Another value in place of one."""
    if place := somewhere(data, random, anything):
        place[0][place[1]] = copy.deepcopy(random.choice(VALUES))


def express(data: Any, random: Random) -> None:
    """An expression in place of a value."""
    if place := somewhere(data, random, anything):
        place[0][place[1]] = f"$({expression(random)})"


def expression(random: Random, depth: int = 3) -> str:
    """Any expression, of names that may be there and values that may fit."""

    def inner() -> str:
        return expression(random, depth - 1)

    form = random.randrange(9) if depth else 0
    if form < 3:
        return random.choice(NAMES) if random.random() < 0.6 else random.choice(LITERALS)
    if form < 5:
        return f"{inner()} {random.choice(OPERATORS)} {inner()}"
    if form == 5:
        return f"{random.choice(('-', 'not ', '+'))}{inner()}"
    if form == 6:
        function = random.choice(list(FUNCTIONS))
        return f"{function}({', '.join(inner() for _ in range(FUNCTIONS[function][0] + random.choice((0, 0, 1))))})"
    if form == 7:
        return f"{inner()} if {inner()} else {inner()}"
    return random.choice((f"({inner()})", f"{inner()}[{inner()}]", f"[{inner()}, {inner()}]", f"{inner()}[{inner()}:]"))


def number(data: Any, random: Random) -> None:
    """Another number in place of one."""
    if place := somewhere(data, random, lambda value: type(value) in (int, float)):
        value = place[0][place[1]]
        place[0][place[1]] = random.choice(
            [value + 1, value - 1, value * 2, value // 2, -value, 0, 1, random.randint(0, 99)]
        )


def rename(data: Any, random: Random) -> None:
    """Another key in place of one, or one slip of a finger."""
    place = somewhere(data, random, anything)
    if place and isinstance(place[0], dict):
        holder, key = place
        new = random.choice(KEYS) if random.random() < 0.6 or not key else key[1:] + key[0]
        items = [(new if k == key else k, v) for k, v in holder.items()]
        holder.clear()
        holder.update(items)


def add(data: Any, random: Random) -> None:
    """One more key."""
    if place := somewhere(data, random, lambda value: isinstance(value, dict)):
        place[0][place[1]][random.choice(KEYS)] = copy.deepcopy(random.choice(VALUES))


def double(data: Any, random: Random) -> None:
    """An entry again, beside itself or somewhere else."""
    if place := somewhere(data, random, lambda value: isinstance(value, list) and bool(value)):
        entries = place[0][place[1]]
        entries.insert(random.randint(0, len(entries)), copy.deepcopy(random.choice(entries)))


def shuffle(data: Any, random: Random) -> None:
    if place := somewhere(data, random, lambda value: isinstance(value, (list, dict)) and len(value) > 1):
        value = place[0][place[1]]
        if isinstance(value, list):
            random.shuffle(value)
        else:
            items = list(value.items())
            random.shuffle(items)
            value.clear()
            value.update(items)


def operation(data: Any, random: Random) -> None:
    """Another op, from the registry or from nowhere."""
    if place := somewhere(data, random, lambda value: isinstance(value, dict) and "op" in value):
        place[0][place[1]]["op"] = random.choice(OPS)


def insert(data: Any, random: Random) -> None:
    """One more entry, of any op, with what it asks for and now and then more."""
    place = somewhere(data, random, lambda value: isinstance(value, list) and any(isinstance(e, dict) for e in value))
    if place:
        entries = place[0][place[1]]
        op = random.choice(list(Layer.registry))
        entry: dict[str, Any] = {"op": op}
        for name, field in Layer.registry[op].model_fields.items():
            if field.is_required() or random.random() < 0.1:
                entry[name] = copy.deepcopy(random.choice(FITTING))
        if random.random() < 0.3:
            entry["id"] = random.choice(["x", "y", "z"])
        if random.random() < 0.2:
            ids = [str(e["id"]) for e in entries if isinstance(e, dict) and "id" in e]
            entry["from"] = [random.choice([*ids, "input"]) for _ in range(2)]
        entries.insert(random.randint(0, len(entries)), entry)


def rewire(data: Any, random: Random) -> None:
    """Another `from`, to an id of the same list."""
    place = somewhere(data, random, lambda value: isinstance(value, list) and any(isinstance(e, dict) for e in value))
    if place:
        entries = [entry for entry in place[0][place[1]] if isinstance(entry, dict)]
        ids = [str(entry["id"]) for entry in entries if "id" in entry]
        known = [*ids, "input", "nowhere", 2]
        wanted = [random.choice(known) for _ in range(random.choice([1, 1, 2, 2, 3]))]
        random.choice(entries)["from"] = wanted[0] if len(wanted) == 1 else wanted


def graft(data: Any, random: Random) -> None:
    """A part of one place in place of another."""
    first, second = somewhere(data, random, anything), somewhere(data, random, anything)
    if first and second and second[1] in (second[0] if isinstance(second[0], dict) else range(len(second[0]))):
        first[0][first[1]] = copy.deepcopy(second[0][second[1]])


def wrap(data: Any, random: Random) -> None:
    """An entry as a group, a loop or a condition."""
    if place := somewhere(data, random, lambda value: isinstance(value, dict) and "op" in value):
        entry = place[0][place[1]]
        place[0][place[1]] = random.choice(
            [
                {"layers": [entry]},
                {"for": {"i": f"1..{random.randint(0, 3)}"}, "do": [entry]},
                {"for": {"k": random.choice(VALUES)}, **entry},
                {"when": random.choice([True, False, "$(in_channels > 3)", "$(1)"]), "do": [entry]},
                {"id": "wrapped", "layers": [entry, {"op": "ReLU", "inplace": True}], "taps": random.choice([["0"], [], {"a": "1"}])},
            ]
        )  # fmt: skip


CHANGES = [drop, swap, swap, express, number, number, rename, add, double, shuffle, operation, insert, insert, rewire, graft, wrap]  # fmt: skip


def text(data: Any, random: Random) -> str:
    """The spec as YAML or JSON."""
    if not isinstance(data, dict) or random.random() < 0.2:
        return json.dumps(data, ensure_ascii=random.random() < 0.5)
    lines = []
    for key, value in data.items():
        if isinstance(value, list) and value:
            lines += [f"{json.dumps(key)}:", *(f"  - {json.dumps(item)}" for item in value)]
        elif isinstance(value, dict) and value:
            lines += [f"{json.dumps(key)}:", *(f"  {json.dumps(k)}: {json.dumps(v)}" for k, v in value.items())]
        else:
            lines.append(f"{json.dumps(key)}: {json.dumps(value)}")
    return "\n".join(lines) + "\n"


#: What a text is made of to a hasty hand: quoted texts, words, line starts, marks.
_TOKEN = re.compile(r'"(?:[^"\\\n]|\\.)*"|[\w.$-]+|\n *| +|.', re.DOTALL)
_QUOTED = re.compile(r'"([^"\\\n]*)"')


def retyped(text: str, random: Random) -> str:
    """The text as a hasty hand would type it: quotes left out, words that YAML spells its own way, marks too many or
    too few, lines out of line."""
    if random.random() < 0.5:
        share = random.choice((0.1, 0.5, 1.0))
        text = _QUOTED.sub(lambda quoted: quoted[1] if random.random() < share else quoted[0], text)
    tokens = _TOKEN.findall(text)
    for _ in range(random.choice((0, 1, 1, 2, 3)) if tokens else 0):
        at = random.randrange(len(tokens))
        tokens[at] = random.choice(("", tokens[at] * 2, tokens[at] + "\n", random.choice(WORDS), random.choice(WORDS)))
    return "".join(tokens)


def read(data: bytes) -> dict[str, Any] | None:
    """The plain data of a text, where there is any."""
    document = parse(Source.of(data.decode("utf-8", "replace")), Report())
    return document.data if document else None

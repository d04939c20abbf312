"""The tables of specs/README.md, zoo/training/README.md and zoo/testing/README.md: keys of the grammar and of recipes,
layers with their arguments, initialisers, limits, codes, and mistakes to test with."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable
from functools import partial
from inspect import cleandoc
from itertools import groupby
from pathlib import Path

import speczoo.compiler.layers  # noqa: F401  (fills the registry)
from speczoo.compiler.initialisers import INITIALISERS, WORDS
from speczoo.compiler.layer import Layer
from speczoo.compiler.left_out import LEFT_OUT
from speczoo.glossary import OF
from speczoo.specs import limits
from speczoo.specs.codes import CODES
from speczoo.specs.keys import Key, Model, keys, models
from speczoo.specs.spec import Spec
from speczoo.testing import MISTAKES
from speczoo.training import recipe, recipe_transforms

SECTION = re.compile(r"^## ([^:\n]+).*$", re.MULTILINE)
README = Path(__file__).parents[1] / "specs" / "README.md"
RECIPES = Path(__file__).parents[1] / "zoo" / "training" / "README.md"
TESTING = Path(__file__).parents[1] / "zoo" / "testing" / "README.md"


def layers_table() -> str:
    """Every layer of the registry, a family a table: its arguments and the first sentence of its docstring."""
    parts = []
    for module, members in groupby(sorted(Layer.registry.values(), key=_place), key=lambda layer: layer.__module__):
        title = cleandoc(sys.modules[module].__doc__ or "").split("\n\n")[0].replace("\n", " ")
        rows = [f"| `{layer.op}` | {arguments(layer)} | {cell(summary(layer))} |" for layer in members]
        parts.append("\n".join([f"**{title}**", "", "| op | arguments | what it does |", "| --- | --- | --- |", *rows]))
    return "\n\n".join(parts)


FAMILIES = [
    "conv",
    "linear",
    "norm",
    "pool",
    "activation",
    "softmax",
    "dropout",
    "reshape",
    "padding",
    "resize",
    "sampling",
    "distance",
    "attention",
    "multihead",
    "transformer",
    "recurrent",
    "recurrent_cells",
    "parameter",
    "function",
    "product",
    "elementwise",
    "comparison",
    "reduction",
    "axes",
    "slicing",
    "repeating",
]


def _place(layer: type[Layer]) -> int:
    """Families in the order of a network, new ones at the end; within them, the order of the file."""
    family = layer.__module__.rpartition(".")[2]
    return FAMILIES.index(family) if family in FAMILIES else len(FAMILIES)


def arguments(layer: type[Layer]) -> str:
    derived = (*layer.derives, *layer.references, *DERIVED.get(layer.op, ()))
    fields = {name: field for name, field in layer.model_fields.items() if name not in derived}
    stated = [n if f.is_required() else f"{n}: {cell(json.dumps(f.default))}" for n, f in fields.items()]
    return ", ".join(f"`{text}`" for text in [*stated, *layer.references])


#: Derived arguments that only some uses of a layer have.
DERIVED = {"MultiheadAttention": ("embed_dim", "kdim", "vdim"), "GroupNorm": ("num_channels",)}


def summary(layer: type[Layer]) -> str:
    return cleandoc(layer.__doc__ or "").split("\n\n")[0].replace("\n", " ")


def cell(text: str) -> str:
    return text.replace("|", "\\|")


def left_out_table() -> str:
    """The modules of torch.nn that are no ops, by reason."""
    rows: dict[str, list[str]] = {}
    for name, why in LEFT_OUT.items():
        rows.setdefault(why, []).append(f"`{name}`")
    lines = [f"| {', '.join(names)} | {cell(why)} |" for why, names in rows.items()]
    return "\n".join(["| of torch.nn | is no op |", "| --- | --- |", *lines])


def initialisers_table() -> str:
    rows = [f"| `{name}` | {', '.join(f'`{a}`' for a in arguments)} |" for name, arguments in INITIALISERS.items()]
    words = [f"`{a}` is one of {', '.join(f'`{w}`' for w in known)}." for a, known in WORDS.items()]
    return "\n".join(["| initialiser | arguments |", "| --- | --- |", *rows, "", *words])


def limits_table() -> str:
    source = Path(limits.__file__).read_text(encoding="utf-8")
    rows = re.findall(r"^    (\w+): int = [^#\n]+?  # (.+)$", source, re.MULTILINE)
    lines = [f"| `{name}` | {getattr(limits.DEFAULT, name):,} | {cell(words)} |" for name, words in rows]
    assert len(lines) == len(limits.Limits.__dataclass_fields__)
    return "\n".join(["| limit | is | of |", "| --- | ---: | --- |", *lines])


def codes_table() -> str:
    rows = [f"| `{c.name}` | {c.meaning}{' (a warning)' * (c.severity == 'warning')} |" for c in CODES.values()]
    return "\n".join(["| code | means |", "| --- | --- |", *rows])


def mistakes_table() -> str:
    rows = [
        f"| `{m.name}` | {cleandoc(m.made.__doc__ or '')} | {' '.join(f'`{code}`' for code in sorted(m.codes))} |"
        for m in MISTAKES.values()
    ]
    return "\n".join(["| mistake | what is done | codes |", "| --- | --- | --- |", *rows])


def keys_table(model: Model, of: str) -> str:
    """The keys of a model in their order; those of a spec with the section that names each."""
    sections = SECTION.finditer(README.read_text(encoding="utf-8")) if model is Spec else ()
    links = {word: anchor(found[0]) for found in sections for word in re.findall(r"\w+", found[1])}
    rows = []
    for key in keys(model).values():
        link = links.get(key.name) or links.get(f"{key.name}s")
        shown = f"[`{key.name}`](#{link})" if link else f"`{key.name}`"
        rows.append(f"| {shown} | {cell(key.holds)} | {cell(key.description)}{cell(without(key))} |")
    return "\n".join([f"| key of {of} | holds | what it says |", "| --- | --- | --- |", *rows])


def without(key: Key) -> str:
    """What holds where a key is not there."""
    if key.default is None:
        return " Required." if key.required else ""
    return f" Default: `{key.default if isinstance(key.default, str) else json.dumps(key.default)}`."


def anchor(heading: str) -> str:
    """GitHub's name for a heading of Markdown."""
    return re.sub(r"[^\w -]", "", heading.lstrip("# ").lower()).replace(" ", "-")


TABLES: dict[Path, dict[str, Callable[[], str]]] = {
    README: {
        **{f"keys of {model.__name__}": partial(keys_table, model, OF[model.__name__]) for model in models(Spec)},
        "layers": layers_table,
        "left out": left_out_table,
        "initialisers": initialisers_table,
        "limits": limits_table,
        "codes": codes_table,
    },
    RECIPES: {
        f"keys of {model.__name__}": partial(keys_table, model, OF[model.__name__])
        for model in (recipe.Recipe, recipe.Torchvision, recipe.Folder, recipe.Canvas, recipe_transforms.Transforms)
    },
    TESTING: {"mistakes": mistakes_table},
}


def renewed(page: Path) -> str:
    """The text of a page with its tables as they are. Raises ValueError where one has no place in it."""
    text = page.read_text(encoding="utf-8")
    for name, make in TABLES[page].items():
        begin, end = f"<!-- {name}:begin -->", f"<!-- {name}:end -->"
        if text.count(begin) != 1 or text.count(end) != 1:
            raise ValueError(f"no place for {name}")
        text = f"{text.partition(begin)[0]}{begin}\n\n{make()}\n\n{end}{text.partition(end)[2]}"
    return text

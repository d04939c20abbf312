"""A folded network as the text of a spec, in the project's style."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

from speczoo.importing.defaults import with_defaults
from speczoo.importing.entries import Feed, ImportedEntry, ImportedList, Operand, is_chain
from speczoo.specs.flow_style import bare_or_computed
from speczoo.specs.flow_style import flow as plain_flow
from speczoo.specs.keys import keys
from speczoo.specs.reserved_names import bad_output
from speczoo.specs.spec import Spec

Data = dict[str, Any]
#: The keys of a spec whose values have names, a line each, and those behind an empty line where there is room.
NAMED = ("blocks", "variants")
APART = ("blocks", "layers", "variants", "expect")
#: The keys that hold lists of entries, and how many entries may stand on a line that is not filled.
ENTRIES = ("layers", "do", "outputs")
ON_A_LINE = 3
WIDTH = 120
#: How many characters a number has that is the root of another, and what number that is at most.
LONG, LARGEST_ROOT = 12, 1 << 16
ORDER = [*keys(Spec)]
#: What a function's output is called, where that is not the function's own name.
NAMES = {"add": "sum", "mul": "product", "sub": "difference", "div": "quotient"}


def spec_data(name: str, inputs: Data, root: ImportedList, blocks: Mapping[str, Any], expect: Data) -> Data:
    """Return a whole spec as data."""
    written = {block.name: _block(block) for block in blocks.values()}
    outputs = _outputs(root, _ids(root))
    data = {"spec": 1, "name": name, **inputs, "blocks": written, "layers": list_data(root)}
    data |= {"outputs": outputs, "expect": expect}
    return with_defaults({key: value for key, value in data.items() if value not in ({}, None)})


def _block(block: Any) -> Data:
    made = block.made
    data: Data = {"params": dict(block.params)} if block.params else {}
    data |= {"inputs": [*made.inputs]} if len(made.inputs) > 1 else {}
    data["layers"] = list_data(made)
    outputs = _outputs(made, _ids(made))
    return data | ({"outputs": outputs} if outputs else {})


def name_outputs(made: ImportedList) -> list[str]:
    """Return the names of a list's outputs; none where it has one."""
    return [each["id"] for each in _outputs(made, _ids(made)) or ()] if len(made.outputs) > 1 else []


def _outputs(made: ImportedList, ids: Mapping[ImportedEntry, str]) -> list[Data] | None:
    """Return the outputs of a list as it names them; None where it gives what its last entry does."""
    if made.outputs == [Feed(made.entries[-1])] and made.entries[-1].ports == 1:
        return None
    taken: set[str] = set()
    out = []
    for number, source in enumerate(made.outputs):
        own = made.output_names[number] if number < len(made.output_names) else ""
        own = own or (ids.get(source.entry, "") if source.entry else "input")
        plain = re.sub("[^A-Za-z0-9_]", "_", own).strip("_")
        name = plain if plain and plain not in taken and bad_output(plain) is None else f"output_{number}"
        taken.add(name)
        training = number < len(made.training_only) and made.training_only[number]
        out.append({"id": name, "from": _ref(source, made, ids), **({"training_only": True} if training else {})})
    return out


def list_data(made: ImportedList) -> list[Data]:
    """Return a list of entries as data, each with what it has to say of its inputs."""
    ids = _ids(made)
    out = []
    before = Feed(None)
    for entry in made.entries:
        data: Data = {"for": {**entry.loop}} if entry.loop else {}
        if entry in ids:
            data["id"] = ids[entry]
        if entry.share is not None:
            data["share"] = ids[entry.share]
        elif entry.body is None:
            data["op"] = entry.op
        stated = len(entry.inputs) > 1 or entry.inputs != [before] or _first_of_many(made, entry)
        if entry.inputs and stated and not entry.spliced:
            refs = [_ref(operand, made, ids) for operand in entry.inputs]
            data["from"] = refs if len(refs) > 1 else refs[0]
        data |= {name: as_root(value) for name, value in entry.args.items()}
        data |= {name: _ref(source, made, ids) for name, source in entry.references.items()}
        if entry.when:
            data["when"] = entry.when
        if entry.body is not None:
            data["do" if entry.spliced else "layers"] = list_data(entry.body)
        out.append(data)
        before = Feed(entry) if entry.ports == 1 else Feed(entry, -1)
    return out


def _first_of_many(made: ImportedList, entry: ImportedEntry) -> bool:
    return entry is made.entries[0] and len(made.inputs) > 1


def as_root(value: Any) -> Any:
    """Return a number as who wrote it would say it: roots of whole numbers, which many digits stand for."""
    if not isinstance(value, float) or len(repr(value)) < LONG:
        return value
    whole = round(value**2) if value > 1 else round(value**-2) if 0 < value < 1 else 0
    if not 1 < whole <= LARGEST_ROOT:
        return value
    texts = {math.sqrt(whole): f"$(sqrt({whole}))", 1 / math.sqrt(whole): f"$(1 / sqrt({whole}))"}
    return (texts | {whole**-0.5: f"$({whole} ** -0.5)"}).get(value, value)


def _ref(operand: Operand, made: ImportedList, ids: Mapping[ImportedEntry, str]) -> Any:
    if not isinstance(operand, Feed):
        return as_root(operand)
    if operand.entry is None:
        return made.inputs[operand.port] if len(made.inputs) > 1 else "input"
    name = operand.entry.last_name or ids[operand.entry]
    if operand.entry.ports == 1:
        return name
    maker = operand.entry.share or operand.entry
    return f"{name}.{maker.outputs[operand.port] if maker.outputs else operand.port}"


def _ids(made: ImportedList) -> dict[ImportedEntry, str]:
    """Return the ids of a list's entries: names of modules, and names for what something refers to."""
    found: dict[ImportedEntry, str] = {}
    positional = is_chain(made) and any(entry.name.isdigit() for entry in made.entries)
    for entry in made.entries:
        if entry.named and not entry.name.isdigit():
            found[entry] = entry.name
    taken = {*found.values(), *made.inputs}
    for entry in _referred(made):
        if entry not in found and not (positional and entry.name.isdigit()):
            own = entry.name if not entry.name.isdigit() else ""
            again = entry.share.name.replace(".", "_") if entry.share and not entry.share.name.isdigit() else ""
            wanted = own or again or NAMES.get(entry.op, entry.op.lower() or "out")
            name = next(n for n in (wanted, *(f"{wanted}_{i}" for i in range(2, 10_000))) if n not in taken)
            found[entry] = name
            taken.add(name)
    return found


def _referred(made: ImportedList) -> list[ImportedEntry]:
    """Return the entries that another has to name, in order."""
    named: set[ImportedEntry] = set()
    before = Feed(None)
    for entry in made.entries:
        follows = entry.inputs == [before]
        named |= {source.entry for source in entry.sources if source.entry is not None and not follows}
        named |= {source.entry for source in entry.references.values() if source.entry is not None}
        named |= {entry.share} if entry.share is not None else set()
        named |= {entry} if entry.op == "Buffer" else set()
        before = Feed(entry) if entry.ports == 1 else Feed(entry, -1)
    if made.outputs != [Feed(made.entries[-1])] or made.entries[-1].ports > 1:
        named |= {source.entry for source in made.outputs if source.entry is not None}
    return [entry for entry in made.entries if entry in named]


# -- text -------------------------------------------------------------------------------------------------------------


def text_of(data: Data, *, filled: bool = True) -> str:
    """Return a spec's data as YAML: filled, with its lists in brackets, whose lines `zoo fmt` breaks; or an entry a
    line, what has lists of entries inside over several.
    """
    lines = []
    for key, value in sorted(data.items(), key=lambda item: ORDER.index(item[0])):
        lines += [""] if key in APART and not filled else []
        if key in NAMED and filled:
            lines += [f"{key}:", *(f"  {name}: {flow(each)}" for name, each in value.items())]
        elif key in NAMED:
            lines.append(f"{key}:")
            for name, each in value.items():
                lines += [f"  {name}:", *_mapping(each, "    ")] if "layers" in each else [f"  {name}: {flow(each)}"]
        elif key in ENTRIES and not filled:
            lines += [f"{key}:", *_items(value, "  ")]
        elif key in ("defaults", "tie") and len(flow(value)) > WIDTH - len(f"{key}: "):
            lines += [f"{key}:", *(f"  {name}: {flow(each)}" for name, each in value.items())]
        else:
            lines.append(f"{key}: {flow(value)}")
    return "\n".join(lines) + "\n"


def _mapping(data: Data, pad: str) -> list[str]:
    lines = []
    for key, value in data.items():
        if key in ENTRIES and not _short(value, len(pad) + len(key)):
            lines += [f"{pad}{key}:", *_items(value, pad + "  ")]
        else:
            lines.append(f"{pad}{key}: {flow(value)}")
    return lines


def _items(entries: Sequence[Data], pad: str) -> list[str]:
    lines = []
    for entry in entries:
        inside = [entry[key] for key in ENTRIES if key in entry]
        line = f"{pad}- {flow(entry)}"
        if inside and not _short(inside[0], len(line) - len(flow(inside[0]))):
            first, *rest = _mapping(entry, pad + "  ")
            lines += [f"{pad}- {first.strip()}", *rest]
        else:
            lines.append(line)
    return lines


def _short(entries: Sequence[Data], before: int) -> bool:
    """Return whether entries fit on the line that has so many characters before them, and are easy to read there."""
    nested = any(key in entry for entry in entries for key in ENTRIES)
    return not nested and len(entries) <= ON_A_LINE and before + len(flow(entries)) <= WIDTH - 10 * len(entries)


def flow(value: Any) -> str:
    """Return a value on one line, without quotes around expressions that need none."""
    return plain_flow(value, bare_or_computed)

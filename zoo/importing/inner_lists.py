"""Lists of inner modules: what flows into them and what that is called, without what nothing in them takes."""

from __future__ import annotations

import inspect
import re

from speczoo.importing import merging
from speczoo.importing.building import Builder
from speczoo.importing.constants import SINGLE
from speczoo.importing.entries import Feed, ImportedList
from speczoo.importing.recording import RecordedCall, RunValue
from speczoo.importing.smooth import PLACES


def prune(made: ImportedList) -> None:
    """Leave out functions that nothing takes: what a model asks of its masks."""
    for entry in reversed([*made.entries]):
        if not entry.named and not entry.module and not made.used(entry):
            made.entries.remove(entry)


def read_alone(made: ImportedList, taken: list[Feed]) -> list[Feed]:
    """Leave out the inputs that nothing in a list reads, where something reads another; return what is left of them."""
    sources = [*made.outputs, *(source for entry in made.entries for source in entry.sources)]
    ports = sorted({source.port for source in sources if source.entry is None})
    if not ports or len(ports) == len(taken):
        return taken
    made.replace({Feed(None, port): Feed(None, number) for number, port in enumerate(ports)})
    made.inputs = [made.inputs[port] for port in ports] if len(ports) > 1 else ["input"]
    made.channels = [made.channels[port] for port in ports]
    return [taken[port] for port in ports]


def joined_first(at: Builder, made: ImportedList, taken: list[Feed]) -> Feed | None:
    """Return what a list that begins by joining all that flows into it takes where it is joined outside; else None.

    So the layers of a DenseNet take one value, and what is joined already is joined once.
    """
    first = made.entries[0]
    inputs = [Feed(None, port) for port in range(len(taken))]
    if first.op != "concat" or first.inputs != inputs or any(made.readers(source) > 1 for source in inputs):
        return None
    joined = merging.joined(at, taken, first.args.get("dim", 1))
    entry = joined.entry
    if entry is not None and first.flowing:
        axis = first.args.get("dim", 1)
        place = axis - 1 if axis > 0 else len(first.flowing[0]) + axis
        whole = sum(shape[place] for shape in first.flowing)
        at.shapes[joined] = (*first.flowing[0][:place], whole, *first.flowing[0][place + 1 :])
    made.entries.remove(first)
    made.replace({Feed(first): Feed(None)})
    return joined


def input_names(call: RecordedCall, reads: list[RunValue]) -> list[str]:
    """Return names for what flows in: `input` for one value, else those of forward's parameters."""
    if len(reads) <= 1:
        return ["input"]
    assert call.module is not None
    try:
        parameters = inspect.signature(type(call.module).forward).bind(None, *call.args, **call.kwargs).arguments
    except TypeError:
        parameters = {}
    names = {value: name for name, value in parameters.items() if isinstance(value, RunValue)}
    good = [names.get(value, "") for value in reads]
    taken = len(set(good)) == len(good) and all(re.fullmatch("[A-Za-z][A-Za-z0-9_]*", name) for name in good)
    free = {*good}.isdisjoint({"input", *PLACES, *SINGLE})  # what places of constants are called
    return good if taken and free else [f"x{i}" for i in range(1, len(reads) + 1)]

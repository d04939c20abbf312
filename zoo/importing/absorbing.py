"""What every module of a class is followed by, in its block: the sum or join with what flowed in, as in a DenseNet."""

from __future__ import annotations

from collections.abc import Sequence

from speczoo.importing.columns import key
from speczoo.importing.entries import Feed, ImportedEntry, ImportedList

#: Ops that a block may end with, and how many modules of a class are worth it.
MERGES = ("add", "concat")
FEW = 3


def absorbed(roots: Sequence[ImportedList]) -> None:
    """Move what brings a module's output and its input together into the module, where all of its class have it.

    So modules become links of a chain, which a loop can say.
    """
    lists = [made for root in roots for made in root.walk()]
    kinds: dict[str, list[tuple[ImportedList, ImportedEntry]]] = {}
    for made in lists:
        for entry in made.entries:
            if entry.body is not None and not entry.body.sequential:
                kinds.setdefault(entry.body.kind, []).append((made, entry))
    for found in kinds.values():
        merges = [_merge(made, entry) for made, entry in found]
        ways = {key([m.op, sorted(m.args.items()), m.inputs[0] == Feed(e)]) for m, (_, e) in _pairs(merges, found)}
        if len(found) >= FEW and None not in merges and len(ways) == 1:
            for merge, (made, entry) in _pairs(merges, found):
                _absorb(made, entry, merge)


def _pairs(
    merges: Sequence[ImportedEntry | None], found: Sequence[tuple[ImportedList, ImportedEntry]]
) -> list[tuple[ImportedEntry, tuple[ImportedList, ImportedEntry]]]:
    return [(merge, each) for merge, each in zip(merges, found, strict=True) if merge is not None]


def _merge(made: ImportedList, entry: ImportedEntry) -> ImportedEntry | None:
    """Return the entry that takes what another takes and what that gives, which nothing else takes."""
    ends = entry.ports == 1 and len(entry.inputs) == 1 and not entry.share and made.readers(Feed(entry)) == 1
    if not ends or entry.body is None or any(each.share is entry for each in made.entries):
        return None
    after = next((each for each in made.entries if Feed(entry) in each.inputs), None)
    if after is None or after.op not in MERGES or len(after.inputs) != 2 or after.references:
        return None
    return after if entry.inputs[0] in after.inputs and entry.inputs[0] != Feed(entry) else None


def _absorb(made: ImportedList, entry: ImportedEntry, merge: ImportedEntry) -> None:
    body = entry.body
    assert body is not None
    (given,) = body.outputs
    merge_inputs = [given if operand == Feed(entry) else Feed(None) for operand in merge.inputs]
    inside = ImportedEntry(merge.op, merge.args, [*merge_inputs], flowing=merge.flowing)
    body.entries.append(inside)
    body.outputs = [Feed(inside)]
    made.entries.remove(merge)
    made.replace({Feed(merge): Feed(entry)})

"""Recordings of one model beside each other: what changed with the batch, and what with the size of the input."""

from __future__ import annotations

from collections.abc import Sequence

from speczoo.importing.recording import RecordedFrame, Recording, RunValue, values


class Different(Exception):
    """Two runs did not make the same calls."""


def compared(first: Recording, others: Sequence[Recording]) -> None:
    """Give the first recording's values their shapes in all of them, and its calls their twins.

    Raises Different where one made other calls: the model is another network at another size.
    """
    for other in others:
        _frames(first.root, other.root)


def read_differently(run: Recording) -> set[str]:
    """Return the paths of modules that take more values in one call than in another: one was given twice."""
    counts: dict[str, set[int]] = {}
    for _, call in run.root.walk():
        if call.frame is not None:
            counts.setdefault(call.path, set()).add(len(call.frame.read))
    return {path for path, found in counts.items() if len(found) > 1}


def same_calls(first: Recording, other: Recording) -> bool:
    """Return whether two recordings made the same calls."""
    ours = [(call.path, call.name) for _, call in first.root.walk()]
    return ours == [(call.path, call.name) for _, call in other.root.walk()]


def _frames(first: RecordedFrame, other: RecordedFrame) -> None:
    if [(c.path, c.name) for c in first.calls] != [(c.path, c.name) for c in other.calls]:
        raise Different(first.path)
    _shapes([*first.arguments, *first.results], [*other.arguments, *other.results])
    for ours, theirs in zip(first.calls, other.calls, strict=True):
        ours.twins = (*ours.twins, theirs)
        _shapes([*values(ours.args, ours.kwargs)], [*values(theirs.args, theirs.kwargs)])
        _shapes(ours.outputs, theirs.outputs)
        if ours.frame and theirs.frame:
            _frames(ours.frame, theirs.frame)


def _shapes(ours: Sequence[RunValue], theirs: Sequence[RunValue]) -> None:
    if len(ours) != len(theirs):
        raise Different("values")
    for one, other in zip(ours, theirs, strict=True):
        if one.twins and one.twins[-1] is other:
            continue
        if other not in one.twins:
            one.twins = (*one.twins, other)
            one.shapes = (*one.shapes, tuple(other.tensor.shape))


def used_keys(recording: Recording) -> set[str]:
    """Return the names of the weights that a run used."""
    found: set[str] = set()
    for _, call in recording.root.walk():
        found |= {value.key for value in values(call.args, call.kwargs) if value.key}
        if call.module is not None and call.frame is None:
            found |= {f"{call.path}.{key}" for key in call.module.state_dict()}
    return found


def training_only(training: Recording, evaluated: Recording) -> set[RunValue]:
    """Return the results of a run in training mode that a run in evaluation mode does not give.

    Raises Different where evaluation calls what training does not.
    """
    here = _numbered(training)
    given = set()
    for key, outputs in _numbered(evaluated).items():
        if key not in here:
            raise Different(key[0])
        given |= {one for one, other in zip(here[key], outputs, strict=False) if other in evaluated.root.results}
    return {value for value in training.root.results if value not in given}


def _numbered(recording: Recording) -> dict[tuple[str, str, str, int], list[RunValue]]:
    """Return the outputs of all calls by frame, module, name, and how often that was called before."""
    counted: dict[tuple[str, str, str], int] = {}
    out = {}
    for frame, call in recording.root.walk():
        key = (frame.path, call.path, call.name)
        counted[key] = counted.get(key, -1) + 1
        out[(*key, counted[key])] = call.outputs
    return out

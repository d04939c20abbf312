"""The conformance suite of a layer: what its class says, held to what torch does, for cases at random."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable
from typing import TypeAlias

from hypothesis import given, reject, settings
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable
from hypothesis.strategies import SearchStrategy
from pydantic import ValidationError

from speczoo.compiler.layer import Layer, ShapeError
from speczoo.testing import backward_checks, checks, emitted_checks
from speczoo.testing.cases import Case
from speczoo.testing.exploration import exploration
from speczoo.testing.layers import layer_cases, named
from speczoo.testing.trial import Disagreement, Trial

Check: TypeAlias = Callable[[Trial], None]

#: What is asked of every case, in this order.
EACH: dict[str, Check] = {
    "runs": checks.runs,
    "shape": checks.shape,
    "weights": checks.weights,
    "macs": checks.macs,
    "memory": checks.memory,
    "backward": backward_checks.backward,
    "saves": backward_checks.saves,
    "arguments": emitted_checks.arguments,
}
#: What is dearer, and asked of one case in four.
SOME: dict[str, Check] = {
    "state": checks.state,
    "gradients": backward_checks.gradients,
    "source": emitted_checks.source,
}
CHECKS = (*EACH, *SOME)


def check_layer(
    kind: type[Layer] | str,
    cases: SearchStrategy[Case] | None = None,
    *,
    stricter: Callable[[Case], bool] | None = None,
    without: Collection[str] = (),
    examples: int | None = None,
) -> None:
    """Hold a layer to torch: what its class says, for arguments and inputs at random, is what its module does.

    `cases` are drawn from, in place of `layer_cases(kind)`. Cases that the layer refuses are left out; with `stricter`
    torch has to refuse them too, but for those of which it returns true. `without` names checks, of `CHECKS`, that are
    not made. `examples` are as many as the settings of Hypothesis say where nothing is given. Raises Disagreement, an
    AssertionError that shows the smallest case that was found; ValueError for a check, or a layer, that there is not.
    """
    __tracebackhide__ = True
    if unknown := sorted(set(without) - set(CHECKS)):
        raise ValueError(f"there is no check {unknown[0]!r}: {', '.join(CHECKS)}")
    kind = named(kind)
    cases = layer_cases(kind) if cases is None else cases
    count = examples or settings().max_examples
    each = [check for name, check in EACH.items() if name not in without]
    some = [check for name, check in SOME.items() if name not in without]
    for asked, number, holds in ((each, count, stricter), (some, max(5, count // 4), None)):
        if (found := _explored(cases, asked, number, holds)) is not None:
            raise found


def _explored(
    cases: SearchStrategy[Case], asked: Iterable[Check], count: int, stricter: Callable[[Case], bool] | None
) -> AssertionError | None:
    """Return the smallest disagreement that is found among so many cases."""
    refusals: Counter[str] = Counter()

    @exploration(count)
    @given(cases, st.integers(2, 3))
    def agrees(case: Case, batch: int) -> None:
        trial = _trial(case, batch, stricter, refusals)
        if trial is not None:
            for check in asked:
                check(trial)
        elif stricter is None:
            reject()

    try:
        agrees()
    except Disagreement as error:
        error.__notes__ = []  # of Hypothesis, which says again what it says
        return error.with_traceback(None)
    except Unsatisfiable:
        reasons = "".join(f"\n  {number:>3} x  {text}" for text, number in refusals.most_common(3))
        return AssertionError(f"no case that was drawn is accepted: give `cases` that are{reasons}")
    return None


def _trial(case: Case, batch: int, stricter: Callable[[Case], bool] | None, refusals: Counter[str]) -> Trial | None:
    """Return the case where the layer accepts it. Raises Disagreement where torch accepts what it should not refuse."""
    kind = Layer.registry[case.op]
    try:
        layer = kind(**case.arguments)
        predicted = layer.apply(*case.inputs)
        layer.check(*[None] * len(case.inputs))
    except (ValidationError, ShapeError) as error:
        refusals[_reason(error)] += 1
        if stricter is not None and not stricter(case):
            checks.refused(Trial(case, kind.model_construct(**case.arguments), (), batch))
        return None
    except Exception as error:
        raise Disagreement(case, "it fails as it is asked", ("error", f"{type(error).__name__}: {error}")) from error
    return Trial(case, layer, predicted, batch)


def _reason(error: ValidationError | ShapeError) -> str:
    if isinstance(error, ShapeError):
        return str(error)
    first = error.errors()[0]
    return f"{'.'.join(map(str, first['loc']))}: {first['msg']}"

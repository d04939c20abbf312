"""What was chosen of a spec: its variant, the values of its parameters, and what flows in."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from speczoo.compiler.arguments import bind
from speczoo.compiler.graph import LoadedSpec, Settings
from speczoo.compiler.layer import Value
from speczoo.compiler.reserved_names import bad_input
from speczoo.compiler.scope import Scope, judged
from speczoo.compiler.unknown import UNKNOWN, Unknown, UnknownRead
from speczoo.specs.diagnostics import Diagnostic, Report
from speczoo.specs.expression import ExpressionError, evaluate
from speczoo.specs.limits import DEFAULT, Limits
from speczoo.specs.spec import Loc
from speczoo.specs.suggestions import did_you_mean


def choose(
    unit: LoadedSpec,
    report: Report,
    *,
    variant: str | None = None,
    params: Mapping[str, Any],
    input: Sequence[int] | Mapping[str, Sequence[int]] | None = None,
    values: Sequence[Value | Unknown] | None = None,
    teller: Callable[..., None] | None = None,
    limits: Limits = DEFAULT,
) -> Settings | None:
    """The spec's parameters and inputs for a variant and what is laid over it. `values` flow in where it is used."""
    spec, document = unit
    name = document.source.name

    def report_problem(
        code: str,
        message: str,
        loc: Loc = (),
        *,
        key: bool = False,
        help: Sequence[str] = (),
        suggested: str | None = None,
    ) -> None:
        span = document.span(loc, key=key) if loc else None
        fix = (document.source.instead(span, suggested),) if suggested is not None and span is not None else ()
        report.add(Diagnostic(code, message, span, file=name, help=tuple(help), fix=fix))

    chosen = None
    if variant is not None:
        chosen = spec.variants.get(variant)
        if chosen is None:
            report_problem(
                "unknown-reference",
                f"`{spec.name}` has no variant `{variant}`",
                ("variants",),
                key=True,
                help=did_you_mean(variant, spec.variants),
            )
            return None
    own = dict(chosen.params) if chosen else {}

    def tell(
        code: str,
        message: str,
        argument: str | None,
        *,
        key: bool = False,
        help: Sequence[str] = (),
        suggested: str | None = None,
    ) -> None:
        code = "unknown-param" if code == "unknown-argument" and teller is None else code
        if argument is not None and argument in params:
            if teller is not None:
                teller(code, message, argument, key=key, help=help, suggested=suggested)
            else:
                report_problem(code, message, help=help)
        elif argument in own:
            report_problem(
                code,
                message,
                ("variants", str(variant), "params", str(argument)),
                key=key,
                help=help,
                suggested=suggested,
            )
        elif argument is not None:
            report_problem(code, message, ("params", argument, *(() if key else ("default",))), key=key, help=help)
        elif teller is not None:
            teller(code, message, None, help=help)
        else:
            report_problem(
                code,
                message
                + (
                    f": choose one of its variants, {', '.join(list(spec.variants)[:12])}"
                    if spec.variants and variant is None
                    else ""
                ),
                ("variants", variant) if variant is not None else ("params",),
                key=True,
                help=help,
            )

    bases: tuple[Loc, ...] = (("params",), ("variants", str(variant), "params"))
    placeholders = {str(name) for base in bases for name in unit.under(base)}
    if not spec.placeholders.isdisjoint(bases):
        placeholders |= {*spec.params, *own, *params}
    bound = bind(spec.params, {**own, **params}, {}, tell, f"`{spec.name}`", placeholders, limits.work)
    inputs = _inputs(
        unit,
        bound,
        chosen.input if chosen and chosen.input is not None else None,
        ("variants", str(variant), "input"),
        input,
        values,
        report_problem,
        limits,
    )
    base_changed = bool(params) or input is not None or values is not None
    return Settings(
        variant or spec.name,
        variant,
        bound,
        tuple(inputs),  # type: ignore[arg-type]  # what is unknown meets an error that is told
        chosen.expect if chosen and chosen.expect else spec.expect if not chosen else None,
        changed=base_changed,
    )


def _inputs(
    unit: LoadedSpec,
    params: Mapping[str, Any],
    own: Any,
    own_loc: Loc,
    given: Any,
    values: Sequence[Value | Unknown] | None,
    report_problem: Callable[..., None],
    limits: Limits,
) -> list[tuple[str, Value | Unknown]]:
    """The inputs by name; UNKNOWN where it is wrong, and reported."""
    spec = unit.spec
    declared: list[tuple[str, Any, str, Loc]] = []
    if spec.inputs is None:
        declared.append(
            ("input", spec.input if own is None else own, "float32", ("input",) if own is None else own_loc)
        )
    else:
        declared += [(i.id, i.shape, i.dtype, ("inputs", k, "shape")) for k, i in enumerate(spec.inputs)]
    names = [n for n, *_ in declared]
    unnamed = ("inputs",) in spec.placeholders
    for k, name in enumerate(names):
        if ("inputs", k, "id") in spec.placeholders:
            continue
        if name in names[:k]:
            report_problem("duplicate-id", f"`{name}` is already the id of another input", ("inputs", k, "id"))
        elif why := bad_input(name) if spec.inputs is not None else None:
            report_problem("bad-value", f"`{name}` cannot be the id of an input: {why}", ("inputs", k, "id"))
    if values is not None:
        if len(values) != len(declared) and unnamed:
            return [("input", UNKNOWN)]
        if len(values) != len(declared):
            report_problem("bad-value", f"`{spec.name}` takes {len(declared)} inputs, not {len(values)}")
            return [(n, UNKNOWN) for n in names]
        return list(zip(names, values, strict=True))
    if unnamed or own_loc in spec.placeholders:
        return [("input", UNKNOWN)]
    if isinstance(given, Mapping):
        if unknown := [g for g in given if g not in names]:
            report_problem(
                "unknown-reference", f"there is no input `{unknown[0]}`", help=did_you_mean(unknown[0], names)
            )
            given = None
    elif given is not None:
        if len(declared) > 1:
            report_problem(
                "bad-value", f"`{spec.name}` has several inputs: say which ({', '.join(f'{n}=...' for n in names)})"
            )
        given = {names[0]: given}
    if ("input",) in spec.placeholders and not given:
        return [(n, UNKNOWN) for n in names]
    return [
        (
            n,
            UNKNOWN
            if loc[:2] in spec.placeholders
            else _input(n, shape, dtype, loc, params, (given or {}).get(n), report_problem, limits),
        )
        for n, shape, dtype, loc in declared
    ]


def _input(
    name: str,
    shape: Any,
    dtype: str,
    loc: Loc,
    params: Mapping[str, Any],
    over: Sequence[int] | None,
    report_problem: Callable[..., None],
    limits: Limits,
) -> Value | Unknown:
    try:
        got = list(over) if over is not None else evaluate(shape, Scope(params))
    except UnknownRead:
        return UNKNOWN
    except ExpressionError as error:
        code, help, _ = judged(error)
        report_problem(code, str(error), (*loc, *error.path), help=help)
        return UNKNOWN
    if over is not None:
        loc = ()
    if not isinstance(got, list) or not got:
        report_problem(
            "bad-value", f"the shape of `{name}` is a list of sizes without the batch axis, not {got!r}", loc
        )
        return UNKNOWN
    for k, size in enumerate(got):
        if not isinstance(size, int) or isinstance(size, bool) or size < 1:
            report_problem(
                "bad-value",
                f"the shape of `{name}` holds {size!r}: sizes are integers of at least 1, "
                "and the batch axis is not written",
                (*loc, k) if loc else loc,
            )
            return UNKNOWN
        if size > 2**31:
            report_problem(
                "limit-exceeded", f"the shape of `{name}` is beyond what a tensor can be", (*loc, k) if loc else loc
            )
            return UNKNOWN
    if len(got) > 8:
        report_problem("limit-exceeded", f"the shape of `{name}` has more than 8 axes", loc)
        return UNKNOWN
    if math.prod(got) > limits.params:
        report_problem("limit-exceeded", f"`{name}` would be a tensor of more than {limits.params:,} numbers", loc)
        return UNKNOWN
    return Value(tuple(got), dtype)

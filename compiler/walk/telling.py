"""Telling what is wrong: where, in which layer, and by which block it came there."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import compiler.layers  # noqa: F401  (fills the registry)
from compiler.graph import Settings, Unit
from compiler.layer import Layer
from compiler.scope import Poisoned, Scope, check_names, judged
from compiler.walk.session import Halt, Session, Stop
from specs.diagnostics import Diagnostic, Edit, Label, Span
from specs.expression import METER, ExpressionError, evaluate
from specs.kinds import at
from specs.spec import Loc


class Teller:
    """Evaluates what a spec says and reports what is wrong with it, at its place."""

    def __init__(self, session: Session, unit: Unit, settings: Settings) -> None:
        self.session, self.unit, self.settings = session, unit, settings
        self.holes = unit.spec.holes
        self.defaults: dict[str, dict[str, Any]] = {}
        #: (path so far, where the block was used, its name); a place of another file is a text.
        self.trail: list[tuple[str, Loc | str | None, str]] = []

    @cached_property
    def misnamed(self) -> bool:
        """Whether `defaults` name an op that is not there."""
        spec = self.unit.spec
        known = (Layer.registry, spec.blocks, spec.use)
        return ("defaults",) in {hole[:1] for hole in spec.holes} or any(
            not any(op in names for names in known) for op in spec.defaults
        )

    def span(self, loc: Loc, *, key: bool = False) -> Span | None:
        return self.unit.document.span(loc, key=key)

    def place(self, loc: Loc) -> str:
        """`net.yaml:31`; empty where there is no text."""
        span = self.span(loc)
        return f"{self.unit.document.source.name}:{span.line}" if span else ""

    def tell(
        self,
        code: str,
        message: str,
        loc: Loc,
        *,
        key: bool = False,
        path: str = "",
        labels: Sequence[Label] = (),
        notes: Sequence[str] = (),
        help: Sequence[str] = (),
        severity: Any = "error",
        text: str = "",
        span: Span | None = None,
        meant: str | None = None,
        fix: Sequence[Edit] = (),
        apart: Span | None = None,
    ) -> Diagnostic:
        """Reports a mistake at `loc`, unless what stands there was refused by who read the text. `meant` is the word
        that would be right in place of the one there; `apart` is where the wrong value was given, if not there."""
        if loc in self.unit.document.holes:
            return Diagnostic(code, message)
        told, most = self.session.report.diagnostics, self.session.limits.mistakes
        self.session.told += severity == "error"
        if self.session.told > 10 * most:
            raise Halt
        if len(told) >= most and sum(d.severity == severity for d in told) >= most:
            if severity == "error":
                raise Halt
            return told[-1]
        used = [(name, at) for _, at, name in reversed(self.trail) if at is not None]
        notes = list(notes)
        full = self.prefix + path
        if path or used:
            where = f"in {full.rstrip('.')}" if full.strip(".") else ""
            if used:
                name, at = used[0]
                place = at if isinstance(at, str) else self.place(at)
                where += f"{', which is' if where else 'in'} {name}" + (f" (used at {place})" if place else "")
            if where:
                notes.append(where)
        span = span or self.span(loc, key=key)
        if meant is not None and span is not None and not fix:
            fix = (self.unit.document.source.instead(span, meant),)
        diagnostic = Diagnostic(
            code,
            message,
            span,
            severity,
            self.unit.document.source.name,
            full.rstrip(".") or None,
            text,
            tuple(labels),
            tuple(notes),
            tuple(help),
            tuple(fix),
        )
        self.session.report.add(diagnostic, apart)
        return diagnostic

    def tells(self, code: str, loc: Loc) -> bool:
        """Whether this is told at this very place, for another turn or use: no need to look for help again."""
        return self.session.report.tells(code, self.unit.document.source.name, self.span(loc))

    def written(self, loc: Loc) -> Any:
        """What the text says there; None where there is nothing."""
        return at(self.unit.document.data, loc)

    def nameless(self, loc: Loc) -> bool:
        """Whether the entry as written, wrong as it is, has no id and adds none to its list."""
        said = self.written(loc)
        return isinstance(said, dict) and not {"id", "do", "<<"} & set(said)

    def stop(self, *args: Any, **kwargs: Any) -> Stop:
        self.tell(*args, **kwargs)
        return Stop()

    @property
    def prefix(self) -> str:
        return self.trail[-1][0] if self.trail else ""

    def evaluate(self, value: Any, scope: Scope, loc: Loc, path: str = "") -> Any:
        """`value` with its expressions computed. Raises Stop, told, or Poisoned."""
        document = self.unit.document
        if (
            document.holes
            and (value is None or isinstance(value, (str, list, dict)))
            and any(hole[: len(loc)] == loc for hole in document.holes)
        ):
            raise Poisoned
        if METER.spent - self.session.shared.metered > self.session.limits.work:
            self.tell(
                "limit-exceeded",
                f"expressions and lists take more than {self.session.limits.work:,} operations",
                loc,
                path=path,
            )
            raise Halt
        try:
            if (place := (id(self.unit.spec), loc)) not in self.session.shared.named:
                check_names(value, scope)  # in what is not computed, too
                self.session.shared.named.add(place)
            return evaluate(value, scope)
        except ExpressionError as error:
            raise self._bad_expression(error, value, scope, loc, path) from None

    def _bad_expression(self, error: ExpressionError, value: Any, scope: Scope, loc: Loc, path: str) -> Stop:
        at = (*loc, *error.path)
        span = self.unit.document.part(at, error.offset, error.end) if error.end > error.offset else None
        code, help, meant = judged(error)
        around = loc[:2] if loc[:1] == ("blocks",) else ()
        unsure = {(*base, key) for base in ((), around) for key in ("params", "inputs")}
        if code == "unknown-param" and not self.holes.isdisjoint(unsure):
            return Stop()
        fix = []
        if (
            meant is not None
            and span is not None
            and span.end_column - span.column - len(error.unknown or "") in (0, 1)
        ):
            fix = [Edit(span._replace(column=span.end_column - len(error.unknown or "")), meant)]
        return self.stop(code, str(error), at, path=path, help=help, span=span, fix=fix)

    def step(self, loc: Loc, more: int = 1) -> None:
        """Counts layers. Raises Halt, told, where the network grows too large."""
        self.session.steps += more
        if self.session.steps > self.session.limits.nodes:
            self.tell("limit-exceeded", f"the network grows beyond {self.session.limits.nodes:,} layers", loc)
            raise Halt

    def room(self, loc: Loc, more: int) -> None:
        """Raises Halt, told, where so many more layers are not to be checked one by one."""
        shared, limits = self.session.shared, self.session.limits
        left = min(limits.entries - (shared.entries - self.session.before), limits.file_entries - shared.entries)
        if more > left:
            self.tell(
                "limit-exceeded",
                f"more than {limits.entries:,} layers would have to be checked one by one"
                + (f": {shared.entries + more:,}" if more > 1 else ""),
                loc,
                help=["a block that is used again with equal arguments and shapes counts once"],
            )
            raise Halt

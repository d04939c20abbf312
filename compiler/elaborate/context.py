"""The context of elaboration: one spec under one choice of its parameters, and the reporter of its problems."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Mapping, Sequence
from dataclasses import replace
from typing import Any, NoReturn

from speczoo.compiler.cached import cached_property
from speczoo.compiler.composite import Settings
from speczoo.compiler.elaborate.prepared import Prepared, is_plain
from speczoo.compiler.elaborate.prepared_list import PlacedEntry, placed_entries
from speczoo.compiler.elaborate.session import Halt, Session, Stop, freeze
from speczoo.compiler.explain.interface import TrailStep
from speczoo.compiler.layer import Layer, Value
from speczoo.compiler.scope import Scope, check_names, expression_problem
from speczoo.compiler.unknown import UNKNOWN, Unknown, UnknownRead
from speczoo.specs.diagnostics import Diagnostic, Span
from speczoo.specs.entry import STRUCTURE, Entry
from speczoo.specs.expression import METER, ExpressionError
from speczoo.specs.loaded_spec import LoadedSpec
from speczoo.specs.problem import Loc, Problem
from speczoo.specs.value_kinds import at


class Inside:
    """A step of the way to the list that is elaborated, for as long as that takes."""

    __slots__ = ("step", "trail")

    def __init__(self, trail: list[TrailStep], step: TrailStep) -> None:
        self.trail, self.step = trail, step

    def __enter__(self) -> None:
        self.trail.append(self.step)

    def __exit__(self, *_: object) -> None:
        self.trail.pop()


class Context:
    """Evaluates what a spec says and reports what is wrong with it, at its place.

    `inactive` is the mode for what `when` or a loop without turns leaves out: every name is unknown, conditions stay
    open, blocks and specs in use closed.
    """

    def __init__(self, session: Session, unit: LoadedSpec, settings: Settings, *, inactive: bool = False) -> None:
        self.session, self.unit, self.settings, self.inactive = session, unit, settings, inactive
        self.placeholders = unit.spec.placeholders
        #: What the spec's own list may read, and its blocks: parameters, and what `let` names once it is computed.
        self.names: Mapping[str, Any] = {**settings.params, **dict.fromkeys(unit.spec.let, UNKNOWN)}
        #: Whether something in the text was refused, and stands in for what was probably intended.
        self.partly_refused = bool(self.placeholders or unit.document.placeholders)
        self.defaults: dict[str, dict[str, Any]] = {}
        self.trail: list[TrailStep] = []
        self._outer: dict[str, int] = {}

    def with_unknown_params(self, *, inactive: bool = False) -> Context:
        """Return the context of this spec with all its parameters unknown."""
        unknown = dict.fromkeys(self.settings.params, UNKNOWN)
        return Context(self.session, self.unit, replace(self.settings, params=unknown), inactive=inactive)

    # -- what the text says ---------------------------------------------------------------------------------------

    def span(self, loc: Loc, *, key: bool = False) -> Span | None:
        return self.unit.document.span(loc, key=key)

    def place(self, loc: Loc) -> str:
        """Return `net.yaml:31`; empty where there is no text."""
        span = self.span(loc)
        return f"{self.unit.document.source.name}:{span.line}" if span else ""

    def outer(self, op: str = "") -> int:
        """Return a number for the values of the parameters that a block may read, or any: what lets variants share
        lists.
        """
        found = self._outer.get(op)
        if found is None:
            spec, known = self.unit.spec, self.session.shared.outer
            read = spec.read_by_block.get(op, spec.read_by_blocks)
            values = freeze({name: value for name, value in self.names.items() if name in read})
            found = self._outer[op] = known.setdefault(values, len(known))
        return found

    def list_key(self, op: str, given: Hashable, arriving: tuple[Value | Unknown, ...]) -> Any:
        """Return what a block or a spec in use is known by where it stands: its arguments, frozen, and what flows
        in.
        """
        return id(self.unit.spec), self.outer(op), op, given, arriving

    def group_key(self, prepared: Prepared, names: Mapping[str, Any], arriving: tuple[Value | Unknown, ...]) -> Any:
        """Return what a group is known by: the values of the names that it reads, and what flows in."""
        read = {name: names[name] for name in prepared.names if name in names}
        return id(prepared.entry), self.outer(), freeze(read), arriving

    def prepared(self, entry: Entry) -> Prepared:
        """Return what the text of an entry says whatever the names stand for, found once."""
        known = self.session.shared.prepared
        found = known.get(id(entry))
        if found is None:
            found = known[id(entry)] = Prepared.of(entry, self.unit.spec)
        return found

    def placed(self, entries: Sequence[Entry], loc: Loc, inputs: Sequence[str]) -> Sequence[PlacedEntry]:
        """Return the first entries of a list that these flow into, as `prepared_list` has them, found once."""
        known, key = self.session.shared.placed, (id(entries), *inputs)
        found = known.get(key)
        if found is None:
            found = known[key] = placed_entries(entries, loc, inputs, self.prepared)
        return found

    def right_inactive(self, loc: Loc) -> bool:
        """Return whether the entry there was left out before, and nothing is wrong with it."""
        return (id(self.unit.spec), loc) in self.session.shared.right_inactive

    def written(self, loc: Loc) -> Any:
        """Return what the text says there; None where there is nothing."""
        return at(self.unit.document.data, loc)

    def nameless(self, loc: Loc) -> bool:
        """Return whether the entry as written, wrong as it is, has no id and adds none to its list."""
        entry = self.written(loc)
        return isinstance(entry, dict) and not {"id", "do", "<<"} & set(entry)

    def names_unknown(self, loc: Loc) -> bool:
        """Return whether the names of what this list of the spec holds are not all known, for a problem that is
        reported.
        """
        if self.settings.unnamed and loc == ("inputs",):
            return True
        if not self.placeholders:
            return False
        return loc in self.placeholders or any(
            placeholder[-1] == "id" and placeholder[:-2] == loc for placeholder in self.placeholders if loc
        )

    def wrong_params(self, block: str, given: Collection[str]) -> frozenset[str]:
        """Return the parameters of a block that are declared wrongly; perhaps all that are given."""
        unsettable = frozenset(self.unit.spec.blocks[block].params.keys() & STRUCTURE)
        if not self.partly_refused:
            return unsettable
        if ("blocks", block, "params") in self.placeholders:
            return frozenset(given)
        return unsettable.union(map(str, self.unit.under(("blocks", block, "params"))))

    @cached_property
    def misnamed_defaults(self) -> bool:
        """Whether `defaults` name an op that is not there."""
        spec = self.unit.spec
        known = (Layer.registry, spec.blocks, spec.use)
        return ("defaults",) in {placeholder[:1] for placeholder in spec.placeholders} or any(
            not any(op in names for names in known) for op in spec.defaults
        )

    # -- what is wrong with it ------------------------------------------------------------------------------------

    def inside(self, name: str, loc: Loc | None = None, op: str = "") -> Inside:
        """Mark that an entry's own list is elaborated meanwhile; `loc` is where a block or spec `op` is used."""
        return Inside(self.trail, (f"{self.prefix}{name}.", loc, op))

    @property
    def prefix(self) -> str:
        return self.trail[-1][0] if self.trail else ""

    def report(self, problem: Problem) -> Diagnostic:
        """Add a problem to the report, with its place and the way that led here; not what was refused already by who
        read the text.

        Raises Halt where so much is wrong that going on helps nobody.
        """
        document, session = self.unit.document, self.session
        for end in range(len(problem.loc), 0, -1) if document.placeholders else ():
            if problem.loc[:end] in document.placeholders:  # what is offered in its place is wrong there
                session.report.withdraw(document.source.name, document.span(problem.loc[:end]))
                return problem.at()
        reported, most = session.report.diagnostics, session.limits.mistakes
        session.reported += problem.severity == "error"
        if session.reported > 10 * most:
            raise Halt
        if len(reported) >= most and sum(d.severity == problem.severity for d in reported) >= most:
            if problem.severity == "error":
                raise Halt
            return reported[-1]
        notes = (*problem.notes, *self._where(problem.path))
        diagnostic = replace(problem, path=self.prefix + problem.path, notes=notes).located(document)
        session.report.add(diagnostic, self.span(problem.given_at) if problem.given_at is not None else None)
        if any(fix.kind == "resize" for fix in problem.fixes):
            session.resizable.append((problem, diagnostic))
        return diagnostic

    def _where(self, path: str) -> tuple[str, ...]:
        """Return `in layer2.0.sum, which is BasicBlock (used at res.yaml:31)`."""
        used = next(((name, at) for _, at, name in reversed(self.trail) if at is not None), None)
        if not path and used is None:
            return ()
        full = self.prefix + path
        where = f"in {full.rstrip('.')}" if full.strip(".") else ""
        if used is not None:
            name, at = used
            place = at() if callable(at) else self.place(at)
            where += f"{', which is' if where else 'in'} {name}" + (f" (used at {place})" if place else "")
        return (where,) if where else ()

    def stop(self, problem: Problem) -> Stop:
        """Report a problem; the exception to raise, which gives the entry up."""
        self.report(problem)
        return Stop()

    def reports(self, code: str, loc: Loc) -> bool:
        """Return whether this is reported at this very place, for another turn or use: no need to look for help
        again.
        """
        return self.session.report.has(code, self.unit.document.source.name, self.span(loc))

    # -- what it comes out as -------------------------------------------------------------------------------------

    def evaluate(self, value: Any, scope: Scope, loc: Loc, path: str = "") -> Any:
        """Return `value` with its expressions computed. Raises Stop, reported, or UnknownRead."""
        if self.partly_refused and (value is None or isinstance(value, (str, list, dict))) and self._refused(loc):
            raise UnknownRead
        if METER.spent > self.session.most_work:
            self.overworked(loc, path)
        if is_plain(value):
            return value
        try:
            self.check_names(value, scope, loc)
            return self.session.shared.values.of(value, scope)
        except ExpressionError as error:
            raise self.bad_expression(error, scope, loc, path) from None

    def check_names(self, value: Any, scope: Scope, loc: Loc) -> None:
        """Raise UnknownName for a name in `value` that nothing here has, in what is not computed, too; once a place."""
        if (place := (id(self.unit.spec), loc)) not in self.session.shared.named:
            check_names(value, scope)
            self.session.shared.named.add(place)

    def _refused(self, loc: Loc) -> bool:
        """Return whether something in the value there was refused by who read the text, and left as it is."""
        document = self.unit.document
        return any(placeholder[: len(loc)] == loc for placeholder in document.placeholders - document.guesses)

    def overworked(self, loc: Loc, path: str = "") -> NoReturn:
        """Report that expressions take too much work. Raises Halt."""
        message = f"expressions and lists take more than {self.session.limits.work:,} operations"
        self.report(Problem("limit-exceeded", message, loc, path=path))
        raise Halt

    def bad_expression(self, error: ExpressionError, scope: Scope, loc: Loc, path: str = "") -> Stop:
        """Report an expression that has no value."""
        problem = replace(expression_problem(error, loc, scope), path=path)
        around = loc[:2] if loc[:1] == ("blocks",) else ()
        uncertain = {(*base, key) for base in ((), around) for key in ("params", "inputs")}
        if problem.code == "unknown-param" and not self.placeholders.isdisjoint(uncertain):
            return Stop()
        return self.stop(problem)

    # -- what it may take -----------------------------------------------------------------------------------------

    def step(self, loc: Loc, more: int = 1) -> None:
        """Count layers. Raises Halt, reported, where the network grows too large."""
        self.session.steps += more
        if self.session.steps > self.session.limits.nodes:
            message = f"the network grows beyond {self.session.limits.nodes:,} layers"
            self.report(Problem("limit-exceeded", message, loc))
            raise Halt

    def enter(self, loc: Loc) -> None:
        """Count a layer that is checked by itself. Raises Halt, reported, where there are too many."""
        session = self.session
        if METER.spent > session.most_work:
            self.overworked(loc)
        if session.steps >= session.limits.nodes:
            self.step(loc)
        if session.shared.entries >= session.most_entries:
            self.reserve(loc, 1)
        session.steps += 1
        session.shared.entries += 1

    def reserve(self, loc: Loc, more: int) -> None:
        """Raise Halt, reported, where so many more layers are not to be checked one by one."""
        shared, limits = self.session.shared, self.session.limits
        if shared.entries + more > self.session.most_entries:
            message = f"more than {limits.entries:,} layers would have to be checked one by one"
            message += f": {shared.entries + more:,}" if more > 1 else ""
            help = ["a block that is used again with equal arguments and shapes counts once"]
            self.report(Problem("limit-exceeded", message, loc, help=help))
            raise Halt

    def charge_list(self, loc: Loc, count: int) -> None:
        """Charge for so many elements of a list. Raises Halt, reported, where they are too much work."""
        METER.spent += 4 * count
        if METER.spent > self.session.most_work:
            self.overworked(loc)

    def check_text_length(self, op: str) -> None:
        """Raise Halt, reported at a name under `use`, where the specs in use are too large together."""
        if self.session.shared.text_length > (most := self.session.limits.bytes):
            message = f"the specs in use are larger than {most:,} bytes together"
            self.report(Problem("limit-exceeded", message, ("use", op)))
            raise Halt

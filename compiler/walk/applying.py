"""A layer of the registry where it stands: its arguments, whether they are right, what comes out of it."""

from __future__ import annotations

import math
from collections.abc import Collection
from functools import cache
from typing import Any, get_args

from pydantic import ValidationError

import compiler.layers  # noqa: F401  (fills the registry)
from compiler.arguments import BadArgument, argument_problems
from compiler.graph import Node
from compiler.layer import Layer, ShapeError, Value
from compiler.scope import FLOW, UNASKED, UNKNOWN, Poisoned, Scope
from compiler.walk.refusals import Refusals
from compiler.walk.session import Doubt, Item, Stop, freeze
from specs.expression import ExpressionError, Template, names_of, parse
from specs.kinds import at
from specs.spec import Loc

LARGEST = 2**31 - 1  # what all of torch takes for a size, a stride or an axis


class Applying(Refusals):
    """Applies layers to what arrives."""

    def refers(self, item: Item, blank: Node, name: str, target: Any) -> Node:
        if target is UNKNOWN:
            raise Poisoned
        if not isinstance(target, str):
            raise self.walk.stop("bad-value", f"`{name}` is an id, not {target!r}", (*item.loc, name), path=blank.name)
        edge = self.reference(target, (*item.loc, name), blank.name, item)
        return blank.but(inputs=(*blank.inputs, edge), arriving=(*blank.arriving, self.value(edge)))

    def arguments(self, item: Item, op: str, scope: Scope, path: str) -> dict[str, Any]:
        """The entry's arguments over the spec's defaults for this op; null in the entry takes a default back. What is
        wrong, and told, or hangs on what is unknown, is UNKNOWN."""
        walk = self.walk
        if op not in walk.defaults:
            base = walk.unit.spec.defaults.get(op, {})
            walk.defaults[op] = {
                k: self.argument(v, Scope(walk.settings.params), ("defaults", op, k), "") for k, v in base.items()
            }
        out = dict(walk.defaults[op])
        for key, value in item.entry.arguments.items():
            if value is None and key in out:
                del out[key]
                continue
            out[key] = self.argument(value, scope, (*item.loc, key), path)
        return out

    def argument(self, value: Any, scope: Scope, loc: Loc, path: str) -> Any:
        try:
            return self.walk.evaluate(value, scope, loc, path)
        except (Stop, Poisoned):
            return UNKNOWN

    def validated(self, item: Item, layer: type[Layer], arguments: dict[str, Any], node: Node) -> Layer:
        """The layer with these arguments: strict, closed, complete. What is wrong, and told, or UNKNOWN, is left out
        where the shape does not hang on it; raises Stop and Poisoned where it does."""
        walk = self.walk
        key = (layer, freeze(arguments))
        cached = walk.session.done.get(key)
        if cached is not None:
            return cached  # type: ignore[return-value]
        self.bounded(item, layer, arguments, node)
        wrong: Collection[str] = ()
        stop: Exception = Poisoned()
        try:
            made = layer.model_validate(arguments)
            if UNKNOWN not in arguments.values():
                walk.session.done[key] = made  # type: ignore[assignment]
                return made
        except ValidationError as error:
            wrong, stop = self.misgiven(item, layer, arguments, node, error)
        spared = None if isinstance(stop, Doubt) else self.spared(layer, arguments, wrong, node)
        if spared is None:
            raise stop from None
        return spared

    def bounded(self, item: Item, layer: type[Layer], arguments: dict[str, Any], node: Node) -> None:
        """Raises Stop, told, for a number that is larger than any size."""
        for name, value in arguments.items():
            for number in value if isinstance(value, (list, tuple)) else (value,):
                if type(number) is int and abs(number) > LARGEST and not takes_float(layer, name):
                    where = (*item.loc, name if name in item.entry.arguments else "op")
                    message = f"`{name}: {number}` is larger than any size can be"
                    raise self.walk.stop("limit-exceeded", message, where, path=node.name)

    def misgiven(
        self, item: Item, layer: type[Layer], arguments: dict[str, Any], node: Node, error: ValidationError
    ) -> tuple[set[str], Stop]:
        """Tells what is wrong with the arguments. Returns which ones, what misspelt names were meant to be among them,
        and how to give the entry up."""
        walk = self.walk
        defaults = walk.unit.spec.defaults.get(layer.op, {})
        wrong, doubtful = set[str](), False
        for problem in argument_problems(layer, error, arguments):
            name, own = problem.argument, problem.argument in item.entry.arguments
            wrong |= {name, problem.near or name}
            if problem.code == "missing-argument" and walk.misnamed:
                continue  # it may stand under an op's name that is wrong, and told
            doubtful |= problem.code == "unknown-argument" and own and problem.near is None
            here = own or name == "shape"
            loc: Loc = (*item.loc, name) if here else ("defaults", layer.op, name)
            if not here and name not in defaults:
                loc = (*item.loc, "op")
            raw, value = item.entry.arguments.get(name, defaults.get(name)), arguments.get(name)
            given, apart = self.given(item, raw, value) if not problem.key else ([], None)
            help, meant = advised(problem, raw, value, item.names)
            walk.tell(
                problem.code,
                problem.message,
                (*loc, *problem.path),
                key=problem.key and (here or name in defaults),
                path=node.name,
                labels=given,
                help=help,
                meant=meant,
                apart=apart,
            )
        return wrong, Doubt() if doubtful else Stop()

    @staticmethod
    def spared(layer: type[Layer], arguments: dict[str, Any], wrong: Collection[str], node: Node) -> Layer | None:
        """The layer without its arguments that are wrong or unknown; None where what comes out of it hangs on them."""
        if None in node.arriving:
            return None
        lost = {*wrong, *(name for name, value in arguments.items() if value is UNKNOWN)}
        try:
            made = layer.model_validate({name: value for name, value in arguments.items() if name not in lost})
            rest = (lost & layer.model_fields.keys()) - {*layer.derives}  # those come from the input all the same
            asked = made.model_copy(update=dict.fromkeys(rest, UNASKED))
            same = asked.apply(*node.arrived) == made.apply(*node.arrived)
        except ShapeError:
            return made
        except (ValidationError, Poisoned, OverflowError, TypeError):
            return None
        return made if same else None

    def applied(self, item: Item, node: Node, body: Layer) -> Node:
        """What comes out of a layer here; its refusal, told at the argument or the inputs it speaks of."""
        if None in node.arriving:
            try:
                if not self.misled:
                    body.count(len(node.arriving))
                body.check(*(value and value.shape for value in node.arriving))
            except ShapeError as error:
                self.refused(item, node, body, error)
                raise Stop from None
            return node.but(body=body, outputs=(None,) * self._count(body))
        try:
            outputs = body.apply(*node.arrived)
        except ShapeError as error:
            self.refused(item, node, body, error)
            if error.argument not in body.derives or getattr(body, error.argument) is None:
                raise Stop from None
            return self.applied(item, node, body.model_copy(update={error.argument: None}))  # known without being said
        except OverflowError:
            outputs = ()
        return self.within(item, node, body, outputs)

    def within(self, item: Item, node: Node, body: Layer, outputs: tuple[Value, ...]) -> Node:
        """The node of a layer with what comes out of it, none where that is beyond all numbers. Raises Stop, told,
        where it is larger than the limits."""
        most = self.walk.session.limits.params
        if not outputs or any(math.prod(value.shape) > most for value in outputs):
            what = "give a tensor of more than {} numbers"
        elif sum(map(math.prod, body.weights(*node.shapes).values())) > most:
            what = "have more than {} weights"
        else:
            what = ""
        if what:
            loc = (*item.loc, "op" if item.entry.op is not None else "share")
            raise self.walk.stop("limit-exceeded", f"`{node.op}` would {what.format(f'{most:,}')}", loc, path=node.name)
        return node.but(
            body=body, outputs=outputs, ports=tuple(str(i) for i in range(len(outputs))) if body.outputs else ()
        )

    @staticmethod
    def _count(body: Layer) -> int:
        return min(int(getattr(body, "chunks", 1)), 1_000) if body.outputs else 1


@cache
def takes_float(layer: type[Layer], name: str) -> bool:
    """Whether an argument is a number of any kind, and no size."""
    field = layer.model_fields.get(name)
    return field is not None and float in (field.annotation, *get_args(field.annotation))


def advised(problem: BadArgument, said: Any, value: Any, names: Collection[str]) -> tuple[tuple[str, ...], str | None]:
    """The help for a wrong argument, by what was said and what it came out as, and the word that mends it."""
    part = said if isinstance(said, str) else at(said, problem.path)
    computes = isinstance(part, str) and "$" in part
    if problem.code != "bad-value" or (not computes and (problem.help or problem.path)):
        return problem.help, problem.meant
    if not isinstance(said, str) or problem.path:
        return (), None  # no constant mends an expression
    integer = isinstance(value, float) and problem.meant is not None  # one is wanted, and this is nearly one
    computed = computing(said, value, names, integer)
    if computed is None:
        return (), None
    return (f"write `{problem.argument}: {computed}`",), computed if computes and isinstance(value, str) else None


def computing(said: str, value: Any, names: Collection[str], integer: bool) -> str | None:
    """The expression that was meant: `$(c * 2)` for `$c * 2`, `$c` for `c` where that is a name, and
    `$(int(c * 0.5))` for `$(c * 0.5)` where that comes out as no integer."""
    plain = said.replace("$", "")
    try:
        single, read = Template.of(said).expression, names_of(parse(plain))
    except ExpressionError:
        return None
    if not read or not read <= {*names, *FLOW}:
        return None
    if single is not None:
        inner = plain[1:-1] if said.startswith("$(") else plain
        return f"$(int({inner}))" if integer else None
    if not isinstance(value, str):
        return None
    return f"${plain}" if plain.isidentifier() else f"$({plain})"

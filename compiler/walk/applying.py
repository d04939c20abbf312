"""A layer of the registry where it stands: its arguments, whether they are right, what comes out of it."""

from __future__ import annotations

import math
from typing import Any

from pydantic import ValidationError

import compiler.layers  # noqa: F401  (fills the registry)
from compiler.arguments import argument_problems
from compiler.graph import Node
from compiler.layer import Layer, ShapeError
from compiler.scope import UNKNOWN, Poisoned, Scope
from compiler.walk.refusals import Refusals
from compiler.walk.session import Doubt, Item, Stop, freeze
from specs.spec import Loc


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

    def validated(self, item: Item, layer: type[Layer], arguments: dict[str, Any], path: str) -> Layer:
        """The layer with these arguments: strict, closed, complete. Raises Poisoned where some of them are UNKNOWN."""
        walk = self.walk
        key = (layer, freeze(arguments))
        cached = walk.session.done.get(key)
        if cached is not None:
            return cached  # type: ignore[return-value]
        for name, value in arguments.items():
            for number in value if isinstance(value, (list, tuple)) else (value,):
                if type(number) is int and abs(number) > walk.session.limits.params:
                    at = (*item.loc, name if name in item.entry.arguments else "op")
                    raise walk.stop(
                        "limit-exceeded", f"`{name}: {number}` is larger than any size can be", at, path=path
                    )
        try:
            made = layer.model_validate(arguments)
        except ValidationError as error:
            defaults = walk.unit.spec.defaults.get(layer.op, {})
            stop = Stop
            for problem in argument_problems(layer, error, arguments):
                if problem.code == "missing-argument" and walk.misnamed:
                    continue  # it may stand under an op's name that is wrong, and told
                if problem.code == "unknown-argument" and problem.argument in item.entry.arguments:
                    stop = Doubt
                here = problem.argument in item.entry.arguments or problem.argument == "shape"
                loc: Loc = (
                    (*item.loc, problem.argument)
                    if here
                    else ("defaults", layer.op, problem.argument)
                    if problem.argument in defaults
                    else (*item.loc, "op")
                )
                raw = item.entry.arguments.get(problem.argument, defaults.get(problem.argument))
                elsewhere = bool(problem.path) and isinstance(raw, str)  # it comes from an expression
                given, apart = self.given(item, raw, arguments.get(problem.argument)) if not problem.key else ([], None)
                walk.tell(
                    problem.code,
                    problem.message,
                    (*loc, *problem.path),
                    key=problem.key and (here or problem.argument in defaults),
                    path=path,
                    labels=given,
                    help=problem.help if not elsewhere else (),
                    meant=problem.meant if not elsewhere else None,
                    apart=apart,
                )
            raise stop from None
        if UNKNOWN in arguments.values():
            raise Poisoned
        walk.session.done[key] = made  # type: ignore[assignment]
        return made

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
            raise Stop from None
        except OverflowError:
            outputs = ()
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

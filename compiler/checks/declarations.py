"""What is wrong with a spec's declarations whatever flows in: names that are taken, defaults of what there is not."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from pydantic import ValidationError

from speczoo.compiler.arguments import argument_problems
from speczoo.compiler.layer import Layer
from speczoo.compiler.scope import FLOW
from speczoo.compiler.synonyms import OPS, OPS_ASKED
from speczoo.specs.entry import STRUCTURE
from speczoo.specs.expression.syntax import CONSTANTS, WORDS
from speczoo.specs.origin import Weights
from speczoo.specs.parameter import Param
from speczoo.specs.problem import Loc, Problem
from speczoo.specs.reserved_names import bad_input
from speczoo.specs.spec import Block, Spec
from speczoo.specs.suggestions import did_you_mean
from speczoo.specs.value_kinds import is_computed


def declaration_problems(spec: Spec) -> Iterator[Problem]:
    """Yield what no choice of parameters and no input would mend."""
    for section, kind in (("blocks", "block"), ("use", "used spec")):
        for name in getattr(spec, section):
            if name in Layer.registry:
                yield _at("bad-value", f"`{name}` is a layer: no {kind} may have its name", section, name)
            elif section == "use" and name in spec.blocks:
                yield _at("duplicate-id", f"`{name}` is already the name of a block", section, name)
    for name, block in spec.blocks.items():
        yield from _block(spec, name, block)
        yield from _params(spec, block.params, ("blocks", name, "params"))
    yield from _let(spec.let, spec.params, [given.id for given in spec.inputs or () if not given.for_], ("let",))
    yield from _params(spec, spec.params, ("params",))
    yield from _weights(spec)
    for op, arguments in spec.defaults.items():
        yield from _defaults(spec, op, arguments)


def _at(code: str, message: str, *loc: str | int, help: tuple[str, ...] = ()) -> Problem:
    return Problem(code, message, loc, help=help, key=True)


def _block(spec: Spec, block: str, declared: Block) -> Iterator[Problem]:
    names = [name if isinstance(name, str) else None for name in declared.inputs or []]
    for i, name in enumerate(names):
        if name is None:
            continue  # what its loop gives is held to the same where the block is used
        if name in names[:i]:
            yield _at("duplicate-id", f"`{name}` is already an input of `{block}`", "blocks", block, "inputs", i)
        elif name != "input" and (why := bad_input(name)):
            yield _at("bad-value", f"`{name}` cannot be the name of an input: {why}", "blocks", block, "inputs", i)
    yield from _let(declared.let, declared.params, names, ("blocks", block, "let"))
    for name in declared.let:
        if name in spec.params or name in spec.let:
            message = f"`{name}` would hide a name of the network that is visible here"
            yield _at("bad-value", message, "blocks", block, "let", name, help=("choose another name",))
    for name in declared.params:
        if name in STRUCTURE:
            message = f"`{name}` cannot be a parameter of a block: in an entry it means something else"
            yield _at("bad-value", message, "blocks", block, "params", name)
        elif name in names:
            yield _at("duplicate-id", f"`{name}` is already an input of `{block}`", "blocks", block, "params", name)


def _let(let: Collection[str], params: Collection[str], inputs: Collection[str | None], base: Loc) -> Iterator[Problem]:
    """Yield names of computed values that something else has where they are read."""
    for name in let:
        if name in FLOW or name in WORDS or name in CONSTANTS:
            message = f"`{name}` cannot be a name of `let`: in an expression it means something else"
            yield _at("bad-value", message, *base, name)
        elif name in params or name in inputs:
            other = "a parameter" if name in params else "an input"
            yield _at("duplicate-id", f"`{name}` is already {other}", *base, name)


def _params(spec: Spec, params: Mapping[str, Param], base: Loc) -> Iterator[Problem]:
    """Yield parameters that no expression could read, bounds of what has no size, and ops that are none."""
    ops = (spec.blocks, spec.use, Layer.registry)
    for name, param in params.items():
        op = param.default if param.type == "op" and not {("blocks",), ("use",)} & spec.placeholders else None
        if isinstance(op, str) and "$" not in op and all(op not in names for names in ops):
            help = did_you_mean(op, [known for names in ops for known in names], aliases=OPS_ASKED | OPS, limit=0)
            yield Problem("unknown-op", f"there is no op `{op}`", (*base, name, "default"), help=help)
        if name in WORDS or name in CONSTANTS:
            message = f"`{name}` cannot be a parameter: in an expression it means something else"
            yield _at("bad-value", message, *base, name)
        for bound in ("min", "max"):
            if getattr(param, bound) is not None and param.type not in (None, "int", "float"):
                message = f"`{bound}` is for numbers, and `{name}` is a {param.type}"
                yield _at("bad-value", message, *base, name, bound)


def _weights(spec: Spec) -> Iterator[Problem]:
    bases: list[tuple[Loc, Weights | None]] = [(("weights",), spec.weights)]
    bases += [(("variants", name, "weights"), variant.weights) for name, variant in spec.variants.items()]
    for base, weights in bases:
        for name in weights.params if weights is not None and ("params",) not in spec.placeholders else ():
            if name not in spec.params:
                message = f"`{spec.name}` has no parameter `{name}`"
                yield _at("unknown-param", message, *base, "params", name, help=did_you_mean(name, spec.params))


def _defaults(spec: Spec, op: str, arguments: Mapping[str, Any]) -> Iterator[Problem]:
    if op in Layer.registry:
        layer = Layer.registry[op]
        known = [*layer.model_fields, *layer.references]
        for name, value in arguments.items():
            fixed = value is not None and not is_computed(value) and name not in layer.references
            if fixed and name in layer.model_fields:
                yield from _value(layer, name, value)
    elif op in spec.blocks:
        known = list(spec.blocks[op].params)
    elif op in spec.use:
        return
    else:
        help = did_you_mean(op, [*spec.blocks, *spec.use, *Layer.registry], aliases=OPS_ASKED | OPS, limit=0)
        yield _at("unknown-op", f"there is no op `{op}`", "defaults", op, help=help)
        return
    for name in arguments:
        if name not in known:
            yield _at("unknown-argument", f"{op} has no `{name}`", "defaults", op, name, help=did_you_mean(name, known))


def _value(layer: type[Layer], name: str, value: Any) -> Iterator[Problem]:
    """Yield what is wrong with a default by itself."""
    try:
        layer.model_validate({name: value})
    except ValidationError as error:
        for problem, _ in argument_problems(layer, error, {name: value}, {}):
            if problem.loc[:1] == (name,) and problem.code == "bad-value":
                yield problem.below(("defaults", layer.op), replacement=None)

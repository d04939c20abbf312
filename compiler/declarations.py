"""What is wrong with a spec's declarations whatever flows in: names that are taken, defaults of what there is not."""

from __future__ import annotations

from collections.abc import Iterator

from compiler.layer import Layer
from compiler.names import ALIASES, bad_id
from specs.spec import STRUCTURE, Loc, Spec, Weights
from specs.suggest import did_you_mean


def declaration_problems(spec: Spec) -> Iterator[tuple[str, str, Loc, tuple[str, ...]]]:
    """(code, message, place of a key, help)."""
    for section, kind in (("blocks", "block"), ("use", "used spec")):
        for name in getattr(spec, section):
            if name in Layer.registry:
                yield "bad-value", f"`{name}` is a layer: no {kind} may have its name", (section, name), ()
            elif section == "use" and name in spec.blocks:
                yield "duplicate-id", f"`{name}` is already the name of a block", (section, name), ()
    for block, said in spec.blocks.items():
        names = said.inputs or []
        for i, name in enumerate(names):
            if name in names[:i]:
                yield "duplicate-id", f"`{name}` is already an input of `{block}`", ("blocks", block, "inputs", i), ()
            elif why := bad_id(name, module=False):
                message = f"`{name}` cannot be the name of an input: {why}"
                if name != "input":
                    yield "bad-value", message, ("blocks", block, "inputs", i), ()
        for name in said.params:
            if name in STRUCTURE:
                message = f"`{name}` cannot be a parameter of a block: in an entry it means something else"
                yield "bad-value", message, ("blocks", block, "params", name), ()
    bases: list[tuple[Loc, Weights | None]] = [(("weights",), spec.weights)]
    bases += [(("variants", name, "weights"), variant.weights) for name, variant in spec.variants.items()]
    for base, weights in bases:
        for name in weights.params if weights is not None and ("params",) not in spec.holes else ():
            if name not in spec.params:
                message = f"`{spec.name}` has no parameter `{name}`"
                yield "unknown-param", message, (*base, "params", name), did_you_mean(name, spec.params)
    for op, arguments in spec.defaults.items():
        if op in Layer.registry:
            layer = Layer.registry[op]
            known = [*layer.model_fields, *layer.references]
        elif op in spec.blocks:
            known = list(spec.blocks[op].params)
        elif op in spec.use:
            continue
        else:
            ops = [*spec.blocks, *spec.use, *Layer.registry]
            help = did_you_mean(op, ops, aliases=ALIASES, limit=0)
            yield "unknown-op", f"there is no op `{op}`", ("defaults", op), help
            continue
        for name in arguments:
            if name not in known:
                yield "unknown-argument", f"{op} has no `{name}`", ("defaults", op, name), did_you_mean(name, known)

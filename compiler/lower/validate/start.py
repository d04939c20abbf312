"""How parameters start and which of them train: the loops at the end of a constructor, held to the spec's rules."""

from __future__ import annotations

import ast
from collections.abc import Callable, Collection, Iterator, Sequence
from functools import lru_cache
from itertools import chain
from typing import Any, NamedTuple

from speczoo.compiler.composite import Composite, Node
from speczoo.compiler.containers import holding
from speczoo.compiler.graph import Graph
from speczoo.compiler.init_rules import rules
from speczoo.compiler.initialisers import Initialiser
from speczoo.compiler.layer import Layer
from speczoo.compiler.lower.validate.mistranslation import Mistranslation
from speczoo.compiler.lower.validate.values import Global, NoValueError, same, value
from speczoo.compiler.path_patterns import matches
from speczoo.compiler.program import Class


class Test(NamedTuple):
    """Whether a loop's test holds for a module of this path, which is the layer's, inside it, or a list's; `by_path`:
    whether that asks for the path."""

    holds: Callable[[str, Node | None], bool]
    by_path: bool = True


class LoopStart(NamedTuple):
    """What a loop does to a parameter; `guarded`: only where there is one."""

    parameter: str
    initialiser: Initialiser
    guarded: bool


def validate_start(where: str, c: Class, composite: Composite) -> None:
    """Raise Mistranslation where the class starts or freezes parameters in another way than the spec of the list."""
    settings = composite.settings
    spec = composite.unit.spec
    if settings is None:
        if c.init or c.frozen or c.ties:
            raise Mistranslation(where, "no rules", f"{len(c.init) + len(c.frozen) + len(c.ties)}")
        return
    graph = Graph(composite.unit, composite, settings)
    ties = tuple(spec.tie.items()) if not settings.taps else ()
    if ties != c.ties:
        raise Mistranslation(where, f"the ties {ties}", f"{c.ties}")
    if spec.freeze or c.frozen or c.ties:
        _frozen(where, c, graph, spec.freeze)
    if spec.init or c.init:
        _initialised(where, c, graph)


def _frozen(where: str, c: Class, graph: Graph, patterns: list[str]) -> None:
    tests = [test_of(where, text) for text in c.frozen]
    for path, node in _modules(graph.root, "", None):
        for name in node.weights if node is not None else ():
            key = f"{path}.{name}" if name else path
            wanted = (key in graph.one and graph.is_frozen(key)) or any(matches(p, key) for p in patterns)
            got = any(test.holds(key, node) for test in tests)
            if wanted is not got:
                words = {True: "does not train", False: "trains"}
                raise Mistranslation(f"{where} {key}".strip(), words[wanted], words[got])


def _initialised(where: str, c: Class, graph: Graph) -> None:
    """Check that each parameter meets the same initialisers in the same order.

    What a layer meets depends on its op, the weights that it has, and on the rules and loops that ask for its path:
    layers that have all this in common are looked at once.
    """
    tests = [test_of(where, loop.test) for loop in c.init]
    starts = [[_start(where, text) for text in loop.calls] for loop in c.init]
    wanted = rules(graph)
    by_path = any(not rule.by_op for rule in wanted) or any(test.by_path for test in tests)
    known: set[tuple[Any, ...]] = set()
    for path, node in _modules(graph.root, "", None if by_path else set()):
        key = (
            None if node is None else (node.op, *node.weights),
            *(rule.meets(path, "") for rule in wanted if not rule.by_op),
            *(test.holds(path, node) for test in tests if test.by_path),
        )
        if key in known:
            continue
        known.add(key)
        met = [rule.initialisers for rule in wanted if node is not None and rule.meets(path, node.op)]
        done = [start for start, test in zip(starts, tests, strict=True) if test.holds(path, node)]
        _held(f"{where} {path}".strip(), node.weights if node is not None else (), met, done)


def _held(
    where: str,
    weights: Collection[str],
    rules: Sequence[Sequence[tuple[str, Initialiser]]],
    loops: Sequence[Sequence[LoopStart]],
) -> None:
    wanted: dict[str, list[Initialiser]] = {}
    for name, initialiser in chain.from_iterable(rules):
        if name in weights:
            wanted.setdefault(name, []).append(canonical(initialiser))
    got: dict[str, list[Initialiser]] = {}
    for start in chain.from_iterable(loops):
        if start.parameter in weights or not start.guarded:
            got.setdefault(start.parameter, []).append(start.initialiser)
    if not _same(wanted, got):
        raise Mistranslation(where, wanted, got)


def _same(wanted: dict[str, list[Initialiser]], got: dict[str, list[Initialiser]]) -> bool:
    return wanted.keys() == got.keys() and all(
        len(made) == len(got[name])
        and all(
            a.name == b.name
            and dict(a.arguments).keys() == dict(b.arguments).keys()
            and all(same(argument, dict(b.arguments)[key]) for key, argument in a.arguments)
            for a, b in zip(made, got[name], strict=True)
        )
        for name, made in wanted.items()
    )


def _modules(composite: Composite, prefix: str, visited: set[int] | None) -> Iterator[tuple[str, Node | None]]:
    """Yield every module by its path: layers, with those inside them and lists as None; of equal lists those `visited`
    are left out, where it is a set.
    """
    if visited is not None and id(composite) in visited:
        return
    if visited is not None:
        visited.add(id(composite))
    for node in composite.nodes:
        path = prefix + node.name
        if node.shared is not None:
            continue  # its module has the name of where it was made
        if "." in node.name:
            yield from ((prefix + container, None) for container in holding(node.name))
        if isinstance(node.body, Layer):
            yield path, node
            yield from ((f"{path}.{k.rpartition('.')[0]}", None) for k in node.weights if "." in k)
        elif node.body is not None:
            yield path, None
            yield from _modules(node.body, path + ".", visited)


def canonical(made: Initialiser) -> Initialiser:
    """Return one name for one way to start: zeros are constants."""
    fixed = {"zeros": 0.0, "ones": 1.0}
    return Initialiser("constant", (("val", fixed[made.name]),)) if made.name in fixed else made


def _start(where: str, text: str) -> LoopStart:
    """Read `nn.init.zeros_(m.bias)`, behind `if m.bias is not None:` or not."""
    head, guard, call = text.rpartition(":\n")
    node = ast.parse(call.strip(), mode="eval").body
    match node:
        case ast.Call(func=ast.Attribute(attr=name), args=[target, *rest]):
            parameter = ast.unparse(target).removeprefix("m.")
            given = [("val", rest[0]), *((k.arg, k.value) for k in node.keywords)] if rest else _named(node)
            arguments = tuple((str(key), value(ast.unparse(argument), {})) for key, argument in given)
            if guard and head != f"if m.{parameter} is not None":
                raise Mistranslation(where, f"if m.{parameter} is not None", head)
            return LoopStart(parameter, canonical(Initialiser(name.removesuffix("_"), arguments)), bool(guard))
    raise Mistranslation(where, "an initialiser", text)


def _named(node: ast.Call) -> list[tuple[str | None, ast.expr]]:
    return [(keyword.arg, keyword.value) for keyword in node.keywords]


def test_of(where: str, text: str) -> Test:
    """Return what a loop asks of a module, or of a parameter's name. Raises Mistranslation."""
    try:
        return _test(text)
    except (NoValueError, SyntaxError) as wrong:
        raise Mistranslation(where, "a test", wrong) from None


@lru_cache(maxsize=512)
def _test(text: str) -> Test:
    return _compiled(ast.parse(text, mode="eval").body)


def _compiled(node: ast.expr) -> Test:
    match node:
        case ast.Constant(value=True):
            return Test(lambda path, module: True)
        case ast.BoolOp(op=ast.Or(), values=parts):
            tests = [_compiled(part) for part in parts]
            return Test(lambda path, module: any(test.holds(path, module) for test in tests))
        case ast.Compare(left=ast.Name(id="name"), ops=[ast.Eq()], comparators=[ast.Constant(value=name)]):
            return Test(lambda path, module: path == name)
        case ast.Compare(left=ast.Name(id="name"), ops=[ast.In()], comparators=[ast.Tuple(elts=items)]):
            among = frozenset(_plain(item) for item in items)
            return Test(lambda path, module: path in among)
        case ast.Call(
            func=ast.Attribute(value=ast.Name(id="name"), attr=method), args=[ast.Constant(value=str(affix))]
        ):
            if method in ("startswith", "endswith"):
                return Test(lambda path, module: bool(getattr(path, method)(affix)))
        case ast.Call(func=ast.Name(id="isinstance"), args=[ast.Name(id="m"), target]):
            return Test(_of_class(_plain(target), exactly=False), by_path=False)
        case ast.Compare(left=ast.Call(func=ast.Name(id="type")), ops=[ast.Is()], comparators=[target]):
            return Test(_of_class(_plain(target), exactly=True), by_path=False)
    raise NoValueError(f"`{ast.unparse(node)}`")


def _plain(node: ast.expr) -> Any:
    return value(ast.unparse(node), {})


def _of_class(target: Global, *, exactly: bool) -> Callable[[str, Node | None], bool]:
    """Return whether the layer's class is this one; or, unless it is asked for exactly, derives from it."""

    def holds(path: str, node: Node | None) -> bool:
        if node is None:
            return False
        layer = Layer.registry[node.op]
        kin = () if exactly else layer.kin
        classes = [own.torch or f"nn.{own.op}" for own in (layer, *(Layer.registry[op] for op in kin))]
        return any(target.name in (name, name.rpartition(".")[2]) for name in classes)

    return holds

"""What an emitted text may hold. Read before it is executed, whether it was emitted just now or came with a pickle.

Nothing is looked for that is bad: what an emitter writes is known, and everything else is refused. Statements have
their places, names are bound where they are read, and an attribute is a dotted name of torch's that a registered layer
or an initialiser has, one of the few that emitted code reads of a value, or the module's own.
"""

from __future__ import annotations

import ast
import builtins
import re
from collections.abc import Iterator, Sequence
from functools import lru_cache

from speczoo.compiler.emit.bindings import OF_HELD, Bindings, EmittedNames, UnsafeSource, is_text, refuse
from speczoo.compiler.emit.vocabulary import vocabulary
from speczoo.compiler.optimize.packing import TEXTS

IMPORTS = """
import math
from collections import OrderedDict
from typing import NamedTuple
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch import nn
from torch.nn.utils import parametrizations
""".strip().splitlines()
NODES = (
    ast.Module, ast.Expr, ast.Import, ast.ImportFrom, ast.alias, ast.ClassDef, ast.FunctionDef, ast.arguments, ast.arg,
    ast.keyword, ast.Assign, ast.AnnAssign, ast.AugAssign, ast.Assert, ast.If, ast.For, ast.Return, ast.Delete,
    ast.Call, ast.Attribute, ast.Name, ast.Constant, ast.List, ast.Tuple, ast.ListComp, ast.comprehension, ast.Starred,
    ast.BinOp, ast.UnaryOp, ast.Compare, ast.BoolOp, ast.IfExp, ast.Subscript, ast.Slice, ast.JoinedStr,
    ast.FormattedValue, ast.operator, ast.unaryop, ast.cmpop, ast.boolop, ast.expr_context,
)  # fmt: skip
#: All that is asserted: that a variable holds a value.
PRESENT = re.compile(r"\w+ is not None\Z")


def verify(text: str, custom: tuple[str, ...] = ()) -> ast.Module:
    """Return the syntax tree of an emitted text. Raises UnsafeSource for any that an emitter would not write.

    `custom` are the import lines of registered layers that live outside torch.
    """
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise UnsafeSource(f"no Python: {error}") from None
    nodes = [node for part in tree.body if not _known(part) for node in ast.walk(part)]
    parts = {id(part) for node in nodes if isinstance(node, ast.Subscript) for part in _ellipses(node.slice)}
    for node in nodes:
        if id(node) not in parts:
            _kind(node)
    _check_text(tree, custom)
    return tree


@lru_cache(maxsize=1)
def _whole() -> frozenset[str]:
    """Return the definitions that do more than others may, and may be written as they are."""
    return frozenset(ast.dump(ast.parse(text).body[0]) for text in TEXTS)


def _known(node: ast.stmt) -> bool:
    return isinstance(node, (ast.ClassDef, ast.FunctionDef)) and ast.dump(node) in _whole()


def _ellipses(subscript: ast.expr) -> list[ast.expr]:
    """Return what stands for all axes that a subscript does not name."""
    parts = subscript.elts if isinstance(subscript, ast.Tuple) else []
    return [part for part in parts if isinstance(part, ast.Constant) and part.value is ...]


def _kind(node: ast.AST) -> None:
    """Raise UnsafeSource for a node that is none of those written, wherever it stands."""
    if not isinstance(node, NODES):
        refuse(type(node).__name__, node)
    for name in _names(node):
        if name.startswith("__") and name != "__init__":
            refuse(f"the name {name!r}", node)
    match node:
        case ast.ClassDef(decorator_list=[_, *_]) | ast.FunctionDef(decorator_list=[_, *_]):
            refuse("a decorator", node)
        case ast.ClassDef() | ast.FunctionDef() if getattr(node, "type_params", None):
            refuse("a parameter of types", node)
        case ast.ClassDef(keywords=[_, *_]):
            refuse("a keyword of a class", node)
        case ast.arguments() if node.vararg or node.kwarg or node.kwonlyargs or node.posonlyargs:
            refuse("an argument of another kind", node)
        case ast.keyword(arg=None):
            refuse("a mapping of arguments", node)
        case ast.Constant() if not isinstance(node.value, (str, int, float, bool, type(None))):
            refuse(f"a constant {type(node.value).__name__}", node)
        case ast.Subscript() | ast.Starred() if not isinstance(node.ctx, ast.Load):
            refuse("an assignment to a part", node)
        case ast.FormattedValue() if node.format_spec is not None or node.conversion != -1:
            refuse("a format", node)
        case ast.Assert() if node.msg is not None or not PRESENT.match(ast.unparse(node.test)):
            refuse("another assertion", node)
        case ast.Delete() if not all(isinstance(target, ast.Name) for target in node.targets):
            refuse("a deletion", node)


def _names(node: ast.AST) -> list[str]:
    """Return the identifiers that a node itself has."""
    match node:
        case ast.Name(id=name) | ast.arg(arg=name) | ast.ClassDef(name=name) | ast.FunctionDef(name=name):
            return [name]
        case ast.Attribute(attr=name) | ast.keyword(arg=str(name)):
            return [name]
        case ast.alias():
            return [node.name, node.asname or ""]
    return []


def _check_text(tree: ast.Module, custom: tuple[str, ...]) -> None:
    """Raise UnsafeSource for a text that is not imports, then classes and functions, and nothing that runs when it is
    imported.
    """
    body = tree.body[1:] if tree.body and is_text(tree.body[0]) else tree.body
    imports = [node for node in body if isinstance(node, (ast.Import, ast.ImportFrom))]
    words, imported, defined = vocabulary(), _imported(imports, custom), set[str]()
    for node in body:
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            continue
        if not isinstance(node, (ast.ClassDef, ast.FunctionDef)):
            refuse(f"{type(node).__name__} outside a class", node)
        if hasattr(builtins, node.name) or node.name in imported:
            refuse(f"another {node.name!r}", node)
        defined.add(node.name)
    own = {a.asname or a.name for node in imports if ast.dump(node) in _statements(*custom) for a in node.names}
    text = EmittedNames(words._replace(dotted=words.dotted | own), imported, frozenset(defined))
    for node in body:
        if isinstance(node, ast.ClassDef) and not _known(node):
            _check_class(text, node)
        elif isinstance(node, ast.FunctionDef) and not _known(node):
            _check_function(text, node, None)


def _imported(nodes: Sequence[ast.Import | ast.ImportFrom], custom: tuple[str, ...]) -> frozenset[str]:
    """Return the names that imports bind. Raises UnsafeSource for another import than those that are written."""
    allowed = _statements(*IMPORTS, *custom)
    for node in nodes:
        if ast.dump(node) not in allowed:
            refuse(f"`{ast.unparse(node)}`", node)
    return frozenset(a.asname or a.name.partition(".")[0] for node in nodes for a in node.names)


@lru_cache(maxsize=64)
def _statements(*lines: str) -> frozenset[str]:
    """Return lines as statements that can be compared."""
    return frozenset(ast.dump(ast.parse(line).body[0]) for line in lines)


def _check_class(text: EmittedNames, node: ast.ClassDef) -> None:
    outside = Bindings(text, set())
    for base in node.bases:
        outside.visit(base)
    own = {
        inner.attr for inner in ast.walk(node) if isinstance(inner, ast.Attribute) and isinstance(inner.ctx, ast.Store)
    }
    for index, inner in enumerate(node.body):
        if isinstance(inner, ast.FunctionDef) and inner.name in ("__init__", "forward"):
            _check_function(text, inner, own, _registered(node))
        elif isinstance(inner, ast.AnnAssign) and inner.value is None and isinstance(inner.target, ast.Name):
            outside.annotation(inner.annotation)
        elif index or not is_text(inner):
            refuse(f"{type(inner).__name__} in a class", inner)


def _check_function(
    text: EmittedNames, node: ast.FunctionDef, own: set[str] | None, held: frozenset[str] = frozenset()
) -> None:
    outside = Bindings(text, set())
    for default in node.args.defaults:
        outside.visit(default)
    for annotation in (node.returns, *(arg.annotation for arg in node.args.args)):
        if annotation is not None:
            outside.annotation(annotation)
    inside = Bindings(text, {arg.arg for arg in node.args.args} | {*_stored(node)}, own, _over_modules(node), held)
    for statement in node.body:
        inside.statement(statement)


def _stored(node: ast.AST) -> Iterator[str]:
    """Yield the names that are assigned somewhere in a function, and are therefore its own in all of it."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Name) and isinstance(child.ctx, ast.Store):
            yield child.id
        if not isinstance(child, ast.comprehension):
            yield from _stored(child)


def _over_modules(node: ast.FunctionDef) -> frozenset[str]:
    """Return the variables that hold a module of `self` and nothing else: those of `for m in self.modules()`."""
    loops = {
        id(target): target.id
        for loop in ast.walk(node)
        if isinstance(loop, ast.For) and ast.unparse(loop.iter) in ("self.modules()", "self.named_modules()")
        for target in (loop.target.elts[1:] if isinstance(loop.target, ast.Tuple) else [loop.target])
        if isinstance(target, ast.Name)
    }
    otherwise = {
        inner.id
        for inner in ast.walk(node)
        if isinstance(inner, ast.Name) and isinstance(inner.ctx, ast.Store) and id(inner) not in loops
    }
    return frozenset(loops.values()) - otherwise - {arg.arg for arg in node.args.args}


def _registered(node: ast.ClassDef) -> frozenset[str]:
    """Return the names by which a class registers what its containers hold."""
    names = set[str]()
    for inner in ast.walk(node):
        match inner:
            case ast.Call(func=ast.Attribute(attr=method), args=[ast.Constant(value=str(name)), *_]):
                names |= {name} if method in OF_HELD else set()
    return frozenset(names)

"""What an emitted text may hold. Read before it is executed, whether it was emitted just now or came with a pickle.

Nothing is looked for that is bad: what an emitter writes is known, and everything else is refused. Statements have
their places, names are bound where they are read, and an attribute is a dotted name of torch's that a registered layer
or an initialiser has, one of the few that emitted code reads of a value, or the module's own.
"""

from __future__ import annotations

import ast
import builtins
import re
from collections.abc import Iterator
from functools import lru_cache
from typing import NoReturn, TypeAlias

from speczoo.compiler.emit.vocabulary import dotted_name, vocabulary
from speczoo.compiler.optimize.layout import FORMATS
from speczoo.compiler.optimize.packing import TEXTS
from speczoo.specs.reserved_names import MODULE_NAMES, PRIVATE_NAMES

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
    ast.Assign, ast.AnnAssign, ast.AugAssign, ast.Assert, ast.If, ast.For, ast.Return, ast.Delete, ast.Call, ast.keyword,
    ast.Attribute, ast.Name, ast.Constant, ast.List, ast.Tuple, ast.ListComp, ast.comprehension, ast.Starred, ast.BinOp,
    ast.UnaryOp, ast.Compare, ast.BoolOp, ast.IfExp, ast.Subscript, ast.Slice, ast.JoinedStr, ast.FormattedValue,
    ast.operator, ast.unaryop, ast.cmpop, ast.boolop, ast.expr_context,
)  # fmt: skip
#: The builtins that are called, and those that annotations name. None is a value.
CALLED = {
    "super", "range", "isinstance", "getattr", "type", "len", "sum", "min", "max", "abs", "round", "int", "float",
}  # fmt: skip
ANNOTATED = {"int", "float", "bool", "str", "tuple", "list", "type"}
ANNOTATIONS = (ast.Name, ast.Attribute, ast.Subscript, ast.Tuple, ast.Constant, ast.BinOp, ast.BitOr, ast.expr_context)
#: What emitted code reads of `self`, beside what it has put there.
OF_SELF = {"training", "modules", "named_modules", "named_parameters", "add_module"}
#: And of a container that stands on it, beside what it registers there.
OF_HELD = {"add_module", "register_parameter", "register_buffer"}
#: How a network lays itself out in memory: the one use of a module's own `to`.
LAYOUTS = {f"self.to(memory_format={name})" for name in FORMATS.values()}

#: All that is asserted: that a variable holds a value.
PRESENT = re.compile(r"\w+ is not None\Z")

#: Names of children that no attribute could have: numbers, and ids with hyphens.
CHILD = re.compile(r"(?:\d+|[A-Za-z_]\w*(?:-\w*)+)\Z", re.ASCII)

Definition: TypeAlias = ast.ClassDef | ast.FunctionDef


class UnsafeSource(ValueError):
    """A text holds what no emitter of ours writes."""


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
    EmittedText(tree, custom)
    return tree


@lru_cache(maxsize=1)
def _whole() -> frozenset[str]:
    """Return the definitions that do more than others may, and may be written as they are."""
    return frozenset(ast.dump(ast.parse(text).body[0]) for text in TEXTS)


def _known(node: ast.stmt) -> bool:
    return isinstance(node, (ast.ClassDef, ast.FunctionDef)) and ast.dump(node) in _whole()


def refuse(what: str, node: ast.AST) -> NoReturn:
    raise UnsafeSource(f"{what} at line {getattr(node, 'lineno', 0)}")


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


class EmittedText:
    """A whole text: imports, then classes and functions, and nothing that runs when it is imported."""

    def __init__(self, tree: ast.Module, custom: tuple[str, ...]) -> None:
        self.words = vocabulary()
        self.imported: set[str] = set()
        self.defined: set[str] = set()
        body = tree.body[1:] if tree.body and _is_text(tree.body[0]) else tree.body
        self._imports([node for node in body if isinstance(node, (ast.Import, ast.ImportFrom))], custom)
        definitions = [node for node in body if not isinstance(node, (ast.Import, ast.ImportFrom))]
        for node in definitions:
            if not isinstance(node, (ast.ClassDef, ast.FunctionDef)):
                refuse(f"{type(node).__name__} outside a class", node)
            if hasattr(builtins, node.name) or node.name in self.imported:
                refuse(f"another {node.name!r}", node)
            self.defined.add(node.name)
        for node in definitions:
            if _known(node):
                continue
            if isinstance(node, ast.ClassDef):
                self._class(node)
            elif isinstance(node, ast.FunctionDef):
                self._function(node, None)

    def _imports(self, nodes: list[ast.Import | ast.ImportFrom], custom: tuple[str, ...]) -> None:
        allowed = {ast.dump(ast.parse(line).body[0]) for line in (*IMPORTS, *custom)}
        for node in nodes:
            if ast.dump(node) not in allowed:
                refuse(f"`{ast.unparse(node)}`", node)
            self.imported.update(a.asname or a.name.partition(".")[0] for a in node.names)
        own = {ast.dump(ast.parse(line).body[0]) for line in custom}
        mine = {a.asname or a.name for node in nodes if ast.dump(node) in own for a in node.names}
        self.words = self.words._replace(dotted=self.words.dotted | mine)

    def _class(self, node: ast.ClassDef) -> None:
        outside = Bindings(self, set())
        for base in node.bases:
            outside.visit(base)
        own = {
            inner.attr
            for inner in ast.walk(node)
            if isinstance(inner, ast.Attribute) and isinstance(inner.ctx, ast.Store)
        }
        for index, inner in enumerate(node.body):
            if isinstance(inner, ast.FunctionDef) and inner.name in ("__init__", "forward"):
                self._function(inner, own, _registered(node))
            elif isinstance(inner, ast.AnnAssign) and inner.value is None and isinstance(inner.target, ast.Name):
                outside.annotation(inner.annotation)
            elif index or not _is_text(inner):
                refuse(f"{type(inner).__name__} in a class", inner)

    def _function(self, node: ast.FunctionDef, own: set[str] | None, held: frozenset[str] = frozenset()) -> None:
        outside = Bindings(self, set())
        for default in node.args.defaults:
            outside.visit(default)
        for annotation in (node.returns, *(arg.annotation for arg in node.args.args)):
            if annotation is not None:
                outside.annotation(annotation)
        scope = Bindings(self, {arg.arg for arg in node.args.args} | {*_stored(node)}, own, _over_modules(node), held)
        for statement in node.body:
            scope.statement(statement)


class Bindings:
    """Where names are read: in a function with its own, or outside with those of the text alone."""

    def __init__(
        self,
        text: EmittedText,
        local: set[str],
        own: set[str] | None = None,
        modules: frozenset[str] = frozenset(),
        held: frozenset[str] = frozenset(),
    ) -> None:
        self.text, self.local = text, local
        self.own = own  # what its class puts on `self`; None outside a class
        self.held = held  # what it registers in containers
        self.modules = modules  # variables of loops over `self.modules()`

    def statement(self, node: ast.stmt) -> None:
        match node:
            case ast.Assign(targets=[ast.Attribute() as key], value=ast.Attribute() as source) if (
                self.own is not None and _is_parameter(key) and _is_parameter(source)
            ):
                return
            case ast.ClassDef() | ast.FunctionDef() | ast.Import() | ast.ImportFrom():
                refuse(f"{type(node).__name__} in a function", node)
            case ast.Expr() if not (_is_text(node) or isinstance(node.value, ast.Call)):
                refuse("a value that is not taken", node)
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.stmt):
                self.statement(child)
            elif isinstance(node, ast.AnnAssign) and child is node.annotation:
                self.annotation(child)
            else:
                self.visit(child)

    def visit(self, node: ast.AST) -> None:
        """Raise UnsafeSource where an expression reads what emitted code does not."""
        match node:
            case ast.Attribute():
                self.attribute(node)
            case ast.Name(ctx=ast.Load()):
                self.name(node)
            case ast.Call():
                self.call(node)
            case ast.ListComp():
                self.comprehension(node)
            case _:
                for child in ast.iter_child_nodes(node):
                    self.visit(child)

    def name(self, node: ast.Name) -> None:
        if node.id in self.local or node.id in self.text.defined:
            return
        if node.id not in self.text.imported or node.id not in self.text.words.dotted:
            refuse(f"the name {node.id!r}", node)

    def attribute(self, node: ast.Attribute) -> None:
        root, path = dotted_name(node)
        if isinstance(root, ast.Name) and root.id in self.text.imported and root.id not in self.local:
            if path not in self.text.words.dotted or not isinstance(node.ctx, ast.Load):
                refuse(f"`{path}`", node)
            return
        if not self._plain(node):
            refuse(f"the attribute {node.attr!r}", node)
        self.visit(node.value)

    def _plain(self, node: ast.Attribute) -> bool:
        """Return whether this attribute of a value is one that emitted code reads, or sets on its own module."""
        of_self = self.own is not None and isinstance(node.value, ast.Name) and node.value.id == "self"
        if not isinstance(node.ctx, ast.Load):
            return of_self and node.attr not in MODULE_NAMES | PRIVATE_NAMES
        if node.attr == "__init__":
            return isinstance(node.value, ast.Call) and ast.unparse(node.value) == "super()"
        if of_self and self.own is not None and node.attr in self.own | OF_SELF:
            return True
        if self.own is not None and _on_self(node.value) and node.attr in OF_HELD | self.held:
            return node.attr not in (MODULE_NAMES | PRIVATE_NAMES) - OF_HELD
        root, _ = dotted_name(node)
        if isinstance(root, ast.Name) and root.id in self.modules:
            return node.attr not in MODULE_NAMES | PRIVATE_NAMES
        return node.attr in self.text.words.attributes

    def call(self, node: ast.Call) -> None:
        if self.own is not None and ast.unparse(node) in LAYOUTS:
            return
        function = node.func
        if isinstance(function, ast.Name) and function.id in CALLED - self.local - self.text.defined:
            self._builtin(function.id, node)
        else:
            self.visit(function)
        for argument in (*node.args, *(keyword.value for keyword in node.keywords)):
            self.visit(argument)

    @staticmethod
    def _builtin(name: str, node: ast.Call) -> None:
        most = {"super": 0, "type": 1}.get(name)
        if most is not None and (len(node.args) != most or node.keywords):
            refuse(f"another {name}", node)
        if name == "getattr" and not _plain_getattr(node):
            refuse("getattr", node)

    def comprehension(self, node: ast.ListComp) -> None:
        """Visit it with variables of its own: outside, a name that one of them has is what it was."""
        inner = self
        for part in node.generators:
            inner.visit(part.iter)
            bound = {found.id for found in ast.walk(part.target) if isinstance(found, ast.Name)}
            inner = Bindings(self.text, inner.local | bound, self.own, self.modules - bound, self.held)
            for condition in part.ifs:
                inner.visit(condition)
        inner.visit(node.elt)

    def annotation(self, node: ast.AST) -> None:
        """Visit a type where the text stands."""
        outside = Bindings(self.text, set())
        for inner in ast.walk(node):
            if not isinstance(inner, ANNOTATIONS) or (isinstance(inner, ast.Constant) and inner.value is not None):
                refuse("an annotation", inner)
            elif isinstance(inner, ast.Attribute):
                outside.attribute(inner)
            elif isinstance(inner, ast.Name) and inner.id not in {*ANNOTATED, "nn", "torch"}:
                outside.name(inner)


def _is_text(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


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


def _is_parameter(node: ast.expr) -> bool:
    """Return whether an expression is what a module of the module's own holds by a name that no module has for itself:
    `self.head.weight`, `self.get_submodule("layers.0").weight`.
    """
    match node:
        case ast.Attribute(value=inner, attr=name) if name not in MODULE_NAMES | PRIVATE_NAMES:
            return _is_parameter(inner)
        case ast.Call(
            func=ast.Attribute(value=ast.Name(id="self"), attr="get_submodule"), args=[ast.Constant()], keywords=[]
        ):
            return True
    return isinstance(node, ast.Name) and node.id == "self"


def _on_self(node: ast.expr) -> bool:
    """Return whether an expression is a member of the module's own, or of a container there: `self.downs["a"].b`,
    `getattr(self.downs, "a-b")`.
    """
    match node:
        case ast.Attribute(value=ast.Name(id="self")):
            return True
        case ast.Attribute(value=inner) | ast.Subscript(value=inner, slice=ast.Constant()):
            return _on_self(inner)
        case ast.Call(func=ast.Name(id="getattr")):
            return _plain_getattr(node)
    return False


def _registered(node: ast.ClassDef) -> frozenset[str]:
    """Return the names by which a class registers what its containers hold."""
    names = set[str]()
    for inner in ast.walk(node):
        match inner:
            case ast.Call(func=ast.Attribute(attr=method), args=[ast.Constant(value=str(name)), *_]):
                names |= {name} if method in OF_HELD else set()
    return frozenset(names)


def _plain_getattr(node: ast.Call) -> bool:
    """Return whether it is `getattr(self, "3")`, `getattr(self.held, "block-0")`: what a module, or a container there,
    has by a name that no attribute could have.
    """
    if len(node.args) != 2 or node.keywords:
        return False
    owner, name = node.args
    return (
        ((isinstance(owner, ast.Name) and owner.id == "self") or _on_self(owner))
        and isinstance(name, ast.Constant)
        and isinstance(name.value, str)
        and bool(CHILD.match(name.value))
    )

"""What the functions of an emitted text may read: names where they are bound, and attributes that are known."""

from __future__ import annotations

import ast
import re
from typing import NamedTuple, NoReturn

from speczoo.compiler.emit.vocabulary import Vocabulary, dotted_name
from speczoo.compiler.optimize.layout import FORMATS
from speczoo.specs.reserved_names import MODULE_NAMES, PRIVATE_NAMES

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
#: Names of children that no attribute could have: numbers, and ids with hyphens.
CHILD = re.compile(r"(?:\d+|[A-Za-z_]\w*(?:-\w*)+)\Z", re.ASCII)


class UnsafeSource(ValueError):
    """A text holds what no emitter of ours writes."""


def refuse(what: str, node: ast.AST) -> NoReturn:
    raise UnsafeSource(f"{what} at line {getattr(node, 'lineno', 0)}")


class EmittedNames(NamedTuple):
    """The names of a whole text: those of torch's that are read, those that it imports, and those that it defines."""

    words: Vocabulary
    imported: frozenset[str]
    defined: frozenset[str]


class Bindings:
    """Where names are read: in a function with its own, or outside with those of the text alone."""

    def __init__(
        self,
        text: EmittedNames,
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
            case ast.Expr() if not (is_text(node) or isinstance(node.value, ast.Call)):
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


def is_text(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


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

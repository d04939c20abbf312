"""What an emitted text may hold. Read before it is executed, whether it was emitted just now or came with a pickle."""

from __future__ import annotations

import ast

MODULES = {"torch", "torch.nn.functional", "collections", "typing"}
FROM = {"torch": {"Tensor", "nn"}, "collections": {"OrderedDict"}, "typing": {"NamedTuple"}}
BUILTINS = {
    "super", "range", "isinstance", "getattr", "len", "sum", "min", "max", "abs", "round", "int", "float", "bool", "str", "list", "tuple", "type",
    "ValueError",
}  # fmt: skip
NODES = (
    ast.Module, ast.Expr, ast.Import, ast.ImportFrom, ast.alias, ast.ClassDef, ast.FunctionDef, ast.arguments, ast.arg, ast.Assign, ast.AnnAssign,
    ast.AugAssign, ast.If, ast.For, ast.Return, ast.Delete, ast.Raise, ast.Pass, ast.Call, ast.keyword, ast.Attribute, ast.Name, ast.Constant, ast.List, ast.Tuple,
    ast.ListComp, ast.comprehension, ast.Starred, ast.BinOp, ast.UnaryOp, ast.Compare, ast.BoolOp, ast.IfExp, ast.Subscript, ast.Slice,
    ast.JoinedStr, ast.FormattedValue, ast.operator, ast.unaryop, ast.cmpop, ast.boolop, ast.expr_context,
)  # fmt: skip
#: Doors out of torch's own namespace.
REFUSED = {
    "load",
    "hub",
    "jit",
    "ops",
    "classes",
    "package",
    "multiprocessing",
    "utils",
    "serialization",
    "save",
    "distributed",
    "library",
    "sys",
    "os",
    "storage",
}


class UnsafeSource(ValueError):
    """A text holds what no emitter of ours writes."""


def verify(text: str, custom: tuple[str, ...] = ()) -> ast.Module:
    """The syntax tree of an emitted text. Raises UnsafeSource where it holds anything but torch calls on names of its
    own: another import, another builtin, a name with two underscores, another kind of statement."""
    tree = ast.parse(text)
    bound = set(BUILTINS)
    allowed_imports = {ast.dump(ast.parse(line).body[0]) for line in custom}
    for node in ast.walk(tree):
        if not isinstance(node, NODES):
            raise UnsafeSource(f"{type(node).__name__} at line {getattr(node, 'lineno', 0)}")
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            if ast.dump(node) not in allowed_imports:
                _import(node)
            bound.update(a.asname or a.name.partition(".")[0] for a in node.names)
        elif isinstance(node, (ast.ClassDef, ast.FunctionDef)):
            if node.decorator_list:
                raise UnsafeSource(f"a decorator at line {node.lineno}")
            bound.add(node.name)
        elif isinstance(node, ast.arg):
            bound.add(node.arg)
        elif isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
            bound.add(node.id)
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) and node.id not in bound:
            raise UnsafeSource(f"the name {node.id!r} at line {node.lineno}")
        if isinstance(node, ast.Attribute):
            if node.attr.startswith("__") and node.attr != "__init__":
                raise UnsafeSource(f"the attribute {node.attr!r} at line {node.lineno}")
            if isinstance(node.value, ast.Name) and node.value.id in ("torch", "nn", "F") and node.attr in REFUSED:
                raise UnsafeSource(f"the attribute {node.attr!r} of {node.value.id} at line {node.lineno}")
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Name)
            and node.func.id == "getattr"
            and not _plain_getattr(node)
        ):
            raise UnsafeSource(f"getattr at line {node.lineno}")
    return tree


def _import(node: ast.Import | ast.ImportFrom) -> None:
    if isinstance(node, ast.Import):
        if any(a.name not in MODULES for a in node.names):
            raise UnsafeSource(f"import {node.names[0].name}")
    elif node.level or node.module not in FROM or any(a.name not in FROM[node.module] for a in node.names):
        raise UnsafeSource(f"from {node.module} import {node.names[0].name}")


def _plain_getattr(node: ast.Call) -> bool:
    """`getattr(self, "3")`: a child of a list, which has no name that an attribute could have."""
    if len(node.args) != 2 or node.keywords:
        return False
    owner, name = node.args
    return (
        isinstance(owner, ast.Name)
        and owner.id == "self"
        and isinstance(name, ast.Constant)
        and isinstance(name.value, str)
        and name.value.isdigit()
    )

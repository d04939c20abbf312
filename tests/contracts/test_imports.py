"""The packages are layers: no circle of imports, and arrows run one way. Lazy and type-only imports count."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path

import networkx as nx
import pytest

ROOT = Path(__file__).parents[2]
#: The folders that hold the packages, and what they are called when they are imported.
TOP = {"specs": "speczoo.specs", "compiler": "speczoo.compiler", "zoo": "speczoo"}

#: What each package may import besides itself: what stands before it. `compiler` is its own modules, not those below.
ORDER = ["specs", *(f"compiler.{name}" for name in ("layer", "layers", "graph", "lower", "analysis", "checks",
         "explain", "elaborate", "compile", "emit"))]  # fmt: skip


def modules(root: Path) -> dict[str, Path]:
    """The modules below a folder, by their names."""
    out = {}
    for top, package in TOP.items():
        for path in (root / top).rglob("*.py"):
            parts = path.relative_to(root / top).with_suffix("").parts
            out[".".join([package, *(parts[:-1] if parts[-1] == "__init__" else parts)])] = path
    return out


def imported(name: str, path: Path) -> Iterator[str]:
    """What a module imports, wherever in it: of `from a import b` both, for `b` may be a module."""
    package = name.split(".") if path.stem == "__init__" else name.split(".")[:-1]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            around = package[: len(package) + 1 - node.level] if node.level else []
            base = ".".join([*around, *([node.module] if node.module else [])])
            yield from (f"{base}.{alias.name}" for alias in node.names)


def imports(files: Mapping[str, Path]) -> nx.DiGraph:
    """An edge from each module to what it imports of the others."""
    graph = nx.DiGraph()
    graph.add_nodes_from(files)
    for name, path in files.items():
        for found in imported(name, path):
            goal = found if found in files else found.rpartition(".")[0]
            if goal in files and goal != name:
                graph.add_edge(name, goal)
    return graph


def circles(graph: nx.DiGraph) -> list[list[str]]:
    """Modules that import each other, near and far."""
    return sorted(sorted(found) for found in nx.strongly_connected_components(graph) if len(found) > 1)


@pytest.fixture(scope="module")
def graph() -> nx.DiGraph:
    return imports(modules(ROOT))


def test_there_is_no_circle(graph: nx.DiGraph) -> None:
    assert not circles(graph)


def test_arrows_run_one_way(graph: nx.DiGraph) -> None:
    """zoo to compiler to specs, and inside the compiler from what comes of a graph to what a graph is made of."""

    def place(module: str) -> int | None:
        if not module.startswith(("speczoo.specs", "speczoo.compiler")):
            return len(ORDER)
        found = [i for i, name in enumerate(ORDER) if f"{module}.".startswith(f"speczoo.{name}.")]
        return found[-1] if found else None

    for module, goal in graph.edges:
        mine, its = place(module), place(goal)
        assert mine is None or its is None or mine >= its, f"{module} imports {goal}"


def test_commands_are_imported_by_the_front_door_alone(graph: nx.DiGraph) -> None:
    """What else is of use stands outside of them."""
    commands = {module for module in graph if f"{module}.".startswith("speczoo.commands.")}
    importing = {module for module, goal in graph.edges if goal in commands and module not in commands}
    assert importing == {"speczoo.__main__"}


def test_the_compiler_computes_once_in_one_way() -> None:
    """By the `cached_property` that takes no lock."""
    found = [path for path in (ROOT / "compiler").rglob("*.py") if "functools.cached_property" in imported("", path)]
    assert found == []


@pytest.mark.parametrize(
    "text", ["import {goal}", "def f():\n    from {package} import {name}", "if TYPE_CHECKING:\n    import {goal}"]
)
def test_a_circle_is_noticed(text: str, tmp_path: Path) -> None:
    """The first test can fail: on lazy imports, and on those for types alone."""
    for name, goal in (("a", "b"), ("b", "a")):
        path = tmp_path / "specs" / f"{name}.py"
        path.parent.mkdir(exist_ok=True)
        path.write_text(text.format(goal=f"speczoo.specs.{goal}", package="speczoo.specs", name=goal))
    assert circles(imports(modules(tmp_path))) == [["speczoo.specs.a", "speczoo.specs.b"]]
    (tmp_path / "specs" / "b.py").write_text("import os\nfrom . import c\n")
    assert not circles(imports(modules(tmp_path)))

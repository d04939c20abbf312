"""Nothing outside of its folder is read, written or changed for a stranger's file, whatever the command.

Each command runs on hostile trees in a sandbox with canaries around it. The whole file system of the sandbox but for
where the person asked to write is compared: contents, modes, links, times. And no canary's text is ever printed.
"""

from __future__ import annotations

import ast
import os
import signal
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click import Context
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from speczoo.__main__ import cli
from speczoo.specs import files
from tests.contracts.sandboxes import CANARY, NET, ROOT, draw, good, snapshot, spec, zoo

WAYS = [
    "../.bashrc", "../id_rsa", "../secret.yaml", "./../secret.yaml", "sub/../../secret.yaml", "{home}/secret.yaml",
    "link.yaml", "linked/secret.yaml", "sub/link.yaml", "sub/up/secret.yaml", "../dl/../secret.yaml:small",
    "../private",
]  # fmt: skip


COMMANDS: dict[str, list[Any]] = {
    "list": ["list", "SPEC"],
    "show": ["show", "SPEC"],
    "summary": ["summary", "SPEC"],
    "sizes": ["sizes", "SPEC"],
    "draw": ["draw", "SPEC", "-o", "net.svg", "-o", "net.tex"],
    "compare": ["compare", "SPEC", "SPEC"],
    "diff": ["diff", "SPEC", "lenet5"],
    "fingerprint": ["fingerprint", "SPEC"],
    "show --resolved": ["show", "--resolved", "SPEC"],
    "sweep": ["sweep", "SPEC", "--set", "width"],
    "new": ["new", "mine", "--from", "SPEC"],
    "check": ["check", "SPEC"],
    "check --fix": ["check", "--fix", "SPEC"],
    "fmt --check": ["fmt", "--check", "SPEC"],
    "build": ["build", "SPEC"],
    "build -o": ["build", "SPEC", "-o", "out"],
    "source": ["source", "SPEC", "-o", "out.py"],
    "export": ["export", "SPEC", "-o", "out.safetensors"],
}


@pytest.mark.parametrize("entry", ["unused", "left out", "in a block"])
@pytest.mark.parametrize("way", WAYS)
def test_what_a_spec_uses_stays_in_its_folder(way: str, entry: str, sandbox: Path) -> None:
    """However far the use is from what the network takes: it is refused by name, and by every command that copies."""
    path = spec(sandbox / "home" / "dl", way, 1 + WAYS.index(way) % 2, entry)
    before = snapshot(sandbox / "home")
    result = zoo("check", path)
    assert result.exit_code == 1, result.output
    assert "leads out" in result.output or "there is no file" in result.output
    for name in ("build -o", "new", "summary", "show", "source"):
        result = zoo(*(path if argument == "SPEC" else argument for argument in COMMANDS[name]))
        assert result.exit_code in (0, 1, 2), result.output
        assert CANARY not in result.output
    assert snapshot(sandbox / "home") == before
    assert all(CANARY not in str(inside) for *_, inside in snapshot(sandbox / "here").values())


def deep(folder: Path) -> Path:
    """A spec that uses another below so many folders that two calls for each are too many for Python."""
    below = "a/" * 480
    (folder / below).mkdir(parents=True)
    (folder / below / "part.yaml").write_text(NET.format(use=""))
    (folder / "net.yaml").write_text(NET.format(use=f"use: {{Part: {below}part.yaml}}\n"))
    return folder / "net.yaml"


def long(folder: Path) -> Path:
    """A spec that uses one that uses one, more of them than Python calls functions."""
    for i in range(1100):
        (folder / f"n{i}.yaml").write_text(NET.format(use=f"use: {{Part: n{i + 1}.yaml}}\n" if i < 1099 else ""))
    return folder / "n0.yaml"


@pytest.mark.parametrize("make", [deep, long])
def test_no_depth_is_too_much(make: Callable[[Path], Path], sandbox: Path) -> None:
    path = make(sandbox / "home" / "dl")
    for arguments in (["check", path], ["new", "mine", "--from", path], ["check", "mine.yaml"]):
        result = zoo(*arguments)
        assert result.exit_code == 0, result.output[-300:]


@pytest.mark.parametrize("held", [True, False])
@pytest.mark.parametrize("step", ["sub", "sub/deep", "sub/deep/a.yaml"])
def test_what_is_changed_after_the_look_is_not_read(
    step: str, held: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A folder, or the file, becomes a link outward between the look at the path and the opening of it."""
    home = tmp_path / "home"
    for folder, text in ((home / "sub" / "deep", "inside"), (tmp_path / "secret" / "deep", CANARY)):
        folder.mkdir(parents=True)
        (folder / "a.yaml").write_text(text)
    (tmp_path / "secret" / "a.yaml").write_text(CANARY)
    look, left = files._resolved, [home / step]

    def and_change(*arguments: Any) -> Any:
        found = look(*arguments)
        if left:
            path = left.pop()
            path.rename(tmp_path / "aside")
            path.symlink_to(tmp_path / "secret" / path.relative_to(home / "sub"))
        return found

    monkeypatch.setattr(files, "_resolved", and_change)
    monkeypatch.setattr(files, "HELD", held)
    with pytest.raises(OSError, match=r"."):
        files.read_inside(home, "sub/deep/a.yaml", 100)


@given(
    st.lists(st.sampled_from(["..", ".", "sub", "linked", "up", "deep", "a.yaml", "dl", ""]), max_size=5), st.booleans()
)
def test_a_path_leads_nowhere_else(steps: list[str], held: bool) -> None:
    """What is opened inside a folder is inside it, whatever the steps of the name and the links on the way; also where
    the system cannot hold a folder open."""
    name = "/".join(steps)
    folder = _maze()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(files, "HELD", held)
        try:
            found = files.read_inside(folder, name, 100)
        except (OSError, ValueError):
            return
    real = (folder / name).resolve()
    assert real.is_relative_to(folder.resolve())
    assert found == real.read_bytes() == b"inside"


def _maze() -> Path:
    """A folder with files, and links in and out of it; made once."""
    root = Path(tempfile.gettempdir()) / f"speczoo-maze-{os.getpid()}"
    if not root.exists():
        (root / "dl" / "sub" / "deep").mkdir(parents=True)
        (root / "a.yaml").write_text("outside")
        for path in ("dl/a.yaml", "dl/sub/a.yaml", "dl/sub/deep/a.yaml"):
            (root / path).write_text("inside")
        (root / "dl" / "linked").symlink_to("sub/deep")
        (root / "dl" / "up").symlink_to("..")
        (root / "dl" / "sub" / "up").symlink_to("..")
        (root / "dl" / "sub" / "linked").symlink_to(root)
    return root / "dl"


# -- copies -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", ["build -o", "new"])
@pytest.mark.parametrize("way", ["a link", "a linked folder", "another file"])
def test_copies_go_over_nothing_and_through_no_link(way: str, command: str, sandbox: Path) -> None:
    path = good(sandbox / "home" / "dl")
    target = sandbox / "here" / ("out" if command == "build -o" else "")
    (target / "parts").mkdir(parents=True)
    match way:
        case "a link":
            (target / "parts" / "part.yaml").symlink_to(sandbox / "home" / ".bashrc")
        case "a linked folder":
            (target / "parts").rmdir()
            (target / "parts").symlink_to(sandbox / "home" / "private")
        case _:
            (target / "parts" / "part.yaml").write_text("mine")
    before = snapshot(sandbox)
    result = zoo(*(path if argument == "SPEC" else argument for argument in COMMANDS[command]))
    assert result.exit_code == 2, result.output
    assert "symbolic link" in result.output or "is there already" in result.output
    after = snapshot(sandbox)
    assert {k: v for k, v in after.items() if k.startswith("home")} == {
        k: v for k, v in before.items() if k.startswith("home")
    }
    assert not [k for k in after if k not in before and not k.endswith("__pycache__")], "something was written"


@pytest.mark.parametrize("command", ["build -o", "new"])
def test_what_is_copied_is_what_was_checked(command: str, sandbox: Path) -> None:
    path = good(sandbox / "home" / "dl")
    os.chmod(path.parent / "parts" / "part.yaml", 0o755)
    old = os.umask(0o027)
    try:
        assert zoo(*(path if argument == "SPEC" else argument for argument in COMMANDS[command])).exit_code == 0
    finally:
        os.umask(old)
    target = sandbox / "here" / ("out" if command == "build -o" else "")
    copy = target / "parts" / "part.yaml"
    assert copy.read_bytes() == (path.parent / "parts" / "part.yaml").read_bytes()
    assert {p.stat().st_mode & 0o777 for p in target.rglob("*") if p.is_file()} == {0o640}
    assert zoo("check", next(target.glob("*.yaml"))).exit_code == 0


@pytest.mark.parametrize("held", [True, False])
@pytest.mark.parametrize("name", ["setup", "conftest", "mine"])
@pytest.mark.parametrize("suffix", [".py", ".yaml", ".safetensors"])
@pytest.mark.parametrize("command", ["build", "source"])
def test_a_spec_names_no_file_of_the_persons_to_go_over(
    command: str, suffix: str, name: str, held: bool, sandbox: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a folder the spec's name says what the files are called: what is there from elsewhere stays, and what is there
    as it would be written is in nobody's way."""
    monkeypatch.setattr(files, "HELD", held)
    path = sandbox / "home" / "dl" / "net.yaml"
    path.write_text(NET.format(use="").replace("name: net", f"name: {name}"))
    theirs = sandbox / "here" / f"{name}{suffix}"
    theirs.write_text("import os\n")
    result = zoo(command, path, "-o", ".")
    touched = command == "build" or suffix == ".py"
    assert result.exit_code == (2 if touched else 0), result.output
    assert ("is there already" in result.output) == touched
    assert theirs.read_text() == "import os\n"
    for _ in range(2):
        (sandbox / "here" / "out").mkdir(exist_ok=True)
        result = zoo(command, path, "-o", "out", *(["--seed", 1] if command == "build" else []))
        assert result.exit_code == 0, result.output


def test_a_file_that_is_replaced_keeps_its_mode(sandbox: Path) -> None:
    path = good(sandbox / "home" / "dl")
    for target in ("w.pt", "w.safetensors", "w.py"):
        Path(target).write_text("old")
        Path(target).chmod(0o600)
        assert zoo("build", path, "-o", target, "--force").exit_code == 0
        assert Path(target).stat().st_mode & 0o777 == 0o600


LONGEST = ["e" * 252, "\u00e9" * 126, "\U0001f333" * 62]  # bytes that a name may have, less the suffix


@pytest.mark.parametrize("stem", LONGEST, ids=len)
def test_a_name_may_be_as_long_as_the_disk_allows(stem: str, sandbox: Path) -> None:
    files.write(Path(f"{stem}.py"), b"new")
    files.create(Path(f"{stem}.js"), b"new")
    assert {path.name for path in Path().iterdir()} == {f"{stem}.py", f"{stem}.js"}


def test_ctrl_c_at_the_opening_of_a_file_leaves_nothing(sandbox: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(path: Any, *args: Any, real: Any = os.open, **options: Any) -> int:
        descriptor: int = real(path, *args, **options)
        if str(path).endswith(".part"):
            os.close(descriptor)
            raise KeyboardInterrupt
        return descriptor

    monkeypatch.setattr(os, "open", interrupted)
    for write in (files.write, files.create):
        with pytest.raises(KeyboardInterrupt):
            write(Path("net.py"), b"new")
    assert list(Path().iterdir()) == []


def test_sigterm_leaves_nothing_half_done(sandbox: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What `kill`, `timeout` and a container that stops send, while a command writes."""
    visited: list[int] = []

    def terminated(path: Any, *args: Any, real: Any = os.open, **options: Any) -> int:
        descriptor: int = real(path, *args, **options)
        if str(path).endswith(".part"):
            visited.append(len(list(Path().iterdir())))
            os.kill(os.getpid(), signal.SIGTERM)
        return descriptor

    before = signal.signal(signal.SIGTERM, signal.SIG_DFL)
    monkeypatch.setattr(os, "open", terminated)
    try:
        found = CliRunner().invoke(cli, ["source", "mnist_cnn", "-o", "net.py"])
        assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
    finally:
        signal.signal(signal.SIGTERM, before)
    assert (found.exit_code, visited) == (143, [1])
    assert found.stderr == "stopped\n"
    assert list(Path().iterdir()) == []


# -- the door ---------------------------------------------------------------------------------------------------------

#: What changes files, by the names that it is called by; and the only file that calls them.
CHANGING = {
    "write_text", "write_bytes", "mkdir", "makedirs", "touch", "symlink_to", "hardlink_to", "symlink", "link", "unlink",
    "rmdir", "removedirs", "copyfile", "copyfileobj", "copy2", "copytree", "copymode", "chmod", "fchmod", "rmtree",
    "move", "truncate", "ftruncate", "mkfifo", "mknod", "mkstemp", "mkdtemp", "NamedTemporaryFile",
    "TemporaryDirectory", "TemporaryFile", "savetxt", "tofile", "save_file", "FileIO",
}  # fmt: skip
OF_OS = {"open", "fdopen", "replace", "rename", "renames", "remove", "utime", "chown"}
DOOR = Path("specs/files.py")


@pytest.mark.parametrize("path", sorted(p for top in ("specs", "compiler", "zoo") for p in (ROOT / top).rglob("*.py")))
def test_all_that_is_written_goes_through_one_door(path: Path) -> None:
    if path.relative_to(ROOT) == DOOR:
        return
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.Call):
            continue
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        stated = ast.unparse(node)
        assert name not in CHANGING, f"{path}:{node.lineno}: {stated}"
        assert not (name == "open" and isinstance(node.func, ast.Name)), f"{path}:{node.lineno}: {stated}"
        of_os = name in OF_OS and ast.unparse(node.func) == f"os.{name}"
        assert not of_os or "os.devnull" in stated or "sys.stdout" in stated, f"{path}:{node.lineno}: {stated}"
        if name == "open" and node.args and isinstance(node.args[0], ast.Constant):  # a path's own
            assert node.args[0].value in ("r", "rb"), f"{path}:{node.lineno}: {stated}"
        if name in ("save", "savefig") and ast.unparse(node.func) in ("torch.save", "figure.savefig"):
            target = node.args[-1 if name == "save" else 0]  # a file that is open, no path
            assert ast.unparse(target) in ("file", "buffer"), f"{path}:{node.lineno}: {stated}"


def test_every_command_that_writes_is_among_them() -> None:
    """Each command is either run above, or reads no file and writes none but where it is asked to."""
    run_above: set[str] = {arguments[0] for arguments in COMMANDS.values()}
    run_above |= {arguments[0] for arguments in draw(Path())} | {"train", "search", "recipes", "data", "lr-find"}
    group: Any = cli
    assert set(group.list_commands(Context(cli))) - run_above == {
        "explain",
        "ops",
        "import",
        "schema",
        "predict",
        "completion",
        "lsp",
        "site",
    }

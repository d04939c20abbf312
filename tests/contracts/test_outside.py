"""Nothing outside of its folder is read, written or changed for a stranger's file, whatever the command.

Each command runs on hostile trees in a sandbox with canaries around it. The whole file system of the sandbox but for
where the person asked to write is compared: contents, modes, links, times. And no canary's text is ever printed.
"""

from __future__ import annotations

import ast
import json
import os
import shutil
import signal
import tempfile
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from click import Context
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st

from speczoo.__main__ import cli
from speczoo.commands import SECTIONS
from speczoo.specs import files

ROOT = Path(__file__).parents[2]
CANARY = "a-canary-sings"
NET = "spec: 1\nname: net\ninput: [1, 12, 12]\n{use}layers:\n  - {{op: Flatten}}\n  - {{op: Linear, out_features: 2}}\n"
SPEC_CANARY = f"spec: 1\nname: secret\ntitle: {CANARY}\ninput: [3]\nlayers: [{{op: {CANARY}}}]\n"
RECIPE: dict[str, Any] = {
    "recipe": 1,
    "name": "mine",
    "network": "net.yaml",
    "data": {"dataset": "folder", "root": "", "mode": "L"},
    "optimizer": {"op": "SGD", "lr": 0.1},
    "batch_size": 2,
    "epochs": 1,
}


KERAS: dict[str, Any] = {
    "class_name": "Sequential",
    "config": [
        {"class_name": "InputLayer", "config": {"name": "input", "batch_shape": [None, 8]}},
        {"class_name": "Dense", "config": {"name": "dense", "units": 2}},
    ],
}


def snapshot(folder: Path) -> dict[str, tuple[Any, ...]]:
    """All there is below a folder: kinds, modes, times of change, and what is in files and links."""
    out: dict[str, tuple[Any, ...]] = {}
    for path in [folder, *sorted(folder.rglob("*"))]:
        status = path.lstat()
        inside: object = None
        if path.is_symlink():
            inside = os.readlink(path)
        elif path.is_file():
            inside = path.read_bytes()
        out[str(path.relative_to(folder))] = (status.st_mode, status.st_mtime_ns, inside)
    return out


@pytest.fixture
def sandbox(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home with canaries, a folder of downloads in it, and one to work in: `here`."""
    (tmp_path / "home" / "dl").mkdir(parents=True)
    for name in (".bashrc", "id_rsa", "secret.yaml", "weights.pt", "run.json"):
        (tmp_path / "home" / name).write_text(SPEC_CANARY if name.endswith("yaml") else CANARY)
        (tmp_path / "home" / name).chmod(0o600)
    (tmp_path / "home" / "private").mkdir(mode=0o700)
    (tmp_path / "home" / "private" / "secret.yaml").write_text(SPEC_CANARY)
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    return tmp_path


def zoo(*arguments: object) -> Result:
    return CliRunner().invoke(cli, [str(argument) for argument in arguments], prog_name="zoo")


# -- specs that use what lies elsewhere -------------------------------------------------------------------------------

WAYS = [
    "../.bashrc", "../id_rsa", "../secret.yaml", "./../secret.yaml", "sub/../../secret.yaml", "{home}/secret.yaml",
    "link.yaml", "linked/secret.yaml", "sub/link.yaml", "sub/up/secret.yaml", "../dl/../secret.yaml:small",
    "../private",
]  # fmt: skip


def spec(folder: Path, way: str, hops: int, entry: str) -> Path:
    """A spec that uses a chain of files, of which the last names `way`; `entry` says how the first one takes the
    next: not at all, in an entry that is left out, or in a block that nothing uses."""
    (folder / "sub").mkdir()
    (folder / "link.yaml").symlink_to(folder.parent / "secret.yaml")
    (folder / "linked").symlink_to(folder.parent)
    (folder / "sub" / "link.yaml").symlink_to("../../secret.yaml")
    (folder / "sub" / "up").symlink_to("../..")
    names = ["net.yaml", *(f"part{i}.yaml" for i in range(hops))]
    for name, following in zip(names, [*names[1:], way.format(home=folder.parent)], strict=True):
        use = f"use: {{Part: {following}}}\n"
        text = NET.format(use=use)
        if name == "net.yaml":
            text += {
                "unused": "",
                "left out": "  - {id: p, op: Part, when: false}\n",
                "in a block": "blocks:\n  B:\n    layers: [{op: Part}]\n",
            }[entry]
        (folder / name).write_text(text)
    return folder / "net.yaml"


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


def good(folder: Path) -> Path:
    """A spec that uses another in a folder below."""
    (folder / "parts").mkdir()
    (folder / "parts" / "part.yaml").write_text("spec: 1\nname: p\ninput: [2]\nlayers: [{op: ReLU}]\n")
    path = folder / "net.yaml"
    path.write_text(NET.format(use="use: {Part: parts/part.yaml}\n") + "  - {op: Part}\n")
    return path


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
    seen: list[int] = []

    def terminated(path: Any, *args: Any, real: Any = os.open, **options: Any) -> int:
        descriptor: int = real(path, *args, **options)
        if str(path).endswith(".part"):
            seen.append(len(list(Path().iterdir())))
            os.kill(os.getpid(), signal.SIGTERM)
        return descriptor

    before = signal.signal(signal.SIGTERM, signal.SIG_DFL)
    monkeypatch.setattr(os, "open", terminated)
    try:
        found = CliRunner().invoke(cli, ["source", "mnist_cnn", "-o", "net.py"])
        assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
    finally:
        signal.signal(signal.SIGTERM, before)
    assert (found.exit_code, seen) == (143, [1])
    assert found.stderr == "stopped\n"
    assert list(Path().iterdir()) == []


# -- a full disk ------------------------------------------------------------------------------------------------------

FULL: list[list[str]] = [
    ["build", "NET", "-o", "w.pt"],
    ["build", "NET", "-o", "w.pth"],
    ["build", "NET", "-o", "w.safetensors"],
    ["build", "NET", "-o", "w.py"],
    ["build", "NET", "-o", "."],
    ["source", "NET", "-o", "w.py"],
    ["new", "mine"],
    ["new", "mine", "--from", "NET"],
    ["fmt", "NET"],
    ["check", "--fix", "WRONG"],
    ["schema", "-o", "schema.json"],
    ["import", "torch.nn:ReLU", "--input", "4", "-o", "w.yaml"],
    ["import", "KERAS", "-o", "w.yaml"],
]


@pytest.mark.parametrize("arguments", FULL, ids=" ".join)
def test_a_full_disk_is_reported_and_leaves_nothing(arguments: list[str], sandbox: Path) -> None:
    """The system takes only the first bytes of a file: as on a disk that is full, and for torch's own writer too."""
    resource = pytest.importorskip("resource")
    text = NET.format(use="").replace("{op: Linear, out_features: 2}", "{out_features:   2, op: Linear}")
    net, wrong = sandbox / "home" / "net.yaml", sandbox / "home" / "wrong.yaml"
    net.write_text(text)
    wrong.write_text(text.replace("out_features", "out_featuers"))
    keras = sandbox / "home" / "keras.json"
    keras.write_text(json.dumps(KERAS))
    written = [str({"NET": net, "WRONG": wrong, "KERAS": keras}.get(argument, argument)) for argument in arguments]
    before, old = snapshot(sandbox), resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10, old[1]))
    try:
        result = zoo(*written)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, old)
    assert result.exit_code == 2, result.output
    assert "File too large" in result.output
    assert "bug" not in result.output
    after = snapshot(sandbox)
    assert {name: kept[::2] for name, kept in after.items()} == {name: kept[::2] for name, kept in before.items()}
    assert zoo(*written).exit_code == 0  # with room again nothing is in the way


# -- what is there ----------------------------------------------------------------------------------------------------

#: Every command that takes a place to write to, with what it writes there.
WRITES: list[tuple[list[str], list[str]]] = [
    (["build", "NET", "-o", "w.pt"], ["w.pt"]),
    (["build", "NET", "-o", "w.safetensors"], ["w.safetensors"]),
    (["build", "NET", "-o", "w.py"], ["w.py"]),
    (["build", "NET", "-o", "."], ["net.yaml", "net.py", "net.safetensors"]),
    (["build", "NET", "-o", "out"], ["out/net.yaml", "out/net.py", "out/net.safetensors"]),
    (["source", "NET", "-o", "w.py"], ["w.py"]),
    (["export", "NET", "-o", "w.safetensors"], ["w.safetensors"]),
    (["export", "NET", "-o", "w.pt2"], ["w.pt2"]),
    (["source", "NET", "-o", "."], ["net.py"]),
    (["draw", "NET", "-o", "p.svg", "-o", "p.png"], ["p.svg", "p.png"]),
    (
        ["site", "lenet5", "--no-docs", "-o", "site"],
        ["site/index.html", "site/networks/lenet5.html", "site/pictures/lenet5.svg"],
    ),
    (["schema", "-o", "s.json"], ["s.json"]),
    (["import", "torch.nn:ReLU", "--input", "4", "-o", "w.yaml"], ["w.yaml"]),
    (["import", "KERAS", "-o", "w.yaml"], ["w.yaml"]),
    (["sweep", "NET", "--plot", "params,macs", "-o", "p.png"], ["p.png", "p.svg"]),
    (["data", "RECIPE", "-o", "d"], ["d/batch.png", "d/batch.svg", "d/augmented.png", "d/augmented.svg"]),
    (["lr-find", "RECIPE", "-o", "r.png", "--steps", "20"], ["r.png", "r.svg"]),
    (["curves", "RUN", "-o", "c.png"], ["c.png", "c.svg"]),
    (["landscape", "RUN", "-o", "l.png", "--points", "3"], ["l.png", "l.svg"]),
]


def test_every_command_that_writes_is_here() -> None:
    commands = [name for section in SECTIONS.values() for name in section]
    taking = {n for n in commands if any("-o" in p.opts for p in cli.get_command(Context(cli), n).params)}  # type: ignore[union-attr]
    assert taking - {"train", "search"} == {arguments[0] for arguments, _ in WRITES}  # a run has a folder of its own


@pytest.mark.parametrize(("arguments", "written"), WRITES, ids=[" ".join(arguments) for arguments, _ in WRITES])
def test_what_is_there_stays_without_force(
    arguments: list[str], written: list[str], trained: Path, run: Path, sandbox: Path
) -> None:
    """Whichever of the files it is, and the command's own input too; nothing else is written beside it. With --force it
    is replaced, and what is new has the mode that the umask leaves."""
    words = {
        "NET": trained / "net.yaml",
        "RECIPE": trained / "recipe.json",
        "RUN": run,
        "KERAS": sandbox / "keras.json",
    }
    words["KERAS"].write_text(json.dumps(KERAS))
    said = [str(words.get(argument, argument)) for argument in arguments]
    for name in written:
        target = Path(name)
        target.parent.mkdir(exist_ok=True)
        target.write_bytes(b"made by hand")
        before = snapshot(sandbox / "here")
        result = zoo(*said)
        assert result.exit_code == 2, result.output
        assert "--force" in result.output
        after = snapshot(sandbox / "here")
        assert {name: kept[::2] for name, kept in after.items()} == {name: kept[::2] for name, kept in before.items()}
        target.unlink()
    (sandbox / "here" / written[-1]).write_bytes(b"made by hand")
    old = os.umask(0o027)
    try:
        result = zoo(*said, "--force")
    finally:
        os.umask(old)
    assert result.exit_code == 0, result.output
    assert all(Path(name).read_bytes() != b"made by hand" for name in written)
    assert {Path(name).stat().st_mode & 0o777 for name in written[:-1]} <= {0o640}


@pytest.mark.parametrize("held", [True, False])
@given(st.binary(max_size=20), st.binary(max_size=20), st.booleans())
def test_a_file_is_replaced_only_where_that_is_asked_for(held: bool, there: bytes, new: bytes, over: bool) -> None:
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(files, "HELD", held)
        target = Path(folder) / "a"
        target.write_bytes(there)
        if over or there == new:
            files.write(target, new, over=over)
            assert target.read_bytes() == new
        else:
            with pytest.raises(FileExistsError, match="--force"):
                files.write(target, new)
            assert target.read_bytes() == there
        assert [path.name for path in Path(folder).iterdir()] == ["a"]


# -- recipes and runs -------------------------------------------------------------------------------------------------


def recipe(folder: Path, data: Path, network: str) -> Path:
    text = {**RECIPE, "network": network, "data": {**RECIPE["data"], "root": str(data)}}
    path = folder / "recipe.json"
    path.write_text(json.dumps(text))
    return path


@pytest.mark.parametrize("network", ["../private/secret.yaml", "link.yaml", "sub/up/secret.yaml", "{home}/secret.yaml"])
def test_a_recipe_takes_its_network_from_its_own_folder(network: str, sandbox: Path) -> None:
    spec(sandbox / "home" / "dl", "./nothing.yaml", 1, "unused")
    path = recipe(sandbox / "home" / "dl", sandbox, network.format(home=sandbox / "home"))
    before = snapshot(sandbox / "home")
    for arguments in (["check", path], ["recipes", path], ["train", path], ["data", path], ["lr-find", path]):
        result = zoo(*arguments)
        assert result.exit_code == 1, result.output
        assert "leads out of the folder of this recipe" in result.output
        assert CANARY not in result.output
    assert snapshot(sandbox / "home") == before


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a recipe, its network and data, and a run of it, half done."""
    if not find_spec("lightning"):
        pytest.skip("needs the extra train")
    from PIL import Image

    folder = tmp_path_factory.mktemp("trained")
    for split in ("train", "valid"):
        for number, name in enumerate(("a", "b")):
            (folder / "data" / split / name).mkdir(parents=True)
            for i in range(3):
                Image.new("L", (12, 12), 100 * number + i).save(folder / "data" / split / name / f"{i}.png")
    good(folder)
    path = recipe(folder, folder / "data", "net.yaml")
    result = zoo("train", path, "-o", folder / "run", "--set", "epochs=2", "--stop-after", 1, "--accelerator", "cpu")
    assert result.exit_code == 0, result.output
    return folder


@pytest.fixture
def run(trained: Path, sandbox: Path) -> Path:
    shutil.copytree(trained / "run", sandbox / "home" / "dl" / "run")
    return sandbox / "home" / "dl" / "run"


PICTURES = [
    "predictions.png", "predictions.svg", "confusion_matrix.png", "loss_and_accuracy.svg", "report.html", "curves.png",
    "landscape.svg",
]  # fmt: skip
#: What a run's folder holds, and what is resumed writes anew.
STATE = [
    "run.json", "history.json", "model.pt", "result.json", "checkpoints", "checkpoints/last.ckpt", "network",
    "network/net.yaml", "network/parts", "logs", ".lock",
]  # fmt: skip
#: What an earlier session ended with: gone, be it a link, as soon as the run goes on.
ENDED = ("model.pt", "result.json")


def draw(run: Path) -> Iterator[list[Any]]:
    yield ["evaluate", run, "--report"]
    yield ["curves", run]
    yield ["landscape", run, "--points", 3, "--images", 2]


def resume(run: Path) -> list[Any]:
    return ["train", "--resume", run, "--accelerator", "cpu", "--logger", "csv", "--no-report"]


def link(run: Path, name: str, target: Path) -> None:
    path = run / name
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    path.unlink(missing_ok=True)
    path.symlink_to(target)


@pytest.mark.parametrize("dangling", [False, True])
def test_no_picture_is_drawn_through_a_link(dangling: bool, run: Path, sandbox: Path) -> None:
    for name in PICTURES:
        link(run, name, sandbox / "home" / ("not-there-yet" if dangling else ".bashrc"))
    outside = _outside(sandbox)
    for arguments in draw(run):
        result = zoo(*arguments)
        assert result.exit_code == 2, f"{arguments}\n{result.output}"
        assert "symbolic link" in result.output
        assert _outside(sandbox) == outside, arguments


@pytest.mark.parametrize("name", STATE)
def test_no_run_goes_on_through_a_link(name: str, run: Path, sandbox: Path) -> None:
    home = sandbox / "home"
    for target in (home / ("private" if "." not in name else ".bashrc"), home / "not-there-yet"):
        link(run, name, target)
        outside = _outside(sandbox)
        result = zoo(*resume(run))
        assert name in ENDED or result.exit_code in (1, 2), f"{name}\n{result.output}"
        assert CANARY not in result.output
        assert _outside(sandbox) == outside


def _outside(sandbox: Path) -> dict[str, tuple[Any, ...]]:
    """The sandbox but for the run's own folder."""
    return {k: v for k, v in snapshot(sandbox).items() if not k.startswith("home/dl/run")}


@pytest.mark.parametrize("dangling", [False, True])
def test_no_search_goes_on_through_a_link(dangling: bool, trained: Path, sandbox: Path) -> None:
    folder = sandbox / "home" / "dl" / "run"
    folder.mkdir()
    (folder / "study.jsonl").symlink_to(sandbox / "home" / ("not-there-yet" if dangling else ".bashrc"))
    outside = _outside(sandbox)
    for more in ([], ["--resume"]):
        result = zoo("search", trained / "recipe.json", "--set", "optimizer.lr=0.1,0.2", "-o", folder, *more)
        assert result.exit_code == 2, result.output
        assert _outside(sandbox) == outside


@pytest.mark.parametrize("network", ["../../secret.yaml", "{home}/secret.yaml", "network/link.yaml"])
def test_a_run_takes_its_network_from_its_own_folder(network: str, run: Path, sandbox: Path) -> None:
    (run / "network" / "link.yaml").symlink_to(sandbox / "home" / "secret.yaml")
    facts = json.loads((run / "run.json").read_text())
    facts["recipe"]["network"]["name"] = network.format(home=sandbox / "home")
    (run / "run.json").write_text(json.dumps(facts))
    before = _outside(sandbox)
    for arguments in [*draw(run), resume(run)]:
        result = zoo(*arguments)
        assert result.exit_code in (1, 2), result.output
        assert "leads out of the folder" in result.output
        assert CANARY not in result.output
    assert _outside(sandbox) == before


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
        said = ast.unparse(node)
        assert name not in CHANGING, f"{path}:{node.lineno}: {said}"
        assert not (name == "open" and isinstance(node.func, ast.Name)), f"{path}:{node.lineno}: {said}"
        of_os = name in OF_OS and ast.unparse(node.func) == f"os.{name}"
        assert not of_os or "os.devnull" in said or "sys.stdout" in said, f"{path}:{node.lineno}: {said}"
        if name == "open" and node.args and isinstance(node.args[0], ast.Constant):  # a path's own
            assert node.args[0].value in ("r", "rb"), f"{path}:{node.lineno}: {said}"
        if name in ("save", "savefig") and ast.unparse(node.func) in ("torch.save", "figure.savefig"):
            target = node.args[-1 if name == "save" else 0]  # a file that is open, no path
            assert ast.unparse(target) in ("file", "buffer"), f"{path}:{node.lineno}: {said}"


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

"""No command leaves a part of a file on a full disk, or writes over what somebody else made."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path

import pytest
from click import Context
from hypothesis import given
from hypothesis import strategies as st

from speczoo.__main__ import cli
from speczoo.commands import SECTIONS
from speczoo.specs import files
from tests.contracts.sandboxes import KERAS, NET, snapshot, zoo

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
    stated = [str(words.get(argument, argument)) for argument in arguments]
    for name in written:
        target = Path(name)
        target.parent.mkdir(exist_ok=True)
        target.write_bytes(b"made by hand")
        before = snapshot(sandbox / "here")
        result = zoo(*stated)
        assert result.exit_code == 2, result.output
        assert "--force" in result.output
        after = snapshot(sandbox / "here")
        assert {name: kept[::2] for name, kept in after.items()} == {name: kept[::2] for name, kept in before.items()}
        target.unlink()
    (sandbox / "here" / written[-1]).write_bytes(b"made by hand")
    old = os.umask(0o027)
    try:
        result = zoo(*stated, "--force")
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

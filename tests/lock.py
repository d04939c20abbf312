"""The versions that the tests run with, and the sha256 of every file that may be installed for them.

`constraints.txt` holds versions, of all packages, on all platforms: `pip install -e .` takes no hashes beside it, for a
folder has none. `locked.txt` holds the same versions with the hashes of their files, for `pip --require-hashes`.

    python tests/lock.py write            both anew, by uv, from pyproject.toml; versions stay where they can
    python tests/lock.py needed REPORT    of the lock, what pip would install by its `--dry-run --report`
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
CONSTRAINTS = Path("tests/constraints.txt")
LOCKED = Path("tests/locked.txt")
COMPILE = ["uv", "pip", "compile", "--quiet", "--universal", "--python-version", "3.11", "--no-annotate"]
COMPILE += ["--generate-hashes", "--custom-compile-command", "python tests/lock.py write"]
COMPILE += ["pyproject.toml", "--extra", "test", "--group", "pyproject.toml:release"]
HEAD = """\
# The versions that the tests run with; the project's own ranges stay open.
# Written by `python tests/lock.py write`, as locked.txt is, which has the hashes.
"""
# torch's own builds without CUDA are other files than its index of packages has, under the same version
BESIDE = {"torch==2.13.0": ["6746dbcbeb526eb61330b76b41ff1b4eb848951103a892eeb080dfa2b264667b"]}


def entries(text: str) -> list[str]:
    """The requirements of a file, each with the lines that go on with it, without comments."""
    lines = [line for line in text.splitlines(keepends=True) if line.strip() and not line.lstrip().startswith("#")]
    return re.findall(r"^\S.*\n(?:[ \t].*\n)*", "".join(lines), re.MULTILINE)


def pin(entry: str) -> str:
    """`name==version` of a requirement, the name as the index spells it."""
    found = re.match(r"([\w.-]+)==([\w.!]+)", entry)
    if found is None:
        raise SystemExit(f"not pinned: {entry.strip()}")
    return f"{spelled(found[1])}=={found[2]}"


def spelled(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def write() -> None:
    """Both files. Between versions that would do, uv keeps those that stand in the lock."""
    subprocess.run([*COMPILE, "-o", str(LOCKED)], cwd=ROOT, check=True)
    text = (ROOT / LOCKED).read_text(encoding="utf-8")
    for entry in entries(text):
        more = [f" \\\n    --hash=sha256:{digest}" for digest in BESIDE.get(pin(entry), ()) if digest not in entry]
        text = text.replace(entry, entry.rstrip("\n") + "".join(more) + "\n")
    (ROOT / LOCKED).write_text(text, encoding="utf-8")
    lines = [entry.splitlines()[0].removesuffix("\\").rstrip() + "\n" for entry in entries(text)]
    (ROOT / CONSTRAINTS).write_text(HEAD + "".join(lines), encoding="utf-8")


def needed(report: Path) -> str:
    """The entries of the lock for what a report of pip installs, less the project itself."""
    known = {pin(entry): entry for entry in entries((ROOT / LOCKED).read_text(encoding="utf-8"))}
    found = []
    for item in json.loads(report.read_text(encoding="utf-8"))["install"]:
        if "dir_info" in item["download_info"]:
            continue
        name, version = item["metadata"]["name"], item["metadata"]["version"]
        public = version.split("+")[0]
        if (wanted := f"{spelled(name)}=={public}") not in known:
            raise SystemExit(f"{LOCKED} has no {wanted}: python tests/lock.py write")
        found.append(known[wanted].replace(public, version, 1))  # 2.13.0+cpu is a build of 2.13.0
    return "".join(found)


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["write"]:
            write()
        case ["needed", report]:
            print(needed(Path(report)), end="")
        case _:
            raise SystemExit(__doc__)

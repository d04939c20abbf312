"""The corpus as one file of the repository: texts that between them take every step that fuzzing took.

`python -m tests.fuzz.corpus unpack DIR` makes a file of each, for the fuzzer; `pack DIR` keeps of a folder, beside what
is kept already, the texts that go from a line to a line where nothing shorter went.
"""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path
from typing import TypeAlias

FILE = Path(__file__).with_name("corpus.json")
ROOT = Path(__file__).parents[2]
Step: TypeAlias = tuple[str, int, int]


def texts() -> list[str]:
    found: list[str] = json.loads(FILE.read_text(encoding="utf-8")) if FILE.exists() else []
    return found


def unpack(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for text in texts():
        data = text.encode("utf-8")
        (folder / hashlib.sha1(data).hexdigest()).write_bytes(data)


def pack(folder: Path) -> None:
    known: set[Step] = set()
    kept = []
    found = {*texts(), *(path.read_bytes().decode("utf-8", "replace") for path in folder.iterdir())}
    for text in sorted(found, key=lambda text: (len(text), text)):
        steps = taken(text)
        if not steps <= known:
            known |= steps
            kept.append(text)
    FILE.write_text(json.dumps(kept, indent=0) + "\n", encoding="utf-8")


def taken(text: str) -> set[Step]:
    """The steps from line to line that a text takes through the code that is fuzzed."""
    import coverage  # type: ignore[import-not-found]

    from tests.fuzz.target import checked

    watch = coverage.Coverage(data_file=None, branch=True, source=[str(ROOT / name) for name in ("specs", "compiler")])
    with watch.collect():
        checked(text)
    data = watch.get_data()
    return {(file, *arc) for file in data.measured_files() for arc in data.arcs(file) or ()}


if __name__ == "__main__":
    {"pack": pack, "unpack": unpack}[sys.argv[1]](Path(sys.argv[2]))

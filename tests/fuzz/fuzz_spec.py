"""A coverage-guided fuzzer over text -> Spec -> Graph -> source, and over what else reads files of strangers; see
README.md for how it is run.

`python -m tests.fuzz.fuzz_spec [--target NAME] CORPUS [libFuzzer's options]`
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import sys
import time
import warnings
from collections import deque
from pathlib import Path
from random import Random
from typing import Any

import atheris  # type: ignore[import-not-found]
from atheris.import_hook import HookManager  # type: ignore[import-not-found]

# Watched: which branches are taken. Not watched, for they cost more than half the time and teach nothing to a mutator
# that works on structure: the operands of comparisons, and the loops over characters of what is printed or suggested.
NAME = "spec"
if sys.argv[1:2] == ["--target"]:
    NAME = " ".join(sys.argv[2:3])
    del sys.argv[1:3]
WATCHED = {"speczoo"}  # whole packages, by their first name
with HookManager(WATCHED, {"speczoo.specs.render", "speczoo.specs.suggestions"}, False, trace_dataflow=False):
    import speczoo.api  # noqa: F401
    from tests.fuzz import mutations, refactorings, target
    from tests.fuzz.targets import TARGETS, Target

    if NAME in TARGETS:  # what it imports late is watched too
        TARGETS[NAME].check(TARGETS[NAME].seeds()[0])

LOG = Path(os.environ.get("FUZZ_LOG", "/dev/stderr"))
EVERY = 60  # seconds between two lines of the log


class Progress:
    """How many inputs were run, how many got past YAML, how many were whole networks."""

    def __init__(self) -> None:
        self.runs = self.past = self.whole = 0
        self.started = self.reported = time.time()

    def count(self, past: bool, whole: bool) -> None:
        self.runs += 1
        self.past += past
        self.whole += whole
        if time.time() - self.reported > EVERY:
            self.reported = time.time()
            line = {
                "minutes": round((self.reported - self.started) / 60, 1),
                "runs": self.runs,
                "past_yaml": self.past,
                "whole": self.whole,
            }
            with LOG.open("a") as log:
                print(json.dumps(line), file=log)


PROGRESS = Progress()
WHOLE: deque[bytes] = deque(maxlen=2_000)  # the last texts that were whole networks


def one(data: bytes) -> None:
    past, graph = target.checked(data.decode("utf-8", "replace"))
    PROGRESS.count(past, graph is not None)
    if graph is not None:
        WHOLE.append(data)


def mutator(data: bytes, most: int, seed: int) -> bytes:
    """A change of the structure; now and then one of the text or its bytes, for the reader's sake. Often of a spec that
    was right: what is kept for its coverage is mostly wrong already, and gets no further."""
    random = Random(seed)
    times = random.choice([1, 1, 2, 3, 5])
    if WHOLE and random.random() < 0.4:
        right = mutations.read(random.choice(WHOLE))
        assert right is not None
        changed = mutations.text(refactorings.refactored(right, random, times), random)
    else:
        known: dict[str, Any] | None = mutations.read(data) if data.strip() else None
        if known is None or random.random() < 0.3:
            known = random.choice(mutations.small_seeds())
        if random.random() < 0.05:
            return bytes(atheris.Mutate(data, most))
        if random.random() < 0.1:
            known = mutations.mutated(random.choice(mutations.small_seeds()), random, 1) | known
        changed = mutations.text(mutations.mutated(known, random, times), random)
    if random.random() < 0.1:
        changed = mutations.retyped(changed, random)
    made = changed.encode("utf-8", "replace")
    return made if len(made) <= most else data[:most]


def other(chosen: Target) -> None:
    """Fuzzes one of targets.py; what it starts from goes into the corpus."""

    def check(data: bytes) -> None:
        PROGRESS.count(*chosen.check(data))

    def changed(data: bytes, most: int, seed: int) -> bytes:
        random = Random(seed)
        made = chosen.changed(data or random.choice(seeds), random)
        return made if len(made) <= most else data[:most]

    logging.disable(logging.WARNING)
    warnings.simplefilter("ignore")
    seeds = chosen.seeds()
    folder = next((Path(word) for word in sys.argv[1:] if not word.startswith("-")), None)
    if folder is not None and not folder.is_file():  # a file is an input to run again
        folder.mkdir(parents=True, exist_ok=True)
        for seed in seeds:
            (folder / hashlib.sha1(seed).hexdigest()).write_bytes(seed)
    atheris.Setup(sys.argv, check, custom_mutator=changed)


def main() -> None:
    if NAME == "spec":
        atheris.Setup(sys.argv, one, custom_mutator=mutator)
    elif NAME in TARGETS:
        other(TARGETS[NAME])
    else:
        raise SystemExit(f"there is no target {NAME}: spec, {', '.join(TARGETS)}")
    atheris.Fuzz()


if __name__ == "__main__":
    main()

"""A coverage-guided fuzzer over text -> Spec -> Graph -> source; see README.md for how it is run.

`python -m tests.fuzz.fuzz_spec CORPUS [libFuzzer's options]`
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections import deque
from pathlib import Path
from random import Random
from typing import Any

import atheris  # type: ignore[import-not-found]
from atheris.import_hook import HookManager  # type: ignore[import-not-found]

# Watched: which branches are taken. Not watched, for they cost more than half the time and teach nothing to a mutator
# that works on structure: the operands of comparisons, and the loops over characters of what is printed or suggested.
with HookManager({"specs", "compiler"}, {"specs.render", "specs.suggest"}, False, trace_dataflow=False):
    import zoo.api  # noqa: F401
    from tests.fuzz import mutations, refactorings, target

LOG = Path(os.environ.get("FUZZ_LOG", "/dev/stderr"))
EVERY = 60  # seconds between two lines of the log


class Progress:
    """How many inputs were run, how many got past YAML, how many were whole networks."""

    def __init__(self) -> None:
        self.runs = self.past = self.whole = 0
        self.started = self.told = time.time()

    def count(self, past: bool, whole: bool) -> None:
        self.runs += 1
        self.past += past
        self.whole += whole
        if time.time() - self.told > EVERY:
            self.told = time.time()
            line = {
                "minutes": round((self.told - self.started) / 60, 1),
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


def main() -> None:
    atheris.Setup(sys.argv, one, custom_mutator=mutator)
    atheris.Fuzz()


if __name__ == "__main__":
    main()

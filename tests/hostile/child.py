"""What attacks cost: each is checked in a process of its own, forked from one that has imported what a
check imports, and no more.

Reads paths from stdin, a line each, and answers each with a line of JSON: the diagnostics, what was printed, seconds of
processor time on an unhurried machine, and the largest resident memory in MiB.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import sys
import time
from typing import Any

import zoo
from specs import render
from specs.diagnostics import Diagnostic

PATIENCE = 30  # seconds after which an attack has won


def highest() -> float:
    """The peak of this process's memory in MiB. ru_maxrss would count the process that it was forked from."""
    try:
        with open("/proc/self/status", encoding="ascii") as status:
            return next(int(line.split()[1]) / 1024 for line in status if line.startswith("VmHWM"))
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1 << (20 if sys.platform == "darwin" else 10))


def pace() -> float:
    """How much slower than an unhurried machine this one is just now; 1 where it is not."""
    start = time.process_time()
    for _ in range(500_000):
        pass
    return max(1.0, (time.process_time() - start) / 0.012)


def measured(path: str) -> dict[str, Any]:
    before = pace()
    start = time.process_time()
    told: tuple[Diagnostic, ...] = ()
    try:
        told = zoo.check(path)
    except zoo.SpecError as error:
        told = error.diagnostics
    text = render.text(told)
    seconds = (time.process_time() - start) / ((before + pace()) / 2)
    checked = [render.Checked(path, told)]
    printed = [text, render.concise(told), render.as_json(checked), render.github(told), render.sarif(told, "0")]
    peak = highest()
    return {
        "told": [(d.code, d.span.line if d.span else None, d.message[:200]) for d in told[:3]],
        "plain": all(character.isprintable() or character == "\n" for shown in printed for character in shown),
        "seconds": seconds,
        "peak": peak,
        "torch": "torch" in sys.modules,
    }


def main() -> None:
    zoo.check({"spec": 1, "name": "warm", "input": [1], "layers": [{"op": "ReLU"}]})  # imports what is imported late
    for line in sys.stdin:
        reader, writer = os.pipe()
        child = os.fork()
        if not child:
            signal.alarm(PATIENCE)
            os.close(reader)
            try:
                found = measured(line.rstrip("\n"))
            except BaseException as error:
                found = {"error": f"{type(error).__name__}: {error!s:.300}"}
            with os.fdopen(writer, "w") as pipe:
                json.dump(found, pipe)
            os._exit(0)
        os.close(writer)
        with os.fdopen(reader) as pipe:
            answer = pipe.read()
        status = os.waitpid(child, 0)[1]
        print(answer if answer and not status else json.dumps({"error": f"ended by signal {status & 127}"}), flush=True)


if __name__ == "__main__":
    main()

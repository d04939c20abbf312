"""What attacks cost, in calls and in memory: each is checked, or given to commands, in a process of its own, forked
from one that has imported what they import, and no more.

Reads questions from stdin, a line of JSON each: a path to check, or `[folder, [arguments of zoo, ...]]` to run there
one after the other. Answers each with a line of JSON. A machine that is slow or busy answers the same.
"""

from __future__ import annotations

import gc
import json
import os
import resource
import signal
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from click.testing import CliRunner

import speczoo
from speczoo.__main__ import cli
from speczoo.collector import YOUNG
from speczoo.specs import machine_formats, render
from speczoo.specs.diagnostics import Diagnostic
from tests.steps import counted, highest

PATIENCE = 600  # seconds: what takes as many is taken for endless, on any machine
COMMANDS = (
    "check", "list", "show", "summary", "sizes", "draw", "source", "compare", "diff", "fingerprint", "sweep", "build",
    "new", "fmt", "recipes",
)  # fmt: skip
#: What stands before a spec, where it is not the command alone.
WORDS = {"check": ("--fix",), "diff": ("lenet5",), "build": ("-o", "net.py"), "new": ("other", "--from")}
ROOT = Path(__file__).parents[2]


def check(path: str) -> dict[str, Any]:
    """What is reported of a spec, in every form that it is printed in."""

    def work() -> tuple[tuple[Diagnostic, ...], list[str]]:
        shown: tuple[Diagnostic, ...] = ()
        try:
            shown = speczoo.check(path)
        except speczoo.SpecError as error:
            shown = error.diagnostics
        checked = [machine_formats.Checked(path, shown)]
        forms = [
            render.text(shown),
            machine_formats.concise(shown),
            machine_formats.as_json(checked),
            machine_formats.github(shown),
        ]
        return shown, [*forms, machine_formats.sarif(shown, "0")]

    (shown, printed), calls = counted(work)
    return {
        "reported": [(d.code, d.span.line if d.span else None, d.message[:200]) for d in shown[:3]],
        "plain": plain(*printed),
        "mends": any(d.fix for d in shown),
        "calls": calls,
        "peak": highest(),
        "torch": "torch" in sys.modules,
    }


def run(folder: str, commands: list[list[str]]) -> dict[str, Any]:
    """What each command does in this folder."""
    os.chdir(folder)
    return {"runs": list(map(command, commands)), "peak": highest(), "torch": "torch" in sys.modules}


def command(arguments: list[str]) -> dict[str, Any]:
    result, calls = counted(lambda: CliRunner().invoke(cli, arguments, prog_name="zoo"))
    stated = result.stderr.splitlines()[:1] if result.exit_code else []
    return {"code": result.exit_code, "calls": calls, "plain": plain(result.stderr), "said": stated}


def plain(*texts: str) -> bool:
    return all(character.isprintable() or character == "\n" for text in texts for character in text)


def answer(question: Any) -> dict[str, Any]:
    return check(question) if isinstance(question, str) else run(*question)


def ends_what_never_ends() -> None:
    """Ends this process before an endless loop, or a read that nothing comes to, keeps a test from failing. A guard
    and no measure: what an attack costs is counted."""
    resource.setrlimit(resource.RLIMIT_CPU, (PATIENCE, PATIENCE))
    signal.alarm(2 * PATIENCE)


def forked(question: Any) -> str:
    """The answer of a fork of this process, or how it ended."""
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        ends_what_never_ends()
        os.close(reader)
        try:
            found = answer(question)
        except BaseException as error:
            found = {"error": f"{type(error).__name__}: {error!s:.300}"}
        with os.fdopen(writer, "w") as pipe:
            json.dump(found, pipe)
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as pipe:
        text = pipe.read()
    status = os.waitpid(child, 0)[1]
    return text if text and not status else json.dumps({"error": f"ended by signal {status & 127}"})


def questions() -> Iterator[Any]:
    for line in sys.stdin:
        yield json.loads(line)


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:  # imports what is imported late
        os.chdir(folder)
        Path("spec.yaml").write_text("spec: 1\nname: warm\ninput: [1]\nlayers: [{op: Relu}]\n")
        check("spec.yaml")
        for name in COMMANDS:
            CliRunner().invoke(cli, [name, *WORDS.get(name, ()), "spec.yaml"], prog_name="zoo")
        os.chdir(ROOT)
    gc.collect()
    gc.freeze()  # what forks have in common is no garbage of theirs
    gc.set_threshold(YOUNG)  # as `zoo` does
    for question in questions():
        print(forked(question), flush=True)


if __name__ == "__main__":
    main()

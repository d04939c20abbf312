"""Many files are checked in several processes, and nobody can tell by what is reported."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from itertools import count, islice
from pathlib import Path

import pytest

from speczoo import processes
from tests.commands.test_standard_streams import FAMILY, NET, WRONG

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="forks on Linux alone")

#: What follows has no threads, and three cores; a shell's background job inherits that Ctrl-C is ignored.
ALONE = (
    "import os, signal, sys\n"
    "from speczoo import processes\n"
    "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
    "processes.cores = lambda: {cores}\n"
)
MANY = 3 * processes.WORTH


def python(text: str, *words: str, cores: int = 3, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    code = ALONE.format(cores=cores) + text
    return subprocess.run(
        [sys.executable, "-c", code, *words], cwd=cwd, capture_output=True, text=True, start_new_session=True
    )


def test_what_is_made_comes_in_order_and_from_other_processes() -> None:
    done = python(
        "def work(item): return item, os.getpid()\n"
        f"found = list(processes.forked(work, range({MANY})))\n"
        f"assert [item for item, _ in found] == list(range({MANY}))\n"
        "assert os.getpid() not in {process for _, process in found}\n"
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    "fails",
    ["os._exit(1)", "os.kill(os.getpid(), signal.SIGKILL)", "raise OSError(7, 'x')", "return lambda: 5", "1 / 0"],
)
def test_what_a_process_fails_at_is_done_by_its_parent(fails: str) -> None:
    done = python(
        "parent = os.getpid()\n"
        "def work(item):\n"
        f"    if item == 5 and os.getpid() != parent: {fails}\n"
        "    return -item\n"
        f"assert list(processes.forked(work, range({MANY}))) == [-item for item in range({MANY})]\n"
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("cores", [1, 3])
def test_a_failure_is_raised_after_what_came_before_it(cores: int) -> None:
    done = python(
        "def work(item): return 1 / (5 - item)\n"
        "found = []\n"
        "try:\n"
        f"    for each in processes.forked(work, range({MANY})): found.append(each)\n"
        "except ZeroDivisionError as error: assert error.__cause__ is None\n"
        "assert len(found) == 5\n",
        cores=cores,
    )
    assert done.returncode == 0, done.stderr


def test_beside_another_thread_there_is_no_fork() -> None:
    done = python(
        "import threading\n"
        "threading.Thread(target=threading.Event().wait, daemon=True).start()\n"
        f"assert set(processes.forked(lambda item: os.getpid(), range({MANY}))) == {{os.getpid()}}\n"
    )
    assert done.returncode == 0, done.stderr


def test_many_things_are_taken_several_at_a_time() -> None:
    done = python(
        "processes.TOGETHER = 7\n"
        "assert list(processes.forked(lambda item: bytes(item), range(99))) == [bytes(item) for item in range(99)]\n"
        "assert list(processes.forked(lambda item: bytes(10**6), range(9))) == [bytes(10**6)] * 9\n"
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("whose", ["True", "os.getpid() == parent"])
def test_ctrl_c_ends_all_of_them_without_a_word(whose: str) -> None:
    """Once, at the first item: by the process that works on it or, where those fail, by their parent."""
    done = python(
        "import time\n"
        "parent = os.getpid()\n"
        "def work(item):\n"
        f"    if item == 0 and {whose}: os.killpg(0, signal.SIGINT)\n"
        f"    if {whose}: time.sleep(600)\n"
        "    raise ValueError\n"
        "try:\n"
        f"    list(processes.forked(work, range({MANY})))\n"
        "except KeyboardInterrupt: print('stopped')\n"
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "stopped\n", "")


def test_no_process_outlives_what_is_wanted_of_it() -> None:
    done = python(
        "import time\n"
        "def work(item): return os.getpid() if item < 2 else time.sleep(600)\n"
        f"found = processes.forked(work, range({MANY}))\n"
        "process = next(found)\n"
        "found.close()\n"
        "try: os.kill(process, 0)\n"
        "except ProcessLookupError: print('gone')\n"
    )
    assert (done.returncode, done.stdout) == (0, "gone\n"), done.stderr


PREPARED: list[str] = []


def prepare(word: str) -> None:
    PREPARED.append(word)


def prepared(number: int) -> tuple[int, list[str], int]:
    return number, PREPARED, os.getpid()


def test_spawned_processes_are_prepared_and_nothing_is_asked_for_far_ahead() -> None:
    asked: list[int] = []

    def numbers() -> Iterator[int]:
        for number in count():
            asked.append(number)
            yield number

    found = processes.spawned(prepared, numbers(), 2, partial(prepare, "once"))
    first = [*islice(found, 20)]
    found.close()
    assert [(number, stated) for number, stated, _ in first] == [(number, ["once"]) for number in range(20)]
    assert os.getpid() not in {process for *_, process in first}
    assert len(asked) <= 20 + 2 * processes.AHEAD


def test_a_failure_of_a_spawned_process_is_raised_after_what_came_before_it() -> None:
    found = processes.spawned(int, ["1", "2", "x", "3"], 1)
    assert [*islice(found, 2)] == [1, 2]
    with pytest.raises(ValueError, match="invalid literal"):
        next(found)


@pytest.mark.parametrize("words", [(), ("--json",), ("--format", "concise"), ("--strict",), ("--set", "width=3")])
def test_a_check_of_many_files_says_the_same(words: tuple[str, ...], tmp_path: Path) -> None:
    texts = (NET, FAMILY, WRONG, "spec: 1\nlayers: [", FAMILY + "x: 1\n")
    for number in range(MANY):
        (tmp_path / f"{number}.yaml").write_text(texts[number % len(texts)])
    targets = [*sorted(os.listdir(tmp_path)), "0.yaml", "absent.yaml", "1.yaml:small", "1.yaml:no", "lenet5", "nothing"]
    one, many = (
        python("from speczoo.__main__ import main\nmain()", "check", *words, *targets, cores=cores, cwd=tmp_path)
        for cores in (1, 3)
    )
    assert (one.returncode, one.stdout, one.stderr) == (many.returncode, many.stdout, many.stderr)
    assert one.returncode == 2

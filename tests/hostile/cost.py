"""What a command costs: `python -m tests.hostile.cost zoo check net.yaml` runs it and prints a line of JSON.

A process of its own and a small one, since the largest memory of a child counts what its parent had when it forked.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys


def main() -> None:
    with subprocess.Popen(
        [sys.executable, "-m", *sys.argv[1:]], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as run:
        assert run.stdout
        output = run.stdout.read()
        _, status, usage = os.wait4(run.pid, 0)
        run.returncode = os.waitstatus_to_exitcode(status)
    found = {
        "output": output,
        "code": run.returncode,
        "seconds": usage.ru_utime + usage.ru_stime,
        "peak": usage.ru_maxrss / (1 << (20 if sys.platform == "darwin" else 10)),
    }
    json.dump(found, sys.stdout)


if __name__ == "__main__":
    main()

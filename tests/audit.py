"""Asks pip-audit for known vulnerabilities of the locked versions.

Ends with 1 where one is known. Where nobody could be asked that is reported, and passes, but with `--required`.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

LOCKED = Path(__file__).with_name("locked.txt")
COMMAND = ["pip-audit", "-r", str(LOCKED), "--require-hashes", "--disable-pip", "--format", "json"]
SHOWN = 5


def verdict(output: str, errors: str, required: bool) -> tuple[int, str]:
    """The exit code, and what to say, for what pip-audit printed on its two streams."""
    try:
        asked: list[dict[str, Any]] = json.loads(output)["dependencies"]
    except ValueError:
        last = (errors.strip().splitlines() or ["it ended without a word"])[-1]
        return int(required), f"nothing was audited: {last}"
    wrong = [(item, found) for item in asked for found in item.get("vulns", ())]
    skipped = [item["name"] for item in asked if "skip_reason" in item]
    lines = []
    for item, found in wrong:
        mended = ", ".join(found["fix_versions"]) or "no version yet"
        lines.append(f"{item['name']} {item['version']}: {found['id']}, mended in {mended}")
    if len(skipped) == len(asked):
        return int(required), "nothing was audited: the advisory service knows none of the packages, or is not reached"
    if skipped:
        more = f" and {len(skipped) - SHOWN} more" if len(skipped) > SHOWN else ""
        lines.append(f"not audited: {', '.join(skipped[:SHOWN])}{more}")
    lines.append(f"{len(asked) - len(skipped)} of {len(asked)} packages audited, {len(wrong)} known vulnerabilities")
    return int(bool(wrong) or (required and bool(skipped))), "\n".join(lines)


if __name__ == "__main__":
    done = subprocess.run([*COMMAND, "--progress-spinner", "off"], capture_output=True, text=True)
    code, stated = verdict(done.stdout, done.stderr, "--required" in sys.argv[1:])
    print(stated)
    raise SystemExit(code)

"""What importing gives and costs: how many of timm's families import with equal keys and outputs, why others do not,
how long their specs are beside their printed modules; and the time of resnet50 beside building it and running it three
times.

python -m tests.benchmarks.bench_importing [resnet50 | FAMILY ...]

The smallest model of each family by its number of parameters, at the smallest size that it is made for; a process for
each, two at a time. Without timm there is nothing to measure.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time
import warnings
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from typing import Any

import torch
from torch import nn

from speczoo.importing import from_module
from speczoo.torchvision import torchvision

AT_ONCE = 2
#: A model that takes longer counts as not imported; the largest that is built.
SECONDS, MOST = 600, 150_000_000


def families() -> dict[str, list[str]]:
    """timm's models by the module that they are written in, but for those that it tests itself with."""
    torchvision()
    from timm.models import _registry

    found = {family: sorted(names) for family, names in sorted(_registry._module_to_models.items())}
    plain = {family: [n for n in names if not n.startswith("test_")] for family, names in found.items()}
    return {family: names for family, names in plain.items() if names}


def smallest(names: list[str]) -> tuple[int, str] | None:
    """The fewest parameters among these models, and the first model that has so many."""
    import timm

    for name in vars(nn.init):
        if name.endswith("_") and not name.startswith("_"):
            setattr(nn.init, name, lambda tensor, *args, **options: tensor)  # what counts is how many there are
    counted = []
    for name in names:
        try:
            with torch.device("meta"):
                model = timm.create_model(name)
        except Exception:  # that cannot be made on meta
            continue
        counted.append((sum(p.numel() for p in model.parameters()), name))
    return min(counted, default=None)


def one(name: str) -> dict[str, Any]:
    """What comes of importing one model."""
    torchvision()
    import timm

    model = timm.create_model(name)
    config = model.pretrained_cfg
    size = tuple(
        config["input_size"] if config.get("fixed_input_size") else config.get("min_input_size") or (3, 224, 224)
    )
    found: dict[str, Any] = {"printed": len(repr(model).splitlines())}
    start = time.perf_counter()
    try:
        made = from_module(model, size, name=name)
    except Exception as error:  # whatever a model raises counts as not imported
        first, *more = str(error).splitlines() or [""]
        return found | {"refused": f"{type(error).__name__}: {(more or [first])[0].strip()}"}
    return found | {
        **{"lines": len(str(made).splitlines()), "seconds": time.perf_counter() - start},
        **{"sizes": made.sizes, "notes": [*made.notes]},
    }


def apart(*arguments: str) -> Any:
    """What a process of its own gives for these arguments; None where it dies or takes too long."""
    command = [sys.executable, "-m", "tests.benchmarks.bench_importing", *arguments]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=True)
    except subprocess.SubprocessError:
        return None
    return json.loads(done.stdout.splitlines()[-1])


def imported(family: str) -> tuple[str, str, dict[str, Any]]:
    """What comes of the smallest model of a family."""
    found = apart("--smallest", family)
    if found is None or found[0] > MOST:
        return family, "", {"refused": "no model that is small enough"}
    return family, found[1], apart("--one", found[1]) or {"refused": "it died, or took too long"}


def results(names: list[str]) -> Iterator[dict[str, Any]]:
    """Import the smallest model of each family, and print what comes of it."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for family, name, found in pool.map(imported, names):
            if "refused" in found:
                print(f"{family} {name}: {found['refused']}", flush=True)
            else:
                sizes = "" if found["sizes"] else ", at its size alone"
                lines = f"{found['lines']} of {found['printed']} lines"
                print(f"{family} {name}: {lines}, {found['seconds']:.1f} s{sizes}", flush=True)
            for note in found.get("notes", ()):
                print(f"    {note}")
            yield found


def report(found: list[dict[str, Any]]) -> None:
    """Print how many were imported, what stood in the way of the others, and how long the specs are."""
    good = [each for each in found if "refused" not in each]
    print(f"{len(good)} of {len(found)} families imported")
    for why, count in Counter(each["refused"].rpartition(": ")[2] for each in found if "refused" in each).most_common():
        print(f"  {count} x {why}")
    if good:
        ratios = [each["lines"] / each["printed"] for each in good]
        below = sum(ratio < 0.1 for ratio in ratios)
        middle = [statistics.median(each[key] for each in good) for key in ("lines", "printed")]
        print(
            f"lines of a spec for each of its printed module: median {statistics.median(ratios):.3f}, {below} below 0.1"
        )
        print(f"medians: {middle[0]:.0f} lines of specs, {middle[1]:.0f} lines of printed modules")


def resnet50() -> None:
    """Import against building and three runs, in one process, the middle of five turns."""
    make: Any = torchvision().models.resnet50
    x = torch.randn(1, 3, 224, 224)
    rows = []
    for _ in range(5):
        start = time.perf_counter()
        model: nn.Module = make().eval()
        with torch.no_grad():
            for _ in range(3):
                model(x)
        between = time.perf_counter()
        from_module(model, (3, 224, 224), name="resnet50")
        rows.append((time.perf_counter() - between, between - start))
    ratio = statistics.median(ours / theirs for ours, theirs in rows)
    print(f"resnet50: imported in {min(a for a, _ in rows):.2f} s, {ratio:.2f} x building and three runs")


def main(arguments: list[str]) -> None:
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    if arguments == ["resnet50"]:
        resnet50()
    elif find_spec("timm") is None:
        print("skipped: timm is not installed")
    elif arguments[:1] == ["--smallest"]:
        print(json.dumps(smallest(families()[arguments[1]])))
    elif arguments[:1] == ["--one"]:
        print(json.dumps(one(arguments[1])))
    else:
        report([*results(arguments or [*families()])])


if __name__ == "__main__":
    main(sys.argv[1:])

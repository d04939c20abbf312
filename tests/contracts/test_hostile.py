"""A hostile spec costs nobody anything, whatever the command: each attack earns its code at its line, in as many calls
as honest networks take, and in 80 MiB more than an honest network of one layer takes under the same commands. What is
counted is the same on every machine: no verdict hangs on a clock."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from speczoo import catalogue
from speczoo.specs.codes import CODES
from tests.hostile.attacks import HEAD, RECIPES, ROWS, Attack, Text, layers

ROOT = Path(__file__).parents[2]
ADDED = 80  # MiB
AT_ALL = 400  # MiB, with what is imported
#: The honest work that attacks are held to: every network of a family of the zoo checked at once, the largest there
#: is. An attack may take so many times its calls: most take less than two, and a file of three thousand wrong variants
#: nearly as many.
REFERENCE, TIMES = "efficientnet", 10


class Child:
    """A process that has imported `zoo`, and forks for every attack."""

    def __init__(self) -> None:
        command = [sys.executable, "-m", "tests.hostile.child"]
        self.process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.budget = TIMES * self.check(catalogue.NETWORKS / f"{REFERENCE}.yaml")["calls"]

        self.honest: dict[tuple[tuple[str, ...], ...], float] = {}

    def ask(self, question: Any) -> dict[str, Any]:
        assert self.process.stdin
        assert self.process.stdout
        print(json.dumps(question), file=self.process.stdin, flush=True)
        found: dict[str, Any] = json.loads(self.process.stdout.readline())
        assert "error" not in found, found
        return found

    def check(self, path: Path) -> dict[str, Any]:
        return self.ask(str(path))

    def run(self, folder: Path, *commands: tuple[str, ...]) -> dict[str, Any]:
        return self.ask([str(folder), commands])

    def takes_little(self, peak: float, *commands: tuple[str, ...]) -> bool:
        """Whether a peak of memory is hardly above the peak of an honest file under these commands (without any: of a
        check), in MiB; both have imported the same."""
        if commands not in self.honest:
            with tempfile.TemporaryDirectory() as folder:
                spec = Path(folder) / "spec.yaml"
                spec.write_text(layers("{op: ReLU}"))
                found = self.run(spec.parent, *commands) if commands else self.check(spec)
            self.honest[commands] = found["peak"]
        return peak < min(self.honest[commands] + ADDED, AT_ALL)


@pytest.fixture(scope="module")
def child() -> Iterator[Child]:
    made = Child()
    yield made
    assert made.process.stdin
    made.process.stdin.close()
    made.process.wait()


def written(folder: Path, attack: Attack) -> Path:
    """The attack as files: the spec in a folder of its own, and around it what it wants to reach."""
    home = folder / "home"
    (home / "below").mkdir(parents=True)

    def write(path: Path, text: Text) -> None:
        path.write_bytes(text if isinstance(text, bytes) else text.encode())

    write(folder / "secret.yaml", layers("{op: ReLU}"))
    (home / "linked.yaml").symlink_to(folder / "secret.yaml")
    (home / "linked").symlink_to(folder)
    (home / "zero.yaml").symlink_to("/dev/zero")
    (home / "ring.yaml").symlink_to(home / "ring.yaml")
    os.mkfifo(home / "pipe.yaml")
    for name, text in attack.beside.items():
        write(home / name, text)
    spec = home / "spec.yaml"
    write(spec, attack.text)
    return spec


#: The commands: those that stand side by side do the same and print it otherwise, or write it, and an attack meets one
#: of them. `check` is met by all.
COMMANDS: dict[str, tuple[tuple[str, ...], ...]] = {
    "list": (("list",), ("list", "--json")),
    "summary": (("summary",), ("summary", "--json")),
    "sizes": (("sizes",), ("sizes", "--json")),
    "draw": (("draw",), ("draw", "--format", "mermaid", "--depth", "9")),
    "source": (("source",), ("build", "-o", "net.py")),
    "compare": (("compare",), ("compare", "--json")),
    "diff": (("diff", "lenet5"), ("diff", "lenet5", "--json")),
    "fingerprint": (("fingerprint",), ("show", "--resolved")),
    "sweep": (("sweep",), ("sweep", "--csv")),
    "new": (("new", "other", "--from"), ("new", "other", "--json", "--from")),
    "show": (("show",), ("show", "--json")),
    "fmt": (("fmt", "--diff"), ("fmt",)),
    "mend": (("check", "--diff"), ("check", "--fix")),
}


def tried(attack: Attack, *names: str) -> list[tuple[str, ...]]:
    """These commands on an attack; of those that do the same, one by its name, so that it is the same in every run."""
    return [(*COMMANDS[name][_turn(attack) // 8 % 2], "spec.yaml") for name in names]


def _turn(attack: Attack) -> int:
    return zlib.crc32(attack.name.encode())


def some(attack: Attack, *, mends: bool, cheap: bool) -> list[str]:
    """The command that an attack is aimed at, and another by its name where the check was cheap: most do what a check
    did before they do anything of their own."""
    other = list(COMMANDS)[_turn(attack) % (len(COMMANDS) - 1)]
    return list(dict.fromkeys([*filter(None, [attack.aim]), *[other] * cheap, *["mend"] * mends]))


def costs_little(child: Child, spec: Path, commands: list[tuple[str, ...]]) -> None:
    found = child.run(spec.parent, *commands)
    for command, run in zip(commands, found["runs"], strict=True):
        assert run["code"] in (0, 1, 2), (command, run)
        assert run["plain"], (command, run)
        assert run["calls"] < child.budget, (command, run)
    assert child.takes_little(found["peak"], *commands), found
    assert not found["torch"], "torch is imported"


#: Attacks that take long, beside another that goes the same way through the same code.
ALIKE = {
    "classes-apart", "classes-apart-in-loops", "classes-apart-names", "classes-conditions", "classes-groups-apart",
    "classes-names", "classes-nested", "classes-numbers", "classes-numbers-60", "classes-parameters",
    "classes-rules", "classes-sequence", "classes-unsaid", "expansion-rows", "layout-arguments-below-each-other",
    "layout-arguments-known", "layout-arguments-turned", "layout-blanks-1-MB", "layout-blanks-and-numbers-1-MB",
    "many-arguments", "many-defaults", "many-forward", "many-freeze-globs", "many-init-globs", "many-inplace-read",
    "many-inputs", "many-left-out", "many-long-names", "many-ops", "many-outputs", "many-references", "many-shares",
    "many-sums", "many-taps", "many-top-keys", "many-unused", "many-variants", "no_mapping-lines",
    "parameters-forward", "parameters-lists-of-a-block", "parameters-ring", "parameters-rules-of-a-used-spec",
    "rows-blocks", "rows-frozen", "scopes-block-params-2000", "scopes-block-params-2000-again",
    "scopes-block-params-5000-again", "scopes-from-400", "scopes-from-4400", "scopes-names-in-blocks",
    "scopes-names-in-loops", "scopes-variants-wrong", "searches-insides", "searches-lists-again",
    "searches-turns-alike", "searches-turns-long", "searches-variants", "text_growth-ids-in-loops",
    "text_growth-let-of-numbers", "text_growth-lists-as-arguments", "text_growth-long-sums-in-loops",
    "text_growth-numbers", "text_growth-too-long-sums", "uses-chain-20", "values-alive-heavy", "values-parts",
    "values-read-often", "values-unread", "variants-equal", "variants-parameters", "variants-rules",
    "variants-small",
}  # fmt: skip


def attacks() -> Iterator[Any]:
    for row, make in ROWS.items():
        for attack in make():
            name = f"{row}-{attack.name}"
            yield pytest.param(attack, id=name, marks=[pytest.mark.alike] * (name in ALIKE))


ALL = [*attacks()]


@pytest.mark.parametrize("attack", ALL)
def test_it_earns_its_code_and_costs_nothing(attack: Attack, child: Child, tmp_path: Path) -> None:
    assert set(attack.codes) <= set(CODES)
    spec = written(tmp_path, attack)
    found = child.check(spec)
    shown = found["reported"]
    if not attack.codes:
        assert not shown, shown
    else:
        assert shown, "nothing is said"
        assert shown[0][0] in attack.codes, shown
    if attack.line is not None:
        assert shown[0][1] == attack.line, shown
    assert found["plain"], "a control character is printed"
    assert not found["torch"], "torch is imported"
    assert child.takes_little(found["peak"]), found
    assert found["calls"] < child.budget, found
    commands = tried(attack, *some(attack, mends=found["mends"], cheap=found["calls"] < child.budget / 50))
    if commands:
        costs_little(child, spec, commands)


@pytest.mark.slow
@pytest.mark.parametrize("attack", ALL)
def test_every_command_costs_nothing(attack: Attack, child: Child, tmp_path: Path) -> None:
    costs_little(child, written(tmp_path, attack), tried(attack, *COMMANDS))


@pytest.mark.parametrize("name", RECIPES)
def test_a_hostile_recipe_costs_nothing(name: str, child: Child, tmp_path: Path) -> None:
    (tmp_path / "recipe.yaml").write_text(RECIPES[name])
    found = child.run(tmp_path, ("recipes", "./recipe.yaml"), ("check", "recipe.yaml"))
    assert [run["code"] for run in found["runs"]] == [1, 1], found
    assert all(run["calls"] < child.budget for run in found["runs"]), found
    assert child.takes_little(found["peak"]), found


def test_the_whole_zoo_is_listed_and_compared(child: Child, tmp_path: Path) -> None:
    """A hundred names at once cost what a hundred networks cost, and globs what names do."""
    found = child.run(tmp_path, ("list",), ("list", "*e*" * 20), ("compare", "*resnet*"))
    assert [run["code"] for run in found["runs"]] == [0, 2, 0], found
    assert all(run["calls"] < child.budget for run in found["runs"]), found


@pytest.mark.parametrize("value", ["[" * 9_000, "$(9 ** 9 ** 9)", "&a [*a]", "!!python/name:os.system ''", "1" * 5_000])
def test_what_is_set_is_read_as_strictly_as_a_spec(value: str, child: Child, tmp_path: Path) -> None:
    found = child.run(tmp_path, *((name, "lenet5", "--set", f"num_classes={value}") for name in ("summary", "source")))
    assert all(run["code"] in (1, 2) and run["plain"] for run in found["runs"]), found
    assert all(run["calls"] < child.budget for run in found["runs"]), found


# -- around it --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path", ["/dev/zero", "/dev/stdin", "pipe.yaml", "below", "zero.yaml", "linked", "no.yaml", "ring.yaml"]
)
def test_what_is_no_file_is_unreadable(path: str, child: Child, tmp_path: Path) -> None:
    home = written(tmp_path, Attack("", HEAD, ())).parent
    found = child.check(home / path if "/" not in path else Path(path))
    assert [code for code, *_ in found["reported"]] == ["unreadable"], found


def test_the_budget_is_felt(child: Child, tmp_path: Path) -> None:
    """The measuring works: what a spec costs is counted, to the call, and the budget is no more than it says."""
    good = tmp_path / "good.yaml"
    good.write_text(layers("{op: ReLU}"))
    first, again = child.check(good), child.check(good)
    assert first["calls"] == again["calls"] < child.budget / 100
    assert 10 < first["peak"] < AT_ALL
    assert child.takes_little(first["peak"])
    assert not child.takes_little(first["peak"] + ADDED + 20)
    long = tmp_path / "long.yaml"
    long.write_text(layers(*["{op: ReLU}"] * 1_000))
    assert child.check(long)["calls"] > 10 * first["calls"]


# -- the real command -------------------------------------------------------------------------------------------------

COMMAND = [
    ("nesting", "flow-lists"),
    ("size", "50-MB"),
    pytest.param("aliases_and_tags", "aliases", marks=pytest.mark.alike),
    pytest.param("expansion", "loops-in-loops", marks=pytest.mark.alike),
    pytest.param("many", "mistakes", marks=pytest.mark.alike),
]


@pytest.mark.parametrize(("row", "name"), COMMAND)
def test_the_command_survives(row: str, name: str, tmp_path: Path) -> None:
    attack = next(a for a in ROWS[row]() if a.name == name)
    command = [sys.executable, "-m", "speczoo", "check", str(written(tmp_path, attack))]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    assert f"error[{attack.codes[0]}]" in done.stdout
    assert "Traceback" not in done.stdout
    assert done.returncode == 1

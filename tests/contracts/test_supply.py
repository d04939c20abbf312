"""What is installed and what runs in CI is named by its digest, and what is known against it is asked for."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from ruamel.yaml import YAML

from tests import audit, lock

ROOT = Path(__file__).parents[2]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").iterdir())
DOCUMENTS = sorted(path for package in ("", "specs", "compiler", "zoo", "zoo/training", "tests", "tests/fuzz")
                   for path in (ROOT / package).glob("*.md"))  # fmt: skip
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
CONSTRAINTS = (ROOT / lock.CONSTRAINTS).read_text(encoding="utf-8")
LOCKED = (ROOT / lock.LOCKED).read_text(encoding="utf-8")
NAMED = re.compile(r"[\w.-]+/[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+")


def used(path: Path) -> list[str]:
    """What stands behind `uses:` in a workflow, or in a document's example of one."""
    return re.findall(r"^\s*(?:- )?[\"']?uses[\"']?: *(.*)$", path.read_text(encoding="utf-8"), re.MULTILINE)


# -- workflows ----------------------------------------------------------------------------------------------------


def test_every_action_is_named_by_the_digest_of_a_release() -> None:
    found = {(path.name, action) for path in (*WORKFLOWS, *DOCUMENTS) for action in used(path)}
    assert {name for name, _ in found} >= {"ci.yml", "ci.md", "README.md"}
    assert [action for action in sorted(found) if not NAMED.fullmatch(action[1])] == []


def test_an_action_has_one_digest_everywhere() -> None:
    found = {tuple(action.split("@")) for path in (*WORKFLOWS, *DOCUMENTS) for action in used(path)}
    actions = [action for action, _ in found]
    assert sorted(actions) == sorted(set(actions))


@pytest.mark.parametrize(
    "action",
    [
        "actions/checkout@v4",
        "actions/checkout@main",
        "actions/checkout",
        "actions/checkout@3d3c42e # v7.0.1",
        "actions/checkout@3d3c42e5aac5ba805825da76410c181273ba90b1",
        "actions/checkout@3d3c42e5aac5ba805825da76410c181273ba90b1 # latest",
        "docker://alpine:3.8",
    ],
)
def test_a_name_that_may_move_is_no_digest(action: str, tmp_path: Path) -> None:
    for line in (f"- uses: {action}", f"  uses: {action}", f'- "uses": {action}'):
        (tmp_path / "ci.yml").write_text(f"steps:\n  {line}\n", encoding="utf-8")
        assert used(tmp_path / "ci.yml") == [action]
    assert not NAMED.fullmatch(action)


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_a_workflow_reads_the_repository_and_holds_no_secret(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    flow: dict[str, Any] = YAML(typ="safe").load(text)
    assert flow["permissions"] == {"contents": "read"}
    assert not any("permissions" in job for job in flow["jobs"].values())
    assert "secrets." not in text
    assert "pull_request_target" not in flow["on"]
    steps = [step for job in flow["jobs"].values() for step in job["steps"]]
    checkouts = [step for step in steps if step.get("uses", "").startswith("actions/checkout@")]
    assert checkouts
    assert all(step["with"]["persist-credentials"] is False for step in checkouts)
    assert not [step for step in steps if "${{" in step.get("run", "")]  # what a stranger names is not a shell's word


def test_what_is_known_against_the_packages_is_asked_every_week_and_must_be_answered() -> None:
    flow = YAML(typ="safe").load(ROOT / ".github" / "workflows" / "ci.yml")
    assert flow["on"]["schedule"]
    assert [step for step in flow["jobs"]["checks"]["steps"] if step.get("run") == ".ci/run --required"]


# -- the lock -----------------------------------------------------------------------------------------------------


def test_the_lock_has_the_pins_of_the_constraints_and_a_hash_for_each() -> None:
    locked = lock.entries(LOCKED)
    firsts = [entry.split("\\\n")[0].strip() for entry in locked]
    assert firsts == [entry.strip() for entry in lock.entries(CONSTRAINTS)]
    for entry in locked:
        assert lock.pin(entry)
        first, *hashes = [line.strip() for line in entry.rstrip("\n").split("\\\n")]
        assert hashes, first
        assert all(re.fullmatch(r"--hash=sha256:[0-9a-f]{64}", line) for line in hashes), first


def test_what_the_project_asks_for_is_locked_in_a_version_that_it_takes() -> None:
    extras = PROJECT["project"]["optional-dependencies"].values()
    groups = [*extras, *PROJECT["dependency-groups"].values(), PROJECT["build-system"]["requires"]]
    versions = dict(lock.pin(entry).split("==") for entry in lock.entries(LOCKED))
    asked = [Requirement(text) for group in (PROJECT["project"]["dependencies"], *groups) for text in group]
    others = [wanted for wanted in asked if wanted.name != PROJECT["project"]["name"]]
    assert others
    for wanted in others:
        assert wanted.specifier.contains(versions[lock.spelled(wanted.name)]), wanted


def test_a_hash_beside_those_of_the_index_is_of_a_version_that_is_locked() -> None:
    entries = {lock.pin(entry): entry for entry in lock.entries(LOCKED)}
    assert all(f"sha256:{digest}" in entries[name] for name, digests in lock.BESIDE.items() for digest in digests)


def report(path: Path, *installed: tuple[str, str], folder: bool = False) -> Path:
    """What `pip install --dry-run --report` would say."""
    info = {"dir_info": {"editable": True}} if folder else {"archive_info": {}}
    items = [{"metadata": {"name": n, "version": v}, "download_info": info} for n, v in installed]
    path.write_text(json.dumps({"version": "1", "install": items}), encoding="utf-8")
    return path


def test_what_pip_would_install_is_taken_from_the_lock_or_refused(tmp_path: Path) -> None:
    version = dict(lock.pin(entry).split("==") for entry in lock.entries(LOCKED))
    path = tmp_path / "report.json"
    (entry,) = lock.entries(lock.needed(report(path, ("Pydantic_Core", version["pydantic-core"]))))
    assert entry in LOCKED
    assert lock.pin(entry) == f"pydantic-core=={version['pydantic-core']}"
    build = lock.needed(report(path, ("torch", f"{version['torch']}+cpu")))
    assert build.startswith(f"torch=={version['torch']}+cpu")
    assert build.split("\\\n")[1:] == next(e for e in lock.entries(LOCKED) if e.startswith("torch==")).split("\\\n")[1:]
    assert lock.needed(report(path, ("speczoo", "0.1.0"), folder=True)) == ""
    for name, other in (("click", "0.0.1"), ("no-such-package", "1.0")):
        with pytest.raises(SystemExit, match=f"{name}=={other}"):
            lock.needed(report(path, (name, other)))


@pytest.mark.parametrize("text", ["click>=8\n", "click\n", "./click\n", "https://host/click.whl\n"])
def test_what_is_not_pinned_is_no_entry_of_a_lock(text: str) -> None:
    with pytest.raises(SystemExit, match="not pinned"):
        lock.pin(text)


# -- the audit ----------------------------------------------------------------------------------------------------

GOOD = {"name": "click", "version": "8.5.1", "vulns": []}
BAD = {"name": "torch", "version": "2.13.0", "vulns": [{"id": "CVE-1-1", "fix_versions": ["2.13.1"], "aliases": []}]}
SKIPPED = {"name": "rich", "skip_reason": "Dependency not found"}


@pytest.mark.parametrize(
    ("found", "code", "strict", "stated"),
    [
        ([GOOD], 0, 0, "1 of 1 packages audited, 0 known vulnerabilities"),
        ([GOOD, BAD], 1, 1, "torch 2.13.0: CVE-1-1, mended in 2.13.1"),
        ([SKIPPED, BAD], 1, 1, "not audited: rich"),
        ([GOOD, SKIPPED], 0, 1, "not audited: rich"),
        ([SKIPPED], 0, 1, "nothing was audited"),
        ([], 0, 1, "nothing was audited"),
        (None, 0, 1, "nothing was audited: no route to host"),
    ],
)
def test_the_audit_fails_for_what_is_known_and_says_what_was_not_asked(
    found: list[dict[str, Any]] | None, code: int, strict: int, stated: str
) -> None:
    output = "" if found is None else json.dumps({"dependencies": found, "fixes": []})
    for required, wanted in ((False, code), (True, strict)):
        ended, words = audit.verdict(output, "Traceback\nno route to host\n", required)
        assert (ended, stated in words) == (wanted, True), words
        assert ("nothing was audited" in words) == (not any("vulns" in item for item in found or ()))


# -- the policy ---------------------------------------------------------------------------------------------------


def test_the_policy_is_of_this_version_and_leaves_nothing_to_be_filled_in() -> None:
    text = (ROOT / "SECURITY.md").read_text(encoding="utf-8")
    policy = text[text.index("\n## Reporting") :]
    major, minor, _ = PROJECT["project"]["version"].split(".")
    assert re.search(rf"^\| {major}\.{minor}\.x \| yes", policy, re.MULTILINE)
    words = re.sub(r"`[^`]*`", "", policy)
    assert not re.search(r"TODO|TBD|FIXME|XXX|\bexample\.(?:com|org)|<[^>]*>|\[[^]]*\](?!\()|@", words)

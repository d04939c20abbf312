"""What is fuzzed beside text -> source: formatting, fixes, spec files that are written, recipes, runs, weights.

An input is bytes. A target takes them and says whether they got past the first reader, and whether they were right to
the end; it raises for bugs of ours alone. It also knows inputs to start from, and how to change one.
"""

from __future__ import annotations

import io
import json
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

from click.testing import CliRunner

from speczoo import api, catalogue, checking
from speczoo.__main__ import cli
from speczoo.argument_order import argument_order as arguments
from speczoo.commands.check import ROUNDS
from speczoo.commands.fmt import explained
from speczoo.specs import edit, render
from speczoo.specs.diagnostics import Diagnostic, Report
from speczoo.specs.document import parse
from speczoo.specs.errors import SpecError
from speczoo.specs.format import formatted
from speczoo.specs.load import load
from speczoo.specs.loaded_spec import LoadedSpec
from speczoo.specs.source import Source
from speczoo.training import recipe_loader
from tests.fuzz import corpus, mutations, refactorings, target

KEPT = Path(__file__).parents[1] / "compatibility" / "0.1.0"
SMALL = 10**5  # parameters of a network that is made in earnest


class Target(NamedTuple):
    """`check(input)`, inputs to start from, and one change of an input."""

    check: Callable[[bytes], tuple[bool, bool]]
    seeds: Callable[[], list[bytes]]
    changed: Callable[[bytes, Random], bytes]


def harmless(diagnostics: list[Diagnostic], text: str) -> None:
    """Something is reported, and nothing that a terminal would obey."""
    assert diagnostics
    shown = render.text(diagnostics, lines=lambda name: text.splitlines())
    assert shown.replace("\n", "").isprintable()


@contextmanager
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="fuzz") as made:
        yield Path(made).resolve()


# -- texts of specs -----------------------------------------------------------------------------------------------


def read(text: str) -> Any:
    """What a text says: a Spec, or None where it is none."""
    report = Report()
    document = parse(Source.of(text), report)
    spec = load(document, report) if document else None
    return spec if report.ok else None


def fmt(data: bytes) -> tuple[bool, bool]:
    """A formatted text says what it said, and is formatted."""
    text = data.decode("utf-8", "replace")
    source = Source.of(text, "fuzz.yaml")
    written = formatted(source, arguments(source))
    if written is None:
        harmless(list(explained(source)), text)
        return parse(source, Report()) is not None, False
    assert read(written) == read(text) is not None
    again = Source.of(written, "fuzz.yaml")
    assert formatted(again, arguments(again)) == written
    return True, True


def reported(source: Source) -> tuple[bool, list[Diagnostic]]:
    """Whether a text is YAML or JSON, and what there is to say of it."""
    report = Report()
    document = parse(source, report, target.LIMITS)
    spec = load(document, report) if document else None
    if spec is not None and document is not None:
        checking.check_unit(report, LoadedSpec(spec, document), None, limits=target.LIMITS)
    return document is not None, report.diagnostics


def fix(data: bytes) -> tuple[bool, bool]:
    """Fixes leave something that can be read, JSON where it was JSON, and come to an end."""
    source = Source.of(data.decode("utf-8", "replace"), "fuzz.yaml")
    past, found = reported(source)
    json_before = is_json(source.text)
    visited = [source.text]
    for _ in range(ROUNDS):
        text = edit.mended(source, found)
        if text == source.text:
            break
        assert text not in visited
        visited.append(text)
        source = Source(source.name, text)
        now, found = reported(source)
        assert now or not past, text
        past = now
        assert is_json(text) or not json_before, text
    return past, not any(d.severity == "error" for d in found)


def is_json(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


@lru_cache(maxsize=1)
def texts() -> list[bytes]:
    """Specs of the zoo and of the error cases as they stand, with their comments, and the corpus."""
    cases = sorted((Path(__file__).parents[1] / "errors" / "cases").rglob("*.yaml"))
    return [path.read_bytes() for path in (*catalogue.files(), *cases)] + [text.encode() for text in corpus.texts()]


COMMENTS = ("# why", " # x", "#", "  # é", "\n# above\n", "\n\n\n", "\r\n", "\t", " \\", " |-\n", " >\n")


def retyped(data: bytes, random: Random) -> bytes:
    """A spec changed in its structure, or in its text: comments, line ends, quotes."""
    text = data.decode("utf-8", "replace")
    known = mutations.read(data) if data.strip() else None
    if known is not None and random.random() < 0.6:
        right = read(text) is not None and random.random() < 0.5
        change = refactorings.refactored if right else mutations.mutated
        return mutations.text(change(known, random, random.choice((1, 1, 2, 3))), random).encode("utf-8", "replace")
    for _ in range(random.choice((1, 1, 2, 4))):
        ends = [at for at, char in enumerate(text) if char in "\n ,]}:"] or [0]
        at = random.choice(ends)
        text = text[:at] + random.choice(COMMENTS) + text[at:]
    if random.random() < 0.3:
        text = mutations.retyped(text, random)
    return text.encode("utf-8", "replace")


# -- files of specs -----------------------------------------------------------------------------------------------

OUTSIDE = "the word of another"
INNER = "{spec: 1, name: inner, input: [3, 8, 8], layers: [{op: Conv2d, out_channels: 2, kernel_size: 1}]}\n"
ROOT = (
    "spec: 1\nname: net\ninput: [3, 8, 8]\nuse: {{A: {first}, B: {second}}}\n"
    "layers:\n  - {{id: a, op: A}} # first\n  - {{id: b, op: B}}\n"
)
PLACES = (
    *("./b.yaml", "./sub/c.yaml", "./sub/../b.yaml", "./sub/./c.yaml", ".//b.yaml", "./net.yaml", "./b.yaml:small"),
    *("../outside.yaml", "./sub/../../outside.yaml", "./link.yaml", "./sub/link.yaml", "./far/outside.yaml", "lenet"),
    *("./net.py", "./net.safetensors", "./out/net.yaml", "./sub", "./b.json", "/etc/passwd", "./B.yaml", "./é.yaml"),
)
LINKS = ("../outside.yaml", "b.yaml", "sub", "..", "../..", "sub/c.yaml", "link.yaml", "nowhere", "/etc/passwd")


def tree(files: dict[str, str]) -> bytes:
    """An input: what stands in the files of a folder; a text that begins with `-> ` is a link."""
    return json.dumps(files).encode()


def trees() -> list[bytes]:
    inner = ROOT.format(first="./sub/c.yaml", second="./sub/c.yaml").replace("name: net", "name: b")
    variants = INNER.replace("layers:", "params: {n: 1}, variants: {small: {params: {n: 2}}}, layers:")
    return [
        tree({"net.yaml": ROOT.format(first="./b.yaml", second="./sub/c.yaml"), "b.yaml": INNER, "sub/c.yaml": INNER}),
        tree({"net.yaml": ROOT.format(first="./b.yaml", second="lenet"), "b.yaml": inner, "sub/c.yaml": INNER}),
        tree({"net.yaml": ROOT.format(first="./b.yaml:small", second="./b.yaml"), "b.yaml": variants}),
        tree({"net.yaml": ROOT.format(first="./link.yaml", second="./far/outside.yaml"), "link.yaml": "-> ../outside.yaml", "far": "-> .."}),
        tree({"net.yaml": ROOT.format(first="./sub/c.yaml", second="./sub/d.yaml"), "sub/c.yaml": INNER, "sub/d.yaml": ROOT.format(first="../b.yaml", second="./c.yaml"), "b.yaml": INNER}),
    ]  # fmt: skip


def branched(data: bytes, random: Random) -> bytes:
    """A tree with another file, another link, or another `use`; or one of its specs changed."""
    try:
        files: dict[str, str] = {str(key): str(value) for key, value in json.loads(data).items()}
    except (ValueError, AttributeError, RecursionError):
        files = json.loads(trees()[0])
    name = random.choice(sorted(files) or ["net.yaml"])
    form = random.randrange(5)
    if form == 0:
        files[random.choice(PLACES).removeprefix("./").partition(":")[0]] = f"-> {random.choice(LINKS)}"
    elif form == 1:
        files[random.choice(PLACES).removeprefix("./").partition(":")[0]] = random.choice([INNER, *files.values()])
    elif form == 2 and len(files) > 1:
        del files[name]
    elif form == 3:
        known = mutations.read(files.get(name, "").encode())
        if known and isinstance(known.get("use"), dict) and known["use"]:
            known["use"][random.choice(list(known["use"]))] = random.choice(PLACES)
            files[name] = mutations.text(known, random)
    else:
        files[name] = retyped(files.get(name, INNER).encode(), random).decode()
    return tree(files)


def planted(home: Path, files: dict[str, str]) -> None:
    """The files of a tree in a folder; what cannot lie there does not."""
    for name, text in files.items():
        path = Path(os.path.normpath(home / name))
        if not path.is_relative_to(home) or path == home or "\0" in name:
            continue
        try:
            if text.startswith("-> ") and name == "net.yaml":
                continue  # where the file itself lies that a person names is their affair
            path.parent.mkdir(parents=True, exist_ok=True)
            if not path.parent.resolve().is_relative_to(home) or os.path.lexists(path):
                continue
            path.symlink_to(text[3:]) if text.startswith("-> ") else path.write_text(text, encoding="utf-8")
        except (OSError, ValueError):
            continue


def state(place: Path) -> dict[str, bytes]:
    """Everything below a folder: links by where they lead, files by what they hold."""
    found = {}
    for parent, folders, files in os.walk(place):
        for name in (*folders, *files):
            path = Path(parent, name)
            if path.is_symlink():
                found[str(path)] = b"-> " + os.fsencode(os.readlink(path))
            else:
                found[str(path)] = path.read_bytes() if path.is_file() else b""
    return found


def zoo(*words: object) -> tuple[int, str]:
    """The command in this process: its exit code and all that it printed. A bug of ours is raised."""
    result = CliRunner().invoke(cli, ["--debug", *map(str, words)], prog_name="zoo")
    assert result.exit_code in (0, 1, 2), result.output
    return result.exit_code, result.output


def written(data: bytes) -> tuple[bool, bool]:
    """`zoo new --from` and `zoo build -o` read nothing outside the spec's folder, write nothing outside of the goal's,
    and what they write is the network."""
    try:
        files = {str(key): str(value) for key, value in json.loads(data).items()}
    except (ValueError, AttributeError, RecursionError):
        return False, False
    with folder() as base:
        home, out, spec = base / "home", base / "out", base / "home" / "net.yaml"
        home.mkdir()
        (base / "outside.yaml").write_text(INNER.replace("{spec", f"{{title: {OUTSIDE}, spec"), encoding="utf-8")
        planted(home, files)
        report = Report()
        graphs = checking.check_into(report, spec, limits=target.LIMITS)
        before = state(base)
        if not report.ok or not graphs or max(graph.params for graph in graphs) > SMALL:
            code, stated = zoo("new", "fresh", "--from", home / "nowhere.yaml")
            assert code
            assert OUTSIDE not in stated
            assert state(base) == before
            return bool(graphs), False
        wanted = graphs[0]
        out.mkdir()
        before = state(base)
        with inside(out):
            made = zoo("new", "fresh", "--from", spec)
        checked(base, out, before, made, wanted, "fresh")
        emptied(out)
        checked(base, out, before, zoo("build", spec, "-o", out), wanted, wanted.name)
        return True, True


def checked(base: Path, out: Path, before: dict[str, bytes], made: tuple[int, str], wanted: Any, name: str) -> None:
    """What a command left: all else as it was, nothing from outside, no link, and the network that was asked for."""
    code, stated = made
    after = state(base)
    new = {path: after[path] for path in after if path not in before}
    assert {path: after.get(path) for path in before} == before
    assert all(Path(path).is_relative_to(out) for path in new), sorted(new)
    assert not any(content.startswith(b"-> ") for content in new.values())
    assert OUTSIDE not in stated
    assert not any(OUTSIDE.encode() in content for content in new.values())
    if code == 0:
        first = next(line for line in stated.splitlines() if " written" in line)
        spec = out / first.partition(" written")[0]
        assert spec.name in (f"{name}.yaml", f"{name}.json")
        report = Report()
        again = checking.check_into(report, spec, limits=target.LIMITS)
        assert report.ok, [d.message for d in report]
        assert (again[0].params, again[0].macs, dict(again[0].state)) == (
            wanted.params,
            wanted.macs,
            dict(wanted.state),
        )
    else:
        assert not new, sorted(new)


def emptied(place: Path) -> None:
    for path in sorted(place.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() and not path.is_symlink() else path.unlink()


@contextmanager
def inside(place: Path) -> Iterator[None]:
    before = Path.cwd()
    os.chdir(place)
    try:
        yield
    finally:
        os.chdir(before)


# -- recipes ------------------------------------------------------------------------------------------------------

STATED: tuple[Any, ...] = (
    *("MNIST", "folder", "digits_on_canvas", "SGD", "AdamW", "OneCycleLR", "MultiStepLR", "CosineAnnealingLR"),
    *("Resize", "Pad", "RandomCrop", "RandomErasing", "iou", "measured", "bf16-mixed", "lenet5", "./net.yaml", "../x"),
    *(0, -1, 1e400, float("nan"), 2**63, "1e9", True, None, [], {}, [0.1], [10**9, 10**9], "..", "/", "\x1b[2J", "é"),
)


def recipes(data: bytes) -> tuple[bool, bool]:
    """A recipe, or what is wrong with it; the same recipe when it is read again."""
    text = data.decode("utf-8", "replace")
    with folder() as home:
        (home / "net.yaml").write_text(INNER, encoding="utf-8")
        path = home / "recipe.yaml"
        path.write_bytes(data)
        try:
            recipe = recipe_loader.load(path, with_network=True)
        except SpecError as error:
            harmless(list(error.diagnostics), text)
            return recipe_loader.is_recipe(Source.read(path, Report())), False
        assert recipe_loader.load(recipe.model_dump(mode="json")) == recipe
        return True, True


def small_recipes() -> list[bytes]:
    """Those of the zoo, with a small network."""
    found = []
    for path in sorted(recipe_loader.HOME.glob("*.yaml")):
        data = mutations.read(path.read_bytes())
        assert data is not None
        found.append(json.dumps({**data, "network": {"name": "./net.yaml"}}).encode())
    return [*found, (KEPT / "recipe.yaml").read_bytes().replace(b"tiny.yaml", b"lenet5")]


def replanned(data: bytes, random: Random) -> bytes:
    known = mutations.read(data)
    if known is None:
        return retyped(data, random)
    return mutations.text(resaid(known, random, random.choice((1, 1, 2, 3))), random).encode("utf-8", "replace")


def resaid(data: Any, random: Random, times: int) -> Any:
    """Plain data with other values, of those that a recipe or a run may say, and other keys."""
    made = json.loads(json.dumps(data))
    for _ in range(times):
        places = list(mutations.places(made))
        if not places:
            return made
        *parents, last = random.choice(places)
        holder = mutations.at(made, tuple(parents))
        form = random.randrange(5)
        if form == 0:
            del holder[last]
        elif form == 1 and isinstance(holder, dict):
            holder[random.choice(("op", "name", "seed", "x", str(last)[1:] + str(last)[:1]))] = holder.pop(last)
        elif form == 2:
            holder[last] = json.loads(json.dumps(mutations.at(made, random.choice(places))))
        elif form == 3 and isinstance(holder[last], (int, float)):
            holder[last] = random.choice((holder[last] + 1, -holder[last], holder[last] * 10**6, str(holder[last])))
        else:
            holder[last] = random.choice(STATED)
    return made


# -- runs ---------------------------------------------------------------------------------------------------------

FILES = ("run.json", "history.json", "result.json", "network/tiny.yaml", "model.pt", "checkpoints/last.ckpt")


def runs(data: bytes) -> tuple[bool, bool]:
    """A run's folder with one file that somebody else wrote: it serves, or what is wrong is reported."""
    from speczoo.training.errors import TrainingError
    from speczoo.training.run import Run

    name, _, content = data.partition(b"\n")
    if name.decode("utf-8", "replace") not in FILES:
        return False, False
    with folder() as place:
        for path in FILES:
            (place / path).parent.mkdir(parents=True, exist_ok=True)
            (place / path).write_bytes((KEPT / "run" / path).read_bytes())
        (place / name.decode()).write_bytes(content)
        if name == b"checkpoints/last.ckpt":
            (place / "model.pt").unlink()
        before = state(place)
        opened = None
        try:
            opened = Run.open(place)
            recipe, history = opened.recipe, opened.history
            assert all(set(recipe.metrics) <= row.keys() for row in history)
            if "none" not in str(recipe.network.name) and small(recipe, opened.facts["input"]):
                opened.model()
        except (TrainingError, SpecError):
            return opened is not None, False
        finally:
            assert state(place) == before
        return True, True


def small(recipe: Any, shape: Any) -> bool:
    """Whether a recipe's network may be made in earnest; a wrong one is, to be refused."""
    try:
        network = recipe.network
        return api.graph(network.name, input=network.input or shape, **network.params).params <= SMALL
    except SpecError:
        return True


def kept_runs() -> list[bytes]:
    return [name.encode() + b"\n" + (KEPT / "run" / name).read_bytes() for name in FILES]


def rewritten(data: bytes, random: Random) -> bytes:
    """One of a run's files, changed in what it says or in its bytes."""
    name, _, content = data.partition(b"\n")
    if random.random() < 0.1 or name.decode("utf-8", "replace") not in FILES:
        name, _, content = random.choice(kept_runs()).partition(b"\n")
    if name.endswith((b".pt", b".ckpt")):
        content = retensored(content, random)
    elif name.endswith(b".yaml"):
        content = retyped(content, random)
    elif (known := as_json(content)) is not None and random.random() < 0.9:
        content = json.dumps(resaid(known, random, random.choice((1, 1, 2, 3)))).encode("utf-8", "replace")
    else:
        content = bitten(content, random)
    return name + b"\n" + content


def as_json(data: bytes) -> Any:
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        return None


# -- weights ------------------------------------------------------------------------------------------------------


def weights(data: bytes) -> tuple[bool, bool]:
    """A file of weights, its suffix in the first line: it fits and is taken, or what is wrong is reported."""
    import speczoo as face
    from speczoo.weights import WeightsError

    suffix, _, content = data.partition(b"\n")
    if suffix not in (b".safetensors", b".pt"):
        return False, False
    with folder() as place:
        path = place / f"weights{suffix.decode()}"
        path.write_bytes(content)
        try:
            model = face.build(KEPT / "built" / "tiny.yaml", path)
        except WeightsError as error:
            return "does not fit" in str(error), False
        finally:
            assert [found.name for found in place.iterdir()] == [path.name]
        assert {key: tuple(value.shape) for key, value in model.state_dict().items()} == dict(tiny().state)
        return True, True


@lru_cache(maxsize=1)
def tiny() -> Any:
    return api.graph(KEPT / "built" / "tiny.yaml")


def kept_weights() -> list[bytes]:
    return [b".safetensors\n" + (KEPT / "built" / "tiny.safetensors").read_bytes(),
            b".pt\n" + (KEPT / "built" / "tiny.pt").read_bytes()]  # fmt: skip


def reweighed(data: bytes, random: Random) -> bytes:
    suffix, _, content = data.partition(b"\n")
    if random.random() < 0.1:
        suffix, _, content = random.choice(kept_weights()).partition(b"\n")
    change = retensored if suffix == b".pt" else reheaded
    return suffix + b"\n" + change(content, random)


def reheaded(content: bytes, random: Random) -> bytes:
    """A .safetensors file with another header, or bitten."""
    size = int.from_bytes(content[:8], "little")
    header = as_json(content[8 : 8 + size])
    if not isinstance(header, dict) or random.random() < 0.3:
        return bitten(content, random)
    reported = json.dumps(resaid(header, random, random.choice((1, 1, 2)))).encode("utf-8", "replace")
    length = len(reported) if random.random() < 0.9 else random.choice((0, 2**31, 2**63, len(reported) + 8))
    return length.to_bytes(8, "little") + reported + content[8 + size :]


def retensored(content: bytes, random: Random) -> bytes:
    """A file of torch's with other tensors under its names, or other things than tensors; or bitten."""
    import torch

    try:
        data = torch.load(io.BytesIO(content), weights_only=True) if random.random() < 0.7 else None
    except Exception:  # bitten before
        data = None
    if not isinstance(data, dict) or not data:
        return bitten(content, random)
    inner = data["state_dict"] if isinstance(data.get("state_dict"), dict) and random.random() < 0.7 else data
    key = random.choice(list(inner) or ["x"])
    old = inner.get(key)
    plain = isinstance(old, torch.Tensor) and old.device.type == "cpu" and old.layout == torch.strided
    value = old if plain else torch.zeros(2, 3)
    inner[key] = random.choice((
        value.half(), value.double(), value.flatten(), value.to(torch.complex64), value[None], value * float("nan"),
        torch.zeros(1).expand(1000, 1000), torch.zeros(0), value.to_sparse() if value.ndim else value,
        value.to("meta"), torch.nn.Parameter(value.float()), "text", None, 1, [value], {"x": value}, (), b"", True,
    ))  # fmt: skip
    if random.random() < 0.3:
        inner[random.choice(("x", "", "model.x", 1, "a" * 999, "\x1b[2J", "state_dict"))] = inner.pop(key)
    made = io.BytesIO()
    torch.save(data, made, _use_new_zipfile_serialization=random.random() < 0.9)
    return made.getvalue()


def bitten(content: bytes, random: Random) -> bytes:
    """Bytes with some of them gone, doubled, or others."""
    made = bytearray(content)
    for _ in range(random.choice((1, 1, 2, 8))):
        at = random.randrange(len(made) + 1)
        end = min(len(made), at + random.choice((1, 1, 4, 64, 4096)))
        form = random.randrange(4)
        if form == 0:
            del made[at:end]
        elif form == 1:
            made[at:at] = made[at:end]
        elif form == 2:
            made[at:end] = random.randbytes(end - at)
        else:
            made[at : at + 1] = random.choice((b"\0", b"\xff", b"\x80", b"."))
    return bytes(made)


TARGETS: dict[str, Target] = {
    "fmt": Target(fmt, texts, retyped),
    "fix": Target(fix, texts, retyped),
    "written": Target(written, trees, branched),
    "recipes": Target(recipes, small_recipes, replanned),
    "runs": Target(runs, kept_runs, rewritten),
    "weights": Target(weights, kept_weights, reweighed),
}

"""list, show, summary, compare: what is printed is what the Python face and the documents say."""

from __future__ import annotations

import fnmatch
import json
import re
from pathlib import Path
from typing import Any

import click
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import speczoo as face
from speczoo import catalogue, metadata
from speczoo.commands import common
from speczoo.commands.list import WORDS, ordered
from speczoo.conditions import Condition, ConditionError
from speczoo.specs.flow_style import flow
from speczoo.specs.spec import Spec
from tests import readme_tables
from tests.commands.zoo_command import data, zoo
from tests.families import cases

ROWS = metadata.everything()

# -- list ---------------------------------------------------------------------------------------------------------


def test_list_is_the_catalogue() -> None:
    rows = data("list")
    assert {row["name"] for row in rows} == set(face.list_models())
    assert all({"name", "family", "title", "input", "params", "macs", "year"} == set(row) for row in rows)
    assert all(row["title"] and row["year"] for row in rows)


@pytest.mark.parametrize(
    "name", ["mnist_resnet", "lenet5_c5", "googlenet", "unet_2015", "cifar_resnet20", "resnet34_cifar2"]
)
def test_what_list_says_is_what_is_counted(name: str) -> None:
    (row,), summary = data("list", name), face.summary(name)
    assert (row["params"], row["macs"]) == (summary.params, summary.macs)
    assert row["input"] == list(summary.inputs["input"])


@pytest.mark.parametrize("glob", ["resnet*", "*_bn", "cifar_resnet[0-9][0-9]", "vgg1?"])
def test_list_globs(glob: str) -> None:
    assert {row["name"] for row in data("list", glob)} == {
        n for n in face.list_models() if fnmatch.fnmatchcase(n, glob)
    }


def test_list_of_a_file_is_its_variants_counted(tmp_path: Path) -> None:
    spec = tmp_path / "net.yaml"
    spec.write_text(TWO)
    assert [(r["name"], r["family"], r["input"], r["params"]) for r in data("list", spec)] == [
        ("small", "two", {"a": [4], "b": [4]}, 4 * 2 + 2),
        ("large", "two", {"a": [4], "b": [4]}, 4 * 8 + 8),
    ]


TWO = """\
spec: 1
name: two
inputs: [{id: a, shape: [4]}, {id: b, shape: [4]}]
params: {width: int}
layers:
  - {id: sum, op: add, from: [a, b]}
  - {id: fc, op: Linear, out_features: $width}
published: {top5: "\\e[31m1.50", "[/red]": x}
variants:
  small: {params: {width: 2}}
  large: {params: {width: 8}, published: {top5: "\\e[31m1.50", "[/red]": x}}
"""

COMPARISONS = {
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
    "==": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
}


@given(
    st.sampled_from(["params", "macs", "year"]),
    st.sampled_from(sorted(COMPARISONS)),
    st.one_of(st.integers(1990, 2030), st.integers(0, 10**10), st.floats(1, 1e10)),
)
def test_where_filters_as_python_would(name: str, sign: str, bound: float) -> None:
    wanted = Condition(f"{name} {sign} {bound!r}", WORDS)
    expected = [r.name for r in ROWS if COMPARISONS[sign](getattr(r, name), bound)]
    assert [r.name for r in ROWS if wanted.holds(vars(r))] == expected


def test_where_reads_texts_and_shapes() -> None:
    rows = data("list", "--where", "family == 'vgg' and input[0] == 3 and params < 133e6")
    assert {row["name"] for row in rows} == {"vgg11", "vgg11_bn"}
    assert zoo("list", "--where", "params < 0").stdout == ""
    assert data("list", "--where", "params < 0") == []


def test_a_row_without_a_year_is_not_of_any_year() -> None:
    row = metadata.Metadata("x", "x", "", [3, 8, 8], 1, 1, None)
    assert not Condition("year < 3000", WORDS).holds(vars(row))
    assert Condition("params < 3000", WORDS).holds(vars(row))
    assert ordered([row, *ROWS], "year", largest_first=True)[-1] is row


@given(st.text())
def test_where_is_an_expression_or_refused(text: str) -> None:
    try:
        wanted = Condition(text, WORDS)
        results = [wanted.holds(vars(row)) for row in ROWS[:3]]
    except ConditionError:
        return
    assert all(type(result) is bool for result in results)


@pytest.mark.parametrize("column", ["params", "macs", "year"])
def test_sort(column: str) -> None:
    rising, falling = data("list", "--sort", column), data("list", "--sort", f"-{column}")
    assert [row[column] for row in rising] == sorted(row[column] for row in rising)
    assert [row[column] for row in falling] == [row[column] for row in reversed(rising)]


def test_names_sort_as_people_count() -> None:
    names = [row["name"] for row in data("list", "cifar_resnet[0-9]*", "--sort", "name")]
    depths = [int(n.removeprefix("cifar_resnet")) for n in names if n.removeprefix("cifar_resnet").isdigit()]
    assert depths == sorted(depths)


# -- summary ------------------------------------------------------------------------------------------------------

SCHEMA = ["name", "inputs", "outputs", "params", "trainable_params", "macs", "memory", "layers"]
LAYER = ["path", "op", "inputs", "output", "params", "trainable", "macs", "receptive_field"]


@pytest.mark.parametrize("name", ["mnist_densenet", "resnet18", "googlenet", "unet"])
def test_summary_json(name: str) -> None:
    summary = data("summary", name)
    assert list(summary) == SCHEMA
    assert all(list(layer) == LAYER for layer in summary["layers"])
    assert summary == json.loads(json.dumps(face.summary(name).to_json()))
    assert summary["params"] == sum(layer["params"] for layer in summary["layers"])
    assert summary["trainable_params"] == sum(layer["trainable"] for layer in summary["layers"])


def test_the_summary_of_a_document() -> None:
    """Totals and first row of the table that documents 000 and 001 print for their Resnet-ish network."""
    shown = zoo("summary", "mnist_resnet").stdout
    lines = [line.split() for line in shown.splitlines()]
    assert ["0.0", "Conv2d", "8x14x14", "72", "True", "14,112"] in lines
    assert ["Parameters", "41,132"] in lines
    assert ["trainable", "41,132"] in lines


def test_every_layer_is_a_line() -> None:
    summary = data("summary", "resnet18")
    lines = [line.split() for line in zoo("summary", "resnet18").stdout.splitlines()]
    for layer in summary["layers"]:
        begin = [layer["path"], layer["op"], "x".join(map(str, layer["output"])), f"{layer['params']:,}"]
        assert any(line[:4] == begin and line[-1] == f"{layer['macs']:,}" for line in lines)


def test_several_summaries_are_a_list_and_one_is_not() -> None:
    assert isinstance(data("summary", "lenet5"), dict)
    assert [s["name"] for s in data("summary", "lenet5", "mnist_cnn")] == ["lenet5", "mnist_cnn"]
    assert [s["name"] for s in data("summary", "linear_*")] == ["linear_classifier"]


def test_set_and_input_reach_the_network(tmp_path: Path) -> None:
    summary = data("summary", "resnet18", "--set", "num_classes=2", "--set", "depths=[1,1,1,1]", "--input", "3x64x64")
    expected = face.summary("resnet18", num_classes=2, depths=[1, 1, 1, 1], input=[3, 64, 64])
    assert summary == json.loads(json.dumps(expected.to_json()))
    (tmp_path / "two.yaml").write_text(TWO)
    summary = data("summary", f"{tmp_path}/two.yaml:large", "--input", "a=7", "--input", "b=7")
    assert summary["inputs"] == {"a": [7], "b": [7]}


VALUES = st.recursive(
    st.one_of(
        st.integers(-(10**9), 10**9),
        st.booleans(),
        st.floats(-1e9, 1e9),
        st.text(st.characters(codec="ascii", min_codepoint=32, max_codepoint=126), max_size=12),
    ),
    lambda inner: st.lists(inner, max_size=4),
    max_leaves=6,
)


@given(VALUES)
def test_set_reads_what_a_spec_would(value: Any) -> None:
    assert common.settings([f"key={flow(value)}"]) == {"key": value}


@given(st.text(max_size=20))
def test_any_set_is_a_value_or_refused(text: str) -> None:
    try:
        read = common.settings([f"key={text}"])
    except click.UsageError:
        return
    assert set(read) == {"key"}


@given(st.lists(st.integers(0, 10**6), min_size=1, max_size=5), st.sampled_from(["", "left="]), st.sampled_from("x,"))
def test_input_reads_shapes(shape: list[int], name: str, between: str) -> None:
    read = common.shape_of([name + between.join(map(str, shape))])
    assert read == ({"left": shape} if name else shape)


# -- show ---------------------------------------------------------------------------------------------------------


def _spec(text: str) -> Spec:
    return catalogue.found(text)[0].spec


@pytest.mark.parametrize("path", catalogue.files(), ids=lambda path: path.stem)
def test_what_show_prints_is_the_spec(path: Path) -> None:
    name = catalogue.entries(path)[0][0]
    shown = zoo("show", name, "--family").stdout
    text = path.read_text(encoding="utf-8")
    assert shown.endswith(text)
    assert _spec(shown) == _spec(text)
    assert all(line.startswith("#") for line in shown.removesuffix(text).splitlines() if line)


@pytest.mark.parametrize("path", cases({path: path for path in catalogue.files()}))
@settings(max_examples=2)
@given(st.data())
def test_what_show_prints_builds_the_network(path: Path, data: st.DataObject) -> None:
    """Of any network, by its name or in its file, with a parameter from outside where it has one for its classes."""
    name, variant = data.draw(st.sampled_from(catalogue.entries(path)))
    asked = data.draw(st.sampled_from([name, f"{path}:{variant}" if variant else str(path)]))
    params = catalogue.own(path).spec.params
    classes = data.draw(st.sampled_from([None, 7])) if "num_classes" in params else None
    shown = zoo("show", asked, *([] if classes is None else ["--set", f"num_classes={classes}"])).stdout
    again, wanted = face.graph(_spec(shown)), face.graph(asked, **({"num_classes": classes} if classes else {}))
    assert not re.search(r"\$schema=\.", shown.partition("spec:")[0]) or variant is None
    assert (again.state, again.macs, again.root.values) == (wanted.state, wanted.macs, wanted.root.values)


def test_show_says_what_is_from_where() -> None:
    line = data("show", "resnet50", "--set", "num_classes=2")
    assert (line["name"], line["family"], Path(line["file"]).name) == ("resnet50", "resnet", "resnet.yaml")
    own = (catalogue.NETWORKS / "resnet.yaml").read_text().splitlines()[line["line"] - 1]
    assert own.strip().startswith("resnet50:")
    assert line["params"]["block"] == {"value": "Bottleneck", "from": "resnet50"}
    assert line["params"]["depths"] == {"value": [3, 4, 6, 3], "from": "resnet"}
    assert line["params"]["num_classes"] == {"value": 2, "from": "--set"}
    assert data("show", "unet_resnet34")["uses"] == {"ResNet34": "resnet34"}


def test_show_of_a_family_lists_its_variants(tmp_path: Path) -> None:
    (tmp_path / "two.yaml").write_text(TWO)
    assert data("show", tmp_path / "two.yaml")["variants"] == ["small", "large"]


# -- compare ------------------------------------------------------------------------------------------------------


def test_the_comparison_table_of_document_004() -> None:
    """Top-5, parameters and FLOP as printed there, the true parameters as in the papers' own networks."""
    found = data("compare", "alexnet_2012", "vgg16", "googlenet_2014", "resnet152")
    assert [(r["year"], r["published"]) for r in found] == [
        (2012, {"feature": "Deeper", "params": "62M", "top5": 84.7, "flop": "1.5B"}),
        (2014, {"feature": "Fixed-size kernels", "params": "138M", "top5": 92.3, "flop": "19.6B"}),
        (2014, {"feature": "Wider - Parallel kernels", "params": "6.4M", "top5": 93.3, "flop": "2B"}),
        (2015, {"feature": "Shortcut connections", "params": "60.3M", "top5": 95.51, "flop": "11B"}),
    ]
    assert [r["params"] for r in found] == [62378344, 138357544, 6998552, 60192808]
    lines = [line.split() for line in zoo("compare", *(r["name"] for r in found)).stdout.splitlines()]
    assert lines[2] == ["alexnet_2012", "2012", "84.70", "62,378,344", "62M", f"{found[0]['macs']:,}", "1.5B"]
    assert lines[5] == ["resnet152", "2015", "95.51", "60,192,808", "60.3M", f"{found[3]['macs']:,}", "11B"]
    printed = zoo("compare", *(r["name"] for r in found)).stdout
    for row in found:
        assert f"\n{row['name']}: {row['published']['feature']}\n" in printed
        for key, note in row["notes"].items():
            assert re.search(rf"^  {re.escape(row['published'][key])} \w+: {re.escape(note)}$", printed, re.MULTILINE)
    assert sum(len(row["notes"]) for row in found) == 6
    assert zoo("compare", "mnist_cnn").stdout.count("\n") == 3  # of which nothing was printed there is nothing to say


def test_compare_tells_a_difference_when_asked() -> None:
    zoo("compare", "lenet5", "lenet5", "--exit-code")
    zoo("compare", "lenet5", "lenet5_c5")
    zoo("compare", "lenet5", "linear_classifier", "--exit-code", code=1)


def test_compare_sees_what_no_number_tells(tmp_path: Path) -> None:
    text = "spec: 1\ninput: [4]\nlayers: [{op: Linear, out_features: 4}, {id: act, op: ReLU}]\n"
    paths = [tmp_path / name for name in ("one.yaml", "two.yaml", "three.yaml")]
    for path, written in zip(paths, (text, text.replace("ReLU", "GELU"), f"# a remark\n{text}"), strict=True):
        path.write_text(f"name: {path.stem}\n{written}")
    shown = zoo("compare", *paths).stdout
    assert "two does not compute what one does, first at act:\n  ReLU in one, GELU in two\n" in shown
    assert "three does not" not in shown
    zoo("compare", *paths[:2], "--exit-code", code=1)
    zoo("compare", paths[0], paths[2], "--exit-code")
    found = data("compare", *paths)
    assert [row["difference"] for row in found] == [None, {"what": "act", "first": "ReLU", "second": "GELU"}, None]
    shown = zoo("compare", "lenet5", "linear_classifier").stdout
    assert "does not compute" not in shown


def test_what_a_stranger_wrote_is_printed_harmlessly(tmp_path: Path) -> None:
    (tmp_path / "two.yaml").write_text(TWO)
    shown = zoo("compare", f"{tmp_path}/two.yaml:large").stdout
    assert "\x1b" not in shown
    assert r"\x1b[31m1.50" in shown
    assert "[/red]" in shown


def test_the_readme_has_every_network() -> None:
    text = readme_tables.README.read_text(encoding="utf-8")
    assert all(f"| `{row.name}` | {row.params:,} |" in text for row in ROWS)


# -- show --resolved, fingerprint ---------------------------------------------------------------------------------


def test_show_resolved_is_a_spec_of_that_network() -> None:
    text = zoo("show", "resnet50", "--resolved", "--set", "num_classes=2").stdout
    assert "$" not in text
    assert not any(key in text for key in ("params:\n", "defaults:", "variants:", "when:", "for:"))
    assert face.fingerprint(text) == face.fingerprint("resnet50", num_classes=2)
    assert data("show", "resnet50", "--resolved", "--set", "num_classes=2")["spec"]["layers"]
    assert zoo("show", "lenet5", "--family", "--resolved", code=2).stderr


def test_show_resolved_of_a_file_is_every_variant_of_it(tmp_path: Path) -> None:
    (tmp_path / "two.yaml").write_text(TWO)
    small, large = zoo("show", tmp_path / "two.yaml", "--resolved").stdout.split("\n\n")
    assert "{id: fc, op: Linear, out_features: 2}" in small
    assert "{id: fc, op: Linear, out_features: 8}" in large
    assert [line["name"] for line in data("show", tmp_path / "two.yaml", "--resolved")] == ["small", "large"]
    assert zoo("show", f"{tmp_path / 'two.yaml'}:large", "--resolved").stdout == large


def test_fingerprint_is_a_line_for_each() -> None:
    found = zoo("fingerprint", "lenet5", "resnet18").stdout
    assert found == "".join(f"{face.fingerprint(name)}  {name}\n" for name in ("lenet5", "resnet18"))
    assert data("fingerprint", "lenet5") == {"name": "lenet5", "fingerprint": face.fingerprint("lenet5")}
    assert data("fingerprint", "lenet5", "--set", "num_classes=2") != data("fingerprint", "lenet5")


# -- sizes --------------------------------------------------------------------------------------------------------


def test_sizes_prints_what_is_known_of_a_network() -> None:
    out = zoo("sizes", "unet").stdout
    assert out.startswith("unet  3x256x256 -> 2x256x256\n\naccepts   height and width: multiples of 16\n")
    assert "output    2 x height x width\n" in out
    assert "set by    cat4 (height and width: n mod 16 in 0 to 7)\n          cat3 " in out
    two = zoo("sizes", "unet", "lenet5").stdout
    assert two.startswith(f"{out}\n")
    assert "pinned by fc1.0\n" in two


def test_sizes_of_a_network_without_a_free_axis(tmp_path: Path) -> None:
    spec = tmp_path / "net.yaml"
    spec.write_text("spec: 1\nname: net\ninput: [4]\nlayers: [{op: Linear, out_features: 2}]\n")
    assert "no axis of it is free" in zoo("sizes", str(spec)).stdout
    assert data("sizes", str(spec))["axes"] == []


def test_sizes_of_another_input_are_those_of_the_network_built_for_it() -> None:
    """The head of LeNet-5 has the weights of the input that it is built for."""
    assert "36 to 39 x 36 to 39" in zoo("sizes", "lenet5", "--input", "1x36x36").stdout


def test_where_no_short_rule_exists_sizes_says_so_and_decides_each(tmp_path: Path) -> None:
    """floor(n * 0.7) is no floor of a quotient: torch multiplies floats."""
    spec = tmp_path / "net.yaml"
    spec.write_text(
        "spec: 1\nname: net\ninput: [1, 40, 40]\nlayers:\n  - {op: interpolate, scale_factor: 0.7}\n"
        "  - {op: Conv2d, out_channels: 2, kernel_size: 3}\n"
    )
    out = zoo("sizes", str(spec)).stdout
    assert "no short rule; every size from 1 to 256 on all axes alike was checked: 5 to 256\n" in out
    assert data("sizes", str(spec))["short_rule"] is False
    sizes = face.sizes(str(spec))
    assert sizes.rule is None
    assert sizes.accepts(5, 90)
    assert not sizes.accepts(4, 90)
    assert sizes.output(5, 90) == (2, 1, 60)  # 90 * 0.7 is 62.99 in floats


def test_the_json_of_sizes_decides_every_size() -> None:
    found, sizes = data("sizes", "unet_2015"), face.sizes("unet_2015")
    (box,) = found["region"]
    for n in range(1, 400):
        own = box["height"]
        inside = n in own["members"] if n < own["start"] else n % own["period"] in own["remainders"]
        assert inside == sizes.accepts(n, n)
    assert found["accepts"] == "height and width: 188 and up"
    assert [axis["declared"] for axis in found["axes"]] == [572, 572]
    assert found["outputs"]["output"][0] == 2
    assert [row["layer"] for row in found["drops"][::2]] == ["pool1", "pool2", "pool3", "pool4"]
    assert [each["name"] for each in data("sizes", "unet", "lenet5")] == ["unet", "lenet5"]

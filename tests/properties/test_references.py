"""References that name nothing, at any place of `from`, in entries of every kind: each is reported where it stands."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from speczoo.checking import check_into
from speczoo.specs.diagnostics import Report

KINDS: dict[str, dict[str, Any]] = {
    "layer": {"op": "ReLU"},
    "merge": {"op": "add"},
    "group": {"layers": [{"op": "ReLU"}]},
    "block": {"op": "Two"},
    "share of a group": {"share": "group"},
    "share of a block": {"share": "block"},
    "share of a layer": {"share": "conv"},
    "spec in use": {"op": "Used"},
}
KNOWN = ("input", "conv", "group")


@given(
    st.sampled_from(sorted(KINDS)), st.lists(st.sampled_from([*KNOWN, "nowhere", "group.3"]), min_size=1, max_size=4)
)
def test_a_reference_that_names_nothing_is_reported_where_it_stands(kind: str, names: list[str]) -> None:
    spec = {
        "spec": 1,
        "name": "n",
        "input": [3, 32, 32],
        "use": {"Used": "lenet5"},
        "blocks": {"Two": {"inputs": ["a", "b"], "layers": [{"op": "add", "from": ["a", "b"]}]}},
        "layers": [
            {"id": "conv", "op": "Conv2d", "out_channels": 3, "kernel_size": 1, "from": "input"},
            {"id": "group", "layers": [{"op": "ReLU"}]},
            {"id": "block", "op": "Two", "from": ["conv", "group"]},
            {"id": "entry", "from": names, **KINDS[kind]},
        ],
    }
    report, text = Report(), json.dumps(spec, indent=1)
    check_into(report, text)
    reported = sorted(d.span.line for d in report.errors if d.code == "unknown-reference" and d.span is not None)
    wrong = [i for i, line in enumerate(text.splitlines(), 1) if line.strip(' ",') in ("nowhere", "group.3")]
    assert reported == wrong, [(d.code, d.message) for d in report.errors]

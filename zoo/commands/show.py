"""`zoo show`: a network's spec."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from speczoo import console
from speczoo.commands.common import AskedNetwork, Networks, emit, json_option, takes_networks

if TYPE_CHECKING:
    from speczoo.catalogue import NamedText


@click.command()
@takes_networks
@click.option("--family", is_flag=True, help="The file as it is, with all its variants.")
@click.option("--resolved", is_flag=True, help="Every parameter, loop, condition and default resolved.")
@json_option
def command(networks: Networks, family: bool, resolved: bool, as_json: bool) -> None:
    """Show a network's spec, and what it inherits from what.

    Comments above the spec say which file and line the network stands in, where the value of each parameter is from,
    and which other specs it uses. What is printed is a spec again, and `zoo build` makes that very network of it: its
    variant's values, --set and --input are its defaults.

    With --resolved it is the spec that says the network outright, without comments, a layer a line: what two networks,
    or two versions of one, can be compared by. Of a file with variants it is all of them.
    """
    if resolved and family:
        raise click.UsageError("--family and --resolved are two things to show: say one of them")
    if resolved:
        _resolved(networks, as_json)
        return
    made = networks.each(lambda network: lineage(network, family))
    if as_json:
        found = [{k: v for k, v in line.items() if k != "text"} for _, line in made]
        emit(found if networks.several else found[0])
        return
    for i, (_, line) in enumerate(made):
        written = ("\n" if i else "") + _comments(line) + line["text"].rstrip("\n") + "\n"
        console.data(written, "json" if line["text"].startswith("{") else "yaml")


def _resolved(networks: Networks, as_json: bool) -> None:
    from speczoo import resolved

    wanted = Networks(variant for network in networks for variant in _variants(network))
    made = [(resolved.data(graph, network.params), graph.name) for network, graph in wanted.each(AskedNetwork.graph)]
    if as_json:
        found = [{"name": name, "spec": data} for data, name in made]
        emit(found if networks.several or len(found) > 1 else found[0])
        return
    for i, (data, _) in enumerate(made):
        console.data("\n" * (i > 0) + resolved.written(data), "yaml")


def _variants(network: AskedNetwork) -> list[AskedNetwork]:
    """Return the networks of a file that has variants, which was asked for without one; else the network itself."""
    from speczoo import catalogue
    from speczoo.specs.diagnostics import Report

    found = catalogue.find(network.asked, Report(), network.limits) if catalogue.is_file(network.asked) else None
    if found is None or found[1] is not None or not found[0].spec.variants:
        return [network]
    spec = found[0].spec
    complete = all(name in network.params for name, param in spec.params.items() if param.required)
    return [network] * complete + [replace(network, asked=_variant(network.asked, name)) for name in spec.variants]


def _variant(asked: str | NamedText, name: str) -> str | NamedText:
    return f"{asked}:{name}" if isinstance(asked, str) else asked._replace(variant=name)


def lineage(network: AskedNetwork, family: bool = False) -> dict[str, Any]:
    """Return where a network comes from, as the JSON has it, and the text of its spec, or that of its `family`. Raises
    SpecError.
    """
    from speczoo import catalogue, specialize
    from speczoo.compiler.settings import choose
    from speczoo.specs.diagnostics import Report
    from speczoo.specs.document import parse
    from speczoo.specs.errors import raise_if_wrong
    from speczoo.specs.source import Source

    report = Report()
    found = catalogue.find(network.asked, report, network.limits)
    raise_if_wrong(report)
    assert found is not None
    unit, variant = found
    spec, document = unit
    chosen = spec.variants.get(variant) if variant else None
    params = {k: v for k, v in network.params.items() if k in spec.params or k != "in_channels"}
    choice = choose(unit, variant=variant, params=params, input=network.input, limits=network.limits)
    settings = choice.settings
    for problem in (*choice.problems, *choice.of_given):
        report.add(problem.located(document))
    if variant is None and any(p.required for p in spec.params.values()):
        settings = None  # a family: its text says which parameters it wants
    else:
        raise_if_wrong(report)
    text, data = document.source.text, document.data
    if settings is not None and not family and (variant is not None or params or network.input is not None):
        graph = network.graph()
        text = specialize.text(graph, graph.name, network.params)
        written = parse(Source.of(text), report)
        assert written is not None
        data = written.data
    place = document.span(("variants", variant), key=True) if variant else None
    return {
        "name": variant or spec.name,
        "family": spec.name,
        "file": shown(document.source.path) if document.source.path else document.source.name,
        "line": place.line if place else None,
        "variants": [] if variant else list(spec.variants),
        "params": {
            name: {
                "value": value,
                "from": "--set" if name in params else variant if chosen and name in chosen.params else spec.name,
            }
            for name, value in (settings.params if settings else {}).items()
        },
        "inputs": {name: list(value.shape) for name, value in (settings.inputs if settings else ())},
        "uses": dict(spec.use),
        "exported": _exported(network.asked),
        "spec": data,
        "text": text,
    }


def _exported(asked: str | NamedText) -> dict[str, Any] | None:
    """Return what else a file says of itself that carries the spec; None of any other file."""
    from speczoo import catalogue

    if not isinstance(asked, str) or not catalogue.is_exported(asked):
        return None
    from speczoo import embedded

    found = embedded.read(Path(asked))
    return {"fingerprint": found.fingerprint, "versions": found.versions, "settings": found.settings}


def shown(path: Path) -> str:
    """Return a path as seen from here, where it is below."""
    absolute, here = os.path.abspath(path), os.getcwd()
    return os.path.relpath(absolute, here) if absolute.startswith(here + os.sep) else absolute


def _comments(line: dict[str, Any]) -> str:
    from speczoo.specs.escaping import safe
    from speczoo.specs.flow_style import flow

    if line["text"].lstrip().startswith("{"):
        return ""  # JSON has no comments
    where = line["file"] + (f", line {line['line']}" if line["line"] else "")
    comments = [f"{line['name']}: {'a variant of ' + line['family'] + ', ' if line['line'] else ''}{where}"]
    if line["variants"]:
        comments.append("variants: " + ", ".join(line["variants"]))
    if line["params"]:
        name = max(len(n) for n in line["params"])
        values = {n: flow(p["value"]) for n, p in line["params"].items()}
        wide = min(40, max(map(len, values.values())))
        comments += [f"  {n:<{name}}  {values[n]:<{wide}}  from {p['from']}" for n, p in line["params"].items()]
    comments += [f"uses {op}: {used}" for op, used in line["uses"].items()]
    if line["exported"]:
        comments += _carried(line["exported"])
    return "".join(f"# {safe(text)}\n" for text in comments) + "\n"


def _carried(carried: dict[str, Any]) -> list[str]:
    """Return what an exported file says of itself beside its spec."""
    from speczoo.specs.flow_style import flow

    versions = ", ".join(f"{name} {version}" for name, version in carried["versions"].items())
    taps = carried["settings"].get("taps")
    return [
        *([f"written by {versions}"] if versions else []),
        *([f"outputs in the file: {flow(taps)}"] if taps else []),
        *([f"fingerprint {carried['fingerprint']}"] if carried["fingerprint"] else []),
    ]

"""Diagnostics for machines: a line each, and as json, github and sarif."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import PurePath
from typing import Any, NamedTuple
from urllib.parse import quote

from speczoo.specs.codes import CODES
from speczoo.specs.diagnostics import Diagnostic, Label, Span
from speczoo.specs.escaping import safe
from speczoo.specs.render import place


class Checked(NamedTuple):
    """A file or network that was checked, by the name it was asked for, and what is reported of it."""

    file: str
    diagnostics: Sequence[Diagnostic]

    @property
    def ok(self) -> bool:
        return all(d.severity != "error" for d in self.diagnostics)


def concise(diagnostics: Iterable[Diagnostic]) -> str:
    """Return a line for each: `net.yaml:9:31: error[shape-mismatch] ...`."""
    return "\n".join(f"{place(d)}: {d.severity}[{d.code}] {safe(d.message)}" for d in diagnostics)


def as_data(d: Diagnostic) -> dict[str, Any]:
    """Return a diagnostic as JSON has it; lines and columns count from 1 and are null where there is no place."""
    line, column, end_line, end_column = d.span or (None, None, None, None)
    return {
        "code": d.code,
        "severity": d.severity,
        "message": d.message,
        "line": line,
        "column": column,
        "end_line": end_line,
        "end_column": end_column,
        "path": d.path,
        "pointer": d.pointer,
        "help": list(d.help),
    }


def as_json(checked: Iterable[Checked]) -> str:
    """Return one object for all files; what is wrong in a file that another one uses stands under its own name."""
    files: dict[str, list[Diagnostic]] = {}
    wrong: set[str] = set()
    for file, diagnostics in checked:
        files.setdefault(file, [])
        for d in diagnostics:
            owner = file if d.file is None or d.file == file.rpartition(":")[0] else d.file
            if d not in files.setdefault(owner, []):
                files[owner].append(d)
            if d.severity == "error":
                wrong |= {owner, file}
    shown = [
        {"file": file, "ok": file not in wrong, "diagnostics": [as_data(d) for d in found]}
        for file, found in files.items()
    ]
    data = {"ok": not wrong, "files": shown}
    return json.dumps(data, indent=2)


def github(diagnostics: Iterable[Diagnostic]) -> str:
    """Return workflow commands that annotate the lines of a pull request."""

    def escape(text: str) -> str:
        return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")

    out = []
    for d in diagnostics:
        where = {"file": d.file} if d.file else {}
        if d.span:
            line, column, end_line, end_column = d.span
            where |= {"line": str(line), "endLine": str(end_line)}
            if line == end_line:
                where |= {"col": str(column), "endColumn": str(end_column)}
        where["title"] = d.code
        properties = ",".join(
            f"{key}={escape(safe(value)).replace(':', '%3A').replace(',', '%2C')}" for key, value in where.items()
        )
        lines = "\n".join(safe(line) for line in (d.message, *d.notes, *(f"help: {h}" for h in d.help)))
        out.append(f"::{d.severity} {properties}::{escape(lines)}")
    return "\n".join(out)


def sarif(diagnostics: Iterable[Diagnostic], version: str) -> str:
    """Return SARIF 2.1.0, which code scanning services and editors read."""
    names = list(CODES)
    rules = [
        {
            "id": code.name,
            "shortDescription": {"text": code.meaning},
            "fullDescription": {
                "text": code.explanation.partition("```")[0].partition("\n")[2].strip() or code.meaning
            },
            "help": {"text": f"zoo explain {code.name}", "markdown": code.explanation},
            "defaultConfiguration": {"level": code.severity},
        }
        for code in CODES.values()
    ]
    results = []
    for d in diagnostics:
        result: dict[str, Any] = {
            "ruleId": d.code,
            "ruleIndex": names.index(d.code),
            "level": d.severity,
            "message": {"text": "\n".join((d.message, *d.notes, *(f"help: {h}" for h in d.help)))},
        }
        if d.file:
            result["locations"] = [{"physicalLocation": _physical(d.file, d.span)}]
            if d.path:
                result["locations"][0]["logicalLocations"] = [{"fullyQualifiedName": d.path, "kind": "member"}]
            if d.labels:
                result["relatedLocations"] = [_related(label, d.file) for label in d.labels]
            if d.fix:
                changes = [{"deletedRegion": _region(e.span), "insertedContent": {"text": e.text}} for e in d.fix]
                described = {"text": d.help[0] if d.help else "mend it"}
                change = {"artifactLocation": {"uri": _uri(d.file)}, "replacements": changes}
                result["fixes"] = [{"description": described, "artifactChanges": [change]}]
        results.append(result)
    driver = {"name": "zoo", "semanticVersion": version, "rules": rules}
    run = {"tool": {"driver": driver}, "columnKind": "unicodeCodePoints", "results": results}
    log = {
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [run],
    }
    return json.dumps(log, indent=2)


def _related(label: Label, file: str) -> dict[str, Any]:
    return {
        "physicalLocation": _physical(label.file or file, label.span),
        "message": {"text": label.text or "see here"},
    }


def _physical(file: str, span: Span | None) -> dict[str, Any]:
    return {"artifactLocation": {"uri": _uri(file)}} | ({"region": _region(span)} if span else {})


def _region(span: Span) -> dict[str, int]:
    return {
        "startLine": span.line,
        "startColumn": span.column,
        "endLine": span.end_line,
        "endColumn": span.end_column,
    }


def _uri(file: str) -> str:
    path = PurePath(file)
    return ("file://" if path.is_absolute() else "") + quote(path.as_posix(), errors="surrogateescape")

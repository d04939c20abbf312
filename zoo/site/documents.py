"""The repository's Markdown as pages, by MkDocs: those that GitHub shows, with the same links."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from speczoo.specs import files

#: Where pages are, beside those at the top, and where none are.
FOLDERS = ("specs", "compiler", "zoo", "tests")
SKIPPED = ("tests/errors", "tests/hostile")
LINK = re.compile(r"(?<=\]\()([^)#\s:]+)(?=[)#])")


def repository() -> Path | None:
    """Return the folder of the repository that this package is installed from; None where there is none."""
    folder = Path(__file__).resolve().parents[2]
    return folder if (folder / "README.md").is_file() and (folder / "pyproject.toml").is_file() else None


def documents(root: Path) -> dict[str, bytes]:
    """Return the files of the pages, by their paths below the site's folder for them.

    Raises ModuleNotFoundError where MkDocs is not installed.
    """
    from mkdocs.commands.build import build
    from mkdocs.config import load_config

    logging.getLogger("mkdocs").setLevel(logging.ERROR)
    with files.scratch() as scratch:
        source, target = Path(scratch, "docs"), Path(scratch, "site")
        for path, data in _sources(root).items():
            files.make_folder((source / path).parent)
            files.write(source / path, data)
        files.write(Path(scratch, "mkdocs.yml"), b"site_name: speczoo\n")
        config = load_config(
            str(Path(scratch, "mkdocs.yml")),
            docs_dir=str(source),
            site_dir=str(target),
            use_directory_urls=False,
            theme={"name": "mkdocs", "color_mode": "auto", "highlightjs": False, "locale": "en"},
            markdown_extensions=["tables", "fenced_code", "md_in_html", "toc"],
            plugins=["search"],
        )
        build(config)
        return {path.relative_to(target).as_posix(): _undated(path.read_bytes()) for path in _files(target)}


def _files(folder: Path) -> Iterator[Path]:
    """Yield files but for the map of the site, which has a date and no address."""
    return (path for path in sorted(folder.rglob("*")) if path.is_file() and not path.name.startswith("sitemap."))


def _undated(data: bytes) -> bytes:
    """Return a page without the time when it was made: equal documents are equal pages."""
    return re.sub(rb"\s*<!--\s*MkDocs version.*?-->", b"", data, flags=re.DOTALL)


def _sources(root: Path) -> Mapping[str, bytes]:
    """Return the pages as MkDocs reads them, and the files that they lead to."""
    pages = sorted(root.glob("*.md"))
    for folder in FOLDERS:
        pages += sorted((root / folder).rglob("*.md"))
    found: dict[str, bytes] = {}
    for page in pages:
        name = page.relative_to(root).as_posix()
        if name.startswith(SKIPPED):
            continue
        text = page.read_text(encoding="utf-8")
        found[name] = prepared(text).encode()
        if name == "README.md":
            found[name] = b"[The catalogue of networks](../index.html)\n\n" + found[name]
        for link in LINK.findall(text):
            place = (page.parent / link).resolve()
            if place.is_file() and place.suffix != ".md" and place.is_relative_to(root):
                found[place.relative_to(root).as_posix()] = place.read_bytes()
    return found


def prepared(text: str) -> str:
    """Return a page of GitHub's Markdown as one of MkDocs: examples lose their names, tables of HTML hold Markdown."""
    lines = []
    fence = ""
    for line in text.splitlines():
        mark = re.match(r"(\s*)(```+|~~~+)(\w*)", line)
        if mark and not fence:
            fence, line = mark[2], f"{mark[1]}{mark[2]}{mark[3]}"
        elif mark and line.strip() == fence:
            fence = ""
        elif not fence:
            line = re.sub(r"<(table|tr|td)>", r'<\1 markdown="1">', line)
        lines.append(line)
    return "\n".join(lines) + "\n"

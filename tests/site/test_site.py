"""The site of the zoo: links lead somewhere, nothing is asked of another server, a browser filters and sorts."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from click.testing import CliRunner

import speczoo
from speczoo import catalogue
from speczoo.__main__ import cli
from speczoo.site.documents import prepared, repository
from speczoo.site.index import index
from speczoo.site.network import ListedNetwork

NAMES = ("lenet5", "resnet18", "resnet152", "unet")
BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "chrome"))), None)
browser = pytest.mark.skipif(BROWSER is None, reason="needs chromium")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("mkdocs")
    folder = tmp_path_factory.mktemp("site")
    made = CliRunner().invoke(cli, ["site", *NAMES, "-o", str(folder)])
    assert made.exit_code == 0, made.stderr
    return folder


class Page(HTMLParser):
    """What a page leads to, what it loads, and the places in it."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.loads: list[str] = []
        self.ids: set[str] = set()
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {key: value for key, value in attrs if value is not None}
        self.ids |= {given[key] for key in ("id", "name") if key in given}
        if tag == "a" and "href" in given:
            self.links.append(given["href"])
        elif tag == "link" and "href" in given:
            self.loads.append(given["href"])
        elif "src" in given:
            self.loads.append(given["src"])

    def handle_data(self, data: str) -> None:
        self.text += data


def dead(folder: Path) -> Iterator[str]:
    """The links of a site's pages that lead nowhere, and what they load from elsewhere."""
    pages = {path: Page(path.read_text(encoding="utf-8")) for path in folder.rglob("*.html")}
    for path, page in pages.items():
        if path.name == "404.html" or path.name.endswith(".map.html"):
            continue  # at any address; one script, which another test reads
        for link in page.loads:
            if urlsplit(link).scheme in ("http", "https") or link.startswith("//"):
                yield f"{path.relative_to(folder)} loads {link}"
        for link in (*page.links, *page.loads):
            address = urlsplit(link)
            if address.scheme:
                continue
            there = (path.parent / unquote(address.path)).resolve() if address.path else path
            if not there.is_file():
                yield f"{path.relative_to(folder)} leads to {link}"
            elif address.fragment and there in pages and unquote(address.fragment) not in pages[there].ids:
                yield f"{path.relative_to(folder)} leads to no place {link}"


def test_every_link_leads_somewhere(site: Path) -> None:
    assert [*dead(site)] == []
    assert len([*site.rglob("*.html")]) > 2 * len(NAMES) + 30


def test_a_dead_link_is_noticed(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "a.html").write_text(
        '<a href="b.html">b</a><a href="#c">c</a><img src="https://example.org/x.png">'
    )
    assert [*dead(tmp_path)] == [
        "sub/a.html loads https://example.org/x.png",
        "sub/a.html leads to b.html",
        "sub/a.html leads to no place #c",
    ]


def test_a_page_has_all_of_a_network(site: Path) -> None:
    for name in NAMES:
        graph = speczoo.graph(name)
        page = Page((site / "networks" / f"{name}.html").read_text(encoding="utf-8"))
        for text in (f"{graph.params:,}", f"{graph.macs:,}", speczoo.source(name).splitlines()[-2].strip(), "input:"):
            assert text in page.text
        assert {f"../pictures/{name}.svg", f"../pictures/{name}.paper.svg"} <= set(page.loads)
    lenet5 = (site / "networks" / "lenet5.html").read_text(encoding="utf-8")
    assert "zoo train lenet5" in lenet5
    assert "accuracy 0." in lenet5


def test_documents_are_those_of_the_repository(site: Path) -> None:
    home = (site / "docs" / "index.html").read_text(encoding="utf-8")
    assert home.count('<code class="language-yaml">') == 3
    assert "&lt;td&gt;" not in home
    assert "```" not in Page(home).text
    root = repository()
    assert root is not None
    assert (site / "docs" / "zoo" / "drawing" / "index.html").is_file()
    for page in (site / "docs").rglob("*.html"):
        assert not re.search(r"(?m)^\s*```", Page(page.read_text(encoding="utf-8")).text), page


def test_examples_lose_their_names() -> None:
    assert prepared("```yaml net.yaml\n<td>\n```\n<td>\n") == '```yaml\n<td>\n```\n<td markdown="1">\n'


def test_texts_of_strangers_are_texts() -> None:
    text = '"><script>alert(1)</script>\u202e'
    page = index([ListedNetwork("n", text, text, 2020, 1, 2, text)], documents=False)
    assert page.count("<script") == 1
    assert "\u202e" not in page


def test_what_it_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def zoo(*arguments: str) -> tuple[int, str, str]:
        made = CliRunner().invoke(cli, ["site", *arguments])
        return made.exit_code, made.stdout, made.stderr

    monkeypatch.chdir(tmp_path)
    code, out, err = zoo("lenet5", "--no-docs", "-o", "s", "--json")
    assert (code, json.loads(out)) == (0, {"folder": "s", "networks": ["lenet5"], "files": 5})
    assert err == "s written: 1 networks, 5 files\n"
    assert 'href="docs' not in (tmp_path / "s" / "index.html").read_text()
    assert zoo("lenet5", "--no-docs", "-o", "s")[0] == 0, "the same may be written again"
    (tmp_path / "s" / "index.html").write_text("mine")
    code, _, err = zoo("lenet5", "--no-docs", "-o", "s")
    assert code == 2
    assert "--force" in err
    assert zoo("lenet5", "--no-docs", "-o", "s", "--force")[0] == 0
    code, _, err = zoo("lenet9", "-o", "s")
    assert code in (1, 2)
    assert "lenet5" in err
    assert zoo("lenet5")[0] == 2


@pytest.mark.parametrize("folder", ["networks", "pictures"])
def test_nothing_is_written_through_a_linked_folder(folder: str, tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "s").mkdir()
    (tmp_path / "s" / folder).symlink_to(tmp_path / "outside")
    made = CliRunner().invoke(cli, ["site", "lenet5", "--no-docs", "--force", "-o", str(tmp_path / "s")])
    assert made.exit_code == 2
    assert "symbolic link" in made.stderr
    assert not [*(tmp_path / "outside").iterdir()]


@browser
def test_a_browser_filters_and_sorts(site: Path, tmp_path: Path) -> None:
    def shown(words: str) -> tuple[list[str], str]:
        asked = [str(BROWSER), "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path / 'profile'}"]
        address = f"{(site / 'index.html').as_uri()}#{words}"
        page = subprocess.run([*asked, "--dump-dom", address], capture_output=True, check=True).stdout.decode()
        cards = re.findall(r"<li [^>]*>", page)
        count = re.search(r'id="count"[^>]*>([^<]*)<', page)
        assert count is not None
        return [card.split('data-name="')[1].split('"')[0] for card in cards if " hidden" not in card], count[1]

    assert shown("") == (["lenet5", "resnet18", "resnet152", "unet"], "4 of 4")
    assert shown("resnet%202015") == (["resnet18", "resnet152"], "2 of 4")
    assert shown("nothing") == ([], "0 of 4")


@pytest.mark.slow
def test_the_whole_zoo(tmp_path: Path) -> None:
    made = CliRunner().invoke(cli, ["site", "-o", str(tmp_path / "site")])
    assert made.exit_code == 0, made.stderr
    assert [*dead(tmp_path / "site")] == []
    assert {path.stem for path in (tmp_path / "site" / "networks").glob("*.html") if ".map" not in path.name} == {
        *catalogue.names("*")
    }

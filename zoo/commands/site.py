"""`zoo site`: the zoo as static pages."""

from __future__ import annotations

from pathlib import Path

import click

from speczoo import console
from speczoo.commands import shell_completion
from speczoo.commands.common import Place, Refused, emit, force_option, json_option, reads_files, refuse_other


@click.command()
@reads_files
@click.argument("names", nargs=-1, metavar="[NAME...]", shell_complete=shell_completion.networks)
@click.option("-o", "--out", "target", type=Place(), required=True, help="The folder to write.")
@click.option("--docs/--no-docs", "with_documents", default=True, help="The documentation, too, which takes MkDocs.")
@force_option
@json_option
def command(names: tuple[str, ...], target: Path, with_documents: bool, force: bool, as_json: bool) -> None:
    """Write the zoo as a site of static pages: a catalogue to filter and sort, and a page for each network.

    A page has pictures, numbers, what recipes reach, summary, spec and source. Without NAME it is the whole zoo; globs
    ('resnet*') are taken. Beside it are the pages of the repository's documentation, where there is one. Pages ask no
    other server for anything: any that serves files will do, and a browser opens them from a disk.
    """
    from speczoo import catalogue
    from speczoo.site.documents import documents, repository
    from speczoo.site.index import index
    from speczoo.site.results import results
    from speczoo.site.work import networks
    from speczoo.specs import files
    from speczoo.specs.suggestions import did_you_mean

    chosen = catalogue.expand([*(names or catalogue.names("*"))])
    if others := [name for name in chosen if name not in catalogue.index()]:
        near = "".join(f": {line}" for line in did_you_mean(others[0], [*catalogue.index()]))
        raise click.UsageError(f"{others[0]!a} is no network of the zoo, which a site is made of{near}")
    root = repository() if with_documents else None
    pages: dict[str, bytes] = {}
    if root is not None:
        try:
            pages = {f"docs/{path}": data for path, data in documents(root).items()}
        except ModuleNotFoundError as error:
            raise Refused(f"the documentation takes {error.name}: pip install 'speczoo[site]', or --no-docs") from None
    entries = []
    for count, made in enumerate(networks(chosen, results(), documents=root is not None), 1):
        entries.append(made.entry)
        pages |= made.files
        console.progress(f"{count} of {len(chosen)} networks")
    console.progress()
    pages["index.html"] = index(entries, documents=root is not None).encode()
    there = {target / path: data for path, data in pages.items()}
    refuse_other(there, force)
    for path, data in there.items():
        files.write(path, data, below=target, over=force)
    if as_json:
        emit({"folder": str(target), "networks": [entry.name for entry in entries], "files": len(there)})
    console.say(f"{target} written: {len(entries)} networks, {len(there)} files", err=True)

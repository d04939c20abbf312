"""All that is generated and kept in the repository: `python -m tests.regenerate` writes it anew, to be read before it
is committed, and names each file that changed. `contracts/test_generated.py` holds every file to it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from speczoo.compiler.emit import schema
from speczoo.specs import files
from speczoo.training.recipe_schema import recipe_schema
from tests import error_cases, language_tables, pictures, readme_tables

ROOT = Path(__file__).parents[1]


def generated() -> Iterator[tuple[Path, Callable[[], str]]]:
    """Each file, and what makes its text."""
    yield ROOT / "zoo" / "schema.json", schema.text
    yield ROOT / "zoo" / "recipe.schema.json", lambda: schema.text(recipe_schema())
    yield readme_tables.README, readme_tables.renewed
    for page in language_tables.TABLES:
        yield page, partial(language_tables.renewed, page)
    yield from pictures.pictures()
    for path in error_cases.CASES:
        yield path.with_suffix(".txt"), partial(error_cases.shown, path)


def main() -> None:
    for path, make in generated():
        text = make().encode()
        if not path.exists() or path.read_bytes() != text:
            files.write(path, text, over=True)
            print(path.relative_to(ROOT), "written")


if __name__ == "__main__":
    main()

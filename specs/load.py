"""A Document becomes a Spec, and every departure from the grammar is reported at its line."""

from __future__ import annotations

from pydantic import ValidationError

from speczoo.specs.diagnostics import Report
from speczoo.specs.document import Document
from speczoo.specs.foreign import foreign_data
from speczoo.specs.spec import Spec


def load(document: Document, report: Report) -> Spec | None:
    """Return the Spec that a document holds, every departure from the grammar reported in `report`.

    What is wrong leaves placeholders (`Spec.placeholders`), so that the rest can be checked all the same; None where
    nothing can.
    """
    if (foreign := foreign_data(document.data)) is not None:
        report.add(foreign.located(document))
        return None
    if document.placeholders:
        from speczoo.specs.yaml11_words import settle

        settle(document, report)
    try:
        return Spec.model_validate(document.data)
    except ValidationError as error:
        from speczoo.specs.schema_errors import mend

        return mend(error, document, report)

"""Models in code as specs: `zoo import`, and `speczoo.from_module`."""

from speczoo.importing.imported import Imported, from_module
from speczoo.importing.proving import NotTheSame
from speczoo.importing.refusals import ImportRefused, Place, Refusal

__all__ = ["ImportRefused", "Imported", "NotTheSame", "Place", "Refusal", "from_module"]

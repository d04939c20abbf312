"""Models in code and in other libraries' files as specs: `zoo import`, and `speczoo.from_module`.

What reads files is `sources`, which needs no torch; the names below are imported when they are asked for.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from speczoo.importing.imported import Imported, from_module, from_program
    from speczoo.importing.programs import ProgramError
    from speczoo.importing.proving import NotTheSame
    from speczoo.importing.refusals import CodeLine, ImportRefused, Refusal
    from speczoo.importing.running import ModelFailed
    from speczoo.importing.together import Family, from_modules

__all__ = [
    "CodeLine",
    "Family",
    "ImportRefused",
    "Imported",
    "ModelFailed",
    "NotTheSame",
    "ProgramError",
    "Refusal",
    "from_module",
    "from_modules",
    "from_program",
]

_FROM = {
    **{"Imported": "imported", "from_module": "imported", "from_program": "imported", "NotTheSame": "proving"},
    **{"ModelFailed": "running", "ProgramError": "programs"},
    **{"Family": "together", "from_modules": "together"},
}


if not TYPE_CHECKING:  # to which a name that is not among them is a mistake

    def __getattr__(name: str) -> Any:
        if name not in __all__:
            raise AttributeError(f"module 'speczoo.importing' has no attribute {name!r}")
        from importlib import import_module

        return getattr(import_module(f"speczoo.importing.{_FROM.get(name, 'refusals')}"), name)

"""Many settings of a network: which there are, what each costs, which fit and which are best.

`space` has the settings, `candidates` what is known of one, `engine` goes over them in this process or in several,
`conditions` says which are wanted, `pareto` which no other beats, `picture` draws two of their columns.
"""

from speczoo.exploration.candidates import MEASURES, Candidate
from speczoo.exploration.engine import sweep
from speczoo.exploration.space import Space, SpaceError

__all__ = ["MEASURES", "Candidate", "Space", "SpaceError", "sweep"]

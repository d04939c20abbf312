"""Many settings of a network: which there are, what each costs, which fit and which are best.

`space` has the settings, `candidates` what is known of one, `engine` goes over them in this process or in several,
`pareto` says which no other beats, `picture` draws two of their columns. `task`, `study` and `with_optuna` or
`with_ray` search: they train what fits, and `winner` writes down the best.
"""

from speczoo.exploration.candidates import MEASURES, Candidate
from speczoo.exploration.engine import sweep
from speczoo.exploration.space import Space, SpaceError

__all__ = ["MEASURES", "Candidate", "Space", "SpaceError", "sweep"]

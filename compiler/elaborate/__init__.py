"""Elaboration: a Spec becomes a Graph, its parameters, loops and conditions expanded and its shapes inferred.

`elaborator` is the driver. `loops` unrolls a list, `entry` takes its entries one by one, `references` finds what they
take (`unresolved` says why that is not there), `node` makes what an entry is: a `layer`, a `block`, a `group`, a spec
in `use`, a module to `share`; what was right before goes `straight`. `outputs` closes the list, `inactive` checks what
is left out. All of them see a `Context` and a `Frame`; `prepared` and `values` hold what is found once.
"""

from speczoo.compiler.elaborate.context import Context
from speczoo.compiler.elaborate.elaborator import SpecElaborator
from speczoo.compiler.elaborate.session import Halt, Lookup, Session, Shared, Stop, freeze

__all__ = ["Context", "Halt", "Lookup", "Session", "Shared", "SpecElaborator", "Stop", "freeze"]

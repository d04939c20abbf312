"""The walk: a Spec becomes a Graph.

`walk` expands lists, `loops` unrolls them, `place` takes their entries one by one, `making` makes what an entry says,
`applying` applies a layer of the registry, `sharing` a module that is made already, `aside` looks at what is left out,
`wires` knows what its references mean, `ending` closes a list; `telling` and `refusals` report.
"""

from compiler.walk.session import Halt, Lookup, Session, Shared, Stop, freeze
from compiler.walk.walk import Walk

__all__ = ["Halt", "Lookup", "Session", "Shared", "Stop", "Walk", "freeze"]

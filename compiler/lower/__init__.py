"""From graph to program: a class for every block, found by lining up all the instances that the network has of it.

`template` says which instances can share a class; `columns` turns the numbers that differ between them into
constructor arguments; `forward` orders the statements; `lower` puts classes together.
"""

from speczoo.compiler.lower.lower import lower

__all__ = ["lower"]

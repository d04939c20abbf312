"""From graph to program: a class for every block, found by lining up all the instances that the network has of it.

`instance_grouping` says which instances can share a class; `parameterize` turns the numbers that differ between them
into constructor arguments; `forward` orders the statements; `lowering` puts classes together.
"""

from speczoo.compiler.lower.lowering import lower

__all__ = ["lower"]

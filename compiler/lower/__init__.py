"""From graph to program: a class for every block, found by lining up all the instances that the network has of it.

`instance_grouping` says which instances can share a class; `parameterize` turns the numbers that differ between them
into constructor arguments; `constructing` says what constructors make, `forward` orders the statements, `classes` puts
both together; `program_parts` has what classes have in common; `validate` interprets what came out and holds it to the
graph.
"""

from speczoo.compiler.graph import Graph
from speczoo.compiler.lower.lowering import program_of
from speczoo.compiler.lower.validate import validate
from speczoo.compiler.program import Program


def lower(graph: Graph) -> Program:
    """Return the program of a graph that the checker passed.

    Raises Mistranslation where it would be another network: a bug of ours.
    """
    program = program_of(graph)
    validate(graph, program)
    return program


__all__ = ["lower"]

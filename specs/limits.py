"""Every limit of the front half, in one place.

A spec may come from a stranger, so nothing inside a spec can raise a limit: only Python (`Limits(nodes=...)`) or the
command line can. What passes a limit is refused as `limit-exceeded` before anything is expanded or allocated; aliases
that pass theirs are `unsafe-yaml`.
"""

from __future__ import annotations

from dataclasses import dataclass

#: Of one expression, and fixed: nobody can raise these.
EXPRESSION_LENGTH = 1_000  # characters
EXPRESSION_DEPTH = 32  # operators, calls and parentheses inside each other
MAGNITUDE = 2**63  # of every number on the way to a result
ITEMS = 10_000  # of a list that an expression gives, those of lists within it counted too
CHARACTERS = 1_000  # of a text that an expression gives
TURNS = 100_000  # of a range


@dataclass(frozen=True, slots=True)
class Limits:
    """How large a spec, its expressions and its network may be."""

    # the text
    bytes: int = 1 << 20  # of one file; no more than this and one byte is ever read
    depth: int = 32  # mappings and lists inside each other, aliases followed
    values: int = 20_000  # scalars, keys, lists and mappings in one document
    string: int = 20_000  # characters of one key or text
    digits: int = 64  # of one whole number
    aliases: int = 1_000  # uses of anchors
    alias_values: int = 10_000  # values that aliases add, each counted once more per 64 characters of text
    directives: int = 8  # lines that start with % before the document
    mistakes: int = 100  # reported of one document before reading and checking stop

    # expressions
    work: int = 300_000  # characters read, operations done, items of lists and parameters met in one check

    # the network
    nodes: int = 200_000  # layers after every loop is unrolled and every block expanded
    entries: int = 4_500  # layers checked one by one; a block repeated with equal shapes counts once
    file_entries: int = 9_000  # the same over all variants of a file
    block_depth: int = 32  # blocks and groups inside each other
    matches: int = 200_000  # names held against the parts of the patterns of `freeze`, `init` or `rename`
    params: int = 2**40  # weights in total, and elements of one tensor
    rows: int = 20_000  # layers that one summary lists

    def __post_init__(self) -> None:
        if self.mistakes < 1:
            raise ValueError("of what is wrong, one mistake at least is reported")


DEFAULT = Limits()

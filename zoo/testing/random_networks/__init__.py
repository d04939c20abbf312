"""Whole networks at random, as specs: blocks with parameters, groups, loops, conditions, skips, merges, shared modules.

Every value is drawn with tags for its channels and its grid that say what is known to agree inside a list that sees
only names, so that merges fit whatever a block is called with.
"""

from speczoo.testing.random_networks.specs import blocks, networks

__all__ = ["blocks", "networks"]

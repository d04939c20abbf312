"""The node that an entry becomes, by what it is: a layer, a block, a group, a spec in use, a shared module."""

from __future__ import annotations

from typing import Any

from compiler.elaborate.block import elaborate_block
from compiler.elaborate.context import Context
from compiler.elaborate.frame import Frame
from compiler.elaborate.group import elaborate_group
from compiler.elaborate.interface import Elaborator
from compiler.elaborate.layer import elaborate_layer, evaluate_arguments
from compiler.elaborate.session import Item, Stop
from compiler.elaborate.share import elaborate_share
from compiler.elaborate.taps import elaborate_taps
from compiler.elaborate.use import elaborate_use

"""The expressions of specs: `$name`, `$(expression)` and the ranges `A..B`.

An own small language, parsed and never run as code, bounded in length, depth and magnitude.
"""

from speczoo.specs.expression.evaluation import Readable
from speczoo.specs.expression.interpolation import INTERPOLATION, Respelling, respelt
from speczoo.specs.expression.operators import METER, Computed, make_divisible
from speczoo.specs.expression.printing import to_python
from speczoo.specs.expression.substitution import substituted, substituted_in
from speczoo.specs.expression.syntax import (
    parse,
)
from speczoo.specs.expression.template import Template, evaluate, range_of
from speczoo.specs.expression.tree import (
    DEPTH,
    FUNCTIONS,
    INTEGER,
    LENGTH,
    Attribute,
    Binary,
    BoolOp,
    Compare,
    Constant,
    Expr,
    ExpressionError,
    FunctionCall,
    IfElse,
    Index,
    ListOf,
    Name,
    SliceOf,
    Unary,
    UnknownName,
    names_of,
)
from speczoo.specs.limits import CHARACTERS, ITEMS, TURNS

__all__ = [
    "CHARACTERS",
    "DEPTH",
    "FUNCTIONS",
    "INTEGER",
    "INTERPOLATION",
    "ITEMS",
    "LENGTH",
    "METER",
    "TURNS",
    "Attribute",
    "Binary",
    "BoolOp",
    "Compare",
    "Computed",
    "Constant",
    "Expr",
    "ExpressionError",
    "FunctionCall",
    "IfElse",
    "Index",
    "ListOf",
    "Name",
    "Readable",
    "Respelling",
    "SliceOf",
    "Template",
    "Unary",
    "UnknownName",
    "evaluate",
    "make_divisible",
    "names_of",
    "parse",
    "range_of",
    "respelt",
    "substituted",
    "substituted_in",
    "to_python",
]

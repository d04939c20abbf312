"""The syntax of expressions: tokens, and the precedence-climbing parser that makes the tree of them.

Precedence and associativity are Python's; comparisons chain as there. What is bounded (length, nesting, the size of
literals) is refused while reading, so whatever walks a tree recurses at most `DEPTH` deep.
"""

from __future__ import annotations

import math
import re
from functools import lru_cache
from typing import Any, NamedTuple

from speczoo.specs.expression.tree import (
    DEPTH,
    FUNCTIONS,
    INTEGER,
    LENGTH,
    MANY,
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
)

TOKEN = re.compile(
    r"""(?P<float>(?:\d+\.\d*|\.\d+)(?:[eE][+-]?\d+)?|\d+[eE][+-]?\d+)
      | (?P<int>\d+)
      | (?P<name>[A-Za-z_]\w*)
      | (?P<text>'[^']*'|"[^"]*")
      | (?P<operator>\*\*|//|==|!=|<=|>=|[-+*/%<>()\[\],.:])""",
    re.ASCII | re.VERBOSE,
)
SPACE = re.compile(r"\s*", re.ASCII)
WORDS = {"and", "or", "not", "in", "if", "else"}
CONSTANTS = {"true": True, "True": True, "false": False, "False": False, "null": None, "None": None}
HINTS = {
    "=": "`==` compares, and functions take their arguments by position",
    "&": "write `and`",
    "|": "write `or`",
    "!": "write `not`",
    "^": "a power is `**`",
    "?": "write `a if condition else b`",
    "$": "inside `$(...)` names stand without a dollar",
    "'": "the string is never closed",
    '"': "the string is never closed",
    "is": "write `==`",
}

IF, OR, AND, NOT, COMPARE, ADD, MULTIPLY, UNARY, POWER, POSTFIX = range(10, 110, 10)
INFIX = {
    "if": IF,
    "or": OR,
    "and": AND,
    **dict.fromkeys(("==", "!=", "<", "<=", ">", ">=", "in", "not"), COMPARE),
    **dict.fromkeys("+-", ADD),
    **dict.fromkeys(("*", "/", "//", "%"), MULTIPLY),
    "**": POWER,
    "[": POSTFIX,
}


class Token(NamedTuple):
    kind: str  # float int name text operator end
    text: str
    start: int
    end: int


def tokens(text: str, offset: int) -> list[Token]:
    """Return the tokens of an expression that begins at this character of its text, an end behind them. Raises
    ExpressionError for a character that begins none, and for numbers that are not written as such.
    """
    found: list[Token] = []
    position = 0
    while (position := SPACE.match(text, position).end()) < len(text):  # type: ignore[union-attr]
        match = TOKEN.match(text, position)
        start = offset + position
        if match is None:
            hint = HINTS.get(text[position], "")
            raise ExpressionError(f"unexpected {text[position]!r}{hint and ': ' + hint}", start, start + 1)
        kind, word, position = str(match.lastgroup), match.group(), match.end()
        if kind in ("int", "float") and re.match(r"\w", text[position:]):
            raise ExpressionError(f"the number `{word}` runs into what follows it", start, offset + position + 1)
        if kind == "int" and word[0] == "0" and len(word) > 1:
            raise ExpressionError(f"the number `{word}` starts with a zero", start, offset + position)
        found.append(Token("operator" if word in WORDS else kind, word, start, offset + position))
    found.append(Token("end", "the end", offset + len(text), offset + len(text)))
    return found


class Parser:
    """A position among the tokens of an expression, and what may come there."""

    def __init__(self, text: str, offset: int) -> None:
        self.tokens = tokens(text, offset)
        self.position = 0

    @property
    def token(self) -> Token:
        return self.tokens[self.position]

    @property
    def last(self) -> Token:
        return self.tokens[self.position - 1]

    def at(self, *texts: str) -> bool:
        return self.token.kind == "operator" and self.token.text in texts

    def take(self) -> Token:
        self.position += 1
        return self.last

    def expect(self, text: str, opener: Token) -> None:
        if not self.at(text):
            if self.token.kind == "end":
                raise ExpressionError(f"`{opener.text}` wants `{text}` and none follows", opener.start, opener.end)
            raise self.unexpected(f"`{text}`")
        self.take()

    def unexpected(self, wanted: str) -> ExpressionError:
        token = self.token
        found = token.text if token.kind == "end" else f"`{token.text}`"
        hint = f": {HINTS[token.text]}" if token.text in HINTS else ""
        return ExpressionError(f"expected {wanted}, not {found}{hint}", token.start, token.end)

    def close(self, node: Expr, start: int) -> Expr:
        """Return the node with its place and height."""
        height = 1 + max((child.height for child in node.children()), default=0)
        if height > DEPTH:
            raise ExpressionError(f"nests more than {DEPTH} deep", start, self.last.end, limit=True)
        object.__setattr__(node, "at", (start, self.last.end))  # the node is new: nobody has seen it without
        object.__setattr__(node, "height", height)
        return node

    def expression(self, power: int, depth: int) -> Expr:
        """Return what binds tighter than `power`."""
        start = self.token.start
        if depth > DEPTH:
            raise ExpressionError(f"nests more than {DEPTH} deep", start, self.token.end, limit=True)
        left = self.prefix(power, depth + 1)
        while self.token.kind == "operator" and INFIX.get(self.token.text, 0) > power:
            if self.at("not") and self.tokens[self.position + 1].text != "in":
                break
            left = self.close(self.infix(left, depth + 1), start)
        return left

    def prefix(self, power: int, depth: int) -> Expr:
        if self.token.kind not in ("end", "operator"):
            return self.atom(depth)
        if self.at("-", "+") or (self.at("not") and power < NOT):
            token = self.take()
            operand = self.expression(NOT - 1 if token.text == "not" else UNARY, depth)
            return self.close(Unary(token.text, operand), token.start)
        if self.at("("):
            token = self.take()
            inner = self.expression(0, depth)
            self.expect(")", token)
            return inner
        if self.at("["):
            token = self.take()
            return self.close(ListOf(self.items("]", token, depth)), token.start)
        raise self.unexpected("a value")

    def atom(self, depth: int) -> Expr:
        token = self.take()
        if token.kind == "name" and token.text not in CONSTANTS:
            return self.close(self.name(token, depth), token.start)
        value: Any = token.text
        if token.kind == "name":
            value = CONSTANTS[token.text]
        elif token.kind == "text":
            value = token.text[1:-1]
        elif token.kind == "float":
            value = float(token.text)
        elif len(token.text) < 20:
            value = int(token.text)
        if token.kind == "float" and not math.isfinite(value):
            raise ExpressionError(f"{token.text} is too large for a float", token.start, token.end, limit=True)
        if token.kind == "int" and (isinstance(value, str) or value > INTEGER):
            raise ExpressionError("the number is larger than 2**63", token.start, token.end, limit=True)
        return self.close(Constant(value), token.start)

    def name(self, token: Token, depth: int) -> Expr:
        if self.at("("):
            if token.text not in FUNCTIONS:
                known = tuple(FUNCTIONS)
                message = f"there is no function `{token.text}`"
                raise ExpressionError(message, token.start, token.end, unknown=token.text, names=known)
            arguments = self.items(")", self.take(), depth)
            fewest, most = FUNCTIONS[token.text]
            if not fewest <= len(arguments) <= most:
                more = "" if fewest == most else " or more" if most == MANY else f" or {most}"
                message = f"`{token.text}` takes {fewest}{more} argument{'s' * (most > 1)}, not {len(arguments)}"
                raise ExpressionError(message, token.start, self.last.end)
            return FunctionCall(token.text, arguments)
        if not self.at("."):
            return Name(token.text)
        self.take()
        if self.token.kind != "name":
            raise self.unexpected(f"the name of an attribute of `{token.text}`")
        attribute = self.take()
        if self.at("."):
            raise ExpressionError("attributes go one level deep", token.start, self.token.end)
        return Attribute(token.text, attribute.text)

    def items(self, closer: str, opener: Token, depth: int) -> tuple[Expr, ...]:
        found: list[Expr] = []
        while not self.at(closer):
            found.append(self.expression(0, depth))
            if not self.at(","):
                break
            self.take()
        self.expect(closer, opener)
        return tuple(found)

    def infix(self, left: Expr, depth: int) -> Expr:
        token = self.token
        power = INFIX[token.text]
        if power == COMPARE:
            operators: list[str] = []
            operands = [left]
            while self.token.kind == "operator" and INFIX.get(self.token.text) == COMPARE:
                operator = self.take().text
                if operator == "not":
                    self.expect("in", token)
                    operator = "not in"
                operators.append(operator)
                operands.append(self.expression(COMPARE, depth))
            return Compare(tuple(operators), tuple(operands))
        if power in (AND, OR):
            operands = [left]
            while self.at(token.text):
                self.take()
                operands.append(self.expression(power, depth))
            return BoolOp(token.text, tuple(operands))
        self.take()
        if power == POSTFIX:
            return self.subscript(left, token, depth)
        if power == IF:
            test = self.expression(IF, depth)
            self.expect("else", token)
            return IfElse(test, left, self.expression(0, depth))
        return Binary(token.text, left, self.expression(power - 1 if power == POWER else power, depth))

    def subscript(self, value: Expr, opener: Token, depth: int) -> Expr:
        def bound() -> Expr:
            return Constant(None) if self.at(":", "]") else self.expression(0, depth)

        if self.at("]"):
            raise self.unexpected("an index")
        bounds = [bound()]
        while self.at(":") and len(bounds) < 3:
            self.take()
            bounds.append(bound())
        self.expect("]", opener)
        if len(bounds) == 1:
            return Index(value, bounds[0])
        start, stop, step = (*bounds, Constant(None))[:3]
        return SliceOf(value, start, stop, step)


@lru_cache(maxsize=16_384)
def parse(text: str, offset: int = 0) -> Expr:
    """Return the tree of an expression.

    `offset` is where `text` starts in the string that holds it. Raises ExpressionError.
    """
    if len(text) > LENGTH:
        raise ExpressionError(
            f"the expression is longer than {LENGTH} characters", offset, offset + len(text), limit=True
        )
    parser = Parser(text, offset)
    if parser.token.kind == "end":
        raise ExpressionError("the expression is empty", offset, offset + len(text))
    expr = parser.expression(0, 1)
    if parser.token.kind != "end":
        raise parser.unexpected("an operator or the end")
    return expr

"""Which rows of `zoo list` are wanted, in the specs' own small language of expressions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from speczoo.metadata import Metadata
from speczoo.specs.expression import Expr, ExpressionError, Template, names_of
from speczoo.specs.suggestions import did_you_mean

NAMES = ("name", "family", "title", "input", "params", "macs", "year")


def parse(condition: str) -> Callable[[Metadata], bool]:
    """Return the condition as a test of rows; one that asks for what a row does not say (a year) is false there.

    Raises UsageError for what is no expression, or reads other names than those of a row, or is neither true nor
    false.
    """
    try:
        template = Template.of(f"$({condition})")
    except ExpressionError as error:
        raise click.UsageError(f"--where: {error}") from None
    if not isinstance(template.expression, Expr):
        raise click.UsageError(f"--where: {condition!a} is not one expression")
    read = names_of(template.expression)
    for name in sorted(read - set(NAMES)):
        hint = " ".join(did_you_mean(name, NAMES)) or f"a row has {', '.join(NAMES)}"
        raise click.UsageError(f"--where: there is no `{name}`: {hint}; a text stands in quotes")

    def wanted(row: Metadata) -> bool:
        scope: dict[str, Any] = {name: getattr(row, name) for name in read}
        if None in scope.values():
            return False
        try:
            value = template.evaluate(scope)
        except ExpressionError as error:
            raise click.UsageError(f"--where: {error} (at {row.name})") from None
        if not isinstance(value, bool):
            raise click.UsageError(f"--where is true or false, as 'params < 10e6', and this is {value!a}")
        return value

    return wanted

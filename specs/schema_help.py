"""What is reported of a value that the grammar does not take where it stands: what is wrong, and what was intended."""

from __future__ import annotations

import re
from typing import Any

from pydantic_core import ErrorDetails

from speczoo.specs.entry import Entry
from speczoo.specs.expression import ExpressionError, parse
from speczoo.specs.foreign_values import is_nothing, marked, readings
from speczoo.specs.grammar import IS_NAME, NETWORK, Grammar
from speczoo.specs.keys import key_at, keys, model_at
from speczoo.specs.problem import Loc
from speczoo.specs.reserved_names import bad_input, bad_output
from speczoo.specs.spec import Spec
from speczoo.specs.suggestions import unqualified
from speczoo.specs.value_kinds import could_be

OWN = ("bad_param", "bad_bounds")  # what a model says of itself in whole sentences
_FEW = 6  # inputs and axes that are written out
_LOOP = re.compile(r"([A-Za-z_]\w{0,30}) in range\((?:([0-9]{1,9}), *)?([0-9]{1,9})\)", re.ASCII)
_CALL = re.compile(r"([A-Za-z_][\w.]{0,99})(\(.*\))?", re.DOTALL)
_ID = re.compile(r"[A-Za-z_][\w.-]{0,99}", re.ASCII)
_AMOUNT = re.compile(r"([0-9]{1,15}(?:\.[0-9]{1,15})?) *([kmgt])(i?)(b|bytes?)?", re.IGNORECASE | re.ASCII)
_TAPS = "taps that are computed are a list: `taps: [{for: {i: 1..3}, id: NAME$i, from: PATH}]`"
_KINDS = {
    "int_type": "an integer", "string_type": "text", "bool_type": "true or false", "list_type": "a list",
    "dict_type": "a mapping", "float_type": "a number", "model_type": "a mapping", "model_attributes_type": "a mapping",
}  # fmt: skip


def intended(path: Loc, value: Any) -> tuple[tuple[str, ...], str | None]:
    """Return the help where a value of the wrong kind is one of the right kind as others write it, and that."""
    if isinstance(path[-1], int) and model_at(Spec, path) is Entry:
        return _as_entry(value), None
    if (several := _outputs(path, value)) is not None:
        return (f"write `{several}`",), None
    if path[-2:] == ("taps", "for"):
        return (_TAPS,), None
    key = key_at(Spec, path)
    if key is None:
        loop = path[-2:-1] == ("for",) and type(value) is int and value > 0
        return (f"write `{path[-1]}: 1..{value}`",) if loop else (), None
    holder = model_at(Spec, path[:-1]) or Grammar
    if is_nothing(value) and holder is Entry and key.name != "shape":
        return (f"leave `{key.name}` out",), None
    marks = marked(value) if isinstance(value, str) else None
    mendable = "expect" not in path  # what is expected may not come out
    if key.name == "for" and (turns := _loop(value)):
        return (f"write `for: {turns}`",), None
    if holder is Spec and key.name in ("input", "inputs") and (several := _several_inputs(value)):
        return (f"write `inputs: {several}`",), None
    if type(value) is int and value > 0 and key.item == "a size":
        return (f"write `{key.name}: [{value}]`",), None
    if key.name == "id" and isinstance(value, float):  # 3 is no id either
        return ("an entry without an id is named by its position",), None
    if "expect" in path and (amount := _amount(value, "B" if "memory" in path else "")) is not None:
        return (f"write `{key.name}: {amount}`",), None
    for text, right, certainly in (*readings(value), *([marks._replace(certain=False)] if marks else ())):
        if could_be(holder, key.name, right):
            return (f"write `{key.name}: {text}`",), text if certainly and mendable else None
    if key.name == "when" and isinstance(value, str) and _is_expression(value):
        return (f"write `when: {f'${value}' if value.isidentifier() else f'$({value})'}`",), None
    return (), None


def intended_by_key(path: Loc) -> tuple[str, ...]:
    """Return the help where a key cannot be a name."""
    return (_TAPS,) if path[-2:-1] == ("taps",) and "$" in str(path[-1]) else ()


def _amount(value: object, unit: str) -> str | None:
    """Return the number of a text that has its unit in another spelling, as `50mb` or `2 KiB`; None of another text."""
    written = _AMOUNT.fullmatch(value) if isinstance(value, str) else None
    if written is None or (written[4] and not unit) or (written[3] and not written[4]):
        return None
    number, prefix, binary, _ = written.groups()
    if binary:
        return str(round(float(number) * 1024 ** (1 + "KMGT".index(prefix.upper()))))
    return f"{number} {'k' if prefix in 'kK' else prefix.upper()}{unit}"


def _as_entry(value: Any) -> tuple[str, ...]:
    """Return the help for what stands in place of an entry: a name, a call of Python's, a row of such."""
    word = value[0] if isinstance(value, list) and value else value
    written = _CALL.fullmatch(word) if isinstance(word, str) else None
    if written is None or word in keys(Entry):
        return ()
    more = ", NAME: VALUE" if (written[2] or "()") != "()" or (isinstance(value, list) and len(value) > 1) else ""
    return (f"write `{{op: {unqualified(written[1])}{more}}}`",)


def _several_inputs(value: object) -> str | None:
    """Return the list of inputs that is intended by shapes under names, `{left: [1, 28, 28], right: [12]}`."""
    if not isinstance(value, dict) or not 0 < len(value) <= _FEW:
        return None
    named = all(isinstance(name, str) and bad_input(name) is None for name in value)
    if not named or not all(_is_shape(shape) for shape in value.values()):
        return None
    return f"[{', '.join(f'{{id: {name}, shape: {list(shape)}}}' for name, shape in value.items())}]"


def _outputs(path: Loc, value: object) -> str | None:
    """Return what is intended by an output that is the id of an entry alone, or by outputs that are such ids, under
    names of their own or not: `{logits: fc}`.
    """
    if path[-2:-1] == ("outputs",) and isinstance(path[-1], int):
        return _output(value, value)
    if path[-1] != "outputs":
        return None
    named = dict(value.items()) if isinstance(value, dict) else {value: value} if isinstance(value, str) else {}
    written = [_output(name, id) for name, id in named.items()]
    return f"outputs: [{', '.join(filter(None, written))}]" if 0 < len(written) <= _FEW and all(written) else None


def _output(name: object, id: object) -> str | None:
    """Return the output of this name that is the value of this id; None where one of them is none."""
    if not isinstance(name, str) or not isinstance(id, str) or not _ID.fullmatch(id):
        return None
    name = re.sub(r"[.-]", "_", name)
    return f"{{id: {name}, from: {id}}}" if bad_output(name) is None else None


def _is_shape(value: object) -> bool:
    return isinstance(value, list) and 0 < len(value) <= _FEW and all(type(n) is int and n > 0 for n in value)


def _is_expression(text: str) -> bool:
    try:
        parse(text)
    except ExpressionError:
        return False
    return True


def _loop(value: object) -> str | None:
    """Return the loop that is intended by a number of turns, or by `i in range(3)`."""
    if type(value) is int and value > 0:
        return f"{{i: 1..{value}}}"
    written = _LOOP.fullmatch(value) if isinstance(value, str) else None
    return f"{{{written[1]}: {written[2] or 0}..{int(written[3]) - 1}}}" if written is not None else None


def words(detail: ErrorDetails, path: Loc) -> str:
    """Return pydantic's complaint in the language's own words."""
    kind, given = detail["type"], detail.get("input")
    name = next((p for p in reversed(path) if isinstance(p, str)), "value")
    shown = _given(given)
    place = next((path[: i + 1] for i in range(len(path) - 1, -1, -1) if isinstance(path[i], str)), ())
    key = key_at(Spec, place)
    if kind in ("entry_kind", "inputs", "version", *OWN):
        return detail["msg"]
    if detail["loc"][-1:] == ("[key]",) and kind == "string_pattern_mismatch":
        return f"{shown} is not {_named(detail)}"
    if path and isinstance(path[-1], int) and model_at(Spec, path) is Entry:
        return f"an entry is a mapping such as `{{op: ReLU}}`, not {shown}"
    if path and isinstance(path[-1], int) and kind in _KINDS:
        inner = (key.item if key else "") or _KINDS[kind]
        return f"`{name}` holds {shown} where {inner} is intended"
    if key and place == path:
        return f"`{name}` is {key.holds}; not {shown}"
    if kind in _KINDS:
        return f"`{name}` must be {_KINDS[kind]}, not {shown}"
    return f"`{name}`: {detail['msg'][0].lower() + detail['msg'][1:]}, not {shown}"


def _named(detail: ErrorDetails) -> str:
    """Return what a name is that the author chose."""
    network = (detail.get("ctx") or {}).get("pattern") == NETWORK
    return keys(Spec)["name"].holds if network else IS_NAME.text


def _given(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if value is None:
        return "nothing"
    if isinstance(value, str):
        return repr(value if len(value) <= 60 else value[:57] + "...")
    if isinstance(value, (list, dict)):
        return "a list" if isinstance(value, list) else "a mapping"
    return str(value)

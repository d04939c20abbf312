"""Pickles of torch.save, read step by step: nothing that one names is imported or called."""

from __future__ import annotations

import io
import pickletools
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any

from speczoo.limits import DataLimits
from speczoo.tensors.calls import CALLS, filled, odd
from speczoo.tensors.descriptions import DAMAGED, LONGEST, GlobalName, Odd, StoredBytes, TensorsError


class Pickle:
    """Reads one pickle of torch.save: numbers, texts, lists, mappings, and descriptions of all else."""

    def __init__(self, limits: DataLimits) -> None:
        self.limits = limits
        self.stack: list[Any] = []
        self.marks: list[int] = []
        self.memo: dict[int, Any] = {}
        self.steps = 0
        self.widths: dict[str, int] = {}  # bytes of an element, by the key of its storage

    def load(self, stream: io.BytesIO) -> Any:
        """Raise TensorsError, LimitExceeded, and what `pickletools` and wrong stacks raise."""
        for opcode, argument, _ in pickletools.genops(stream):
            step = self.STEPS.get(opcode.name)
            if step is None:
                raise TensorsError(
                    f"its pickle says {opcode.name}: not of protocol 2, the one of torch.save", "save it anew"
                )
            self.count(1)
            step(self, argument)
        return self.stack.pop()

    def count(self, steps: int) -> None:
        self.steps += steps
        if self.steps > self.limits.objects:
            self.limits.hold("objects", self.steps, "its pickle makes", "objects")

    def push(self, value: Any) -> None:
        self.stack.append(value)

    def above_mark(self) -> list[Any]:
        start = self.marks.pop()
        found = self.stack[start:]
        del self.stack[start:]
        return found

    def take(self, count: int) -> list[Any]:
        found = self.stack[-count:]
        if len(found) < count:
            raise IndexError
        del self.stack[-count:]
        return found

    def append(self, values: list[Any]) -> None:
        target = self.stack[-1]
        if isinstance(target, list):
            target.extend(values)
        elif not isinstance(target, Odd):
            raise TensorsError(DAMAGED)

    def set(self, items: list[Any]) -> None:
        target = self.stack[-1]
        if isinstance(target, dict):
            filled(target, items)
        elif not isinstance(target, Odd):
            raise TensorsError(DAMAGED)

    def call(self, _: Any) -> None:
        what, arguments = self.take(2)
        if not isinstance(what, GlobalName | Odd) or not isinstance(arguments, tuple):
            raise TensorsError(DAMAGED)
        self.count(sum(len(each) for each in arguments if hasattr(each, "__len__")))
        made = CALLS.get(what.text) if isinstance(what, GlobalName) else None
        self.push(made(*arguments) if made else what if isinstance(what, Odd) else odd(what))

    def build(self, _: Any) -> None:
        """Lay a state into an object; of mappings, a state_dict's versions of its modules."""
        (state,) = self.take(1)
        target = self.stack[-1]
        if isinstance(target, OrderedDict) and isinstance(state, dict) and isinstance(state.get("_metadata"), dict):
            vars(target)["_metadata"] = state["_metadata"]

    def storage(self, _: Any) -> None:
        """Read where bytes of the file are named: their type, key, device, number of elements, and a part of them."""
        _, kind, key, _, count, *rest = self.take(1)[0]
        dtype = kind.dtype
        part = rest[0] if rest else None
        _, first, length = part if part else (None, 0, count)
        if not isinstance(key, str) or not all(type(n) is int and 0 <= n < LONGEST for n in (first, length)):
            raise TensorsError(DAMAGED)
        self.widths[key] = dtype.itemsize
        self.push(StoredBytes(key, dtype, first * dtype.itemsize, length * dtype.itemsize))

    def name(self, argument: str) -> None:
        self.push(GlobalName(argument.replace(" ", ".")))

    def keep(self, number: int) -> None:
        self.memo[number] = self.stack[-1]

    STEPS: Mapping[str, Callable[[Pickle, Any], Any]] = {
        **dict.fromkeys(("BININT", "BININT1", "BININT2", "LONG1", "BINFLOAT", "BINUNICODE", "SHORT_BINSTRING"), push),
        **dict.fromkeys(("BINPUT", "LONG_BINPUT"), keep),
        **dict.fromkeys(("BINGET", "LONG_BINGET"), lambda self, number: self.push(self.memo[number])),
        "PROTO": lambda self, _: None,
        "STOP": lambda self, _: None,
        "NONE": lambda self, _: self.push(None),
        "NEWTRUE": lambda self, _: self.push(True),
        "NEWFALSE": lambda self, _: self.push(False),
        "EMPTY_TUPLE": lambda self, _: self.push(()),
        "EMPTY_LIST": lambda self, _: self.push([]),
        "EMPTY_DICT": lambda self, _: self.push({}),
        "MARK": lambda self, _: self.marks.append(len(self.stack)),
        "TUPLE": lambda self, _: self.push(tuple(self.above_mark())),
        "TUPLE1": lambda self, _: self.push(tuple(self.take(1))),
        "TUPLE2": lambda self, _: self.push(tuple(self.take(2))),
        "TUPLE3": lambda self, _: self.push(tuple(self.take(3))),
        "APPEND": lambda self, _: self.append(self.take(1)),
        "APPENDS": lambda self, _: self.append(self.above_mark()),
        "SETITEM": lambda self, _: self.set(self.take(2)),
        "SETITEMS": lambda self, _: self.set(self.above_mark()),
        "GLOBAL": name,
        "REDUCE": call,
        "NEWOBJ": call,
        "BUILD": build,
        "BINPERSID": storage,
    }

"""A model run once, and what it did on the way: hooks on all modules, and a TorchFunctionMode for functions.

It runs as a copy, on the device `meta` where that is enough, so that nothing of the model at hand changes.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import CellType, FunctionType
from typing import Any

import torch
from torch import Tensor, nn
from torch._ops import OpOverload
from torch.overrides import TorchFunctionMode, resolve_name

from speczoo.importing.constructed import carry
from speczoo.importing.inputs import ModelInput, given, shown
from speczoo.importing.leaves import is_leaf
from speczoo.importing.norms import hooked
from speczoo.importing.overloads import Spelled, spelled
from speczoo.importing.recording import RecordedCall, RecordedFrame, Recording, RunValue, leaves, values
from speczoo.importing.running import failures_of, place

#: What gives its input again where there is nothing to do: no value of its own.
SILENT = frozenset(
    [
        *("alias", "bfloat16", "clone", "contiguous", "cpu", "cuda", "data.__get__", "detach", "double", "float"),
        *("half", "requires_grad_", "to", "type", "type_as", "view_as"),
    ]
)


#: Layers that give what is as large as their input; torch takes long to find that on the device `meta`.
AS_LARGE: dict[type[nn.Module], tuple[int, ...]] = {nn.BatchNorm1d: (2, 3), nn.BatchNorm2d: (4,), nn.BatchNorm3d: (5,)}
#: Methods of tensors that do something else than the function of their name.
METHODS = {"torch.Tensor.unfold": "windows"}


def record(
    model: nn.Module,
    inputs: Sequence[ModelInput],
    batch: int,
    *,
    meta: bool = True,
    training: bool = False,
    distinct: Collection[str] = (),
) -> Recording:
    """Return what a run of a copy of the model does with random inputs of so many samples; each argument of the modules
    at the paths `distinct` is a value of its own, where one is given twice, too.

    Raises ModelFailed.
    """
    twin = on_meta(model) if meta else copied(model)
    carry(model, twin)
    twin.train(training)
    recorder = _Recorder(twin, distinct)
    device = torch.device("meta" if meta else "cpu")
    with torch.no_grad(), device, _plain_attention():
        tensors = given(inputs, batch, device)
        with failures_of(f"{type(model).__name__}, given {shown(tensors)},"):
            recorder.run(twin, tensors)
    return Recording(recorder.root, batch, {each.name: each.shape for each in inputs}, recorder.names)


def copied(model: nn.Module) -> nn.Module:
    """Return a copy of a model, with the values in it that autograd made, as norms of weights leave them: torch copies
    none of these.
    """
    made = [each for module in model.modules() for each in vars(module).values() if isinstance(each, Tensor)]
    return _copied(model, {id(each): each.detach().clone() for each in made if not each.is_leaf})


def _copied(model: nn.Module, known: dict[int, Any]) -> nn.Module:
    """Return a copy of a model, in which functions that it holds see its own modules, too: torch copies no function.

    `known` are copies of what is in it, by the identity of the originals.
    """
    twin = copy.deepcopy(model, known)
    for module in twin.modules():
        held = {
            name: each for name, each in vars(module).items() if isinstance(each, FunctionType) and each.__closure__
        }
        vars(module).update({name: _seeing(function, known) for name, function in held.items()})
    return _own_buffers(twin)


def _seeing(function: FunctionType, known: Mapping[int, Any]) -> FunctionType:
    """Return a function that has copies in place of the originals that it was made around."""
    try:
        contents = [cell.cell_contents for cell in function.__closure__ or ()]
    except ValueError:  # what it waits for is not there yet
        return function
    cells = tuple(CellType(known.get(id(each), each)) for each in contents)
    own = FunctionType(function.__code__, function.__globals__, function.__name__, function.__defaults__, cells)
    own.__kwdefaults__ = function.__kwdefaults__
    return own


def on_meta(model: nn.Module) -> nn.Module:
    """Return a copy of a model whose tensors are shapes."""
    known: dict[int, Any] = {}
    for module in model.modules():
        for name, tensor in [*module._parameters.items(), *module._buffers.items(), *vars(module).items()]:
            if isinstance(tensor, Tensor) and id(tensor) not in known:
                known[id(tensor)] = _meta(tensor)
            elif isinstance(tensor, dict) and name not in ("_parameters", "_buffers", "_modules"):
                known |= {id(each): _meta(each) for each in tensor.values() if isinstance(each, Tensor)}
    return _copied(model, known)


def _own_buffers(model: nn.Module) -> nn.Module:
    """Return a model whose buffers are tensors of their own, where several modules have one: constants, as they are."""
    known: set[int] = set()
    for module in model.modules():
        for name, buffer in module._buffers.items():
            if buffer is not None and id(buffer) in known:
                module._buffers[name] = buffer = buffer.clone()
            known.add(id(buffer))
    return model


def _meta(tensor: Tensor) -> Tensor:
    empty: Tensor = tensor.detach().to("meta")
    if isinstance(tensor, nn.Parameter):
        return nn.Parameter(empty, tensor.requires_grad)
    return empty


@contextmanager
def _plain_attention() -> Iterator[None]:
    """Keep torch's own transformer layers on their written-out path, whose calls are noted."""
    before = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        yield
    finally:
        torch.backends.mha.set_fastpath_enabled(before)


class _Recorder(TorchFunctionMode):
    """Frames under construction: `inside` counts the leaves that run now, in which nothing is noted."""

    def __init__(self, model: nn.Module, distinct: Collection[str] = ()) -> None:
        super().__init__()
        self.distinct = distinct
        self.root = RecordedFrame(model, "")
        self.frames = [self.root]
        self.inside = 0
        self.parts: dict[int, tuple[Tensor, Any]] = {}  # what an index took out, of which tensor and by which index
        self.names: dict[RunValue, str] = {}  # of what comes out
        self.values: dict[int, RunValue] = {}
        self.paths: dict[nn.Module, list[str]] = {}
        for path, module in model.named_modules(remove_duplicate=False):
            self.paths.setdefault(module, []).append(path)
        for key, tensor in model.named_parameters(remove_duplicate=False):
            self.values.setdefault(id(tensor), RunValue(tensor, key, True))
        for key, buffer in model.named_buffers(remove_duplicate=False):
            self.values.setdefault(id(buffer), RunValue(buffer, key))

    def run(self, model: nn.Module, tensors: Sequence[Tensor]) -> None:
        """Run the model under watch, once."""
        for module in self.paths:
            if module is not model:
                inside = hooked(module, module.forward) if is_leaf(module) else module.forward
                object.__setattr__(module, "forward", self._watched(module, inside))
        with self:
            self.root.arguments = [*self.noted([*tensors])]
            result = model(*tensors)
        noted = self.noted(result)
        self.root.take_in()
        self.root.results, self.names = list(self._flat(noted)), dict(_named(result, noted))

    def _watched(self, module: nn.Module, forward: Callable[..., Any]) -> Callable[..., Any]:
        def run(*args: Any, **kwargs: Any) -> Any:
            return forward(*args, **kwargs) if self.inside else self._module(module, forward, args, kwargs)

        return run

    def _module(self, module: nn.Module, forward: Callable[..., Any], args: Any, kwargs: Mapping[str, Any]) -> Any:
        path = self._path(module)
        if path in self.distinct:
            args, kwargs = self._distinct((args, dict(kwargs)), set())
        noted = self.noted(args), self.noted(kwargs)
        frame = None if is_leaf(module) else RecordedFrame(module, path, [*self._flat(noted)])
        at = place()
        self.inside += frame is None
        self.frames += [frame] if frame else []
        try:
            result = torch.empty_like(args[0]) if _as_large(module, args) else forward(*args, **kwargs)
        finally:
            self.inside -= frame is None
            if frame:
                self.frames.pop()
        if frame is None:
            written = bool(getattr(module, "inplace", False))
            result = self._anew(result, [*leaves(Tensor, args, kwargs)], written=written)
        else:
            frame.results = [*self._flat(self.noted(result))]
        outputs = [*self._flat(self.noted(result))]
        call = RecordedCall(type(module).__name__, *noted, outputs, self.noted(result), module, path, frame, at)
        self.frames[-1].calls.append(call)
        return result

    def _distinct(self, thing: Any, known: set[int]) -> Any:
        """Return nested data with another tensor of the same memory where one comes a second time."""
        if isinstance(thing, Tensor) and id(thing) in known:
            with torch._C.DisableTorchFunction():
                again = thing.view_as(thing)
            self._note("alias", ((self.noted(thing),), {}), [self.noted(again)], self.noted(again))
            return again
        if isinstance(thing, Tensor):
            known.add(id(thing))
        if isinstance(thing, Mapping):
            return {key: self._distinct(each, known) for key, each in thing.items()}
        if type(thing) in (list, tuple):
            return type(thing)(self._distinct(each, known) for each in thing)
        return thing

    def _path(self, module: nn.Module) -> str:
        """Return the module's path: the one below the running frame, where it has several."""
        here = self.frames[-1].path
        known = self.paths.get(module, [""])
        return next((path for path in known if path.startswith(f"{here}." if here else "")), known[0])

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if self.inside:
            return func(*args, **kwargs)
        name = resolve_name(func) or getattr(func, "__name__", str(func))
        name = METHODS.get(name, name)
        name = name.removeprefix("torch.").removeprefix("Tensor.").removeprefix("nn.functional.")
        name = name.removeprefix("functional.").removeprefix("special.")
        call = spelled(func, args, kwargs) if isinstance(func, OpOverload) else Spelled(name, args, kwargs)
        name, before = call.name, (self.noted(call.args), self.noted(call.kwargs))
        self.inside += 1  # what a function calls is its own affair
        try:
            result = func(*args, **kwargs)
        finally:
            self.inside -= 1
        if name == "__setitem__":
            self._renewed(args[0])
            self._note(name, before, [self.values[id(args[0])]], None)
            self._written_through(args[0])
            return result
        found = [*leaves(Tensor, result)]
        if not found or name.endswith("_set_grad_enabled"):
            return result
        if name in SILENT and any(found[0] is tensor for tensor in leaves(Tensor, args)):
            return result
        result = self._anew(result, [*leaves(Tensor, args, kwargs)], written=_writes(name, kwargs))
        noted = self.noted(result)
        self._note(name, before, [*self._flat(noted)], noted)
        if name == "__getitem__":
            self.parts[id(result)] = (args[0], args[1])
        elif name == "data.__get__":
            self.parts[id(result)] = (args[0], None)
        elif args and result is args[0]:
            self._written_through(result)
        return result

    def _written_through(self, part: Tensor) -> None:
        """Note that what was written to a part of a tensor, which an index took out, stands in that tensor too; and in
        a parameter what was written to its data.
        """
        if id(part) not in self.parts:
            return
        whole, index = self.parts[id(part)]
        if index is None:
            self.values[id(whole)] = self.values[id(part)]
            return
        before: tuple[Any, Any] = self.noted((whole, index, part)), {}
        self._renewed(whole)
        self._note("__setitem__", before, [self.values[id(whole)]], None)
        self._written_through(whole)

    def _note(self, name: str, noted: tuple[Any, Any], outputs: list[RunValue], result: Any) -> None:
        self.frames[-1].calls.append(RecordedCall(name, *noted, outputs, result, place=place()))

    def _anew(self, result: Any, inputs: Sequence[Tensor], *, written: bool) -> Any:
        """Return a result whose tensors are values of their own: what was written over is one from now on, and what is
        given back as it came is noted as another tensor of the same memory.
        """
        if isinstance(result, Tensor) and any(result is tensor for tensor in inputs):
            if not written:
                with torch._C.DisableTorchFunction():
                    return result.view_as(result)
            self._renewed(result)
        return result

    def _renewed(self, tensor: Tensor) -> None:
        self.values[id(tensor)] = RunValue(tensor)

    def noted(self, thing: Any) -> Any:
        """Return nested data with a Value in the place of each tensor."""
        if isinstance(thing, Tensor):
            if id(thing) not in self.values:
                self.values[id(thing)] = RunValue(thing)
            return self.values[id(thing)]
        if isinstance(thing, Mapping):
            return {key: self.noted(each) for key, each in thing.items()}
        if isinstance(thing, list | tuple) and not isinstance(thing, torch.Size):
            return [self.noted(each) for each in thing]
        if isinstance(thing, torch.Size):
            return tuple(thing)
        if hasattr(thing, "__dataclass_fields__"):
            return [self.noted(getattr(thing, name)) for name in thing.__dataclass_fields__]
        return thing

    @staticmethod
    def _flat(thing: Any) -> Iterator[RunValue]:
        return iter(dict.fromkeys(values(thing)))


def _as_large(module: Any, args: Any) -> bool:
    """Return whether a module gives what is as large as what it takes, which is a shape alone."""
    x = args[0] if len(args) == 1 else None
    if not isinstance(x, Tensor) or not x.is_meta or x.dim() not in AS_LARGE.get(type(module), ()):
        return False
    return bool(x.shape[1] == module.num_features)


def _named(result: Any, noted: Any) -> Iterator[tuple[RunValue, str]]:
    """Yield the values that a mapping, a named tuple or a dataclass gives, with their names there."""
    names = [*result] if isinstance(result, Mapping) else getattr(result, "_fields", None)
    names = names or [*getattr(result, "__dataclass_fields__", ())]
    given = noted.values() if isinstance(noted, Mapping) else noted if isinstance(noted, list) else ()
    for name, value in zip(names, given, strict=False):
        if isinstance(value, RunValue) and isinstance(name, str):
            yield value, name


def _writes(name: str, kwargs: Mapping[str, Any]) -> bool:
    in_name = (name.endswith("_") and not name.endswith("__")) or name.startswith("__i")
    return in_name or bool(kwargs.get("inplace")) or kwargs.get("out") is not None

"""Weights from elsewhere: torchvision's published ones, files, state_dicts. What does not fit is never passed over.

The names and shapes that a network wants are known from its graph, so what comes is held against them before any
module exists. The module is then made on the meta device and takes the tensors as they are; only what nothing came for
(a head with another number of classes) is initialised.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Collection, Mapping
from contextlib import ExitStack, redirect_stdout
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.module import (
    register_module_buffer_registration_hook,
    register_module_parameter_registration_hook,
)
from torch.overrides import TorchFunctionMode

from speczoo import catalogue, tensors
from speczoo.compiler.compile import compile
from speczoo.compiler.emit.module import Seeded, class_of
from speczoo.compiler.graph import Graph
from speczoo.compiler.layer import Shape, show
from speczoo.key_map import SUFFIXES
from speczoo.limits import LimitExceeded
from speczoo.rename import renamed
from speczoo.specs.diagnostics import Report
from speczoo.specs.escaping import safe
from speczoo.specs.spec import Weights
from speczoo.specs.suggestions import did_you_mean
from speczoo.tensors import SHOWN
from speczoo.torchvision import published_weights

COUNTER = ".num_batches_tracked"  # of batch norm; files older than it lack it everywhere, and torch reads that as 0
WHOLE = (
    torch.int8,
    torch.int16,
    torch.int32,
    torch.int64,
    torch.uint8,
    torch.uint16,
    torch.uint32,
    torch.uint64,
    torch.bool,
)
#: What wrappers put before every name: DataParallel, torch.compile, and modules of Lightning and of one's own.
PREFIXES = ("module.", "_orig_mod.", "model.", "net.")
NESTED = ("state_dict", "model", "model_state_dict")  # where checkpoints keep a state_dict among other things


class WeightsError(Exception):
    """Weights that are not there, cannot be read, or do not fit the network: told in a line, or in several.

    `lines` are as they were written, names of a stranger's tensors and files in them; `str()` shows them harmlessly.
    """

    def __init__(self, *lines: str) -> None:
        super().__init__(*lines)
        self.lines = lines

    def __str__(self) -> str:
        return "\n".join(map(safe, self.lines))


@dataclass(frozen=True)
class LoadReport:
    """What came from where: the `load_report` of a model that was built with weights. Plain data; it pickles.

    `missing` are the keys that nothing came for and that were initialised afresh: a head with another number of
    classes. `unexpected` are keys that came and have no place here: heads that were left out. `prefix` is what every
    key began with and was taken off: `module.` of DataParallel. `wanted` is how many keys the network has: counters of
    batch norm, which files of before torch 0.4.1 lack, begin at 0 and are neither loaded nor missing. `meta` is what
    torchvision says of its weights.
    """

    source: str
    loaded: tuple[str, ...]
    missing: tuple[str, ...] = ()
    unexpected: tuple[str, ...] = ()
    meta: Mapping[str, Any] = field(default_factory=dict)
    enum: str | None = None
    prefix: str = ""
    wanted: int = 0

    def __repr__(self) -> str:
        return f"<LoadReport: {'; '.join(self.counts)}>"

    @property
    def complete(self) -> bool:
        """Whether every key of the network was loaded."""
        return not self.missing

    @property
    def categories(self) -> tuple[str, ...]:
        """The classes' names, in the order of the published network's outputs; empty where nobody said them."""
        return tuple(self.meta.get("categories", ()))

    def transforms(self) -> Callable[..., Tensor]:
        """Return torchvision's transforms that make an image what these weights were trained on.

        Raises WeightsError where the weights are not torchvision's.
        """
        if self.enum is None:
            raise WeightsError(f"{self.source} comes without transforms: only torchvision's own weights have them")
        name, _, member = self.enum.partition(".")
        made: Callable[..., Tensor] = published_weights(name)[member].transforms()
        return made

    def to_json(self) -> dict[str, Any]:
        """Return the report as plain data."""
        lists = {"loaded": list(self.loaded), "missing": list(self.missing), "unexpected": list(self.unexpected)}
        return {"source": self.source, "prefix": self.prefix, **lists}

    @property
    def counts(self) -> tuple[str, ...]:
        """How many of them came, are missing, and have no place."""
        came = f"{len(self.loaded)} of {self.wanted} tensors from {self.source}"
        fresh = (f"{len(self.missing)} initialised afresh",) if self.missing else ()
        return (came, *fresh, *((f"{len(self.unexpected)} not used",) if self.unexpected else ()))

    @property
    def lines(self) -> tuple[str, ...]:
        """The same for people; names of tensors and files are as they were written."""
        fresh = (f"not loaded, initialised afresh: {', '.join(self.missing)}",) if self.missing else ()
        idle = (f"not used: {', '.join(self.unexpected)}",) if self.unexpected else ()
        off = (f"taken off the names: {self.prefix}",) if self.prefix else ()
        return (self.counts[0], *off, *fresh, *idle)

    def __str__(self) -> str:
        return "\n".join(map(safe, self.lines))


@dataclass(frozen=True)
class _Found:
    """A state_dict and where it is from."""

    source: str
    state: Mapping[str, Tensor]
    meta: Mapping[str, Any] = field(default_factory=dict)
    enum: str | None = None
    prefix: str = ""
    left: tuple[str, ...] | None = None  # what a map of keys leaves aside, where there is one


def build_with(
    graph: Graph,
    weights: Any,
    *,
    rename: Mapping[str, str] | None = None,
    keys: Mapping[str, str | None] | None = None,
    device: Any = None,
    dtype: Any = None,
    seed: int | None = None,
) -> nn.Module:
    """Return the network with `weights`, in training mode; its `load_report` is a LoadReport.

    `weights` is a member of torchvision's enum or its name (`"DEFAULT"`, `"IMAGENET1K_V1"`), a path to .safetensors or
    .pt, or a state_dict. All of it must fit, but for a head whose `num_classes` is another one, and for parts that
    this network was built without. What wrappers put before every name (`PREFIXES`) is taken off; `rename` gives keys,
    or modules with all that is in them, other names; so does `keys`, a map of keys one by one, which leaves aside what
    has None for a name, and lets start afresh what nothing came for. Raises WeightsError.
    """
    found = _find(graph, weights, rename or {}, keys)
    found = replace(found, state=_under_all_names(graph, found)) if graph.ties else found
    report = _compared(graph, found)
    target = torch.device(device) if device is not None else torch.get_default_device()
    with ExitStack() as stack:
        if seed is not None:
            stack.enter_context(Seeded(seed))
        module = _assembled(class_of(graph), frozenset(report.missing), target)
    if dtype is not None:
        module.to(dtype=dtype)
    state = dict(module.state_dict())
    _refuse_kinds(graph, found, {key: state[key].dtype for key in report.loaded})
    for key in report.loaded:
        state[key] = found.state[key].detach().to(device=target, dtype=state[key].dtype, copy=True)
    for key in state.keys() - {*report.loaded, *report.missing}:
        state[key] = torch.zeros_like(state[key], device=target)  # counters that older files lack
    module.load_state_dict(state, strict=True, assign=True)
    for key, source in graph.ties.items():
        path, _, name = key.rpartition(".")
        setattr(module.get_submodule(path), name, module.get_parameter(source))
    module.load_report = report  # type: ignore[assignment]
    return module


def _under_all_names(graph: Graph, found: _Found) -> Mapping[str, Tensor]:
    """Return the tensors, those of tied parameters under all their names. Raises WeightsError where two differ."""
    state = dict(found.state)
    for key, names in graph.one.items():
        came = [found.state[name] for name in sorted(names) if name in found.state]
        if any(not torch.equal(one, came[0]) for one in came[1:]):
            raise WeightsError(
                f"{found.source} does not fit {graph.name}", *_listed("tied, and not equal", sorted(names))
            )
        state |= {key: came[0]} if came else {}
    return state


def _refuse_kinds(graph: Graph, found: _Found, wanted: Mapping[str, torch.dtype]) -> None:
    """Raise WeightsError for numbers that would lose something on the way into the network."""
    fractions = [key for key, dtype in wanted.items() if dtype.is_floating_point]
    whole = [key for key in fractions if found.state[key].dtype in WHOLE]
    problems = _listed("of whole numbers where fractions are wanted, so that a scale is missing", whole)
    complex = [key for key in wanted if found.state[key].is_complex()]
    problems += _listed("of complex numbers where real ones are wanted", complex)
    if problems:
        raise WeightsError(f"{found.source} does not fit {graph.name}", *problems)


def report_of(model: nn.Module) -> LoadReport:
    """Return the `load_report` of a model that was built with weights. Raises AttributeError of any other."""
    report = model.load_report
    assert isinstance(report, LoadReport)
    return report


def params_with(graph: Graph, weights: Any) -> dict[str, Any]:
    """Return values of the spec's parameters that torchvision's published weights bring along."""
    entry = _entry(graph)
    return {} if entry is None or isinstance(weights, Mapping) or _is_path(weights) else dict(entry.params)


# -- where they are -----------------------------------------------------------------------------------------------


def shapes_in(graph: Graph, path: Path) -> dict[str, Shape]:
    """Return the names and shapes of a file's tensors, without what wrappers put before every name. Raises
    WeightsError.
    """
    found = _without_prefix(graph, _Found(str(path), _read(path)))
    return {key: tuple(value.shape) for key, value in found.state.items()}


def _find(
    graph: Graph, weights: Any, rename: Mapping[str, str], keys: Mapping[str, str | None] | None = None
) -> _Found:
    if isinstance(weights, Mapping):
        found = _Found("a state_dict", _tensors(weights, "the state_dict"))
    elif _is_path(weights):
        found = _Found(str(weights), _read(Path(weights)))
    else:
        found = _published(graph, weights)
    if rename:
        found = replace(found, state=_renamed(found, rename))
    if keys is None:
        return _without_prefix(graph, found)
    return _mapped(found if any(key in found.state for key in keys) else _without_prefix(graph, found), keys)


def _mapped(found: _Found, keys: Mapping[str, str | None]) -> _Found:
    """Return the state with the names that a map of keys gives, without what it leaves aside. Raises WeightsError."""
    if absent := [key for key in keys if key not in found.state]:
        raise WeightsError(f"{found.source} has not all that the map names", *_listed("missing", absent))
    state: dict[str, Tensor] = {}
    for key, value in found.state.items():
        name = keys.get(key, key)
        if name is not None and name in state:
            raise WeightsError(f"{found.source} cannot be renamed: the map gives more than one key the name {name}")
        state |= {} if name is None else {name: value}
    return replace(found, state=state, left=tuple(key for key, name in keys.items() if name is None))


def _renamed(found: _Found, rename: Mapping[str, str]) -> Mapping[str, Tensor]:
    """Return the state with other names, one after the other: a pattern without stars is a key, or a module with all
    that is in it.
    """
    state = found.state
    for left, right in rename.items():
        inside = {} if "*" in left else {f"{left}.**": f"{right}.**" if right else "**"}
        try:
            made = renamed(state, {**({left: right} if right else {}), **inside})
        except ValueError as error:
            raise WeightsError(f"{found.source} cannot be renamed: {error}") from None
        if list(made) == list(state):
            raise WeightsError(f"{found.source} has no key {left}", "--rename takes OLD=NEW: a key, or a module")
        state = made
    return state


def _without_prefix(graph: Graph, found: _Found) -> _Found:
    """Return the state without what wrappers put before every name, where that is what keeps it from fitting."""
    state, prefix = found.state, ""
    while state and not any(key in graph.state for key in state):
        first = next(iter(state)).partition(".")[0] + "."
        if first not in PREFIXES or not all(key.startswith(first) for key in state):
            return found
        state, prefix = {key.removeprefix(first): value for key, value in state.items()}, prefix + first
    return replace(found, state=state, prefix=prefix)


def _is_path(weights: Any) -> bool:
    if not isinstance(weights, str):
        return isinstance(weights, os.PathLike)
    return weights.endswith(SUFFIXES) or "/" in weights or os.sep in weights or os.path.exists(weights)


def _read(path: Path) -> Mapping[str, Tensor]:
    if not path.is_file():
        raise WeightsError(f"there is no file {path}")
    read = tensors.read_safetensors if path.suffix == ".safetensors" else tensors.read
    try:
        return _tensors(read(path), str(path))
    except ModuleNotFoundError as error:
        raise WeightsError(f"{path} needs {error.name}: pip install {error.name}") from error
    except (tensors.TensorsError, LimitExceeded) as error:
        help = [error.help] if error.help else []
        raise WeightsError(f"{path} cannot be read as weights: {error.message}", *help) from error
    except WeightsError:
        raise
    except Exception as error:  # what a broken file makes of safetensors is not documented
        raise WeightsError(f"{path} cannot be read as weights: {_first_line(error)}") from error


def _tensors(data: Any, where: str) -> Mapping[str, Tensor]:
    """Return the state_dict that a file holds, itself or under the key where checkpoints keep it."""
    if isinstance(data, Mapping):
        inner = next((data[key] for key in NESTED if isinstance(data.get(key), Mapping)), data)
        kinds = {key: odd(value) for key, value in inner.items()}
        if inner and all(isinstance(key, str) and kind is None for key, kind in kinds.items()):
            return inner
        others = (f"`{str(key)[:SHOWN]}` is {kind}" for key, kind in kinds.items() if kind is not None)
        first = next(others, "it is empty" if not inner else "a name is no text")
        raise WeightsError(f"{where} is no state_dict: names and tensors are wanted, and {first}")
    raise WeightsError(f"{where} is no state_dict: it holds {type(data).__name__}")


def odd(value: Any) -> str | None:
    """Return what something is that is no tensor of numbers, each in its place; None of one that is."""
    if not isinstance(value, Tensor):
        return type(value).__name__
    if value.is_meta:
        return "a tensor of the device `meta`, which has no values"
    if value.is_sparse or value.layout != torch.strided:
        return "a sparse tensor: .to_dense() makes it a dense one"
    if value.is_nested:
        return "a nested tensor: .unbind() gives its parts"
    if value.is_quantized:
        return "a quantized tensor: .dequantize() makes it one of fractions"
    return None


def _entry(graph: Graph) -> Weights | None:
    """Return what the spec says about published weights."""
    variant = graph.spec.variants.get(graph.settings.variant or "")
    return (variant.weights if variant else None) or graph.spec.weights


def _published(graph: Graph, weights: Any) -> _Found:
    """Return weights of torchvision's: from its cache, or fetched there and held against their hash."""
    entry = _entry(graph)
    if entry is None:
        words = "`weights` is a path to .safetensors or .pt, or a state_dict"
        raise WeightsError(f"nobody published weights for {graph.name}: {words}, not {weights!r}")
    name = entry.source.removeprefix("torchvision:")
    try:
        enum = published_weights(name)
    except ModuleNotFoundError as error:
        raise WeightsError(
            f"{name} is torchvision's, and torchvision is not installed: pip install torchvision"
        ) from error
    except LookupError as error:
        raise WeightsError(f"this torchvision has no {name}: it is too old for {graph.name}'s weights") from error
    wanted = str(weights)
    member = enum.__members__.get(wanted.removeprefix(f"{name}."))
    if member is None:
        raise WeightsError(f"{name} has no {wanted!r}: {' '.join(did_you_mean(wanted, enum.__members__))}")
    label = f"{name}.{member.name}"
    try:
        with redirect_stdout(sys.stderr):  # stdout is for data, and torch.hub tells there what it fetches
            state = member.get_state_dict(
                progress=sys.stderr.isatty(), check_hash=True, map_location="cpu", weights_only=True
            )
    except Exception as error:  # from DNS to a damaged archive
        target = Path(torch.hub.get_dir()) / "checkpoints" / member.url.rpartition("/")[2]
        raise WeightsError(
            f"{label} could not be had: {_first_line(error)}",
            f"wanted: {member.url}",
            f"without a network, put that file at {target}",
        ) from error
    try:
        state = renamed(_tensors(state, label), entry.rename)
    except ValueError as error:
        raise WeightsError(f"{label} cannot be renamed: {error}") from None
    return _Found(label, state, dict(member.meta), label)


def _first_line(error: Exception) -> str:
    return next(iter(str(error).splitlines()), "") or type(error).__name__


# -- whether they fit ---------------------------------------------------------------------------------------------


def _compared(graph: Graph, found: _Found) -> LoadReport:
    """Return what of it loads.

    Raises WeightsError where anything is left over or left out but what was asked to be other.
    """
    wanted, came = graph.state, {key: tuple(value.shape) for key, value in found.state.items()}
    counted = any(key.endswith(COUNTER) for key in came)
    missing = [key for key in wanted if key not in came and (counted or not key.endswith(COUNTER))]
    other = [key for key, shape in wanted.items() if came.get(key, shape) != shape]
    extra = [key for key in came if key not in wanted]
    problems: list[str] = []
    if missing or other:
        head = _head(graph)
        if found.left is None:  # whoever made a map of keys has seen what starts afresh
            problems += _listed("missing", [key for key in missing if key not in head])
        misshapen = [f"{key} ({show(came[key])} for {show(wanted[key])})" for key in other if key not in head]
        problems += _listed("of another shape", misshapen)
    if extra:
        whole = _whole(graph)
        problems += _listed("with no place in the network", [key for key in extra if key not in whole])
    if problems:
        prefixes = {key.partition(".")[0] for key in extra}
        if missing and len(prefixes) == 1 and len(extra) == len(came):
            prefix = prefixes.pop()[:SHOWN]
            problems.append(f"every key starts with `{prefix}.`: --rename {prefix}= takes that off")
        raise WeightsError(f"{found.source} does not fit {graph.name}", *problems)
    fresh = {*missing, *other}
    loaded = tuple(key for key in wanted if key in came and key not in fresh)
    initialised = tuple(key for key in wanted if key in fresh)
    return LoadReport(
        found.source,
        loaded,
        initialised,
        (*extra, *(found.left or ())),
        found.meta,
        found.enum,
        found.prefix,
        len(wanted),
    )


def _listed(what: str, keys: list[str], limit: int = 6) -> list[str]:
    more = f" and {len(keys) - limit} more" if len(keys) > limit else ""
    return [f"{what}: {', '.join(key[:SHOWN] for key in keys[:limit])}{more}"] if keys else []


def _head(graph: Graph) -> set[str]:
    """Return the keys whose shapes follow `num_classes`."""
    classes = graph.settings.params.get("num_classes")
    if not isinstance(classes, int) or isinstance(classes, bool):
        return set()
    other = _again(graph, {**graph.settings.params, "num_classes": classes + 1})
    return {key for key, shape in graph.state.items() if other.get(key) != shape} if other else set()


def _whole(graph: Graph) -> Collection[str]:
    """Return the keys of the network as it is when nobody changes it."""
    plain = compile(graph.unit, Report(), variant=graph.settings.variant, lookup=catalogue.lookup, expect=False)
    return plain.state if plain is not None else ()


def _again(graph: Graph, params: Mapping[str, Any]) -> Mapping[str, Shape]:
    settings = graph.settings
    made = compile(
        graph.unit,
        Report(),
        variant=settings.variant,
        params=params,
        input={name: value.shape for name, value in settings.inputs},
        taps=settings.taps,
        lookup=catalogue.lookup,
        expect=False,
    )
    return made.state if made is not None else {}


# -- a module for them --------------------------------------------------------------------------------------------


def _assembled(cls: type[nn.Module], fresh: frozenset[str], device: torch.device) -> nn.Module:
    """Return an instance whose `fresh` keys are initialised on `device`; all others have no storage yet.

    Parameters and buffers register in the same order whenever the class is made: a first instance tells which ones are
    `fresh`, and the second one gives those storage before their initialisers meet them.
    """
    values: list[Tensor] = []
    module = _made(cls, values.append, device)
    if not fresh:
        return module
    wanted = {id(value) for key, value in module.state_dict(keep_vars=True).items() if key in fresh}
    order = iter([id(value) in wanted for value in values])

    def with_storage(value: Tensor) -> Tensor | None:
        if not next(order) or not value.is_meta:  # a constant, or what another name has already
            return None
        empty = torch.empty(value.shape, dtype=value.dtype, device=device)
        return (
            nn.Parameter(empty, requires_grad=value.requires_grad) if isinstance(value, nn.Parameter) else empty.zero_()
        )

    return _made(cls, with_storage, device)


def _made(cls: type[nn.Module], registered: Callable[[Tensor], Tensor | None], device: torch.device) -> nn.Module:
    """Return an instance on the meta device, its constants on this one; `registered` may put something else in place of
    each tensor.
    """
    here = threading.get_ident()

    def hook(module: nn.Module, name: str, value: Any) -> Any:
        return registered(value) if value is not None and threading.get_ident() == here else None

    handles = [register_module_parameter_registration_hook(hook), register_module_buffer_registration_hook(hook)]
    try:
        with torch.device("meta"), _Idle(device):
            return cls()
    finally:
        for handle in handles:
            handle.remove()


class _Idle(TorchFunctionMode):
    """Initialisers find nothing to do on tensors without storage, and lose no time in finding out. What constants are
    computed of is there: no file need hold them.
    """

    CONSTANT = frozenset({"arange", "full", "tensor"})
    FILLING = frozenset({"uniform_", "normal_", "fill_", "zero_", "erfinv_", "mul_", "add_", "clamp_"})

    def __init__(self, device: torch.device) -> None:
        super().__init__()
        self.device = device

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = dict(kwargs or {})
        if func.__name__ in self.CONSTANT:
            kwargs.setdefault("device", self.device)
        if func.__name__ in self.FILLING or getattr(func, "__module__", None) == "torch.nn.init":
            target = args[0] if args else kwargs.get("tensor")
            if isinstance(target, Tensor) and target.is_meta:
                return target
        return func(*args, **kwargs)

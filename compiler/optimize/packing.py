"""Convolutions and linear layers by oneDNN, on a CPU. Torch lays the weight of a convolution out anew in every run: the
emitted text does so once, and holds it in the plain one's place. Linear layers go to another library, which is slower
on some processors; oneDNN reads their weights as they lie. What is a small part of the work stays torch's.
"""

import math
from collections import Counter
from collections.abc import Collection, Hashable, Iterator
from dataclasses import replace
from typing import ClassVar, TypeAlias

from speczoo.compiler.application import Application
from speczoo.compiler.composite import Composite, Node
from speczoo.compiler.layer import Layer
from speczoo.compiler.layers.conv import Conv2d, Conv3d
from speczoo.compiler.layers.linear import Linear

#: Below so many multiply-accumulates the call itself costs more than is won.
LEAST = 1_000_000
#: What part of a network's multiply-accumulates a kind of layers has to compute: oneDNN generates about 0.6 MiB of code
#: for linear layers of each size, and the emitted text is longer.
SHARE = 1 / 60
#: How many times its plain weight a packed one may take: rows of a power of two lie a thirty-second further apart, and
#: many networks gain much by packing them; channels that are filled up to whole registers take more.
MOST = 1.04
#: How many bytes a weight may have that torch would not lay out anew in the run in which it is packed: it is in memory
#: twice for a moment.
SMALL = 1 << 19

BY_ONEDNN = '''
def by_onednn(x: Tensor, weight: Tensor) -> bool:
    """Return whether oneDNN may compute: on a CPU, in float32, where no gradient is wanted and nothing is traced."""
    traced = torch.compiler.is_compiling() or torch.jit.is_tracing()
    if traced or torch._C._functorch.peek_interpreter_stack() is not None or torch.is_autocast_enabled("cpu"):
        return False
    if torch.is_grad_enabled() and (x.requires_grad or weight.requires_grad):
        return False
    return x.device.type == "cpu" and x.dtype == weight.dtype == torch.float32 and torch.backends.mkldnn.is_available()
'''.strip()

CONV = '''
class PackedConv{n}d(nn.Conv{n}d):
    """nn.Conv{n}d with a weight that lies as oneDNN reads it, channels last: torch lays it out anew in each run.

    Its first large run packs it, the second one a weight that grows a little: while one is packed it is there twice.
    What is saved, loaded, moved, copied or pickled is the plain weight, which the next run packs again. A weight that
    trains is never packed, nor one that would take more memory so.
    """

    packed = False
    waited = False
    least = {least:_}  # multiply-accumulates for which the call pays
    most = {most}  # times the plain weight
    small = {small:_}  # bytes that may be in memory twice, which they are while they are packed
    then = ("none", [], "")  # what oneDNN does with what comes out

    def forward(self, x: Tensor) -> Tensor:
        if torch.jit.is_scripting():
            return self.by_torch(x, self.weight)
        elif self.packs(x):
            x = x.contiguous(memory_format=torch.{channels_last})
            where = (self.padding, self.stride, self.dilation, self.groups)
            return torch.ops.mkldnn._convolution_pointwise(x, self.weight, self.bias, *where, *self.then)
        else:
            return self.by_torch(x, self.plain())

    def by_torch(self, x: Tensor, weight: Tensor) -> Tensor:
        return self._conv_forward(x, weight, self.bias)

    def packs(self, x: Tensor) -> bool:
        """Return whether to compute with the packed weight, and pack it where that pays."""
        trains = self.weight.requires_grad
        if self.packed and (trains or torch.compiler.is_compiling()):
            raise RuntimeError("a packed weight: train, compile or export a copy.deepcopy of the network")
        if not by_onednn(x, self.weight):
            return False
        places = x.numel() // self.in_channels // math.prod(self.stride)
        if not self.packed and not trains and places > 1 and places * self.weight.numel() >= self.least:
            if self.weight.nbytes <= self.small or self.is_laid_out_by_torch(x):
                self.pack(list(x.shape))
        return self.packed

    def is_laid_out_by_torch(self, x: Tensor) -> bool:
        """Return whether torch would lay the weight out anew for this run: it computes small images as they are."""
        return len(x) > 1 or x.numel() > 20_480 or self.groups > 1 or min(self.kernel_size) > 3

    def pack(self, shape: list[int]) -> None:
        where = (self.padding, self.stride, self.dilation, self.groups)
        with torch.inference_mode(False), torch.no_grad():
            plain = self.plain()
            weight = torch.ops.mkldnn._reorder_convolution_weight(plain, *where, shape)
            size = torch.ops.mkldnn._nbytes(weight)
            if size > self.most * plain.nbytes:
                self.least = math.inf
            elif size > plain.nbytes and not self.waited:
                self.waited = True
            else:
                self.packed, self.weight = True, nn.Parameter(weight, requires_grad=False)

    def plain(self) -> Tensor:
        weight = self.weight  # read once: other threads may lay it out meanwhile
        return weight.to_dense() if weight.is_mkldnn else weight

    def unpack(self) -> None:
        if self.weight.is_mkldnn:
            with torch.inference_mode(False), torch.no_grad():
                weight = self.plain().contiguous(memory_format=torch.{channels_last})
                self.weight = nn.Parameter(weight, requires_grad=False)
            self.packed = False

    def _apply(self, fn, recurse=True):
        self.unpack()
        return super()._apply(fn, recurse)

    def _load_from_state_dict(self, *args):
        self.unpack()
        super()._load_from_state_dict(*args)

    def _save_to_state_dict(self, destination, prefix, keep_vars):
        self.unpack()
        super()._save_to_state_dict(destination, prefix, keep_vars)
        if destination[prefix + "weight"].is_mkldnn:  # packed anew by another thread
            destination[prefix + "weight"] = destination[prefix + "weight"].to_dense()

    def __getstate__(self):
        self.unpack()
        return self.__dict__
'''.strip()

LINEAR = f'''
class OneDNNLinear(nn.Linear):
    """nn.Linear, computed by oneDNN where there is much to compute."""

    least = {LEAST:_}  # multiply-accumulates for which the call pays
    then = ("none", [], "")  # what oneDNN does with what comes out

    def forward(self, x: Tensor) -> Tensor:
        if torch.jit.is_scripting():
            return self.by_torch(x)
        elif by_onednn(x, self.weight) and self.pays(x.numel() // self.in_features):
            return torch.ops.mkldnn._linear_pointwise(x, self.weight, self.bias, *self.then)
        else:
            return self.by_torch(x)

    def by_torch(self, x: Tensor) -> Tensor:
        return nn.functional.linear(x, self.weight, self.bias)

    def pays(self, rows: int) -> bool:
        return rows > 1 and rows * self.weight.numel() >= self.least
'''.strip()

CONV_GELU = '''
class PackedConv{n}dGELU(PackedConv{n}d):
    """PackedConv{n}d and nn.GELU in one: what lies between is not in memory."""

    then = ("gelu", [], "none")

    def by_torch(self, x: Tensor, weight: Tensor) -> Tensor:
        return nn.functional.gelu(self._conv_forward(x, weight, self.bias))
'''.strip()

LINEAR_GELU = '''
class OneDNNLinearGELU(OneDNNLinear):
    """OneDNNLinear and nn.GELU in one: what lies between is not in memory."""

    then = ("gelu", [], "none")

    def by_torch(self, x: Tensor) -> Tensor:
        return nn.functional.gelu(nn.functional.linear(x, self.weight, self.bias))
'''.strip()

CONV_2D = CONV.format(n=2, channels_last="channels_last", least=LEAST, most=MOST, small=SMALL)
CONV_3D = CONV.format(n=3, channels_last="channels_last_3d", least=LEAST, most=MOST, small=SMALL)
CONV_2D_GELU, CONV_3D_GELU = (CONV_GELU.format(n=n) for n in (2, 3))
#: All that the emitted text may define so.
TEXTS = (BY_ONEDNN, CONV_2D, CONV_2D_GELU, CONV_3D, CONV_3D_GELU, LINEAR, LINEAR_GELU)


class PackedConv2d(Conv2d, op="Conv2d", abstract=True):
    """A Conv2d with a packed weight: no op of its own."""

    torch: ClassVar[str] = "PackedConv2d"
    support: ClassVar[tuple[str, ...]] = (BY_ONEDNN, CONV_2D)


class PackedConv2dGELU(PackedConv2d, op="Conv2d", abstract=True):
    """A PackedConv2d that computes the GELU of what comes out, too: no op of its own."""

    torch: ClassVar[str] = "PackedConv2dGELU"
    support: ClassVar[tuple[str, ...]] = (BY_ONEDNN, CONV_2D, CONV_2D_GELU)


class PackedConv3d(Conv3d, op="Conv3d", abstract=True):
    """A Conv3d with a packed weight: no op of its own."""

    torch: ClassVar[str] = "PackedConv3d"
    support: ClassVar[tuple[str, ...]] = (BY_ONEDNN, CONV_3D)


class PackedConv3dGELU(PackedConv3d, op="Conv3d", abstract=True):
    """A PackedConv3d that computes the GELU of what comes out, too: no op of its own."""

    torch: ClassVar[str] = "PackedConv3dGELU"
    support: ClassVar[tuple[str, ...]] = (BY_ONEDNN, CONV_3D, CONV_3D_GELU)


class OneDNNLinear(Linear, op="Linear", abstract=True):
    """A Linear that oneDNN computes: no op of its own."""

    torch: ClassVar[str] = "OneDNNLinear"
    support: ClassVar[tuple[str, ...]] = (BY_ONEDNN, LINEAR)


class OneDNNLinearGELU(OneDNNLinear, op="Linear", abstract=True):
    """An OneDNNLinear that computes the GELU of what comes out, too: no op of its own."""

    torch: ClassVar[str] = "OneDNNLinearGELU"
    support: ClassVar[tuple[str, ...]] = (BY_ONEDNN, LINEAR, LINEAR_GELU)


KINDS: dict[str, type[Layer]] = {kind.op: kind for kind in (PackedConv2d, PackedConv3d, OneDNNLinear)}
#: Those that a GELU can become part of, and what they are then.
WITH_GELU: dict[type[Layer], type[Layer]] = {
    PackedConv2d: PackedConv2dGELU,
    PackedConv3d: PackedConv3dGELU,
    OneDNNLinear: OneDNNLinearGELU,
}
#: An entry of a list.
ListedEntry: TypeAlias = tuple[Composite, int]


def worth_packing(root: Composite) -> set[Hashable]:
    """Return the kinds of layers (`_kind`) that compute enough for one input to be computed by oneDNN."""
    single: dict[Hashable, int] = {}
    together: Counter[Hashable] = Counter()
    for node in _layers(root):
        if _can_be_packed(node) and node.macs > node.params:
            kind = _kind(node)
            single[kind] = max(single.get(kind, 0), node.macs)
            together[kind] += node.macs
    return {kind for kind, macs in single.items() if macs >= LEAST and together[kind] >= SHARE * root.macs}


def _layers(composite: Composite) -> Iterator[Node]:
    for node in composite.nodes:
        if isinstance(node.body, Composite):
            yield from _layers(node.body)
        elif node.body is not None:
            yield node


def _kind(node: Node) -> Hashable:
    """Return what layers have in common for which oneDNN is asked or not: the op; of linear layers, for which torch
    would ask another library, all sizes, since oneDNN generates code for each.
    """
    if not isinstance(node.body, Linear):
        return node.op
    *rows, features = node.shapes[0]
    return math.prod(rows), features, node.body.out_features


def pack(composite: Composite, kinds: Collection[Hashable], tied: Collection[int]) -> Composite:
    """Return a list whose layers of these kinds are computed by oneDNN; convolutions with a weight that others have,
    too, stay as they are.
    """
    nodes = tuple(
        become(node, KINDS[node.op])
        if _can_be_packed(node) and _kind(node) in kinds and (node.op == "Linear" or composite.maker(i) not in tied)
        else node
        for i, node in enumerate(composite.nodes)
    )
    return replace(composite, nodes=nodes)


def places(composite: Composite, keys: Collection[str]) -> Iterator[ListedEntry]:
    """Yield the entries that have these parameters, each in its list."""
    for index, node in enumerate(composite.nodes):
        own = [key.removeprefix(f"{node.name}.") for key in keys if key.startswith(f"{node.name}.")]
        if own and isinstance(node.body, Composite):
            yield from places(node.body, own)
        elif own:
            yield composite, index


def _can_be_packed(node: Node) -> bool:
    """Return whether its layer has one weight of its own, and pads with as many zeros on either side."""
    body = node.body
    if isinstance(body, Linear):
        return body.norm is None
    if not isinstance(body, (Conv2d, Conv3d)) or isinstance(body.padding, str):
        return False
    return body.norm is None and body.padding_mode == "zeros"


def become(node: Node, kind: type[Layer]) -> Node:
    """Return a node whose layer is another kind of what it is, with the same arguments."""
    assert isinstance(node.body, Layer)
    return node.applying(Application.of(kind.model_construct(**node.body.__dict__), node.arrived))

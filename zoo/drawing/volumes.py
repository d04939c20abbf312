"""A diagram as the volumes that papers draw: what layers put out, with its channels and its size.

Blocks that are drawn unfolded vanish into what they hold. A layer that changes neither channels nor size, a norm, an
activation, is part of the volume before it.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence, Set
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise
from typing import NamedTuple

from speczoo.drawing.diagram import Box, Diagram, depth_of
from speczoo.drawing.layout import BoxLink

#: Kinds of layers whose output is no volume of its own, where one value alone flows in.
QUIET = frozenset({"norm", "activation", "dropout", "shape", "function"})
#: Of what is in a block the first of these decides its colour.
TELLING = ("attention", "recurrent", "conv", "linear", "pool", "resize", "norm", "custom", "function")
#: Where features stand in what a layer puts out; where nothing is stated, as in what flows in.
FIRST, LAST = 0, -1
FEATURES = {"conv": FIRST, "pool": FIRST, "linear": LAST, "attention": LAST, "recurrent": LAST}
NORMS_OF_THE_LAST = frozenset({"LayerNorm", "RMSNorm"})
#: Where nothing says how deep to unfold, as deep as a picture has at most so many stacks.
READABLE, DEEPEST = 28, 1000
#: How alike the sizes of neighbours in a stack are.
ALIKE = 0.9


class Volume(NamedTuple):
    """What comes out of a layer or a block, `box`, or into the network: so many channels of so large a `space`, an
    empty one of a vector. What only brings values together is a `sign`, without a size.
    """

    box: Box
    kind: str
    channels: int
    space: tuple[int, ...]
    sign: str = ""
    whole: bool = False  # whether it stands for a block
    training: bool = False  # whether training alone computes it
    parts: tuple[tuple[str, int], ...] = ()  # of what was joined: kinds and channels
    outputs: tuple[str, ...] = ()  # what it is called as an output of a network that has several


@dataclass(frozen=True, eq=False)
class Volumes:
    """Volumes in the order of execution, and links from earlier to later ones."""

    volumes: tuple[Volume, ...]
    links: tuple[BoxLink, ...]

    @cached_property
    def stacks(self) -> tuple[range, ...]:
        """The volumes that stand side by side, by their numbers: maps of one size, each made of the one before it, and
        of what flows into all of them.
        """
        readers = Counter(link.source for link in self.links)
        sources: dict[int, set[int]] = defaultdict(set)
        for link in self.links:
            sources[link.target].add(link.source)
        joined = (
            readers[here] == 1
            and _made_alike(sources[here], here, sources[here + 1])
            and _alike(*self.volumes[here : here + 2])
            for here in range(len(self.volumes) - 1)
        )
        cuts = [0, *(i for i, one in enumerate(joined, 1) if not one), len(self.volumes)]
        return tuple(range(low, high) for low, high in pairwise(cuts) if low < high)


def volumes(diagram: Diagram, depth: int | None = None, fits: Callable[[Volumes], bool] = lambda made: True) -> Volumes:
    """Return the volumes of a network whose blocks are unfolded so many levels deep: where nothing says how many, as
    deep as there are few that fit, and a block with branches is one; at last one that gives several values is, too.
    """
    known = _Blocks()
    if depth is not None:
        return known.volumes(diagram, depth, branching=True)
    found = [known.volumes(diagram, n, branching=False) for n in range(depth_of(diagram), 0, -1)]
    found.append(known.volumes(diagram, 1, branching=False, forking=False))
    few = [made for made in found if len(made.stacks) <= READABLE]
    return next(filter(fits, few), few[-1] if few else found[-1])


def _joined(there: Volumes) -> Volumes:
    """Return the volumes with what was made larger, only to be joined with others, as a part of those."""
    readers, sources = defaultdict(list), defaultdict(list)
    for link in there.links:
        readers[link.source].append(link.target)
        sources[link.target].append(link.source)
    into: dict[int, int] = {}
    changed = list(there.volumes)
    for i, volume in enumerate(there.volumes):
        if volume.box.op != "concat" or volume.whole or not volume.space:
            continue
        enlarged = [k for k in sources[i] if readers[k] == [i] and _enlarges(there, k, sources[k])]
        enlarged = [k for k in enlarged if not there.volumes[k].outputs]
        parts = [there.volumes[k] for k in sources[i]]
        if len(enlarged) == 1 and sum(part.channels for part in parts) == volume.channels:
            into[enlarged[0]] = i
            kinds = (part.kind if k in into else volume.kind for k, part in zip(sources[i], parts, strict=True))
            changed[i] = volume._replace(parts=tuple(zip(kinds, (part.channels for part in parts), strict=True)))
    kept = [i for i in range(len(changed)) if i not in into]
    number = {i: k for k, i in enumerate(kept)} | {i: kept.index(k) for i, k in into.items()}
    links = (BoxLink(number[link.source], number[link.target]) for link in there.links)
    return Volumes(
        tuple(changed[i] for i in kept), tuple(dict.fromkeys(link for link in links if len({*link[:2]}) > 1))
    )


def _enlarges(there: Volumes, k: int, sources: Sequence[int]) -> bool:
    volume = there.volumes[k]
    before = there.volumes[sources[0]].space if len(sources) == 1 else ()
    return volume.kind in ("conv", "resize") and 0 < sum(before) < sum(volume.space)


class _Value(NamedTuple):
    """What flows: in which volume, in which shape, and where its features stand in that, if anything stated it."""

    volume: int
    shape: tuple[int, ...]
    features: int | None


class _Inside(NamedTuple):
    """What there is to know of what is in a block: how many volumes beside its inputs, all unfolded; where features
    stand in what comes out; whether it is a line, of blocks that it has.
    """

    made: int
    features: int | None
    in_line: bool


@dataclass
class _Blocks:
    """What is in blocks, each looked into once."""

    known: dict[int, _Inside] = field(default_factory=dict)  # by the identity of the list, which the network keeps

    def volumes(self, diagram: Diagram, depth: int, *, branching: bool, forking: bool = True) -> Volumes:
        made = _Collector(self, branching, forking)
        leaving = made.walk(diagram, None, depth)
        made.name_outputs(diagram, leaving)
        return _joined(Volumes(tuple(made.volumes), tuple(dict.fromkeys(made.links))))

    def inside(self, block: Diagram) -> _Inside:
        if id(block) not in self.known:
            every = _Collector(self, branching=True)
            leaving = every.walk(block, None, DEEPEST)
            features = leaving[0].features if leaving else None
            in_line = _in_line(self.volumes(block, 1, branching=False))
            self.known[id(block)] = _Inside(len(every.volumes) - block.inputs, features, in_line)
        return self.known[id(block)]


@dataclass
class _Collector:
    """The volumes of the lists that were walked so far."""

    blocks: _Blocks
    branching: bool  # whether blocks with branches are unfolded too
    forking: bool = True  # whether those are that give values to several others
    training: bool = False  # whether training alone computes the list that is walked
    volumes: list[Volume] = field(default_factory=list)
    links: list[BoxLink] = field(default_factory=list)

    def walk(self, diagram: Diagram, arriving: Sequence[_Value] | None, depth: int) -> list[_Value]:
        """Walk a list that these values flow into, or the network, and return what flows out of it."""
        given: dict[int, list[BoxLink]] = defaultdict(list)
        read = {link.source for link in diagram.links if link.target < len(diagram.boxes) - diagram.outputs}
        for link in diagram.links:
            given[link.target].append(link)
        ends: list[list[_Value]] = []
        leaving: list[_Value] = []
        for i, box in enumerate(diagram.boxes):
            taken = sorted(given[i], key=lambda link: link.position)
            sources = [ends[link.source][min(link.port, len(ends[link.source]) - 1)] for link in taken]
            if i >= len(diagram.boxes) - diagram.outputs:
                leaving += sources
                ends.append(sources)
            elif box.kind == "terminal":
                ends.append([self._input(diagram, i) if arriving is None else arriving[min(i, len(arriving) - 1)]])
            else:
                ends.append(self._box(box, sources, depth, read=i in read))
        return leaving

    def name_outputs(self, diagram: Diagram, leaving: Sequence[_Value]) -> None:
        """Say of the volumes that leave a network as which outputs they do, where it has several."""
        if len(leaving) < 2:
            return
        for box, value in zip(diagram.boxes[-len(leaving) :], leaving, strict=True):
            volume = self.volumes[value.volume]
            self.volumes[value.volume] = volume._replace(outputs=(*volume.outputs, box.name))

    def _input(self, diagram: Diagram, i: int) -> _Value:
        box = diagram.boxes[i]
        readers = [diagram.boxes[link.target] for link in diagram.links if link.source == i]
        shape = box.outputs[0] if box.outputs else ()
        if any(_first_op(reader) == "Embedding" for reader in readers):  # numbers of words, each without features
            return self._add(box, "terminal", (*shape, 1), LAST)._replace(shape=shape, features=None)
        return self._add(box, "terminal", shape, _reading(readers))

    def _box(self, box: Box, sources: Sequence[_Value], depth: int, *, read: bool) -> list[_Value]:
        """Walk a box as often as it stands there, and return what flows out of it, by port."""
        out, outer = [*sources], self.training
        self.training = outer or box.training
        if box.inside is None:
            for _ in range(box.count):
                out = [self._layer(box, out)]
        elif self._unfolds(box.inside, sources, depth, read=read):
            for _ in range(box.count):
                out = self.walk(box.inside, out, depth - 1) or out
        else:
            features = self._block_features(box, box.inside, sources)
            made = self._add(box, _telling(box.inside), _shape(box), features, sources, whole=True)
            out = [made, *(made._replace(shape=shape) for shape in box.outputs[1:])]
        self.training = outer
        return out

    def _unfolds(self, inside: Diagram, sources: Sequence[_Value], depth: int, *, read: bool) -> bool:
        """Return whether a block is drawn as what it holds. One that gives values to several others, or brings maps of
        several sizes together, is no volume, however deep it stands.
        """
        known = self.blocks.inside(inside)
        if known.made <= 1 or (inside.outputs > 1 and read and self.forking):
            return True
        spaces = {self.volumes[source.volume].space for source in sources}
        if depth <= 1 and len([space for space in spaces if len(space) > 1]) < 2:
            return False
        return self.branching or known.in_line

    def _block_features(self, box: Box, inside: Diagram, sources: Sequence[_Value]) -> int | None:
        """Return where features stand in what comes out of a block that is one volume."""
        if sources and sources[0].features is not None and sources[0].shape == _shape(box):
            return sources[0].features
        return _settled(self.blocks.inside(inside).features, sources)

    def _layer(self, box: Box, sources: Sequence[_Value]) -> _Value:
        shape = _shape(box)
        if box.kind == "resize":
            sources = sources[:1]  # what else flows in gives nothing but its size
        if box.op == "crop":
            return sources[0]
        if len({source.volume for source in sources}) == 1 and self._quiet(box, shape, sources[0]):
            reshaped = self._reshaped(sources[0], shape)
            return reshaped if (axis := _feature_axis(box)) is None else reshaped._replace(features=axis)
        axis = self._moved(sources, shape) if box.kind == "shape" else _feature_axis(box)
        sign = box.symbol if len(sources) > 1 else ""
        kind = "resize" if box.kind == "shape" else box.kind
        return self._add(box, kind, shape, _settled(axis, sources), sources, sign=sign)

    def _quiet(self, box: Box, shape: tuple[int, ...], source: _Value) -> bool:
        """Return whether what comes out of a layer is the volume that flows in, as far as is seen."""
        before = self.volumes[source.volume]
        same = _axes(shape) in (_axes((before.channels, *before.space)), _axes(source.shape))
        if box.kind in QUIET:
            return same or len(shape) < 3
        return same and (box.kind == "resize" or box.op.startswith("Adaptive"))

    def _moved(self, sources: Sequence[_Value], shape: tuple[int, ...]) -> int:
        """Return where features stand in what is put into another shape: the first axis, where nothing is known."""
        known = [self._reshaped(source, shape).features for source in sources[:1]]
        return next((at for at in known if at is not None), FIRST)

    def _reshaped(self, value: _Value, shape: tuple[int, ...]) -> _Value:
        """Return a value in another shape, where its features are found by their number."""
        channels = self.volumes[value.volume].channels
        at = value.features
        if at is not None and len(shape) > 1 and (shape[0] == channels) != (shape[-1] == channels):
            at = FIRST if shape[0] == channels else LAST
        return value._replace(shape=shape, features=at)

    def _add(
        self,
        box: Box,
        kind: str,
        shape: tuple[int, ...],
        features: int | None,
        sources: Sequence[_Value] = (),
        *,
        sign: str = "",
        whole: bool = False,
    ) -> _Value:
        here = len(self.volumes)
        self.volumes.append(Volume(box, kind, *_sized(shape, features), sign, whole, self.training or box.training))
        for source in sources:
            self.links.append(BoxLink(source.volume, here))
            known = self.volumes[source.volume]
            undecided = source.features is None and source.shape == _shape(known.box)
            if undecided and features is not None and len(source.shape) == len(shape):  # they stand where they do here
                channels, space = _sized(source.shape, features)
                self.volumes[source.volume] = known._replace(channels=channels, space=space)
        return _Value(here, shape, features)


def _feature_axis(box: Box) -> int | None:
    """Return where features stand in what comes out of a layer, if it says so."""
    return LAST if box.op in NORMS_OF_THE_LAST else FEATURES.get(box.kind)


def _axes(shape: tuple[int, ...]) -> list[int]:
    """Return the lengths of a shape's axes, in whatever order they stand."""
    return sorted(n for n in shape if n != 1)


def _shape(box: Box) -> tuple[int, ...]:
    return box.outputs[0] if box.outputs else ()


def _sized(shape: tuple[int, ...], features: int | None) -> tuple[int, tuple[int, ...]]:
    """Return how many channels a shape has, in how large a space; a map of one place is a vector."""
    at = FIRST if features is None else features
    space = shape[1:] if at == FIRST else shape[:-1]
    return shape[at] if shape else 1, () if set(space) <= {1} else space


def _settled(axis: int | None, sources: Sequence[_Value]) -> int | None:
    """Return where features stand in what comes out: as the layer says, or as they flow in."""
    if axis is not None:
        return axis
    return next((source.features for source in sources if source.features is not None), None)


def _first_op(box: Box) -> str:
    """Return the op of the first layer in a box."""
    while box.inside is not None:
        inner = [each for each in box.inside.boxes if each.kind != "terminal"]
        if not inner:
            return ""
        box = inner[0]
    return box.op


def _reading(readers: Sequence[Box]) -> int | None:
    """Return where features stand in what these read: as the first layer has them that says so."""
    inner = (each for box in readers for each in ([box] if box.inside is None else box.inside.walk()))
    return next((at for at in map(_feature_axis, inner) if at is not None), None)


def _telling(inside: Diagram) -> str:
    """Return the kind that says most of what a block is."""
    there = {"attention" if "attention" in box.op else box.kind for box in inside.walk() if box.inside is None}
    return next((kind for kind in TELLING if kind in there), "function")


def _in_line(there: Volumes) -> bool:
    """Return whether all volumes but one at most lie on one way: a skip may pass a layer, an Inception is no line."""
    longest = [1] * len(there.volumes)
    for link in sorted(there.links, key=lambda link: link.target):
        longest[link.target] = max(longest[link.target], longest[link.source] + 1)
    return len(longest) - max(longest, default=0) <= 1


def _made_alike(before: Set[int], one: int, after: Set[int]) -> bool:
    """Return whether a volume is made of another one, and of what that is made of beside the one before it, if of
    anything else.
    """
    beside = after - {one}
    return one in after and (not beside or beside == before - {max(before, default=one)})


def _alike(one: Volume, other: Volume) -> bool:
    """Return whether two volumes may stand side by side: maps of layers, of about the same size, or blocks of one name
    that give the same.
    """
    if any(v.sign or v.box.kind == "terminal" for v in (one, other)) or one.whole != other.whole:
        return False
    if one.whole:
        return one.box.op == other.box.op and (one.channels, one.space) == (other.channels, other.space)
    pairs = zip(one.space, other.space, strict=False)
    same = len(one.space) == len(other.space) > 0
    return same and all(min(a, b) >= ALIKE * max(a, b) for a, b in pairs)

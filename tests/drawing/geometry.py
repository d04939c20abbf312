"""What is wrong with a picture, by its coordinates alone."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations, pairwise

from speczoo.drawing.diagram import Box
from speczoo.drawing.picture import Curve, DrawnText, Face, Picture, Rectangle, rectangles

Point = tuple[float, float]
NEAR = 0.01


def faults(picture: Picture) -> Iterator[str]:
    """What no picture has: boxes over each other, texts or boxes outside, lines through boxes."""
    signs = rectangles(picture.shapes)
    fronts = [front(face) for face in picture.shapes if isinstance(face, Face) and face.about is not None]
    leaves = [*(r for r in signs if r.about is not None and r.about.inside is None), *fronts]
    yield from _outside(picture)
    yield from _overlaps(signs if not fronts else leaves)
    yield from _sides(picture, leaves)
    yield from _texts(picture, leaves)
    yield from _lines(picture, leaves)


def _outside(picture: Picture) -> Iterator[str]:
    for shape in picture.shapes:
        for x, y in corners(shape):
            if not (-NEAR <= x <= picture.width + NEAR and -NEAR <= y <= picture.height + NEAR):
                yield f"{shape} leaves the page {picture.width} x {picture.height}"


def front(face: Face) -> Rectangle:
    """The area of a face."""
    xs, ys = zip(*face.corners, strict=True)
    return Rectangle(min(xs), min(ys), max(xs) - min(xs), max(ys) - min(ys), face.kind, 0, face.about)


def _sides(picture: Picture, leaves: list[Rectangle]) -> Iterator[str]:
    """The right sides of volumes are seen: before one stands only what is side by side with it."""
    for i, shape in enumerate(picture.shapes):
        if isinstance(shape, Face) and shape.about is None and i + 1 < len(picture.shapes):
            after = picture.shapes[i + 1]
            if isinstance(after, Face) and after.about is not None:
                right, own = front(shape), front(after)
                touching = [own]
                for leaf in leaves:
                    last = touching[-1]
                    joined = abs(leaf.x - last.x - last.width) < NEAR and abs(middle(leaf) - middle(last)) < NEAR
                    if joined:
                        touching.append(leaf)
                for leaf in leaves:
                    if meets(right, leaf) and leaf not in touching:
                        yield f"{label(leaf)} stands before {label(own)}"


def middle(area: Rectangle) -> float:
    return area.y + area.height / 2


def corners(shape: Rectangle | Curve | Face | DrawnText) -> list[Point]:
    if isinstance(shape, Face):
        return [*shape.corners]
    if isinstance(shape, Rectangle):
        return [(shape.x, shape.y), (shape.x + shape.width, shape.y + shape.height)]
    if isinstance(shape, Curve):
        return list(shape.points)
    wide, high = (shape.size, shape.length) if shape.turned else (shape.length, shape.size)
    left = shape.x - wide / 2 if shape.middle else shape.x
    return [(left, shape.y - high / 2), (left + wide, shape.y + high / 2)]


def _overlaps(boxes: list[Rectangle]) -> Iterator[str]:
    """Boxes stand apart, or one in the other, which then has it inside."""
    for a, b in combinations(sorted(boxes, key=lambda r: r.y), 2):
        if not meets(a, b):
            continue
        inner, outer = (a, b) if within(a, b) else (b, a)
        if not within(inner, outer):
            yield f"{label(a)} and {label(b)} overlap"
        elif not holds(outer.about, inner.about):
            yield f"{label(inner)} stands in {label(outer)}, which does not hold it"


def holds(outer: Box | None, inner: Box | None) -> bool:
    return outer is not None and outer.inside is not None and any(box is inner for box in outer.inside.walk())


def meets(a: Rectangle, b: Rectangle) -> bool:
    return (
        a.x < b.x + b.width - NEAR
        and b.x < a.x + a.width - NEAR
        and a.y < b.y + b.height - NEAR
        and b.y < a.y + a.height - NEAR
    )


def within(a: Rectangle, b: Rectangle) -> bool:
    return (
        b.x - NEAR <= a.x
        and a.x + a.width <= b.x + b.width + NEAR
        and b.y - NEAR <= a.y
        and a.y + a.height <= b.y + b.height + NEAR
    )


def _texts(picture: Picture, leaves: list[Rectangle]) -> Iterator[str]:
    """A text that begins in a box ends there; others meet no box."""
    texts = [shape for shape in picture.shapes if isinstance(shape, DrawnText)]
    for text in texts:
        (x0, y0), (x1, y1) = corners(text)
        area = Rectangle(x0, y0, x1 - x0, y1 - y0, "text")
        for leaf in leaves:
            if meets(area, leaf) and not within(area, leaf):
                yield f"{text.text!r} is not in {label(leaf)} and not beside it"
    ends = [(text, *corners(text)) for text in texts]
    areas = [(text, Rectangle(x0, y0, x1 - x0, y1 - y0, "text")) for text, (x0, y0), (x1, y1) in ends]
    for (s, a), (t, b) in combinations(sorted(areas, key=lambda pair: pair[1].y), 2):
        if meets(a, b):
            yield f"{s.text!r} stands over {t.text!r}"


def _lines(picture: Picture, leaves: list[Rectangle]) -> Iterator[str]:
    """No line runs through a box: it may end at its border."""
    for shape in picture.shapes:
        if isinstance(shape, Curve):
            parts = [*straight(shape), *bent(shape)]
            whole = around(parts)
            for leaf in leaves:
                inner = Rectangle(leaf.x + 0.5, leaf.y + 0.5, leaf.width - 1, leaf.height - 1, "")
                if meets(whole, inner) and any(meets(part, inner) for part in parts):
                    yield f"a line runs through {label(leaf)}"


def around(parts: list[Rectangle]) -> Rectangle:
    """The smallest area that holds them all."""
    x, y = min(part.x for part in parts), min(part.y for part in parts)
    right, below = max(part.x + part.width for part in parts), max(part.y + part.height for part in parts)
    return Rectangle(x, y, right - x, below - y, "")


def straight(curve: Curve) -> Iterator[Rectangle]:
    """The straight parts of a line, as thin areas."""
    first, second, third, fourth = curve.points
    for (x0, y0), (x1, y1) in ((first, second), (third, fourth)):
        yield Rectangle(min(x0, x1) - 0.1, min(y0, y1) - 0.1, abs(x1 - x0) + 0.2, abs(y1 - y0) + 0.2, "")


def bent(curve: Curve, steps: int = 32) -> Iterator[Rectangle]:
    """The bent part of a line, as the area of each of many short pieces, as SVG draws it."""
    _, p1, p2, _ = curve.points
    if curve.corner:
        at = (p2[0], p1[1]) if curve.horizontal else (p1[0], p2[1])
        c1, c2 = (((a[0] + b[0]) / 2, (a[1] + b[1]) / 2) for a, b in ((p1, at), (at, p2)))
    elif curve.horizontal:
        c1, c2 = ((p1[0] + p2[0]) / 2, p1[1]), ((p1[0] + p2[0]) / 2, p2[1])
    else:
        c1, c2 = (p1[0], (p1[1] + p2[1]) / 2), (p2[0], (p1[1] + p2[1]) / 2)
    way = []
    for k in range(steps + 1):
        t = k / steps
        weights = ((1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t**2 * (1 - t), t**3)
        way.append([sum(w * p[i] for w, p in zip(weights, (p1, c1, c2, p2), strict=True)) for i in (0, 1)])
    for (x0, y0), (x1, y1) in pairwise(way):
        yield Rectangle(min(x0, x1) - 0.1, min(y0, y1) - 0.1, abs(x1 - x0) + 0.2, abs(y1 - y0) + 0.2, "")


def label(rectangle: Rectangle) -> str:
    return f"{rectangle.about.path} {rectangle.about.op}" if rectangle.about else rectangle.kind

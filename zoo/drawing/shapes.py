"""What is drawn, moved and made smaller as a whole."""

from __future__ import annotations

from collections.abc import Sequence

from speczoo.drawing.picture import Curve, DrawnText, Element, Face, Rectangle


def around(drawn: Sequence[Element]) -> tuple[float, float, float, float]:
    """Return the area that shapes take: left, top, right, bottom."""
    areas = [_area(shape) for shape in drawn] or [(0.0, 0.0, 0.0, 0.0)]
    left, top, right, bottom = zip(*areas, strict=True)
    return min(left), min(top), max(right), max(bottom)


def width_of(drawn: Sequence[Element]) -> float:
    left, _, right, _ = around(drawn)
    return right - left


def height_of(drawn: Sequence[Element]) -> float:
    _, top, _, bottom = around(drawn)
    return bottom - top


def _area(shape: Element) -> tuple[float, float, float, float]:
    """Return the area that a shape takes: left, top, right, bottom."""
    match shape:
        case Rectangle():
            points = [(shape.x, shape.y), (shape.x + shape.width, shape.y + shape.height)]
        case Curve():
            points = [*shape.points]
        case Face():
            points = [*shape.corners]
        case DrawnText():
            return shape.area
    xs, ys = zip(*points, strict=True)
    return min(xs), min(ys), max(xs), max(ys)


def shrunk(shape: Element, times: float) -> Element:
    """Return a shape so many times smaller."""
    match shape:
        case Curve():
            return shape._replace(points=tuple((x / times, y / times) for x, y in shape.points))
        case Face():
            return shape._replace(corners=tuple((x / times, y / times) for x, y in shape.corners))
        case DrawnText():
            x, y, size, length = shape.x / times, shape.y / times, shape.size / times, shape.length / times
            return shape._replace(x=x, y=y, size=size, length=length)
        case Rectangle():
            x, y, wide, high = shape.x / times, shape.y / times, shape.width / times, shape.height / times
            return shape._replace(x=x, y=y, width=wide, height=high, radius=shape.radius / times)


def moved(shape: Element, dx: float, dy: float) -> Element:
    """Return a shape so many pixels further right and down."""
    match shape:
        case Curve():
            return shape._replace(points=tuple((x + dx, y + dy) for x, y in shape.points))
        case Face():
            return shape._replace(corners=tuple((x + dx, y + dy) for x, y in shape.corners))
        case _:
            return shape._replace(x=shape.x + dx, y=shape.y + dy)

"""Sizes that are not known yet, with which a rule of shapes computes as with ints.

A `Size` is a polynomial in staircases, each of one axis of the input. Where a rule compares sizes, the answer may
depend on the input's: `Paths` then runs the rule once for either answer, each on its own part of the accepted sizes,
until every part has one outcome. A rule puts a size into words only to refuse it, and ends there.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, NoReturn, TypeGuard, TypeVar

from speczoo.compiler.analysis.products import Factors, rectangles
from speczoo.compiler.analysis.region import Region
from speczoo.compiler.analysis.size_set import NoShortRule
from speczoo.compiler.analysis.staircase import Number, Staircase

T = TypeVar("T")

#: Ways that one rule can take, above which there is no short rule.
FEW_PATHS = 64


class InWords(Exception):
    """A rule was about to depend on a size: it refuses it."""


class DependentAxis(Exception):
    """What follows is right only where the size on axis `gone` is this function of that on axis `kept`."""

    def __init__(self, gone: int, kept: int, function: Staircase) -> None:
        super().__init__(gone, kept, function)
        self.gone, self.kept, self.function = gone, kept, function


class Size:
    """The sum of a number and of products of staircases of different axes, no two products over the same staircases.

    Made by `Paths.size`: what does not depend on the input is an int, and equal expressions are the same object.
    `single` is the axis and the function, where it depends on one axis.
    """

    __slots__ = ("_known", "constant", "paths", "single", "terms")

    def __init__(self, paths: Paths, terms: Mapping[Factors, int], constant: int) -> None:
        self.paths, self.terms, self.constant = paths, terms, constant
        self.single: tuple[int, Staircase] | None = None
        if len(terms) == 1 and not constant:
            ((factors, coefficient),) = terms.items()
            self.single = factors[0] if len(factors) == coefficient == 1 else None
        self._known: dict[tuple[str, Any], Any] = {}

    def __call__(self, sizes: tuple[int, ...]) -> int:
        """Return the size where the input's are these."""
        products = (c * math.prod(f(sizes[axis]) for axis, f in factors) for factors, c in self.terms.items())
        return self.constant + sum(products)

    # -- arithmetic -----------------------------------------------------------------------------------------------

    def __add__(self, other: Any) -> Any:
        return self._once("+", other, self._plus)

    __radd__ = __add__

    def __mul__(self, other: Any) -> Any:
        return self._once("*", other, self._times)

    __rmul__ = __mul__

    def __floordiv__(self, divisor: Any) -> Any:
        return self._once("//", divisor, self._over)

    def __neg__(self) -> Any:
        return self * -1

    def __sub__(self, other: Any) -> Any:
        return self + other * -1

    def __rsub__(self, other: Any) -> Any:
        return self * -1 + other

    def __mod__(self, divisor: Any) -> Any:
        return self - self // divisor * divisor

    def _once(self, sign: str, other: Any, compute: Callable[[Any], Any]) -> Any:
        """Return a result that is computed once: most layers do to a size what another layer has done to it."""
        if not isinstance(other, int | Size):
            return NotImplemented
        key = (sign, other if isinstance(other, int) else id(other))
        if key not in self._known:
            self._known[key] = compute(other)
        return self._known[key]

    def _plus(self, other: int | Size) -> Size | int:
        if isinstance(other, Size):
            return self.paths.sum([*self.terms.items(), *other.terms.items()], self.constant + other.constant)
        if self.single is None:
            return self.paths.size(self.terms, self.constant + other)
        axis, f = self.single
        return self.paths.along(axis, f.plus(other))

    def _times(self, other: int | Size) -> Size | int:
        if isinstance(other, int):
            return self.paths.sum([(f, c * other) for f, c in self.terms.items()], self.constant * other)
        mine, yours = ([*size.terms.items(), ((), size.constant)] for size in (self, other))
        products = [(_product(f, g), c * d) for f, c in mine for g, d in yours if c and d]
        constant = sum(c for factors, c in products if not factors)
        return self.paths.sum([(factors, c) for factors, c in products if factors], constant)

    def _over(self, divisor: int | Size) -> Size | int:
        if not isinstance(divisor, int) or divisor < 1:
            raise NoShortRule("a quotient")
        if self.single is not None:
            axis, f = self.single
            return self.paths.along(axis, f.over(divisor))
        if any(c % divisor for c in self.terms.values()):
            raise NoShortRule("a quotient of several axes")
        return self.paths.sum([(f, c // divisor) for f, c in self.terms.items()], self.constant // divisor)

    # -- comparisons ----------------------------------------------------------------------------------------------

    def __ge__(self, other: Any) -> bool:
        return self.paths.at_least(self, other)

    def __gt__(self, other: Any) -> bool:
        return self.paths.at_least(self, other + 1)

    def __lt__(self, other: Any) -> bool:
        return not self >= other

    def __le__(self, other: Any) -> bool:
        return not self > other

    def __eq__(self, other: object) -> bool:
        return isinstance(other, int | Size) and self.paths.equal(self, other)

    def __bool__(self) -> bool:
        return self != 0

    # -- what only a known size can do ------------------------------------------------------------------------------

    def __hash__(self) -> int:
        raise NoShortRule("a size as a key")

    def __index__(self) -> int:
        raise NoShortRule("a size as an index")

    def __float__(self) -> float:
        raise NoShortRule("a size as a fraction")

    def __str__(self) -> NoReturn:
        raise InWords

    def __format__(self, spec: str) -> NoReturn:
        raise InWords

    def __repr__(self) -> str:
        return f"<Size {dict(self.terms)} + {self.constant}>"


def is_size(n: object) -> TypeGuard[Size]:
    """Return whether a size, which shapes have as an int, is not known yet."""
    return isinstance(n, Size)


def _product(f: Factors, g: Factors) -> Factors:
    factors = dict(f)
    for axis, staircase in g:
        if axis in factors:
            raise NoShortRule("a product of sizes of one axis")
        factors[axis] = staircase
    return tuple(sorted(factors.items(), key=lambda factor: factor[0]))


def _sum(f: Number, g: Number) -> Number:
    if isinstance(f, int):
        return g + f if isinstance(g, int) else g.plus(f)
    return f.plus(g) if isinstance(g, int) else f.add(g)


def _reduced(factors: Factors) -> tuple[int, Factors]:
    """Return what divides a product whatever its sizes are, and the product without it."""
    whole, rest = 1, []
    for axis, f in factors:
        by = math.gcd(f.rise, *f.values)
        whole *= by
        rest.append((axis, Staircase(f.period, f.rise // by, f.places, tuple(v // by for v in f.values))))
    return whole, tuple(rest)


@dataclass(frozen=True)
class Outcome(Generic[T]):
    """What a rule gives for the sizes in `region`: None where it refuses them. `reason` is where it does so, whatever
    was refused before.
    """

    region: Region
    reason: Region
    given: T | None


class Paths:
    """The sizes that are accepted so far, and the way through a rule that is being tried."""

    def __init__(self, region: Region) -> None:
        self.region = region
        self._axes = len(region.boxes[0])
        self._everything = Region.everything(self._axes)
        self._here, self._reason = region, self._everything
        self._script: list[bool] = []
        self._at = 0
        self._left: list[list[bool]] = []
        self._unequal = False
        self._sizes: dict[Any, Size] = {}

    # -- sizes ----------------------------------------------------------------------------------------------------

    def along(self, axis: int, f: Number) -> Size | int:
        """Return the size that is this function of an axis."""
        return f if isinstance(f, int) else self.size({((axis, f),): 1}, 0)

    def size(self, terms: Mapping[Factors, int], constant: int) -> Size:
        key = (frozenset(terms.items()), constant)
        if key not in self._sizes:
            self._sizes[key] = Size(self, terms, constant)
        return self._sizes[key]

    def sum(self, terms: list[tuple[Factors, int]], constant: int) -> Size | int:
        """Return the sum of these products, what is of one axis in one staircase; an int where it is constant."""
        singles: dict[int, Number] = {}
        products: dict[Factors, int] = {}
        for factors, coefficient in terms:
            if len(factors) == 1:
                ((axis, f),) = factors
                singles[axis] = _sum(singles.get(axis, 0), f.times(coefficient))
            else:
                reduced, factors = _reduced(factors)
                products[factors] = products.get(factors, 0) + reduced * coefficient
        found = {factors: coefficient for factors, coefficient in products.items() if coefficient}
        for axis, number in singles.items():
            if isinstance(number, int):
                constant += number
            else:
                found[((axis, number),)] = 1
        if not found:
            return constant
        if len(found) == 1 and len(singles) == 1 and not products:
            ((((axis, f),), _),) = found.items()
            return self.along(axis, f.plus(constant))
        return self.size(found, constant)

    # -- ways through a rule --------------------------------------------------------------------------------------

    def explore(self, rule: Callable[[], T], refusals: tuple[type[Exception], ...]) -> list[Outcome[T]]:
        """Return the outcomes of a rule, each for a part of the accepted sizes.

        Raises NoShortRule and DependentAxis.
        """
        self._left, found = [[]], []
        while self._left:
            self._script, self._at, self._unequal = self._left.pop(), 0, False
            self._here, self._reason = self.region, self._everything
            given: T | None = None
            try:
                given = rule()
            except InWords:
                pass
            except refusals:
                pass
            except TypeError as error:
                raise NoShortRule(str(error)) from error  # a rule that computes with known sizes alone
            if self._unequal and given is not None:
                raise NoShortRule("two axes that need not agree")
            found.append(Outcome(self._here, self._reason, given))
            if len(found) > FEW_PATHS:
                raise NoShortRule("a rule with many ways")
        return found

    # -- answers --------------------------------------------------------------------------------------------------

    def at_least(self, size: Size, bound: Any) -> bool:
        """Return whether a size is at least as large as another, on the way that is being tried."""
        if size.single is not None and isinstance(bound, int) and self._low(*size.single) >= bound:
            return True
        rest = size - bound
        if isinstance(rest, int):
            return rest >= 0
        if rest.single is None:
            return self._surely_positive(rest)
        axis, f = rest.single
        if self._low(axis, f) >= 0:
            return True
        return self._decide(self._everything.within(axis, f.at_least(0)))

    def equal(self, size: Size, other: Any) -> bool:
        """Return whether two sizes are equal, on the way that is being tried."""
        if other is size:
            return True
        rest = size - other
        if isinstance(rest, int):
            return rest == 0
        if rest.single is not None:
            axis, f = rest.single
            return self._low(axis, f) <= 0 and self._decide(self._everything.within(axis, f.equal_to(0)))
        if len(rest.terms) == 1:
            ((factors, coefficient),) = rest.terms.items()
            if -rest.constant % coefficient:
                return False
            product = -rest.constant // coefficient
            if product < 1:
                return self._surely_positive(rest * -1) and self._surely_positive(rest)
            return self._decide(rectangles(self._axes, factors, product, self._here))
        return self._dependent(rest)

    def constant(self, size: Size) -> int | None:
        """Return the value that a size has for all accepted sizes of the input; None where it has several."""
        found = {bound for box in self.region.boxes for bound in _bounds(size, Region((box,)))}
        return int(found.pop()) if len(found) == 1 else None

    def _low(self, axis: int, f: Staircase) -> float:
        """Return a number that f does not fall below on the way that is being tried."""
        return f(self._here.least[axis]) if f.rising else -math.inf

    def _surely_positive(self, size: Size) -> bool:
        low, high = _bounds(size, self._here)
        if low >= 0:
            return True
        if high < 0:
            return False
        raise NoShortRule("an order of sizes of several axes")

    def _dependent(self, rest: Size) -> bool:
        """Decide f(n) = m + c over two axes: if the rule refuses all other m, that axis follows from the other."""
        terms = [factors[0] for factors, c in rest.terms.items() if len(factors) == 1 and c == 1]
        plain = [axis for axis, f in terms if f.period == 1 and abs(f.rise) == 1]
        if not len(rest.terms) == len(terms) == 2 or not plain:
            raise NoShortRule("sizes of several axes that have to agree")
        if self._choose():
            by_axis = dict(terms)
            g = by_axis.pop(max(plain))
            ((kept, f),) = by_axis.items()
            function = f.plus(g.values[0] + rest.constant).times(-g.rise)
            assert isinstance(function, Staircase)
            raise DependentAxis(max(plain), kept, function)
        self._unequal = True
        return False

    def _decide(self, truth: Region) -> bool:
        """Return whether the sizes at hand are in a region: where some are and some are not, one after the other."""
        inside = self._here & truth
        if not inside:
            return False
        outside = self._here - truth
        if not outside:
            return True
        chosen = self._choose()
        self._here = inside if chosen else outside
        self._reason = self._reason & truth if chosen else self._reason - truth
        return chosen

    def _choose(self) -> bool:
        """Return the answer of the way that is being tried; at its end False, and True is left for another time."""
        if self._at == len(self._script):
            self._left.append([*self._script, True])
            self._script = [*self._script, False]
        self._at += 1
        return self._script[self._at - 1]


def _bounds(size: Size, region: Region) -> tuple[float, float]:
    """Return numbers between which a size is where the input's are in a region."""
    low = high = float(size.constant)
    for factors, coefficient in size.terms.items():
        least: float = 1
        most: float = 1
        for axis, f in factors:
            first, last = region.least[axis], region.greatest[axis]
            if not f.rising or f(first) < 0:
                return -math.inf, math.inf
            least *= f(first)
            most *= (
                math.inf if last is None and f.rise else f(region.on(axis).start + f.period if last is None else last)
            )
        ends = sorted((least * coefficient, most * coefficient))
        low, high = low + ends[0], high + ends[1]
    return low, high

r"""A mixed-integer program with hyperbolas, the only curves that our relaxations leave to tangents.

    maximise  money . v   subject to  lower <= A v <= upper,  column bounds,  some columns whole,  and
    p t >= c b^2,  low b <= t <= high b        for every hyperbola (p, t, b, c), low > 0.

A hyperbola says p >= c/t for a thing that is on (b = 1), and nothing for one that is off. It is replaced from outside by its
tangents at points s_0 = low < s_1 < ... < s_n = high: their upper envelope is a polygon with vertices

    (low, c/low),  (2 s_i s_i+1/(s_i + s_i+1), 2 c/(s_i + s_i+1)) for i = 0 .. n - 1,  (high, c/high),

so (t, p - excess) = b times a convex combination of the vertices: weights lambda >= 0 that sum to b. That is the same
relaxation as one row per tangent, but simplex methods pay for rows. More is never gained by an excess in p: p only costs.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from ...arrays import Booleans, Floats, Integers


class Matrix(NamedTuple):
    """Sparse rows: entry e says row ``row[e]`` has ``coefficient[e]`` at ``column[e]``; lower, upper [number of rows]."""

    row: Integers
    column: Integers
    coefficient: Floats
    lower: Floats
    upper: Floats


class Hyperbolas(NamedTuple):
    """Columns p, t, b [n], constants c [n], and low <= t / b <= high [n]; family [n]: which share tangent points.

    p and t stand in one hyperbola each, no row holds both, and their own column bounds are not used.
    """

    product: Integers
    time: Integers
    on: Integers
    constant: Floats
    low: Floats
    high: Floats
    family: Integers

    def violated(self, values: Floats, precision: float) -> tuple[Integers, Floats]:
        """(which, s): hyperbolas with p t < (1 - precision) c b^2 and the point of their deepest tangent."""
        p, t, b = (np.maximum(0.0, values[columns]) for columns in (self.product, self.time, self.on))
        which = np.flatnonzero((b > 1e-6) & (p * t < (1.0 - precision) * self.constant * b * b))
        # Written p s / c + t / s >= 2 b a tangent is violated most at s = sqrt(c t / p).
        at = np.sqrt(self.constant[which] * t[which] / np.maximum(p[which], 1e-12 * self.constant[which]))
        return which, np.clip(at, self.low[which], self.high[which])


class Vertices(NamedTuple):
    """Corners of all polygons: hyperbola [m] they belong to, time and product [m]."""

    curve: Integers
    time: Floats
    product: Floats


class TangentPoints:
    """Points s at which hyperbolas of each family are cut; they outlive one program, since grids are refined round by round."""

    def __init__(self) -> None:
        self._points: dict[int, list[float]] = {}

    def add(self, family: Integers, at: Floats, spacing: float) -> bool:
        """Remember points that are no closer than ``spacing`` (relative) to a known one; any?"""
        added = False
        for key, point in zip(family.tolist(), at.tolist(), strict=True):
            known = self._points.setdefault(key, [])
            if all(abs(math.log(point / other)) > spacing for other in known):
                known.append(point)
                added = True
        return added

    def vertices(self, curves: Hyperbolas, ratio: float) -> Vertices:
        """Polygons of all curves: tangents at a geometric grid of this ratio at most, and at what was remembered."""
        curve: list[Integers] = []
        times: list[Floats] = []
        products: list[Floats] = []
        for index, (constant, low, high, family) in enumerate(
            zip(curves.constant.tolist(), curves.low.tolist(), curves.high.tolist(), curves.family.tolist(), strict=True)
        ):
            inside = [s for s in self._points.get(family, ()) if low < s < high]
            steps = math.ceil(math.log(high / low) / math.log(ratio)) if high > low else 0
            grid = [low * (high / low) ** (step / steps) for step in range(1, steps)]
            s = np.unique(np.array([low, high, *grid, *inside]))
            middle = 2.0 / (s[:-1] + s[1:])
            times.append(np.concatenate([s[:1], middle * s[:-1] * s[1:], s[-1:]]))
            products.append(constant * np.concatenate([1.0 / s[:1], middle, 1.0 / s[-1:]]))
            curve.append(np.full(len(s) + 1, index))
        nothing: Integers = np.zeros(0, dtype=np.int64)
        return Vertices(
            np.concatenate([nothing, *curve]), np.concatenate([np.zeros(0), *times]), np.concatenate([np.zeros(0), *products])
        )


class Program:
    """Columns, rows and hyperbolas, added in blocks."""

    def __init__(self) -> None:
        self._columns: list[tuple[Floats, Floats, Floats, Booleans]] = []
        self._rows: list[Matrix] = []
        self._curves: list[Hyperbolas] = []
        self.width = 0
        self.height = 0

    def columns(self, count: int, lower: ArrayLike, upper: ArrayLike, money: ArrayLike = 0.0, whole: bool = False) -> Integers:
        """``count`` new columns; bounds (finite) and money broadcast. Their indices."""
        block = [np.broadcast_to(np.asarray(values, dtype=np.float64), (count,)) for values in (lower, upper, money)]
        self._columns.append((block[0], block[1], block[2], np.full(count, whole)))
        self.width += count
        return np.arange(self.width - count, self.width)

    def rows(
        self, terms: Iterable[tuple[ArrayLike, ArrayLike]], count: int, lower: ArrayLike = -np.inf, upper: ArrayLike = np.inf
    ) -> None:
        """``count`` rows; each term is (columns, coefficients), both broadcast to [count]."""
        row: Integers = np.arange(count)
        pairs = [
            (
                np.broadcast_to(np.asarray(c, dtype=np.int64), (count,)),
                np.broadcast_to(np.asarray(v, dtype=np.float64), (count,)),
            )
            for c, v in terms
        ]
        columns, values = np.concatenate([c for c, _ in pairs]), np.concatenate([v for _, v in pairs])
        self.sparse_rows(np.tile(row, len(pairs)), columns, values, count, lower, upper)

    def sparse_rows(
        self, row: Integers, column: Integers, coefficient: ArrayLike, count: int, lower: ArrayLike, upper: ArrayLike
    ) -> None:
        """``count`` rows given by their entries; coefficient and bounds broadcast."""
        values = np.broadcast_to(np.asarray(coefficient, dtype=np.float64), row.shape)
        bounds = [np.broadcast_to(np.asarray(values, dtype=np.float64), (count,)) for values in (lower, upper)]
        kept = values != 0.0
        self._rows.append(Matrix(row[kept] + self.height, column[kept], values[kept], bounds[0], bounds[1]))
        self.height += count

    def hyperbolas(
        self,
        product: Integers,
        time: Integers,
        on: Integers,
        constant: ArrayLike,
        low: ArrayLike,
        high: ArrayLike,
        family: ArrayLike,
    ) -> None:
        """Curves p t >= c b^2 with low b <= t <= high b; constants and low must be > 0."""
        shape = product.shape
        numbers = [np.broadcast_to(np.asarray(values, dtype=np.float64), shape) for values in (constant, low, high)]
        families = np.broadcast_to(np.asarray(family, dtype=np.int64), shape)
        high_ = np.maximum(numbers[1], numbers[2])
        self._curves.append(Hyperbolas(product, time, np.broadcast_to(on, shape), numbers[0], numbers[1], high_, families))

    @property
    def curves(self) -> Hyperbolas:
        """All hyperbolas together."""
        nothing: Integers = np.zeros(0, dtype=np.int64)
        none = np.zeros(0)
        blocks = [Hyperbolas(nothing, nothing, nothing, none, none, none, nothing), *self._curves]
        return Hyperbolas(*(np.concatenate(parts) for parts in zip(*blocks, strict=True)))

    @property
    def matrix(self) -> Matrix:
        """All rows."""
        return Matrix(*(np.concatenate(parts) for parts in zip(*self._rows, strict=True)))

    def column_data(self) -> tuple[Floats, Floats, Floats, Booleans]:
        """lower, upper, money, whole of every column."""
        lower, upper, money, whole = (np.concatenate(parts) for parts in zip(*self._columns, strict=True))
        return lower, upper, money, whole


class Linear(NamedTuple):
    """A program with polygons in place of hyperbolas: columns [m] and rows, and the way back to the program's columns.

    Columns: those of the program that are in no hyperbola (``kept``), then one weight lambda per vertex.
    """

    lower: Floats
    upper: Floats
    money: Floats
    whole: Booleans
    matrix: Matrix
    kept: Integers
    curves: Hyperbolas
    vertices: Vertices

    def values(self, solution: Floats) -> Floats:
        """Values of the program's columns."""
        weights = solution[len(self.kept) :]
        values = np.zeros(len(self.kept) + 2 * len(self.curves.product))
        values[self.kept] = solution[: len(self.kept)]
        count = len(self.curves.product)
        values[self.curves.time] = np.bincount(self.vertices.curve, weights * self.vertices.time, count)
        values[self.curves.product] = np.bincount(self.vertices.curve, weights * self.vertices.product, count)
        return values


def linearise(program: Program, points: TangentPoints, ratio: float) -> Linear:
    """Replace hyperbolas by polygons (module docstring)."""
    curves, matrix = program.curves, program.matrix
    vertices = points.vertices(curves, ratio)
    count, corners = len(curves.product), len(vertices.curve)
    lower, upper, money, whole = program.column_data()
    curve_of = np.full(program.width, -1)
    curve_of[curves.product] = curve_of[curves.time] = np.arange(count)
    kept = np.flatnonzero(curve_of < 0)
    place = np.zeros(program.width, dtype=np.int64)
    place[kept] = np.arange(len(kept))
    is_time = np.zeros(program.width, dtype=np.bool_)
    is_time[curves.time] = True
    # An entry at p or t of a curve becomes one entry per vertex, times the vertex's p or t.
    first = np.searchsorted(vertices.curve, np.arange(count + 1))
    curve = curve_of[matrix.column]
    plain, curved = np.flatnonzero(curve < 0), np.flatnonzero(curve >= 0)
    sizes = (first[1:] - first[:-1])[curve[curved]]
    entry = np.repeat(curved, sizes)
    vertex = np.repeat(first[curve[curved]], sizes) + np.arange(len(entry)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    scale = np.where(is_time[matrix.column[entry]], vertices.time[vertex], vertices.product[vertex])
    weights = len(kept) + np.arange(corners)
    joined = Matrix(
        row=np.concatenate(
            [matrix.row[plain], matrix.row[entry], program.height + vertices.curve, program.height + np.arange(count)]
        ),
        column=np.concatenate([place[matrix.column[plain]], len(kept) + vertex, weights, place[curves.on]]),
        coefficient=np.concatenate(
            [matrix.coefficient[plain], matrix.coefficient[entry] * scale, np.ones(corners), -np.ones(count)]
        ),
        lower=np.concatenate([matrix.lower, np.zeros(count)]),
        upper=np.concatenate([matrix.upper, np.zeros(count)]),
    )
    earned = money[curves.time][vertices.curve] * vertices.time + money[curves.product][vertices.curve] * vertices.product
    return Linear(
        lower=np.concatenate([lower[kept], np.zeros(corners)]),
        upper=np.concatenate([upper[kept], np.ones(corners)]),
        money=np.concatenate([money[kept], earned]),
        whole=np.concatenate([whole[kept], np.zeros(corners, dtype=np.bool_)]),
        matrix=joined,
        kept=kept,
        curves=curves,
        vertices=vertices,
    )

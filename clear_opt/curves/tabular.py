"""Curves given by points on a token grid."""

from __future__ import annotations

from dataclasses import dataclass

from clear_opt._numerics.array_namespace import Array, namespace
from clear_opt._numerics.upper_hull import Hull, upper_hull
from clear_opt.curves.base import Curve, require
from clear_opt.curves.grids import as_tables, with_origin


@dataclass(frozen=True, eq=False, repr=False)
class TabularCurve(Curve):
    """Straight lines between points on a token grid, flat beyond the last.

    Parameters
    ----------
    grid : array-like, shape (m,)
        Tokens, strictly increasing along a row, >= 0; shape (m,) for one grid shared by all
        queries, or (n, m). Where grids start above zero the point (0, 0) is put in front: no
        tokens, no answer.
    values : array-like, shape (n, m)
        Success probabilities in [0, 1] at the grid, shape (n, m) or (m,). They may fall.

    Raises
    ------
    InvalidInputError
        Naming row, column and value.

    Examples
    --------
    >>> TabularCurve([128, 256, 512], [[0.03, 0.28, 0.87]]).value(384.0)
    array([0.575])
    """

    grid: Array
    values: Array

    def __post_init__(self) -> None:
        grid, values = as_tables(self.grid, self.values, "values")
        require(
            "values",
            values,
            lambda v: (v >= 0) & (v <= 1),
            "lies outside [0, 1]",
            "give probabilities",
        )
        grid, values = with_origin(grid, values, 0.0)
        object.__setattr__(self, "grid", grid)
        object.__setattr__(self, "values", values)

    def _segment(self, tokens: Array) -> tuple[Array, ...]:
        """Left end, right end and their values of the segment holding each token, shape (n,)."""
        xp = namespace(self.grid, tokens)
        tokens = tokens + xp.zeros(len(self))
        last = self.grid.shape[1] - 1
        left = xp.clip((self.grid <= tokens[:, None]).sum(axis=1) - 1, 0, last)
        right, row = xp.minimum(left + 1, last), xp.arange(len(self))
        return (
            self.grid[row, left],
            self.grid[row, right],
            self.values[row, left],
            self.values[row, right],
        )

    def value(self, tokens: Array) -> Array:
        """Return U(b), shape (n,), at caps ``tokens`` (scalar or shape (n,))."""
        x0, x1, y0, y1 = self._segment(tokens)
        return y0 + _slope(x0, x1, y0, y1) * (tokens - x0)

    def marginal(self, tokens: Array) -> Array:
        """Return the right derivative U'(b), success per token, shape (n,)."""
        return _slope(*self._segment(tokens))

    def response(self, price: Array) -> Array:
        """Return the hull vertex that maximises U(b) - price * b, tokens, shape (n,)."""
        xp = namespace(self.grid, price)
        hull = self.hull(xp.zeros(len(self)), xp.full(len(self), xp.inf))
        return hull_response(hull, price + xp.zeros(len(self)), inclusive=True)

    def tangent(self, start: Array) -> Array:
        """Return the first vertex of the hull that begins at ``start``, tokens, shape (n,)."""
        xp = namespace(self.grid, start)
        hull = self.hull(start + xp.zeros(len(self)), xp.full(len(self), xp.inf))
        return hull.tokens[:, min(1, hull.tokens.shape[1] - 1)]

    def line_below(
        self, left: Array, right: Array, at_left: Array, at_right: Array
    ) -> tuple[Array, Array]:
        """Return the ends of the steepest line from the left that stays below all points."""
        xp = namespace(self.grid, left, right)
        run = self.grid - left[:, None]
        between = (run > 0) & (self.grid < right[:, None])
        slopes = (self.values - at_left[:, None]) / xp.where(between, run, 1.0)
        least = xp.where(between, slopes, xp.inf).min(axis=1)
        return at_left, xp.minimum(at_right, at_left + least * (right - left))

    def hull(self, start: Array, end: Array) -> Hull:
        """Wrap the curve from above between caps ``start`` and ``end``, tokens, shape (n,)."""
        xp = namespace(self.grid, start, end)
        end = xp.minimum(end, xp.maximum(start, self.grid[:, -1]))
        inside = (self.grid > start[:, None]) & (self.grid < end[:, None])
        first, last = start[:, None], end[:, None]
        at_first, at_last = self.value(start)[:, None], self.value(end)[:, None]
        return upper_hull(
            xp.concatenate([first, xp.where(inside, self.grid, first), last], axis=1),
            xp.concatenate([at_first, xp.where(inside, self.values, at_first), at_last], axis=1),
        )

    @property
    def threshold(self) -> Array:
        """Last grid point before the first positive value, tokens, shape (n,)."""
        xp = namespace(self.grid)
        none_yet = xp.cumsum(self.values > 0, axis=1) == 0
        return xp.where(none_yet, self.grid, 0.0).max(axis=1)

    @property
    def peak(self) -> Array:
        """First grid point with the greatest value, tokens, shape (n,)."""
        xp = namespace(self.grid)
        return xp.take_along_axis(self.grid, self.values.argmax(axis=1)[:, None], axis=1)[:, 0]

    @property
    def piecewise_linear(self) -> bool:
        """True."""
        return True

    @property
    def corners(self) -> Array:
        """The grid, tokens, shape (n, m)."""
        return self.grid

    @property
    def height(self) -> Array:
        """Greatest value, a probability, shape (n,)."""
        return self.values.max(axis=1)

    def __repr__(self) -> str:
        return f"TabularCurve(n={len(self)}, points={self.grid.shape[1]})"


def _slope(x0: Array, x1: Array, y0: Array, y1: Array) -> Array:
    """Return the slopes of segments, success per token; zero beyond the last point, shape (n,)."""
    return (y1 - y0) / namespace(x0).where(x1 > x0, x1 - x0, 1.0)


def hull_response(hull: Hull, price: Array, *, inclusive: bool) -> Array:
    """Return the hull vertex at which the slope falls to ``price``, tokens, shape (n,).

    ``inclusive`` decides a tie between the two ends of a segment whose slope is the price itself:
    the right end where true, else the left.
    """
    xp = namespace(hull.tokens, price)
    steeper = hull.slopes >= price[:, None] if inclusive else hull.slopes > price[:, None]
    # Padding has slope zero: it must not count as reached at a price of zero.
    reached = (steeper & (hull.slopes > 0)).sum(axis=1)[:, None]
    return xp.take_along_axis(hull.tokens, reached, axis=1)[:, 0]

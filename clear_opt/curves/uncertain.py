"""Curves that are known to be uncertain: draws of each query's curve, and what to allocate by.

Success is what an allocation adds up, and the expected success at a cap is the mean over the draws
at that cap. So the mean curve is the right objective for expected accuracy. A quantile over the
draws is the cautious one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Self

import numpy as np

from clear_opt._numerics.arrays import as_numbers, read_only
from clear_opt._numerics.batched import owned
from clear_opt.curves.base import Curve
from clear_opt.curves.rising_caps import rising_caps
from clear_opt.curves.tabular import TabularCurve
from clear_opt.errors import InvalidInputError

_POINTS = 96  # of a grid: the optimum on it is within 0.2 % of that on 400 points

_Summary = Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]
"""Sums up draws, shape (n,): where lines begin and end, (n, S) each, and the level to start from.
It gives no less than a line from that level may reach without leaving the lines' own summary."""


@dataclass(frozen=True, eq=False, repr=False)
class UncertainCurves:
    """For each of n queries S curves, any of which may be its own.

    Parameters
    ----------
    curves : Curve
        n * S curves of one family, query by query: those of query i are at ``i * S`` to
        ``(i + 1) * S - 1``.
    draws : int
        S, the number of curves per query, >= 1.
    weights : array-like, optional
        How likely each draw is, >= 0, shape (S,) or (n, S), in any unit; ``None`` where all are
        equally likely.

    Raises
    ------
    InvalidInputError
        If the curves cannot be dealt out evenly, or weights are negative or all zero.

    Examples
    --------
    One query that takes 100 or 300 tokens, nobody knows which:

    >>> from clear_opt import AllocationProblem, Triangular, solve
    >>> either = Triangular.from_height(tau=[90.0, 290.0], height=1.0, width=10.0)
    >>> uncertain = UncertainCurves(either, draws=2)
    >>> uncertain
    UncertainCurves(n=1, draws=2)
    >>> uncertain.expected().value(100.0), uncertain.conservative().value(100.0)
    (array([0.5]), array([0.]))
    >>> solve(AllocationProblem(uncertain.expected(), budget=200)).utility
    array([0.5])
    """

    curves: Curve
    draws: int
    weights: Any = None

    def __post_init__(self) -> None:
        rows, draws = len(self.curves), self.draws
        if not (isinstance(draws, int | np.integer) and draws >= 1) or rows % draws:
            raise InvalidInputError(
                f"must be a whole number >= 1 that divides the {rows} curves",
                column="draws",
                value=draws,
                remedy="give the same number of curves for each query",
            )
        object.__setattr__(self, "curves", owned(self.curves, "curves"))
        object.__setattr__(self, "weights", self._checked_weights(rows // draws))

    def _checked_weights(self, n: int) -> np.ndarray:
        shape = (n, self.draws)
        given = as_numbers(1.0 if self.weights is None else self.weights, "weights")
        try:
            weights = np.broadcast_to(given, shape)
        except ValueError:
            raise InvalidInputError(
                f"cannot be read as {n} times {self.draws} numbers",
                column="weights",
                remedy="give one weight per draw, shape (S,) or (n, S)",
            ) from None
        wrong = ~(np.isfinite(weights) & (weights >= 0))
        if wrong.any():
            row, place = np.argwhere(wrong)[0]
            raise InvalidInputError(
                "must be a number >= 0",
                column="weights",
                row=int(row),
                value=float(weights[row, place]),
            )
        total = weights.sum(axis=1, keepdims=True)
        if (total == 0).any():
            raise InvalidInputError(
                "are all zero",
                column="weights",
                row=int(np.argmin(total)),
                remedy="give one draw at least some weight",
            )
        return read_only(weights / total)

    @classmethod
    def from_arrays(
        cls, make: Callable[..., Curve], *, weights: Any = None, **parameters: Any
    ) -> Self:
        """Build from parameters with one row per query and one column per draw.

        Parameters
        ----------
        make : callable
            What makes the curves: a family, or a constructor like `ShiftedSurge.from_height`.
        weights : array-like, optional
            As for the class.
        **parameters
            Its arguments, each of shape (n, S), (S,) or a scalar; at least one of shape (n, S).

        Examples
        --------
        >>> from clear_opt import ShiftedSurge
        >>> tau = [[80.0, 120.0], [300.0, 500.0]]
        >>> UncertainCurves.from_arrays(ShiftedSurge.from_height, tau=tau, height=0.9, width=60.0)
        UncertainCurves(n=2, draws=2)
        """
        named = {name: as_numbers(values, name) for name, values in parameters.items()}
        try:
            shape = np.broadcast_shapes(*(values.shape for values in named.values()))
        except ValueError:
            shape = ()
        if len(shape) != 2:
            shapes = ", ".join(f"{name} {values.shape}" for name, values in named.items())
            raise InvalidInputError(
                f"the parameters do not make one table of queries and draws: {shapes}",
                remedy="give arrays of shape (n, S)",
            )
        flat = {name: np.broadcast_to(v, shape).ravel() for name, v in named.items()}
        try:
            curves = make(**flat)
        except InvalidInputError as error:
            if error.row is None:
                raise
            query, draw = divmod(error.row, shape[1])
            raise InvalidInputError(
                f"of draw {draw} {error.problem}",
                column=error.column,
                row=query,
                value=error.value,
                remedy=error.remedy,
            ) from None
        return cls(curves, shape[1], weights)

    def __len__(self) -> int:
        return len(self.curves) // self.draws

    def take(self, rows: Any) -> Self:
        """Return some of the queries: ``rows`` is an index array, mask or slice."""
        chosen = np.arange(len(self))[rows]
        places = (chosen[:, None] * self.draws + np.arange(self.draws)).ravel()
        return type(self)(self.curves.take(places), self.draws, self.weights[chosen])

    def values(self, tokens: Any) -> np.ndarray:
        """Return each draw's success at caps ``tokens``, a scalar or (n,); shape (n, S)."""
        caps = np.broadcast_to(as_numbers(tokens, "tokens"), (len(self),))
        return np.asarray(self.curves.value(np.repeat(caps, self.draws))).reshape(-1, self.draws)

    def expected(self, points: int = _POINTS) -> TabularCurve:
        """Return the chance of a right answer within a cap, whichever draw is the query's own.

        It is the mean over the draws, and what to allocate by where the number of right answers to
        expect is what counts: it is linear in the curves. At no whole cap does it claim more than
        the mean. It is exact at every other grid point, and never below the exact point before.

        Parameters
        ----------
        points : int, optional
            Points per query beside zero, >= 2. They are whole tokens, and lie where draws rise.

        Raises
        ------
        InvalidInputError
            If fewer than two points are asked for.
        """

        def mean(begun: np.ndarray, ended: np.ndarray, level: np.ndarray) -> np.ndarray:
            reached = (begun * self.weights).sum(axis=1) >= level
            return np.where(reached, (ended * self.weights).sum(axis=1), level)

        return self._tabulated(points, mean)

    def conservative(self, level: float = 0.2, points: int = _POINTS) -> TabularCurve:
        """Return the chance of a right answer that a cap reaches with probability 1 - level.

        At each cap it is the quantile of that level over the draws. Allocating by it means: count
        for a query only what can be relied on. It does not say that all queries of a batch reach
        theirs together, and it expects fewer right answers than there will be. Between its points
        it claims no more than the quantile, as `expected` no more than the mean.

        Parameters
        ----------
        level : float, default=0.2
            In (0, 1): a level of 0.2 is met or exceeded by draws of 80 % of the weight.
        points : int, optional
            As for `expected`.

        Raises
        ------
        InvalidInputError
            If the level lies outside (0, 1), or fewer than two points are asked for.
        """
        if not 0.0 < level < 1.0:
            raise InvalidInputError(
                "lies outside (0, 1)", column="level", value=level, remedy="e.g. 0.2"
            )

        def quantile(begun: np.ndarray, ended: np.ndarray, at: np.ndarray) -> np.ndarray:
            # A line from here is below those draws only that are here, or above, already.
            values = np.where(begun >= at[:, None], ended, -np.inf)
            order = np.argsort(values, axis=1)
            below = np.take_along_axis(self.weights, order, axis=1).cumsum(axis=1)
            # The last draw that less than `level` of the weight lies below.
            place = (below <= level * (1 + 1e-12)).sum(axis=1).clip(max=self.draws - 1)
            chosen = np.take_along_axis(order, place[:, None], axis=1)
            return np.take_along_axis(values, chosen, axis=1)[:, 0]

        return self._tabulated(points, quantile)

    def _tabulated(self, points: int, summary: _Summary) -> TabularCurve:
        """Tabulate a summary of the draws so that it is below it at every whole cap.

        From one grid point to the next token it is exact: no whole cap lies between. Over a longer
        way each draw gives way to a line below it, so their summary stays below the draws'. Tokens
        need not be used: what a smaller cap is worth, a larger one is worth too.
        """
        if not (isinstance(points, int | np.integer) and points >= 2):
            raise InvalidInputError(
                "must be a whole number >= 2", column="points", value=points, remedy="e.g. 48"
            )
        grid = rising_caps(self.curves, self.weights, int(points))
        here = self.values(0.0)
        levels = [summary(here, here, np.full(len(self), -np.inf))]
        for left, right in pairwise(grid.T):
            there = self.values(right)
            next_to = (right - left <= 1.0)[:, None]
            caps = np.repeat(left, self.draws), np.repeat(right, self.draws)
            ends = self.curves.line_below(*caps, here.ravel(), there.ravel())
            begun, ended = (np.asarray(end).reshape(here.shape) for end in ends)
            begun, ended = np.where(next_to, np.inf, begun), np.where(next_to, there, ended)
            levels.append(np.maximum(levels[-1], summary(begun, ended, levels[-1])))
            here = there
        return TabularCurve(grid, np.clip(np.stack(levels, axis=1), 0.0, 1.0))

    def __repr__(self) -> str:
        return f"UncertainCurves(n={len(self)}, draws={self.draws})"

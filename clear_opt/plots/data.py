"""The numbers behind pictures of curves and demand, the same for every drawing library."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from clear_opt.curves import Curve, TabularCurve
from clear_opt.envelopes.concave import concave_envelope
from clear_opt.errors import InvalidInputError
from clear_opt.problem import AllocationProblem
from clear_opt.problem.allocation import Allocation
from clear_opt.solvers.budget.dual import DualSolver

_POINTS = 401  # along a curve
_NEARLY = 0.98  # of its greatest value: saturating curves get there long before their peak
_JUMPS = 300  # most jumps drawn one by one; more look like a smooth curve
_WORK = 40_000_000  # queries x prices evaluated for a picture of demand: a few seconds


@dataclass(frozen=True, eq=False, repr=False)
class CurveShape:
    """One query's curve, its envelope and what a price makes of it.

    Tokens are caps; values are weighted success.

    Attributes
    ----------
    tokens, value, envelope
        Along the curve, shape (m,); the envelope is NaN below the floor.
    row, start, ceiling, weight
        The query, its floor and ceiling (infinite for none), whole tokens, and its weight.
    threshold, tangent, end, abandonment_price
        Its points of note.
    start_value, tangent_value
        Weighted success there.
    price, best, best_value, surplus
        A price, the best cap if funded at it, its weighted success, and what funding gains net of
        the tokens' price; NaN without a price.
    """

    tokens: np.ndarray
    value: np.ndarray
    envelope: np.ndarray
    row: int
    start: float
    ceiling: float
    weight: float
    threshold: float
    tangent: float
    end: float
    abandonment_price: float
    start_value: float
    tangent_value: float
    price: float
    best: float
    best_value: float
    surplus: float

    @property
    def funded(self) -> bool:
        """Whether the query pays the price."""
        return self.abandonment_price > 0 and self.price <= self.abandonment_price

    @property
    def top(self) -> float:
        """Upper end of the axis of values."""
        return 1.08 * max(float(np.nanmax(self.envelope)), float(self.value.max()), 1e-9)

    @property
    def outside(self) -> list[tuple[float, float]]:
        """Caps in the picture that floor and ceiling forbid: from, to."""
        parts = [(0.0, self.start), (self.ceiling, float(self.tokens[-1]))]
        return [(left, right) for left, right in parts if left < right]

    def __repr__(self) -> str:
        return (
            f"CurveShape(row={self.row}, tangent={self.tangent:g}, "
            f"abandonment_price={self.abandonment_price:.4g})"
        )


def curve_shape(
    curves: Curve,
    row: int = 0,
    floor: Any = 0.0,
    ceiling: Any = None,
    weight: Any = 1.0,
    price: float | None = None,
) -> CurveShape:
    """Work out what a picture of one query's curve shows.

    Raises
    ------
    InvalidInputError
        If there is no such row, or the price is negative.
    """
    n = len(curves)
    if not -n <= row < n:
        raise InvalidInputError(
            f"there are {n} queries", column="row", value=row, remedy="rows count from 0"
        )
    if price is not None and not price >= 0:
        raise InvalidInputError("must be >= 0", column="price", value=price)
    row = range(n)[row]
    problem = AllocationProblem(curves, 0, floor, ceiling, weight)  # refuses what cannot be used
    start, top, weight = (
        float(value[row]) for value in (problem.floor, problem.ceiling, problem.weight)
    )
    curve = problem.curves.take(np.array([row]))
    envelope = concave_envelope(curve, start, top, weight)
    end, tangent, threshold, ceded, start_value = (
        float(part[0])
        for part in (
            envelope.end,
            envelope.tangent,
            curve.threshold,
            envelope.abandonment_price,
            envelope.start_value,
        )
    )

    def value(tokens: np.ndarray) -> np.ndarray:
        return weight * curve.take(np.zeros(len(tokens), dtype=int)).value(tokens)

    def hull(tokens: np.ndarray) -> np.ndarray:
        return np.array([float(envelope.value(at)[0]) for at in tokens])

    best, best_value, surplus = np.nan, np.nan, np.nan
    if price is not None:
        best = max(float(envelope.response_if_funded(price)[0]), tangent)
        best_value = float(value(np.array([best]))[0])
        surplus = best_value - start_value - price * (best - start)
    last = _right_edge(hull, start, end, [tangent, best, 1.1 * start, 1.5 * threshold])
    corners = [start, threshold, tangent, end, best, top]
    if isinstance(curve, TabularCurve):
        corners += np.asarray(curve.grid)[0].tolist()
    tokens = np.union1d(np.linspace(0, last, _POINTS), [c for c in corners if 0 <= c <= last])
    inside = np.where(tokens >= start, hull(np.clip(tokens, start, end)), np.nan)
    return CurveShape(
        tokens=tokens,
        value=value(tokens),
        envelope=inside,
        row=row,
        start=start,
        ceiling=top,
        weight=weight,
        threshold=threshold,
        tangent=tangent,
        end=end,
        abandonment_price=ceded,
        start_value=start_value,
        tangent_value=float(value(np.array([tangent]))[0]),
        price=np.nan if price is None else float(price),
        best=best,
        best_value=best_value,
        surplus=surplus,
    )


def _right_edge(hull: Any, start: float, end: float, shown: list[float]) -> float:
    """Give the tokens up to which a curve is worth drawing: a bit past its peak, if it is near."""
    low, high = start, end
    wanted = _NEARLY * hull(np.array([end]))[0]
    while high - low > 1e-3 * max(high, 1.0):
        middle = (low + high) / 2
        low, high = (low, middle) if hull(np.array([middle]))[0] >= wanted else (middle, high)
    near = end if end <= 2 * high else high
    return 1.25 * max([near, *(tokens for tokens in shown if np.isfinite(tokens)), 1.0])


@dataclass(frozen=True, eq=False, repr=False)
class DemandShape:
    """Demand against price, piece by piece, and where it meets the budget.

    Attributes
    ----------
    price, tokens
        Demand along prices, ascending, shape (m,); NaN between two pieces, at a jump.
    jumps
        Price, demand at it with and without those who are indifferent, shape (k, 3). Empty where
        there are too many to be told apart.
    budget
        Tokens.
    allocation
        The answer that the price is taken from.
    """

    price: np.ndarray
    tokens: np.ndarray
    jumps: np.ndarray
    budget: float
    allocation: Allocation

    @property
    def clearing_price(self) -> float:
        """Price of the allocation, weighted success per token."""
        return float(self.allocation.price)

    @property
    def clears(self) -> bool:
        """Whether the price can be marked in the picture: it is not zero, and there is one."""
        return bool(self.price[0] <= self.clearing_price < np.inf)

    def __repr__(self) -> str:
        return (
            f"DemandShape(n={len(self.allocation)}, budget={self.budget:g}, "
            f"price={self.clearing_price:.4g}, jumps={len(self.jumps)})"
        )


def demand_shape(problem: AllocationProblem, allocation: Allocation | None = None) -> DemandShape:
    """Work out what a picture of demand shows; solves the problem where no answer is given.

    Raises
    ------
    InvalidInputError
        If there are no queries, or none that a token could help.
    InfeasibleError
        If the floors exceed the budget.
    """
    envelope = problem.envelope
    if len(problem) == 0 or envelope.max_breakeven_price <= 0:
        raise InvalidInputError(
            "demand is nothing at every price",
            remedy="give at least one query that gains from tokens",
        )
    if allocation is None:
        allocation = DualSolver().solve(problem)

    def demand(price: float, *, inclusive: bool) -> float:
        return float(np.asarray(envelope.response(price, inclusive=inclusive)).sum())

    edges = np.unique(np.asarray(envelope.breakpoints))
    edges = edges[edges > 0]
    clearing = float(allocation.price)
    low = float(np.quantile(edges, 0.05)) / 2
    low = max(min(low, clearing / 2 if clearing > 0 else low), 1e-6 * envelope.max_breakeven_price)
    edges = edges[edges > low]
    one_by_one = len(edges) <= _JUMPS
    calls = max(60, min(1500, _WORK // len(problem)))
    if not one_by_one or len(edges) * 4 > calls:
        kept = np.linspace(0, len(edges) - 1, min(len(edges), calls // 4))
        edges, one_by_one = edges[kept.astype(int)], False
    between = max(2, calls // len(edges) - 2)
    bounds = [low, *edges.tolist(), 1.4 * envelope.max_breakeven_price]
    prices: list[float] = []
    tokens: list[float] = []
    for left, right in pairwise(bounds):
        inner = np.geomspace(left, right, between + 2)[1:-1].tolist()
        prices += [left, *inner, right, np.nan]
        tokens += [
            demand(left, inclusive=False),
            *(demand(price, inclusive=True) for price in inner),
            demand(right, inclusive=True),
            np.nan,
        ]
    jumps = [
        (price, demand(price, inclusive=True), demand(price, inclusive=False))
        for price in (edges.tolist() if one_by_one else ())
    ]
    return DemandShape(
        price=np.array(prices[:-1]),
        tokens=np.array(tokens[:-1]),
        jumps=np.array(jumps).reshape(-1, 3),
        budget=problem.budget,
        allocation=allocation,
    )

"""The aggregate demand curve: what queries take at a price, as a sorted list of jumps.

A jump is what demand gains at once when the price falls past a breakpoint: a query's way from its
floor to its tangent point, or one segment of a tabulated curve's hull. At a price the jumps above
it have been taken and no others, so they are a prefix of the list, and demand costs one look at
that prefix. Every budget of a sweep is asked of one curve, built once.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from functools import cached_property, singledispatch
from typing import Any, NamedTuple

import numpy as np

from clear_opt.envelopes.block_envelope import BlockEnvelope
from clear_opt.envelopes.concave import CurveEnvelope, Envelope, HullEnvelope
from clear_opt.errors import SolverError
from clear_opt.problem import AllocationProblem

LISTED = 1 << 16
"""Blocks that are listed rather than told apart by more evaluations of demand."""

_STEP = 1e-3  # relative step in price over which the slope of demand is taken


class Taken(NamedTuple):
    """What some queries take; arrays have shape (k,)."""

    rows: np.ndarray
    """Which queries of the problem."""
    tokens: np.ndarray
    """Caps, in fractions of tokens."""


class Respent(NamedTuple):
    """What becomes of tokens that are left over, or lacking, at a price; arrays of shape (k,)."""

    worth: np.ndarray
    """Weighted success that is gained, or lost; minus infinity where tokens cannot be saved."""
    price: np.ndarray
    """Price at which they are spent, or saved, weighted success per token, >= 0."""


class Blocks(NamedTuple):
    """Single blocks that queries take as the price falls, the dearest first; shape (s,)."""

    prices: np.ndarray
    """Slope of each, weighted success per token."""
    rise: np.ndarray
    """Weighted success that each adds."""


class DemandCurve(ABC):
    """The steps of a problem's demand, and what has been taken once some of them are climbed.

    Attributes
    ----------
    problem
        Of n queries; its budget plays no part.
    item
        Query of each step, shape (s,), dearest step first; equal prices in the order of queries.
    d_tokens, d_value
        Tokens and weighted success that each step adds at its own price, shape (s,).
    prices
        Distinct prices of the steps, falling, all above zero, shape (g,).
    counts
        Steps dearer than each price, shape (g + 1,); the last entry counts them all.
    demand_min, value_min
        Tokens of the floors, and the weighted success there.
    demand_max
        Tokens of the relaxed problem where tokens cost nothing.
    price_min
        Price below which there are no more steps.
    evaluations
        How often demand was evaluated so far.
    """

    item: np.ndarray
    d_tokens: np.ndarray
    d_value: np.ndarray
    demand_max: float
    price_min: float = 0.0
    grows: bool = False
    """Whether what steps have brought grows as the price falls on."""
    in_blocks: bool = False
    """Whether it then grows by whole blocks."""

    def __init__(self, problem: AllocationProblem, price: np.ndarray) -> None:
        self.problem = problem
        self.evaluations = 0
        self.demand_min = float(problem.floor.sum())
        self.value_min = float(np.asarray(problem.envelope.start_value).sum())
        last = np.flatnonzero(price[:-1] > price[1:])  # of each group of equal prices but the last
        self.counts = np.concatenate([[0], last + 1, [len(price)]] if len(price) else [[0]])
        self.prices = price[self.counts[:-1]]

    def tokens(self, count: int, price: float) -> float:
        """Return the tokens of all queries once the first ``count`` steps are taken at a price."""
        self.evaluations += 1
        return self._tokens(count, price)

    def value(self, count: int, price: float) -> float:
        """Return the weighted success that goes with `tokens`."""
        self.evaluations += 1
        return self._value(count, price)

    def taken(self, count: int, price: float) -> Taken:
        """Return what the queries of the first ``count`` steps take at a price at most theirs."""
        self.evaluations += 1
        return self._taken(count, price)

    @cached_property
    def value_max(self) -> float:
        """Weighted success of the relaxed problem where tokens cost nothing."""
        return self._value(len(self.item), 0.0)

    @abstractmethod
    def _tokens(self, count: int, price: float) -> float: ...

    @abstractmethod
    def _value(self, count: int, price: float) -> float: ...

    @abstractmethod
    def _taken(self, count: int, price: float) -> Taken: ...

    @abstractmethod
    def utility(self, taken: Taken, tokens: np.ndarray) -> np.ndarray:
        """Return the weighted success of the queries of ``taken`` at other caps, shape (k,)."""


class TangentDemand(DemandCurve):
    """Of curves: one step per query, whose cap then grows as the price falls on.

    Attributes
    ----------
    ranked
        Envelopes of the queries that have a step, in the order of the demand, shape (s,).
    """

    grows = True
    ranked: Any

    def __init__(self, problem: AllocationProblem, rows: np.ndarray | None = None) -> None:
        envelope: Any = problem.envelope
        price = envelope.abandonment_price
        rows = np.flatnonzero(price > 0) if rows is None else rows
        self.item = rows[np.argsort(-price[rows], kind="stable")]
        self.ranked = envelope.take(self.item)
        super().__init__(problem, self.ranked.abandonment_price)
        self.d_tokens = self.ranked.tangent - self.ranked.start
        self.d_value = self.ranked.abandonment_price * self.d_tokens
        self.demand_max = self.demand_min + float((self.ranked.end - self.ranked.start).sum())

    def dearer_than(self, price: float) -> int:
        """Count the steps dearer than a price."""
        return int(np.searchsorted(-self.ranked.abandonment_price, -price))

    def first_funded(self, count: int) -> np.ndarray:
        """Return which queries the first ``count`` steps fund, boolean, shape (n,)."""
        funded = np.zeros(len(self.problem), dtype=bool)
        funded[self.item[:count]] = True
        return funded

    def base(self, price: float) -> tuple[float, float]:
        """Return tokens and weighted success of all queries before the first step is taken."""
        return self.demand_min, self.value_min

    def respend(self, count: int, price: float, asked: float, left: np.ndarray) -> Respent:
        """Return what the queries of the first ``count`` steps do with tokens left over at a price.

        By the slope of demand, which is right to second order.

        Parameters
        ----------
        count, price
            As for `tokens`.
        asked
            Tokens of all queries there.
        left
            Tokens to spend, negative ones to save, shape (k,).
        """
        slope = 0.0
        if price > 0:
            slope = (asked - self.tokens(count, price * (1 + _STEP))) / (_STEP * price)
        if slope <= 0:
            return Respent(np.where(left < 0, -np.inf, price * left), np.full(len(left), price))
        moved = price - left / slope
        return Respent(left * (price - left / (2.0 * slope)), np.maximum(moved, 0.0))

    def _tokens(self, count: int, price: float) -> float:
        more = self._taken(count, price).tokens - self.ranked.start[:count]
        return self.demand_min + float(more.sum())

    def _value(self, count: int, price: float) -> float:
        taken = self._taken(count, price)
        gained = self.utility(taken, taken.tokens) - self.ranked.start_value[:count]
        return self.value_min + float(gained.sum())

    def _taken(self, count: int, price: float) -> Taken:
        return Taken(self.item[:count], self.ranked.funded_caps(price, count))

    def utility(self, taken: Taken, tokens: np.ndarray) -> np.ndarray:
        """Return the weighted success of the first queries, as many as were taken, at caps."""
        count = len(taken.rows)
        return self.ranked.weight[:count] * self.ranked.curves.take(slice(0, count)).value(tokens)


class BlockDemand(TangentDemand):
    """Of curves in whole blocks: beyond its tangent point a cap grows by one block at a time."""

    in_blocks = True

    def __init__(self, problem: AllocationProblem) -> None:
        super().__init__(problem)
        self.block = self.ranked.block

    def blocks_between(self, count: int, low: float, high: float) -> Blocks:
        """List what the queries of the first ``count`` steps take as the price falls to ``low``.

        Neither price may be above that of the steps.
        """
        fewest, most = (self.taken(count, price).tokens for price in (high, low))
        times = np.rint((most - fewest) / self.block).astype(np.int64)
        query = np.repeat(np.arange(count), times)
        earlier = np.arange(len(query)) - np.repeat(np.cumsum(times) - times, times)
        below = fewest[query] + self.block * earlier
        slope = self.ranked.take(query).slope_above(below)
        order = np.argsort(-slope, kind="stable")
        return Blocks(slope[order], slope[order] * self.block)

    def respend(self, count: int, price: float, asked: float, left: np.ndarray) -> Respent:
        """Return what the first queries do with what is left: the dearest blocks not yet taken."""
        blocks = np.floor(left / self.block)
        low, high, step = price, price, _STEP
        top = float(self.ranked.abandonment_price[count - 1]) if count else price
        fewest, most = asked + self.block * blocks.min(), asked + self.block * blocks.max()
        while step < 1.0 and self.tokens(count, low) < most:
            low, step = price * (1.0 - step), 4.0 * step
        step = _STEP
        while step < 1.0 and high < top and self.tokens(count, high) > fewest:
            high, step = min(price * (1.0 + step), top), 4.0 * step
        if self.tokens(count, low) - self.tokens(count, high) > LISTED * self.block:
            return super().respend(
                count, price, asked, left
            )  # blocks so narrow are as good as tokens
        listed = self.blocks_between(count, low, high)
        taken = int(np.count_nonzero(listed.prices > price))
        gained = np.concatenate([[0.0], np.cumsum(listed.rise)])
        upto = np.clip(taken + blocks, -1, len(listed.prices)).astype(np.int64)
        worth = np.where(upto < 0, -np.inf, gained[upto] - gained[taken])
        return Respent(worth, np.append(listed.prices, low)[np.maximum(upto, 0)])


class HullDemand(DemandCurve):
    """Of tabulated curves: one step per segment of a query's hull, and nothing between steps."""

    def __init__(self, problem: AllocationProblem) -> None:
        hull = problem.envelope.vertices()
        assert hull is not None
        slopes = hull.slopes.ravel()
        order = np.argsort(-slopes, kind="stable")
        order = order[: int((slopes > 0).sum())]
        self.item = order // max(hull.slopes.shape[1], 1)
        super().__init__(problem, slopes[order])
        self.d_tokens = np.diff(hull.tokens, axis=1).ravel()[order]
        self.d_value = np.diff(hull.values, axis=1).ravel()[order]
        self._climbed = np.concatenate([[0.0], np.cumsum(self.d_tokens)])
        self._risen = np.concatenate([[0.0], np.cumsum(self.d_value)])
        self.demand_max = self._tokens(len(order), 0.0)

    def _tokens(self, count: int, price: float) -> float:
        return self.demand_min + float(self._climbed[count])

    def _value(self, count: int, price: float) -> float:
        return self.value_min + float(self._risen[count])

    def _taken(self, count: int, price: float) -> Taken:  # all queries, funded or not
        n = len(self.problem)
        more = np.bincount(self.item[:count], self.d_tokens[:count], minlength=n)
        return Taken(np.arange(n), self.problem.floor + more)

    def utility(self, taken: Taken, tokens: np.ndarray) -> np.ndarray:
        """Return the weighted success of all queries at caps."""
        return self.problem.utility(tokens)


def demand_curve(problem: AllocationProblem) -> DemandCurve:
    """Build a problem's demand curve."""
    return demand_of(problem.envelope, problem)


@singledispatch
def demand_of(envelope: Envelope, problem: AllocationProblem) -> DemandCurve:
    """Build the demand curve of a problem with a kind of envelope.

    An envelope of another kind registers its own: ``@demand_of.register``.

    Raises
    ------
    SolverError
        If the kind is not registered.
    """
    raise SolverError(
        f"{type(envelope).__name__} has no demand curve; register one with "
        "clear_opt.solvers.budget.demand.demand_of"
    )


@demand_of.register
def _(envelope: CurveEnvelope, problem: AllocationProblem) -> DemandCurve:
    return TangentDemand(problem)


@demand_of.register
def _(envelope: BlockEnvelope, problem: AllocationProblem) -> DemandCurve:
    return BlockDemand(problem)


@demand_of.register
def _(envelope: HullEnvelope, problem: AllocationProblem) -> DemandCurve:
    return HullDemand(problem)

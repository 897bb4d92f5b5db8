"""Choice sets: what one offer can do for each query, as points in the plane of spend and success.

A query takes at most one offer (the classes of a multiple-choice knapsack problem, Sinha and
Zoltners 1979). By its offer it either idles at its floor or is funded: it gets at least its
break-even spend, below which no price makes sense, and at most what its peak or ceiling allows.
Whatever the constraints, a choice set answers one question: which funded spend is best at a price
per unit of spend?
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple, Self

import numpy as np

from clear_opt._numerics.blocks import NEARLY, ceil_to_block, floor_to_block
from clear_opt.curves import Curve
from clear_opt.envelopes.concave import Envelope, concave_envelope
from clear_opt.solvers.program.funded_points import BestResponse, Points

_NUDGE = 1e-6  # relative change of a price over which the slope of a response is taken


@dataclass(frozen=True, eq=False)
class OfferChoices(ABC):
    """One offer for n queries between floors and ceilings; arrays have shape (n,).

    Attributes
    ----------
    can_fund
        Whether the query can be funded here: the offer is available and gains something.
    can_idle
        Whether the query can stay at its floor here: the floor lies within the offer's ceiling.
    start, start_variance, start_value
        Spend, its variance and the weighted success at the floor.
    floor_funds
        Whether the floor itself passes the threshold, so that resting counts as funded.
    least, most
        Fewest and most spend of a funded query: what breaks even, but no less than a block above
        the floor, and what the peak or the ceiling uses.
    breakeven_cap
        The smallest cap at or above the break-even point, above the floor.
    breakeven_price
        Highest price of a unit of spend at which funding pays, were spend all it costs.
    saturation_cap
        Cap beyond which nothing is gained.
    """

    can_fund: np.ndarray
    can_idle: np.ndarray
    start: np.ndarray
    start_variance: np.ndarray
    start_value: np.ndarray
    floor_funds: np.ndarray
    least: np.ndarray
    most: np.ndarray
    breakeven_cap: np.ndarray
    breakeven_price: np.ndarray
    saturation_cap: np.ndarray

    @property
    def table(self) -> Points | None:
        """The funded states, where there are finitely many; ``None`` where spend is continuous."""
        return None

    @cached_property
    def utility_top(self) -> float:
        """Greatest weighted success of any query by the offer."""
        return float(self.utility_at(self.saturation_cap).max(initial=0.0))

    @abstractmethod
    def within(self, spend: np.ndarray) -> Self:
        """Return the choices without the states beyond the first that spends ``spend``, (n,).

        What no limit allows is no use, and where a curve has a long tail it is so many tokens that
        all else drowns in rounding. The break-even state stays.
        """

    def committed(self, keep: np.ndarray) -> OfferChoices:
        """Return the choices in which a query that is to be funded at any price may give more.

        Its funded states reach down to where the curve ceases to be concave, below break-even; of
        queries that ``keep``, booleans of shape (n,), they do not.
        """
        return self

    @abstractmethod
    def funded(
        self, price: np.ndarray, variance_price: np.ndarray, temperature: float = 0.0
    ) -> BestResponse:
        """Return the best funded states at prices of spend and of variance, each of shape (n,)."""

    @abstractmethod
    def cap_at(self, spend: np.ndarray) -> np.ndarray:
        """Return the cap whose spend is ``spend``, rounded down to a cap that can be set."""

    def best_cap(self, spend: np.ndarray, price: np.ndarray) -> np.ndarray:
        """Return the best cap that can be set next to the best spend at a price, shape (n,)."""
        return self.cap_at(spend)

    @abstractmethod
    def spend_at(self, caps: np.ndarray) -> np.ndarray:
        """Return the spend at caps, shape (..., n) as they are."""

    @abstractmethod
    def variance_at(self, caps: np.ndarray) -> np.ndarray:
        """Return the variance of the spend at caps, shape (..., n)."""

    @abstractmethod
    def utility_at(self, caps: np.ndarray) -> np.ndarray:
        """Return the weighted success at caps, shape (..., n)."""

    @abstractmethod
    def neighbours(self, caps: np.ndarray, sizes: int) -> np.ndarray:
        """Return caps to try instead of ``caps``, up and down by steps of some sizes, (p, n)."""


@dataclass(frozen=True, eq=False)
class ContinuousChoices(OfferChoices):
    """Choices where caps count: spend is the cap, and any whole block can be set.

    Attributes
    ----------
    envelope
        Concave envelope of the weighted curve between floor and ceiling.
    """

    curves: Curve
    envelope: Envelope
    weight: np.ndarray
    block: int

    @property
    def table(self) -> Points | None:
        """The corners of a hull."""
        return self._corners

    @cached_property
    def _corners(self) -> Points | None:
        hull = self.envelope.vertices()
        if hull is None:
            return None
        usable = (hull.values > hull.values[:, :1]) & self.can_fund[:, None]
        return Points(hull.tokens, hull.tokens, np.zeros_like(hull.tokens), hull.values, usable)

    def within(self, spend: np.ndarray) -> ContinuousChoices:
        """End the envelope there, at a whole block."""
        within = ceil_to_block(np.minimum(spend, self.saturation_cap), self.block)
        top = np.minimum(np.maximum(within, self.breakeven_cap), self.saturation_cap)
        if (top >= self.most).all():
            return self
        envelope = concave_envelope(self.curves, self.start, top, self.weight)
        return replace(self, envelope=envelope, most=np.asarray(envelope.end), saturation_cap=top)

    def committed(self, keep: np.ndarray) -> ContinuousChoices:
        """Let the response fall to the start of the concave part, a block above the floor."""
        if self.table is not None:
            return self
        concave = np.maximum(np.asarray(self.envelope.min_funded), self.start + self.block)
        least = np.where(keep, self.least, np.minimum(self.least, concave))
        entry = np.minimum(ceil_to_block(least, self.block), self.breakeven_cap)
        return replace(self, least=least, breakeven_cap=entry)

    def funded(
        self, price: np.ndarray, variance_price: np.ndarray, temperature: float = 0.0
    ) -> BestResponse:
        """Return the response on the concave part; only a hull's corners need smoothing."""
        if self.table is not None:
            return self.table.funded(price, variance_price, temperature)
        # The response and its slope are asked in one go: calls cost more than queries.
        spend, after = np.split(self._twice.response(np.append(price, price * (1 + _NUDGE))), 2)
        value = self.weight * np.asarray(self.curves.value(spend))
        fall = np.maximum(spend - after, 0.0)
        run = np.abs(price) * _NUDGE
        slope = np.where(run > 0, fall / np.where(run > 0, run, 1.0), 0.0)
        zero = np.zeros_like(spend)
        payoff = np.where(self.can_fund, value - price * spend, -np.inf)
        return BestResponse(payoff, spend, zero, (slope, zero, zero))

    @cached_property
    def _twice(self) -> _Responses:
        rows = np.tile(np.arange(len(self.can_fund)), 2)
        # The part from `least` on is concave; a funded query takes no less.
        return _Responses(
            self.curves.take(rows), self.weight[rows], self.least[rows], self.most[rows]
        )

    def cap_at(self, spend: np.ndarray) -> np.ndarray:
        """Round down to whole blocks."""
        return np.maximum(floor_to_block(spend, self.block, NEARLY), self.start)

    def best_cap(self, spend: np.ndarray, price: np.ndarray) -> np.ndarray:
        """Return the better of the two whole blocks around the best spend at a price, (n,)."""
        low = self.cap_at(spend)
        high = np.minimum(low + self.block, self.saturation_cap)
        gain = self.utility_at(high) - self.utility_at(low) - price * (high - low)
        return np.where(gain > 0, high, low)

    def spend_at(self, caps: np.ndarray) -> np.ndarray:
        """Return the caps."""
        return np.asarray(caps, dtype=np.float64)

    def variance_at(self, caps: np.ndarray) -> np.ndarray:
        """Return zeros."""
        return np.zeros(np.shape(caps))

    def utility_at(self, caps: np.ndarray) -> np.ndarray:
        """Return the weighted success at caps."""
        caps = np.asarray(caps, dtype=np.float64)
        # Curves take one cap per query: for more the queries are repeated.
        again = caps.size // max(len(self.can_fund), 1)
        value = self._repeated(again).value(caps.ravel())
        return self.weight * np.asarray(value).reshape(caps.shape)

    def _repeated(self, times: int) -> Curve:
        if times not in self._copies:
            self._copies[times] = self.curves.take(np.tile(np.arange(len(self.can_fund)), times))
        return self._copies[times]

    @cached_property
    def _copies(self) -> dict[int, Curve]:
        return {1: self.curves}

    def neighbours(self, caps: np.ndarray, sizes: int) -> np.ndarray:
        """Go by single blocks, then by steps that grow in proportion until all is reached."""
        whole = np.maximum(self.saturation_cap - self.start, self.block) / self.block
        index = np.arange(sizes)[:, None]
        steps = np.floor(np.maximum(whole ** (index / max(sizes - 1, 1)), index + 1)) * self.block
        rungs = np.concatenate([caps - steps, caps + steps])
        return np.clip(rungs, self.start, self.saturation_cap)


class _Responses(NamedTuple):
    """What is asked of curves at prices, arrays of one length."""

    curves: Curve
    weight: np.ndarray
    least: np.ndarray
    most: np.ndarray

    def response(self, price: np.ndarray) -> np.ndarray:
        """Return the best spend at prices, each of any sign."""
        # Below a price of zero a query takes all it can use, as it does at zero.
        able = np.maximum(price, 0.0) / self.weight
        wanted = np.minimum(
            np.maximum(np.asarray(self.curves.response(able)), self.least), self.most
        )
        return np.where(price > 0, wanted, self.most)


@dataclass(frozen=True, eq=False)
class DiscreteChoices(OfferChoices):
    """Finitely many caps, each with its spend and success; the first is the floor."""

    points: Points

    @property
    def table(self) -> Points:
        """All points."""
        return self.points

    def within(self, spend: np.ndarray) -> DiscreteChoices:
        """Leave out the points beyond the first that spends as much."""
        points = self.points
        reaches = points.usable & (points.spend >= spend[:, None])
        usable = points.usable & (np.cumsum(reaches, axis=1) - reaches == 0)
        if (usable == points.usable).all():
            return self
        last = np.where(usable, points.value, -np.inf).argmax(axis=1)
        cut = self.can_fund & (points.at(points.spend, last) < self.most)
        return replace(
            self,
            points=points._replace(usable=usable),
            most=np.where(cut, points.at(points.spend, last), self.most),
            saturation_cap=np.where(cut, points.at(points.caps, last), self.saturation_cap),
        )

    def funded(
        self, price: np.ndarray, variance_price: np.ndarray, temperature: float = 0.0
    ) -> BestResponse:
        """Return the best point from break-even on, or a mixture of the best."""
        return self.points.funded(price, variance_price, temperature)

    def _column(self, caps: np.ndarray) -> np.ndarray:
        """Return the column of the largest point at or below a cap."""
        return np.maximum((self.points.caps <= np.asarray(caps)[..., None]).sum(axis=-1) - 1, 0)

    def cap_at(self, spend: np.ndarray) -> np.ndarray:
        """Return the largest cap that spends no more than ``spend``."""
        within = self.points.spend <= np.asarray(spend)[:, None] * (1 + 1e-12) + 1e-12
        return self.points.at(self.points.caps, np.maximum(within.sum(axis=1) - 1, 0))

    def spend_at(self, caps: np.ndarray) -> np.ndarray:
        """Look the spend up."""
        return self.points.at(self.points.spend, self._column(caps))

    def variance_at(self, caps: np.ndarray) -> np.ndarray:
        """Look the variance up."""
        return self.points.at(self.points.variance, self._column(caps))

    def utility_at(self, caps: np.ndarray) -> np.ndarray:
        """Look the weighted success up."""
        return self.points.at(self.points.value, self._column(caps))

    def neighbours(self, caps: np.ndarray, sizes: int) -> np.ndarray:
        """Go by points: to the nearest, then by ever more at a time."""
        last = self.points.caps.shape[1] - 1
        index = np.arange(min(sizes, last))[:, None]
        steps = np.floor(np.maximum(last ** (index / max(sizes - 1, 1)), index + 1)).astype(int)
        columns = np.clip(self._column(caps) + np.concatenate([-steps, steps]), 0, last)
        rungs = self.points.at(self.points.caps, columns)
        return np.minimum(rungs, self.saturation_cap)

"""Lanes: what one offer can do for each query, as points in the plane of spend and success.

A query takes at most one lane. In its lane it either rests at its floor or is funded: it gets at
least its break-even spend, below which no price makes sense, and at most what its peak or ceiling
allows. Whatever the constraints, a lane answers only one question: which funded spend is best at a
price per unit of spend?
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from clear_opt.curves import Curve, TabularCurve
from clear_opt.envelope import Envelope, concave_envelope
from clear_opt.lengths import Lengths
from clear_opt.spend import cap_grid

_NUDGE = 1e-6  # relative change of a price over which the slope of a response is taken


class Funded(NamedTuple):
    """The best funded state of each query in a lane at a price, arrays of shape (n,).

    With smoothing it is a mixture of nearly best states, and the last fields are their spread.
    """

    payoff: np.ndarray
    """Success net of the price of spend and variance; ``-inf`` where the lane is closed."""
    spend: np.ndarray
    """Tokens, expected ones where expected spend counts."""
    variance: np.ndarray
    """Variance of the spend; zero where caps count."""
    curvature: tuple[np.ndarray, np.ndarray, np.ndarray]
    """How fast (spend, variance) fall in their prices: the entries of a 2 x 2 matrix."""


class Lane(ABC):
    """One offer for n queries between floors and ceilings; arrays have shape (n,).

    Attributes
    ----------
    open
        Whether the query can be funded here: the offer is available and gains something.
    rests
        Whether the query can stay at its floor here: the floor lies within the offer's ceiling.
    start
        Spend at the floor.
    start_value
        Weighted success at the floor.
    past_threshold
        Whether the floor itself passes the threshold, so that resting counts as funded.
    least, most
        Fewest and most spend of a funded query.
    """

    open: np.ndarray
    rests: np.ndarray
    start: np.ndarray
    start_value: np.ndarray
    start_variance: np.ndarray
    past_threshold: np.ndarray
    least: np.ndarray
    most: np.ndarray

    @abstractmethod
    def funded(
        self, price: np.ndarray, variance_price: np.ndarray, temperature: float = 0.0
    ) -> Funded:
        """Give the best funded states at prices of spend and of variance, each of shape (n,)."""

    @abstractmethod
    def cap_at(self, spend: np.ndarray) -> np.ndarray:
        """Give the cap whose spend is ``spend``, rounded down to a cap that can be set."""

    @abstractmethod
    def spend_at(self, caps: np.ndarray) -> np.ndarray:
        """Give the spend at caps."""

    @abstractmethod
    def variance_at(self, caps: np.ndarray) -> np.ndarray:
        """Give the variance of the spend at caps."""

    @abstractmethod
    def utility_at(self, caps: np.ndarray) -> np.ndarray:
        """Give the weighted success at caps."""

    @abstractmethod
    def next_cap(self, caps: np.ndarray, blocks: int = 1) -> np.ndarray:
        """Give a cap some steps above ``caps``, at most the largest useful one."""

    @property
    @abstractmethod
    def entry_cap(self) -> np.ndarray:
        """The smallest cap at or above the break-even point."""

    @property
    @abstractmethod
    def entry_price(self) -> np.ndarray:
        """Highest price of a unit of spend at which funding pays, were spend all it costs."""


@dataclass(frozen=True, eq=False)
class CapLane(Lane):
    """A lane in which caps count: spend is the cap, and any whole block can be set."""

    curves: Curve
    floor: np.ndarray
    ceiling: np.ndarray
    weight: np.ndarray
    block: int
    available: np.ndarray

    @cached_property
    def envelope(self) -> Envelope:
        """Concave envelope of the weighted curve between floor and ceiling."""
        high = np.maximum(self.floor, self.ceiling)
        return concave_envelope(self.curves, self.floor, high, self.weight)

    @cached_property
    def rests(self) -> np.ndarray:  # pyright: ignore[reportIncompatibleVariableOverride]
        return self.available & (self.floor <= self.ceiling)

    @cached_property
    def open(self) -> np.ndarray:  # pyright: ignore[reportIncompatibleVariableOverride]
        return self.rests & (np.asarray(self.envelope.abandonment_price) > 0)

    @property
    def start(self) -> np.ndarray:  # pyright: ignore[reportIncompatibleVariableOverride]
        return self.floor

    @property
    def start_value(self) -> np.ndarray:  # pyright: ignore[reportIncompatibleVariableOverride]
        return np.asarray(self.envelope.start_value)

    @property
    def start_variance(self) -> np.ndarray:  # pyright: ignore[reportIncompatibleVariableOverride]
        return np.zeros(len(self.floor))

    @cached_property
    def past_threshold(self) -> np.ndarray:  # pyright: ignore[reportIncompatibleVariableOverride]
        return (self.floor > 0) & (self.floor > np.asarray(self.curves.threshold))

    @property
    def least(self) -> np.ndarray:  # pyright: ignore[reportIncompatibleVariableOverride]
        return np.asarray(self.envelope.tangent)

    @property
    def most(self) -> np.ndarray:  # pyright: ignore[reportIncompatibleVariableOverride]
        return np.asarray(self.envelope.end)

    def funded(
        self, price: np.ndarray, variance_price: np.ndarray, temperature: float = 0.0
    ) -> Funded:
        """Give the response on the concave part; it needs no smoothing."""
        if isinstance(self.curves, TabularCurve):
            return self._corners.funded(price, variance_price, temperature)
        price = np.asarray(price, dtype=np.float64)
        spend = self._response(price)
        value = self.weight * np.asarray(self.curves.value(spend))
        nudged = self._response(price * (1.0 + _NUDGE))
        run = np.abs(price) * _NUDGE
        slope = np.where(run > 0, np.maximum(spend - nudged, 0.0) / np.where(run > 0, run, 1.0), 0)
        zero = np.zeros_like(spend)
        payoff = np.where(self.open, value - price * spend, -np.inf)
        return Funded(payoff, spend, zero, (slope, zero, zero))

    def _response(self, price: np.ndarray) -> np.ndarray:
        # Below a price of zero a query takes all it can use, as it does at zero.
        wanted = self.envelope.committed(np.maximum(price, 0.0))
        return np.maximum(np.where(price > 0, wanted, self.most), self.least)

    @cached_property
    def _corners(self) -> PointLane:
        envelope = self.envelope
        tokens, values = np.asarray(envelope.hull.tokens), np.asarray(envelope.hull.values)  # pyright: ignore[reportAttributeAccessIssue]
        nothing = np.zeros_like(tokens)
        return PointLane(tokens, tokens, nothing, values, self.available, self.past_threshold)

    def cap_at(self, spend: np.ndarray) -> np.ndarray:
        """Round down to whole blocks."""
        caps = np.floor(spend / self.block + 1e-9) * self.block
        return np.maximum(caps, self.floor)

    def spend_at(self, caps: np.ndarray) -> np.ndarray:
        """Give the caps."""
        return np.asarray(caps, dtype=np.float64)

    def variance_at(self, caps: np.ndarray) -> np.ndarray:
        """Give zeros."""
        return np.zeros(len(caps))

    def utility_at(self, caps: np.ndarray) -> np.ndarray:
        """Give the weighted success at caps."""
        return self.weight * np.asarray(self.curves.value(np.asarray(caps, dtype=np.float64)))

    def next_cap(self, caps: np.ndarray, blocks: int = 1) -> np.ndarray:
        """Go up by whole blocks."""
        last = np.ceil(self.most / self.block) * self.block
        top = np.maximum(np.minimum(last, self.ceiling), caps)
        return np.minimum(caps + blocks * self.block, top)

    @property
    def entry_cap(self) -> np.ndarray:
        """The break-even cap, rounded up to whole blocks within the ceiling."""
        whole = np.ceil(np.maximum(self.least, self.envelope.least) / self.block) * self.block
        return np.minimum(whole, np.maximum(self.ceiling, self.floor))

    @property
    def entry_price(self) -> np.ndarray:
        """The envelope's abandonment price, weighted success per token."""
        return np.asarray(self.envelope.abandonment_price)


@dataclass(frozen=True, eq=False)
class PointLane(Lane):
    """A lane of finitely many caps, each with its spend and success; the first is the floor.

    Attributes
    ----------
    caps, points, spreads, values
        Caps, spend, variance of the spend, and weighted success at each point, shape (n, m), in
        the order of the caps; the last may repeat.
    """

    caps: np.ndarray
    points: np.ndarray
    spreads: np.ndarray
    values: np.ndarray
    rests: np.ndarray
    past_threshold: np.ndarray

    @cached_property
    def open(self) -> np.ndarray:  # pyright: ignore[reportIncompatibleVariableOverride]
        return self.rests & (self.values.max(axis=1) > self.values[:, 0])

    @property
    def start(self) -> np.ndarray:  # pyright: ignore[reportIncompatibleVariableOverride]
        return self.points[:, 0]

    @property
    def start_value(self) -> np.ndarray:  # pyright: ignore[reportIncompatibleVariableOverride]
        return self.values[:, 0]

    @property
    def start_variance(self) -> np.ndarray:  # pyright: ignore[reportIncompatibleVariableOverride]
        return self.spreads[:, 0]

    @cached_property
    def _entry(self) -> np.ndarray:
        """Column of the break-even point: the steepest chord from the floor, the last of equals."""
        run = self.points - self.points[:, :1]
        rise = self.values - self.values[:, :1]
        slope = np.where(run > 0, rise / np.where(run > 0, run, 1.0), -np.inf)
        best = slope.max(axis=1, keepdims=True)
        first = np.argmax(slope >= best * (1 - 1e-12), axis=1)
        return np.where(np.isfinite(best[:, 0]), first, 0)

    @cached_property
    def _usable(self) -> np.ndarray:
        """Which points a funded query may take: those from break-even on that gain something."""
        column = np.arange(self.points.shape[1])
        gains = self.values > self.values[:, :1]
        return (column >= self._entry[:, None]) & gains & self.open[:, None]

    def _at(self, table: np.ndarray, column: np.ndarray) -> np.ndarray:
        return np.take_along_axis(table, column[:, None], axis=1)[:, 0]

    @property
    def least(self) -> np.ndarray:  # pyright: ignore[reportIncompatibleVariableOverride]
        return self._at(self.points, self._entry)

    @property
    def most(self) -> np.ndarray:  # pyright: ignore[reportIncompatibleVariableOverride]
        return self.points[:, -1]

    def funded(
        self, price: np.ndarray, variance_price: np.ndarray, temperature: float = 0.0
    ) -> Funded:
        """Give the best point, or the mixture in which better ones weigh exponentially more."""
        worth = self.values - np.asarray(price)[:, None] * self.points
        if np.any(variance_price):
            worth = worth - np.asarray(variance_price)[:, None] * self.spreads
        worth = np.where(self._usable, worth, -np.inf)
        top = worth.max(axis=1)
        zero = np.zeros(len(top))
        if temperature <= 0:
            # Of equally good points the one that spends least.
            best = np.argmax(worth, axis=1)
            spend, variance = self._at(self.points, best), self._at(self.spreads, best)
            return Funded(top, spend, variance, (zero, zero, zero))
        share = np.exp((worth - np.where(np.isfinite(top), top, 0.0)[:, None]) / temperature)
        total = share.sum(axis=1)
        share /= np.where(total > 0, total, 1.0)[:, None]
        spend, variance = (share * self.points).sum(axis=1), (share * self.spreads).sum(axis=1)
        run, spread = self.points - spend[:, None], self.spreads - variance[:, None]
        curvature = (
            (share * run * run).sum(axis=1) / temperature,
            (share * run * spread).sum(axis=1) / temperature,
            (share * spread * spread).sum(axis=1) / temperature,
        )
        soft = top + temperature * np.log(np.where(total > 0, total, 1.0))
        return Funded(soft, spend, variance, curvature)

    def _column(self, caps: np.ndarray) -> np.ndarray:
        """Give the column of the largest point at or below a cap."""
        below = (self.caps <= np.asarray(caps)[:, None]).sum(axis=1) - 1
        return np.maximum(below, 0)

    def cap_at(self, spend: np.ndarray) -> np.ndarray:
        """Give the largest cap that spends no more than ``spend``."""
        within = self.points <= np.asarray(spend)[:, None] * (1 + 1e-12) + 1e-12
        return self._at(self.caps, np.maximum(within.sum(axis=1) - 1, 0))

    def spend_at(self, caps: np.ndarray) -> np.ndarray:
        """Look the spend up."""
        return self._at(self.points, self._column(caps))

    def variance_at(self, caps: np.ndarray) -> np.ndarray:
        """Look the variance up."""
        return self._at(self.spreads, self._column(caps))

    def utility_at(self, caps: np.ndarray) -> np.ndarray:
        """Look the weighted success up."""
        return self._at(self.values, self._column(caps))

    def next_cap(self, caps: np.ndarray, blocks: int = 1) -> np.ndarray:
        """Go up by points that are worth more than the one before."""
        column = self._column(caps)
        for _ in range(blocks):
            here = self._at(self.values, column)
            higher = (np.arange(self.caps.shape[1]) > column[:, None]) & (
                self.values > here[:, None]
            )
            column = np.where(higher.any(axis=1), np.argmax(higher, axis=1), column)
        return self._at(self.caps, column)

    @property
    def entry_cap(self) -> np.ndarray:
        """The cap of the break-even point."""
        return self._at(self.caps, self._entry)

    @property
    def entry_price(self) -> np.ndarray:
        """Slope of the steepest chord from the floor, weighted success per unit of spend."""
        run = self.least - self.start
        rise = self._at(self.values, self._entry) - self.start_value
        return np.where(self.open, rise / np.where(run > 0, run, 1.0), 0.0)


def spend_lane(
    curves: Curve,
    lengths: Lengths,
    floor: np.ndarray,
    ceiling: np.ndarray,
    weight: np.ndarray,
    block: int,
    available: np.ndarray,
) -> PointLane:
    """Give the lane in which expected spend counts, over a grid of caps for each query."""
    rests = available & (floor <= ceiling)
    caps = np.asarray(cap_grid(curves, lengths, floor, np.maximum(floor, ceiling), block=block))
    values = np.stack([np.asarray(curves.value(column)) for column in caps.T], axis=1)
    past = (floor > 0) & (floor > np.asarray(curves.threshold))
    return PointLane(
        caps=caps,
        points=np.asarray(lengths.expected_spend(caps)),
        spreads=np.asarray(lengths.spend_variance(caps)),
        values=weight[:, None] * values,
        rests=rests,
        past_threshold=past,
    )

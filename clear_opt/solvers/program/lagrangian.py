"""A program in arrays: what each state of each query uses of each row, and what prices make of it.

A query has up to 2 K states for K offers: funded by an offer, or at rest at its floor in an offer's
lane (without a floor all rests are one: nothing is asked and nothing is used). A row is a coupling
constraint, sum over queries of use <= amount. Guarantees and shares are turned round, so that
every row reads "at most" and every price is >= 0: what relaxing the row by one unit would gain.

The dual bound of prices y >= 0 is y . amount + sum_i max over states of (value - y . use).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple

import numpy as np

from clear_opt import defaults
from clear_opt.problem.constraints import FundedShare, Guarantee, Limit
from clear_opt.problem.program import Program
from clear_opt.solvers.program.build_responses import ChoiceSets, choice_sets
from clear_opt.solvers.program.funded_points import Funded
from clear_opt.solvers.program.offer_responses import Lane


class Margin(NamedTuple):
    """A reserve that is linear in the variance: constant + rate * variance, one of each per row."""

    rate: np.ndarray
    constant: np.ndarray

    def at(self, variance: np.ndarray) -> np.ndarray:
        """Give the reserve at variances of the rows, in units, shape (m,)."""
        return self.constant + self.rate * variance


class Priced(NamedTuple):
    """All states of all queries at given prices."""

    payoff: np.ndarray
    """Success net of prices, ``-inf`` for states that do not exist; shape (2 K, n)."""
    funded: tuple[Funded, ...]
    """The funded state of each lane."""


class Smooth(NamedTuple):
    """Value, gradient and Hessian of the smoothed dual."""

    value: float
    gradient: np.ndarray
    hessian: np.ndarray


_OF_STATES = ("allowed", "possible")
_OF_MARGIN = ("margin", "spread_rate", "amount", "limits", "rest_use", "_signed")


def _weighted(weights: np.ndarray, tables: np.ndarray) -> np.ndarray:
    """Add up tables of shape (m, K, n) by weights of shape (m,)."""
    return (weights @ tables.reshape(len(weights), -1)).reshape(tables.shape[1:])


@dataclass(frozen=True, eq=False)
class System:
    """The rows and states of a program; ``margin`` is what chance bounds keep back.

    Notes
    -----
    Shapes: m rows, K offers, n queries. ``sign`` is 1 for limits and -1 for what is turned round.
    """

    program: Program
    margin: Margin | None = None
    allowed: np.ndarray | None = None
    """Which states may be taken, booleans of shape (2 K, n); ``None`` for all that exist."""
    committed: bool = False
    """Whether who is funded has been decided, so that funded queries may go below break-even."""
    compiled: ChoiceSets | None = None
    """What each offer can do, where it is at hand; ``None`` to compile it from the program."""

    @property
    def m(self) -> int:
        """Number of rows."""
        return len(self.program.constraints)

    @cached_property
    def sign(self) -> np.ndarray:
        """1 for limits, -1 for guarantees and shares, shape (m,)."""
        return np.array([1.0 if isinstance(row, Limit) else -1.0 for row in self.rows])

    @cached_property
    def choices(self) -> ChoiceSets:
        """What each offer can do, compiled once for this system and those derived from it."""
        return choice_sets(self.program) if self.compiled is None else self.compiled

    @property
    def lanes(self) -> tuple[Lane, ...]:
        """What each offer can do, as far as queries are free to choose."""
        return self.choices.committed if self.committed else self.choices.free

    @property
    def free_lanes(self) -> tuple[Lane, ...]:
        """What each offer can do within the limits, whether or not who is funded is decided."""
        return self.choices.free

    @property
    def unlimited_lanes(self) -> tuple[Lane, ...]:
        """What each offer could do without constraints."""
        return self.choices.unlimited

    @property
    def rows(self) -> tuple:
        """The constraints."""
        return self.program.constraints

    @cached_property
    def rate(self) -> np.ndarray:
        """Units of each row per unit of spend of a member, shape (m, K, n)."""
        return self._per_row(lambda row, offer: offer.rate_of(row.resource), shares=0.0)

    @cached_property
    def fixed(self) -> np.ndarray:
        """Units of each row per request of a member, shape (m, K, n); 1 for funded shares."""
        return self._per_row(lambda row, offer: offer.fixed_of(row.resource), shares=1.0)

    def _per_row(self, units, shares: float) -> np.ndarray:
        n = len(self.program)
        table = [
            [
                np.full(n, shares) if isinstance(row, FundedShare) else units(row, offer)
                for offer in self.program.offers
            ]
            for row in self.rows
        ]
        return np.array(table) * self.program.members[:, None, :]

    @cached_property
    def spread_rate(self) -> np.ndarray:
        """Units kept back in each row per unit of variance of a member's spend, (m, K, n)."""
        if self.margin is None:
            return np.zeros_like(self.rate)
        return self.margin.rate[:, None, None] * self.rate**2

    @cached_property
    def amount(self) -> np.ndarray:
        """Right-hand sides in units, shape (m,).

        Guarantees are cut to what members can use, and limits to what no caps exceed.
        """
        amounts = []
        for index, row in enumerate(self.rows):
            members = self.program.members[index]
            if isinstance(row, FundedShare):
                amounts.append(float(np.ceil(row.share * members.sum() - 1e-9)))
            elif isinstance(row, Guarantee):
                amounts.append(min(float(row.amount), self.usable(index)))
            else:
                kept = 0.0 if self.margin is None else float(self.margin.constant[index])
                amounts.append(min(float(row.amount) - kept, self._most(index)))
        return np.array(amounts)

    def _most(self, index: int) -> float:
        """Give more units of a row than any caps use."""
        used = self.rate[index] * defaults.MOST_TOKENS + self.fixed[index]
        return 2.0 * float(used.max(axis=0).sum())

    def usable(self, index: int) -> float:
        """Give the most units of a row that its members can use, limits aside."""
        lanes = self.unlimited_lanes
        most = np.zeros((len(lanes), len(self.program)))
        for k, lane in enumerate(lanes):
            used = self.rate[index, k] * lane.most + self.fixed[index, k]
            rest = self.rate[index, k] * lane.start + self.fixed[index, k] * (
                self.program.floor > 0
            )
            most[k] = np.where(lane.open, used, np.where(lane.rests, rest, 0.0))
        return float(most.max(axis=0).sum())

    @cached_property
    def largest_excess(self) -> np.ndarray:
        """The most by which one member can exceed its expected use of a row, in units, (m,)."""
        excess = [
            np.where(lane.open, lane.top_cap - lane.spend_at(lane.top_cap), 0.0)
            for lane in self.free_lanes
        ]
        return (self.rate * np.stack(excess)).max(axis=(1, 2), initial=0.0)

    @cached_property
    def limits(self) -> np.ndarray:
        """Right-hand sides of the rows read as "at most", shape (m,)."""
        return self.sign * self.amount

    @cached_property
    def rest_use(self) -> np.ndarray:
        """What a query at rest in each lane uses of each row, turned round, shape (m, K, n)."""
        program, use = self.program, []
        asked = program.floor > 0
        for index, row in enumerate(self.rows):
            per_lane = []
            for k, lane in enumerate(self.free_lanes):
                if isinstance(row, FundedShare):
                    per_lane.append(program.members[index] * lane.past_threshold)
                else:
                    spent = self.rate[index, k] * lane.start + self.fixed[index, k] * asked
                    per_lane.append(spent + self.spread_rate[index, k] * lane.start_variance)
            use.append(per_lane)
        return self.sign[:, None, None] * np.array(use, dtype=np.float64)

    @cached_property
    def rests(self) -> np.ndarray:
        """Whether a state of rest exists, booleans of shape (K, n)."""
        program = self.program
        rests = np.stack([lane.rests for lane in self.free_lanes])
        idle = program.floor <= 0
        # Without a floor, resting is the same in every lane, available or not: the first has it.
        rests[1:, idle] = False
        rests[0, idle] = True
        counts = np.stack([lane.past_threshold for lane in self.free_lanes])
        return rests & (~program.pinned | counts)

    @cached_property
    def rest_value(self) -> np.ndarray:
        """Weighted success at rest, shape (K, n)."""
        return np.stack([lane.start_value for lane in self.free_lanes])

    @cached_property
    def possible(self) -> np.ndarray:
        """Which states exist and may be taken, booleans of shape (2 K, n)."""
        opened = np.stack([lane.open for lane in self.free_lanes])
        states = np.concatenate([opened, self.rests])
        return states if self.allowed is None else states & self.allowed

    @cached_property
    def _signed(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Rates, rates of variance and fixed units, turned round, (m, K, n) each."""
        sign = self.sign[:, None, None]
        return sign * self.rate, sign * self.spread_rate, sign * self.fixed

    def restricted(self, allowed: np.ndarray) -> System:
        """Give the same rows over some of the states only, booleans of shape (2 K, n)."""
        return self._with(replace(self, allowed=allowed), _OF_STATES)

    def decided(self) -> System:
        """Give the same rows where who is funded has been decided; its bound is none."""
        return self._with(replace(self, committed=True), ("committed",))

    def under(self, margin: Margin | None) -> System:
        """Give the same rows and states with another line for what is kept back."""
        return self._with(replace(self, margin=margin), _OF_MARGIN)

    def with_budget(self, amount: float) -> System:
        """Give the rows for another amount of the first limit, without line or restrictions."""
        program = self.program.with_budget(amount)
        return System(program, compiled=choice_sets(program, self.unlimited_lanes))

    def _with(self, other: System, changed: tuple[str, ...]) -> System:
        """Spare another system the work on what does not depend on what has changed."""
        _ = self.choices  # compiled before it is shared
        vars(other).update({key: own for key, own in vars(self).items() if key not in changed})
        return other

    def price_states(self, prices: np.ndarray, temperature: float = 0.0) -> Priced:
        """Give the payoff of every state at prices, shape (m,)."""
        signed = self.sign * prices
        per_spend, charge = _weighted(signed, self.rate), _weighted(signed, self.fixed)
        # Without chance bounds variance costs nothing.
        per_spread = _weighted(signed, self.spread_rate) if self.margin else 0.0 * per_spend
        lanes = self.lanes
        funded = tuple(
            lane.funded(per_spend[k], per_spread[k], temperature) for k, lane in enumerate(lanes)
        )
        states = np.empty((2 * len(lanes), len(self.program)))
        for k, state in enumerate(funded):
            np.subtract(state.payoff, charge[k], out=states[k])
        np.subtract(self.rest_value, _weighted(prices, self.rest_use), out=states[len(lanes) :])
        states[~self.possible] = -np.inf
        return Priced(states, funded)

    def funded_use(self, funded: tuple[Funded, ...]) -> np.ndarray:
        """Give what funded states use of each row, turned round, shape (m, K, n)."""
        rate, spread, fixed = self._signed
        use = rate * np.stack([state.spend for state in funded]) + fixed
        if self.margin is not None:
            use += spread * np.stack([state.variance for state in funded])
        return use

    def bound(self, prices: np.ndarray) -> float:
        """Give the dual bound of prices >= 0, shape (m,): no allocation is worth more."""
        best = self.price_states(prices).payoff.max(axis=0)
        return float(prices @ self.limits + best.sum())

    def smooth(self, prices: np.ndarray, temperature: float) -> Smooth:
        """Give the dual with each maximum replaced by a soft one, and its derivatives."""
        payoff, funded = self.price_states(prices, temperature)
        top = payoff.max(axis=0)
        share = np.exp((payoff - top) / temperature)
        total = share.sum(axis=0)
        share /= total
        value = float(prices @ self.limits + (top + temperature * np.log(total)).sum())
        use = np.concatenate([self.funded_use(funded), self.rest_use], axis=1)
        use = np.where(share > 0, use, 0.0)
        mean = (use * share).sum(axis=1)
        # Deviations from the mean, and not a difference of squares: never indefinite.
        away = ((use - mean[:, None, :]) * np.sqrt(share)).reshape(self.m, -1)
        hessian = away @ away.T / temperature
        for k, state in enumerate(funded):
            a, weight = self._signed[0][:, k], share[k]
            hessian += (a * (weight * state.curvature[0])) @ a.T
            if self.margin is not None:
                v, (_, cross, spread) = self._signed[1][:, k], state.curvature
                mixed = (a * (weight * cross)) @ v.T
                hessian += mixed + mixed.T + (v * (weight * spread)) @ v.T
        return Smooth(value, self.limits - mean.sum(axis=1), hessian)

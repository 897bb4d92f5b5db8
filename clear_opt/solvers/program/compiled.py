"""A program in arrays, as far as its data alone decide: units of each row, and who can idle.

A row is a coupling constraint, sum over queries of use <= amount. Guarantees and shares are
negated, so that every row reads "at most" and every price is >= 0: what relaxing the row by one
unit would gain.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from clear_opt import defaults
from clear_opt.problem.constraints import FundedShare, Limit
from clear_opt.problem.offers import Offer
from clear_opt.problem.program import Program
from clear_opt.solvers.program.build_responses import ChoiceSets, choice_sets, within_limits


@dataclass(frozen=True, eq=False)
class CompiledProgram:
    """A program's rows and choice sets: m rows, K offers, n queries.

    Attributes
    ----------
    program : Program
    choice_sets : ChoiceSets
        What each offer can do.
    """

    program: Program
    choice_sets: ChoiceSets

    @cached_property
    def sign(self) -> np.ndarray:
        """1 for limits, -1 for guarantees and shares, shape (m,)."""
        limits = [isinstance(row, Limit) for row in self.program.constraints]
        return np.where(limits, 1.0, -1.0)

    @cached_property
    def rate(self) -> np.ndarray:
        """Units of each row per unit of spend of a member, shape (m, K, n)."""
        return self._per_row(lambda row, offer: offer.rate_of(row.resource), shares=0.0)

    @cached_property
    def fixed(self) -> np.ndarray:
        """Units of each row per request of a member, shape (m, K, n); 1 for funded shares."""
        return self._per_row(lambda row, offer: offer.fixed_of(row.resource), shares=1.0)

    def _per_row(self, units: Callable[[Any, Offer], np.ndarray], shares: float) -> np.ndarray:
        n = len(self.program)
        table = [
            [
                np.full(n, shares) if isinstance(row, FundedShare) else units(row, offer)
                for offer in self.program.offers
            ]
            for row in self.program.constraints
        ]
        return np.array(table) * self.program.members[:, None, :]

    def usable(self, index: int) -> float:
        """Return the most units of a row that its members can use, limits aside."""
        choices = self.choice_sets.unlimited
        most = np.zeros((len(choices), len(self.program)))
        for k, offered in enumerate(choices):
            used = self.rate[index, k] * offered.most + self.fixed[index, k]
            rest = self.rate[index, k] * offered.start + self.fixed[index, k] * (
                self.program.floor > 0
            )
            most[k] = np.where(offered.can_fund, used, np.where(offered.can_idle, rest, 0.0))
        return float(most.max(axis=0).sum())

    def beyond(self, index: int) -> float:
        """Return more units of a row than any caps use."""
        used = self.rate[index] * defaults.MOST_TOKENS + self.fixed[index]
        return 2.0 * float(used.max(axis=0).sum())

    @cached_property
    def largest_excess(self) -> np.ndarray:
        """The most by which one member can exceed its expected use of a row, in units, (m,)."""
        excess = [
            np.where(
                offered.can_fund,
                offered.saturation_cap - offered.spend_at(offered.saturation_cap),
                0.0,
            )
            for offered in self.choice_sets.free
        ]
        return (self.rate * np.stack(excess)).max(axis=(1, 2), initial=0.0)

    @cached_property
    def opened(self) -> np.ndarray:
        """Whether an offer can fund a query, booleans of shape (K, n)."""
        return np.stack([offered.can_fund for offered in self.choice_sets.free])

    @cached_property
    def can_idle(self) -> np.ndarray:
        """Whether an idle state exists, booleans of shape (K, n)."""
        program = self.program
        can_idle = np.stack([offered.can_idle for offered in self.choice_sets.free])
        idle = program.floor <= 0
        # Without a floor, idling is the same by every offer, available or not: the first has it.
        can_idle[1:, idle] = False
        can_idle[0, idle] = True
        counts = np.stack([offered.floor_funds for offered in self.choice_sets.free])
        return can_idle & (~program.pinned | counts)

    @cached_property
    def idle_value(self) -> np.ndarray:
        """Weighted success of idle queries, shape (K, n)."""
        return np.stack([offered.start_value for offered in self.choice_sets.free])

    @cached_property
    def abandonment_price(self) -> np.ndarray:
        """Highest price of a unit of spend at which any offer pays, shape (n,)."""
        prices = [
            np.where(offered.can_fund, offered.breakeven_price, 0.0)
            for offered in self.choice_sets.free
        ]
        return np.max(prices, axis=0)

    @classmethod
    def of(cls, program: Program) -> CompiledProgram:
        """Compile a program; its choice sets are compiled once, however often this is called."""
        return cls(program, choice_sets(program))

    def with_budget(self, amount: float) -> CompiledProgram:
        """Compile for another amount of the first limit; what limits do not change is shared."""
        program = self.program.with_budget(amount)
        return CompiledProgram(program, within_limits(program, self.choice_sets.unlimited))

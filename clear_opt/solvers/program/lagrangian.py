"""The Lagrangian dual of a program: what prices of its rows make of each query's states.

A query has up to 2 K states for K offers: funded by an offer, or idle at its floor in an offer
(without a floor all idle states are one: nothing is asked and nothing is used). The dual bound of
prices y >= 0 is y . amount + sum_i max over states of (value - y . use), see Everett (1963).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple

import numpy as np

from clear_opt.problem.program import Program
from clear_opt.solvers.program.compiled import CompiledProgram
from clear_opt.solvers.program.coupling_rows import CouplingRows, LinearReserve
from clear_opt.solvers.program.funded_points import BestResponse
from clear_opt.solvers.program.offer_responses import OfferChoices


class ReducedValues(NamedTuple):
    """All states of all queries at given prices."""

    payoff: np.ndarray
    """Success net of prices, ``-inf`` for states that do not exist; shape (2 K, n)."""
    funded: tuple[BestResponse, ...]
    """The best funded state by each offer."""


class SmoothedDual(NamedTuple):
    """Value, gradient and Hessian of the dual with log-sum-exp in place of each maximum."""

    value: float
    gradient: np.ndarray
    hessian: np.ndarray


def _weighted(weights: np.ndarray, tables: np.ndarray) -> np.ndarray:
    """Sum tables of shape (m, K, n) by weights of shape (m,)."""
    return (weights @ tables.reshape(len(weights), -1)).reshape(tables.shape[1:])


@dataclass(frozen=True, eq=False)
class LagrangianDual:
    """The dual function of a program's rows: m rows, K offers, n queries.

    Attributes
    ----------
    coupling : CouplingRows
        Its rows, net of reserves.
    allowed : np.ndarray or None
        Which states may be taken, booleans of shape (2 K, n); ``None`` for all that exist.
    committed : bool
        Whether who is funded has been decided, so that funded queries may go below break-even. The
        bound is then none.
    """

    coupling: CouplingRows
    allowed: np.ndarray | None = None
    committed: bool = False

    @classmethod
    def of(cls, program: Program) -> LagrangianDual:
        """Return the dual of a program, whose choice sets are compiled once."""
        return cls(CouplingRows(CompiledProgram.of(program)))

    @property
    def compiled(self) -> CompiledProgram:
        """The program in arrays."""
        return self.coupling.compiled

    @property
    def program(self) -> Program:
        """The program itself."""
        return self.compiled.program

    @property
    def rows(self) -> tuple:
        """The constraints."""
        return self.program.constraints

    @property
    def m(self) -> int:
        """Number of rows."""
        return len(self.rows)

    @property
    def choices(self) -> tuple[OfferChoices, ...]:
        """What each offer can do, as far as queries are free to choose."""
        choices = self.compiled.choice_sets
        return choices.committed if self.committed else choices.free

    @property
    def free_choices(self) -> tuple[OfferChoices, ...]:
        """What each offer can do within the limits, whether or not who is funded is decided."""
        return self.compiled.choice_sets.free

    @property
    def sign(self) -> np.ndarray:
        """1 for limits, -1 for guarantees and shares, shape (m,)."""
        return self.compiled.sign

    @property
    def reserve(self) -> LinearReserve | None:
        """The reserve that the rows are net of."""
        return self.coupling.reserve

    @property
    def rate(self) -> np.ndarray:
        """Units of each row per unit of spend of a member, shape (m, K, n)."""
        return self.compiled.rate

    @property
    def fixed(self) -> np.ndarray:
        """Units of each row per request of a member, shape (m, K, n); 1 for funded shares."""
        return self.compiled.fixed

    @property
    def variance_rate(self) -> np.ndarray:
        """Units reserved in each row per unit of variance of a member's spend, (m, K, n)."""
        return self.coupling.variance_rate

    @property
    def can_idle(self) -> np.ndarray:
        """Whether an idle state exists, booleans of shape (K, n)."""
        return self.compiled.can_idle

    @property
    def idle_value(self) -> np.ndarray:
        """Weighted success of idle queries, shape (K, n)."""
        return self.compiled.idle_value

    @property
    def amount(self) -> np.ndarray:
        """Right-hand sides in units, shape (m,): see `CouplingRows.amount`."""
        return self.coupling.amount

    @property
    def limits(self) -> np.ndarray:
        """Right-hand sides of the rows read as "at most", shape (m,)."""
        return self.coupling.limits

    @property
    def idle_use(self) -> np.ndarray:
        """What an idle query uses of each row by each offer, sign-normalised, shape (m, K, n)."""
        return self.coupling.idle_use

    @cached_property
    def possible(self) -> np.ndarray:
        """Which states exist and may be taken, booleans of shape (2 K, n)."""
        states = np.concatenate([self.compiled.opened, self.compiled.can_idle])
        return states if self.allowed is None else states & self.allowed

    def restricted(self, allowed: np.ndarray) -> LagrangianDual:
        """Return the dual over some of the states only, booleans of shape (2 K, n)."""
        return replace(self, allowed=allowed)

    def decided(self) -> LagrangianDual:
        """Return the dual where who is funded has been decided; its bound is none."""
        return replace(self, committed=True)

    def under(self, reserve: LinearReserve | None) -> LagrangianDual:
        """Return the dual of the same rows and states net of another reserve."""
        return replace(self, coupling=replace(self.coupling, reserve=reserve))

    def with_budget(self, amount: float) -> LagrangianDual:
        """Return the dual for another amount of the first limit, unreserved, unrestricted."""
        return LagrangianDual(CouplingRows(self.compiled.with_budget(amount)))

    def spend_price(self, prices: np.ndarray) -> np.ndarray:
        """Return what a unit of spend costs at prices of the rows, shape (K, n)."""
        return _weighted(self.sign * prices, self.rate)

    def price_states(self, prices: np.ndarray, temperature: float = 0.0) -> ReducedValues:
        """Return the payoff of every state at prices, shape (m,)."""
        signed = self.sign * prices
        per_spend, charge = self.spend_price(prices), _weighted(signed, self.fixed)
        # Without chance bounds variance costs nothing.
        per_spread = _weighted(signed, self.variance_rate) if self.reserve else 0.0 * per_spend
        choices = self.choices
        funded = tuple(
            offered.funded(per_spend[k], per_spread[k], temperature)
            for k, offered in enumerate(choices)
        )
        states = np.empty((2 * len(choices), len(self.program)))
        for k, state in enumerate(funded):
            np.subtract(state.payoff, charge[k], out=states[k])
        np.subtract(self.idle_value, _weighted(prices, self.idle_use), out=states[len(choices) :])
        states[~self.possible] = -np.inf
        return ReducedValues(states, funded)

    def funded_use(self, funded: tuple[BestResponse, ...]) -> np.ndarray:
        """Return what funded states use of each row, sign-normalised, shape (m, K, n)."""
        rate, spread, fixed = self.coupling.signed
        use = rate * np.stack([state.spend for state in funded]) + fixed
        if self.reserve is not None:
            use += spread * np.stack([state.variance for state in funded])
        return use

    def bound(self, prices: np.ndarray) -> float:
        """Return the dual bound of prices >= 0, shape (m,): no allocation is worth more."""
        best = self.price_states(prices).payoff.max(axis=0)
        return float(prices @ self.limits + best.sum())

    def smooth(self, prices: np.ndarray, temperature: float) -> SmoothedDual:
        """Return the dual with each maximum replaced by a soft one, and its derivatives."""
        payoff, funded = self.price_states(prices, temperature)
        top = payoff.max(axis=0)
        share = np.exp((payoff - top) / temperature)
        total = share.sum(axis=0)
        share /= total
        value = float(prices @ self.limits + (top + temperature * np.log(total)).sum())
        use = np.concatenate([self.funded_use(funded), self.idle_use], axis=1)
        use = np.where(share > 0, use, 0.0)
        mean = (use * share).sum(axis=1)
        # Deviations from the mean, and not a difference of squares: never indefinite.
        away = ((use - mean[:, None, :]) * np.sqrt(share)).reshape(self.m, -1)
        hessian = away @ away.T / temperature
        for k, state in enumerate(funded):
            a, weight = self.coupling.signed[0][:, k], share[k]
            hessian += (a * (weight * state.curvature[0])) @ a.T
            if self.reserve is not None:
                v, (_, cross, spread) = self.coupling.signed[1][:, k], state.curvature
                mixed = (a * (weight * cross)) @ v.T
                hessian += mixed + mixed.T + (v * (weight * spread)) @ v.T
        return SmoothedDual(value, self.limits - mean.sum(axis=1), hessian)

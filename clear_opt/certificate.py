"""Proof of quality: how far an allocation can be from the best one, whatever produced it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False, repr=False)
class Certificate:
    """A dual bound beside a primal value, taken apart query by query.

    For every price lambda >= 0 the number

        g(lambda) = lambda B + sum_i max over b of (w_i U_i(b) - lambda b)

    is at least the value of the best allocation (design, section 1.4). The gap between it and an
    allocation's own value is a sum of terms that are never negative: what each query misses
    against its own best response, and the price of unspent tokens.

    Attributes
    ----------
    primal_value
        Expected weighted number of right answers of the allocation.
    dual_bound
        No allocation within the budget is worth more. ``-inf`` where none is feasible.
    price
        The price that gave the bound, weighted success per token.
    shortfall
        What each query misses at this price against its best response, shape (n,), >= 0.
    slack
        Unspent tokens; negative would mean an overspent budget.
    bound_violation
        Tokens by which a floor or ceiling is broken, the worst over the queries.
    """

    primal_value: float
    dual_bound: float
    price: float
    shortfall: np.ndarray
    slack: float
    bound_violation: float

    @property
    def gap(self) -> float:
        """Duality gap, weighted success, >= 0: the allocation is at most this far from optimal."""
        if not np.isfinite(self.dual_bound):
            return np.inf
        return max(self.dual_bound - self.primal_value, 0.0)

    @property
    def relative_gap(self) -> float:
        """Gap as a share of the dual bound; zero where both are zero."""
        if self.gap == 0.0:
            return 0.0
        return self.gap / self.dual_bound if self.dual_bound > 0 else np.inf

    @property
    def primal_residual(self) -> float:
        """Tokens by which the budget, a floor or a ceiling is broken; zero if feasible."""
        return max(0.0, -self.slack, self.bound_violation)

    @property
    def dual_residual(self) -> float:
        """How far the price is below zero, success per token; zero if dual feasible."""
        return max(0.0, -self.price)

    @property
    def complementarity(self) -> float:
        """Price of the unspent tokens, weighted success: the part of the gap they explain."""
        return abs(self.price * self.slack)

    @property
    def stationarity(self) -> float:
        """Largest shortfall of a single query against its best response, weighted success."""
        return float(self.shortfall.max(initial=0.0))

    def __repr__(self) -> str:
        return (
            f"Certificate(value={self.primal_value:.6g}, bound={self.dual_bound:.6g}, "
            f"gap={self.gap:.2g}, price={self.price:.4g})"
        )

"""Proof of quality: how far an allocation can be from the best one, whatever produced it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from clear_opt._numerics.arrays import show_read_only


@dataclass(frozen=True)
class Row:
    """One coupling constraint of a solved problem: its price, and how far it is used.

    Attributes
    ----------
    name
        What the constraint is called, e.g. ``"budget"``.
    price
        What relaxing the constraint by one unit would gain, weighted success per unit, >= 0. For
        a limit that is one unit more to spend, for a guarantee one unit less to grant.
    amount
        Right-hand side, in units.
    used
        What the allocation uses of a limit, or grants of a guarantee, in units.
    unit
        ``"tokens"``, ``"queries"``, or the name of another resource.
    at_most
        Whether ``used`` must not exceed the amount (a limit) or not fall short of it.
    reserve
        Units of the amount kept back, so that a limit on expected spend holds with the probability
        asked for; ``used`` includes it.
    """

    name: str
    price: float
    amount: float
    used: float
    unit: str = "tokens"
    at_most: bool = True
    reserve: float = 0.0

    @property
    def slack(self) -> float:
        """Units by which the constraint is kept; negative where it is broken."""
        return self.amount - self.used if self.at_most else self.used - self.amount

    @property
    def binds(self) -> bool:
        """Whether one unit more or less would change what is reached."""
        return self.price > 0


@dataclass(frozen=True, eq=False, repr=False)
class Certificate:
    """A dual bound beside a primal value, taken apart query by query.

    For every price lambda >= 0 the number

        g(lambda) = lambda B + sum_i max over b of (w_i U_i(b) - lambda b)

    is at least the value of the best allocation (the mathematics, section 4); with several
    constraints there is one price for each. The gap between the bound and an allocation's own value
    is a sum of terms that are never negative: what each query misses against its own best response,
    and the price of what is left of each constraint. Where limits hold with a probability, what is
    kept back depends on the spread of the answer; the bound then understates it and holds for every
    spread, and that adds to the gap (section 9).

    Attributes
    ----------
    primal_value
        Expected weighted number of right answers of the allocation.
    dual_bound
        No allocation within the budget is worth more. ``-inf`` where none is feasible.
    rows
        The coupling constraints, the budget first, each with the price that gave the bound.
    shortfall
        What each query misses at these prices against its best response, shape (n,), >= 0.
    bound_violation
        Tokens by which a floor or ceiling is broken, the worst over the queries.
    """

    primal_value: float
    dual_bound: float
    rows: tuple[Row, ...]
    shortfall: np.ndarray
    bound_violation: float

    def __post_init__(self) -> None:
        show_read_only(self)

    @property
    def price(self) -> float:
        """Price of the first row, weighted success per unit, >= 0."""
        return self.rows[0].price

    @property
    def slack(self) -> float:
        """Unspent units of the first row; negative would mean an overspent budget."""
        return self.rows[0].slack

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
        """Units by which a row, a floor or a ceiling is broken, the worst; zero if feasible."""
        return max(0.0, self.bound_violation, *(-row.slack for row in self.rows))

    @property
    def dual_residual(self) -> float:
        """How far a price is below zero, success per unit; zero if dual feasible."""
        return max(0.0, *(-row.price for row in self.rows))

    @property
    def complementarity(self) -> float:
        """Price of what is left unspent, weighted success: the part of the gap it explains."""
        return sum(abs(row.price * row.slack) for row in self.rows)

    @property
    def stationarity(self) -> float:
        """Largest shortfall of a single query against its best response, weighted success."""
        return float(self.shortfall.max(initial=0.0))

    def __repr__(self) -> str:
        return (
            f"Certificate(value={self.primal_value:.6g}, bound={self.dual_bound:.6g}, "
            f"gap={self.gap:.2g}, price={self.price:.4g})"
        )

"""Caps below break-even, which only a limit that holds with a probability can make the best."""

from __future__ import annotations

import numpy as np

from clear_opt.solvers.program.assignment import use_of
from clear_opt.solvers.program.lagrangian import LagrangianDual
from clear_opt.solvers.program.offer_responses import DiscreteChoices


def bound_of(dual: LagrangianDual, prices: np.ndarray) -> float:
    """Return the dual bound of prices >= 0, shape (m,), over caps below break-even too."""
    return float(prices @ dual.limits + best_payoff(dual, prices).sum())


def best_payoff(dual: LagrangianDual, prices: np.ndarray) -> np.ndarray:
    """Return the payoff of each query's best state at prices, shape (n,).

    A cap below break-even is no state of the dual: a mixture of idle and break-even spends no
    more and is worth more. But it may vary more, and where variance is charged such caps count.

    Parameters
    ----------
    dual
        A program's rows and states.
    prices
        Of the rows, shape (m,).
    """
    best = dual.price_states(prices).payoff.max(axis=0)
    if dual.reserve is None:
        return best
    floor, pinned = dual.program.floor, dual.program.pinned
    for k, offered in enumerate(dual.free_choices):
        assert isinstance(
            offered, DiscreteChoices
        )  # variance is charged where expected spend counts
        below = offered.points.caps < offered.breakeven_cap[:, None]
        caps = offered.points.caps[:, below.any(axis=0)].T
        able = offered.can_fund & (offered.floor_funds | ~pinned)
        able = able & (caps > floor) & (caps < offered.breakeven_cap)
        payoff = offered.utility_at(caps) - np.tensordot(prices, use_of(dual, k, caps), 1)
        best = np.maximum(best, np.where(able, payoff, -np.inf).max(axis=0, initial=-np.inf))
    return best

"""Caps below break-even, which only a limit that holds with a probability can make the best."""

from __future__ import annotations

import numpy as np

from clear_opt.solvers.program.assignment import use_of
from clear_opt.solvers.program.lagrangian import System
from clear_opt.solvers.program.offer_responses import PointLane


def bound_of(system: System, prices: np.ndarray) -> float:
    """Give the dual bound of prices >= 0, shape (m,), over caps below break-even too."""
    return float(prices @ system.limits + best_payoff(system, prices).sum())


def best_payoff(system: System, prices: np.ndarray) -> np.ndarray:
    """Give the payoff of each query's best state at prices, shape (n,).

    A cap below break-even is no state of a `System`: a mixture of rest and break-even spends no
    more and is worth more. But it may vary more, and where variance is charged such caps count.

    Parameters
    ----------
    system
        A program's rows and states.
    prices
        Of the rows, shape (m,).
    """
    best = system.price_states(prices).payoff.max(axis=0)
    if system.margin is None:
        return best
    floor, pinned = system.program.floor, system.program.pinned
    for k, lane in enumerate(system.free_lanes):
        assert isinstance(lane, PointLane)  # variance is charged where expected spend counts
        below = lane.points.caps < lane.entry_cap[:, None]
        caps = lane.points.caps[:, below.any(axis=0)].T
        able = lane.open & (lane.past_threshold | ~pinned)
        able = able & (caps > floor) & (caps < lane.entry_cap)
        payoff = lane.utility_at(caps) - np.tensordot(prices, use_of(system, k, caps), 1)
        best = np.maximum(best, np.where(able, payoff, -np.inf).max(axis=0, initial=-np.inf))
    return best

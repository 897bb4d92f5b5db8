"""Simple ways to spend a budget, for comparison: what people do without a shadow price.

Each takes an `AllocationProblem` and gives an `Allocation` certified at the problem's clearing
price, so that its gap says what the simplicity costs on the same curves.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from clear_opt._numerics.blocks import NEARLY, floor_to_block
from clear_opt._numerics.root_finding import first_integer
from clear_opt.policies.leftover import as_claims
from clear_opt.problem import AllocationProblem
from clear_opt.problem.allocation import Allocation
from clear_opt.solvers.base import build_allocation, trivial_allocation
from clear_opt.solvers.budget.baselines import (
    prefix_tokens,
    proportional_tokens,
    uniform_tokens,
    water_filling,
)
from clear_opt.solvers.budget.dual import find_price

Policy = Callable[[AllocationProblem], Allocation]


def uniform(problem: AllocationProblem) -> Allocation:
    """Return every query the same cap, within floors and ceilings.

    Examples
    --------
    >>> from clear_opt import ShiftedSurge
    >>> curves = ShiftedSurge.from_height(tau=[100, 400], height=[0.9, 0.5], width=[50, 200])
    >>> uniform(AllocationProblem(curves, budget=300)).tokens
    array([150, 150])
    """
    return _certified(problem, "uniform", uniform_tokens)


def proportional(problem: AllocationProblem) -> Allocation:
    """Return caps in proportion to the (predicted) thresholds, within floors and ceilings."""
    return _certified(problem, "proportional", proportional_tokens)


def self_estimate(problem: AllocationProblem, estimate: Any) -> Allocation:
    """Return caps in proportion to the lengths that a model says it will need.

    Parameters
    ----------
    problem : AllocationProblem
        What to allocate.
    estimate : array-like, shape (n,)
        The length each query is said to take, >= 0, in any unit.

    Raises
    ------
    InvalidInputError
        If there is not one number >= 0 for each query.

    Examples
    --------
    >>> from clear_opt import ShiftedSurge
    >>> curves = ShiftedSurge.from_height(tau=[100, 400], height=[0.9, 0.5], width=[50, 200])
    >>> self_estimate(AllocationProblem(curves, budget=300), [150, 300]).tokens
    array([100, 200])

    Notes
    -----
    The manner of TALE-EP (arXiv 2412.18547), whose prompt asks the model for its own budget; here
    the estimates are scaled so that together they fit the budget of the batch. Where all are zero,
    caps are equal.
    """
    claims = as_claims("estimate", estimate, len(problem))
    claims = claims if claims.any() else np.ones(len(problem))
    return _certified(problem, "self_estimate", lambda problem: water_filling(problem, claims))


def threshold_prefix(problem: AllocationProblem) -> Allocation:
    """Fund queries to their peaks, cheapest threshold first, until the budget runs out."""
    return _certified(problem, "threshold_prefix", prefix_tokens)


def auction(problem: AllocationProblem, *, increment: float = 0.01) -> Allocation:
    """Raise one price in steps until the queries' own demand fits the budget.

    Parameters
    ----------
    problem : AllocationProblem
        What to allocate.
    increment : float, default=0.01
        Relative step of the price, > 0.

    Notes
    -----
    An ascending-price (clock) auction without the solver's last mile: the marginal query is left
    out and what remains is not spent.
    """

    def clock(problem: AllocationProblem) -> np.ndarray:
        envelope, block = problem.envelope, problem.block
        dearest = envelope.max_breakeven_price * (1 + increment)

        def caps(price: float) -> np.ndarray:
            asked = floor_to_block(envelope.response(price), block, NEARLY)
            return np.maximum(asked, problem.floor)

        if caps(0.0).sum() <= problem.budget:
            return caps(0.0)

        # The clock's ticks are dearest * (1 + increment)^-k; demand falls along them, so the
        # tick at which the clock stops is found by doubling and bisection.
        def within(tick: int) -> bool:
            return caps(dearest * (1 + increment) ** -tick).sum() <= problem.budget

        fits, tight = 0, 1
        while within(tight) and tight < 1 << 16:
            fits, tight = tight, 2 * tight
        over = first_integer(lambda k: not within(k), fits, tight)
        return caps(dearest * (1 + increment) ** -(over - 1))

    return _certified(problem, "auction", clock)


POLICIES: dict[str, Policy] = {
    "uniform": uniform,
    "proportional": proportional,
    "threshold_prefix": threshold_prefix,
    "auction": auction,
}
"""The policies by name, in the order in which tables show them."""


def _certified(
    problem: AllocationProblem, name: str, rule: Callable[[AllocationProblem], np.ndarray]
) -> Allocation:
    trivial = trivial_allocation(problem, solver=name, throw=True)
    if trivial is not None:
        return trivial
    return build_allocation(problem, rule(problem), find_price(problem), solver=name, policy=True)

"""The cheapest budget for a target: the value of a budget, turned around."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import singledispatch
from typing import Any, Literal

import numpy as np

from clear_opt import defaults
from clear_opt._numerics.blocks import ceil_to_block
from clear_opt.errors import InvalidInputError
from clear_opt.problem import AllocationProblem, Program
from clear_opt.problem.allocation import Allocation
from clear_opt.solvers import solve
from clear_opt.solvers.budget.clearing_price import MarketClearing
from clear_opt.solvers.budget.demand import DemandCurve, demand_curve

TargetMeasure = Literal["accuracy", "share"]

_ROUNDING = 1e-12  # relative; a sum of many terms may fall short of itself by this much
_SOLVES = 64  # enough to bisect any budget; a dozen are the rule


@dataclass(frozen=True, eq=False, repr=False)
class CheapestBudget:
    """A budget that reaches a target, beside a proof that none much smaller does.

    Attributes
    ----------
    budget
        Tokens, in whole blocks; ``allocation`` spends at most this much. For a `Program`, whole
        tokens or units of its first limit, to four digits after the leading one.
    at_least
        No budget below this many tokens (in whole blocks) or units reaches the target: proven by
        the dual bound, whatever the allocation.
    allocation
        `solve`'s answer for ``budget``; it reaches the target.
    target
        What was asked for, in [0, 1].
    measure
        ``"accuracy"`` or ``"share"``; see `cheapest_budget`.
    reached
        What the allocation reaches, by the same measure; at least ``target``.
    solves
        How many budgets were solved on the way.
    """

    budget: float
    at_least: float
    allocation: Allocation
    target: float
    measure: TargetMeasure
    reached: float
    solves: int

    def __repr__(self) -> str:
        return (
            f"CheapestBudget(budget={self.budget:.15g}, at_least={self.at_least:.10g}, "
            f"{self.measure}={self.reached:.6g}, target={self.target:g})"
        )


@singledispatch
def cheapest_budget(
    problem: Any, target: float, measure: TargetMeasure = "accuracy"
) -> CheapestBudget:
    """Find the cheapest budget that reaches a target.

    Parameters
    ----------
    problem
        An `AllocationProblem` or a `Program`; its own budget, or first limit, plays no part.
    target
        In [0, 1].
    measure
        ``"accuracy"``: the target is the weighted mean chance of a right answer, value divided by
        the sum of the weights. ``"share"``: it is a share of the most that any budget reaches.

    Returns
    -------
    CheapestBudget
        A whole-token budget with the allocation that reaches the target, and a lower bound below
        which no budget does. They lie a few tokens apart in a large batch, and less than one
        query's needs apart in a small one.

    Raises
    ------
    InvalidInputError
        If the target is no number in [0, 1], or more than any budget reaches; the message says what
        is the most. If the measure is not known, or there are no queries.

    Examples
    --------
    >>> from clear_opt import AllocationProblem, ShiftedSurge
    >>> tau, height, width = [80, 90, 900], [0.9, 0.7, 0.2], [60, 70, 500]
    >>> curves = ShiftedSurge.from_height(tau, height, width)
    >>> problem = AllocationProblem(curves, budget=0)
    >>> cheapest_budget(problem, 0.5)
    CheapestBudget(budget=259, at_least=258, accuracy=0.501619, target=0.5)
    >>> cheapest_budget(problem, 0.5, "share").allocation.tokens
    array([140,   0,   0])

    Notes
    -----
    The relaxed problem's value rises as the price falls, so the price at which it meets the target
    is found as a clearing price is. For every price, lambda B plus a constant bounds what a budget
    is worth; at this price that gives the lower bound. From there a few solves, by secant and
    bisection, close in on a whole-token answer.
    """
    raise InvalidInputError(
        "has no budgets",
        column="problem",
        value=problem,
        remedy="give an AllocationProblem or a Program",
    )


@cheapest_budget.register
def _(
    problem: AllocationProblem, target: float, measure: TargetMeasure = "accuracy"
) -> CheapestBudget:
    check_target(problem, target, measure)
    demand, block = demand_curve(problem), problem.block
    ends = ceil_to_block(np.asarray(problem.envelope.end), block)
    ample = min(np.maximum(np.minimum(ends, problem.ceiling), problem.floor).sum(), _most(block))
    search = _Search(problem)
    most = search.value(int(ample // block))
    full = float(problem.weight.sum()) if measure == "accuracy" else most
    wanted = target * full
    if wanted > most * (1 + _ROUNDING):
        raise InvalidInputError(
            f"cannot be reached: the most that any budget reaches is {_downwards(most / full)}",
            column="target",
            value=target,
            remedy="ask for no more than that",
        )
    wanted = min(wanted, most) * (1 - _ROUNDING)
    low = min(max(_relaxed(demand, wanted), demand.demand_min), ample)
    at_least = math.ceil(low * (1 - _ROUNDING) / block)
    blocks = search.cheapest(wanted, at_least, int(ample // block))
    allocation = search.answers[blocks]
    return CheapestBudget(
        budget=blocks * block,
        at_least=at_least * block,
        allocation=allocation,
        target=float(target),
        measure=measure,
        reached=allocation.expected_utility / full if full > 0 else 1.0,
        solves=len(search.answers),
    )


class _Search:
    """Solves by budget, in blocks, each at most once."""

    def __init__(self, problem: AllocationProblem) -> None:
        self.problem = problem
        self.answers: dict[int, Allocation] = {}

    def value(self, blocks: int) -> float:
        if blocks not in self.answers:
            other = self.problem.with_budget(float(blocks * self.problem.block))
            self.answers[blocks] = solve(other)
        return self.answers[blocks].expected_utility

    def cheapest(self, wanted: float, low: int, high: int) -> int:
        """Return a number of blocks from ``low`` to ``high`` that reaches what is wanted.

        One less does not, unless the search ran out of solves. ``high`` is known to reach it.
        """
        if self.value(low) >= wanted:
            return low
        stride = 1
        while low + stride < high and len(self.answers) < _SOLVES:
            # What is missing at the price of the last answer, or twice as far as before.
            last = self.answers[low]
            missing = (wanted - last.expected_utility) / last.price if last.price > 0 else 0.0
            step = max(min(math.ceil(missing / self.problem.block), high - low - 1), stride)
            if self.value(min(low + step, high)) >= wanted:
                high = min(low + step, high)
                break
            low, stride = low + step, 2 * stride
        while high - low > 1 and len(self.answers) < _SOLVES:
            middle = (low + high) // 2
            low, high = (low, middle) if self.value(middle) >= wanted else (middle, high)
        return high


def _relaxed(demand: DemandCurve, wanted: float) -> float:
    """Return the tokens at which the relaxed problem is worth what is wanted."""
    if wanted <= demand.value_min:
        return demand.demand_min
    at = MarketClearing(demand, "value").clear(min(wanted, demand.value_max))
    tokens, value = demand.tokens(at.above, at.price), demand.value(at.above, at.price)
    if at.price == 0.0:
        return tokens
    # From the dual: lambda B + (value - lambda tokens) >= what B is worth, for every budget B.
    return tokens + (wanted - value) / at.price


def check_target(problem: AllocationProblem | Program, target: Any, measure: str) -> None:
    """Refuse a target or measure that cannot be used, and a problem without queries."""
    if measure not in ("accuracy", "share"):
        raise InvalidInputError(
            "is not known", column="measure", value=measure, remedy="use 'accuracy' or 'share'"
        )
    try:
        within = 0 <= float(target) <= 1
    except (TypeError, ValueError):
        within = False
    if not within:
        raise InvalidInputError(
            "must be a number from 0 to 1",
            column="target",
            value=target,
            remedy="0.6 means 60 %",
        )
    if len(problem) == 0:
        raise InvalidInputError("has no queries", column="problem", remedy="add one")


def _most(block: int) -> int:
    return defaults.MOST_TOKENS // block * block


def _downwards(share: float) -> str:
    """Write a share with six digits, rounded down, so that asking for it works."""
    return f"{math.floor(share * 1e6) / 1e6:.6g}"

"""Frontiers: what each way of spending gets out of a budget, over many budgets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from clear_opt import defaults
from clear_opt.curves import Curve
from clear_opt.errors import InvalidInputError
from clear_opt.policies import POLICIES, Policy
from clear_opt.problem import AllocationProblem
from clear_opt.solvers.budget.dual import DualSolver

CLEAR = "clear"
"""Name of the solver's own answer among the policies."""


@dataclass(frozen=True, eq=False, repr=False)
class Frontier:
    """Expected accuracy of each policy at each budget, on given curves.

    Attributes
    ----------
    tokens_per_query : array, shape (m,)
        Budgets divided by the number of queries, ascending.
    accuracy : mapping of str to array, shape (m,)
        For each policy the expected share of right answers, weighted.
    bound : array, shape (m,)
        Dual bound on that share: no allocation does better.
    price : array, shape (m,)
        Shadow price at each budget, weighted success per token.
    """

    tokens_per_query: np.ndarray
    accuracy: Mapping[str, np.ndarray]
    bound: np.ndarray
    price: np.ndarray

    def __repr__(self) -> str:
        low, high = self.tokens_per_query[[0, -1]]
        return (
            f"Frontier({', '.join(self.accuracy)}; {len(self.bound)} budgets, "
            f"{low:g} to {high:g} tokens per query)"
        )


def frontier(
    curves: Curve,
    tokens_per_query: Sequence[float],
    *,
    policies: Mapping[str, Policy] = POLICIES,
    floor: Any = defaults.FLOOR,
    ceiling: Any = None,
    weight: Any = 1.0,
    block: int = defaults.BLOCK,
) -> Frontier:
    """Compare policies with the solver over a range of budgets.

    Parameters
    ----------
    curves : Curve
        One utility curve per query, n >= 1 queries.
    tokens_per_query : sequence of float
        Budgets, each a mean per query, >= 0, at least one; the total is rounded to whole tokens.
    policies : mapping of str to Policy, optional
        What to compare with the solver.
    floor, ceiling, weight : array-like, shape (n,), optional
        As for `AllocationProblem`.
    block : int, optional
        As for `AllocationProblem`.

    Returns
    -------
    Frontier
        With the solver's answer last, under the name ``"clear"``.

    Raises
    ------
    InvalidInputError
        If there is no query or no budget.
    InfeasibleError
        If the floors exceed a budget.

    Examples
    --------
    >>> from clear_opt import ShiftedSurge
    >>> curves = ShiftedSurge.from_height(tau=[100, 400], height=[0.9, 0.5], width=[50, 200])
    >>> found = frontier(curves, [75, 150])
    >>> found.accuracy["uniform"].round(3), found.accuracy["clear"].round(3)
    (array([0.  , 0.45]), array([0.45, 0.45]))
    """
    budgets = np.sort(np.asarray(tokens_per_query, dtype=np.float64))
    n = len(curves)
    if n == 0 or budgets.size == 0:
        raise InvalidInputError(
            "a frontier needs at least one query and one budget",
            remedy=f"there are {n} queries and {budgets.size} budgets",
        )
    accuracy: dict[str, list[float]] = {name: [] for name in (*policies, CLEAR)}
    bound, price = [], []
    for budget in np.round(budgets * n):
        problem = AllocationProblem(curves, budget, floor, ceiling, weight, block)
        best = DualSolver().solve(problem)
        total = float(np.sum(problem.weight))
        for name, policy in policies.items():
            accuracy[name].append(policy(problem).expected_utility / total)
        accuracy[CLEAR].append(best.expected_utility / total)
        bound.append(best.dual_bound / total)
        price.append(best.price)
    return Frontier(
        tokens_per_query=budgets,
        accuracy={name: np.array(values) for name, values in accuracy.items()},
        bound=np.array(bound),
        price=np.array(price),
    )

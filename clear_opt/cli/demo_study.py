"""What the demo computes: every policy at one tight budget, and the frontier over many."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from clear_opt.curves import Curve
from clear_opt.evaluation import CLEAR, Frontier, frontier
from clear_opt.policies import POLICIES
from clear_opt.problem import AllocationProblem
from clear_opt.problem.allocation import Allocation
from clear_opt.solvers import CrossCheck, cross_check

TOKENS_PER_QUERY = (25, 50, 75, 100, 150, 200, 300, 400, 600, 800, 1100, 1500)
"""Budgets of the frontier."""


@dataclass(frozen=True, repr=False)
class Study:
    """The demo's results.

    Attributes
    ----------
    answers
        Each policy's allocation at the tight budget; the solver's own, ``"clear"``, is last.
    check
        The dual and the conic solver on the same problem.
    frontier
        Expected accuracy over `TOKENS_PER_QUERY`.
    """

    answers: Mapping[str, Allocation]
    check: CrossCheck
    frontier: Frontier

    @property
    def best(self) -> Allocation:
        """The solver's own allocation."""
        return self.answers[CLEAR]

    def __repr__(self) -> str:
        return f"Study({self.best!r})"


def study(curves: Curve, budget: float) -> Study:
    """Compare policies on given curves.

    Parameters
    ----------
    curves
        One utility curve per query, n >= 1 queries.
    budget
        The tight budget, tokens.
    """
    problem = AllocationProblem(curves, budget)
    check = cross_check(problem)
    answers = {name: policy(problem) for name, policy in POLICIES.items()}
    return Study(
        answers={**answers, CLEAR: check.dual},
        check=check,
        frontier=frontier(curves, TOKENS_PER_QUERY),
    )

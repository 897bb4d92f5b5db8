"""The closed-form Lagrangian solver: one price answers every query."""

from __future__ import annotations

import time
from dataclasses import dataclass

from clear_opt._numerics.array_namespace import saturating
from clear_opt.problem import AllocationProblem, Program
from clear_opt.problem.allocation import Allocation
from clear_opt.solvers.base import BaseSolver, build_allocation
from clear_opt.solvers.budget.primal_recovery import recover
from clear_opt.solvers.budget.sampled_bracket import clear


@saturating
def find_price(problem: AllocationProblem) -> float:
    """Return a feasible problem's clearing price (n >= 1), exact to rounding."""
    return clear(problem)[1]


@dataclass(frozen=True)
class DualSolver(BaseSolver):
    """Minimise the dual bound over the price, then recover whole tokens.

    Sections 5 and 6 of the mathematics say how. Works for every curve family; its time grows in
    proportion to n. The price is exact to rounding.

    Examples
    --------
    >>> from clear_opt import AllocationProblem, ShiftedSurge
    >>> curves = ShiftedSurge.from_height(tau=[100, 400], height=[0.9, 0.5], width=[50, 200])
    >>> DualSolver().solve(AllocationProblem(curves, budget=300)).tokens
    array([150,   0])
    """

    @property
    def name(self) -> str:
        """Name in results and messages."""
        return "dual"

    def solve_budget(self, problem: AllocationProblem) -> Allocation:
        """Solve a feasible problem of n >= 1 queries."""
        begun = time.perf_counter()
        _ = problem.envelope  # built once, on first use
        built = time.perf_counter()
        demand, price = clear(problem)
        tokens = recover(problem, price, demand)
        return build_allocation(
            problem,
            tokens,
            price,
            solver=self.name,
            build_seconds=built - begun,
            solve_seconds=time.perf_counter() - built,
        )

    def solve_program(self, program: Program, *, throw: bool) -> Allocation:
        """Solve a program that is more than one budget of tokens."""
        from clear_opt.solvers.program import solve_program  # brings SciPy's programs

        return solve_program(program, throw=throw)

"""The closed-form Lagrangian solver: one price, found by JAX, answers every query."""

from __future__ import annotations

import time
from dataclasses import dataclass

from clear_opt._numerics.array_namespace import saturating
from clear_opt.problem import AllocationProblem, Program
from clear_opt.problem.allocation import Allocation
from clear_opt.solvers.base import answer, checked, empty_answer, infeasible_answer
from clear_opt.solvers.budget.primal_recovery import recover
from clear_opt.solvers.budget.sampled_bracket import clear


@saturating
def find_price(problem: AllocationProblem) -> float:
    """Give a feasible problem's clearing price (n >= 1), exact to rounding."""
    return clear(problem)[1]


@dataclass(frozen=True)
class DualSolver:
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

    @saturating
    def solve(self, problem: AllocationProblem | Program, *, throw: bool = True) -> Allocation:
        """Allocate the budget.

        Parameters
        ----------
        problem
            What to allocate.
        throw
            Whether an infeasible problem or a failed solve raises; else its status says so.

        Returns
        -------
        Allocation

        Raises
        ------
        InfeasibleError
            If the floors exceed the budget, or the constraints of a program contradict each other.
        """
        if isinstance(problem, Program):
            return self._solve_program(problem, throw=throw)
        if len(problem) == 0:
            return empty_answer(problem, solver=self.name)
        if not problem.feasible:
            return infeasible_answer(problem, solver=self.name, throw=throw)
        begun = time.perf_counter()
        _ = problem.envelope  # built once, on first use
        built = time.perf_counter()
        ladder, price = clear(problem)
        tokens = recover(problem, price, ladder)
        allocation = answer(
            problem,
            tokens,
            price,
            solver=self.name,
            build_seconds=built - begun,
            solve_seconds=time.perf_counter() - built,
        )
        return checked(allocation, throw=throw)

    def _solve_program(self, program: Program, *, throw: bool) -> Allocation:
        from clear_opt.solvers.program import in_terms_of, solve_program  # brings SciPy's programs

        plain = program.plain()
        if plain is None:
            return solve_program(program, throw=throw)
        return in_terms_of(program, self.solve(plain, throw=throw))

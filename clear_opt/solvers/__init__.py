"""The solvers: a closed-form dual in JAX, an exact convex program in cvxpy, one front door."""

from __future__ import annotations

from typing import Literal, NamedTuple

from clear_opt.allocation import Allocation
from clear_opt.errors import InvalidInputError
from clear_opt.problem import AllocationProblem
from clear_opt.program import Program
from clear_opt.solvers.base import Solver
from clear_opt.solvers.conic import ConicSolver
from clear_opt.solvers.cross_check import CrossCheck, cross_check
from clear_opt.solvers.dual import DualSolver

__all__ = [
    "Choice",
    "ConicSolver",
    "CrossCheck",
    "DualSolver",
    "Solver",
    "choose_solver",
    "cross_check",
    "solve",
]

SolverName = Literal["auto", "dual", "conic"]


class Choice(NamedTuple):
    """Which solver ``"auto"`` takes, and why."""

    solver: Solver
    reason: str


def choose_solver(problem: AllocationProblem | Program) -> Choice:
    """Say which solver ``solve(problem)`` will use.

    The rules, in order:

    1. One budget row, any curve family, floors, ceilings, weights, blocks: the dual solver. It is
       exact to rounding and its time grows as n log n.
    2. A program of several offers or constraints, or of expected spend: the dual solver again, by
       one price per constraint. Its time grows as n times the number of offers.
    3. (The conic solver is chosen on request, and by `cross_check`, as the second opinion. For a
       program of several offers or constraints it takes surge, quadratic, triangular and tabular
       curves, and every curve where expected spend counts; it refuses Hill and logistic curves
       where caps count, which only the dual solver takes.)

    Examples
    --------
    >>> from clear_opt import AllocationProblem, ShiftedSurge
    >>> problem = AllocationProblem(ShiftedSurge.from_height(100, 0.9, 50), budget=300)
    >>> choose_solver(problem).solver.name
    'dual'
    """
    if isinstance(problem, Program) and problem.plain() is None:
        return Choice(DualSolver(), "one price per constraint, whatever the number of queries")
    return Choice(DualSolver(), "one budget row: the price has a closed-form response")


def solve(
    problem: AllocationProblem | Program,
    solver: SolverName | Solver = "auto",
    *,
    throw: bool = True,
) -> Allocation:
    """Allocate a token budget over queries.

    Parameters
    ----------
    problem
        An `AllocationProblem`: curves, budget, floors, ceilings, weights, block size. Or a
        `Program`: several offers and constraints, expected spend.
    solver
        ``"auto"`` (see `choose_solver`), ``"dual"``, ``"conic"``, or a solver object.
    throw
        Whether an infeasible problem or a failed solve raises; otherwise the allocation's status
        says so and its caps are not to be used.

    Returns
    -------
    Allocation
        Whole-token caps within the budget, the shadow price, and a certificate.

    Raises
    ------
    InfeasibleError
        If the floors alone exceed the budget, or the constraints of a program contradict each
        other: the message names the smallest set of them that does.
    SolverError
        If the solver stopped without an answer it can vouch for.
    InvalidInputError
        If the solver's name is not known.
    """
    if not isinstance(solver, str):
        return solver.solve(problem, throw=throw)
    named: dict[str, type[DualSolver] | type[ConicSolver]] = {
        "dual": DualSolver,
        "conic": ConicSolver,
    }
    if solver == "auto":
        return choose_solver(problem).solver.solve(problem, throw=throw)
    if solver not in named:
        raise InvalidInputError(
            "is not known", column="solver", value=solver, remedy="use 'auto', 'dual' or 'conic'"
        )
    return named[solver]().solve(problem, throw=throw)

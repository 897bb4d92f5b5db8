"""The solvers: a closed-form dual, an exact convex program in cvxpy, one front door.

cvxpy takes longer to load than most batches to solve, so it is loaded by those who ask for it.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from clear_opt.errors import InvalidInputError
from clear_opt.problem import AllocationProblem, Program
from clear_opt.problem.allocation import Allocation
from clear_opt.solvers.base import BaseSolver, Solver, build_allocation
from clear_opt.solvers.budget.dual import DualSolver
from clear_opt.solvers.reduction import SingleBudget

if TYPE_CHECKING:
    from clear_opt.solvers.conic.solver import ConicSolver
    from clear_opt.solvers.crosscheck import CrossCheck, cross_check
    from clear_opt.solvers.program.priced_caps import PricedCaps, caps_at_prices

__all__ = [
    "BaseSolver",
    "Choice",
    "ConicSolver",
    "CrossCheck",
    "DualSolver",
    "PricedCaps",
    "Solver",
    "build_allocation",
    "caps_at_prices",
    "choose_solver",
    "cross_check",
    "solve",
]

_HOME = {
    "ConicSolver": "clear_opt.solvers.conic.solver",
    "CrossCheck": "clear_opt.solvers.crosscheck",
    "PricedCaps": "clear_opt.solvers.program.priced_caps",
    "caps_at_prices": "clear_opt.solvers.program.priced_caps",
    "cross_check": "clear_opt.solvers.crosscheck",
}

SolverName = Literal["auto", "dual", "conic"]


class Choice(NamedTuple):
    """Which solver ``"auto"`` takes, and why."""

    solver: Solver
    reason: str


def choose_solver(problem: AllocationProblem | Program) -> Choice:
    """Return which solver ``solve(problem)`` will use.

    The rules, in order:

    1. One budget row, any curve family, floors, ceilings, weights, blocks: the dual solver. It is
       exact to rounding and its time grows in proportion to n.
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
    reason = "one budget row: the price has a closed-form response"
    if isinstance(problem, Program) and SingleBudget.apply(problem) is None:
        reason = "one price per constraint, whatever the number of queries"
    return Choice(DualSolver(), reason)


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
    return _named(solver, problem).solve(problem, throw=throw)


def _named(solver: str, problem: AllocationProblem | Program) -> Solver:
    match solver:
        case "auto":
            return choose_solver(problem).solver
        case "dual":
            return DualSolver()
        case "conic":
            from clear_opt.solvers.conic.solver import ConicSolver

            return ConicSolver()
        case _:
            raise InvalidInputError(
                "is not known",
                column="solver",
                value=solver,
                remedy="use 'auto', 'dual' or 'conic'",
            )


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'clear_opt.solvers' has no attribute {name!r}")
    value = getattr(import_module(_HOME[name]), name)
    globals()[name] = value
    return value

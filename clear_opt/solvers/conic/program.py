"""A program's exact convex relaxation in cvxpy: one price for each of its rows.

Section 7 of the mathematics, with several offers, rows and states of rest: every query is spread
over its states, shares adding up to one, and each coupling constraint is one row. Numbers are
constants, not parameters, so a program is read anew for each solve: that takes a few per cent of
solving it.
"""

from __future__ import annotations

import time
import warnings
from dataclasses import replace
from typing import NamedTuple

import cvxpy as cp
import numpy as np
from cvxpy.constraints.nonpos import Inequality

from clear_opt.defaults import CONIC_TOLERANCE
from clear_opt.problem import Program
from clear_opt.problem.allocation import Allocation
from clear_opt.solvers.conic.cvxpy_terms import at_most, duals_of, numbers, total
from clear_opt.solvers.conic.program_states import Units, blocks_of, check_families
from clear_opt.solvers.infeasibility.conflict import find_conflict
from clear_opt.solvers.program import LagrangianDual
from clear_opt.solvers.program.barrier_method import CoupledPrices
from clear_opt.solvers.program.certify import infeasible_program_allocation
from clear_opt.solvers.program.solver import priced, round_and_certify, solve_program

_TOLERANCES = (1e-11, 1e-9, 1e-7)  # the next where an interior point breaks down short of one
_SPARE = 1e-5  # a row this much below its right-hand side, relatively, does not bind
_SAME = 1e-12  # relative; what rounding may add to a bound


class RelaxedProgram(NamedTuple):
    """Optimum of a program's convex relaxation."""

    prices: np.ndarray
    """Dual of each row, weighted success per unit, >= 0, shape (m,), as the backend left it."""
    value: float
    """Optimal value, weighted success, recomputed from the recovered variables."""
    converged: bool
    """Whether the value meets the dual bound at the prices."""
    build_seconds: float
    solve_seconds: float


def solve_by_cones(program: Program, backend: str, *, throw: bool = True) -> Allocation:
    """Solve a program of any kind whose families have a convex program.

    Parameters
    ----------
    program
        What to allocate.
    backend
        A cvxpy solver that handles the cones.
    throw
        Whether an infeasible program or a failed solve raises; else its status says so.

    Raises
    ------
    InvalidInputError
        If an offer's curves have no exact convex program.
    InfeasibleError, SolverError
        If ``throw``, as for the dual solver.
    """
    begun = time.perf_counter()
    dual = LagrangianDual.of(program)
    check_families(dual)
    if len(program) == 0:
        return replace(solve_program(program, throw=throw, dual=dual), solver="conic")
    built = time.perf_counter()
    conflict = find_conflict(program, dual)
    if conflict is not None:
        return infeasible_program_allocation(dual, conflict, solver="conic", throw=throw)

    def find(dual: LagrangianDual, _: np.ndarray | None) -> CoupledPrices:
        found = relax_program(dual, backend)
        return CoupledPrices(found.prices, found.converged, 1)

    dual, found, caps = priced(dual, None, find)
    return round_and_certify(
        dual,
        found.prices,
        caps,
        solver="conic",
        converged=found.converged,
        throw=throw,
        build_seconds=built - begun,
        begun=built,
    )


def relax_program(dual: LagrangianDual, backend: str = "CLARABEL") -> RelaxedProgram:
    """Solve the convex relaxation of a feasible program of n >= 1 queries.

    Parameters
    ----------
    dual
        The program's rows and states.
    backend
        A cvxpy solver that handles the cones.

    Raises
    ------
    InvalidInputError
        If an offer's curves have no exact convex program.
    """
    check_families(dual)
    begun = time.perf_counter()
    n, unit = len(dual.program), _units(dual)
    blocks = blocks_of(dual, unit)
    rows = at_most(total(block.use for block in blocks), dual.limits / unit.rows)
    spread = total(block.owner(n) @ block.share for block in blocks) == np.ones(n)
    worth = cp.Maximize(total(block.value for block in blocks))
    own = [one for block in blocks for one in block.constraints]
    program = cp.Problem(worth, [rows, spread, *own])
    built = time.perf_counter()
    best = np.zeros(dual.m), -np.inf, np.inf
    for tolerance in _TOLERANCES:
        if not _run(program, backend, tolerance):
            continue
        prices = _prices(rows, dual, unit)
        value = sum(block.reached() for block in blocks)
        error = abs(dual.bound(prices) - value)
        if error < best[2]:
            best = prices, value, error
        # An interior point that stalled has told all it knows if its value meets the bound.
        if program.status == cp.OPTIMAL or error <= _TOLERANCES[1] * abs(value):
            break
    prices, value, error = best
    return RelaxedProgram(
        prices=prices,
        value=value,
        converged=np.isfinite(value) and error <= CONIC_TOLERANCE * max(abs(value), 1e-300),
        build_seconds=built - begun,
        solve_seconds=time.perf_counter() - built,
    )


def _prices(rows: Inequality, dual: LagrangianDual, unit: Units) -> np.ndarray:
    """Return the solved rows' duals in success per unit.

    Where there is something to spare, an interior point leaves a small positive number: it becomes
    zero if the dual bound does not rise. It would rise where a row is all but closed, and what it
    keeps out is worth little beside what could be had without it.
    """
    prices = duals_of(rows) * unit.value / unit.rows
    bound, spare = dual.bound(prices), -numbers(rows.expr)
    loose = spare > _SPARE * np.maximum(np.abs(dual.limits / unit.rows), 1.0)
    for index in np.flatnonzero(loose & (prices > 0)):
        without = prices.copy()
        without[index] = 0.0
        lower = dual.bound(without)
        if lower <= bound + _SAME * abs(bound):
            prices, bound = without, min(lower, bound)
    return prices


def _units(dual: LagrangianDual) -> Units:
    """Return units in which rows are about as large as their number of queries."""
    n = len(dual.program)
    usual = np.zeros(dual.m)
    for k, offered in enumerate(dual.free_choices):
        used = dual.rate[:, k] * offered.least + dual.fixed[:, k]
        usual = np.maximum(usual, np.where(offered.can_fund, used, 0.0).sum(axis=1))
    rows = np.where(dual.limits != 0, np.abs(dual.limits), usual) / n
    top = max(offered.utility_top for offered in dual.free_choices)
    return Units(np.where(rows > 0, rows, 1.0), top if top > 0 else 1.0)


def _run(program: cp.Problem, backend: str, tolerance: float) -> bool:
    """Solve to a tolerance; say whether there is a solution of some quality."""
    options = {}
    if backend == "CLARABEL":
        names = ("tol_gap_abs", "tol_gap_rel", "tol_feas")
        options = dict.fromkeys(names, tolerance)
        # Clarabel gives up its better scaling after the first short step, and then gets stuck
        # where many queries are unfunded: two of a hundred random programs failed so.
        options |= {"max_iter": 400, "min_switch_step_length": 1e-5}
    with warnings.catch_warnings():
        # What an inaccurate solution is worth is judged by the certificate.
        warnings.simplefilter("ignore")
        try:
            program.solve(solver=backend, **options)
        except cp.SolverError:
            return False
    return program.status in (cp.OPTIMAL, cp.OPTIMAL_INACCURATE)

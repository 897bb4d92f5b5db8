"""Solve a program by its prices: feasibility, prices, whole caps, certificate."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np

from clear_opt.problem.allocation import Allocation, Status
from clear_opt.problem.program import Program
from clear_opt.solvers.base import raise_for_status
from clear_opt.solvers.infeasibility.conflict import find_conflict
from clear_opt.solvers.infeasibility.explanation import asks_and_limits
from clear_opt.solvers.program.assignment import Assignment, best_of
from clear_opt.solvers.program.barrier_method import CoupledPrices, coupled_prices
from clear_opt.solvers.program.baseline import idle_assignment, simple_assignments
from clear_opt.solvers.program.certify import (
    build_program_allocation,
    infeasible_program_allocation,
)
from clear_opt.solvers.program.chance_bound import branch_on_variance
from clear_opt.solvers.program.chance_constraints import PriceSearch, chance_caps, chance_dual
from clear_opt.solvers.program.lagrangian import LagrangianDual
from clear_opt.solvers.program.primal_recovery import recover

_PROVEN = 1e-9  # relative gap at which an answer is the best one, whatever led to it


def solve_program(
    program: Program,
    *,
    throw: bool = True,
    start: np.ndarray | None = None,
    dual: LagrangianDual | None = None,
) -> Allocation:
    """Solve a program of any kind by the dual.

    Parameters
    ----------
    program
        What to allocate.
    throw
        Whether an infeasible program or a failed solve raises; else its status says so.
    start
        Prices of a similar program, shape (constraints,), to start from.
    dual
        Its rows, where they are at hand.

    Raises
    ------
    InfeasibleError
        If ``throw`` and constraints contradict each other: the message names the smallest set.
    SolverError
        If ``throw`` and no whole caps were found, or the prices did not repair_and_improve.
    """
    begun = time.perf_counter()
    dual = LagrangianDual.of(program) if dual is None else dual
    if len(program) == 0:
        return build_program_allocation(
            idle_assignment(dual), np.zeros(dual.m), solver="dual", status=Status.EMPTY
        )
    built = time.perf_counter()
    conflict = find_conflict(program, dual)
    if conflict is not None:
        return infeasible_program_allocation(dual, conflict, solver="dual", throw=throw)
    dual, found, caps = priced(dual, start)
    return round_and_certify(
        dual,
        found.prices,
        caps,
        solver="dual",
        converged=found.converged,
        throw=throw,
        build_seconds=built - begun,
        begun=built,
    )


def priced(
    dual: LagrangianDual, start: np.ndarray | None = None, find: PriceSearch = coupled_prices
) -> tuple[LagrangianDual, CoupledPrices, Assignment | None]:
    """Return what a feasible program is bounded by, prices, and whole caps if any were found.

    Parameters
    ----------
    dual
        Of n >= 1 queries, without a line for what is kept back.
    start
        Prices to start from, shape (m,), or ``None``.
    find
        What finds the prices of a dual.
    """
    if dual.program.overrun_probability is None:
        found = find(dual, start)
        return dual, found, whole_caps(dual, found.prices)
    dual, found = chance_dual(dual, start, find)
    caps = best_of([chance_caps(dual, found.prices), *simple_assignments(dual)])
    dual, prices, caps = branch_on_variance(dual, found.prices, caps)
    if find is coupled_prices:
        return dual, found._replace(prices=prices), caps
    return dual, find(dual, prices), caps


def whole_caps(dual: LagrangianDual, prices: np.ndarray) -> Assignment | None:
    """Return the best whole caps found that keep every row; ``None`` where none were."""
    return best_of([recover(dual, prices), *simple_assignments(dual)])


def round_and_certify(
    dual: LagrangianDual,
    prices: np.ndarray,
    caps: Assignment | None,
    *,
    solver: str,
    converged: bool,
    throw: bool,
    build_seconds: float,
    begun: float,
) -> Allocation:
    """Certify whole caps by prices; for whichever solver found them."""
    status = Status.SOLVED if converged else Status.NOT_CONVERGED
    if caps is None:
        status, caps = Status.UNROUNDED, idle_assignment(dual)
    allocation = build_program_allocation(
        replace(caps, dual=dual),
        prices,
        solver=solver,
        status=status,
        build_seconds=build_seconds,
        solve_seconds=time.perf_counter() - begun,
    )
    if status is Status.UNROUNDED:
        allocation = replace(allocation, detail=asks_and_limits(dual.program))
    if status is Status.NOT_CONVERGED and allocation.relative_gap <= _PROVEN:
        allocation = replace(allocation, status=Status.SOLVED)
    return raise_for_status(allocation, throw=throw)

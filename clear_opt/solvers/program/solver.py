"""Solve a program by its prices: feasibility, prices, whole caps, certificate."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np

from clear_opt.errors import SolverError
from clear_opt.problem.allocation import Allocation, Status
from clear_opt.problem.program import Program
from clear_opt.solvers.infeasibility.conflict import find_conflict
from clear_opt.solvers.infeasibility.explanation import asks_and_limits
from clear_opt.solvers.program.assignment import Assignment, best_of
from clear_opt.solvers.program.barrier_method import CoupledPrices, coupled_prices
from clear_opt.solvers.program.baseline import resting_assignment, simple_assignments
from clear_opt.solvers.program.certify import infeasible_program_answer, program_answer
from clear_opt.solvers.program.chance_bound import branch_on_variance
from clear_opt.solvers.program.chance_constraints import PriceSearch, chance_caps, chance_system
from clear_opt.solvers.program.lagrangian import System
from clear_opt.solvers.program.primal_recovery import recover

_PROVEN = 1e-9  # relative gap at which an answer is the best one, whatever led to it


def solve_program(
    program: Program,
    *,
    throw: bool = True,
    start: np.ndarray | None = None,
    system: System | None = None,
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
    system
        Its rows, where they are at hand.

    Raises
    ------
    InfeasibleError
        If ``throw`` and constraints contradict each other: the message names the smallest set.
    SolverError
        If ``throw`` and no whole caps were found, or the prices did not settle.
    """
    begun = time.perf_counter()
    system = System(program) if system is None else system
    _ = system.choices  # compiled once, on first use
    if len(program) == 0:
        return program_answer(
            resting_assignment(system), np.zeros(system.m), solver="dual", status=Status.EMPTY
        )
    built = time.perf_counter()
    conflict = find_conflict(program, system)
    if conflict is not None:
        return infeasible_program_answer(system, conflict, solver="dual", throw=throw)
    system, found, caps = priced(system, start)
    return finish(
        system,
        found.prices,
        caps,
        solver="dual",
        converged=found.converged,
        throw=throw,
        build_seconds=built - begun,
        begun=built,
    )


def priced(
    system: System, start: np.ndarray | None = None, find: PriceSearch = coupled_prices
) -> tuple[System, CoupledPrices, Assignment | None]:
    """Give what a feasible program is bounded by, prices, and whole caps if any were found.

    Parameters
    ----------
    system
        Of n >= 1 queries, without a line for what is kept back.
    start
        Prices to start from, shape (m,), or ``None``.
    find
        What finds the prices of a system.
    """
    if system.program.overrun_probability is None:
        found = find(system, start)
        return system, found, whole_caps(system, found.prices)
    system, found = chance_system(system, start, find)
    caps = best_of([chance_caps(system, found.prices), *simple_assignments(system)])
    system, prices, caps = branch_on_variance(system, found.prices, caps)
    if find is coupled_prices:
        return system, found._replace(prices=prices), caps
    return system, find(system, prices), caps


def whole_caps(system: System, prices: np.ndarray) -> Assignment | None:
    """Give the best whole caps found that keep every row; ``None`` where none were."""
    return best_of([recover(system, prices), *simple_assignments(system)])


def finish(
    system: System,
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
        status, caps = Status.UNROUNDED, resting_assignment(system)
    allocation = program_answer(
        replace(caps, system=system),
        prices,
        solver=solver,
        status=status,
        build_seconds=build_seconds,
        solve_seconds=time.perf_counter() - begun,
    )
    if status is Status.UNROUNDED:
        allocation = replace(allocation, detail=asks_and_limits(system.program))
    if status is Status.NOT_CONVERGED and allocation.relative_gap <= _PROVEN:
        allocation = replace(allocation, status=Status.SOLVED)
    if throw and not allocation.status.ok:
        told = ": ".join(filter(None, (allocation.status.value, allocation.detail)))
        raise SolverError(f"solver {solver!r}: {told}")
    return allocation

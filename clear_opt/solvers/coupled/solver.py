"""Solve a program by its prices: feasibility, prices, whole caps, certificate."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np

from clear_opt.allocation import Allocation, Status
from clear_opt.errors import SolverError
from clear_opt.program.assignment import IDLE, Assignment
from clear_opt.program.conflict import find_conflict
from clear_opt.program.program import Program
from clear_opt.program.system import System
from clear_opt.solvers.coupled.answer import infeasible_program_answer, program_answer
from clear_opt.solvers.coupled.baseline import uniform_assignment
from clear_opt.solvers.coupled.chance import chance_system
from clear_opt.solvers.coupled.prices import coupled_prices
from clear_opt.solvers.coupled.recovery import recover

_PROVEN = 1e-9  # relative gap at which an answer is the best one, whatever led to it


def solve_program(
    program: Program, *, throw: bool = True, start: np.ndarray | None = None
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

    Raises
    ------
    InfeasibleError
        If ``throw`` and constraints contradict each other: the message names the smallest set.
    SolverError
        If ``throw`` and no whole caps were found, or the prices did not settle.
    """
    begun = time.perf_counter()
    system = System(program)
    _ = program.lanes  # built once, on first use
    if len(program) == 0:
        return program_answer(
            _nothing(system), np.zeros(system.m), solver="dual", status=Status.EMPTY
        )
    built = time.perf_counter()
    conflict = find_conflict(program, system)
    if conflict is not None:
        return infeasible_program_answer(program, conflict, solver="dual", throw=throw)
    if program.overrun_probability is None:
        found = coupled_prices(system, start)
    else:
        system, found = chance_system(program, start)
    return finish(
        system,
        found.prices,
        solver="dual",
        converged=found.converged,
        throw=throw,
        build_seconds=built - begun,
        begun=built,
    )


def finish(
    system: System,
    prices: np.ndarray,
    *,
    solver: str,
    converged: bool,
    throw: bool,
    build_seconds: float,
    begun: float,
) -> Allocation:
    """Turn prices into whole caps and certify them; for whichever solver found the prices."""
    candidates = [recover(system, prices), uniform_assignment(system)]
    kept = [found for found in candidates if found is not None]
    status = Status.SOLVED if converged else Status.NOT_CONVERGED
    best = max(kept, key=lambda found: found.utility().sum(), default=None)
    if best is None:
        status, best = Status.UNROUNDED, _nothing(system)
    allocation = program_answer(
        best,
        prices,
        solver=solver,
        status=status,
        build_seconds=build_seconds,
        solve_seconds=time.perf_counter() - begun,
    )
    if status is Status.NOT_CONVERGED and allocation.relative_gap <= _PROVEN:
        allocation = replace(allocation, status=Status.SOLVED)
    if throw and not allocation.status.ok:
        raise SolverError(f"solver {solver!r}: {allocation.status.value}")
    return allocation


def _nothing(system: System) -> Assignment:
    floor = system.program.floor
    return Assignment(system, np.where(floor > 0, 0, IDLE), floor.copy())

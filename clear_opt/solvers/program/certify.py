"""Certify an assignment of a program, and say for every query why it got its cap."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from clear_opt.errors import InfeasibleError
from clear_opt.problem.allocation import Allocation, Reason, Status
from clear_opt.problem.certificate import Certificate, Row
from clear_opt.problem.constraints import Limit
from clear_opt.problem.program import Program, unit_of
from clear_opt.solvers.infeasibility.conflict import Conflict
from clear_opt.solvers.program.assignment import IDLE, Assignment
from clear_opt.solvers.program.lagrangian import System
from clear_opt.solvers.program.unfunded import best_payoff

_BREAK_EVEN = 1e-9  # of the greatest success; a query this close to its price breaks even


def program_answer(
    assignment: Assignment,
    prices: np.ndarray,
    *,
    solver: str,
    status: Status,
    build_seconds: float = 0.0,
    solve_seconds: float = 0.0,
) -> Allocation:
    """Give the answer of a solve.

    Parameters
    ----------
    assignment
        Whole caps.
    prices
        Of the rows, shape (m,), >= 0; the bound holds for any.
    solver, status, build_seconds, solve_seconds
        As in `Allocation`.
    """
    system = assignment.system
    program = system.program
    tokens = assignment.caps.astype(np.int64)
    certificate = certify_assignment(assignment, prices)
    surplus = surplus_of(system, prices)
    entry = np.stack([np.where(lane.open, lane.entry_price, 0.0) for lane in system.free_lanes])
    funded = assignment.funded() | (assignment.caps > program.floor)
    spend = None
    if program.basis == "expected":
        spend = np.zeros(len(program))
        for k, lane in enumerate(system.free_lanes):
            here = assignment.lane == k
            spend[here] = lane.spend_at(assignment.caps)[here]
    if status is Status.SOLVED and not prices.any():
        status = Status.BUDGET_SLACK
    return Allocation(
        tokens=tokens,
        funded=funded,
        price=program_price(program, prices),
        utility=assignment.utility(),
        abandonment_price=entry.max(axis=0),
        surplus=surplus,
        reason_codes=_reasons(assignment, funded, surplus, entry.max(axis=0)),
        certificate=certificate,
        status=status,
        solver=solver,
        budget=float(program.budget.amount),
        build_seconds=build_seconds,
        solve_seconds=solve_seconds,
        offer_codes=assignment.lane.astype(np.int64),
        offer_names=tuple(offer.name for offer in program.offers),
        spend=spend,
    )


def infeasible_program_answer(
    system: System, conflict: Conflict, *, solver: str, throw: bool
) -> Allocation:
    """Answer, or raise, where a program's constraints contradict each other.

    Parameters
    ----------
    system
        The program that cannot be allocated.
    conflict
        Which constraints, see `clear_opt.solvers.infeasibility.find_conflict`.
    solver
        Name of the solver that was asked.
    throw
        Whether to raise.

    Raises
    ------
    InfeasibleError
        If ``throw``: with the sentence that is the answer's ``detail`` otherwise.
    """
    if throw:
        raise InfeasibleError(f"infeasible: {conflict}")
    program, n = system.program, len(system.program)
    none, idle = np.zeros(n), np.full(n, IDLE)
    entry = np.stack([np.where(lane.open, lane.entry_price, 0.0) for lane in system.free_lanes])
    rows = _rows(Assignment(system, idle, none), np.full(system.m, np.inf), np.zeros(system.m))
    return Allocation(
        tokens=none.astype(np.int64),
        funded=none.astype(bool),
        price=np.inf,
        utility=none,
        abandonment_price=entry.max(axis=0),
        surplus=np.full(n, -np.inf),
        reason_codes=np.full(n, int(Reason.NO_ROOM)),
        certificate=Certificate(-np.inf, -np.inf, rows, none, 0.0),
        status=Status.INFEASIBLE,
        solver=solver,
        budget=float(program.budget.amount),
        build_seconds=0.0,
        solve_seconds=0.0,
        offer_codes=idle,
        offer_names=tuple(offer.name for offer in program.offers),
        detail=str(conflict),
    )


def in_terms_of(program: Program, allocation: Allocation) -> Allocation:
    """Give the answer to a program's plain problem under the program's own names."""
    row = replace(allocation.rows[0], name=str(program.budget.name))
    asked = (allocation.tokens > 0) | (program.floor > 0)
    return replace(
        allocation,
        certificate=replace(allocation.certificate, rows=(row,)),
        offer_codes=np.where(asked, 0, IDLE),
        offer_names=(program.offers[0].name,),
    )


def program_price(program: Program, prices: np.ndarray) -> float:
    """Give the price of the first limit."""
    return float(prices[program.constraints.index(program.budget)])


def certify_assignment(assignment: Assignment, prices: np.ndarray) -> Certificate:
    """Bound how far an assignment is from the best one, by any prices >= 0, shape (m,)."""
    system = assignment.system
    utility, use = assignment.utility(), assignment.use()
    best = best_payoff(system, prices)
    shortfall = np.maximum(best - (utility - prices @ use), 0.0)
    slack = system.limits - use.sum(axis=1)
    value = float(utility.sum())
    caps, floor = assignment.caps, system.program.floor
    violation = np.maximum(floor - caps, caps - system.program.ceiling)
    return Certificate(
        primal_value=value,
        dual_bound=value + float(shortfall.sum()) + float(prices @ slack),
        rows=_rows(assignment, prices, use.sum(axis=1)),
        shortfall=shortfall,
        bound_violation=float(np.maximum(violation, 0.0).max(initial=0.0)),
    )


def _rows(assignment: Assignment, prices: np.ndarray, use: np.ndarray) -> tuple[Row, ...]:
    system, reserve = assignment.system, assignment.reserve()
    # What the system's line charges for variance gives way to what is kept back.
    charged = np.zeros(system.m)
    if system.margin is not None:
        charged = system.margin.rate * assignment.variance()
    rows = []
    for index, row in enumerate(system.rows):
        limit = isinstance(row, Limit)
        used = system.sign[index] * use[index]
        rows.append(
            Row(
                name=str(row.name),
                price=float(prices[index]),
                amount=float(row.amount) if limit else float(system.amount[index]),
                used=float(used - charged[index] + reserve[index]),
                unit=unit_of(row),
                at_most=limit,
                reserve=float(reserve[index]),
            )
        )
    # The budget first, as everywhere.
    first = next(k for k, row in enumerate(system.rows) if isinstance(row, Limit))
    return (rows[first], *rows[:first], *rows[first + 1 :])


def surplus_of(system: System, prices: np.ndarray) -> np.ndarray:
    """Give what funding a query by its best offer gains at the prices over its rest, shape (n,).

    Groups' guarantees and shares count in a query's favour only where it is funded because of
    them, so they are left out: a negative surplus of a funded query is what they cost.
    """
    limits_only = np.where(system.sign > 0, prices, 0.0)
    payoff = system.price_states(limits_only).payoff
    k = len(system.free_lanes)
    rest = payoff[k:].max(axis=0)
    rest = np.where(np.isfinite(rest), rest, system.rest_value.max(axis=0))
    return payoff[:k].max(axis=0) - rest


def _reasons(
    assignment: Assignment, funded: np.ndarray, surplus: np.ndarray, entry: np.ndarray
) -> np.ndarray:
    system = assignment.system
    program, n = system.program, len(system.program)
    top = max(lane.utility_top for lane in system.free_lanes)
    most, ceiling, past = np.zeros(n), program.ceiling.copy(), np.zeros(n, dtype=bool)
    for k, (lane, offer) in enumerate(zip(system.free_lanes, program.offers, strict=True)):
        here = assignment.lane == k
        most[here] = lane.top_cap[here]
        ceiling[here] = np.minimum(program.ceiling, offer.ceiling)[here]
        past[here] = lane.past_threshold[here]
    bought = assignment.caps > program.floor
    pays = surplus >= -_BREAK_EVEN * top
    return np.select(
        [
            bought & ~pays,
            bought & (assignment.caps >= ceiling),
            bought & (assignment.caps >= most),
            bought,
            past & (assignment.lane != IDLE),
            entry <= 0,
            ~pays,
        ],
        [
            int(Reason.OBLIGED),
            int(Reason.CEILING),
            int(Reason.PEAK),
            int(Reason.FUNDED),
            int(Reason.FLOOR),
            int(Reason.HOPELESS),
            int(Reason.OUTPRICED),
        ],
        int(Reason.NO_ROOM),
    )

"""Certify an assignment of a program, and say for every query why it got its cap."""

from __future__ import annotations

import numpy as np

from clear_opt.problem.allocation import Allocation, Reason, Status
from clear_opt.problem.certificate import Certificate, Row
from clear_opt.problem.constraints import Limit
from clear_opt.problem.program import Program, unit_of
from clear_opt.solvers.base import infeasible_allocation
from clear_opt.solvers.classify import BREAK_EVEN, Facts, classify
from clear_opt.solvers.infeasibility.conflict import Conflict
from clear_opt.solvers.program.assignment import IDLE, Assignment
from clear_opt.solvers.program.lagrangian import LagrangianDual
from clear_opt.solvers.program.unfunded import best_payoff


def build_program_allocation(
    assignment: Assignment,
    prices: np.ndarray,
    *,
    solver: str,
    status: Status,
    build_seconds: float = 0.0,
    solve_seconds: float = 0.0,
) -> Allocation:
    """Return the answer of a solve.

    Parameters
    ----------
    assignment
        Whole caps.
    prices
        Of the rows, shape (m,), >= 0; the bound holds for any.
    solver, status, build_seconds, solve_seconds
        As in `Allocation`.
    """
    dual = assignment.dual
    program = dual.program
    tokens = assignment.caps.astype(np.int64)
    certificate = certify_assignment(assignment, prices)
    surplus = surplus_of(dual, prices)
    funded = assignment.funded() | (assignment.caps > program.floor)
    spend = None
    if program.basis == "expected":
        spend = np.zeros(len(program))
        for k, offered in enumerate(dual.free_choices):
            here = assignment.offer == k
            spend[here] = offered.spend_at(assignment.caps)[here]
    if status is Status.SOLVED and not prices.any():
        status = Status.BUDGET_SLACK
    return Allocation(
        tokens=tokens,
        funded=funded,
        price=program_price(program, prices),
        utility=assignment.utility(),
        abandonment_price=dual.compiled.abandonment_price,
        surplus=surplus,
        reason_codes=_classify(assignment, surplus),
        certificate=certificate,
        status=status,
        solver=solver,
        budget=float(program.budget.amount),
        build_seconds=build_seconds,
        solve_seconds=solve_seconds,
        offer_codes=assignment.offer.astype(np.int64),
        offer_names=tuple(offer.name for offer in program.offers),
        spend=spend,
    )


def infeasible_program_allocation(
    dual: LagrangianDual, conflict: Conflict, *, solver: str, throw: bool
) -> Allocation:
    """Return the answer to a program whose constraints contradict each other.

    Parameters
    ----------
    dual : LagrangianDual
        Of the program that cannot be allocated.
    conflict : Conflict
        Which constraints, see `clear_opt.solvers.infeasibility.find_conflict`.
    solver : str
        Name of the solver that was asked.
    throw : bool
        Whether to raise instead.

    Raises
    ------
    InfeasibleError
        If ``throw``: with the sentence that is the answer's ``detail`` otherwise.
    """
    program, n = dual.program, len(dual.program)
    idle = np.full(n, IDLE)
    rows = _rows(Assignment(dual, idle, np.zeros(n)), np.full(dual.m, np.inf), np.zeros(dual.m))
    return infeasible_allocation(
        str(conflict),
        rows,
        dual.compiled.abandonment_price,
        budget=float(program.budget.amount),
        solver=solver,
        throw=throw,
        offer_codes=idle,
        offer_names=tuple(offer.name for offer in program.offers),
    )


def program_price(program: Program, prices: np.ndarray) -> float:
    """Return the price of the first limit."""
    return float(prices[program.constraints.index(program.budget)])


def certify_assignment(assignment: Assignment, prices: np.ndarray) -> Certificate:
    """Bound how far an assignment is from the best one, by any prices >= 0, shape (m,)."""
    dual = assignment.dual
    utility, use = assignment.utility(), assignment.use()
    best = best_payoff(dual, prices)
    shortfall = np.maximum(best - (utility - prices @ use), 0.0)
    slack = dual.limits - use.sum(axis=1)
    value = float(utility.sum())
    caps, floor = assignment.caps, dual.program.floor
    violation = np.maximum(floor - caps, caps - dual.program.ceiling)
    return Certificate(
        primal_value=value,
        dual_bound=value + float(shortfall.sum()) + float(prices @ slack),
        rows=_rows(assignment, prices, use.sum(axis=1)),
        shortfall=shortfall,
        bound_violation=float(np.maximum(violation, 0.0).max(initial=0.0)),
    )


def _rows(assignment: Assignment, prices: np.ndarray, use: np.ndarray) -> tuple[Row, ...]:
    dual, reserve = assignment.dual, assignment.reserve()
    # What the dual's line charges for variance gives way to what is kept back.
    charged = np.zeros(dual.m)
    if dual.reserve is not None:
        charged = dual.reserve.rate * assignment.variance()
    rows = []
    for index, row in enumerate(dual.rows):
        limit = isinstance(row, Limit)
        used = dual.sign[index] * use[index]
        rows.append(
            Row(
                name=str(row.name),
                price=float(prices[index]),
                amount=float(row.amount) if limit else float(dual.amount[index]),
                used=float(used - charged[index] + reserve[index]),
                unit=unit_of(row),
                at_most=limit,
                reserve=float(reserve[index]),
            )
        )
    # The budget first, as everywhere.
    first = next(k for k, row in enumerate(dual.rows) if isinstance(row, Limit))
    return (rows[first], *rows[:first], *rows[first + 1 :])


def surplus_of(dual: LagrangianDual, prices: np.ndarray) -> np.ndarray:
    """Return what funding a query by its best offer gains at the prices over its rest, shape (n,).

    Groups' guarantees and shares count in a query's favour only where it is funded because of
    them, so they are left out: a negative surplus of a funded query is what they cost.
    """
    limits_only = np.where(dual.sign > 0, prices, 0.0)
    payoff = dual.price_states(limits_only).payoff
    k = len(dual.free_choices)
    rest = payoff[k:].max(axis=0)
    rest = np.where(np.isfinite(rest), rest, dual.idle_value.max(axis=0))
    return payoff[:k].max(axis=0) - rest


def _classify(assignment: Assignment, surplus: np.ndarray) -> np.ndarray:
    """Return for each query why it got its cap, shape (n,)."""
    dual = assignment.dual
    program, n = dual.program, len(dual.program)
    scale = max(offered.utility_top for offered in dual.free_choices)
    saturation, ceiling = np.zeros(n), program.ceiling.copy()
    floor_funds = np.zeros(n, dtype=bool)
    for k, (offered, offer) in enumerate(zip(dual.free_choices, program.offers, strict=True)):
        here = assignment.offer == k
        saturation[here] = offered.saturation_cap[here]
        ceiling[here] = np.minimum(program.ceiling, offer.ceiling)[here]
        floor_funds[here] = offered.floor_funds[here]
    bought = assignment.caps > program.floor
    pays = surplus >= -BREAK_EVEN * scale
    facts = Facts(
        bought=bought,
        at_ceiling=assignment.caps >= ceiling,
        at_peak=assignment.caps >= saturation,
        marginal=np.zeros(n, dtype=bool),
        obliged=bought & ~pays,
        floor_funds=floor_funds,
        hopeless=dual.compiled.abandonment_price <= 0,
        pays=pays,
    )
    return classify(facts, np, unpaid=Reason.OUTPRICED)

"""What solvers share: their interface, and the one way to turn caps and a price into an answer."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from clear_opt._numerics.array_namespace import Array, namespace
from clear_opt._numerics.chunked import each
from clear_opt.envelopes.concave import Envelope
from clear_opt.errors import InfeasibleError, SolverError
from clear_opt.problem import AllocationProblem, Program
from clear_opt.problem.allocation import Allocation, Reason, Status
from clear_opt.problem.certificate import Certificate, Row

_BREAK_EVEN = 1e-6  # relative; a query this close to the price breaks even, to any solver's digits


class Solver(Protocol):
    """Anything with a name that allocates; `clear_opt.solve` takes one in place of a name."""

    @property
    def name(self) -> str:
        """Name in results and messages."""
        ...

    def solve(self, problem: AllocationProblem | Program, *, throw: bool = True) -> Allocation:
        """Allocate the budget; see `clear_opt.solve` for ``throw``."""
        ...


def answer(
    problem: AllocationProblem,
    tokens: np.ndarray,
    price: float,
    *,
    solver: str,
    converged: bool = True,
    policy: bool = False,
    build_seconds: float = 0.0,
    solve_seconds: float = 0.0,
) -> Allocation:
    """Certify caps at a price and say for every query why it got its cap.

    Parameters
    ----------
    problem
        A feasible problem.
    tokens
        Whole-token caps, shape (n,).
    price
        Weighted success per token; the bound holds for any, the clearing price is the best.
    solver
        Name of what produced the caps.
    converged
        Whether the price is as exact as the solver promises.
    policy
        Whether the caps come from a simple rule that follows no price.
    build_seconds, solve_seconds
        Wall time.
    """
    tokens = np.asarray(tokens, dtype=np.int64)
    utility, surplus, certificate = problem.account(tokens, price)
    envelope = problem.envelope
    ceded = np.asarray(envelope.abandonment_price)
    standing = tokens, problem.floor, problem.ceiling, problem.curves.threshold, envelope
    funded, codes = each(_standing, standing, certificate.price, problem.block)
    if len(problem) == 0:
        status = Status.EMPTY
    elif policy:
        status, codes = Status.POLICY, np.full_like(codes, Reason.POLICY)
    elif not converged:
        status = Status.NOT_CONVERGED
    else:
        status = Status.BUDGET_SLACK if _slack(problem, tokens, price) else Status.SOLVED
    return Allocation(
        tokens=tokens,
        funded=funded,
        price=certificate.price,
        utility=utility,
        abandonment_price=ceded,
        surplus=surplus,
        reason_codes=codes,
        certificate=certificate,
        status=status,
        solver=solver,
        budget=problem.budget,
        build_seconds=build_seconds,
        solve_seconds=solve_seconds,
    )


def _slack(problem: AllocationProblem, tokens: np.ndarray, price: float) -> bool:
    return price == 0.0 and problem.spendable - tokens.sum() >= problem.block


def _standing(
    queries: tuple[Array, Array, Array, Array, Envelope], price: Array, block: Array
) -> tuple[Array, Array]:
    """Say who is funded, and why each query got its cap."""
    tokens, floor, ceiling, threshold, envelope = queries
    ceded = envelope.abandonment_price
    xp = namespace(tokens)
    past_threshold = (floor > 0) & (floor > threshold)
    bought = tokens > floor
    pays = price <= ceded * (1 + _BREAK_EVEN)
    cases = (
        (bought & (tokens >= ceiling), Reason.CEILING),
        (bought & (tokens >= envelope.end - 1e-9), Reason.PEAK),
        (bought & (~pays | (tokens < envelope.tangent - block)), Reason.MARGINAL),
        (bought, Reason.FUNDED),
        (past_threshold, Reason.FLOOR),
        (ceded <= 0, Reason.HOPELESS),
        (~pays, Reason.ABANDONED),
    )
    codes = xp.full(ceded.shape, int(Reason.NO_ROOM), dtype=xp.int8)
    for holds, reason in reversed(cases):
        codes = xp.where(holds, xp.int8(reason), codes)
    return bought | past_threshold, codes


def empty_answer(problem: AllocationProblem, *, solver: str) -> Allocation:
    """Answer for a batch without queries: no caps, a price of zero."""
    return answer(problem, np.zeros(0, dtype=np.int64), 0.0, solver=solver)


def infeasible_answer(problem: AllocationProblem, *, solver: str, throw: bool) -> Allocation:
    """Answer, or raise, where the floors alone exceed the budget."""
    detail = (
        f"the floors of {len(problem)} queries sum to {problem.floor_total:,} tokens, "
        f"{problem.floor_total - problem.budget:,.0f} more than the budget of "
        f"{problem.budget:,.0f}; lower the floors, raise the budget, or leave out queries"
    )
    if throw:
        raise InfeasibleError(f"infeasible: {detail}")
    n = len(problem)
    nothing = np.zeros(n)
    return Allocation(
        tokens=nothing.astype(np.int64),
        funded=nothing.astype(bool),
        price=np.inf,
        utility=nothing,
        abandonment_price=np.asarray(problem.envelope.abandonment_price),
        surplus=np.full(n, -np.inf),
        reason_codes=np.full(n, int(Reason.NO_ROOM)),
        certificate=Certificate(
            primal_value=-np.inf,
            dual_bound=-np.inf,
            rows=(Row("budget", np.inf, problem.budget, problem.floor_total),),
            shortfall=nothing,
            bound_violation=0.0,
        ),
        status=Status.INFEASIBLE,
        solver=solver,
        budget=problem.budget,
        build_seconds=0.0,
        solve_seconds=0.0,
        detail=detail,
    )


def checked(allocation: Allocation, *, throw: bool) -> Allocation:
    """Give the allocation back, or raise what its status says."""
    if throw and not allocation.status.ok:
        raise SolverError(f"solver {allocation.solver!r}: {allocation.status.value}")
    return allocation

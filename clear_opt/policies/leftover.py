"""What to do with tokens that no predicted curve asks for, where they are reserved anyway."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from clear_opt._numerics.arrays import as_numbers
from clear_opt.errors import InvalidInputError
from clear_opt.problem import AllocationProblem
from clear_opt.problem.allocation import Allocation, Status
from clear_opt.solvers.base import build_allocation
from clear_opt.solvers.budget.baselines import water_filling


def as_claims(column: str, values: Any, n: int) -> np.ndarray:
    """Read one claim >= 0 for each query, float64, shape (n,).

    Parameters
    ----------
    column : str
        Name the user knows the claims by.
    values : array-like
        What was given.
    n : int
        Number of queries.

    Raises
    ------
    InvalidInputError
        If there is not one number >= 0 for each query.
    """
    claims = as_numbers(values, column)
    if claims.shape != (n,) or not (np.isfinite(claims) & (claims >= 0)).all():
        raise InvalidInputError(
            "must be one number >= 0 for each query", column=column, remedy=f"give {n} numbers"
        )
    return claims


def spread_leftover(
    problem: AllocationProblem, allocation: Allocation, *, claims: Any = None
) -> Allocation:
    """Return the tokens an allocation leaves unspent to the queries it funds.

    At a price of zero `solve` stops at the predicted peaks. On exact curves more tokens are worth
    nothing; but a peak is an estimate, an answer can be longer than predicted, and a budget that
    is reserved costs the same unspent.

    Parameters
    ----------
    problem : AllocationProblem
        What was allocated.
    allocation : Allocation
        Its answer, by `solve` or a policy.
    claims : array-like, shape (n,), optional
        In what proportion the funded queries share what is left, >= 0. Their caps by
        default, so that each keeps the same relative margin over what was predicted.

    Returns
    -------
    Allocation
        Of the same problem, at the same price, certified anew. Caps are whole blocks within
        ceilings and add up to the budget unless every receiver is at its ceiling. No query's
        utility falls: one whose curve decays keeps its cap. Where no query is funded, all share;
        where all claims are zero, evenly. If nothing can be given, the allocation itself.

    Raises
    ------
    InvalidInputError
        If there is not one claim >= 0 for each query.

    Examples
    --------
    >>> from clear_opt import ShiftedSurge, solve
    >>> curves = ShiftedSurge.from_height(tau=[100, 200], height=[0.9, 0.5], width=[100, 200])
    >>> problem = AllocationProblem(curves, budget=900)
    >>> solve(problem).tokens
    array([200, 400])
    >>> spread_leftover(problem, solve(problem)).tokens
    array([300, 600])
    """
    if allocation.status in (Status.EMPTY, Status.INFEASIBLE):
        return allocation
    share = _shares(problem, allocation, claims)
    before = problem.utility(allocation.tokens)
    # A query that would lose by its part drops out, and the others share anew.
    while True:
        tokens = _handed_out(problem, allocation.tokens, share)
        loses = problem.utility(tokens) < before
        if not loses.any():
            break
        share = np.where(loses, 0.0, share)
    if (tokens == allocation.tokens).all():
        return allocation
    spread = build_allocation(
        problem,
        tokens,
        allocation.price,
        solver=allocation.solver,
        converged=allocation.status is not Status.NOT_CONVERGED,
        policy=allocation.status is Status.POLICY,
        build_seconds=allocation.build_seconds,
        solve_seconds=allocation.solve_seconds,
    )
    # Tokens beyond a predicted peak buy nothing on the curves: who was given up stays given up.
    return replace(spread, funded=allocation.funded, reason_codes=allocation.reason_codes)


def _shares(problem: AllocationProblem, allocation: Allocation, claims: Any) -> np.ndarray:
    """Return the relative claims of those who may receive, shape (n,); zero for the others."""
    n = len(problem)
    share = as_claims("claims", allocation.tokens if claims is None else claims, n)
    receives = allocation.funded if allocation.funded.any() else np.ones(n, dtype=bool)
    share = np.where(receives, share, 0.0)
    return share if share.any() else receives.astype(np.float64)


def _handed_out(problem: AllocationProblem, tokens: np.ndarray, share: np.ndarray) -> np.ndarray:
    """Add the unspent tokens to the caps, in proportion to the shares and within ceilings."""
    block, left = problem.block, problem.spendable - int(tokens.sum())
    if left < block or not share.any():
        return tokens
    room = np.maximum(problem.ceiling - tokens, 0.0)
    extra = water_filling(AllocationProblem(problem.curves, left, 0, room, block=block), share)
    # What rounding down has left goes out block by block, to the greatest claims first.
    order = np.argsort(-share, kind="stable")
    able = order[(share[order] > 0) & (room[order] - extra[order] >= block)]
    extra[able[: (left - int(extra.sum())) // block]] += block
    return tokens + extra

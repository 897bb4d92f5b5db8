"""Each query's best response to given prices: what a sweep of prices asks, without a solve.

By weak duality caps that are best at prices are an optimal answer to whatever they use of each row
(Everett 1963), so a curve of budgets is a sweep of prices.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from clear_opt._numerics.arrays import as_numbers
from clear_opt.curves.base import require
from clear_opt.errors import InvalidInputError
from clear_opt.problem.allocation import IDLE
from clear_opt.problem.program import Program
from clear_opt.solvers.program.assignment import Assignment, use_of
from clear_opt.solvers.program.lagrangian import LagrangianDual


class PricedCaps(NamedTuple):
    """Best caps at prices, for n queries; k rows where k prices were given."""

    tokens: np.ndarray
    """Caps in whole blocks, int64, shape (n,) or (k, n); the floor where a query is not funded."""
    offer_codes: np.ndarray
    """Index of the offer that answers each query, -1 for none, int64, shape (n,) or (k, n)."""


def caps_at_prices(program: Program | LagrangianDual, prices: Any) -> PricedCaps:
    """Return each query's best response to the prices of a program's constraints.

    A query is funded where that is worth more, net of the prices, than what it has at its floor: at
    its break-even price it is not. Caps are the better of the two whole blocks around the best
    real-valued one. Amounts of limits play no part as long as they are no tighter
    than the caps; ``Limit(clear_opt.defaults.MOST_TOKENS)`` never is.

    Parameters
    ----------
    program : Program or LagrangianDual
        What to price; it is compiled once for as long as it lives.
    prices : array_like, shape (m,) or (k, m)
        Weighted success per unit of each of the m constraints, >= 0.

    Returns
    -------
    PricedCaps

    Raises
    ------
    InvalidInputError
        If a price is negative or missing, or there is not one for each constraint.

    Examples
    --------
    >>> from clear_opt import Limit, Offer, Program, ShiftedSurge
    >>> curves = ShiftedSurge.from_height(tau=[100, 400], height=[0.9, 0.5], width=[50, 200])
    >>> program = Program(Offer("m", curves), Limit(10_000))
    >>> caps_at_prices(program, [[0.01], [0.002], [0.0]]).tokens
    array([[  0,   0],
           [145,   0],
           [150, 600]])
    """
    dual = LagrangianDual.of(program) if isinstance(program, Program) else program
    values = as_numbers(prices, "prices")
    if values.ndim not in (1, 2) or values.shape[-1] != dual.m:
        raise InvalidInputError(
            f"have shape {values.shape}",
            column="prices",
            remedy=f"give {dual.m} for each answer, one per constraint: shape ({dual.m},) "
            f"or (k, {dual.m})",
        )
    require("prices", values.ravel(), lambda v: v >= 0, "must be numbers >= 0", "success per unit")
    found = [best_responses(dual, row) for row in np.atleast_2d(values)]
    n = len(dual.program)
    shape = (*values.shape[:-1], n)
    tokens = np.array([one.caps for one in found]).reshape(shape).astype(np.int64)
    return PricedCaps(
        tokens, np.array([one.offer for one in found]).reshape(shape).astype(np.int64)
    )


def best_responses(dual: LagrangianDual, prices: np.ndarray) -> Assignment:
    """Return each query's best state in whole caps at prices, shape (m,); rows may be over."""
    payoff, funded = dual.price_states(prices)
    count, floor, price = len(dual.free_choices), dual.program.floor, dual.spend_price(prices)
    idle, best = payoff[count:].argmax(axis=0), payoff[count:].max(axis=0)
    code, caps = np.where(floor > 0, idle, IDLE), floor.copy()
    for k, (state, offered) in enumerate(zip(funded, dual.free_choices, strict=True)):
        cap = offered.best_cap(state.spend, price[k])
        worth = offered.utility_at(cap) - np.tensordot(prices, use_of(dual, k, cap), 1)
        better = dual.possible[k] & (worth > best)
        best, code = np.where(better, worth, best), np.where(better, k, code)
        caps = np.where(better, cap, caps)
    return Assignment(dual, code, caps)

"""At which budget a query enters: in the relaxed problem exactly, and in whole tokens by asking."""

from __future__ import annotations

import math
from functools import singledispatch
from typing import Any

import numpy as np

from clear_opt import defaults
from clear_opt._numerics.root_finding import first_integer
from clear_opt.curves.base import require
from clear_opt.errors import InvalidInputError
from clear_opt.problem import AllocationProblem, Program
from clear_opt.sensitivity.path_caps import floor_funds
from clear_opt.solvers import solve
from clear_opt.solvers.budget.demand import demand_curve


@singledispatch
def entry_budgets(problem: Any, queries: Any = None) -> np.ndarray:
    """Return the budget at which each query enters the relaxed problem's optimum, in full.

    It is the demand at the query's abandonment price, with the query funded up to its break-even
    cap, and no less than one block above the floors. Below it the query is abandoned, or the one
    query that is split.

    Parameters
    ----------
    problem
        An `AllocationProblem`; its own budget plays no part. For a `Program` the answer is that
        of `what_would_fund` for each query, at about twenty solves or fewer for each.
    queries
        Which queries: row numbers or a boolean mask; ``None`` for all of them.

    Returns
    -------
    Tokens, fractional, one for each query asked for. Queries with the same abandonment price enter
    one after the other, in the order of their rows. Infinity for a query that no budget funds,
    because no cap gains anything; the sum of the floors for one whose floor passes its threshold.

    Raises
    ------
    InvalidInputError
        If a query does not exist.

    Examples
    --------
    >>> from clear_opt import AllocationProblem, ShiftedSurge
    >>> tau, height, width = [80, 90, 900], [0.9, 0.7, 0.2], [60, 70, 500]
    >>> curves = ShiftedSurge.from_height(tau, height, width)
    >>> entry_budgets(AllocationProblem(curves, budget=270)).round(1)
    array([ 120. ,  261.4, 1556.1])

    Notes
    -----
    Exact to rounding, by one evaluation of demand for each distinct abandonment price: the work is
    quadratic in the number of queries asked for, the memory linear.
    """
    raise InvalidInputError(
        "has no entry budgets",
        column="problem",
        value=problem,
        remedy="give an AllocationProblem or a Program",
    )


@entry_budgets.register
def _(problem: AllocationProblem, queries: Any = None) -> np.ndarray:
    rows = rows_of(problem, queries)
    budgets = np.full(len(problem), np.inf)
    if len(rows):
        demand = demand_curve(problem)
        first = np.full(len(problem), -1)  # each query's first step, its dearest
        first[demand.item[::-1]] = np.arange(len(demand.item))[::-1]
        steps = np.unique(first[rows])
        groups = np.searchsorted(demand.counts, steps, side="right") - 1
        asked, last = 0.0, -1
        for step, group in zip(steps.tolist(), groups.tolist(), strict=True):
            if step < 0:
                continue
            begun = int(demand.counts[group])
            if group != last:
                asked = demand.tokens(begun, float(demand.prices[group]))
                last = group
            budgets[demand.item[step]] = asked + demand.d_tokens[begun : step + 1].sum()
    budgets = np.maximum(budgets, problem.floor_total + problem.block)
    budgets[floor_funds(problem)] = problem.floor_total
    return budgets[rows]


@singledispatch
def what_would_fund(problem: Any, query: int) -> float:
    """Return the smallest whole budget for which `solve` funds a query.

    Parameters
    ----------
    problem
        An `AllocationProblem` or a `Program`, whose first limit varies; its own budget plays no
        part.
    query
        Row of the query, funded or abandoned today.

    Returns
    -------
    Tokens, in whole blocks: `solve` funds the query at this budget and abandons it at one block
    less (unless the floors alone take this budget). Infinity where no budget up to 2^53 tokens
    funds it. For a program: units of its first limit, whole tokens or to a ten-thousandth of
    what all queries can use; infinity where what all can use does not fund the query.

    Raises
    ------
    InvalidInputError
        If the query does not exist.

    Examples
    --------
    >>> from clear_opt import AllocationProblem, ShiftedSurge
    >>> tau, height, width = [80, 90, 900], [0.9, 0.7, 0.2], [60, 70, 500]
    >>> curves = ShiftedSurge.from_height(tau, height, width)
    >>> what_would_fund(AllocationProblem(curves, budget=270), 2)
    1195.0

    Notes
    -----
    The search starts from `entry_budgets` and asks `solve` at about twenty budgets around it. In
    whole tokens a query may be funded at one budget, abandoned at a slightly larger one, where the
    tokens left over suit another query better, and funded again: near the margin, funded sets of
    nearly equal value take turns. The answer then is the lower end of one such stretch, the nearest
    found below the relaxed problem's entry budget. With hundreds of queries stretches like that are
    narrow; from the entry budget on a query is funded but for rounding.
    """
    raise InvalidInputError(
        "cannot be asked",
        column="problem",
        value=problem,
        remedy="give an AllocationProblem or a Program",
    )


@what_would_fund.register
def _(problem: AllocationProblem, query: int) -> float:
    row = rows_of(problem, [query])
    entry = float(entry_budgets(problem, row)[0])
    block, least = problem.block, math.ceil(problem.floor_total / problem.block)
    most = defaults.MOST_TOKENS // block

    def funds(blocks: int) -> bool:
        return bool(solve(problem.with_budget(float(blocks * block))).funded[row[0]])

    if not entry <= most * block:
        return math.inf
    high = max(math.ceil(entry / block), least)
    stride = 1
    while not funds(high):  # rounding, or a split query; a little more will do
        if high == most:
            return math.inf
        high, stride = min(high + stride, most), 2 * stride
    low, stride = high, 1
    while low > least:
        low, stride = max(low - stride, least), 2 * stride
        if not funds(low):
            break
        high = low
    else:
        return float(high * block)
    return float(first_integer(funds, low, high) * block)


def rows_of(problem: AllocationProblem | Program, queries: Any) -> np.ndarray:
    """Read which queries are meant: row numbers, shape (k,)."""
    n = len(problem)
    if queries is None:
        return np.arange(n)
    asked = np.atleast_1d(np.asarray(queries))
    if asked.dtype == bool and asked.shape == (n,):
        return np.flatnonzero(asked)
    if asked.size == 0:
        return np.zeros(0, dtype=np.int64)
    if asked.ndim != 1 or asked.dtype.kind not in "iu":
        raise InvalidInputError(
            "cannot be read as rows",
            column="queries",
            remedy=f"give row numbers from 0 to {n - 1}, or one boolean for each of {n} queries",
        )
    require(
        "queries", asked, lambda rows: (rows >= 0) & (rows < n), "is no row", f"there are {n} rows"
    )
    return asked.astype(np.int64)

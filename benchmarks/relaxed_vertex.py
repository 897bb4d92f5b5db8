"""A vertex of a relaxed program: how few queries are split between states.

At the right prices a query that is not at a tie has one best state. Those at a tie are spread over
their best states by a linear program with one row per constraint, whose basic solutions split at
most as many queries as there are constraints (Shapley-Folkman; the mathematics, section 10). Its
value meets the dual bound, which is what the relaxation's optimality means.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.optimize import linprog
from scipy.sparse import csr_matrix

from clear_opt.solvers.program.lagrangian import LagrangianDual

_TIE = 1e-7  # of the greatest success or the bound; best states closer than this count as tied
_ROOMS = (1e-9, 1e-7, 1e-5)  # relative; responses are exact to the prices' own digits only
_WHOLE = 1e-6  # a share this close to zero or one is whole


class Vertex(NamedTuple):
    """A basic optimal solution of the relaxed program at its prices."""

    value: float
    """Its value, weighted success: equal to the dual bound where prices are right; ``-inf`` where
    no mixture of best states keeps every row."""
    split: int
    """Queries that are split between states: at most as many as constraints."""


class _States(NamedTuple):
    """Nearly best states, one entry each."""

    query: np.ndarray
    worth: np.ndarray
    use: np.ndarray  # (m, states)


def relaxed_vertex(dual: LagrangianDual, prices: np.ndarray) -> Vertex:
    """Find a vertex of the relaxed program over its nearly best states.

    Parameters
    ----------
    dual
        A feasible program of n >= 1 queries.
    prices
        Optimal prices of its rows, shape (m,).
    """
    states = _nearly_best(dual, prices)
    n, count = len(dual.program), len(states.query)
    owner = csr_matrix((np.ones(count), (states.query, np.arange(count))), (n, count))
    size = np.maximum(np.abs(dual.limits), np.abs(states.use).max(axis=1, initial=0.0))
    unit = np.where(size > 0, size, 1.0)
    top = max(float(np.abs(states.worth).max(initial=0.0)), 1e-300)
    for room in _ROOMS:
        found = linprog(
            -states.worth / top,
            A_ub=csr_matrix(states.use / unit[:, None]),
            b_ub=dual.limits / unit + room,
            A_eq=owner,
            b_eq=np.ones(n),
            bounds=(0, 1),
            method="highs-ds",
        )
        if found.x is not None:
            break
    else:
        return Vertex(-np.inf, 0)
    inner = (found.x > _WHOLE) & (found.x < 1 - _WHOLE)
    return Vertex(-float(found.fun) * top, int(np.unique(states.query[inner]).size))


def _nearly_best(dual: LagrangianDual, prices: np.ndarray) -> _States:
    payoff, funded = dual.price_states(prices)
    top, bound = max(offered.utility_top for offered in dual.free_choices), dual.bound(prices)
    choices, tie = len(dual.free_choices), _TIE * min(top, max(bound, 0.0))
    least = payoff.max(axis=0) - tie
    found = []
    for k, (offered, state) in enumerate(zip(dual.free_choices, funded, strict=True)):
        rests = np.flatnonzero(payoff[choices + k] >= least)
        found.append(_States(rests, dual.idle_value[k, rests], dual.idle_use[:, k, rests]))
        if offered.table is None:
            spend, variance, exists = (
                state.spend[:, None],
                state.variance[:, None],
                offered.can_fund,
            )
            value, exists = offered.utility_at(state.spend)[:, None], exists[:, None]
        else:
            _, spend, variance, value, exists = offered.table
        query, column = np.nonzero(exists)
        use = dual.sign[:, None] * (
            dual.rate[:, k, query] * spend[query, column]
            + dual.variance_rate[:, k, query] * variance[query, column]
            + dual.fixed[:, k, query]
        )
        worth = value[query, column]
        near = worth - prices @ use >= least[query]
        found.append(_States(query[near], worth[near], use[:, near]))
    return _States(*(np.concatenate(parts, axis=-1) for parts in zip(*found, strict=True)))

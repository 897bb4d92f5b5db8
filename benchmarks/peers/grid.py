"""Methods on a grid of caps: a climb over concave hulls, and an integer program."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import sparse
from scipy.optimize import Bounds, LinearConstraint, milp

from benchmarks.peers.answers import Answer, in_blocks
from benchmarks.peers.instances import Instance

KNAPSACK_GAP = 1e-4
"""Relative gap at which the integer program stops: far below what its grid loses."""

_BLOCK = 1 << 13  # queries whose table of values stays in the processor's cache


def hull_climb(instance: Instance, *, step: int) -> Answer:
    """Climb the concave hulls of the curves on a token grid, best increment first.

    On the grid a query's hull is one chord to the point of greatest value per token, then single
    steps that gain less and less. All increments are sorted once by gain per token and taken while
    they fit; an increment that does not fit ends its query.

    Queries are tabulated in blocks, in the order of their peaks: no row is much longer than it
    must be, and memory is that of the increments, not of all grid values.
    """
    n = len(instance.tau)
    by_peak = np.argsort(instance.tau + 1.0 / instance.beta)
    found = in_blocks(lambda part: _increments(instance, by_peak[part], step), n, _BLOCK)
    query, rate, cost = (np.concatenate(column) for column in zip(*found, strict=True))
    order = np.argsort(-rate)
    query, cost = query[order], cost[order]
    fits = int(np.searchsorted(np.cumsum(cost), instance.budget, side="right"))
    tokens = np.bincount(query[:fits], cost[:fits], minlength=n)
    left = instance.budget - tokens.sum()
    ended = np.zeros(n, dtype=bool)
    for i, tall in zip(query[fits:], cost[fits:], strict=True):
        if left < step:
            break
        if not ended[i] and tall <= left:
            tokens[i] += tall
            left -= tall
        else:
            ended[i] = True
    return Answer(tokens.astype(np.int64))


def _increments(
    instance: Instance, rows: np.ndarray, step: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Give query, gain per token and tokens of each increment of some queries' hulls."""
    tau, alpha, beta = (column[rows][:, None] for column in instance[:3])
    grid = np.arange(0, int((tau + 1.0 / beta).max()) + 2 * step, step, dtype=np.float64)
    # One row per query; a row rises up to its peak and is flat from there.
    x = np.clip(grid - tau, 0.0, 1.0 / beta)
    value = alpha * x * np.exp(-beta * x)
    first = (value[:, 1:] / grid[1:]).argmax(axis=1) + 1
    gain = np.diff(value, axis=1, prepend=0.0)
    cost = np.full_like(gain, float(step))
    each = np.arange(len(rows))
    gain[each, first] = value[each, first]
    cost[each, first] = grid[first]
    query, column = np.nonzero((np.arange(len(grid)) >= first[:, None]) & (gain > 0))
    tokens = cost[query, column]
    return rows[query], gain[query, column] / tokens, tokens


def knapsack(instance: Instance, *, step: int) -> Answer:
    """Solve the multiple-choice knapsack over a token grid as an integer program, by HiGHS.

    Each query picks at most one of the caps between its threshold and its peak. The program is
    built without a loop and stops at a relative gap of `KNAPSACK_GAP`.
    """
    tau, alpha, beta, budget = instance
    n = len(tau)
    first = np.floor(tau / step).astype(np.int64) + 1
    count = np.maximum(np.ceil((tau + 1.0 / beta) / step).astype(np.int64), first) - first + 1
    query = np.repeat(np.arange(n), count)
    column = np.arange(len(query))
    units = column - (np.cumsum(count) - count - first)[query]  # caps, in steps
    x = np.clip(units * step - tau[query], 0.0, 1.0 / beta[query])
    value = alpha[query] * x * np.exp(-beta[query] * x)
    one_each = sparse.csr_array((np.ones(len(query)), (query, column)))
    rows = sparse.vstack([one_each, sparse.csr_array(units[None, :].astype(np.float64))])
    most: Any = np.append(np.ones(n), budget // step)
    found = milp(
        -value,
        integrality=np.ones(len(query)),
        bounds=Bounds(0, 1),
        constraints=LinearConstraint(rows, -np.inf, most),
        options={"mip_rel_gap": KNAPSACK_GAP},
    )
    taken = found.x > 0.5
    tokens = np.zeros(n, dtype=np.int64)
    tokens[query[taken]] = units[taken] * step
    return Answer(tokens)

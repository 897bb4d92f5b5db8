"""Ways to turn a batch of surges into whole-token caps: ours, the paper's, and what others do.

Every method takes the same plain arrays and gives whole tokens within the budget, and a price where
it has one. Peers are written as a good user of NumPy and SciPy would write them: no loop over
queries, exact gradients, sensible scales.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import numpy as np
from scipy.optimize import minimize
from scipy.special import lambertw

from benchmarks.instances import Instance
from clear_opt import Allocation, ConicSolver, DualSolver


class Answer(NamedTuple):
    """Whole-token caps, shape (n,), and the price behind them if there is one."""

    tokens: np.ndarray
    price: float | None = None


class Method(NamedTuple):
    """A way to allocate, and the largest batch on which it is worth waiting for."""

    name: str
    allocate: Callable[[Instance], Answer]
    largest: float = math.inf
    why: str = ""
    """Why larger batches are left out."""


def dual(instance: Instance) -> Answer:
    """Solve by our price search, from raw arrays to certificate."""
    return _from_allocation(DualSolver().solve(instance.problem()))


def conic(instance: Instance) -> Answer:
    """Solve by our exact exponential-cone program, from raw arrays to certificate."""
    return _from_allocation(ConicSolver().solve(instance.problem()))


def _from_allocation(allocation: Allocation) -> Answer:
    return Answer(allocation.tokens, allocation.price)


def bisection(instance: Instance, *, early: bool) -> Answer:
    """Solve by the paper's method (arXiv 2606.03092): bisect the price, W0 in closed form, abandon.

    Two hundred steps; with ``early`` it stops once no float64 lies inside the bracket. Demand jumps
    where a query is abandoned, so the price can stop at a jump; the caps are those at the upper end
    of the bracket, which fit the budget. Nothing is done with the tokens left over.
    """
    tau, alpha, beta, budget = instance

    def caps(price: float) -> np.ndarray:
        ratio = np.minimum(np.e * price / alpha, np.e)
        x = (1.0 - lambertw(ratio).real) / beta
        surplus = alpha * x * np.exp(-beta * x) - price * (tau + x)
        return np.where(surplus >= 0, tau + x, 0.0)

    if caps(0.0).sum() <= budget:
        return Answer(_whole(caps(0.0), budget), 0.0)
    low, high = 0.0, float(alpha.max())
    for _ in range(200):
        middle = 0.5 * (low + high)
        if early and middle in (low, high):
            break
        if caps(middle).sum() > budget:
            low = middle
        else:
            high = middle
    return Answer(_whole(caps(high), budget), high)


def slsqp(instance: Instance) -> Answer:
    """Solve by SciPy's SLSQP from the uniform start, with exact gradients and scaled tokens."""
    tau, alpha, beta, budget = instance
    n = len(tau)
    unit = budget / n

    def loss(shares: np.ndarray) -> tuple[float, np.ndarray]:
        x = np.clip(shares * unit - tau, 0.0, 1.0 / beta)
        slope = np.where(x > 0, alpha * (1.0 - beta * x) * np.exp(-beta * x), 0.0)
        return -float(instance.utility(shares * unit).sum()), -slope * unit

    row = {
        "type": "ineq",
        "fun": lambda shares: n - shares.sum(),
        "jac": lambda shares: -np.ones(n),
    }
    bounds = np.column_stack([np.zeros(n), (tau + 1.0 / beta) / unit])
    start = np.minimum(np.ones(n), bounds[:, 1])
    found = minimize(
        loss,
        start,
        jac=True,
        method="SLSQP",
        bounds=bounds,
        constraints=[row],
        options={"maxiter": 1000, "ftol": 1e-9},
    )
    return Answer(_whole(np.clip(found.x, 0.0, bounds[:, 1]) * unit, budget))


def hull_climb(instance: Instance, *, step: int) -> Answer:
    """Climb the concave hulls of the curves on a token grid, best increment first.

    On the grid a query's hull is one chord to the point of greatest value per token, then single
    steps that gain less and less. All increments are sorted once by gain per token and taken while
    they fit; an increment that does not fit ends its query.
    """
    tau, _, beta, budget = instance
    n = len(tau)
    grid = np.arange(0, int((tau + 1.0 / beta).max()) + 2 * step, step, dtype=np.float64)
    # One row per query; a row rises up to its peak and is flat from there.
    value = _on_grid(instance, grid)
    first = (value[:, 1:] / grid[1:]).argmax(axis=1) + 1
    columns = np.arange(len(grid))
    gain = np.diff(value, axis=1, prepend=0.0)
    cost = np.full_like(gain, float(step))
    rows = np.arange(n)
    gain[rows, first] = value[rows, first]
    cost[rows, first] = grid[first]
    query, column = np.nonzero((columns >= first[:, None]) & (gain > 0))
    order = np.argsort(-gain[query, column] / cost[query, column], kind="stable")
    query, price_of = query[order], cost[query, column][order]
    fits = int(np.searchsorted(np.cumsum(price_of), budget, side="right"))
    tokens = np.bincount(query[:fits], price_of[:fits], minlength=n)
    left = budget - tokens.sum()
    ended = np.zeros(n, dtype=bool)
    for i, tall in zip(query[fits:], price_of[fits:], strict=True):
        if left < step:
            break
        if not ended[i] and tall <= left:
            tokens[i] += tall
            left -= tall
        else:
            ended[i] = True
    return Answer(tokens.astype(np.int64))


def _on_grid(instance: Instance, grid: np.ndarray) -> np.ndarray:
    tau, alpha, beta = (column[:, None] for column in instance[:3])
    x = np.clip(grid - tau, 0.0, 1.0 / beta)
    return alpha * x * np.exp(-beta * x)


def uniform(instance: Instance) -> Answer:
    """Give every query the same cap."""
    n = len(instance.tau)
    return Answer(np.full(n, int(instance.budget // n)))


def proportional(instance: Instance) -> Answer:
    """Give caps in proportion to the thresholds."""
    tau = instance.tau
    return Answer(np.floor(instance.budget * tau / tau.sum()).astype(np.int64))


def _whole(tokens: np.ndarray, budget: float) -> np.ndarray:
    """Round down, then hand the tokens lost to the largest fractions, while the budget holds."""
    caps = np.floor(tokens)
    rest = tokens - caps
    room = min(int(budget - caps.sum()), int((rest > 0).sum()))
    if room > 0:
        caps[np.argpartition(-rest, room - 1)[:room]] += 1
    return caps.astype(np.int64)


_GRID = "its table of grid values takes gigabytes"

METHODS = (
    Method("dual (ours)", dual),
    Method("conic (ours)", conic, 20_000, "one solve takes minutes"),
    Method("paper: bisection, 200 steps", partial(bisection, early=False)),
    Method("paper: bisection, early stop", partial(bisection, early=True)),
    Method("hull climb, 50-token grid", partial(hull_climb, step=50), 100_000, _GRID),
    Method("hull climb, 10-token grid", partial(hull_climb, step=10), 20_000, _GRID),
    Method("SLSQP from uniform", slsqp, 500, "its time grows as n^3"),
    Method("uniform", uniform),
    Method("proportional", proportional),
)
"""All methods; the first is the one that times are compared with."""

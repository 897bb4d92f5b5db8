"""Ways to turn a batch of surges into whole-token caps: ours, the paper's, and what others do.

Every method takes the same plain arrays and gives whole tokens within the budget, and a price where
it has one. Peers are written as a good user of NumPy and SciPy would write them: no loop over
queries, exact gradients, sensible scales, large batches in blocks on all cores. Heavy libraries are
imported where they are used: a process that measures one method loads what that one needs.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy.special import lambertw

from benchmarks.peers.answers import Answer, in_blocks, whole
from benchmarks.peers.convex import envelope_cuts, slsqp
from benchmarks.peers.grid import hull_climb, knapsack
from benchmarks.peers.instances import Instance

if TYPE_CHECKING:
    from clear_opt.problem.allocation import Allocation

_BLOCK = 1 << 14  # queries whose complex numbers stay in the processor's cache


class Method(NamedTuple):
    """A way to allocate, and the largest batch on which it is worth waiting for."""

    name: str
    allocate: Callable[[Instance], Answer]
    """Defined at the top of a module, so that another process can run it."""
    largest: float = math.inf
    why: str = ""
    """Why larger batches are left out."""


def dual(instance: Instance) -> Answer:
    """Solve by our price search, from raw arrays to certificate."""
    from clear_opt.solvers import DualSolver

    return _from_allocation(DualSolver().solve(instance.problem()))


def conic(instance: Instance) -> Answer:
    """Solve by our exact exponential-cone program, from raw arrays to certificate."""
    from clear_opt.solvers import ConicSolver

    return _from_allocation(ConicSolver().solve(instance.problem()))


def _from_allocation(allocation: Allocation) -> Answer:
    return Answer(allocation.tokens, allocation.price)


def bisection(instance: Instance, *, early: bool) -> Answer:
    """Solve by the paper's method (arXiv 2606.03092): bisect the price, W0 in closed form, abandon.

    Two hundred steps; with ``early`` it stops once no float64 lies inside the bracket. Demand jumps
    where a query is abandoned, so the price can stop at a jump; the caps are those at the upper end
    of the bracket, which fit the budget. Nothing is done with the tokens left over.
    """
    n, budget = len(instance.tau), instance.budget

    def caps(price: float, part: slice) -> np.ndarray:
        tau, alpha, beta = (column[part] for column in instance[:3])
        ratio = np.minimum(np.e * price / alpha, np.e)
        x = (1.0 - lambertw(ratio).real) / beta
        surplus = alpha * x * np.exp(-beta * x) - price * (tau + x)
        return np.where(surplus >= 0, tau + x, 0.0)

    def spent(price: float) -> float:
        return math.fsum(in_blocks(lambda part: float(caps(price, part).sum()), n, _BLOCK))

    def answer(price: float) -> Answer:
        tokens = np.concatenate(in_blocks(partial(caps, price), n, _BLOCK))
        return Answer(whole(tokens, budget), price)

    if spent(0.0) <= budget:
        return answer(0.0)
    low, high = 0.0, float(instance.alpha.max())
    for _ in range(200):
        middle = 0.5 * (low + high)
        if early and middle in (low, high):
            break
        if spent(middle) > budget:
            low = middle
        else:
            high = middle
    return answer(high)


def uniform(instance: Instance) -> Answer:
    """Give every query the same cap."""
    n = len(instance.tau)
    return Answer(np.full(n, int(instance.budget // n)))


def proportional(instance: Instance) -> Answer:
    """Give caps in proportion to the thresholds."""
    tau = instance.tau
    return Answer(np.floor(instance.budget * tau / tau.sum()).astype(np.int64))


_MINUTES = "one solve takes minutes"
_FOR_NOTHING = "minutes, and the same answer as with early stop"

METHODS = (
    Method("dual (ours)", dual),
    Method("conic (ours)", conic, 50_000, _MINUTES),
    Method("paper: bisection, 200 steps", partial(bisection, early=False), 1_000_000, _FOR_NOTHING),
    Method("paper: bisection, early stop", partial(bisection, early=True)),
    Method("hull climb, 50-token grid", partial(hull_climb, step=50)),
    Method("hull climb, 10-token grid", partial(hull_climb, step=10)),
    Method("HiGHS knapsack, 50-token grid", partial(knapsack, step=50), 5_000, _MINUTES),
    Method("cvxpy envelope, 20 cuts", partial(envelope_cuts, cuts=20), 50_000, _MINUTES),
    Method("SLSQP from uniform", slsqp, 500, "its time grows as n^3"),
    Method("uniform", uniform),
    Method("proportional", proportional),
)
"""All methods; the first is the one that times are compared with."""

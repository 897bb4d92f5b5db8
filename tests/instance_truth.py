"""Optima of small problems by enumeration: the truth of the named instances.

Nothing here knows envelopes, lanes, hulls or prices: every cap of every offer is a state of a
query, with what it uses of each constraint and what it is worth.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from scipy.optimize import linprog, minimize_scalar

from clear_opt import AllocationProblem, FundedShare, Guarantee, Limit, Offer, Program

_MOST_COMBINATIONS = 2_000_000


class States(NamedTuple):
    """The states of one query, s of them."""

    use: np.ndarray
    """Of each constraint, shape (m, s)."""
    value: np.ndarray
    """Weighted success, shape (s,)."""
    variance: np.ndarray
    """Of the spend, shape (s,)."""


def as_program(problem: Any) -> Program:
    """Give a program for either kind of problem."""
    if isinstance(problem, Program):
        return problem
    return Program(
        Offer("only", problem.curves),
        Limit(problem.budget, name="budget"),
        problem.floor,
        problem.ceiling,
        problem.weight,
        problem.block,
    )


def names(problem: Any) -> list[str]:
    """Give the names of the constraints."""
    return [str(row.name) for row in as_program(problem).constraints]


def states_of(problem: Any, query: int) -> States:
    """List every whole-block cap of every offer of a query."""
    program = as_program(problem)
    found = []
    floor, block = int(program.floor[query]), program.block
    for number, offer in enumerate(program.offers):
        if not offer.available[query]:
            continue
        curve = offer.curves.take(np.array([query]))
        peak = -(-float(curve.peak[0]) // block) * block
        most = min(program.ceiling[query], offer.ceiling[query], max(peak, floor), 3000)
        caps = np.arange(floor, most + 1, block, dtype=float)
        value = program.weight[query] * np.array([curve.value(cap)[0] for cap in caps])
        spend, variance = caps, np.zeros(len(caps))
        if program.basis == "expected":
            lengths = offer.lengths.take(np.array([query]))
            spend = np.array([lengths.expected_spend(cap)[0] for cap in caps])
            variance = np.array([lengths.spend_variance(cap)[0] for cap in caps])
        funded = _funded(spend, value) | ((floor > 0) & (floor > curve.threshold[0]))
        keep = caps > 0 if number else np.ones(len(caps), dtype=bool)  # idle is one state
        if program.pinned[query]:
            keep &= funded
        use = [
            member[query] * _units(row, offer, query, caps, spend, funded)
            for row, member in zip(program.constraints, program.members, strict=True)
        ]
        found.append((np.array(use)[:, keep], value[keep], variance[keep]))
    return States(*(np.concatenate(part, axis=-1) for part in zip(*found, strict=True)))


def _units(row, offer, query, caps, spend, funded):
    if isinstance(row, FundedShare):
        return funded.astype(float)
    return offer.rate_of(row.resource)[query] * spend + offer.fixed_of(row.resource)[query] * (
        caps > 0
    )


def _funded(spend: np.ndarray, value: np.ndarray) -> np.ndarray:
    """At least the cap of the greatest return on what is spent above the floor."""
    run, rise = spend - spend[0], value - value[0]
    slope = np.where(run > 0, rise / np.where(run > 0, run, 1.0), 0.0)
    if slope.max() <= 0:
        return np.zeros(len(spend), dtype=bool)
    entry = np.flatnonzero(slope >= slope.max() * (1 - 1e-12))[-1]
    return np.arange(len(spend)) >= entry


def limits_of(problem: Any) -> tuple[np.ndarray, np.ndarray]:
    """Give the sign that turns each row to "at most", and its right-hand side, (m,) each."""
    program = as_program(problem)
    sign, right = [], []
    for row, member in zip(program.constraints, program.members, strict=True):
        sign.append(1.0 if isinstance(row, Limit) else -1.0)
        if isinstance(row, FundedShare):
            right.append(-np.ceil(row.share * member.sum() - 1e-9))
        else:
            right.append(sign[-1] * row.amount)
            assert not isinstance(row, Guarantee) or row.amount <= 300 * member.sum()
    return np.array(sign), np.array(right)


def best_whole(problem: Any, fits: Any = None) -> float:
    """Give the value of the best choice of one state for each query.

    ``fits`` takes uses, shape (m, combinations), and the variances of the spend, and says which
    combinations are allowed; by default those that keep every constraint.
    """
    sign, right = limits_of(problem)
    tables = [states_of(problem, query) for query in range(len(problem))]
    if np.prod([float(len(table.value)) for table in tables]) > _MOST_COMBINATIONS:
        return _by_recursion(tables, int(right[0]))
    use, value, variance = np.zeros((len(sign), 1)), np.zeros(1), np.zeros(1)
    for table in tables:
        use = (use[:, :, None] + table.use[:, None, :]).reshape(len(sign), -1)
        value = (value[:, None] + table.value).ravel()
        variance = (variance[:, None] + table.variance).ravel()
    if fits is None:
        allowed = (sign[:, None] * use <= right[:, None] + 1e-9).all(axis=0)
    else:
        allowed = fits(use, variance)
    return float(value[allowed].max())


def _by_recursion(tables: list[States], budget: int) -> float:
    """Dynamic programming over the tokens spent; one constraint that counts whole tokens."""
    best = np.zeros(budget + 1)
    for table in tables:
        assert len(table.use) == 1
        better = np.full(budget + 1, -np.inf)
        for use, value in zip(table.use[0].astype(int), table.value, strict=True):
            if use <= budget:
                better[use:] = np.maximum(better[use:], best[: budget + 1 - use] + value)
        best = better
    return float(best[-1])


def relaxed(problem: Any, right: np.ndarray | None = None) -> tuple[float, np.ndarray]:
    """Give the optimum and the prices of the linear program over shares of all states.

    It is exact where curves and lengths bend at whole blocks only.
    """
    sign, limits = limits_of(problem)
    tables = [states_of(problem, query) for query in range(len(problem))]
    use = sign[:, None] * np.concatenate([table.use for table in tables], axis=1)
    owner = np.repeat(np.arange(len(tables)), [len(table.value) for table in tables])
    found = linprog(
        -np.concatenate([table.value for table in tables]),
        A_ub=use,
        b_ub=limits if right is None else right,
        A_eq=(owner == np.arange(len(tables))[:, None]).astype(float),
        b_eq=np.ones(len(tables)),
        method="highs-ds",
    )
    assert found.status == 0, found.message
    return -found.fun, -found.ineqlin.marginals


def unique_prices(problem: Any, step: float = 1e-4) -> list[float | None]:
    """Give the price of each row for which only one is optimal, else ``None``.

    Moving the right-hand side either way then changes the optimum at the same rate.
    """
    right = limits_of(problem)[1]
    base = relaxed(problem)[0]
    prices: list[float | None] = []
    for row, amount in enumerate(right):
        rates = []
        for way in (-step, step):
            moved = right.copy()
            moved[row] += way * max(abs(amount), 1.0)
            rates.append((relaxed(problem, moved)[0] - base) / (moved[row] - amount))
        alike = abs(rates[0] - rates[1]) <= 1e-6 * max(abs(rates[0]), 1e-6)
        prices.append(rates[0] if alike else None)
    return prices


class SmoothDual:
    """The dual of a batch of smooth curves under one budget, maximised cap by cap."""

    def __init__(self, problem: AllocationProblem) -> None:
        self.problem = problem
        self.queries = [problem.curves.take(np.array([i])) for i in range(len(problem))]
        peaks = np.minimum(problem.curves.peak, 5000.0)
        self.ends = np.maximum(np.minimum(problem.ceiling, peaks), problem.floor)
        # The ends are where maxima in corners lie; they are on the grid exactly.
        self.grids = [np.linspace(problem.floor[i], self.ends[i], 801) for i in range(len(problem))]
        self.values = [
            problem.weight[i] * np.array([query.value(b)[0] for b in self.grids[i]])
            for i, query in enumerate(self.queries)
        ]

    def best(self, query: int, price: float) -> tuple[float, float]:
        """Give max U(b) - price b and the cap where it is reached."""
        grid = self.grids[query]
        payoff = self.values[query] - price * grid
        peaks = 1 + np.flatnonzero((payoff[1:-1] >= payoff[:-2]) & (payoff[1:-1] >= payoff[2:]))
        found = [(float(payoff[k]), float(grid[k])) for k in (0, len(grid) - 1)]
        if len(peaks):
            k = peaks[np.argmax(payoff[peaks])]
            weight, curve = self.problem.weight[query], self.queries[query]
            inner = minimize_scalar(
                lambda b: price * b - weight * curve.value(b)[0],
                bounds=(grid[k - 1], grid[k + 1]),
                method="bounded",
                options={"xatol": 1e-9},
            )
            found += [(float(payoff[k]), float(grid[k])), (-inner.fun, inner.x)]
        return max(found)

    def bound(self, price: float) -> float:
        """Give the dual bound at a price."""
        tops = [self.best(query, price)[0] for query in range(len(self.queries))]
        return price * self.problem.budget + sum(tops)

    def demand(self, price: float) -> float:
        """Give the tokens asked for at a price."""
        return sum(self.best(query, price)[1] for query in range(len(self.queries)))

    def clearing_price(self, digits: int = 45) -> float:
        """Bisect: the price below which demand exceeds the budget."""
        low, high = 0.0, 1.0
        if self.demand(0.0) <= self.problem.budget:
            return 0.0
        for _ in range(digits):
            middle = 0.5 * (low + high)
            if self.demand(middle) > self.problem.budget:
                low = middle
            else:
                high = middle
        return high

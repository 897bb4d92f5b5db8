"""Accuracy against realised money: one replay per budget, compared at equal cost.

A frontier keeps what each query cost and whether it was answered at every budget of a sweep, so
that differences can be bootstrapped over queries.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class Frontier:
    """A sweep of budgets replayed on n queries; the first point is to spend nothing.

    Attributes
    ----------
    cost
        Dollars that each query really took, shape (points, n).
    right
        Whether it was answered, 0 or 1, shape (points, n).
    """

    cost: np.ndarray
    right: np.ndarray

    @classmethod
    def of(cls, replays: Sequence[tuple[np.ndarray, np.ndarray]]) -> Frontier:
        """Collect (cost, right) of each budget, each of shape (n,)."""
        nothing = np.zeros_like(replays[0][0])
        return cls(
            np.stack([nothing, *(cost for cost, _ in replays)]),
            np.stack([nothing, *(right for _, right in replays)]),
        )

    def points(self, weight: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Give mean cost and accuracy of each point, ordered by cost, shape (points,) each.

        ``weight`` says how often each query is drawn, shape (n,).
        """
        cost = np.average(self.cost, axis=1, weights=weight)
        right = np.average(self.right, axis=1, weights=weight)
        order = np.argsort(cost, kind="stable")
        return cost[order], right[order]

    def at(self, money: np.ndarray, weight: np.ndarray | None = None) -> np.ndarray:
        """Give the accuracy at mean costs, between points in proportion, beyond the last flat."""
        cost, right = self.points(weight)
        return np.interp(money, cost, right)


def split_at(frontiers: Sequence[Frontier], money: np.ndarray) -> np.ndarray:
    """Give the accuracy of the best fixed split at mean costs, shape of ``money``.

    A split sends a fixed share of the queries, drawn at random, to each model, and each model
    spends its part by the shadow price. What the shares reach is any point under the upper hull of
    the models' own frontiers; the best split for a cost lies on it.
    """
    pairs = [
        point
        for frontier in frontiers
        for point in zip(*(part.tolist() for part in frontier.points()), strict=True)
    ]
    hull: list[tuple[float, float]] = []
    for cost, right in sorted(pairs):
        while hull and hull[-1][0] == cost and hull[-1][1] <= right:
            hull.pop()
        while len(hull) > 1 and _turns_up(hull[-2], hull[-1], (cost, right)):
            hull.pop()
        if not hull or right > hull[-1][1]:
            hull.append((cost, right))
    corners = np.array(hull)
    return np.interp(money, corners[:, 0], corners[:, 1])


def _turns_up(
    first: tuple[float, float], middle: tuple[float, float], last: tuple[float, float]
) -> bool:
    before = (middle[1] - first[1]) * (last[0] - first[0])
    return before <= (last[1] - first[1]) * (middle[0] - first[0])


def oracle_at(cost: np.ndarray, money: np.ndarray) -> np.ndarray:
    """Give the accuracy of one who knows every answer beforehand.

    Parameters
    ----------
    cost
        What each model's whole answer costs, infinite where it is wrong, shape (models, n).
    money
        Mean costs.
    """
    cheapest = np.sort(cost.min(axis=0))
    known = cheapest[np.isfinite(cheapest)]
    answered = np.arange(len(known) + 1) / cost.shape[1]
    return np.interp(money, np.append(0.0, np.cumsum(known) / cost.shape[1]), answered)


def difference(
    one: Frontier, other: Frontier, money: np.ndarray, draws: int, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Give 95 % intervals of a difference in accuracy: paired bootstrap over queries.

    Returns
    -------
    Low and high ends, each of the shape of ``money``.
    """
    n = one.cost.shape[1]
    times = np.random.default_rng(seed).multinomial(n, np.full(n, 1 / n), size=draws)
    drawn = [one.at(money, weight) - other.at(money, weight) for weight in times]
    low, high = np.quantile(drawn, [0.025, 0.975], axis=0)
    return low, high

"""Which state of each query uses least when rows are weighted, and what groups of them use.

A query belongs to few of many rows, so what states use is kept sparse: one entry for each pair of a
row and a member that can use it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from clear_opt.solvers.infeasibility.state_families import StateGroup
from clear_opt.solvers.program.lagrangian import LagrangianDual


class Pick(NamedTuple):
    """One state of each query, arrays of shape (n,)."""

    family: np.ndarray
    column: np.ndarray
    weighted: np.ndarray
    """Use of all rows by their weights."""


class _Entries(NamedTuple):
    """Pairs of a row and a query that one family's states can use, arrays of one length."""

    row: np.ndarray
    query: np.ndarray
    rate: np.ndarray
    once: np.ndarray


@dataclass(frozen=True, eq=False)
class PricingProblem:
    """States to choose from, with what they use in sign-normalised units (`LagrangianDual`).

    Attributes
    ----------
    dual
        The program's rows.
    groups_of_states
        The states.
    """

    dual: LagrangianDual
    groups_of_states: list[StateGroup]

    def min_reduced_cost(self, weights: np.ndarray, kept: int, spread: np.ndarray) -> Pick:
        """Choose the state of least weighted use that keeps the rules of a mask.

        Parameters
        ----------
        weights
            Of the rows, shape (m,).
        kept
            Mask of the rules.
        spread
            Units of each row per squared unit of variance, shape (m,).
        """
        n = len(self.dual.program)
        signed, risky = self.dual.sign * weights, bool(spread.any())
        least, best, place = np.full(n, np.inf), np.zeros(n, np.int64), np.zeros(n, np.int64)
        for index, (family, entries, allowed) in enumerate(
            zip(self.groups_of_states, self._entries, self._allowed(kept), strict=True)
        ):
            weight = signed[entries.row]
            cost = _by_query(entries, weight * entries.rate, n)[:, None] * family.spend
            cost += _by_query(entries, weight * entries.once, n)[:, None]
            if risky:
                risk = weight * spread[entries.row] * entries.rate**2
                cost += _by_query(entries, risk, n)[:, None] * family.variance
            cost = np.where(allowed, cost, np.inf)
            column = np.argmin(cost, axis=1)
            lower = cost[np.arange(n), column]
            better = lower < least
            least = np.where(better, lower, least)
            best = np.where(better, index, best)
            place = np.where(better, column, place)
        return Pick(best, place, least)

    def totals(self, pick: Pick, groups: np.ndarray, spread: np.ndarray) -> np.ndarray:
        """Add up what the states of each group use, shape (m, groups)."""
        size = int(groups.max()) + 1
        total = np.zeros(self.dual.m * size)
        for index, (family, entries) in enumerate(
            zip(self.groups_of_states, self._entries, strict=True)
        ):
            here = pick.family[entries.query] == index
            row, query, rate = entries.row[here], entries.query[here], entries.rate[here]
            column = pick.column[query]
            used = rate * family.spend[query, column] + entries.once[here]
            if spread.any():
                used += spread[row] * rate**2 * family.variance[query, column]
            total += np.bincount(row * size + groups[query], used, len(total))
        return self.dual.sign[:, None] * total.reshape(-1, size)

    def infeasible_queries(self, kept: int) -> np.ndarray:
        """Return which queries have no state that keeps the rules of a mask, shape (n,)."""
        return ~np.any([allowed.any(axis=1) for allowed in self._allowed(kept)], axis=0)

    def largest(self) -> np.ndarray:
        """Return the most that one query can use of each row in any state, shape (m,)."""
        most = np.zeros(self.dual.m)
        for family, entries in zip(self.groups_of_states, self._entries, strict=True):
            spend = np.where(family.exists, family.spend, 0.0).max(axis=1)
            used = entries.rate * spend[entries.query] + entries.once
            np.maximum.at(most, entries.row, used)
        return most

    def variance(self, kept: int) -> tuple[np.ndarray, np.ndarray]:
        """Return the least and greatest variance of each row's use, (m,) each."""
        m, n = self.dual.m, len(self.dual.program)
        low, high = np.full((m, n), np.inf), np.zeros((m, n))
        for family, allowed in zip(self.groups_of_states, self._allowed(kept), strict=True):
            square = self.dual.rate[:, family.offer] ** 2
            least = np.where(allowed, family.variance, np.inf).min(axis=1)
            most = np.where(allowed, family.variance, 0.0).max(axis=1)
            some = allowed.any(axis=1)
            low = np.where(some, np.minimum(low, square * np.where(some, least, 0.0)), low)
            high = np.maximum(high, square * most)
        return np.where(np.isfinite(low), low, 0.0).sum(axis=1), high.sum(axis=1)

    @cached_property
    def _entries(self) -> list[_Entries]:
        found = []
        for family in self.groups_of_states:
            rate = self.dual.rate[:, family.offer]
            row, query = np.nonzero((rate != 0) | (family.once != 0))
            found.append(_Entries(row, query, rate[row, query], family.once[row, query]))
        return found

    @cached_property
    def _known(self) -> dict[int, list[np.ndarray]]:
        return {}

    def _allowed(self, kept: int) -> list[np.ndarray]:
        if kept not in self._known:
            self._known[kept] = [family.allowed(kept) for family in self.groups_of_states]
        return self._known[kept]


def _by_query(entries: _Entries, values: np.ndarray, n: int) -> np.ndarray:
    return np.bincount(entries.query, values, n)

"""Can rows be kept together, by shares of states at least? A linear program, by its columns.

Its variables are the shares of every state of every query: far too many to write down for a mere
check. Dantzig and Wolfe (Operations Research 8, 1960) need few of them. A small program mixes
totals of whole groups of queries, so that the worst violation of a row is least. At its duals every
query names the state that uses least, which is a new total. Either a mixture keeps all rows; or the
duals prove that none can, because even these states together use too much. Both are checked in
float64 and not taken from the linear solver's word.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from scipy.optimize import linprog
from scipy.sparse import csr_matrix

from clear_opt.overrun import overrun_margin
from clear_opt.program.constraints import Limit
from clear_opt.program.states import Family
from clear_opt.program.system import System

_WITHIN = 1e-9  # of a row's amount; what rounding may be taken for
_EXACT = 1e-8  # relative; how exactly the least violation of one row is found
_GROUPS = 64  # queries with the same memberships share a column; more kinds are put together
_ROUNDS = 200
_TRACE = 1e-7  # of the largest dual; below this a row plays no part in a proof


class Proof(NamedTuple):
    """Why rows cannot be kept together."""

    rows: tuple[int, ...]
    """The rows that take part, none where some query has no state at all."""
    rules: int
    """Mask of the rules that take part."""


class _Mixture(NamedTuple):
    """Where the column generation ended."""

    violation: float
    """Least violation found, in units of what may give way."""
    weights: np.ndarray
    """Duals, shape (m,)."""
    proven: float
    """No mixture has less violation than this."""
    totals: list[np.ndarray]
    """Use of groups, (m, groups) each, in the order in which they were found."""


@dataclass(frozen=True, eq=False)
class Relaxation:
    """The rows of a program over given states.

    Attributes
    ----------
    system
        The program's rows. What chance bounds keep back is not taken from it but underestimated
        here: the margin is concave in the variance, so a chord lies below it.
    families
        The states.
    """

    system: System
    families: list[Family]

    @cached_property
    def _unit(self) -> np.ndarray:
        """Give what a violation is measured in: the amount, or else the use of one query, (m,)."""
        system = self.system
        most = np.zeros(system.m)
        for family in self.families:
            used = system.rate[:, family.offer] * np.abs(family.spend).max(axis=1) + family.once
            most = np.maximum(most, used.max(axis=1, initial=0.0))
        size = np.where(system.amount > 0, np.abs(system.amount), most)
        return np.where(size > 0, size, 1.0)

    def stateless(self, kept: int) -> np.ndarray:
        """Say which queries have no state that keeps the rules of a mask, shape (n,)."""
        return ~np.any([family.allowed(kept).any(axis=1) for family in self.families], axis=0)

    def proof_against(self, rows: tuple[int, ...], kept: int) -> Proof | None:
        """Give a proof that rows and rules cannot be kept together; ``None`` if they can be."""
        if self.stateless(kept).any():
            return Proof((), kept)
        if not rows:
            return None
        elastic = np.zeros(self.system.m)
        elastic[list(rows)] = self._unit[list(rows)]
        found = self._generate(rows, kept, elastic, self._groups(rows))
        if found.proven <= _WITHIN:
            return None
        return self._trimmed(found, kept, elastic)

    def _trimmed(self, found: _Mixture, kept: int, elastic: np.ndarray) -> Proof:
        """Leave out of a proof what it holds without."""
        weights = found.weights
        share = weights * elastic
        fewer = np.where(share >= _TRACE * share.max(), weights, 0.0)
        if self._proven(fewer, kept) > _WITHIN:
            weights = fewer
        for bit in (1, 2, 4, 8):
            # Unless a query has no state then: such a set is a conflict of another kind.
            if kept & bit and self._proven(weights, kept & ~bit) > _WITHIN:
                kept &= ~bit
        return Proof(tuple(np.flatnonzero(weights > 0).tolist()), kept)

    def _proven(self, weights: np.ndarray, kept: int) -> float:
        return self._cheapest(weights, kept)[1] - float(weights @ self._limits(kept))

    def least_violation(self, row: int, others: tuple[int, ...], kept: int) -> float:
        """Give the units by which a row must give way for other rows and rules to be kept."""
        rows = (row, *others)
        groups = self._groups(rows)
        elastic = np.zeros(self.system.m)
        totals: list[np.ndarray] = []
        if others:
            elastic[list(others)] = self._unit[list(others)]
            totals = self._generate(others, kept, elastic, groups).totals
        elastic = np.zeros(self.system.m)
        elastic[row] = self._unit[row]
        found = self._generate(rows, kept, elastic, groups, totals, exact=True)
        return _rounded(found.violation * float(self._unit[row]))

    def least_use(self, row: int, kept: int) -> float:
        """Give the fewest units of a row that all queries together use, other rows aside.

        Nothing that is kept back against overruns is in it.
        """
        weights = np.zeros(self.system.m)
        weights[row] = 1.0
        return self._cheapest(weights, kept, np.zeros(self.system.m))[1]

    def _groups(self, rows: tuple[int, ...]) -> np.ndarray:
        """Give the group of each query, by the rows that it is a member of, shape (n,)."""
        members = self.system.program.members[list(rows)]
        n = members.shape[1]
        if n <= _GROUPS:
            return np.arange(n)
        _, label, size = np.unique(members, axis=1, return_inverse=True, return_counts=True)
        rank = np.empty(len(size), dtype=np.int64)
        rank[np.argsort(-size, kind="stable")] = np.arange(len(size))
        return np.minimum(rank[label.ravel()], _GROUPS - 1)

    def _generate(
        self,
        rows: tuple[int, ...],
        kept: int,
        elastic: np.ndarray,
        groups: np.ndarray,
        totals: list[np.ndarray] | None = None,
        exact: bool = False,
    ) -> _Mixture:
        """Find the least violation t: sum of use <= limits + t * elastic in the given rows."""
        limits = self._limits(kept)
        chosen = np.array(rows)
        totals = [] if totals is None else totals
        weights = np.where(elastic > 0, 1.0 / np.where(elastic > 0, elastic, 1.0), 0.0)
        weights /= max(int((elastic > 0).sum()), 1)
        best, proof, violation = -np.inf, weights, np.inf
        for _ in range(_ROUNDS):
            use, total = self._cheapest(weights, kept)
            proven = total - float(weights @ limits)
            if proven > best:
                best, proof = proven, weights
            if best > _WITHIN and not exact:
                break
            totals.append(_sums(use, groups))
            violation, duals = _mix(totals, chosen, limits, elastic, self._unit)
            if not exact and violation <= _WITHIN:
                break
            if violation - best <= _EXACT * max(1.0, abs(violation)) * (1.0 if exact else 1e-3):
                break
            weights = np.zeros(self.system.m)
            weights[chosen] = duals
        return _Mixture(violation, proof, best, totals)

    def _cheapest(
        self, weights: np.ndarray, kept: int, spread: np.ndarray | None = None
    ) -> tuple[np.ndarray, float]:
        """Give each query's use in the state whose weighted use is least, (m, n), and its sum."""
        system = self.system
        n = len(system.program)
        spread = self._margin(kept)[0] if spread is None else spread
        signed = system.sign * weights
        least = np.full(n, np.inf)
        pick = np.zeros((2, n), dtype=np.int64)
        for index, family in enumerate(self.families):
            rate = system.rate[:, family.offer]
            cost = (signed @ rate)[:, None] * family.spend + (signed @ family.once)[:, None]
            if spread.any():
                cost += ((signed * spread) @ rate**2)[:, None] * family.variance
            cost = np.where(family.allowed(kept), cost, np.inf)
            column = np.argmin(cost, axis=1)
            lower = cost[np.arange(n), column]
            better = lower < least
            least = np.where(better, lower, least)
            pick = np.where(better, np.stack([np.full(n, index), column]), pick)
        use = np.zeros((system.m, n))
        for index, family in enumerate(self.families):
            here = np.flatnonzero(pick[0] == index)
            if here.size:
                rate, column = system.rate[:, family.offer, here], pick[1, here]
                used = rate * family.spend[here, column] + family.once[:, here]
                if spread.any():
                    used += spread[:, None] * rate**2 * family.variance[here, column]
                use[:, here] = system.sign[:, None] * used
        return use, float(least.sum())

    def _limits(self, kept: int) -> np.ndarray:
        """Give the rows' right-hand sides less what chance bounds keep back anyway, (m,)."""
        return self.system.sign * self.system.amount - self._margin(kept)[1]

    def reserve(self, row: int, kept: int) -> float:
        """Give the least that a chance bound keeps back of a row, in units."""
        rate, constant = self._margin(kept)
        return float(constant[row] + rate[row] * self._variance(kept)[0][row])

    def _margin(self, kept: int) -> tuple[np.ndarray, np.ndarray]:
        """Give a line below the margin of each row: rate and constant, (m,) each."""
        if self.system.program.overrun_probability is None:
            return np.zeros(self.system.m), np.zeros(self.system.m)
        if kept not in self._lines:
            self._lines[kept] = self._chords(kept)
        return self._lines[kept]

    @cached_property
    def _lines(self) -> dict[int, tuple[np.ndarray, np.ndarray]]:
        return {}

    def _chords(self, kept: int) -> tuple[np.ndarray, np.ndarray]:
        program = self.system.program
        assert program.overrun_probability is not None
        low, high = self._variance(kept)
        rate, constant = np.zeros(self.system.m), np.zeros(self.system.m)
        for index, row in enumerate(self.system.rows):
            if isinstance(row, Limit):
                at_low, at_high = (
                    overrun_margin(
                        float(variance[index]),
                        program.overrun_probability,
                        program.overrun_bound,
                        self.system.largest_excess(index),
                    )
                    for variance in (low, high)
                )
                run = high[index] - low[index]
                rate[index] = (at_high - at_low) / run if run > 0 else 0.0
                constant[index] = at_low - rate[index] * low[index]
        return rate, constant

    def _variance(self, kept: int) -> tuple[np.ndarray, np.ndarray]:
        """Give the least and greatest variance of each row's use, (m,) each."""
        n = len(self.system.program)
        low, high = np.full((self.system.m, n), np.inf), np.zeros((self.system.m, n))
        for family in self.families:
            allowed = family.allowed(kept)
            square = self.system.rate[:, family.offer] ** 2
            least = np.where(allowed, family.variance, np.inf).min(axis=1)
            most = np.where(allowed, family.variance, 0.0).max(axis=1)
            some = allowed.any(axis=1)
            low = np.where(some, np.minimum(low, square * np.where(some, least, 0.0)), low)
            high = np.maximum(high, square * most)
        return np.where(np.isfinite(low), low, 0.0).sum(axis=1), high.sum(axis=1)


def _rounded(value: float) -> float:
    """Leave out the digits that the search for a least violation does not settle."""
    return float(f"{value:.8g}")


def _sums(use: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """Add the use of each group, shape (m, groups)."""
    size = int(groups.max()) + 1
    return np.stack([np.bincount(groups, row, size) for row in use])


def _mix(
    totals: list[np.ndarray],
    rows: np.ndarray,
    limits: np.ndarray,
    elastic: np.ndarray,
    unit: np.ndarray,
) -> tuple[float, np.ndarray]:
    """Mix totals of groups with the least violation; give it, as it is, and the rows' duals."""
    size = totals[0].shape[1]
    count = len(totals) * size
    scale = unit[rows]
    table = np.concatenate([total[rows] for total in totals], axis=1) / scale[:, None]
    right = limits[rows] / scale
    gives = elastic[rows] / scale
    owner = csr_matrix(
        (np.ones(count), (np.tile(np.arange(size), len(totals)), np.arange(count))),
        (size, count + 1),
    )
    found = linprog(
        np.append(np.zeros(count), 1.0),
        A_ub=np.column_stack([table, -gives]),
        b_ub=right,
        A_eq=owner,
        b_eq=np.ones(size),
        bounds=(0, None),
        method="highs-ds",
        options={"primal_feasibility_tolerance": 1e-10, "dual_feasibility_tolerance": 1e-10},
    )
    if found.x is None:
        return np.inf, 1.0 / scale / len(rows)
    excess = table @ found.x[:count] - right
    able = gives > 0
    violation = float((excess[able] / gives[able]).max(initial=-np.inf))
    return max(violation, 0.0), np.maximum(-found.ineqlin.marginals, 0.0) / scale

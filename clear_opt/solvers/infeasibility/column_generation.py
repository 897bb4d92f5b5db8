"""Feasibility of the relaxed program by column generation, or a Farkas certificate.

The variables are the shares of every state of every query: too many to write down for a mere check.
Dantzig and Wolfe (Operations Research 8, 1960) need few of them. The restricted master mixes totals
of whole groups of queries, so that the worst violation of a row is least. The pricing problem picks
the state of least reduced cost for each query, which is a new total. Either a mixture keeps all
rows, or the duals are a Farkas certificate that none can, because even these states together use
too much. Both are checked in float64 and not taken from the linear solver's word.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from scipy.sparse import csr_matrix

from clear_opt.solvers.infeasibility.pricing import PricingProblem
from clear_opt.solvers.infeasibility.state_families import StateGroup
from clear_opt.solvers.program.coupling_rows import LinearReserve
from clear_opt.solvers.program.lagrangian import LagrangianDual
from clear_opt.solvers.program.reserve_lines import chords

_WITHIN = 1e-9  # of a row's amount; what rounding may be taken for
_EXACT = 1e-8  # relative; how exactly the least violation of one row is found
_GROUPS = 256  # queries with the same memberships share a column; more kinds are put together
_ROUNDS = 200
_TRACE = 1e-7  # of the largest dual; below this a row plays no part in a proof


class FarkasCertificate(NamedTuple):
    """Why rows cannot be kept together."""

    rows: tuple[int, ...]
    """The rows that take part, the one that adds least to it first; none where some query has no
    state at all."""
    rules: int
    """Mask of the rules that take part."""


class _Columns(NamedTuple):
    """What groups of queries may use, a column for each choice of their states."""

    totals: np.ndarray
    """Shape (m, columns)."""
    group: np.ndarray
    """Shape (columns,)."""


class _MasterSolution(NamedTuple):
    """Where the column generation ended."""

    violation: float
    """Least violation found, in units of what may give way."""
    weights: np.ndarray
    """Duals, shape (m,)."""
    proven: float
    """No mixture has less violation than this."""
    columns: _Columns


@dataclass(frozen=True, eq=False)
class FeasibilityRelaxation:
    """The rows of a program over given states.

    Attributes
    ----------
    dual
        The program's rows. What chance bounds keep back is not taken from it but underestimated
        here: the margin is concave in the variance, so a chord lies below it.
    groups_of_states
        The states.
    """

    dual: LagrangianDual
    groups_of_states: list[StateGroup]

    @cached_property
    def _states(self) -> PricingProblem:
        return PricingProblem(self.dual, self.groups_of_states)

    @cached_property
    def _unit(self) -> np.ndarray:
        """Return the unit of a violation: the amount, or else the use of one query, (m,)."""
        amount = self.dual.amount
        size = np.where(amount > 0, amount, self._states.largest())
        return np.where(size > 0, size, 1.0)

    def infeasible_queries(self, kept: int) -> np.ndarray:
        """Return which queries have no state that keeps the rules of a mask, shape (n,)."""
        return self._states.infeasible_queries(kept)

    def certificate_against(self, rows: tuple[int, ...], kept: int) -> FarkasCertificate | None:
        """Return a proof that rows and rules cannot be kept together; ``None`` if they can be."""
        if self.infeasible_queries(kept).any():
            return FarkasCertificate((), kept)
        if not rows:
            return None
        elastic = self._elastic(rows)
        found = self._generate(rows, kept, elastic, self._groups(rows))
        if found.proven <= _WITHIN:
            return None
        return self._trimmed(found, kept, elastic)

    def _trimmed(self, found: _MasterSolution, kept: int, elastic: np.ndarray) -> FarkasCertificate:
        """Leave out of a proof what it holds without."""
        weights = found.weights
        share = weights * elastic
        fewer = np.where(share >= _TRACE * share.max(), weights, 0.0)
        if self._proven(fewer, kept) > _WITHIN:
            weights = fewer
        for bit in (1, 2, 4, 8):
            # More states are allowed without a rule: the same weights must prove it for them too.
            if kept & bit and self._proven(weights, kept & ~bit) > _WITHIN:
                kept &= ~bit
        rows = np.flatnonzero(weights > 0)
        adds = (weights * np.abs(self.dual.amount))[rows]
        return FarkasCertificate(tuple(rows[np.argsort(adds, kind="stable")].tolist()), kept)

    def _proven(self, weights: np.ndarray, kept: int) -> float:
        """Return a bound on the violation of rows that no choice of states falls below."""
        least = self._states.min_reduced_cost(weights, kept, self._margin(kept).rate).weighted
        return float(least.sum() - weights @ self._limits(kept))

    def _elastic(self, rows: tuple[int, ...]) -> np.ndarray:
        """Let some rows give way, in their units, shape (m,)."""
        elastic = np.zeros(self.dual.m)
        elastic[list(rows)] = self._unit[list(rows)]
        return elastic

    def least_violation(self, row: int, others: tuple[int, ...], kept: int) -> float:
        """Return the units by which a row must give way for other rows and rules to be kept."""
        rows, columns = (row, *others), None
        groups = self._groups(rows)
        if others:
            columns = self._generate(others, kept, self._elastic(others), groups).columns
        found = self._generate(rows, kept, self._elastic((row,)), groups, columns, exact=True)
        return _rounded(found.violation * float(self._unit[row]))

    def least_use(self, row: int, kept: int) -> float:
        """Return the fewest units of a row that all queries together use, other rows aside.

        Nothing that is kept back against overruns is in it.
        """
        weights = np.zeros(self.dual.m)
        weights[row] = 1.0
        return float(
            self._states.min_reduced_cost(weights, kept, np.zeros(self.dual.m)).weighted.sum()
        )

    def _groups(self, rows: tuple[int, ...]) -> np.ndarray:
        """Return the group of each query, by the rows that it is a member of, shape (n,)."""
        members = self.dual.program.members[list(rows)]
        n = members.shape[1]
        if n <= _GROUPS:
            return np.arange(n)
        _, label, size = np.unique(
            np.packbits(members, axis=0), axis=1, return_inverse=True, return_counts=True
        )
        rank = np.empty(len(size), dtype=np.int64)
        rank[np.argsort(-size, kind="stable")] = np.arange(len(size))
        return np.minimum(rank[label.ravel()], _GROUPS - 1)

    def _generate(
        self,
        rows: tuple[int, ...],
        kept: int,
        elastic: np.ndarray,
        groups: np.ndarray,
        columns: _Columns | None = None,
        exact: bool = False,
    ) -> _MasterSolution:
        """Find the least violation t: sum of use <= limits + t * elastic in the given rows."""
        limits, spread = self._limits(kept), self._margin(kept).rate
        chosen, size = np.array(rows), int(groups.max()) + 1
        if columns is None:
            columns = _Columns(np.zeros((self.dual.m, 0)), np.zeros(0, dtype=np.int64))
        weights = np.where(elastic > 0, 1.0 / np.where(elastic > 0, elastic, 1.0), 0.0)
        weights /= max(int((elastic > 0).sum()), 1)
        best, proof, violation, known = -np.inf, weights, np.inf, np.full(size, np.inf)
        for _ in range(_ROUNDS):
            pick = self._states.min_reduced_cost(weights, kept, spread)
            least = np.bincount(groups, pick.weighted, size)
            proven = float(least.sum() - weights @ limits)
            if proven > best:
                best, proof = proven, weights
            if best > _WITHIN and not exact:
                break
            # Only columns that are cheaper than what is mixed already can lower the violation.
            better = np.flatnonzero(least < known)
            if not better.size:
                break
            totals = self._states.totals(pick, groups, spread)[:, better]
            columns = _Columns(
                np.concatenate([columns.totals, totals], axis=1),
                np.concatenate([columns.group, better]),
            )
            violation, duals, known = _restricted_master(
                columns, chosen, limits, elastic, self._unit
            )
            if not exact and violation <= _WITHIN:
                break
            if violation - best <= _EXACT * max(1.0, abs(violation)) * (1.0 if exact else 1e-3):
                break
            weights = np.zeros(self.dual.m)
            weights[chosen] = duals
        return _MasterSolution(violation, proof, best, columns)

    def _limits(self, kept: int) -> np.ndarray:
        """Return the rows' right-hand sides less what chance bounds keep back anyway, (m,)."""
        return self.dual.sign * self.dual.amount - self._margin(kept).constant

    def reserve(self, row: int, kept: int) -> float:
        """Return the least that a chance bound keeps back of a row, in units."""
        rate, constant = self._margin(kept)
        return float(constant[row] + rate[row] * self._states.variance(kept)[0][row])

    def _margin(self, kept: int) -> LinearReserve:
        """Return a line below what is kept back of each row."""
        if self.dual.program.overrun_probability is None:
            return LinearReserve(np.zeros(self.dual.m), np.zeros(self.dual.m))
        if kept not in self._lines:
            self._lines[kept] = chords(self.dual, *self._states.variance(kept))
        return self._lines[kept]

    @cached_property
    def _lines(self) -> dict[int, LinearReserve]:
        return {}


def _rounded(value: float) -> float:
    """Leave out the digits that the search for a least violation does not settle."""
    return float(f"{value:.8g}")


def _restricted_master(
    columns: _Columns,
    rows: np.ndarray,
    limits: np.ndarray,
    elastic: np.ndarray,
    unit: np.ndarray,
) -> tuple[float, np.ndarray, np.ndarray]:
    """Mix columns of groups with the least violation.

    Returns the violation as it is, the duals of the rows, and what each group's mixture uses by
    these duals: a column of less can improve it.
    """
    from scipy.optimize import linprog  # slow to load, and plain problems never come here

    count, size = len(columns.group), int(columns.group.max()) + 1
    scale = unit[rows]
    table = columns.totals[rows] / scale[:, None]
    right, gives = limits[rows] / scale, elastic[rows] / scale
    owner = csr_matrix((np.ones(count), (columns.group, np.arange(count))), (size, count + 1))
    found = linprog(
        np.append(np.zeros(count), 1.0),
        A_ub=csr_matrix(np.column_stack([table, -gives])),
        b_ub=right,
        A_eq=owner,
        b_eq=np.ones(size),
        bounds=(0, None),
        method="highs-ds",
        options={"primal_feasibility_tolerance": 1e-10, "dual_feasibility_tolerance": 1e-10},
    )
    if found.x is None:
        return np.inf, 1.0 / scale / len(rows), np.full(size, np.inf)
    excess = table @ found.x[:count] - right
    able = gives > 0
    violation = float((excess[able] / gives[able]).max(initial=-np.inf))
    duals = np.maximum(-found.ineqlin.marginals, 0.0) / scale
    return max(violation, 0.0), duals, found.eqlin.marginals

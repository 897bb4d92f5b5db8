"""An irreducible infeasible set (IIS) of a program's constraints, with the numbers that show it.

Rows and rules (floors, ceilings, pins, availability) are dropped one by one from a Farkas
certificate, as long as those left are still infeasible together: the deletion filter. Then each of
them is needed. Smaller sets are searched for afterwards (Chinneck, Feasibility and Infeasibility in
Optimization, 2008, chapter 6).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import combinations
from math import comb

import numpy as np

from clear_opt.problem.program import Program
from clear_opt.solvers.infeasibility.column_generation import FeasibilityRelaxation
from clear_opt.solvers.infeasibility.explanation import (
    ConflictMember,
    members_of_conflict,
    remedies,
)
from clear_opt.solvers.infeasibility.state_families import rules_in_force, state_groups
from clear_opt.solvers.program.lagrangian import LagrangianDual

_SHOWN = 3  # parts that a message names from either end of a long list
_CHECKS = 150  # most linear programs that the search for a smaller set may take
_CANDIDATES = 50_000  # most sets of one size that are looked at


@dataclass(frozen=True)
class Conflict:
    """Constraints that no allocation can keep together, though it could without any one of them.

    Attributes
    ----------
    parts
        The constraints: rows by their names, and what is no row by ``"floors"``, ``"ceilings"``,
        ``"pinned queries"`` and ``"availability of offers"``.
    smallest
        Whether it is proven that no smaller set contradicts itself. Otherwise it is known only that
        each of the parts is needed.

    Examples
    --------
    >>> from clear_opt import Guarantee, Limit, Offer, Program, ShiftedSurge
    >>> from clear_opt.solvers.infeasibility import find_conflict
    >>> offer = Offer("small", ShiftedSurge.from_height([80, 90, 100], 0.9, 60))
    >>> rules = [Limit(100), Guarantee(90, group=[0], name="A"), Guarantee(70, group=[1], name="B")]
    >>> conflict = find_conflict(Program(offer, rules))
    >>> conflict.names, conflict.shortfall["A"]
    (('A', 'B', 'tokens'), 60.0)
    >>> print(conflict)  # doctest: +NORMALIZE_WHITESPACE
    'A' (at least 90 tokens), 'B' (at least 70 tokens) and 'tokens' (at most 100 tokens) contradict
    each other by 60 tokens; lower 'A' to 30 tokens, lower 'B' to 10 tokens, or raise 'tokens' to
    160 tokens
    """

    parts: tuple[ConflictMember, ...]
    smallest: bool

    @property
    def names(self) -> tuple[str, ...]:
        """What contradicts each other, those that ask for something first."""
        return tuple(part.name for part in self.parts)

    @property
    def shortfall(self) -> dict[str, float]:
        """By how many units each row, relaxed alone, would mend the conflict.

        Fractions of queries count; whole caps may need up to one query more.
        """
        return {part.name: part.shortfall for part in self.parts if part.shortfall is not None}

    def __str__(self) -> str:
        shown, names = self.parts, [str(part) for part in self.parts]
        if len(names) > 2 * _SHOWN:
            shown = self.parts[:_SHOWN] + self.parts[-_SHOWN:]
            omitted = f"{len(names) - len(shown)} more (names has all)"
            names = [*names[:_SHOWN], omitted, *names[-_SHOWN:]]
        gap = next((part.gap for part in reversed(self.parts) if part.gap), "")
        if len(names) == 1:
            clash = f"{names[0]} cannot be kept"
        else:
            clash = f"{', '.join(names[:-1])} and {names[-1]} contradict each other"
        doubt = "" if self.smallest else " (there may be a smaller set)"
        return f"{clash}{gap and f' by {gap}'}{doubt}; {remedies(shown)}"


def find_conflict(program: Program, dual: LagrangianDual | None = None) -> Conflict | None:
    """Find the smallest set of constraints that cannot be kept together.

    Parameters
    ----------
    program
        Any program.
    dual
        Its rows, where they are at hand.

    Returns
    -------
    Conflict
        ``None`` where every constraint can be kept at once, by shares of queries at least. That
        need not mean that whole caps can (`Status.UNROUNDED`).

    Notes
    -----
    To drop floors means here that queries need not get them; to drop ceilings, that more may be
    given. What counts as funded stays as it is.
    """
    dual = LagrangianDual.of(program) if dual is None else dual.under(None)
    rules, rows = rules_in_force(program), tuple(range(dual.m))
    if _trivially_feasible(dual):
        return None
    if FeasibilityRelaxation(dual, state_groups(dual)).certificate_against(rows, rules) is None:
        return None
    search = _IISSearch(FeasibilityRelaxation(dual, state_groups(dual, relaxed=True)), rows, rules)
    found, smallest = search.smallest()
    return Conflict(members_of_conflict(search.relaxation, *search.split(found)), smallest)


def _trivially_feasible(dual: LagrangianDual) -> bool:
    """Whether every row is kept when nobody is funded: then there is nothing to look for."""
    program = dual.program
    if program.overrun_probability is not None or not dual.can_idle.any(axis=0).all():
        return False
    first = dual.can_idle.argmax(axis=0)
    use = np.take_along_axis(dual.idle_use, first[None, None, :], axis=1).sum(axis=(1, 2))
    return bool((use <= dual.limits).all())


@dataclass(eq=False)
class _IISSearch:
    """Sets of parts are sets of numbers: rows from 0 to m - 1, then m + bit for the rules."""

    relaxation: FeasibilityRelaxation
    rows: tuple[int, ...]
    rules: int
    checks: int = 0
    possible: list[frozenset[int]] = field(default_factory=list)

    def split(self, parts: frozenset[int]) -> tuple[tuple[int, ...], int]:
        """Return the rows and the mask of the rules."""
        m = len(self.rows)
        mask = sum(1 << (part - m) for part in parts if part >= m)
        return tuple(sorted(part for part in parts if part < m)), mask

    @property
    def all_parts(self) -> frozenset[int]:
        """All rows and rules."""
        m = len(self.rows)
        return frozenset(self.rows) | {m + bit for bit in range(4) if self.rules >> bit & 1}

    def contradicts(self, parts: frozenset[int]) -> tuple[int, ...] | None:
        """Return those of the parts that contradict each other, ``None`` if they do not."""
        self.checks += 1
        proof = self.relaxation.certificate_against(*self.split(parts))
        if proof is None:
            return None
        m = len(self.rows)
        return proof.rows + tuple(m + bit for bit in range(4) if proof.rules >> bit & 1)

    def smallest(self) -> tuple[frozenset[int], bool]:
        """Return a smallest set, or one in which each part is needed, and which of them it is."""
        found = self._irreducible()
        parts = sorted(self.all_parts)
        for size in range(1, len(found)):
            if size == 2:
                # Sets within one that is known to be possible need no check of their own.
                for part in sorted(found):
                    self._remember(found - {part})
            if comb(len(parts), size) > _CANDIDATES:
                return found, False
            for chosen in map(frozenset, combinations(parts, size)):
                if any(chosen <= known for known in self.possible):
                    continue
                if self.exhausted:
                    return found, False
                if self.contradicts(chosen) is not None:
                    return chosen, True
                if size > 1:
                    self._remember(chosen)
        return found, True

    @property
    def exhausted(self) -> bool:
        """Whether enough has been tried. To try each part alone is always allowed."""
        return self.checks > len(self.all_parts) + _CHECKS

    def _irreducible(self) -> frozenset[int]:
        first = self.contradicts(self.all_parts)
        assert first is not None
        found = frozenset(first)
        # What adds least goes first, and rules last: so few rows are left, those of most weight.
        for part in first:
            if part in found:
                found = frozenset(self.contradicts(found - {part}) or found)
        return found

    def _remember(self, chosen: frozenset[int]) -> None:
        """Keep a large set that contains ``chosen`` and does not contradict itself."""
        larger = self.all_parts
        while (bad := self.contradicts(larger)) is not None:
            rest = [part for part in bad if part not in chosen]
            # None is left where a set is possible by a hair, and proven impossible after all.
            if not rest or self.exhausted:
                return
            larger -= {rest[0]}
        self.possible.append(larger)

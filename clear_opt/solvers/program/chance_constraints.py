"""Limits that hold with a probability: prices and whole caps.

What is kept back of a limit grows with the square root of the variance of what its members spend,
so it depends on the answer. Its tangent at any variance lies above it. With it each query is
charged for its own variance and the program stays linear in its states; a few rounds bring the
tangent to where the answer is. Whatever the rounds, the probability holds. What no answer exceeds
is another question: `clear_opt.solvers.program.chance_bound`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np

from clear_opt.solvers.program.assignment import Assignment
from clear_opt.solvers.program.barrier_method import CoupledPrices, coupled_prices
from clear_opt.solvers.program.branch_and_bound import all_choices, few_choices, undominated
from clear_opt.solvers.program.candidates import Candidates, neighbourhood, states_in
from clear_opt.solvers.program.lagrangian import LagrangianDual
from clear_opt.solvers.program.marginal_sets import ProgramCandidate
from clear_opt.solvers.program.offer_responses import OfferChoices
from clear_opt.solvers.program.priced_caps import best_responses
from clear_opt.solvers.program.primal_recovery import local_search, recover
from clear_opt.solvers.program.reserve_lines import reserves, tangents

PriceSearch = Callable[[LagrangianDual, np.ndarray | None], CoupledPrices]
"""What finds the prices of a dual, from prices to start with or none."""

_ROUNDS = 4
_SMALL = 12  # queries of a batch of which all caps are compared, two queries at a time at least
_WITHIN = 1e-12  # relative; rounding must not forbid what fits exactly
_MANY = 500  # queries; beyond, a tangent is as good as exact wherever the answer ends up
_GAIN = 1e-4  # relative; what is worth another round
_SETTLED = 1e-3  # relative change of a variance that moves the margin by half as much


def chance_dual(
    dual: LagrangianDual,
    start: np.ndarray | None,
    find: PriceSearch = coupled_prices,
) -> tuple[LagrangianDual, CoupledPrices]:
    """Find prices under limits that hold with the program's probability.

    Parameters
    ----------
    dual
        Of a program with an overrun probability, n >= 1 queries; without a line.
    start
        Prices to start from, or ``None``.
    find
        What finds the prices of one round.

    Returns
    -------
    LagrangianDual
        With the tangents that the prices belong to.
    CoupledPrices
        The evaluations are those of all rounds.
    """
    found, evaluations = find(dual, start), 0
    variance, least = np.zeros(dual.m), _least_variance(dual)
    for _ in range(_ROUNDS):
        evaluations += found.evaluations
        now = np.maximum(best_responses(dual, found.prices).variance(), least)
        if (np.abs(now - variance) <= _SETTLED * now).all():
            break
        variance = now
        dual = dual.under(tangents(dual, variance))
        found = find(dual, found.prices)
    return dual, found._replace(evaluations=evaluations)


def chance_caps(dual: LagrangianDual, prices: np.ndarray) -> Assignment | None:
    """Find whole caps that keep every limit with the program's probability.

    Parameters
    ----------
    dual
        With the tangents of `chance_dual`.
    prices
        That belong to them, shape (m,).

    Returns
    -------
    Assignment
        The best one found; of all caps of the grid where they are few. ``None`` where none was.
    """
    grid = _Grid.of(dual) if len(dual.program) <= _SMALL else None
    few = grid and grid.best_of_all()
    best = few or recover(dual, prices)
    if best is None or few or len(dual.program) > _MANY:
        return best
    for _ in range(_ROUNDS):
        near, value = dual.under(tangents(dual, best.variance())), best.utility().sum()
        best = local_search(ProgramCandidate(replace(best, dual=near), prices), near.bound(prices))
        if not best.utility().sum() > value * (1.0 + _GAIN):
            break
    return grid.exchanged(best) if grid else best


@dataclass(frozen=True, eq=False)
class _Grid:
    """All caps of a small batch, with what is kept back counted as it is and by no line.

    Attributes
    ----------
    plain
        The program's rows without a line.
    table
        All states.
    use
        Of each row by each state, and below that its variance, shape (2 m, s, n).
    useful
        Which states no other state beats in all of these, shape (s, n).
    """

    plain: LagrangianDual
    table: Candidates
    use: np.ndarray
    useful: np.ndarray

    @classmethod
    def of(cls, dual: LagrangianDual) -> _Grid:
        """List the states of a program."""
        plain, choices = dual.under(None), dual.free_choices
        table = neighbourhood(
            plain, [offered.breakeven_cap for offered in choices], sizes=_points(choices)
        )
        variance = np.zeros_like(table.use)
        for k, offered in enumerate(choices):
            spread = plain.rate[:, k, None] ** 2 * offered.variance_at(table.caps)
            variance = np.where(table.offer == k, spread, variance)
        use = np.concatenate([table.use, variance])
        return cls(plain, table, use, undominated(table.value, use))

    def best_of_all(self) -> Assignment | None:
        """Return the best choice of states; ``None`` if none keeps every row or there are many."""
        every = np.arange(len(self.plain.program))
        state = self._decided(np.zeros(len(every), dtype=np.int64), every)
        return None if state is None else self.table.assignment(self.plain, state)

    def exchanged(self, found: Assignment) -> Assignment:
        """Let two queries at a time take the best of their states until no pair gains."""
        state, n = states_in(found, self.table), len(self.plain.program)
        before = None
        while before is None or (before != state).any():
            before = state
            for pair in combinations(range(n), 2):
                better = self._decided(state, np.array(pair))
                state = state if better is None else better
        return self.table.assignment(self.plain, state)

    def _decided(self, state: np.ndarray, window: np.ndarray) -> np.ndarray | None:
        """Choose the states of some queries anew, the others keep theirs."""
        owner, own = np.nonzero(self.useful[:, window].T)
        if not few_choices(owner):
            return None
        query = window[owner]
        choices, total, used = all_choices(
            self.table.value[own, query], self.use[:, own, query], owner
        )
        others = np.delete(np.arange(len(state)), window)
        used += self.use[:, state[others], others].sum(axis=1, keepdims=True)
        m, limits = self.plain.m, self.plain.limits[:, None]
        over = used[:m] + reserves(self.plain, used[m:]) - limits
        fits = (over <= _WITHIN * np.abs(limits)).all(axis=0)
        if not fits.any():
            return None
        found = state.copy()
        found[window] = own[choices[:, int(np.argmax(np.where(fits, total, -np.inf)))]]
        return found


def _points(choices: tuple[OfferChoices, ...]) -> int:
    """Return how many caps the longest grid of any offer has."""
    return max(0 if offered.table is None else offered.table.caps.shape[1] for offered in choices)


def _least_variance(dual: LagrangianDual) -> np.ndarray:
    """Return a variance that is above zero wherever any member's is: tangents need one, (m,)."""
    most = [offered.variance_at(offered.saturation_cap) for offered in dual.free_choices]
    return (dual.rate**2 * np.stack(most)).max(axis=(1, 2), initial=0.0)

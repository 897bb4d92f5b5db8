"""Limits that hold with a probability: prices and whole caps.

What is kept back of a limit grows with the square root of the variance of what its members spend,
so it depends on the answer. Its tangent at any variance lies above it. With it each query is
charged for its own variance and the program stays linear in its states; a few rounds bring the
tangent to where the answer is. Whatever the rounds, the probability holds. What no answer exceeds
is another question: `clear_opt.solvers.coupled.chance_bound`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from clear_opt import defaults
from clear_opt.program.assignment import Assignment
from clear_opt.program.margins import reserves, tangents
from clear_opt.program.program import Program
from clear_opt.program.system import System
from clear_opt.solvers.coupled.enumeration import all_choices, few_choices
from clear_opt.solvers.coupled.patterns import Spent
from clear_opt.solvers.coupled.polish import polish
from clear_opt.solvers.coupled.prices import CoupledPrices, coupled_prices
from clear_opt.solvers.coupled.recovery import best_states, recover
from clear_opt.solvers.coupled.table import table_around
from clear_opt.solvers.coupled.window import undominated

PriceSearch = Callable[[System, np.ndarray | None], CoupledPrices]
"""What finds the prices of a system, from prices to start with or none."""

_ROUNDS = 4
_MANY = 500  # queries; beyond, a tangent is as good as exact wherever the answer ends up
_GAIN = 1e-4  # relative; what is worth another round
_SETTLED = 1e-3  # relative change of a variance that moves the margin by half as much


def chance_system(
    program: Program,
    start: np.ndarray | None,
    find: PriceSearch = coupled_prices,
) -> tuple[System, CoupledPrices]:
    """Find prices under limits that hold with the program's probability.

    Parameters
    ----------
    program
        With an overrun probability, n >= 1 queries.
    start
        Prices to start from, or ``None``.
    find
        What finds the prices of one round.

    Returns
    -------
    System
        With the tangents that the prices belong to.
    CoupledPrices
        The evaluations are those of all rounds.
    """
    system = System(program)
    found, evaluations = find(system, start), 0
    variance, least = np.zeros(system.m), _least_variance(system)
    for _ in range(_ROUNDS):
        evaluations += found.evaluations
        now = np.maximum(best_states(system, found.prices).variance(), least)
        if (np.abs(now - variance) <= _SETTLED * now).all():
            break
        variance = now
        system = system.under(tangents(system, variance))
        found = find(system, found.prices)
    return system, found._replace(evaluations=evaluations)


def chance_caps(system: System, prices: np.ndarray) -> Assignment | None:
    """Find whole caps that keep every limit with the program's probability.

    Parameters
    ----------
    system
        With the tangents of `chance_system`.
    prices
        That belong to them, shape (m,).

    Returns
    -------
    Assignment
        The best one found; of all caps of the grid where they are few. ``None`` where none was.
    """
    few = _best_of_few(system)
    if few is not None:
        return few
    best = recover(system, prices)
    if best is None or len(system.program) > _MANY:
        return best
    for _ in range(_ROUNDS):
        near, value = system.under(tangents(system, best.variance())), best.utility().sum()
        best = polish(Spent(replace(best, system=near), prices), near.bound(prices))
        if not best.utility().sum() > value * (1.0 + _GAIN):
            break
    return best


def _best_of_few(system: System) -> Assignment | None:
    """Give the best of all choices of caps of the grid; ``None`` where there are too many."""
    plain = system.under(None)
    lanes = plain.program.lanes
    table = table_around(plain, [lane.entry_cap for lane in lanes], sizes=defaults.GRID_POINTS)
    variance = np.zeros_like(table.use)
    for k, lane in enumerate(lanes):
        spread = plain.rate[:, k, None] ** 2 * lane.variance_at(table.caps)
        variance = np.where(table.lane == k, spread, variance)
    both = np.concatenate([table.use, variance])
    owner, state = np.nonzero(undominated(table.value, both).T)
    if not few_choices(owner):
        return None
    choices, total, used = all_choices(table.value[state, owner], both[:, state, owner], owner)
    m = plain.m
    over = used[:m] + reserves(plain, used[m:]) - plain.limits[:, None]
    fits = (over <= 1e-12 * np.abs(plain.limits)[:, None]).all(axis=0)
    if not fits.any():
        return None
    chosen = choices[:, int(np.argmax(np.where(fits, total, -np.inf)))]
    best = table.assignment(plain, state[chosen])
    return Assignment(system, best.lane, best.caps)


def _least_variance(system: System) -> np.ndarray:
    """Give a variance that is above zero wherever any member's is: tangents need one, (m,)."""
    most = [lane.variance_at(lane.top_cap) for lane in system.program.lanes]
    return (system.rate**2 * np.stack(most)).max(axis=(1, 2), initial=0.0)

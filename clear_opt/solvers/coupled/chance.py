"""Limits that hold with a probability: what to keep back for the spread of realised spend.

The margin of a limit grows with the square root of the variance of what its members spend, so it
depends on the answer. Its tangent at any variance lies above it (`Program.kept_back_line`). With it
each query is charged for its own variance and the program stays linear in its states; a few rounds
bring the tangent to where the answer is. Whatever the rounds, the probability holds. The dual bound
of the answer is that of the program under the tangent.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from clear_opt.program.constraints import Limit
from clear_opt.program.program import Program
from clear_opt.program.system import Margin, System
from clear_opt.solvers.coupled.prices import CoupledPrices, coupled_prices
from clear_opt.solvers.coupled.recovery import best_states

_ROUNDS = 4
_SETTLED = 1e-3  # relative change of a variance that moves the margin by half as much


def chance_system(
    program: Program,
    start: np.ndarray | None,
    find: Callable[[System, np.ndarray | None], CoupledPrices] = coupled_prices,
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
        With the margins that the prices belong to.
    CoupledPrices
        The evaluations are those of all rounds.
    """
    system = System(program)
    found, evaluations = find(system, start), 0
    variance, least = np.zeros(system.m), _least_variance(system)
    for _ in range(_ROUNDS):
        evaluations += found.evaluations
        states = best_states(system, found.prices)
        now = np.maximum(states.variance(), least)
        if (np.abs(now - variance) <= _SETTLED * now).all():
            break
        variance = now
        system = System(program, margin_at(program, variance))
        found = find(system, found.prices)
    return system, found._replace(evaluations=evaluations)


def margin_at(program: Program, variance: np.ndarray) -> Margin:
    """Give the tangents to the margins of all limits, (m,) each, at variances of shape (m,)."""
    plain = System(program)
    rate, constant = np.zeros(plain.m), np.zeros(plain.m)
    for index, row in enumerate(program.constraints):
        if isinstance(row, Limit):
            rate[index], constant[index] = program.kept_back_line(
                row, float(variance[index]), plain.largest_excess(index)
            )
    return Margin(rate, constant)


def _least_variance(system: System) -> np.ndarray:
    """Give a variance that is above zero wherever any member's is: tangents need one, (m,)."""
    most = [lane.variance_at(lane.top_cap) for lane in system.program.lanes]
    return (system.rate**2 * np.stack(most)).max(axis=(1, 2), initial=0.0)

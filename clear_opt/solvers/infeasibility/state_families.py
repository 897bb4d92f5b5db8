"""All states of all queries as tables, and which of them break floors, ceilings, pins or the like.

What no row expresses, a floor for one, is expressed by the states that it forbids. Each state knows
what it breaks. So "the program without its floors" is the same tables with more states allowed, and
what can be kept with more of them allowed is never less.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import product

import numpy as np

from clear_opt.problem.constraints import FundedShare, Guarantee
from clear_opt.problem.program import Program, units_over
from clear_opt.solvers.program.build_responses import unlimited_lanes
from clear_opt.solvers.program.lagrangian import LagrangianDual
from clear_opt.solvers.program.offer_responses import Lane, PointLane

FLOORS, CEILINGS, PINS, AVAILABILITY = 1, 2, 4, 8
"""What states may break: bits of a mask."""

RULES = {
    "floors": FLOORS,
    "ceilings": CEILINGS,
    "pinned queries": PINS,
    "availability of offers": AVAILABILITY,
}
"""Names of what holds without being a row."""


@dataclass(frozen=True, eq=False)
class Family:
    """States of one kind, up to p for each of n queries.

    Attributes
    ----------
    offer
        Index of the lane.
    spend, variance
        Of the spend of each state, shape (n, p).
    exists
        Whether there is such a state, shape (n, p).
    once
        Units of each row that do not depend on the spend, shape (m, n).
    breaks
        What the states break, a mask for each query, shape (n,).
    """

    offer: int
    spend: np.ndarray
    variance: np.ndarray
    exists: np.ndarray
    once: np.ndarray
    breaks: np.ndarray

    def allowed(self, kept: int) -> np.ndarray:
        """Say which states break nothing of a mask, shape (n, p)."""
        return self.exists & ((self.breaks & kept) == 0)[:, None]


def rules_in_force(program: Program) -> int:
    """Give the mask of what a program has at all."""
    closed = any(not offer.available.all() for offer in program.offers)
    limits = [program.ceiling, *(offer.ceiling for offer in program.offers)]
    return (
        FLOORS * bool((program.floor > 0).any())
        | CEILINGS * any(bool(np.isfinite(limit).any()) for limit in limits)
        | PINS * bool(program.pinned.any())
        | AVAILABILITY * closed
    )


def families_of(dual: LagrangianDual, *, loose: bool = False) -> list[Family]:
    """List the states of a program.

    Parameters
    ----------
    dual
        The program's rows.
    loose
        Whether to list states that break something as well: without floors, above ceilings, at rest
        though pinned, with offers that are not available.
    """
    program = dual.program
    force = rules_in_force(program) if loose else 0
    n = len(program)
    nothing, floored = np.zeros((n, 1)), program.floor > 0
    resting = np.where(program.pinned, PINS, 0)
    found = [
        Family(
            0,
            nothing,
            nothing,
            np.ones((n, 1), dtype=bool),
            np.zeros((dual.m, n)),
            resting | np.where(floored, FLOORS, 0),
        )
    ]
    for broken in _subsets(force & (FLOORS | CEILINGS)):
        changed = _without(program, broken) if force & (broken | AVAILABILITY) else program
        lanes = dual.compiled.choices.unlimited if changed is program else unlimited_lanes(changed)
        for k, lane in enumerate(lanes):
            unavailable = np.where(program.offers[k].available, 0, AVAILABILITY)
            breaks = np.full(n, broken) | unavailable
            if not broken & FLOORS and floored.any():
                pinned = np.where(lane.past_threshold, 0, resting)
                found.append(_resting(dual, k, lane, floored, breaks | pinned))
            found.append(_funded(dual, k, lane, breaks))
    return found


def _subsets(mask: int) -> list[int]:
    parts = [(0, bit) for bit in (FLOORS, CEILINGS) if mask & bit]
    return [sum(chosen) for chosen in product(*parts)]


def _without(program: Program, broken: int) -> Program:
    """Give the program with every offer available, and without floors or ceilings as asked."""
    free = bool(broken & CEILINGS)
    offers = [
        replace(offer, available=None, ceiling=None if free else offer.ceiling)
        for offer in program.offers
    ]
    return replace(
        program,
        offers=offers,
        floor=0 if broken & FLOORS else program.floor,
        ceiling=None if free else program.ceiling,
    )


def _resting(
    dual: LagrangianDual, k: int, lane: Lane, floored: np.ndarray, breaks: np.ndarray
) -> Family:
    once = dual.fixed[:, k].copy()
    for index, row in enumerate(dual.rows):
        if isinstance(row, FundedShare):
            once[index] *= lane.past_threshold
    exists = (lane.can_idle & floored)[:, None]
    return Family(k, lane.start[:, None], lane.start_variance[:, None], exists, once, breaks)


def _funded(dual: LagrangianDual, k: int, lane: Lane, breaks: np.ndarray) -> Family:
    once, lane = dual.fixed[:, k], lane.within(asked_for(dual, k))
    if not isinstance(lane, PointLane):
        # Whole caps: what they cannot do is no use, and what they can must not be missed.
        spend = np.stack([lane.entry_cap, np.maximum(lane.entry_cap, lane.top_cap)], axis=1)
        exists = np.repeat(lane.open[:, None], 2, axis=1)
        return Family(k, spend, np.zeros_like(spend), exists, once, breaks)
    points = lane.points
    if dual.program.overrun_probability is not None:
        return Family(k, points.spend, points.variance, points.usable, once, breaks)
    # Where variance costs nothing, the points in between are mixtures of these two.
    low = np.where(points.usable, points.spend, np.inf).min(axis=1)
    high = np.where(points.usable, points.spend, -np.inf).max(axis=1)
    exists = np.repeat(lane.open[:, None], 2, axis=1)
    spend = np.where(exists, np.stack([low, high], axis=1), 0.0)
    return Family(k, spend, np.zeros_like(spend), exists, once, breaks)


def asked_for(dual: LagrangianDual, k: int) -> np.ndarray:
    """Give the spend with which a query alone meets every guarantee of its groups, shape (n,).

    To spend more helps no row, whatever the limits.
    """
    most = np.zeros(len(dual.program))
    for index, row in enumerate(dual.rows):
        if isinstance(row, Guarantee):
            enough = units_over(dual.amount[index], dual.rate[index, k])
            most = np.maximum(most, np.where(dual.rate[index, k] > 0, enough, 0.0))
    return most

"""All states of all queries as tables, and which of them violate floors, ceilings or pins.

What no row expresses, such as a floor, is expressed by the states that it forbids. Each state knows
what it violates, so "the program without its floors" is the same tables with more states allowed.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import product

import numpy as np

from clear_opt.problem.constraints import FundedShare, Guarantee
from clear_opt.problem.program import Program, units_over
from clear_opt.solvers.program.build_responses import unlimited_choices
from clear_opt.solvers.program.lagrangian import LagrangianDual
from clear_opt.solvers.program.offer_responses import DiscreteChoices, OfferChoices

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
class StateGroup:
    """States of one kind, up to p for each of n queries.

    Attributes
    ----------
    offer
        Index of the offer.
    spend, variance
        Of the spend of each state, shape (n, p).
    exists
        Whether there is such a state, shape (n, p).
    once
        Units of each row that do not depend on the spend, shape (m, n).
    violates
        What the states break, a mask for each query, shape (n,).
    """

    offer: int
    spend: np.ndarray
    variance: np.ndarray
    exists: np.ndarray
    once: np.ndarray
    violates: np.ndarray

    def allowed(self, kept: int) -> np.ndarray:
        """Return which states break nothing of a mask, shape (n, p)."""
        return self.exists & ((self.violates & kept) == 0)[:, None]


def rules_in_force(program: Program) -> int:
    """Return the mask of what a program has at all."""
    closed = any(not offer.available.all() for offer in program.offers)
    limits = [program.ceiling, *(offer.ceiling for offer in program.offers)]
    return (
        FLOORS * bool((program.floor > 0).any())
        | CEILINGS * any(bool(np.isfinite(limit).any()) for limit in limits)
        | PINS * bool(program.pinned.any())
        | AVAILABILITY * closed
    )


def state_groups(dual: LagrangianDual, *, relaxed: bool = False) -> list[StateGroup]:
    """List the states of a program.

    Parameters
    ----------
    dual
        The program's rows.
    relaxed
        Whether to list states that break something as well: without floors, above ceilings, at rest
        though pinned, with offers that are not available.
    """
    program = dual.program
    force = rules_in_force(program) if relaxed else 0
    n = len(program)
    nothing, floored = np.zeros((n, 1)), program.floor > 0
    resting = np.where(program.pinned, PINS, 0)
    found = [
        StateGroup(
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
        choices = (
            dual.compiled.choice_sets.unlimited
            if changed is program
            else unlimited_choices(changed)
        )
        for k, offered in enumerate(choices):
            unavailable = np.where(program.offers[k].available, 0, AVAILABILITY)
            violates = np.full(n, broken) | unavailable
            if not broken & FLOORS and floored.any():
                pinned = np.where(offered.floor_funds, 0, resting)
                found.append(_resting(dual, k, offered, floored, violates | pinned))
            found.append(_funded(dual, k, offered, violates))
    return found


def _subsets(mask: int) -> list[int]:
    parts = [(0, bit) for bit in (FLOORS, CEILINGS) if mask & bit]
    return [sum(chosen) for chosen in product(*parts)]


def _without(program: Program, broken: int) -> Program:
    """Return the program with every offer available, and without floors or ceilings as asked."""
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
    dual: LagrangianDual, k: int, offered: OfferChoices, floored: np.ndarray, violates: np.ndarray
) -> StateGroup:
    once = dual.fixed[:, k].copy()
    for index, row in enumerate(dual.rows):
        if isinstance(row, FundedShare):
            once[index] *= offered.floor_funds
    exists = (offered.can_idle & floored)[:, None]
    return StateGroup(
        k, offered.start[:, None], offered.start_variance[:, None], exists, once, violates
    )


def _funded(
    dual: LagrangianDual, k: int, offered: OfferChoices, violates: np.ndarray
) -> StateGroup:
    once, offered = dual.fixed[:, k], offered.within(asked_for(dual, k))
    if not isinstance(offered, DiscreteChoices):
        # Whole caps: what they cannot do is no use, and what they can must not be missed.
        spend = np.stack(
            [offered.breakeven_cap, np.maximum(offered.breakeven_cap, offered.saturation_cap)],
            axis=1,
        )
        exists = np.repeat(offered.can_fund[:, None], 2, axis=1)
        return StateGroup(k, spend, np.zeros_like(spend), exists, once, violates)
    points = offered.points
    if dual.program.overrun_probability is not None:
        return StateGroup(k, points.spend, points.variance, points.usable, once, violates)
    # Where variance costs nothing, the points in between are mixtures of these two.
    low = np.where(points.usable, points.spend, np.inf).min(axis=1)
    high = np.where(points.usable, points.spend, -np.inf).max(axis=1)
    exists = np.repeat(offered.can_fund[:, None], 2, axis=1)
    spend = np.where(exists, np.stack([low, high], axis=1), 0.0)
    return StateGroup(k, spend, np.zeros_like(spend), exists, once, violates)


def asked_for(dual: LagrangianDual, k: int) -> np.ndarray:
    """Return the spend with which a query alone meets every guarantee of its groups, shape (n,).

    To spend more helps no row, whatever the limits.
    """
    most = np.zeros(len(dual.program))
    for index, row in enumerate(dual.rows):
        if isinstance(row, Guarantee):
            enough = units_over(dual.amount[index], dual.rate[index, k])
            most = np.maximum(most, np.where(dual.rate[index, k] > 0, enough, 0.0))
    return most

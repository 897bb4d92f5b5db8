"""The choices of an offer, from its curves and lengths: whole caps, or a grid where spend counts.

A `Program` is data; `choice_sets` compiles what each of its offers can do.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from weakref import WeakKeyDictionary

import numpy as np

from clear_opt import defaults
from clear_opt._numerics.blocks import ceil_to_block, floor_to_block
from clear_opt.curves import Curve
from clear_opt.envelopes.concave import concave_envelope
from clear_opt.envelopes.spend_frontier import cap_grid, spend_points
from clear_opt.lengths import Lengths
from clear_opt.problem.constraints import Limit
from clear_opt.problem.offers import Offer
from clear_opt.problem.program import Program, units_over
from clear_opt.solvers.program.funded_points import Points
from clear_opt.solvers.program.offer_responses import (
    ContinuousChoices,
    DiscreteChoices,
    OfferChoices,
)

_ROOM = 2.0  # times what limits allow: no answer comes near, so that none is held back by it


@dataclass(frozen=True, eq=False)
class ChoiceSets:
    """What each offer of a program can do: one `OfferChoices` per offer.

    Attributes
    ----------
    unlimited
        Without constraints, on which they do not depend.
    free
        Within the limits.
    pinned
        Queries that must be funded whatever the price, booleans of shape (n,).
    """

    unlimited: tuple[OfferChoices, ...]
    free: tuple[OfferChoices, ...]
    pinned: np.ndarray

    @cached_property
    def committed(self) -> tuple[OfferChoices, ...]:
        """The same choices for queries that are to be funded; pinned ones keep their break-even."""
        return tuple(offered.committed(self.pinned) for offered in self.free)


_COMPILED: WeakKeyDictionary[Program, ChoiceSets] = WeakKeyDictionary()


def choice_sets(program: Program) -> ChoiceSets:
    """Compile what each offer of a program can do, once for as long as the program lives."""
    if program not in _COMPILED:
        _COMPILED[program] = within_limits(program, unlimited_choices(program))
    return _COMPILED[program]


def within_limits(program: Program, unlimited: tuple[OfferChoices, ...]) -> ChoiceSets:
    """Compile what each offer can do within a program's limits.

    Parameters
    ----------
    program : Program
    unlimited : tuple of OfferChoices
        What each of its offers can do without constraints: see `unlimited_choices`.
    """
    free = tuple(
        offered.within(_ROOM * _affordable(program, offer))
        for offer, offered in zip(program.offers, unlimited, strict=True)
    )
    return ChoiceSets(unlimited, free, program.pinned)


def unlimited_choices(program: Program) -> tuple[OfferChoices, ...]:
    """Compile what each offer could do without constraints, on which it does not depend."""
    return tuple(_offer_choices(program, offer) for offer in program.offers)


def _affordable(program: Program, offer: Offer) -> np.ndarray:
    """Return the spend that the limits leave to a query if no other gets any, shape (n,)."""
    most = np.full(len(program), np.inf)
    for row, members in zip(program.constraints, program.members, strict=True):
        if isinstance(row, Limit):
            rate = np.where(members, offer.rate_of(row.resource), 0.0)
            room = np.maximum(row.amount - offer.fixed_of(row.resource), 0.0)
            most = np.minimum(most, units_over(room, rate))
    return most


def _offer_choices(program: Program, offer: Offer) -> OfferChoices:
    whole = floor_to_block(offer.ceiling, program.block)
    ceiling = np.minimum(program.ceiling, whole)
    shared = (program.floor, ceiling, program.weight, program.block, offer.available)
    if program.basis == "expected":
        assert offer.lengths is not None
        below = 0 if program.overrun_probability is None else defaults.POINTS_BELOW
        return discrete_choices(offer.curves, offer.lengths, *shared, below=below)
    return continuous_choices(offer.curves, *shared)


def continuous_choices(
    curves: Curve,
    floor: np.ndarray,
    ceiling: np.ndarray,
    weight: np.ndarray,
    block: int,
    available: np.ndarray,
) -> ContinuousChoices:
    """Return the choices where caps count: floors and ceilings in whole blocks, shape (n,)."""
    can_idle = available & (floor <= ceiling)
    high = np.maximum(floor, ceiling)
    envelope = concave_envelope(curves, floor, high, weight)
    tangent, most = np.asarray(envelope.tangent), np.asarray(envelope.end)
    # A curve that is concave from its floor on breaks even at once: funded is one block at least.
    least = np.minimum(np.maximum(tangent, floor + block), most)
    run = np.where(least > tangent, least - floor, 1.0)
    chord = (np.asarray(envelope.value(least)) - np.asarray(envelope.start_value)) / run
    price = np.where(least > tangent, chord, np.asarray(envelope.abandonment_price))
    return ContinuousChoices(
        can_fund=can_idle & (price > 0),
        can_idle=can_idle,
        start=floor,
        start_variance=np.zeros(len(floor)),
        start_value=np.asarray(envelope.start_value),
        floor_funds=(floor > 0) & (floor > np.asarray(curves.threshold)),
        least=least,
        most=most,
        breakeven_cap=np.minimum(ceil_to_block(least, block), high),
        breakeven_price=price,
        saturation_cap=np.minimum(ceil_to_block(most, block), high),
        curves=curves,
        envelope=envelope,
        weight=weight,
        block=block,
    )


def discrete_choices(
    curves: Curve,
    lengths: Lengths,
    floor: np.ndarray,
    ceiling: np.ndarray,
    weight: np.ndarray,
    block: int,
    available: np.ndarray,
    *,
    below: int = 0,
) -> DiscreteChoices:
    """Return the choices where expected spend counts, over a grid of caps for each query.

    ``below`` is how many caps to add between the threshold and the first that may break even.
    """
    can_idle = available & (floor <= ceiling)
    grid = cap_grid(curves, lengths, floor, np.maximum(floor, ceiling), block=block)
    if below:
        grid = np.sort(np.concatenate([grid, _below(curves, grid, below, block)], axis=1), axis=1)
    caps, spend, value = map(np.asarray, spend_points(curves, lengths, grid, weight))
    opened = can_idle & (value.max(axis=1) > value[:, 0])
    # Break-even is the steepest chord from the floor, the farthest of equals.
    run, rise = spend - spend[:, :1], value - value[:, :1]
    slope = np.where(run > 0, rise / np.where(run > 0, run, 1.0), 0.0)
    steepest = slope.max(axis=1)
    entry = slope.shape[1] - 1 - np.argmax(slope[:, ::-1] >= steepest[:, None], axis=1)
    columns = np.arange(caps.shape[1])
    usable = (columns >= entry[:, None]) & (rise > 0) & opened[:, None]
    points = Points(caps, spend, np.asarray(lengths.spend_variance(caps)), value, usable)
    top = np.argmax(value >= value.max(axis=1, keepdims=True), axis=1)
    return DiscreteChoices(
        can_fund=opened,
        can_idle=can_idle,
        start=spend[:, 0],
        start_variance=points.variance[:, 0],
        start_value=value[:, 0],
        floor_funds=(floor > 0) & (floor > np.asarray(curves.threshold)),
        least=points.at(spend, entry),
        most=points.at(spend, top),
        breakeven_cap=points.at(caps, entry),
        breakeven_price=np.where(opened, steepest, 0.0),
        saturation_cap=points.at(caps, top),
        points=points,
    )


def _below(curves: Curve, grid: np.ndarray, count: int, block: int) -> np.ndarray:
    """Return caps between each threshold and the first cap of a grid above it, shape (n, count)."""
    low = np.maximum(np.asarray(curves.threshold), grid[:, 0])
    above = np.where(grid > low[:, None], grid, np.inf).min(axis=1)
    high = np.where(np.isfinite(above), above, grid[:, 0])
    share = np.arange(1, count + 1) / (count + 1)
    caps = ceil_to_block(low[:, None] + share * (high - low)[:, None], block)
    return np.clip(caps, grid[:, :1], np.maximum(high, grid[:, 0])[:, None])

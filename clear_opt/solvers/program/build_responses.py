"""The lanes of an offer, from its curves and lengths: whole caps, or a grid where spend counts."""

from __future__ import annotations

import numpy as np

from clear_opt.curves import Curve
from clear_opt.envelopes.concave import concave_envelope
from clear_opt.lengths import Lengths
from clear_opt.solvers.program.offer_responses import CapLane, PointLane
from clear_opt.solvers.program.funded_points import Points
from clear_opt.envelopes.spend_frontier import cap_grid, spend_points


def cap_lane(
    curves: Curve,
    floor: np.ndarray,
    ceiling: np.ndarray,
    weight: np.ndarray,
    block: int,
    available: np.ndarray,
) -> CapLane:
    """Give the lane in which caps count: floors and ceilings in whole blocks, shape (n,)."""
    rests = available & (floor <= ceiling)
    high = np.maximum(floor, ceiling)
    envelope = concave_envelope(curves, floor, high, weight)
    tangent, most = np.asarray(envelope.tangent), np.asarray(envelope.end)
    # A curve that is concave from its floor on breaks even at once: funded is one block at least.
    least = np.minimum(np.maximum(tangent, floor + block), most)
    run = np.where(least > tangent, least - floor, 1.0)
    chord = (np.asarray(envelope.value(least)) - np.asarray(envelope.start_value)) / run
    price = np.where(least > tangent, chord, np.asarray(envelope.abandonment_price))
    return CapLane(
        open=rests & (price > 0),
        rests=rests,
        start=floor,
        start_variance=np.zeros(len(floor)),
        start_value=np.asarray(envelope.start_value),
        past_threshold=(floor > 0) & (floor > np.asarray(curves.threshold)),
        least=least,
        most=most,
        entry_cap=np.minimum(np.ceil(least / block) * block, high),
        entry_price=price,
        top_cap=np.minimum(np.ceil(most / block) * block, high),
        curves=curves,
        envelope=envelope,
        weight=weight,
        block=block,
    )


def spend_lane(
    curves: Curve,
    lengths: Lengths,
    floor: np.ndarray,
    ceiling: np.ndarray,
    weight: np.ndarray,
    block: int,
    available: np.ndarray,
    *,
    below: int = 0,
) -> PointLane:
    """Give the lane in which expected spend counts, over a grid of caps for each query.

    ``below`` is how many caps to add between the threshold and the first that may break even.
    """
    rests = available & (floor <= ceiling)
    grid = cap_grid(curves, lengths, floor, np.maximum(floor, ceiling), block=block)
    if below:
        grid = np.sort(np.concatenate([grid, _below(curves, grid, below, block)], axis=1), axis=1)
    caps, spend, value = map(np.asarray, spend_points(curves, lengths, grid, weight))
    opened = rests & (value.max(axis=1) > value[:, 0])
    # Break-even is the steepest chord from the floor, the farthest of equals.
    run, rise = spend - spend[:, :1], value - value[:, :1]
    slope = np.where(run > 0, rise / np.where(run > 0, run, 1.0), 0.0)
    steepest = slope.max(axis=1)
    entry = slope.shape[1] - 1 - np.argmax(slope[:, ::-1] >= steepest[:, None], axis=1)
    columns = np.arange(caps.shape[1])
    usable = (columns >= entry[:, None]) & (rise > 0) & opened[:, None]
    points = Points(caps, spend, np.asarray(lengths.spend_variance(caps)), value, usable)
    top = np.argmax(value >= value.max(axis=1, keepdims=True), axis=1)
    return PointLane(
        open=opened,
        rests=rests,
        start=spend[:, 0],
        start_variance=points.variance[:, 0],
        start_value=value[:, 0],
        past_threshold=(floor > 0) & (floor > np.asarray(curves.threshold)),
        least=points.at(spend, entry),
        most=points.at(spend, top),
        entry_cap=points.at(caps, entry),
        entry_price=np.where(opened, steepest, 0.0),
        top_cap=points.at(caps, top),
        points=points,
    )


def _below(curves: Curve, grid: np.ndarray, count: int, block: int) -> np.ndarray:
    """Give caps between each threshold and the first cap of a grid above it, shape (n, count)."""
    low = np.maximum(np.asarray(curves.threshold), grid[:, 0])
    above = np.where(grid > low[:, None], grid, np.inf).min(axis=1)
    high = np.where(np.isfinite(above), above, grid[:, 0])
    share = np.arange(1, count + 1) / (count + 1)
    caps = np.ceil((low[:, None] + share * (high - low)[:, None]) / block) * block
    return np.clip(caps, grid[:, :1], np.maximum(high, grid[:, 0])[:, None])

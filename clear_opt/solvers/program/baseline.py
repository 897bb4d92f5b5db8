"""The simplest answers to a program, which a solve must never fall behind: one cap, or none."""

from __future__ import annotations

import numpy as np

from clear_opt.solvers.program.assignment import IDLE, Assignment
from clear_opt.solvers.program.lagrangian import System

_HALVINGS = 60


def simple_assignments(system: System) -> list[Assignment]:
    """List what needs no prices and keeps every row: one cap for all, and floors alone.

    By each offer every query gets the same cap: caps are cut to floors and ceilings and grow until
    a limit is reached. A query that the offer cannot take is at its floor with another, or idle.
    Where a guarantee or a pin asks for more, there may be none.
    """
    found = [_uniform(system, k) for k in range(len(system.free_lanes))]
    found.append(resting_assignment(system))
    pinned = system.program.pinned
    return [
        one
        for one in found
        if one is not None and one.keeps_all_rows() and one.funded()[pinned].all()
    ]


def resting_assignment(system: System) -> Assignment:
    """Leave every query at its floor, by the first offer that can, or idle."""
    floor = system.program.floor
    rests = np.stack([lane.rests for lane in system.free_lanes])
    return Assignment(system, np.where(floor > 0, rests.argmax(axis=0), IDLE), floor.copy())


def _uniform(system: System, k: int) -> Assignment | None:
    program, lane = system.program, system.free_lanes[k]
    spare, highest = resting_assignment(system).lane, lane.top_cap

    def at(level: float) -> Assignment:
        caps = np.clip(np.floor(level / program.block) * program.block, program.floor, highest)
        # Caps of a grid: the largest that can be set.
        caps = np.maximum(lane.cap_at(lane.spend_at(caps)), program.floor)
        asked = lane.open & (caps > 0)
        return Assignment(system, np.where(asked, k, spare), np.where(asked, caps, program.floor))

    limits = system.sign > 0
    low, high = 0.0, float(highest.max(initial=0.0)) + program.block

    def fits(level: float) -> bool:
        slack = at(level).slack()[limits]
        return bool((slack >= -1e-12 * np.abs(system.limits[limits])).all())

    if not fits(low):
        return None
    for _ in range(_HALVINGS):
        if high - low < 0.5 * program.block:
            break
        middle = 0.5 * (low + high)
        low, high = (middle, high) if fits(middle) else (low, middle)
    return at(low)

"""The simplest answer to a program, which a solve must never fall behind: one cap for all."""

from __future__ import annotations

import numpy as np

from clear_opt.program.assignment import IDLE, Assignment
from clear_opt.program.system import System

_HALVINGS = 60


def uniform_assignment(system: System) -> Assignment | None:
    """Give every query the same cap by one offer, the best of the offers.

    Caps are cut to floors and ceilings and grow until a limit is reached. A query that the offer
    cannot take is at its floor with another, or idle.

    Returns
    -------
    Assignment
        ``None`` where no level keeps every row, e.g. because a guarantee asks for more, or funds
        every pinned query.
    """
    found = [_uniform(system, k) for k in range(len(system.program.lanes))]
    pinned = system.program.pinned
    kept = [
        one
        for one in found
        if one is not None and one.keeps_all_rows() and one.funded()[pinned].all()
    ]
    return max(kept, key=lambda one: one.utility().sum(), default=None)


def _uniform(system: System, k: int) -> Assignment | None:
    program, lane = system.program, system.program.lanes[k]
    others = [j for j, other in enumerate(program.lanes) if other.rests.any()]
    spare = np.full(len(program), IDLE)
    for j in reversed(others):
        spare = np.where(program.lanes[j].rests & (program.floor > 0), j, spare)
    highest = lane.top_cap

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

"""The simplest answers to a program, which a solve must never fall behind: one cap, or none."""

from __future__ import annotations

import math

import numpy as np

from clear_opt._numerics.blocks import floor_to_block
from clear_opt._numerics.root_finding import first_integer
from clear_opt.solvers.program.assignment import IDLE, Assignment
from clear_opt.solvers.program.lagrangian import LagrangianDual


def simple_assignments(dual: LagrangianDual) -> list[Assignment]:
    """List what needs no prices and keeps every row: one cap for all, and floors alone.

    By each offer every query gets the same cap: caps are cut to floors and ceilings and grow until
    a limit is reached. A query that the offer cannot take is at its floor with another, or idle.
    Where a guarantee or a pin asks for more, there may be none.
    """
    found = [_uniform(dual, k) for k in range(len(dual.free_choices))]
    found.append(idle_assignment(dual))
    pinned = dual.program.pinned
    return [
        one
        for one in found
        if one is not None and one.keeps_all_rows() and one.funded()[pinned].all()
    ]


def idle_assignment(dual: LagrangianDual) -> Assignment:
    """Leave every query at its floor, by the first offer that can, or idle."""
    floor = dual.program.floor
    rests = np.stack([offered.can_idle for offered in dual.free_choices])
    return Assignment(dual, np.where(floor > 0, rests.argmax(axis=0), IDLE), floor.copy())


def _uniform(dual: LagrangianDual, k: int) -> Assignment | None:
    program, offered = dual.program, dual.free_choices[k]
    spare, highest = idle_assignment(dual).offer, offered.saturation_cap

    def at(level: float) -> Assignment:
        caps = np.clip(floor_to_block(np.asarray(level), program.block), program.floor, highest)
        # Caps of a grid: the largest that can be set.
        caps = np.maximum(offered.cap_at(offered.spend_at(caps)), program.floor)
        asked = offered.can_fund & (caps > 0)
        return Assignment(dual, np.where(asked, k, spare), np.where(asked, caps, program.floor))

    limits = dual.sign > 0
    low, high = 0.0, float(highest.max(initial=0.0)) + program.block

    def fits(level: float) -> bool:
        slack = at(level).slack()[limits]
        return bool((slack >= -1e-12 * np.abs(dual.limits[limits])).all())

    if not fits(low):
        return None
    # Levels count in blocks: between two of them no cap changes.
    blocks = first_integer(
        lambda k: not fits(float(k * program.block)), 0, math.ceil(high / program.block)
    )
    return at(float((blocks - 1) * program.block))

"""What no caps exceed whose limits hold with a probability.

The reserve of a limit is concave in the variance V of what its members spend, and a dual bound
wants it linear. Its tangent overstates it, so a bound under the tangent bounds nothing but the
caps that the tangent allows. Its chord over a range of V understates it there: a bound under the
chord holds for all caps with a V in the range. So the range of every limit's V is split into
boxes, each with chords and a bound of its own, and the greatest of them holds for all (spatial
branch and bound; Horst and Tuy, Global Optimization, 1996). The box of the greatest bound is split
where its prices' own best states are, until its chords are as good as exact there.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from clear_opt.program.assignment import Assignment, best_of
from clear_opt.program.margins import chords, reserves, tangents
from clear_opt.program.system import System
from clear_opt.program.unfunded import bound_of
from clear_opt.solvers.coupled.chance import chance_caps
from clear_opt.solvers.coupled.prices import coupled_prices
from clear_opt.solvers.coupled.recovery import best_states

_SPLITS = 16
_NEGLIGIBLE = 1e-6  # of the bound: a gap that is not worth a split
_SHARE = 0.05  # of the gap: what chords understate is not worth another split if it is less
_ROUGHLY = 1e-6  # of the greatest success of a query: temperature to which boxes are priced
_TRIES = 4  # boxes at whose split caps are looked for,
_WIDE = 2e-3  # while the gap is at least this share of the bound
_EDGE = 0.1  # of a box, in standard deviations: no closer to an end is it split


class _Box(NamedTuple):
    """A range of variances of every row, (m,) each, with chords, prices and their bound."""

    low: np.ndarray
    high: np.ndarray
    system: System
    prices: np.ndarray
    bound: float


def branch_on_variance(
    system: System, prices: np.ndarray, caps: Assignment | None
) -> tuple[System, np.ndarray, Assignment | None]:
    """Find lines for what is kept back, and prices, whose dual bound holds for the program.

    Parameters
    ----------
    system
        Of a program with an overrun probability, n >= 1 queries.
    prices
        To start from, shape (m,).
    caps
        The best that are known, ``None`` if none are.

    Returns
    -------
    System
        With the chords of the box that has the greatest bound.
    np.ndarray
        Its prices, shape (m,).
    Assignment
        Caps that are no worse: where the gap is wide, others are looked for where boxes are split.
    """
    plain, tries = system.under(None), _TRIES
    boxes = [_solved(plain, *_range(plain), prices)]
    for _ in range(_SPLITS):
        worst = max(boxes, key=lambda box: box.bound)
        gap = worst.bound - _value(caps)
        if gap <= _NEGLIGIBLE * abs(worst.bound):
            break
        at = np.clip(best_states(worst.system, worst.prices).variance(), *_inside(worst))
        line = worst.system.margin
        assert line is not None
        understated = worst.prices * (reserves(plain, at) - line.at(at))
        row = int(np.argmax(understated))
        if tries and gap > _WIDE * abs(worst.bound):
            # Whole caps may have a variance of zero where fractions of queries have none.
            none = np.where((np.arange(plain.m) == row) & (worst.low == 0), 0.0, at)
            caps, tries = (
                best_of([caps, *(_near(plain, v, worst.prices) for v in (at, none))]),
                tries - 1,
            )
        if understated[row] <= _SHARE * gap:
            break
        boxes = [box for box in boxes if box is not worst]
        for low, high in ((worst.low[row], at[row]), (at[row], worst.high[row])):
            ends = worst.low.copy(), worst.high.copy()
            ends[0][row], ends[1][row] = low, high
            boxes.append(_solved(plain, *ends, worst.prices, _value(caps)))
    worst = max(boxes, key=lambda box: box.bound)
    exact = coupled_prices(worst.system, worst.prices).prices
    better = bound_of(worst.system, exact) <= worst.bound
    return worst.system, exact if better else worst.prices, caps


def _value(caps: Assignment | None) -> float:
    return -np.inf if caps is None else float(caps.utility().sum())


def _near(plain: System, variance: np.ndarray, prices: np.ndarray) -> Assignment | None:
    """Look for caps under the tangents at a variance."""
    return chance_caps(plain.under(tangents(plain, variance)), prices)


def _solved(
    plain: System,
    low: np.ndarray,
    high: np.ndarray,
    prices: np.ndarray,
    value: float = -np.inf,
) -> _Box:
    """Bound a box at given prices, and at its own where these do not rule it out."""
    system = plain.under(chords(plain, low, high))
    bound = bound_of(system, prices)
    if bound > value:
        own = coupled_prices(system, prices, coldest=_ROUGHLY, enough=value).prices
        at_own = bound_of(system, own)
        if at_own < bound:
            prices, bound = own, at_own
    return _Box(low, high, system, prices, bound)


def _range(plain: System) -> tuple[np.ndarray, np.ndarray]:
    """Give the least and greatest variance of every row, whatever the states, (m,) each."""
    lanes = plain.program.lanes
    low, high = np.full(plain.rate[:, 0].shape, np.inf), np.zeros(plain.rate[:, 0].shape)
    for k, lane in enumerate(lanes):
        square = plain.rate[:, k] ** 2
        resting = np.where(plain.possible[len(lanes) + k], lane.start_variance, np.nan)
        states = lane.table
        assert states is not None  # expected spend has finitely many
        funded = np.where(states.usable & plain.possible[k][:, None], states.variance, np.nan)
        every = np.concatenate([resting[:, None], funded], axis=1)
        some = np.isfinite(every).any(axis=1)
        least = np.where(np.isfinite(every), every, np.inf).min(axis=1)
        most = np.where(np.isfinite(every), every, 0.0).max(axis=1)
        low = np.where(some, np.minimum(low, square * np.where(some, least, 0.0)), low)
        high = np.maximum(high, square * most)
    return np.where(np.isfinite(low), low, 0.0).sum(axis=1), high.sum(axis=1)


def _inside(box: _Box) -> tuple[np.ndarray, np.ndarray]:
    """Give the variances between which a box may be split, (m,) each."""
    left, right = np.sqrt(box.low), np.sqrt(box.high)
    edge = _EDGE * (right - left)
    return (left + edge) ** 2, (right - edge) ** 2

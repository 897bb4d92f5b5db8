"""What no caps exceed whose limits hold with a probability.

The reserve of a limit is concave in the variance V of what its members spend, and a dual bound
wants it linear. Its tangent overstates it, so a bound under the tangent bounds nothing but the caps
that the tangent allows. Its chord over a range of V understates it there: a bound under the chord
holds for all caps with a V in the range. So the range of every limit's V is split into boxes, each
with chords and a bound of its own, and the greatest of them holds for all (spatial branch and
bound; Horst and Tuy, Global Optimization, 1996). The box of the greatest bound is split where the
best states at its prices are, until its chords are as good as exact there.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from clear_opt.solvers.program.assignment import Assignment, best_of
from clear_opt.solvers.program.barrier_method import COLDEST, coupled_prices
from clear_opt.solvers.program.chance_constraints import chance_caps
from clear_opt.solvers.program.lagrangian import LagrangianDual
from clear_opt.solvers.program.priced_caps import best_responses
from clear_opt.solvers.program.reserve_lines import chords, reserves, tangents
from clear_opt.solvers.program.unfunded import bound_of

_SPLITS = 24
_NEGLIGIBLE = 1e-6  # of the bound: a gap that is not worth a split
_SHARE = 0.05  # of the gap: what chords understate is not worth another split if it is less
_HIDDEN = 0.02  # of a limit: the same for a row that is broken, though not by its chord
_ROUGHLY = 1e-6  # of the greatest success of a query: temperature to which boxes are priced
_WIDE = 2e-3  # of the bound: a gap for which other caps are looked for
_EDGE = 0.1  # of a box, in standard deviations: no closer to an end is it split


class _Box(NamedTuple):
    """A range of variances of every row, (m,) each, with chords, prices and their bound."""

    low: np.ndarray
    high: np.ndarray
    dual: LagrangianDual
    prices: np.ndarray
    bound: float
    exact: bool = False


def branch_on_variance(
    dual: LagrangianDual, prices: np.ndarray, caps: Assignment | None
) -> tuple[LagrangianDual, np.ndarray, Assignment | None]:
    """Find lines for what is kept back, and prices, whose dual bound holds for the program.

    Parameters
    ----------
    dual
        Of a program with an overrun probability, n >= 1 queries.
    prices
        To start from, shape (m,).
    caps
        The best that are known, ``None`` if none are.

    Returns
    -------
    LagrangianDual
        With the chords of the box that has the greatest bound.
    np.ndarray
        Its prices, shape (m,).
    Assignment
        Caps that are no worse: where the gap is wide, others are looked for at the variance of that
        box.
    """
    plain = dual.under(None)
    boxes = [_solved(plain, *_range(plain), prices)]
    for _ in range(_SPLITS):
        worst = max(boxes, key=lambda box: box.bound)
        gap = worst.bound - _value(caps)
        if gap <= _NEGLIGIBLE * abs(worst.bound):
            break
        here = best_responses(worst.dual, worst.prices)
        at = np.clip(here.variance(), *_inside(worst))
        row, urgency = _most_understated(worst, here, at, gap)
        if urgency <= 1.0:
            break
        boxes = [box for box in boxes if box is not worst]
        for low, high in ((worst.low[row], at[row]), (at[row], worst.high[row])):
            ends = worst.low.copy(), worst.high.copy()
            ends[0][row], ends[1][row] = low, high
            boxes.append(_solved(plain, *ends, worst.prices, _value(caps)))
    worst = max(boxes, key=lambda box: box.bound)
    if worst.bound - _value(caps) > _WIDE * abs(worst.bound):
        caps = best_of([caps, *_elsewhere(worst)])
    # The greatest bound counts once its prices are exact; until then it may be another box's.
    while not worst.exact:
        boxes = [box for box in boxes if box is not worst]
        boxes.append(_priced(worst, coldest=COLDEST)._replace(exact=True))
        worst = max(boxes, key=lambda box: box.bound)
    return worst.dual, worst.prices, caps


def _most_understated(
    box: _Box, states: Assignment, at: np.ndarray, gap: float
) -> tuple[int, float]:
    """Return the row whose chord is furthest off at a variance, and how far: above 1 it matters.

    It does by what it adds to the bound at the prices, and where it hides that a row is broken.
    """
    line = box.dual.reserve
    assert line is not None
    off = reserves(box.dual, at) - line.at(at)
    amount = np.maximum(np.abs(box.dual.amount), 1e-300)
    hidden = np.where(states.slack() < 0, off / amount, 0.0) / _HIDDEN
    urgency = np.maximum(box.prices * off / (_SHARE * max(gap, 1e-300)), hidden)
    return int(np.argmax(urgency)), float(urgency.max())


def _value(caps: Assignment | None) -> float:
    return -np.inf if caps is None else float(caps.utility().sum())


def _elsewhere(box: _Box) -> list[Assignment | None]:
    """Look for caps whose variance is that of the box's own best states, or none in some row.

    Nobody's cap may vary where a limit has no room for what even a little variance keeps back.
    """
    here = np.clip(best_responses(box.dual, box.prices).variance(), box.low, box.high)
    tried = [here]
    for row in np.flatnonzero((box.low == 0) & (here > 0)):
        tried.append(np.where(np.arange(len(here)) == row, 0.0, here))
    return [
        chance_caps(box.dual.under(tangents(box.dual, variance)), box.prices) for variance in tried
    ]


def _solved(
    plain: LagrangianDual,
    low: np.ndarray,
    high: np.ndarray,
    prices: np.ndarray,
    value: float = -np.inf,
) -> _Box:
    """Bound a box at given prices, and at its own where these do not rule it out."""
    dual = plain.under(chords(plain, low, high))
    box = _Box(low, high, dual, prices, bound_of(dual, prices))
    return _priced(box, coldest=_ROUGHLY, enough=value) if box.bound > value else box


def _priced(box: _Box, *, coldest: float, enough: float = -np.inf) -> _Box:
    """Return the box its own prices, if they bound it better."""
    own = coupled_prices(box.dual, box.prices, coldest=coldest, enough=enough).prices
    bound = bound_of(box.dual, own)
    return box._replace(prices=own, bound=bound) if bound < box.bound else box


def _range(plain: LagrangianDual) -> tuple[np.ndarray, np.ndarray]:
    """Return the least and greatest variance of every row, whatever the states, (m,) each."""
    choices = plain.free_choices
    low, high = np.full(plain.rate[:, 0].shape, np.inf), np.zeros(plain.rate[:, 0].shape)
    for k, offered in enumerate(choices):
        square = plain.rate[:, k] ** 2
        resting = np.where(plain.possible[len(choices) + k], offered.start_variance, np.nan)
        states = offered.table
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
    """Return the variances between which a box may be split, (m,) each."""
    left, right = np.sqrt(box.low), np.sqrt(box.high)
    edge = _EDGE * (right - left)
    return (left + edge) ** 2, (right - edge) ** 2

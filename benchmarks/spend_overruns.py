"""How often batches spend more than a limit that is to hold with a probability, and its price."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from benchmarks.spend_held import PRICES, Held, priced, program_of
from clear_opt import Program
from clear_opt.evaluation import ReplayData
from clear_opt.rollouts import Rollouts

CHANCE = 0.05
"""How often a limit may be exceeded."""


def overruns(
    held: Held,
    own: Rollouts,
    limit: float,
    error: float,
    batches: int = 1_000,
    size: int = 200,
    seed: int = 0,
) -> dict[str, float]:
    """Allocate batches drawn with replacement under a chance bound, and replay each.

    A batch takes the lowest price at which its expected spend and its `Program.chance_reserve` fit
    the limit. Between two prices it takes part of the step, so that nothing is left over.

    Returns
    -------
    The share that spends more than the limit; mean realised spend, expected spend and margin as
    shares of the limit; the mean share of right answers, and what it is without a margin.
    """
    n, amount = len(held.query_id), limit * size
    chance = {"overrun_probability": CHANCE, "spend_error": error}
    program = program_of(held, amount, "expected", **chance)
    weights = np.full((1, n), size / n)
    usual = _totals(program, held, own, priced(program, PRICES), weights)
    place = _first_fit(usual.need, amount)
    # What variance costs only guides the choice: the margin is that of the caps chosen.
    rate = program.chance_reserve_tangent(program.budget, float(usual.variance[0, place[0]])).rate
    # Small batches with many long answers need a price far above the usual one.
    prices = PRICES[place[0]] * np.geomspace(1 / 3, 30, 400)
    rng = np.random.default_rng(seed)
    drawn = rng.multinomial(n=size, pvals=np.full(n, 1 / n), size=batches)
    found = _totals(program, held, own, priced(program, prices, rate), drawn)
    kept, plain = _filled(found, found.need, amount), _filled(found, found.spend, amount)
    return {
        "limit": limit,
        "overrun": float((kept.real > amount).mean()),
        "spent": float(kept.real.mean() / amount),
        "expected": float(kept.spend.mean() / amount),
        "margin": float((kept.need - kept.spend).mean() / amount),
        "right": float(kept.right.mean() / size),
        "right_without": float(plain.right.mean() / size),
    }


class _Totals(NamedTuple):
    """What batches use at each price, (batches, prices) each, or at one price, (batches,)."""

    need: np.ndarray
    """Expected spend and margin."""
    spend: np.ndarray
    variance: np.ndarray
    real: np.ndarray
    """What was really spent."""
    right: np.ndarray


def _totals(
    program: Program, held: Held, own: Rollouts, caps: np.ndarray, weights: np.ndarray
) -> _Totals:
    replay_data = ReplayData(held.query_id, own)
    spend = weights @ np.asarray(held.lengths.expected_spend(caps.T))
    variance = weights @ np.asarray(held.lengths.spend_variance(caps.T))
    real = weights @ np.stack([replay_data.spend(row) for row in caps], axis=1)
    right = weights @ np.stack([replay_data.answered(row) for row in caps], axis=1)
    return _Totals(
        spend + program.chance_reserve(program.budget, variance), spend, variance, real, right
    )


def _filled(found: _Totals, used: np.ndarray, amount: float) -> _Totals:
    """Give each batch's totals where ``used`` fills the amount, in proportion between prices."""
    place, row = _first_fit(used, amount), np.arange(len(used))
    before = np.maximum(place - 1, 0)
    step = used[row, before] - used[row, place]
    share = np.where(step > 0, (amount - used[row, place]) / np.where(step > 0, step, 1.0), 0.0)
    share = np.clip(share, 0.0, 1.0)  # nothing is given back where no price fits
    return _Totals(
        *(total[row, place] + share * (total[row, before] - total[row, place]) for total in found)
    )


def _first_fit(used: np.ndarray, amount: float) -> np.ndarray:
    fits = used <= amount
    return np.where(fits.any(axis=1), fits.argmax(axis=1), fits.shape[1] - 1)

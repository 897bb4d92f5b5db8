"""Spend a budget on given sets of queries: one price per set, all sets at once."""

from __future__ import annotations

import numpy as np

from clear_opt.defaults import PRICE_STEPS
from clear_opt.envelopes.concave import Envelope

_EPS = float(np.finfo(np.float64).eps)
_TINY = 1e-300  # prices below are zero
_MET = 1e-12  # relative: demand this close to the budget meets it


def solve_fixed_sets(
    envelope: Envelope, funded: np.ndarray, budget: float, guess: float
) -> tuple[np.ndarray, np.ndarray]:
    """Spend a budget as well as possible on given sets of queries.

    Within a set every curve is concave, so one price per set settles it. Where the price stops
    inside a jump the remainder goes to the queries concerned, one after the other.

    Parameters
    ----------
    envelope
        Of n queries.
    funded
        Sets to try, boolean, shape (p, n).
    budget
        Tokens, scalar.
    guess
        A price to start from, e.g. the clearing price; it changes the work, not the answer.

    Returns
    -------
    Caps with the remainder handed out and caps without, each of shape (p, n), in fractions of
    tokens; they differ only where a price stops inside a jump. A set whose least tokens exceed
    the budget gets those all the same: its row spends more than the budget, and the caller drops
    it.
    """
    sets, n = funded.shape
    query = np.tile(np.arange(n), sets)
    each = envelope.take(query)

    def caps(price: np.ndarray) -> np.ndarray:
        wanted = each.response_if_funded(np.repeat(price, n))
        return np.where(funded, wanted.reshape(sets, n), envelope.start)

    max_slope = np.where(funded, envelope.max_slope, 0.0).max(axis=1, initial=0.0)
    low, high = np.zeros(sets), 2.0 * max_slope
    before, at_before = low, caps(low).sum(axis=1) - budget
    high = np.where(at_before <= 0, 0.0, high)  # tokens to spare at no price at all
    price, stride = np.clip(guess, low, high), np.full(sets, np.inf)
    met = np.zeros(sets, dtype=bool)
    for _ in range(PRICE_STEPS):
        searched = ~met & (high - low > 4 * _EPS * high) & (high > _TINY)
        if not searched.any():
            break
        excess = caps(price).sum(axis=1) - budget
        met |= searched & (np.abs(excess) <= _MET * budget)
        low = np.where(searched & (excess > 0), price, low)
        high = np.where(searched & (excess <= 0), price, high)
        # A secant step that leaves the bracket, or does not halve the last one, is a bisection.
        fallen, run = at_before - excess, price - before
        falling = fallen * run > 0
        with np.errstate(over="ignore"):  # a slope next to nothing: the step leaves the bracket
            change = excess * run / np.where(falling, fallen, 1.0)
        target = np.where(falling, price + change, np.inf)
        step = np.abs(target - price)
        trusted = (target >= low) & (target <= high) & (step <= 0.5 * stride)
        middle = np.where(low > 0, np.sqrt(low) * np.sqrt(high), 1e-3 * high)
        following = np.where(met, price, np.where(trusted, target, middle))
        before, at_before = price, excess
        price, stride = following, np.abs(following - price)
    settled = caps(np.where(met, price, high))
    more = np.where(met[:, None], 0.0, caps(low) - settled)
    already = settled.sum(axis=1, keepdims=True) + np.cumsum(more, axis=1) - more
    return settled + np.clip(budget - already, 0.0, more), settled

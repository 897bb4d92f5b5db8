"""Spend a budget on given sets of queries: one price per set, all sets at once."""

from __future__ import annotations

import numpy as np

from clear_opt._numerics.root_finding import decreasing_roots
from clear_opt.envelopes.concave import Envelope

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
    low, high, met = decreasing_roots(
        lambda price: caps(price).sum(axis=1) - budget, 2.0 * max_slope, guess, _MET * budget
    )
    settled = caps(high)
    more = np.where(met[:, None], 0.0, caps(low) - settled)
    already = settled.sum(axis=1, keepdims=True) + np.cumsum(more, axis=1) - more
    return settled + np.clip(budget - already, 0.0, more), settled

"""An index policy for expected spend: rank queries once, fund them fully from the top."""

from __future__ import annotations

from typing import Any

import numpy as np

from clear_opt import defaults
from clear_opt._numerics.arrays import per_query
from clear_opt._numerics.batched import owned
from clear_opt.curves import Curve
from clear_opt.curves.base import require
from clear_opt.errors import InvalidInputError
from clear_opt.lengths import Lengths


def index_policy(
    curves: Curve, lengths: Lengths, budget: float, *, weight: Any = 1.0
) -> np.ndarray:
    """Fund queries to their peaks in the order of success per expected token.

    A query's index is w U(peak) / E min(L, peak). The budget counts expected tokens. A query that
    no longer fits is passed over, and cheaper ones further down may still fit.

    Parameters
    ----------
    curves : Curve
        Utility curves, one per query.
    lengths : Lengths
        Completion lengths, one per query.
    budget : float
        Expected tokens for the batch, >= 0.
    weight : array-like, shape (n,), default=1.0
        What a right answer is worth, > 0, scalar or shape (n,).

    Returns
    -------
    np.ndarray
        Caps in whole tokens, int64, shape (n,): the peak, rounded up, or zero.

    Raises
    ------
    InvalidInputError
        If the budget or a weight is out of range, or there is not one length for each curve.

    Examples
    --------
    >>> from clear_opt import ShiftedSurge, SurgeLengths
    >>> curves = ShiftedSurge.from_height(tau=[100, 400], height=[0.9, 0.5], width=[50, 200])
    >>> index_policy(curves, SurgeLengths(curves), budget=300)
    array([150,   0])

    Notes
    -----
    When it is optimal: where the frontier of expected spend against success is convex up to the
    peak, so that its hull is one chord. This is so where lengths follow the surge's own rise
    (`SurgeLengths`): every token beyond the threshold is likelier to end in an answer than the
    one before, so who has come so far is best let finish. Then no caps within the budget do
    better, if the budget runs out between two queries; otherwise they fall short by less than the
    success of one query. Nothing needs to be solved, and who comes first never depends on the
    budget. With longer tails a generation that has gone on for long is less and less likely to
    answer; caps inside are then better, and only the envelope finds them
    (`clear_opt.envelopes.spend_frontier.spend_envelope`).
    """
    n = len(curves)
    if len(lengths) != n:
        raise InvalidInputError(
            f"holds {len(lengths)} queries where the curves hold {n}",
            column="lengths",
            remedy="give the lengths of the same queries",
        )
    if not budget >= 0:
        raise InvalidInputError("must be >= 0", column="budget", value=budget, remedy="in tokens")
    curves, lengths = owned(curves, "curves"), owned(lengths, "lengths")
    weight = per_query("weight", weight, n)
    require("weight", weight, lambda v: v > 0, "must be a number > 0", "leave out idle queries")
    peak = np.minimum(np.ceil(np.asarray(curves.peak)), defaults.MOST_TOKENS)
    spend = np.asarray(lengths.expected_spend(peak))
    worth = weight * np.asarray(curves.value(peak))
    caps, left = np.zeros(n, dtype=np.int64), float(budget)
    # A peak that spends nothing comes first.
    index = np.where(spend > 0, worth / np.where(spend > 0, spend, 1.0), np.inf)
    for query in np.argsort(-index, kind="stable"):
        if worth[query] > 0 and spend[query] <= left:
            caps[query] = int(peak[query])
            left -= spend[query]
    return caps

"""Split queries into those a predictor learns from and those it has never seen."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np

from clear_opt.errors import InvalidInputError
from clear_opt.evaluation.cross_validation import trained_on
from clear_opt.rollouts import Rollouts, query_digests

DIGESTS = "query_digests"
"""Entry of a predictor's ``trained_on_``: see `clear_opt.rollouts.query_digests`."""


def hold_out(rollouts: Rollouts, share: float, *, seed: int = 0) -> tuple[Rollouts, Rollouts]:
    """Split a table by query into one part to learn from and one to be scored on.

    Which side a query falls on depends on its digest and the seed, hardly on the other queries:
    when the table grows, what was held out before stays held out, but for a few at the edge. So
    predictors trained at different times can be compared on queries that none of them has seen.
    Queries of the same text stay together.

    Parameters
    ----------
    rollouts : Rollouts
        The table.
    share : float
        Fraction of the queries to hold out, between 0 and 1; at least one goes to either side.
    seed : int
        Another seed holds out other queries.

    Returns
    -------
    learn, score : Rollouts
        The two parts.

    Raises
    ------
    InvalidInputError
        If the share is not between 0 and 1, or if there are fewer than two different queries.

    Examples
    --------
    >>> learn, score = hold_out(Rollouts([f"q{k}" for k in range(10)], [9] * 10, [1] * 10), 0.2)
    >>> len(learn), len(score)
    (8, 2)
    """
    if not 0 < share < 1:
        raise InvalidInputError(
            "must lie between 0 and 1", column="held_out", value=share, remedy="try 0.2"
        )
    digests = np.array(query_digests(rollouts), dtype=object)
    order = sorted(set(digests), key=lambda digest: _rank(digest, seed))
    if len(order) < 2:
        raise InvalidInputError(
            f"holds {len(order)} different queries",
            column="rollouts",
            remedy="two are needed to hold one out",
        )
    held = min(max(round(share * len(order)), 1), len(order) - 1)
    scored = np.isin(digests.astype(str), order[:held])
    names = rollouts.query_ids
    return rollouts.for_queries(names[~scored]), rollouts.for_queries(names[scored])


def _rank(digest: str, seed: int) -> str:
    return hashlib.sha256(f"{seed} {digest}".encode()).hexdigest()


def unseen(rollouts: Rollouts, *predictors: Any) -> Rollouts | None:
    """Return the rows of the queries that none of some predictors was trained on.

    Returns
    -------
    Rollouts or None
        ``None`` where a predictor does not say what it was trained on; possibly without rows.
    """
    seen: set[str] = set()
    for predictor in predictors:
        known = trained_on(predictor).get(DIGESTS)
        if known is None:
            return None
        seen.update(known)
    fresh = np.array([digest not in seen for digest in query_digests(rollouts)], dtype=bool)
    return rollouts.for_queries(rollouts.query_ids[fresh])

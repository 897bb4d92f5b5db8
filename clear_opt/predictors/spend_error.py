"""Relative error of predicted total spend that more queries in a batch do not average out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from clear_opt.defaults import MOST_TOKENS
from clear_opt.problem import Limit, Offer, Program
from clear_opt.solvers.program import LagrangianDual, caps_at_prices

if TYPE_CHECKING:
    from collections.abc import Sequence

    from clear_opt.curves import Curve
    from clear_opt.lengths import Lengths
    from clear_opt.predictors.difficulty import Attempts

_BUDGETS = np.array([0.1, 0.18, 0.32, 0.56, 1.0])  # relative to the spend at the lowest price
# Of the highest break-even price, at which nobody is funded; below a hundredth no limit binds.
_PRICES = np.geomspace(0.01, 1.0 - 1e-9, 24)
_PRIOR_SQUARE = 1.0  # squared relative error of one query's spend: all of what is expected
_PRIOR_QUERIES = 20.0  # queries that the error pooled over models counts as, and its own prior


def spend_errors(
    curves: Sequence[Curve], lengths: Sequence[Lengths], attempts: Attempts
) -> list[float]:
    """Return the relative standard error of total predicted spend, for each model.

    Caps are chosen by price: few queries with tight caps where the budget is small, all of them
    with generous ones where it is large. The level of a model is estimated from finitely many
    rollouts, so its totals are known to the standard error of a total over as many queries. That
    differs between budgets. The largest is returned, over budgets from the one at which a token is
    worth a hundredth of the highest break-even price down to a tenth of it, so that it holds
    whatever the limit.

    Residuals of few queries are a poor estimate, and the fit has followed them, so their mean
    square is shrunk towards that pooled over models. The error falls with the root of the number of
    queries, so it is wide for a model with few.

    For a typical model the error is that of an unseen model: the standard deviation over models of
    the actual totals, relative to those predicted for a typical one.

    Parameters
    ----------
    curves, lengths : sequence of Curve, sequence of Lengths
        Completion curves and lengths of all queries, predicted out of fold for each model, and last
        for a typical one.
    attempts : Attempts
        The rollouts. Those of one query count as one, with their mean.

    Returns
    -------
    list of float
        For each model, and last for a typical one.
    """
    models = max(len(lengths) - 1, 1)
    parts = [np.flatnonzero(attempts.model == k) for k in range(models)]
    caps = [_priced_caps(*pair) for pair in zip(curves, lengths, strict=True)]
    known = np.array([len(np.unique(attempts.query[rows])) for rows in parts], dtype=np.float64)

    squares = np.zeros((models, len(_BUDGETS)))
    for k, rows in enumerate(parts):
        expected, spent = _spends(lengths[k], caps[k], attempts.take(rows))
        total = expected.sum(axis=1)
        squared = known[k] * ((spent - expected) ** 2).sum(axis=1)
        squares[k] = _ratio(squared, total**2, otherwise=_PRIOR_SQUARE)
    pooled = known @ squares + _PRIOR_QUERIES * _PRIOR_SQUARE
    pooled /= known.sum() + _PRIOR_QUERIES
    shrunk = (known[:, None] * squares + _PRIOR_QUERIES * pooled) / (
        known[:, None] + _PRIOR_QUERIES
    )
    errors = np.sqrt(shrunk.max(axis=1) / known)
    if models == 1:
        return [float(errors[0])] * len(lengths)

    totals = np.zeros_like(squares)
    for k, rows in enumerate(parts):
        expected, spent = _spends(lengths[-1], caps[-1], attempts.take(rows))
        totals[k] = _ratio(spent.sum(axis=1), expected.sum(axis=1), otherwise=1.0)
    # The typical model is the mean of these: an unseen one lies farther from it than they do.
    variance = ((totals - 1.0) ** 2).sum(axis=0) / (models - 1) * (models + 1) / models
    return [*map(float, errors), float(np.sqrt(variance.max()))]


def _priced_caps(curves: Curve, lengths: Lengths) -> np.ndarray:
    """Return the caps at prices that spend about `_BUDGETS`, shape (budgets, n)."""
    offer = Offer("model", curves, lengths=lengths)
    dual = LagrangianDual.of(Program(offer, Limit(MOST_TOKENS), basis="expected"))
    highest = dual.compiled.abandonment_price.max(initial=0.0)
    caps = caps_at_prices(dual, highest * _PRICES[:, None]).tokens
    spend = np.asarray(lengths.expected_spend(caps.T)).sum(axis=0)
    away = np.abs(spend - _BUDGETS[:, None] * spend[0])
    # At a high price no query may be worth its tokens: without spend there is no relative error.
    return caps[np.where(spend > 0, away, np.inf).argmin(axis=1)]


def _spends(
    lengths: Lengths, caps: np.ndarray, attempts: Attempts
) -> tuple[np.ndarray, np.ndarray]:
    """Return expected and actual spend of queries with rollouts, (budgets, queries) each."""
    correct = attempts.correct
    length = correct * np.exp(attempts.log_length)
    length += (1.0 - correct) * np.exp(attempts.wrong_log_length)
    count = np.bincount(attempts.query, minlength=caps.shape[1])
    spent = np.stack(
        [
            np.bincount(attempts.query, np.minimum(length, own[attempts.query]), len(count))
            for own in caps
        ]
    )
    known = count > 0
    expected = np.asarray(lengths.expected_spend(caps.T)).T
    return expected[:, known], spent[:, known] / count[known]


def _ratio(top: np.ndarray, bottom: np.ndarray, otherwise: float) -> np.ndarray:
    """Return ``top / bottom``, and ``otherwise`` where that is not positive."""
    return np.divide(top, bottom, out=np.full_like(top, otherwise), where=bottom > 0)

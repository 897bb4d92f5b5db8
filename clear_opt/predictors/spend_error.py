"""How far predicted totals are off together: what more queries in a batch do not average out."""

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

_SHARES = np.array([0.1, 0.18, 0.32, 0.56, 1.0])  # of what is spent at the lowest price
_PRICES = np.geomspace(0.01, 1.0, 24)  # of the dearest that a token is worth; below no limit binds
_BEFOREHAND = 1.0  # squared: one query's spend misses what is expected of it by all of that
_PRIOR_WORTH = 20.0  # queries that the other models' misses count as, and these what is beforehand


def spend_errors(
    curves: Sequence[Curve], lengths: Sequence[Lengths], attempts: Attempts
) -> list[float]:
    """Learn the relative error that predicted spends of one model share.

    What a budget buys is chosen by price: few queries with tight caps where it is small, all of
    them with generous ones where it is large. A model's level is known from finitely many
    rollouts, so its totals are known to the standard error of a total of as many queries, around
    what was predicted of them. It differs between budgets; the answer is the largest, from budgets
    at which a token is still worth a hundredth of the dearest one down to a tenth of those, so that
    it holds whatever the limit.

    Misses of few queries tell little, and the fit has followed them: they are drawn towards those
    of the other models. The error of a total then falls with the root of the number of queries, so
    it is wide where a model has few.

    For a typical model the error is that of a model never seen: how far the models' totals lie
    from those predicted for a typical one.

    Parameters
    ----------
    curves, lengths
        Completion curves and lengths of all queries, predicted for each model, and last for a
        typical one.
    attempts
        The rollouts; difficulties behind the predictions were foretold without them. Rollouts of
        one query count as one, with their mean.

    Returns
    -------
    list of float
        For each model, and last for a typical one.
    """
    models = max(len(lengths) - 1, 1)
    parts = [np.flatnonzero(attempts.model == k) for k in range(models)]
    caps = [_priced_caps(*pair) for pair in zip(curves, lengths, strict=True)]
    known = np.array([len(np.unique(attempts.query[rows])) for rows in parts], dtype=np.float64)

    squares = np.zeros((models, len(_SHARES)))
    for k, rows in enumerate(parts):
        expected, spent = _spends(lengths[k], caps[k], attempts.take(rows))
        total = expected.sum(axis=1)
        missed = known[k] * ((spent - expected) ** 2).sum(axis=1)
        squares[k] = _ratio(missed, total**2, otherwise=_BEFOREHAND)
    usual = known @ squares + _PRIOR_WORTH * _BEFOREHAND
    usual /= known.sum() + _PRIOR_WORTH
    drawn = (known[:, None] * squares + _PRIOR_WORTH * usual) / (known[:, None] + _PRIOR_WORTH)
    errors = np.sqrt(drawn.max(axis=1) / known)
    if models == 1:
        return [float(errors[0])] * len(lengths)

    totals = np.zeros_like(squares)
    for k, rows in enumerate(parts):
        expected, spent = _spends(lengths[-1], caps[-1], attempts.take(rows))
        totals[k] = _ratio(spent.sum(axis=1), expected.sum(axis=1), otherwise=1.0)
    # The typical model is the mean of the others: they lie nearer to it than one more would.
    spread = ((totals - 1.0) ** 2).sum(axis=0) / (models - 1) * (models + 1) / models
    return [*map(float, errors), float(np.sqrt(spread.max()))]


def _priced_caps(curves: Curve, lengths: Lengths) -> np.ndarray:
    """Give the caps chosen for budgets of the shares of the largest spend, (shares, n)."""
    offer = Offer("model", curves, lengths=lengths)
    dual = LagrangianDual.of(Program(offer, Limit(MOST_TOKENS), basis="expected"))
    highest = dual.compiled.abandonment_price.max(initial=0.0)
    caps = caps_at_prices(dual, highest * _PRICES[:, None]).tokens
    spend = np.asarray(lengths.expected_spend(caps.T)).sum(axis=0)
    away = np.abs(spend - _SHARES[:, None] * spend[0])
    # Of few queries none may be worth a high price: nothing spent tells nothing.
    return caps[np.where(spend > 0, away, np.inf).argmin(axis=1)]


def _spends(
    lengths: Lengths, caps: np.ndarray, attempts: Attempts
) -> tuple[np.ndarray, np.ndarray]:
    """Give what queries with rollouts were expected to spend, and spent: (shares, queries) each."""
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
    """Divide; queries of which nothing was expected say nothing."""
    return np.divide(top, bottom, out=np.full_like(top, otherwise), where=bottom > 0)

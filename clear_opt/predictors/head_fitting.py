"""Fit a head for each model, and learn from all of them how far predictions miss."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.special import ndtri

from clear_opt.fitting import Completion
from clear_opt.predictors.distribution import Doubt, doubt_of_queries
from clear_opt.predictors.heads import LEVELS, ModelHead, weighted_quantiles
from clear_opt.rollouts import Rollouts

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from clear_opt.predictors.difficulty import Attempts

TYPICAL = "typical"
"""Name of the head that stands for no model in particular."""

_CALIBRATION_FOLDS = 3
_CALIBRATED_LEVEL = 0.8  # share of right answers inside the interval that the factor is set by
_MOST_UNITS = 4000  # pairs of query and model from which the doubt is learned


def fit_heads(
    new_head: Callable[[], ModelHead],
    columns: np.ndarray,
    difficulty: np.ndarray,
    attempts: Attempts,
    models: Sequence[str],
) -> tuple[dict[str, ModelHead], float]:
    """Fit the heads, and find the factor that calibrates their spreads.

    Parameters
    ----------
    new_head
        Makes an unfitted head.
    columns
        Features and difficulty of each query, shape (queries, columns).
    difficulty
        Of each query, foretold without its own rollouts, shape (queries, 2).
    attempts
        The rollouts; ``attempts.model`` counts through ``models``.
    models
        Names; without any there is only the typical head.

    Returns
    -------
    The heads by name, the typical one last, and the factor.
    """
    parts = [np.flatnonzero(attempts.model == k) for k in range(max(len(models), 1))]
    heads, left, weight = [], np.zeros(len(attempts.query)), np.zeros(len(attempts.query))
    for rows in parts:
        own = attempts.take(rows)
        weight[rows] = 1.0 / np.bincount(own.query)[own.query]
        head = new_head().fit_lines(difficulty, own, weight[rows])
        left[rows] = head.left_over(difficulty, own)
        heads.append(head)
    weight *= attempts.correct
    _lend_lines(
        [head for rows, head in zip(parts, heads, strict=True) if not weight[rows].any()],
        [head for rows, head in zip(parts, heads, strict=True) if weight[rows].any()],
    )

    right = np.flatnonzero(weight > 0)
    usual = weighted_quantiles(left[right], weight[right], LEVELS)
    for rows, head in zip(parts, heads, strict=True):
        known = rows[weight[rows] > 0]
        head.fit_quantiles(columns[attempts.query[known]], left[known], weight[known], usual)

    # Over all models, too, a query counts once.
    query = attempts.query[right]
    share = weight[right] / np.bincount(query, weights=weight[right])[query]
    typical = new_head().take_average(heads)
    typical.fit_quantiles(columns[query], left[right], share)
    factor = _calibrate(new_head, columns, query, left[right], share)
    return {**dict(zip(models, heads, strict=False)), TYPICAL: typical}, factor


def _lend_lines(ignorant: Sequence[ModelHead], others: Sequence[ModelHead]) -> None:
    """Give the models that were never right the lengths of the others: they have none to show."""
    for head in ignorant:
        head.line_ = np.mean([other.line_ for other in others], axis=0)


def learn_doubt(
    predicted: Sequence[Completion], attempts: Attempts, rollouts: Rollouts, seed: int
) -> Doubt:
    """Learn how far a query's own curve lies from its prediction, over queries and models.

    Parameters
    ----------
    predicted
        For each model, what is predicted of all queries.
    attempts, rollouts
        The same rollouts in both forms.
    seed
        Of the choice of pairs of query and model, where there are very many.
    """
    queries = len(predicted[0].success)
    unit = attempts.model * queries + attempts.query
    units, count = np.unique(unit, return_counts=True)
    repeated = np.random.default_rng(seed).permutation(units[count >= 2])[:_MOST_UNITS]
    rows = np.flatnonzero(np.isin(unit, repeated))
    own = rollouts.take(rows)
    named = Rollouts(
        [str(name) for name in unit[rows]], own.n_tokens, own.correct, truncated=own.truncated
    )
    place = named.query_ids.astype(np.int64)
    of_units = (
        np.array([found[part] for found in predicted])[place // queries, place % queries]
        for part in range(len(Completion._fields))
    )
    usual_spread = float(np.median([found.spread for found in predicted]))
    return doubt_of_queries(Completion(*of_units), named, usual_spread)


def _calibrate(
    new_head: Callable[[], ModelHead],
    columns: np.ndarray,
    query: np.ndarray,
    left: np.ndarray,
    weight: np.ndarray,
) -> float:
    """Find the factor on the spread that makes the 80 % interval hold for queries held out."""
    queries = np.random.default_rng(new_head().seed).permutation(np.unique(query))
    folds = np.array_split(queries, min(_CALIBRATION_FOLDS, len(queries)))
    if len(folds) < 2:
        return 1.0
    misses = np.zeros(len(query))
    for fold in folds:
        out = np.isin(query, fold)
        head = new_head().fit_quantiles(columns[query[~out]], left[~out], weight[~out])
        median, spread = head.predict_left_over(columns[query[out]])
        misses[out] = np.abs(left[out] - median) / np.maximum(spread, 1e-9)
    reach = weighted_quantiles(misses, weight, [_CALIBRATED_LEVEL])[0]
    return float(np.clip(reach / ndtri(0.5 + _CALIBRATED_LEVEL / 2.0), 0.5, 2.0))

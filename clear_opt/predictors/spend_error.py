"""How far predicted totals are off together: what more queries in a batch do not average out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from clear_opt.lengths import Lengths
    from clear_opt.predictors.difficulty import Attempts

_CAP = 1.5  # mean lengths at which spend is compared: about what generous caps are


def spend_errors(lengths: Sequence[Lengths], attempts: Attempts) -> list[float]:
    """Learn the relative error that predicted spends of one model share.

    A model's level is known from finitely many rollouts; its standard error is that of their total
    spend, at caps of one and a half predicted means, around what is predicted. For a typical model
    it is how far the models' totals lie from those predicted for a typical one.

    Parameters
    ----------
    lengths
        Of all queries, predicted for each model, and last for a typical one.
    attempts
        The rollouts; difficulties behind the predictions were foretold without them.

    Returns
    -------
    list of float
        For each model, and last for a typical one.
    """
    query, model, correct, log_length, wrong_log_length = attempts
    length = correct * np.exp(log_length) + (1.0 - correct) * np.exp(wrong_log_length)
    errors, totals = [], []
    for k, predicted in enumerate(lengths[:-1] or lengths):
        rows = np.flatnonzero(model == k)
        spent, expected = _spends(predicted, query[rows], length[rows])
        errors.append(float(np.sqrt(np.sum((spent - expected) ** 2)) / expected.sum()))
        spent, expected = _spends(lengths[-1], query[rows], length[rows])
        totals.append(spent.sum() / expected.sum())
    typical = errors[0]
    if len(errors) > 1:
        typical = float(np.sqrt(np.mean((np.array(totals) - 1.0) ** 2)))
    return [*errors[: len(lengths) - 1], typical]


def _spends(
    lengths: Lengths, query: np.ndarray, length: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Give each rollout's spend under its cap, and what was expected, each of shape (rows,)."""
    caps = _CAP * np.asarray(lengths.mean)
    expected = np.asarray(lengths.expected_spend(caps))
    return np.minimum(length, caps[query]), expected[query]

"""Truncated rollouts as right-censored observations: the expected outcome beyond the cut."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.special import log_ndtr

from clear_opt.fitting.fit import fit_curves
from clear_opt.rollouts import Rollouts


class Outcomes(NamedTuple):
    """Observed or expected outcome of each rollout; arrays of shape (rows,).

    ``correct`` is the probability of a right answer in [0, 1], ``log_length`` the natural log of
    the tokens of a right one, ``wrong_log_length`` that of a wrong one.
    """

    correct: np.ndarray
    log_length: np.ndarray
    wrong_log_length: np.ndarray


def expected_outcomes(rollouts: Rollouts) -> Outcomes:
    """Impute the expected outcome of each truncated rollout from its query's fitted curve.

    A generation cut off at c tokens would have been right later with probability
    h (1 - F(c)) / (1 - h F(c)), where h F is the completion curve of the query, fitted by
    `fit_curves` for each model; its log length is the mean of F truncated to lengths beyond c
    (a truncated normal, by the inverse Mills ratio). For the length of a wrong answer the same is
    done with right and wrong exchanged. Other rollouts are unchanged.

    Parameters
    ----------
    rollouts : Rollouts
        Of any number of models.

    Examples
    --------
    >>> from clear_opt.rollouts import Rollouts
    >>> rollouts = Rollouts(
    ...     ["a", "a", "a"], [90, 110, 50], [1, 1, 0], truncated=[False, False, True]
    ... )
    >>> bool(expected_outcomes(rollouts).correct[2] > 0.5)
    True
    """
    correct = rollouts.correct.copy()
    log_length = np.log(np.maximum(rollouts.n_tokens, 1)).astype(np.float64)
    wrong_log_length = log_length.copy()
    if rollouts.truncated is None or not rollouts.truncated.any():
        return Outcomes(correct, log_length, wrong_log_length)
    for name in rollouts.models or (None,):
        rows = np.arange(len(rollouts)) if name is None else np.flatnonzero(rollouts.model == name)
        own = rollouts.take(rows)
        cut = np.flatnonzero(own.truncated)
        if not cut.size:
            continue
        if (own.correct > 0).any():  # else nothing says how long right answers are
            correct[rows[cut]], log_length[rows[cut]] = _completed(own, cut)
        wrong = np.where(own.truncated, 0.0, 1.0 - own.correct)
        if (wrong > 0).any():
            exchanged = Rollouts(own.query_id, own.n_tokens, wrong, truncated=own.truncated)
            wrong_log_length[rows[cut]] = _completed(exchanged, cut)[1]
    return Outcomes(correct, log_length, wrong_log_length)


def _completed(rollouts: Rollouts, cut: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the probability of a later right answer, and its log length, of the cut rows."""
    success, median, sigma = fit_curves(rollouts).completion
    query = rollouts.index_of(rollouts.query_id[cut])
    log_cap = np.log(np.maximum(rollouts.n_tokens[cut], 1)).astype(np.float64)
    distance = (log_cap - np.log(median[query])) / sigma[query]
    beyond = np.exp(log_ndtr(-distance))
    chance = success[query]
    # Mean of a normal above `distance`, by logarithms so that far tails do not become 0 / 0.
    density = -0.5 * distance**2 - 0.5 * np.log(2.0 * np.pi)
    excess = np.exp(density - log_ndtr(-distance))
    return (
        chance * beyond / (1.0 - chance * (1.0 - beyond)),
        np.log(median[query]) + sigma[query] * excess,
    )

"""How sure a predictor is: quantiles of a query's own curve, and of the length of its answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import logit, ndtri

from clear_opt.curves import ShiftedSurge
from clear_opt.curves.uncertain import UncertainCurves
from clear_opt.errors import InvalidInputError
from clear_opt.fitting import Completion, SurgeParameters, fit_curves, surge_draws

if TYPE_CHECKING:
    from collections.abc import Sequence

    from clear_opt.rollouts import Rollouts

LEVELS = (0.1, 0.5, 0.9)
"""Quantiles given unless others are asked for: the median and the ends of an 80 % interval."""

_LEAST_CHANCE = 1e-4  # a state of exactly 0 or 1 has no log odds
_FEWEST_REPEATS = 20  # queries with repeated rollouts from which the doubt can be learned
_UNKNOWN_LOGIT = 1.0  # spread of log odds where it cannot be: a chance of 50 % means 27 to 73 %
_UNKNOWN_SHARE = 0.5  # of the variance of log lengths that is between queries, where unknown
_UNKNOWN_SPREAD = 0.2  # relative doubt of the spread itself, where unknown
_LEAST_WITHIN = 0.05
_LEAST_SPREAD = 1e-3
_LEAST_HEIGHT = 1e-6  # a curve needs a height above 0


@dataclass(frozen=True, eq=False, repr=False)
class SurgeDistribution:
    """Quantiles of each query's own surge, and of the length of its next right answer.

    Attributes
    ----------
    levels
        Shape (k,), ascending, in (0, 1).
    tau, width
        Tokens, shape (n, k).
    height
        A probability, shape (n, k).
    length
        Tokens of a right answer, shape (n, k): what can be compared with a single rollout.
    """

    levels: np.ndarray
    tau: np.ndarray
    width: np.ndarray
    height: np.ndarray
    length: np.ndarray

    def __len__(self) -> int:
        return len(self.tau)

    def __repr__(self) -> str:
        levels = ", ".join(f"{level:g}" for level in self.levels)
        return f"SurgeDistribution(n={len(self)}, levels=[{levels}])"


@dataclass(frozen=True)
class Doubt:
    """How far a query's own state lies from the predicted one.

    Attributes
    ----------
    covariance
        Of (logit success, log median, log spread) around the prediction, shape (3, 3).
    within
        Share of the predicted spread of log lengths that is left among answers to one query.
    learned_from
        Queries with repeated rollouts it was learned from; 0 if none told, and it is a convention.
    """

    covariance: np.ndarray
    within: float
    learned_from: int


def doubt_of_queries(predicted: Completion, repeated: Rollouts, usual_spread: float) -> Doubt:
    """Learn the doubt from queries with several rollouts each.

    Answers to one query differ, and queries of the same prediction differ. Only repeated rollouts
    tell the two apart. Without at least 20 such queries half of the variance of log lengths is
    taken to lie between queries, and log odds of success to have a spread of 1.

    Parameters
    ----------
    predicted
        Of each query of ``repeated.query_ids``, in that order.
    repeated
        Rollouts of one model, at least two per query; may be empty.
    usual_spread
        Predicted log-spread of a usual query.
    """
    queries = len(predicted.success)
    if queries < _FEWEST_REPEATS:
        between = _UNKNOWN_SHARE * max(usual_spread, _LEAST_WITHIN) ** 2
        covariance = np.diag([_UNKNOWN_LOGIT**2, between, _UNKNOWN_SPREAD**2])
        return Doubt(covariance, float(np.sqrt(1.0 - _UNKNOWN_SHARE)), 0)
    within = min(_within_spread(repeated) / max(usual_spread, _LEAST_WITHIN), 1.0)
    own = np.maximum(within * predicted.spread, _LEAST_WITHIN)
    fitted = fit_curves(repeated, prior=predicted._replace(spread=own))
    assert fitted.prior is not None
    return Doubt(fitted.prior.covariance, within, queries)


def surge_distribution(
    predicted: Completion, doubt: Doubt, levels: Sequence[float]
) -> SurgeDistribution:
    """Give quantiles of the surges around a prediction.

    Raises
    ------
    InvalidInputError
        If a level lies outside (0, 1) or they do not ascend.
    """
    asked = np.asarray(levels, dtype=np.float64)
    if asked.ndim != 1 or not ((asked > 0) & (asked < 1)).all() or (np.diff(asked) <= 0).any():
        raise InvalidInputError(
            "must ascend between 0 and 1",
            column="levels",
            value=list(levels),
            remedy="e.g. 0.1, 0.9",
        )
    draws = _own_surges(predicted, doubt)
    tau, width, height = (np.quantile(values, asked, axis=1).T for values in draws)
    spread = np.maximum(predicted.spread, _LEAST_SPREAD)
    length = predicted.median[:, None] * np.exp(spread[:, None] * ndtri(asked))
    return SurgeDistribution(asked, tau, width, height, length)


def uncertain_surges(predicted: Completion, doubt: Doubt) -> UncertainCurves:
    """Give evenly spread joint draws of each query's own surge around a prediction."""
    tau, width, height = _own_surges(predicted, doubt)
    return UncertainCurves.from_arrays(
        ShiftedSurge.from_height, tau=tau, height=np.maximum(height, _LEAST_HEIGHT), width=width
    )


def _own_surges(predicted: Completion, doubt: Doubt) -> SurgeParameters:
    """Give the parameters of the draws, arrays of shape (n, 256)."""
    spread = np.maximum(predicted.spread, _LEAST_SPREAD)
    chance = np.clip(predicted.success, _LEAST_CHANCE, 1.0 - _LEAST_CHANCE)
    own = np.log(np.maximum(doubt.within * spread, _LEAST_SPREAD))
    state = np.column_stack([logit(chance), np.log(predicted.median), own])
    return surge_draws(state, np.broadcast_to(doubt.covariance, (len(state), 3, 3)))


def _within_spread(rollouts: Rollouts) -> float:
    """Give the standard deviation of right answers' log lengths around their query's mean."""
    owner = rollouts.index_of(rollouts.query_id)
    right = np.flatnonzero(rollouts.correct > 0.5)
    log_length, place = np.log(np.maximum(rollouts.n_tokens[right], 1)), owner[right]
    count = np.bincount(place)
    mean = np.bincount(place, weights=log_length) / np.maximum(count, 1)
    freedom = np.maximum(count - 1, 0).sum()
    if freedom == 0:
        return _LEAST_WITHIN
    return float(np.sqrt(np.sum((log_length - mean[place]) ** 2) / freedom))

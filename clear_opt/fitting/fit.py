"""Fit a curve to the rollouts of each query, with partial pooling over the queries."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.special import expit, logit

from clear_opt.errors import InvalidInputError
from clear_opt.fitting.fitted import FittedCurves, predictive
from clear_opt.fitting.likelihood import Evidence
from clear_opt.fitting.posterior import posterior
from clear_opt.fitting.prior import Prior, flat_prior, learn_prior, start_of
from clear_opt.fitting.surge_shape import Completion

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from clear_opt.rollouts import Rollouts

_LEAST_CHANCE = 1e-4  # no rollout could move a prior probability of exactly 0 or 1
_MIN_SIGMA = 0.02  # likewise a prior sigma of 0

_PRIOR_RANGES = {
    "success": (lambda v: (v >= 0) & (v <= 1), "lies outside [0, 1]"),
    "median": (lambda v: v > 0, "must be a number > 0"),
    "sigma": (lambda v: v >= 0, "must be a number >= 0"),
}


def fit_curves(
    rollouts: Rollouts,
    *,
    prior: Prior | tuple[ArrayLike, ArrayLike, ArrayLike] | None = None,
    shrink: bool = True,
) -> FittedCurves:
    """Fit a surge to the rollouts of each query, with standard errors.

    A completion is right with some probability, and the length of a right one is log-normal: a
    mixture cure model, in which a generation that was cut off is right-censored (it would have been
    right later, or never). With ``shrink`` each query's state is a random effect: it is estimated
    under a Gaussian prior over queries whose mean and covariance are estimated from all of them
    (empirical Bayes), so that 1 to 8 rollouts per query suffice.

    Parameters
    ----------
    rollouts : Rollouts
        Rollouts of one model, any number per query. A ``correct`` strictly between 0 and 1 is a
        probability: the row counts that much as right and the rest as wrong.
    prior : Prior or Completion or tuple of array-like, optional
        Prior knowledge of the queries. A `Completion`, or any triple of success
        probability, median length in tokens and log-std, each of shape (n,) in the order of
        ``rollouts.query_ids`` or a scalar: then only its covariance is estimated. A `Prior`, such
        as that of an earlier fit: then it is used unchanged.
    shrink : bool
        If false, every query is fitted alone by maximum likelihood. It needs many rollouts.

    Raises
    ------
    InvalidInputError
        If there are no rollouts, or those of several models; if the prior has the wrong shape or
        values, or is given without ``shrink``.

    References
    ----------
    .. [1] J. W. Boag (1949). Maximum likelihood estimates of the proportion of patients cured by
       cancer therapy. Journal of the Royal Statistical Society B 11, 15-53.
    .. [2] B. Efron and C. Morris (1973). Stein's estimation rule and its competitors: an empirical
       Bayes approach. Journal of the American Statistical Association 68, 117-130.
    .. [3] A. Gelman and J. Hill (2007). Data analysis using regression and multilevel/hierarchical
       models. Cambridge University Press, chapter 12 (partial pooling).

    Examples
    --------
    >>> from clear_opt.rollouts import Rollouts
    >>> rollouts = Rollouts(
    ...     query_id=["a", "a", "a", "b", "b", "b"],
    ...     n_tokens=[210, 250, 190, 900, 1000, 950],
    ...     correct=[1, 1, 1, 0, 1, 0],
    ... )
    >>> fitted = fit_curves(rollouts)
    >>> fitted.completion.success.round(2)
    array([0.93, 0.36])
    >>> fitted.curves
    ShiftedSurge(n=2, beyond_peak='plateau')
    """
    if not len(rollouts):
        raise InvalidInputError("has no rows", column="rollouts", remedy="give some rollouts")
    if len(rollouts.models) > 1:
        raise InvalidInputError(
            f"holds {len(rollouts.models)} models: {', '.join(rollouts.models)}",
            column="model",
            remedy="fit one at a time: rollouts.for_model(name)",
        )
    evidence = Evidence.of(rollouts)
    start = start_of(evidence, np.log(np.maximum(rollouts.n_tokens, 1)))
    if not shrink:
        if prior is not None:
            raise InvalidInputError(
                "is given, but nothing is to be shrunk", column="prior", remedy="leave one out"
            )
        return _fit_alone(rollouts, evidence, start)
    if isinstance(prior, Prior):
        used = _settled(prior, len(evidence))
        found = posterior(evidence, used.mean, used.covariance)
    else:
        given = None if prior is None else _states(prior, len(evidence))
        used, found = learn_prior(evidence, start, given)
    estimate, covariance = found.moments()
    return FittedCurves(rollouts.query_ids, predictive(found), estimate, covariance, used, found)


def _fit_alone(rollouts: Rollouts, evidence: Evidence, start: np.ndarray) -> FittedCurves:
    flat = flat_prior(start)
    found = posterior(evidence, flat.mean, flat.covariance)
    success, log_median, log_sigma = found.mode.T
    return FittedCurves(
        rollouts.query_ids,
        Completion(expit(success), np.exp(log_median), np.exp(log_sigma)),
        found.mode,
        found.factor @ found.factor.transpose(0, 2, 1),
        None,
        found,
    )


def _settled(prior: Prior, n: int) -> Prior:
    if prior.mean.shape not in ((3,), (n, 3)):
        raise InvalidInputError(
            f"has a mean of shape {prior.mean.shape} for {n} queries",
            column="prior",
            remedy=f"give a mean of shape (3,) or ({n}, 3)",
        )
    return prior


def _states(prior: tuple[ArrayLike, ArrayLike, ArrayLike], n: int) -> np.ndarray:
    """Return a checked prior completion of each query as states, shape (n, 3)."""
    names = Completion._fields
    if len(prior) != len(names):
        raise InvalidInputError(
            f"has {len(prior)} parts", column="prior", remedy=f"give {', '.join(names)}"
        )
    parts = []
    for name, part in zip(names, prior, strict=True):
        try:
            values = np.asarray(part, dtype=np.float64)
        except (TypeError, ValueError):
            raise InvalidInputError(
                "is not numeric", column=f"prior {name}", remedy="give one number per query"
            ) from None
        if values.shape not in ((), (n,)):
            raise InvalidInputError(
                f"has shape {values.shape} for {n} queries",
                column=f"prior {name}",
                remedy="give one for each of rollouts.query_ids, in that order",
            )
        values = np.broadcast_to(values, n)
        accepted, problem = _PRIOR_RANGES[name]
        wrong = np.flatnonzero(~(np.isfinite(values) & accepted(values)))
        if wrong.size:
            row = int(wrong[0])
            raise InvalidInputError(
                problem, column=f"prior {name}", row=row, value=float(values[row])
            )
        parts.append(values)
    success, median, sigma = parts
    return np.stack(
        [
            logit(np.clip(success, _LEAST_CHANCE, 1.0 - _LEAST_CHANCE)),
            np.log(median),
            np.log(np.maximum(sigma, _MIN_SIGMA)),
        ],
        axis=1,
    )

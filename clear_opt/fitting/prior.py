"""The prior of a query's state, itself estimated from all queries: empirical Bayes.

States (logit h, log m, log s) are taken to be Gaussian over queries (B. Efron and C. Morris, 1973,
Journal of the American Statistical Association 68, 117-130). Their mean and covariance come from
expectation-maximisation (A. P. Dempster, N. M. Laird and D. B. Rubin, 1977, Journal of the Royal
Statistical Society B 39, 1-38): the posterior of each query given the current prior, then the prior
that maximises the expected log-likelihood. A weak hyperprior, worth a few queries, regularises the
estimate where the data do not identify it: one query, no right answer, or one sample per query,
where scatter within a query looks the same as differences between queries.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from clear_opt.errors import InvalidInputError
from clear_opt.fitting.posterior import Posterior, posterior

if TYPE_CHECKING:
    from clear_opt.fitting.likelihood import Evidence

TYPICAL_SIGMA = 0.3
"""Initial sigma of right answers to one query: those of most models lie in 0.15 to 0.6."""

_MEAN_SD = np.array([3.0, 3.0, 0.5])  # how far the mean state may lie from where it starts
_BETWEEN_SD = np.array([2.5, 0.5, 0.3])  # differences between queries to start from...
_AROUND_GIVEN = 0.5  # ...that much of them around a prior given for each query...
_BETWEEN_WORTH = 2.0  # ...and the number of queries this is worth
_FLAT_SD = np.array([10.0, 3.0, 1.5])  # without shrinkage: wide enough to hold nothing back

_ROUNDS = 30  # most rounds, of two or three posteriors each; fits take 3 to 12
_SETTLED = 2e-3  # change of the mean, and of the logs of the standard deviations, that ends it
_MAX_EXTRAPOLATION = 16.0  # longest extrapolation, in steps
_BELOW = np.tril_indices(3, -1)


@dataclass(frozen=True, eq=False, repr=False)
class Prior:
    """Gaussian prior of a query's state (logit success, log median tokens, log sigma).

    Attributes
    ----------
    mean : numpy.ndarray, shape (3,) or (n, 3)
        Prior mean; of shape (n, 3) where each query has its own.
    covariance : numpy.ndarray, shape (3, 3)
        Of the state around the mean.
    queries : int
        Number of queries the covariance was estimated from.

    Raises
    ------
    InvalidInputError
        If the mean or the covariance has the wrong shape or cannot be one.

    Examples
    --------
    >>> Prior(mean=[0.0, 8.0, -1.0], covariance=[[4, 0, 0], [0, 0.2, 0], [0, 0, 0.1]], queries=9)
    Prior(success=0.500, median=2981, sigma=0.368, queries=9)
    """

    mean: np.ndarray
    covariance: np.ndarray
    queries: int

    def __post_init__(self) -> None:
        mean = np.asarray(self.mean, dtype=np.float64)
        covariance = np.asarray(self.covariance, dtype=np.float64)
        if mean.ndim not in (1, 2) or mean.shape[-1] != 3 or not np.isfinite(mean).all():
            raise InvalidInputError(
                f"of shape {mean.shape} is no state, or one of several",
                column="mean",
                remedy="give finite (logit success, log median, log sigma)",
            )
        if (
            covariance.shape != (3, 3)
            or not np.allclose(covariance, covariance.T)
            or not (np.linalg.eigvalsh(covariance) > 0).all()
        ):
            raise InvalidInputError(
                f"of shape {covariance.shape} is no covariance of three quantities",
                column="covariance",
                remedy="give a symmetric positive definite matrix, 3 by 3",
            )
        object.__setattr__(self, "mean", mean)
        object.__setattr__(self, "covariance", covariance)

    def __repr__(self) -> str:
        logit, log_median, log_sigma = np.atleast_2d(self.mean).mean(axis=0)
        return (
            f"Prior(success={1 / (1 + np.exp(-logit)):.3f}, median={np.exp(log_median):.0f}, "
            f"sigma={np.exp(log_sigma):.3f}, queries={self.queries})"
        )


def start_of(evidence: Evidence, log_lengths: np.ndarray) -> np.ndarray:
    """Return the initial state, shape (3,): success of one half, mean log length, `TYPICAL_SIGMA`.

    The mean is over right answers, or over all (``log_lengths``) where none is right.
    """
    right = evidence.right.sum()
    usual = (evidence.right @ evidence.mean_log) / right if right > 0 else log_lengths.mean()
    return np.array([0.0, usual, np.log(TYPICAL_SIGMA)])


def flat_prior(start: np.ndarray) -> Prior:
    """Return a prior so wide that the posterior mode is all but the maximum likelihood estimate."""
    return Prior(start, np.diag(_FLAT_SD**2), 0)


def learn_prior(
    evidence: Evidence, start: np.ndarray, given: np.ndarray | None = None
) -> tuple[Prior, Posterior]:
    """Estimate the prior from all queries; return it and the posteriors under it.

    Parameters
    ----------
    evidence : Evidence
        The rollouts of n queries, n >= 1.
    start : numpy.ndarray, shape (3,)
        See `start_of`.
    given : numpy.ndarray, shape (n, 3), optional
        Prior mean of each query where it is known; then only the covariance is estimated.
    """
    between = np.diag((_BETWEEN_SD * (1.0 if given is None else _AROUND_GIVEN)) ** 2)
    em = _ExpectationMaximisation(evidence, start, given, between)
    here = em.at(_pack(start, between))
    for _ in range(_ROUNDS):
        once = em.at(here.following)
        # Squared extrapolation, SQUAREM (Varadhan and Roland 2008): plain steps of EM are slow
        # where the data say little. An extrapolation that lowers the objective is not taken.
        first = once.place - here.place
        bend = once.following - once.place - first
        length = np.linalg.norm(first) / max(float(np.linalg.norm(bend)), 1e-12)
        if np.abs(first).max() * max(length, 1.0) < _SETTLED:
            here = once
            break
        length = np.clip(length, 1.0, _MAX_EXTRAPOLATION)
        extrapolated = em.at(here.place + 2.0 * length * first + length**2 * bend)
        here = extrapolated if extrapolated.objective >= once.objective else em.at(once.following)
    mean, covariance = _unpack(here.place)
    return Prior(mean if given is None else given, covariance, len(evidence)), here.posterior


class _Iterate(NamedTuple):
    """A prior (packed), its objective, the posteriors under it, and the prior of the next step."""

    place: np.ndarray
    objective: float
    posterior: Posterior
    following: np.ndarray


class _ExpectationMaximisation:
    """Expectation-maximisation on one set of rollouts."""

    def __init__(
        self,
        evidence: Evidence,
        start: np.ndarray,
        given: np.ndarray | None,
        between: np.ndarray,
    ) -> None:
        self._evidence, self._start, self._given = evidence, start, given
        self._between = between
        self._mode: np.ndarray | None = None

    def at(self, place: np.ndarray) -> _Iterate:
        mean, covariance = _unpack(place)
        centre = mean if self._given is None else self._given
        found = posterior(self._evidence, centre, covariance, self._mode)
        self._mode = found.mode
        precision = np.linalg.inv(covariance)
        objective = found.log_evidence.sum() - 0.5 * _BETWEEN_WORTH * (
            np.linalg.slogdet(covariance)[1] + np.trace(precision @ self._between)
        )
        own, uncertain = found.moments()
        n = len(own)
        if self._given is None:
            # The mean's own prior, N(start, _MEAN_SD), beside n states around the mean.
            objective -= 0.5 * (((mean - self._start) / _MEAN_SD) ** 2).sum()
            weak = np.diag(_MEAN_SD**-2.0)
            mean = np.linalg.solve(
                n * precision + weak, precision @ own.sum(axis=0) + weak @ self._start
            )
            centre = mean
        away = own - centre
        scatter = uncertain.sum(axis=0) + away.T @ away
        new = (scatter + _BETWEEN_WORTH * self._between) / (n + _BETWEEN_WORTH)
        return _Iterate(place, float(objective), found, _pack(mean, new))


def _pack(mean: np.ndarray, covariance: np.ndarray) -> np.ndarray:
    """Write a prior as nine free numbers: the covariance by its factor, diagonal as logs."""
    factor = np.linalg.cholesky(covariance)
    return np.concatenate([mean, np.log(np.diag(factor)), factor[_BELOW]])


def _unpack(place: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    factor = np.diag(np.exp(place[3:6]))
    factor[_BELOW] = place[6:]
    return place[:3], factor @ factor.T

"""The prior of a query's state, itself learned from all queries (empirical Bayes).

States (logit h, log m, log s) are taken to be Gaussian over queries. Their mean and covariance are
found by expectation-maximisation: the posterior of each query given the present prior, then the
prior that fits those posteriors best. A weak prior on the prior itself, worth a few queries, keeps
the estimate sane where the data cannot tell: one query, no right answer, or one sample per query,
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

TYPICAL_SPREAD = 0.3
"""Log-spread of right answers to one query to start from: most models' lie in 0.15 to 0.6."""

_MEAN_SD = np.array([3.0, 3.0, 0.5])  # how far the mean state may lie from where it starts
_BETWEEN_SD = np.array([2.5, 0.5, 0.3])  # differences between queries to start from...
_AROUND_GIVEN = 0.5  # ...that much of them around a prior given for each query...
_BETWEEN_WORTH = 2.0  # ...and the number of queries this is worth
_FLAT_SD = np.array([10.0, 3.0, 1.5])  # without shrinkage: wide enough to hold nothing back

_ROUNDS = 30  # most rounds, of two or three posteriors each; fits take 3 to 12
_SETTLED = 2e-3  # change of the mean, and of the logs of the standard deviations, that ends it
_LEAP = 16.0  # longest extrapolation, in steps
_BELOW = np.tril_indices(3, -1)


@dataclass(frozen=True, eq=False, repr=False)
class Prior:
    """What is known of a query's state (logit success, log median tokens, log spread) beforehand.

    Attributes
    ----------
    mean
        Shape (3,), or (n, 3) where each query has its own.
    covariance
        Of the state around the mean, shape (3, 3).
    queries
        Number of queries the covariance was learned from.

    Raises
    ------
    InvalidInputError
        If the mean or the covariance has the wrong shape or cannot be one.

    Examples
    --------
    >>> Prior(mean=[0.0, 8.0, -1.0], covariance=[[4, 0, 0], [0, 0.2, 0], [0, 0, 0.1]], queries=9)
    Prior(success=0.500, median=2981, spread=0.368, queries=9)
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
                remedy="give finite (logit success, log median, log spread)",
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
        logit, log_median, log_spread = np.atleast_2d(self.mean).mean(axis=0)
        return (
            f"Prior(success={1 / (1 + np.exp(-logit)):.3f}, median={np.exp(log_median):.0f}, "
            f"spread={np.exp(log_spread):.3f}, queries={self.queries})"
        )


def start_of(evidence: Evidence, log_lengths: np.ndarray) -> np.ndarray:
    """Give the state to start from, shape (3,): an even chance, the usual length, the usual spread.

    The usual length is the geometric mean of the right answers', and of all answers' where none
    is right; ``log_lengths`` holds those of all answers.
    """
    right = evidence.right.sum()
    usual = (evidence.right @ evidence.mean_log) / right if right > 0 else log_lengths.mean()
    return np.array([0.0, usual, np.log(TYPICAL_SPREAD)])


def flat_prior(start: np.ndarray) -> Prior:
    """Give a prior so wide that the most probable state is all but the most likely one."""
    return Prior(start, np.diag(_FLAT_SD**2), 0)


def learn_prior(
    evidence: Evidence, start: np.ndarray, given: np.ndarray | None = None
) -> tuple[Prior, Posterior]:
    """Learn the prior from all queries; give it and the posteriors under it.

    Parameters
    ----------
    evidence
        The rollouts of n queries, n >= 1.
    start
        See `start_of`.
    given
        Prior mean of each query, shape (n, 3), where it is known; then only the covariance is
        learned.
    """
    between = np.diag((_BETWEEN_SD * (1.0 if given is None else _AROUND_GIVEN)) ** 2)
    climb = _Climb(evidence, start, given, between)
    here = climb.at(_pack(start, between))
    for _ in range(_ROUNDS):
        once = climb.at(here.following)
        # Squared extrapolation (Varadhan and Roland 2008): plain steps creep where the data say
        # little. A leap that lowers the objective is not taken.
        first = once.place - here.place
        bend = once.following - once.place - first
        length = np.linalg.norm(first) / max(float(np.linalg.norm(bend)), 1e-12)
        if np.abs(first).max() * max(length, 1.0) < _SETTLED:
            here = once
            break
        length = np.clip(length, 1.0, _LEAP)
        leap = climb.at(here.place + 2.0 * length * first + length**2 * bend)
        here = leap if leap.objective >= once.objective else climb.at(once.following)
    mean, covariance = _unpack(here.place)
    return Prior(mean if given is None else given, covariance, len(evidence)), here.posterior


class _Stop(NamedTuple):
    """A prior (packed), what it is worth, the posteriors under it, and the prior after it."""

    place: np.ndarray
    objective: float
    posterior: Posterior
    following: np.ndarray


class _Climb:
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

    def at(self, place: np.ndarray) -> _Stop:
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
        return _Stop(place, float(objective), found, _pack(mean, new))


def _pack(mean: np.ndarray, covariance: np.ndarray) -> np.ndarray:
    """Write a prior as nine free numbers: the covariance by its factor, diagonal as logs."""
    factor = np.linalg.cholesky(covariance)
    return np.concatenate([mean, np.log(np.diag(factor)), factor[_BELOW]])


def _unpack(place: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    factor = np.diag(np.exp(place[3:6]))
    factor[_BELOW] = place[6:]
    return place[:3], factor @ factor.T

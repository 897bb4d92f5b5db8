"""The likelihood of one query's rollouts: a mixture cure model with log-normal lengths.

A completion is right with probability h, and a right one has log-normal length with median m and
log-std s, so it is there within b tokens with probability h F(b). The state of a query is
(logit h, log m, log s). A right answer of L tokens contributes h f(L), a wrong one 1 - h. A
generation cut off at L tokens may have been right later or never: it contributes 1 - h F(L).

Right and wrong answers enter by four sums per query; only generations cut off (right-censored) are
kept as rows. References: Boag (1949) and Farewell (1982) for cure models, Tobin (1958) for the
censored normal.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy.special import expit, ndtr

if TYPE_CHECKING:
    from clear_opt.rollouts import Rollouts

RESOLUTION = 0.01
"""Standard deviation of measurement error added to log lengths. If all lengths were equal, sigma
would otherwise be zero and the likelihood unbounded; no curve resolves less than 1 %."""

_LOG_ROOT_2_PI = 0.5 * np.log(2.0 * np.pi)


class Slopes(NamedTuple):
    """Derivatives of the log-likelihood in the state of each query.

    ``gradient`` has shape (n, 3). ``curvature``, the negative Hessian, and ``safe``, a replacement
    for it that is never indefinite (as in Fisher scoring), have shape (n, 3, 3).
    """

    gradient: np.ndarray
    curvature: np.ndarray
    safe: np.ndarray


@dataclass(frozen=True)
class Evidence:
    """Sufficient statistics of the rollouts of n queries, and the censored rows.

    Attributes
    ----------
    right, wrong : numpy.ndarray, shape (n,)
        Weights of right answers and of answers known to be wrong. An answer that is right with
        probability c counts c to the one and 1 - c to the other.
    mean_log, scatter : numpy.ndarray, shape (n,)
        Mean of the log length (tokens) of right answers, and the sum of squares around it; the mean
        is 0 where no answer is right.
    cut_query, cut_log, cut_weight : numpy.ndarray, shape (rows,)
        Generations cut off, grouped by query and length: the query, in rising order, the log of the
        length, and their number.
    """

    right: np.ndarray
    wrong: np.ndarray
    mean_log: np.ndarray
    scatter: np.ndarray
    cut_query: np.ndarray
    cut_log: np.ndarray
    cut_weight: np.ndarray

    def __len__(self) -> int:
        return len(self.right)

    @classmethod
    def of(cls, rollouts: Rollouts) -> Evidence:
        """Return the statistics of rollouts, queries in the order of ``rollouts.query_ids``."""
        query = rollouts.index_of(rollouts.query_id)
        n = len(rollouts.query_ids)
        log_length = np.log(np.maximum(rollouts.n_tokens, 1))
        correct = rollouts.correct
        cut = np.zeros(len(query), bool) if rollouts.truncated is None else rollouts.truncated

        def total(values: np.ndarray) -> np.ndarray:
            return np.bincount(query, weights=values, minlength=n)

        right = total(correct)
        mean_log = total(correct * log_length) / np.where(right > 0, right, 1.0)
        # Most tables have one cap for all, so the rows of a query are all cut off alike.
        rows, same = np.unique(
            np.stack([query[cut], log_length[cut]], axis=1), axis=0, return_inverse=True
        )
        return cls(
            right=right,
            wrong=total(np.where(cut, 0.0, 1.0 - correct)),
            mean_log=mean_log,
            scatter=total(correct * ((log_length - mean_log[query]) ** 2 + RESOLUTION**2)),
            cut_query=rows[:, 0].astype(np.int64),
            cut_log=rows[:, 1],
            cut_weight=np.bincount(same, minlength=len(rows)).astype(np.float64),
        )

    def log_likelihood(self, state: np.ndarray) -> np.ndarray:
        """Return the log-likelihood of each query at ``state``, shape (n, 3); shape (n,)."""
        logit, log_median, log_sigma = state.T
        square = self._square(log_median) * np.exp(-2.0 * log_sigma)
        # -log h is softplus(-logit), and -log(1 - h) is that plus the logit.
        value = (
            -(self.right + self.wrong) * np.logaddexp(0.0, -logit)
            - self.wrong * logit
            - self.right * (log_sigma + _LOG_ROOT_2_PI)
            - 0.5 * square
        )
        if len(self.cut_query):
            logit, _, at = self._cut_terms(state)
            value = value + self._per_query(self.cut_weight * np.log(_open_still(logit, at)))
        return value

    def slopes(self, state: np.ndarray) -> Slopes:
        """Return the derivatives of `log_likelihood` at ``state``, shape (n, 3)."""
        logit, log_median, log_sigma = state.T
        success = expit(logit)
        precision = np.exp(-2.0 * log_sigma)
        pull = self.right * (self.mean_log - log_median) * precision
        square = self._square(log_median) * precision
        gradient = np.stack(
            [self.right - (self.right + self.wrong) * success, pull, square - self.right], axis=1
        )
        curvature = np.zeros((len(self), 3, 3))
        curvature[:, 0, 0] = (self.right + self.wrong) * success * expit(-logit)
        curvature[:, 1, 1] = self.right * precision
        safe = curvature.copy()
        curvature[:, 1, 2] = curvature[:, 2, 1] = 2.0 * pull
        curvature[:, 2, 2] = 2.0 * square
        safe[:, 2, 2] = 2.0 * self.right  # what 2 square is on average
        if len(self.cut_query):
            first, second = self._cut_slopes(state)
            outer = first[:, :, None] * first[:, None, :]
            weight = self.cut_weight[:, None]
            gradient += self._per_query(weight * first)
            curvature -= self._per_query(weight * second.reshape(-1, 9)).reshape(-1, 3, 3)
            safe += self._per_query(weight * outer.reshape(-1, 9)).reshape(-1, 3, 3)
        return Slopes(gradient, curvature, safe)

    def _square(self, log_median: np.ndarray) -> np.ndarray:
        return self.right * (self.mean_log - log_median) ** 2 + self.scatter

    def _cut_terms(self, state: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return logit h, the sigma, and the standardised log length of each row cut off."""
        logit, log_median, log_sigma = state[self.cut_query].T
        sigma = np.exp(log_sigma)
        return logit, sigma, (self.cut_log - log_median) / sigma

    def _cut_slopes(self, state: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return gradient (rows, 3) and Hessian (rows, 3, 3) of log(1 - h F) per cut row."""
        logit, sigma, at = self._cut_terms(state)
        rest = _open_still(logit, at)
        success, failure, done = expit(logit), expit(-logit), ndtr(at)
        density = np.exp(-0.5 * at**2 - _LOG_ROOT_2_PI)
        rise = success * density  # of h F in the standardised log length
        # First and second derivatives of h F in (logit h, log m, log s).
        p = np.stack([success * failure * done, -rise / sigma, -rise * at], axis=1)
        pp = np.empty((len(at), 3, 3))
        pp[:, 0, 0] = success * failure * (failure - success) * done
        pp[:, 0, 1] = pp[:, 1, 0] = -failure * rise / sigma
        pp[:, 0, 2] = pp[:, 2, 0] = -failure * rise * at
        pp[:, 1, 1] = -rise * at / sigma**2
        pp[:, 1, 2] = pp[:, 2, 1] = -rise * (at**2 - 1.0) / sigma
        pp[:, 2, 2] = -rise * at * (at**2 - 1.0)
        first = -p / rest[:, None]
        return first, -pp / rest[:, None, None] - first[:, :, None] * first[:, None, :]

    def _per_query(self, rows: np.ndarray) -> np.ndarray:
        """Add up values of the rows cut off, shape (rows, ...), by query: shape (n, ...)."""
        total = np.zeros((len(self), *rows.shape[1:]))
        first = np.flatnonzero(np.diff(self.cut_query, prepend=-1))
        total[self.cut_query[first]] = np.add.reduceat(rows, first, axis=0)
        return total


def _open_still(logit: np.ndarray, at: np.ndarray) -> np.ndarray:
    """Return 1 - h F as (1 - h) + h (1 - F), which does not cancel."""
    return expit(-logit) + expit(logit) * ndtr(-at)

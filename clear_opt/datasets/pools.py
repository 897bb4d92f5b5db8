"""Three pools of simulated queries, calibrated to the paper's figures of recall by cap."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import expit

RECALL: dict[str, dict[int, float]] = {
    "easy": {128: 0.03, 256: 0.28, 512: 0.87, 1024: 0.97},
    "medium": {256: 0.09, 512: 0.52, 1024: 0.90},
    "hard": {256: 0.0, 512: 0.17, 1024: 0.72, 2048: 1.0},
}
"""Share of a pool's right answers that are no longer than a cap in tokens, from the paper's figure:
GSM8K, MATH-500, AIME and AMC. The simulator is within 3 points of each."""

SUCCESS_LINK = 0.5  # correlation between a query's length and how unlikely a right answer is
SUCCESS_SPREAD = 1.5  # standard deviation of the logit of success within a pool
_VARIETY = 0.2  # standard deviation of the log of a query's sigma


@dataclass(frozen=True)
class Pool:
    """Queries of one kind; their right answers have log-normal lengths.

    Attributes
    ----------
    median : float
        Tokens: the median over queries of the median length of their right answers.
    between : float
        Standard deviation over queries of the log of that length.
    within : float
        Standard deviation of the log length of one query's right answers.
    logit : float
        Median over queries of the logit of success. Longer answers are rarer ones too.
    """

    median: float
    between: float
    within: float
    logit: float

    def truth(self, n: int, rng: np.random.Generator) -> tuple[np.ndarray, ...]:
        """Draw queries: success, median and sigma of each, arrays of shape (n,)."""
        harder, other, own = rng.standard_normal((3, n))
        unlikely = SUCCESS_LINK * harder + np.sqrt(1 - SUCCESS_LINK**2) * other
        success = expit(self.logit - SUCCESS_SPREAD * unlikely)
        median = self.median * np.exp(self.between * harder)
        return success, median, self.within * np.exp(_VARIETY * own)


POOLS: dict[str, Pool] = {
    "easy": Pool(median=340.0, between=0.36, within=0.29, logit=1.46),
    "medium": Pool(median=635.0, between=0.42, within=0.34, logit=-2.95),
    "hard": Pool(median=980.0, between=0.33, within=0.27, logit=-4.45),
}
"""Lengths are fitted to `RECALL`, three fifths of their variance between queries. Success is 74, 10
and 3 % on average, so that the streams reach about what the paper's do with ample budgets."""

"""The funded states of queries: the best at a price, and tables of finitely many."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class BestResponse(NamedTuple):
    """The best funded state of each query by an offer at a price, arrays of shape (n,).

    With smoothing it is a mixture of nearly best states, and the last field is their spread.
    """

    payoff: np.ndarray
    """Success net of the price of spend and variance; ``-inf`` where the offer cannot fund it."""
    spend: np.ndarray
    """Tokens, expected ones where expected spend counts."""
    variance: np.ndarray
    """Variance of the spend; zero where caps count."""
    curvature: tuple[np.ndarray, np.ndarray, np.ndarray]
    """How fast (spend, variance) fall in their prices: three entries of a symmetric 2 x 2 matrix,
    spend by spend, spend by variance, variance by variance."""


class Points(NamedTuple):
    """Finitely many states of each query, in the order of their caps; arrays of shape (n, m)."""

    caps: np.ndarray
    spend: np.ndarray
    variance: np.ndarray
    value: np.ndarray
    usable: np.ndarray
    """Whether a funded query may take the point."""

    def at(self, table: np.ndarray, column: np.ndarray) -> np.ndarray:
        """Return one entry of each row, shape (..., n)."""
        return table[np.arange(len(table)), column]

    def funded(
        self, price: np.ndarray, variance_price: np.ndarray, temperature: float
    ) -> BestResponse:
        """Return the best point, or the mixture in which better ones weigh exponentially more."""
        worth = self.value - np.asarray(price)[:, None] * self.spend
        # Where variance costs nothing, nobody asks for it.
        risky = bool(np.any(variance_price))
        if risky:
            worth = worth - np.asarray(variance_price)[:, None] * self.variance
        worth = np.where(self.usable, worth, -np.inf)
        top = worth.max(axis=1)
        if temperature <= 0:
            # Of equally good points the one that spends least.
            best, zero = np.argmax(worth, axis=1), np.zeros(len(top))
            spend, variance = self.at(self.spend, best), self.at(self.variance, best)
            return BestResponse(top, spend, variance, (zero, zero, zero))
        share = np.exp((worth - np.where(np.isfinite(top), top, 0.0)[:, None]) / temperature)
        total = share.sum(axis=1)
        share /= np.where(total > 0, total, 1.0)[:, None]
        spend = np.einsum("ij,ij->i", share, self.spend)
        run = self.spend - spend[:, None]
        both = np.einsum("ij,ij,ij->i", share, run, run) / temperature
        variance = cross = squared = np.zeros_like(spend)
        if risky:
            variance = np.einsum("ij,ij->i", share, self.variance)
            spread = self.variance - variance[:, None]
            cross = np.einsum("ij,ij,ij->i", share, run, spread) / temperature
            squared = np.einsum("ij,ij,ij->i", share, spread, spread) / temperature
        soft = top + temperature * np.log(np.where(total > 0, total, 1.0))
        return BestResponse(soft, spend, variance, (both, cross, squared))

"""Log-normal completion lengths: a first approximation to recorded generations."""

from __future__ import annotations

from dataclasses import dataclass

from clear_opt._numerics.array_namespace import Array, namespace
from clear_opt.curves.base import broadcast_fields, require
from clear_opt.lengths.base import Lengths, aligned, special

_NARROW = 1e-3  # below, a series is more precise than differences of normal probabilities
_WIDEST = 10.0  # a larger sigma is a slip of units; squares stay within float64 up to here
_FAR = 40.0  # standard deviations beyond which a normal tail is zero in float64


@dataclass(frozen=True, eq=False, repr=False)
class LogNormalLengths(Lengths):
    """L = median * exp(sigma * Z) with Z standard normal.

    Parameters
    ----------
    median : array-like, shape (n,), or float
        Half of the generations are longer, tokens > 0.
    sigma : array-like, shape (n,), or float
        Standard deviation of log L, > 0 and at most 10 (a factor of 22,000).

    Raises
    ------
    InvalidInputError
        Naming row, column and value.

    Examples
    --------
    >>> lengths = LogNormalLengths(median=[100.0, 400.0], sigma=0.5)
    >>> lengths.expected_spend(200.0).round(1), lengths.mean.round(1)
    (array([108.6, 196.9]), array([113.3, 453.3]))
    """

    median: Array
    sigma: Array

    def __post_init__(self) -> None:
        broadcast_fields(self)
        require("median", self.median, lambda v: v > 0, "must be a number > 0", "it is in tokens")
        require(
            "sigma",
            self.sigma,
            lambda v: (v > 0) & (v <= _WIDEST),
            f"must be a number > 0 and <= {_WIDEST:g}",
            "give the standard deviation of log L, not of L",
        )

    def _standardised(self, tokens: Array) -> tuple[Array, ...]:
        """Return caps, median, sigma, the caps in standard deviations of log L, where b > 0."""
        xp, tokens, median, sigma = aligned(self, tokens, self.median, self.sigma)
        open_end = tokens == xp.inf
        finite = xp.where((tokens > 0) & ~open_end, tokens, median)
        z = (xp.log(finite) - xp.log(median)) / sigma
        # At an infinite cap any z will do that puts both tails of all moments at nothing.
        z = xp.where(open_end, _FAR + 2.0 * sigma, z)
        return finite, median, sigma, z, tokens > 0

    def survival(self, tokens: Array) -> Array:
        """Return P(L > b), shape (n,) or (n, m)."""
        _, _, _, z, positive = self._standardised(tokens)
        xp = namespace(z)
        return xp.where(positive, special(xp).ndtr(-z), 1.0)

    def expected_spend(self, tokens: Array) -> Array:
        """Return E min(L, b) = E[L; L <= b] + b P(L > b), tokens, shape (n,) or (n, m)."""
        finite, median, sigma, z, positive = self._standardised(tokens)
        xp = namespace(z)
        ndtr, log_ndtr = special(xp).ndtr, special(xp).log_ndtr
        below = median * xp.exp(0.5 * sigma**2 + log_ndtr(z - sigma))
        spend = below + finite * ndtr(-z)
        # Rounding must not let a generation spend more than its cap.
        return xp.where(positive, xp.minimum(spend, tokens * xp.ones_like(z)), 0.0)

    def spend_variance(self, tokens: Array) -> Array:
        """Return Var min(L, b), squared tokens, shape (n,) or (n, m)."""
        finite, median, sigma, z, positive = self._standardised(tokens)
        xp = namespace(z)
        ndtr, log_ndtr = special(xp).ndtr, special(xp).log_ndtr
        # Moments about a = min(b, median), next to which the spend lies: E(min(L, b) - a)^k is
        # what generations below the cap give, plus (b - a)^k P(L > b).
        middle = xp.minimum(finite, median)
        first = median * xp.exp(0.5 * sigma**2 + log_ndtr(z - sigma))
        second = median**2 * xp.exp(2.0 * sigma**2 + log_ndtr(z - 2.0 * sigma))
        beyond = (finite - middle) * ndtr(-z)
        mean = first - middle * ndtr(z) + beyond
        square = second - 2.0 * middle * first + middle**2 * ndtr(z) + beyond * (finite - middle)
        variance = xp.maximum(square - mean**2, 0.0)
        narrow = middle**2 * _narrow_variance(z, sigma)
        return xp.where(positive, xp.where(sigma < _NARROW, narrow, variance), 0.0)


def _narrow_variance(z: Array, sigma: Array) -> Array:
    """Return Var exp(s X) to relative order s^3, where X = min(Z, z) - min(z, 0), Z normal.

    The powers of X have the moments J_k + (z - w)^k P(Z > z) with w = min(z, 0), where
    J_k = E[(Z - w)^k; Z < z] = (k - 1) J_(k-2) - w J_(k-1) - (z - w)^(k-1) phi(z) by parts.
    """
    xp = namespace(z)
    z = xp.clip(z, -_FAR, _FAR)
    ndtr = special(xp).ndtr
    below, density = ndtr(z), xp.exp(-0.5 * z**2) / (2.0 * xp.pi) ** 0.5
    w = xp.minimum(z, 0.0)
    part = [below, -density - w * below]
    for k in (2, 3, 4):
        part.append((k - 1) * part[k - 2] - w * part[k - 1] - (z - w) ** (k - 1) * density)
    m1, m2, m3, m4 = (part[k] + (z - w) ** k * ndtr(-z) for k in (1, 2, 3, 4))
    series = m2 - m1**2 + sigma * (m3 - m1 * m2)
    series = series + sigma**2 * ((m4 - m1 * m3) / 3.0 + (m4 - m2**2) / 4.0)
    return xp.maximum(sigma**2 * series, 0.0)

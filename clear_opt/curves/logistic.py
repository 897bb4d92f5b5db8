"""The logistic utility."""

from __future__ import annotations

from dataclasses import dataclass

from clear_opt._numerics.array_namespace import Array, logistic, namespace
from clear_opt.curves.base import broadcast_fields, require, require_height
from clear_opt.curves.sigmoid import Sigmoid
from clear_opt.defaults import SATURATION


@dataclass(frozen=True, eq=False, repr=False)
class Logistic(Sigmoid):
    """U(b) = height (s(v) - s(v0)) / (1 - s(v0)), s logistic, v = (b - midpoint) / scale.

    v0 is the coordinate of b = 0: no tokens, no answer, so the curve starts at zero.

    Parameters
    ----------
    midpoint : array-like, shape (n,)
        Inflection point, tokens >= 0, shape (n,) or a scalar.
    scale : array-like, shape (n,)
        Tokens per unit of the logistic function's argument, > 0.
    height : array-like, shape (n,)
        Success probability approached with many tokens, in (0, 1].

    Raises
    ------
    InvalidInputError
        Naming row, column and value.

    Examples
    --------
    >>> Logistic(midpoint=300.0, scale=30.0, height=0.8).value(300.0).round(3)
    array([0.4])
    """

    midpoint: Array
    scale: Array
    height: Array

    def __post_init__(self) -> None:
        broadcast_fields(self)
        require("midpoint", self.midpoint, lambda v: v >= 0, "must be a number >= 0", "tokens")
        require("scale", self.scale, lambda v: v > 0, "must be a number > 0", "tokens")
        require_height(self.height)

    def _amplitude(self) -> Array:
        # 1 - s(v0) = s(midpoint / scale), at least one half.
        return self.height / logistic(self.midpoint / self.scale)

    def value(self, tokens: Array) -> Array:
        """Return U(b), shape (n,), at caps ``tokens`` (scalar or shape (n,))."""
        at_zero = logistic(-self.midpoint / self.scale)
        return self._amplitude() * (logistic((tokens - self.midpoint) / self.scale) - at_zero)

    def marginal(self, tokens: Array) -> Array:
        """Return U'(b), success per token, shape (n,)."""
        v = (tokens - self.midpoint) / self.scale
        return self._amplitude() / self.scale * logistic(v) * logistic(-v)

    def response(self, price: Array) -> Array:
        """Return the cap in [midpoint, peak] that maximises U(b) - price * b, shape (n,)."""
        xp = namespace(self.midpoint, price)
        # s (1 - s) = r on the upper branch: s/(1-s) = (1 + sqrt(1-4r))^2 / (4r).
        least = xp.exp(-SATURATION)
        four_r = 4.0 * xp.clip(price * self.scale / self._amplitude(), least, 0.25)
        v = 2.0 * xp.log1p(xp.sqrt(1.0 - four_r)) - xp.log(four_r)
        return self.midpoint + self.scale * xp.clip(v, 0.0, SATURATION)

    def _tokens(self, v: Array) -> Array:
        return self.midpoint + self.scale * v

    def _inflection(self) -> Array:
        return 0.0 * self.scale

    def _saturation(self) -> Array:
        return SATURATION + 0.0 * self.scale

    def _chord_excess(self, v: Array, start: Array) -> tuple[Array, Array]:
        from_v = (start - self.midpoint) / self.scale
        level = logistic(v)
        slope = level * logistic(-v)
        excess = level - logistic(from_v) - slope * (v - from_v)
        return excess, slope * (2.0 * level - 1.0) * (v - from_v)

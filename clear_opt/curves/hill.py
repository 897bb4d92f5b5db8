"""The Hill utility, the saturation curve of marketing-mix and dose-response models."""

from __future__ import annotations

from dataclasses import dataclass

from clear_opt._numerics.array_namespace import Array, logistic, namespace, select
from clear_opt._numerics.root_finding import increasing_root
from clear_opt.curves.base import broadcast_fields, require, require_height
from clear_opt.curves.sigmoid import Sigmoid
from clear_opt.defaults import SATURATION, TANGENT_STEPS

_TINY = 1e-300  # stands for a price of zero under the logarithm; far below saturation


@dataclass(frozen=True, eq=False, repr=False)
class Hill(Sigmoid):
    """U(b) = height b^k / (b^k + half^k), k = shape: S-shaped for k > 1, concave for k = 1.

    Parameters
    ----------
    half : array-like, shape (n,)
        Tokens at which half the height is reached, > 0, shape (n,) or a scalar.
    shape : array-like, shape (n,)
        Exponent k >= 1: the larger, the sharper the threshold. (Below 1 the first token would be
        worth infinitely much.)
    height : array-like, shape (n,)
        Success probability approached with many tokens, in (0, 1].

    Raises
    ------
    InvalidInputError
        Naming row, column and value.

    Examples
    --------
    >>> Hill(half=300.0, shape=4.0, height=0.8).value([300.0, 600.0]).round(3)
    array([0.4  , 0.753])
    """

    half: Array
    shape: Array
    height: Array

    def __post_init__(self) -> None:
        broadcast_fields(self)
        require("half", self.half, lambda v: v > 0, "must be a number > 0", "tokens")
        require("shape", self.shape, lambda v: v >= 1, "must be a number >= 1", "raise it to 1")
        require_height(self.height)

    def value(self, tokens: Array) -> Array:
        """Return U(b), shape (n,), at caps ``tokens`` (scalar or shape (n,))."""
        xp = namespace(self.half, tokens)
        ratio = xp.asarray(tokens) / self.half
        return self.height * select(
            ratio > 0, ratio, 0.0, 1.0, lambda r: logistic(self.shape * xp.log(r))
        )

    def marginal(self, tokens: Array) -> Array:
        """Return U'(b), success per token, shape (n,)."""
        xp = namespace(self.half, tokens)
        ratio = xp.asarray(tokens) / self.half
        at_zero = xp.where(self.shape > 1, 0.0, 1.0) + 0.0 * ratio

        def slope(r: Array) -> Array:
            v = self.shape * xp.log(r)
            return self.shape / r * logistic(v) * logistic(-v)

        return self.height / self.half * select(ratio > 0, ratio, at_zero, 1.0, slope)

    def response(self, price: Array) -> Array:
        """Return the cap in [threshold, peak] that maximises U(b) - price * b, tokens, (n,)."""
        xp = namespace(self.half, price)
        low, high = self._inflection() + 0.0 * price, self._saturation() + 0.0 * price
        scale = self.height * self.shape / self.half
        level = xp.log(xp.maximum(price / scale, _TINY))

        # log price - log U'(v) rises through zero at the answer.
        def above(v: Array) -> tuple[Array, Array]:
            kv = self.shape * v
            log_slope = -xp.abs(kv) - 2.0 * xp.log1p(xp.exp(-xp.abs(kv)))
            return level - (log_slope - v), 2.0 * self.shape * logistic(kv) - self.shape + 1.0

        return self._tokens(increasing_root(above, low, high, TANGENT_STEPS))

    def _tokens(self, v: Array) -> Array:
        return self.half * namespace(self.half, v).exp(v)

    def _inflection(self) -> Array:
        # (k - 1)/(k + 1) = (b/half)^k; for k = 1 the curve is concave from the start.
        xp = namespace(self.shape)
        convex = self.shape > 1
        k = xp.where(convex, self.shape, 2.0)
        return xp.where(convex, xp.log((k - 1.0) / (k + 1.0)) / k, -SATURATION)

    def _saturation(self) -> Array:
        return SATURATION / self.shape

    def _chord_excess(self, v: Array, start: Array) -> tuple[Array, Array]:
        xp = namespace(v, start)
        kv = self.shape * v
        level, rest = logistic(kv), logistic(-kv)
        ratio = start / self.half
        begun = select(ratio > 0, ratio, 0.0, 1.0, lambda r: logistic(self.shape * xp.log(r)))
        distance = 1.0 - ratio * xp.exp(-v)
        slope = self.shape * level * rest
        excess = level - begun - slope * distance
        # -U''(b) (b - start) b, in units of the height.
        return excess, slope * distance * (self.shape * (level - rest) + 1.0)

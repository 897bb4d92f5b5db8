"""What S-shaped curves without a hard threshold share: the tangent by safeguarded Newton."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass

from clear_opt._numerics.array_namespace import Array, namespace
from clear_opt._numerics.root_finding import increasing_root
from clear_opt.curves.base import Curve
from clear_opt.defaults import TANGENT_STEPS


@dataclass(frozen=True, eq=False, repr=False)
class Sigmoid(Curve):
    """A curve convex up to its inflection point and concave from there to saturation.

    A family works in a coordinate v of its own, in which the curve saturates (in float64) within
    `clear_opt.defaults.SATURATION` units: log tokens for Hill, standardised tokens for Logistic.
    """

    @abstractmethod
    def _tokens(self, v: Array) -> Array:
        """Tokens at coordinate v."""

    @abstractmethod
    def _inflection(self) -> Array:
        """Coordinate of the inflection point, shape (n,)."""

    @abstractmethod
    def _saturation(self) -> Array:
        """Coordinate at which the curve equals its height in float64, shape (n,)."""

    @abstractmethod
    def _chord_excess(self, v: Array, start: Array) -> tuple[Array, Array]:
        """Excess of the rise from ``start`` over marginal times distance at v, and its v-slope.

        Any positive multiple serves. It rises through zero at the tangent point.
        """

    def tangent(self, start: Array) -> Array:
        """Return the tangent point of the chord from (start, U(start)), tokens, shape (n,)."""
        xp = namespace(self.threshold, start)
        convex = start < self.threshold
        origin = xp.where(convex, start, 0.0)
        low = self._inflection() + xp.zeros_like(origin)
        high = self._saturation() + xp.zeros_like(origin)
        touch = self._tokens(
            increasing_root(lambda v: self._chord_excess(v, origin), low, high, TANGENT_STEPS)
        )
        return xp.where(convex, touch, start)

    @property
    def threshold(self) -> Array:
        """Inflection point, tokens, shape (n,): the curve is concave from here on."""
        return self._tokens(self._inflection())

    @property
    def peak(self) -> Array:
        """Cap at which the curve equals its height in float64, tokens, shape (n,)."""
        return self._tokens(self._saturation())

    def __repr__(self) -> str:
        return f"{type(self).__name__}(n={len(self)})"

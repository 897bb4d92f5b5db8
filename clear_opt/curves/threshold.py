"""Curves that are zero up to a threshold and rise as one shape from there to a peak."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass, field
from typing import Literal, Self, get_args

import numpy as np

from clear_opt._numerics.array_namespace import Array, is_traced, namespace, select
from clear_opt._numerics.arrays import once, read_only
from clear_opt.curves.base import (
    STATIC,
    Curve,
    broadcast_fields,
    broadcast_parameters,
    is_height,
    require,
    require_height,
)
from clear_opt.defaults import MOST_TOKENS
from clear_opt.errors import InvalidInputError

BeyondPeak = Literal["plateau", "decay"]

_WIDTH = "give the tokens between threshold and peak"
_INVERSE = "1/beta is the distance from threshold to peak in tokens"
_EXTREME = "lies at an edge of float64: slopes and distances could not be told"


@dataclass(frozen=True, eq=False, repr=False)
class ThresholdCurve(Curve):
    """U(b) = h s(beta (b - tau)) for b >= tau, else 0, with s(0) = 0 and its maximum s(1) = 1.

    Parameters
    ----------
    tau : array-like, shape (n,)
        Emergence threshold, tokens >= 0, shape (n,) or a scalar.
    alpha : array-like, shape (n,)
        Slope just above the threshold, success per token > 0.
    beta : array-like, shape (n,)
        Inverse distance from the threshold to the peak, per token > 0.
    beyond_peak : {"plateau", "decay"}, default="plateau"
        ``"plateau"``: the curve stays at its height (a cap: a larger one cannot hurt).
        ``"decay"``: it falls again (a generated length: over-thinking hurts). No optimal
        allocation goes past the peak, so the two differ only when other policies are scored.

    Raises
    ------
    InvalidInputError
        Naming row, column and value, for ``tau < 0``, ``beta <= 0``, ``alpha <= 0``, a height
        outside (0, 1], or anything not finite.
    """

    tau: Array
    alpha: Array
    beta: Array
    beyond_peak: BeyondPeak = field(default="plateau", metadata=STATIC)

    _slope_at_threshold = 1.0  # s'(0), so that alpha = h * beta * s'(0)

    def __post_init__(self) -> None:
        if self.beyond_peak not in get_args(BeyondPeak):
            raise InvalidInputError(
                "is not known",
                column="beyond_peak",
                value=self.beyond_peak,
                remedy="use 'plateau' or 'decay'",
            )
        broadcast_fields(self)
        require("tau", self.tau, lambda v: v >= 0, "must be a number >= 0", "thresholds are tokens")
        require("beta", self.beta, lambda v: v > 0, "must be a number > 0", _INVERSE)
        require("beta", self.beta, _invertible, _EXTREME, _INVERSE)
        require(
            "alpha",
            self.alpha,
            lambda v: v > 0,
            "must be a number > 0",
            "leave out queries that can never be answered, or give them a tiny height",
        )
        self._check_peak()

    def _check_peak(self) -> None:
        """Refuse a height or a peak that cannot be, by the names of the parameters given."""
        if is_traced(self.alpha) or is_traced(self.beta):
            return
        alpha, beta = np.asarray(self.alpha), np.asarray(self.beta)
        with np.errstate(over="ignore", under="ignore"):
            height = alpha / beta / self._slope_at_threshold
        if not (possible := is_height(height)).all():
            row = int(np.argmin(possible))
            raise InvalidInputError(
                f"and beta = {beta[row]:g} make a height of {height[row]:g}, outside (0, 1]",
                column="alpha",
                row=row,
                value=float(alpha[row]),
                remedy="lower alpha or raise beta: the height is alpha / (beta * s'(0))"
                if height[row] > 1
                else "raise alpha or lower beta: the height is alpha / (beta * s'(0))",
            )
        with np.errstate(over="ignore"):
            require(
                "tau",
                self.tau,
                lambda v: np.isfinite(v + 1.0 / beta) & np.isfinite(v * beta),
                "lies so far out that float64 cannot tell the way from there to the peak",
                "thresholds are tokens",
            )

    @classmethod
    def from_height(
        cls, tau: Array, height: Array, width: Array, beyond_peak: BeyondPeak = "plateau"
    ) -> Self:
        """Build from the peak's height (a probability) and its distance from the threshold.

        Parameters
        ----------
        tau : array-like, shape (n,)
            Emergence threshold, tokens >= 0, shape (n,) or a scalar.
        height : array-like, shape (n,)
            Success probability at the peak, in (0, 1].
        width : array-like, shape (n,)
            Tokens from the threshold to the peak, > 0.
        beyond_peak : {"plateau", "decay"}, default="plateau"
            As for the class.

        Examples
        --------
        >>> from clear_opt import ShiftedSurge
        >>> ShiftedSurge.from_height(tau=100.0, height=0.5, width=50.0).value(150.0)
        array([0.5])
        """
        given = broadcast_parameters({"tau": tau, "height": height, "width": width})
        tau, height, width = given.values()
        require_height(height)
        require("width", width, lambda v: v > 0, "must be a number > 0", _WIDTH)
        alpha, beta = _slopes(height, width, cls._slope_at_threshold)
        try:
            return cls(tau, alpha, beta, beyond_peak)
        except InvalidInputError as error:
            if error.row is None or error.column not in ("alpha", "beta"):
                raise
            # They follow from what was checked already: at the edges the width is to blame.
            at_fault = np.arange(len(width)) == error.row
            require("width", width, lambda _: ~at_fault, _EXTREME, _WIDTH)
            raise

    @abstractmethod
    def _shape(self, y: Array) -> Array:
        """Return s(y) for y >= 0, beyond the peak as in the ``decay`` reading."""

    @abstractmethod
    def _shape_slope(self, y: Array) -> Array:
        """Return s'(y) for y >= 0."""

    @abstractmethod
    def _shape_response(self, slope: Array) -> Array:
        """Return the largest y in [0, 1] with s'(y) >= slope, for slope in [0, s'(0)]; 0 above."""

    @abstractmethod
    def _shape_tangent(self, gap: Array) -> Array:
        """Return the y in [0, 1] with s'(y) (gap + y) = s(y), for gap >= 0."""

    def value(self, tokens: Array) -> Array:
        """Return U(b), shape (n,), at caps ``tokens`` (scalar or shape (n,))."""
        xp = namespace(self.tau, tokens)
        y = self.beta * (tokens - self.tau)
        if self.beyond_peak == "plateau":
            y = xp.minimum(y, 1.0)
        return self.height * select(y > 0, y, 0.0, 1.0, self._shape)

    def marginal(self, tokens: Array) -> Array:
        """Return the right derivative U'(b), success per token, shape (n,)."""
        xp = namespace(self.tau, tokens)
        y = self.beta * (tokens - self.tau)
        slope = select(y >= 0, y, 0.0, 0.0, self._shape_slope)
        if self.beyond_peak == "plateau":
            slope = xp.where(y >= 1, 0.0, slope)
        return self.height * self.beta * slope

    def response(self, price: Array) -> Array:
        """Return the cap in [tau, peak] that maximises U(b) - price * b, tokens, shape (n,)."""
        xp = namespace(self.tau, price)
        limit = self._slope_at_threshold
        slope = price * limit / self.alpha
        y = self._shape_response(xp.minimum(slope, limit))
        if self.piecewise_linear:  # a curved shape comes down to zero by itself
            y = xp.where(slope > limit, 0.0, y)
        return self.tau + y / self.beta

    def tangent(self, start: Array) -> Array:
        """Return the tangent point of the chord from (start, U(start)), tokens, shape (n,)."""
        xp = namespace(self.tau, start)
        gap = self.beta * (self.tau - start)
        y = select(gap > 0, gap, 0.0, 1.0, self._shape_tangent)
        concave = xp.maximum(start, self.peak) if self.piecewise_linear else start + 0.0 * self.tau
        return xp.where(gap > 0, self.tau + y / self.beta, concave)

    @property
    def threshold(self) -> Array:
        """Emergence threshold tau, tokens, shape (n,)."""
        return self.tau

    @property
    def peak(self) -> Array:
        """Cap with the greatest value, tau + 1/beta, tokens, shape (n,)."""
        return self.tau + 1.0 / self.beta

    @property
    def height(self) -> Array:
        """Success probability at the peak, shape (n,)."""
        return self.alpha / (self.beta * self._slope_at_threshold)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(n={len(self)}, beyond_peak={self.beyond_peak!r})"


def _invertible(slopes: np.ndarray) -> np.ndarray:
    """Return which have an inverse, and a finite product with every cap."""
    with np.errstate(all="ignore"):
        return np.isfinite(1.0 / slopes) & np.isfinite(slopes * float(MOST_TOKENS))


def _slopes(height: Array, width: Array, slope_at_threshold: float) -> tuple[Array, Array]:
    """Return alpha and beta, shape (n,); where they are known, in arrays that nobody else holds."""
    if is_traced(height) or is_traced(width):
        return height * slope_at_threshold / width, 1.0 / width
    shape = height.shape
    height, width = once(np.asarray(height)), once(np.asarray(width))
    with np.errstate(all="ignore"):
        slopes = height * slope_at_threshold / width, 1.0 / width
    alpha, beta = (np.broadcast_to(read_only(part), shape) for part in slopes)
    return alpha, beta

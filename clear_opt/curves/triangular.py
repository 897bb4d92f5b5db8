"""The triangular utility, one of the paper's ablations."""

from __future__ import annotations

from dataclasses import dataclass

from clear_opt._numerics.array_namespace import Array, namespace
from clear_opt.curves.threshold import ThresholdCurve


@dataclass(frozen=True, eq=False, repr=False)
class Triangular(ThresholdCurve):
    """U(b) rises along a straight line of slope alpha from tau to its peak at tau + 1/beta.

    The height is alpha / beta. In the ``decay`` reading it falls along the mirrored line back to
    zero. A query is funded to its peak or not at all. Parameters and errors: see
    `ThresholdCurve`.

    Examples
    --------
    >>> Triangular.from_height(tau=100.0, height=0.8, width=50.0).value(125.0)
    array([0.4])
    """

    _slope_at_threshold = 1.0

    @property
    def piecewise_linear(self) -> bool:
        """True."""
        return True

    @property
    def corners(self) -> Array:
        """Threshold and peak, tokens, shape (n, 2)."""
        return namespace(self.threshold).stack([self.threshold, self.peak], axis=1)

    def _shape(self, y: Array) -> Array:
        xp = namespace(y)
        return xp.maximum(xp.minimum(y, 2.0 - y), 0.0)

    def _shape_slope(self, y: Array) -> Array:
        xp = namespace(y)
        return xp.where(y < 1, 1.0, xp.where(y < 2, -1.0, 0.0))

    def _shape_response(self, slope: Array) -> Array:
        return namespace(slope).where(slope <= 1, 1.0, 0.0)

    def _shape_tangent(self, gap: Array) -> Array:
        return namespace(gap).ones_like(gap)

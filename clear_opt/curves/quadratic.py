"""The quadratic utility, one of the paper's ablations."""

from __future__ import annotations

from dataclasses import dataclass

from clear_opt._numerics.array_namespace import Array, namespace
from clear_opt.curves.threshold import ThresholdCurve


@dataclass(frozen=True, eq=False, repr=False)
class Quadratic(ThresholdCurve):
    """U(b) = alpha x (1 - beta x / 2) with x = (b - tau)+: a parabola from threshold to peak.

    The height is alpha / (2 beta). In the ``decay`` reading it falls back to zero at twice the
    width and stays there. Parameters and errors: see `ThresholdCurve`.

    Examples
    --------
    >>> Quadratic.from_height(tau=100.0, height=0.8, width=50.0).value(125.0).round(3)
    array([0.6])
    """

    _slope_at_threshold = 2.0

    def _shape(self, y: Array) -> Array:
        return namespace(y).maximum(y * (2.0 - y), 0.0)

    def _shape_slope(self, y: Array) -> Array:
        return namespace(y).where(y < 2, 2.0 * (1.0 - y), 0.0)

    def _shape_response(self, slope: Array) -> Array:
        return 1.0 - 0.5 * slope

    def _shape_tangent(self, gap: Array) -> Array:
        # y^2 + 2 gap y - 2 gap = 0, in the form that does not cancel.
        root = namespace(gap).sqrt
        return 2.0 * root(gap) / (root(gap) + root(gap + 2.0))

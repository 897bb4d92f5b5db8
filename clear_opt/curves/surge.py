"""The shifted surge, the curve of the CLEAR paper (arXiv 2606.03092)."""

from __future__ import annotations

import math
from dataclasses import dataclass

from clear_opt._numerics.array_namespace import Array, namespace
from clear_opt._numerics.lambertw import lambertw0
from clear_opt.curves.threshold import ThresholdCurve


@dataclass(frozen=True, eq=False, repr=False)
class ShiftedSurge(ThresholdCurve):
    """U(b) = alpha (b - tau)+ exp(-beta (b - tau)): nothing, then a fast rise, then a plateau.

    With y = beta (b - tau) and height h = alpha / (beta e) this is h y e^(1-y); the plateau
    reading holds h from y = 1 on. Parameters and errors: see `ThresholdCurve`.

    Examples
    --------
    >>> curve = ShiftedSurge(tau=[200.0], alpha=[0.005], beta=[0.005])
    >>> curve.value(400.0).round(4), curve.peak
    (array([0.3679]), array([400.]))
    """

    _slope_at_threshold = math.e

    def _shape(self, y: Array) -> Array:
        return y * namespace(y).exp(1.0 - y)

    def _shape_slope(self, y: Array) -> Array:
        return (1.0 - y) * namespace(y).exp(1.0 - y)

    def _shape_response(self, slope: Array) -> Array:
        # (1 - y) e^(1-y) = slope, hence y = 1 - W0(slope): b* = tau + (1 - W0(e price/alpha))/beta.
        return 1.0 - lambertw0(slope)

    def _shape_tangent(self, gap: Array) -> Array:
        # y^2 + gap y - gap = 0, in the form that does not cancel for small or large gaps.
        root = namespace(gap).sqrt
        return 2.0 * root(gap) / (root(gap) + root(gap + 4.0))

"""Curve fitting: from the rollouts of each query to its utility curve and how sure it is."""

from clear_opt.fitting.completion import Completion
from clear_opt.fitting.fit import fit_curves
from clear_opt.fitting.fitted import FittedCurves, SurgeParameters
from clear_opt.fitting.prior import Prior
from clear_opt.fitting.surge_shape import SurgeShape, curve_shape, surge_shape

__all__ = [
    "Completion",
    "FittedCurves",
    "Prior",
    "SurgeParameters",
    "SurgeShape",
    "curve_shape",
    "fit_curves",
    "surge_shape",
]

"""Curve fitting: from the rollouts of each query to its utility curve, with its uncertainty."""

from clear_opt.fitting.censoring import Outcomes, expected_outcomes
from clear_opt.fitting.fit import fit_curves
from clear_opt.fitting.fitted import FittedCurves, SurgeParameters, surge_draws
from clear_opt.fitting.prior import Prior
from clear_opt.fitting.surge_shape import Completion, SurgeShape, curve_shape, surge_shape

__all__ = [
    "Completion",
    "FittedCurves",
    "Outcomes",
    "Prior",
    "SurgeParameters",
    "SurgeShape",
    "curve_shape",
    "expected_outcomes",
    "fit_curves",
    "surge_draws",
    "surge_shape",
]

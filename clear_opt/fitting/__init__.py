"""Curve fitting: from the rollouts of each query to its utility curve and how sure it is."""

from clear_opt.fitting.completion import Completion
from clear_opt.fitting.surge_shape import SurgeShape, surge_shape

__all__ = ["Completion", "SurgeShape", "surge_shape"]

"""Utility families: the chance of a right answer as a function of a query's token cap.

Every family is a frozen dataclass of arrays over queries and a JAX pytree. What it is made from
becomes its own, float64 NumPy arrays that nobody can change, JAX arrays included; what a JAX
transformation is passing through stays JAX's. Methods answer NumPy arrays by NumPy arrays, and JAX
arrays by JAX arrays.
"""

from clear_opt.curves.base import Curve
from clear_opt.curves.hill import Hill
from clear_opt.curves.logistic import Logistic
from clear_opt.curves.quadratic import Quadratic
from clear_opt.curves.surge import ShiftedSurge
from clear_opt.curves.tabular import TabularCurve
from clear_opt.curves.triangular import Triangular
from clear_opt.curves.uncertain import UncertainCurves

__all__ = [
    "Curve",
    "Hill",
    "Logistic",
    "Quadratic",
    "ShiftedSurge",
    "TabularCurve",
    "Triangular",
    "UncertainCurves",
]

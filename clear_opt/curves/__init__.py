"""Utility families: the chance of a right answer as a function of a query's token cap.

Every family is a frozen dataclass of arrays over queries and a JAX pytree. What it is made from
becomes its own, float64 NumPy arrays that nobody can change, JAX arrays included; what a JAX
transformation is passing through stays JAX's. Methods answer NumPy arrays by NumPy arrays, and JAX
arrays by JAX arrays.

Authors of families find here what they need besides `Curve`: `broadcast_fields` and `require` check
the parameters, `namespace` chooses NumPy or JAX, `increasing_root` solves equations, and `STATIC`
marks a field that is a setting.
"""

from clear_opt._numerics.array_namespace import namespace
from clear_opt._numerics.root_finding import increasing_root
from clear_opt.curves.base import STATIC, Curve, broadcast_fields, require
from clear_opt.curves.hill import Hill
from clear_opt.curves.logistic import Logistic
from clear_opt.curves.quadratic import Quadratic
from clear_opt.curves.surge import ShiftedSurge
from clear_opt.curves.tabular import TabularCurve
from clear_opt.curves.triangular import Triangular
from clear_opt.curves.uncertain import UncertainCurves

__all__ = [
    "STATIC",
    "Curve",
    "Hill",
    "Logistic",
    "Quadratic",
    "ShiftedSurge",
    "TabularCurve",
    "Triangular",
    "UncertainCurves",
    "broadcast_fields",
    "increasing_root",
    "namespace",
    "require",
]

"""Allocate one token budget over many LLM queries by a shadow price, with a certificate.

Public names load what they need when they are first used, so that importing the package is fast.

Examples
--------
>>> from clear_opt import AllocationProblem, ShiftedSurge, solve
>>> tau, height, width = [80, 90, 900], [0.9, 0.7, 0.2], [60, 70, 500]
>>> curves = ShiftedSurge.from_height(tau, height, width)
>>> allocation = solve(AllocationProblem(curves, budget=270))
>>> allocation.tokens, allocation.n_abandoned, round(allocation.price, 6)
(array([129, 141,   0]), 1, 0.003458)
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from clear_opt._numerics.precision import double_precision
    from clear_opt.curves import (
        Curve,
        Hill,
        Logistic,
        Quadratic,
        ShiftedSurge,
        TabularCurve,
        Triangular,
        UncertainCurves,
    )
    from clear_opt.envelopes import concave_envelope
    from clear_opt.errors import (
        ClearOptError,
        InfeasibleError,
        InvalidInputError,
        MissingExtraError,
        SolverError,
    )
    from clear_opt.lengths import (
        Lengths,
        LogNormalLengths,
        MixedLengths,
        SurgeLengths,
        TabularLengths,
    )
    from clear_opt.problem import (
        Allocation,
        AllocationProblem,
        Certificate,
        FundedShare,
        Guarantee,
        Limit,
        Offer,
        Program,
        Reason,
        Status,
        per_tenant,
    )
    from clear_opt.sensitivity import (
        BudgetPath,
        CheapestBudget,
        budget_path,
        cheapest_budget,
        entry_budgets,
        what_would_fund,
    )
    from clear_opt.sensitivity.gradients import optimal_price, optimal_value
    from clear_opt.solvers import (
        ConicSolver,
        CrossCheck,
        DualSolver,
        caps_at_prices,
        choose_solver,
        cross_check,
        solve,
    )
    from clear_opt.solvers.infeasibility import Conflict, find_conflict

__version__ = "0.1.0"

_HOME = {
    "clear_opt.curves": (
        "Curve",
        "Hill",
        "Logistic",
        "Quadratic",
        "ShiftedSurge",
        "TabularCurve",
        "Triangular",
        "UncertainCurves",
    ),
    "clear_opt.envelopes": ("concave_envelope",),
    "clear_opt.errors": (
        "ClearOptError",
        "InfeasibleError",
        "InvalidInputError",
        "MissingExtraError",
        "SolverError",
    ),
    "clear_opt.lengths": (
        "Lengths",
        "LogNormalLengths",
        "MixedLengths",
        "SurgeLengths",
        "TabularLengths",
    ),
    "clear_opt._numerics.precision": ("double_precision",),
    "clear_opt.problem": (
        "Allocation",
        "AllocationProblem",
        "Certificate",
        "FundedShare",
        "Guarantee",
        "Limit",
        "Offer",
        "Program",
        "Reason",
        "Status",
        "per_tenant",
    ),
    "clear_opt.solvers": (
        "ConicSolver",
        "CrossCheck",
        "DualSolver",
        "caps_at_prices",
        "choose_solver",
        "cross_check",
        "solve",
    ),
    "clear_opt.sensitivity.gradients": ("optimal_price", "optimal_value"),
    "clear_opt.solvers.infeasibility": ("Conflict", "find_conflict"),
    "clear_opt.sensitivity": (
        "BudgetPath",
        "CheapestBudget",
        "budget_path",
        "cheapest_budget",
        "entry_budgets",
        "what_would_fund",
    ),
}
_MODULE_OF = {name: module for module, names in _HOME.items() for name in names}

__all__ = [
    "Allocation",
    "AllocationProblem",
    "BudgetPath",
    "Certificate",
    "CheapestBudget",
    "ClearOptError",
    "Conflict",
    "ConicSolver",
    "CrossCheck",
    "Curve",
    "DualSolver",
    "FundedShare",
    "Guarantee",
    "Hill",
    "InfeasibleError",
    "InvalidInputError",
    "Lengths",
    "Limit",
    "LogNormalLengths",
    "Logistic",
    "MissingExtraError",
    "MixedLengths",
    "Offer",
    "Program",
    "Quadratic",
    "Reason",
    "ShiftedSurge",
    "SolverError",
    "Status",
    "SurgeLengths",
    "TabularCurve",
    "TabularLengths",
    "Triangular",
    "UncertainCurves",
    "__version__",
    "budget_path",
    "caps_at_prices",
    "cheapest_budget",
    "choose_solver",
    "concave_envelope",
    "cross_check",
    "double_precision",
    "entry_budgets",
    "find_conflict",
    "optimal_price",
    "optimal_value",
    "per_tenant",
    "solve",
    "what_would_fund",
]


def __getattr__(name: str) -> Any:
    if name not in _MODULE_OF:
        raise AttributeError(f"module 'clear_opt' has no attribute {name!r}")
    value = getattr(import_module(_MODULE_OF[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)

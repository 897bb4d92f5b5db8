"""The dual solver for programs: one price per constraint, then whole caps that keep them all.

A `Program` is data; its compiled form is a `LagrangianDual`, which owns what each offer can do.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from clear_opt.solvers.program.build_responses import ChoiceSets, choice_sets, unlimited_choices
from clear_opt.solvers.program.coupling_rows import LinearReserve
from clear_opt.solvers.program.lagrangian import LagrangianDual

if TYPE_CHECKING:
    from clear_opt.solvers.program.certify import infeasible_program_allocation
    from clear_opt.solvers.program.priced_caps import PricedCaps, caps_at_prices
    from clear_opt.solvers.program.solver import solve_program

__all__ = [
    "ChoiceSets",
    "LagrangianDual",
    "LinearReserve",
    "PricedCaps",
    "caps_at_prices",
    "choice_sets",
    "infeasible_program_allocation",
    "solve_program",
    "unlimited_choices",
]

# Loaded when first used: they find conflicts, which are found in a `LagrangianDual`.
_HOME = {
    "PricedCaps": "clear_opt.solvers.program.priced_caps",
    "caps_at_prices": "clear_opt.solvers.program.priced_caps",
    "infeasible_program_allocation": "clear_opt.solvers.program.certify",
    "solve_program": "clear_opt.solvers.program.solver",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'clear_opt.solvers.program' has no attribute {name!r}")
    value = getattr(import_module(_HOME[name]), name)
    globals()[name] = value
    return value

"""The dual solver for one budget row: demand in closed form, its clearing price, whole caps."""

from clear_opt.solvers.budget.dual import DualSolver

__all__ = ["DualSolver"]

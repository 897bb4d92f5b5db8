"""The conic solver: the exact convex program, in cvxpy, of one budget row or of many."""

from clear_opt.solvers.conic.solver import ConicSolver

__all__ = ["ConicSolver"]

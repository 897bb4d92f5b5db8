"""Which constraints of a program contradict each other, and by how much."""

from clear_opt.solvers.infeasibility.conflict import Conflict, find_conflict

__all__ = ["Conflict", "find_conflict"]

"""Which constraints of a program contradict each other, and by how much."""

from clear_opt.solvers.infeasibility.conflict import Conflict, find_conflict
from clear_opt.solvers.infeasibility.explanation import ConflictMember

__all__ = ["Conflict", "ConflictMember", "find_conflict"]

"""Programs: offers, several constraints, two bases; what `AllocationProblem` is a case of."""

from clear_opt.solvers.infeasibility.conflict import Conflict, find_conflict
from clear_opt.problem.constraints import Constraint, FundedShare, Guarantee, Limit, per_tenant
from clear_opt.problem.offers import Offer
from clear_opt.problem.program import Program
from clear_opt.solvers.program.lagrangian import System

__all__ = [
    "Conflict",
    "Constraint",
    "FundedShare",
    "Guarantee",
    "Limit",
    "Offer",
    "Program",
    "System",
    "find_conflict",
    "per_tenant",
]

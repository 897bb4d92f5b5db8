"""Programs: offers, several constraints, two bases; what `AllocationProblem` is a case of."""

from clear_opt.program.conflict import Conflict, find_conflict
from clear_opt.program.constraints import Constraint, FundedShare, Guarantee, Limit, per_tenant
from clear_opt.program.offers import Offer
from clear_opt.program.program import Program
from clear_opt.program.system import System

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

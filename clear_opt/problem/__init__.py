"""Problems and their answers, as pure data.

`AllocationProblem` has one offer and one budget. Programs have offers, several constraints, two
bases; `AllocationProblem` is a case of them.
"""

from clear_opt.problem.allocation import Allocation, Reason, Status
from clear_opt.problem.allocation_problem import AllocationProblem
from clear_opt.problem.certificate import Certificate, Row
from clear_opt.problem.chance_constraints import (
    LinearMargin,
    linearised_margin,
    overrun_margin,
)
from clear_opt.problem.constraints import Constraint, FundedShare, Guarantee, Limit, per_tenant
from clear_opt.problem.offers import Offer
from clear_opt.problem.program import Program

__all__ = [
    "Allocation",
    "AllocationProblem",
    "Certificate",
    "Constraint",
    "FundedShare",
    "Guarantee",
    "Limit",
    "LinearMargin",
    "Offer",
    "Program",
    "Reason",
    "Row",
    "Status",
    "linearised_margin",
    "overrun_margin",
    "per_tenant",
]

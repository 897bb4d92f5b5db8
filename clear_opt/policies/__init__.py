"""Other ways to spend a budget: simple rules, and the oracle that knows what will happen.

The rules take an `AllocationProblem`; the oracle takes recorded rollouts. `spread_leftover` spends
what any of them leaves.
"""

from clear_opt.policies.leftover import spread_leftover
from clear_opt.policies.oracle import oracle
from clear_opt.policies.rules import (
    POLICIES,
    Policy,
    auction,
    proportional,
    threshold_prefix,
    uniform,
)

__all__ = [
    "POLICIES",
    "Policy",
    "auction",
    "oracle",
    "proportional",
    "spread_leftover",
    "threshold_prefix",
    "uniform",
]

"""Other ways to spend a budget: simple rules, and the oracle that knows what will happen.

The rules take an `AllocationProblem`; the oracle takes recorded rollouts. `spread_leftover` spends
what any of them leaves. `index_policy` ranks queries where expected spend is what counts.
"""

from clear_opt.policies.index import index_policy
from clear_opt.policies.leftover import spread_leftover
from clear_opt.policies.oracle import oracle
from clear_opt.policies.rules import (
    POLICIES,
    Policy,
    auction,
    proportional,
    self_estimate,
    threshold_prefix,
    uniform,
)

__all__ = [
    "POLICIES",
    "Policy",
    "auction",
    "index_policy",
    "oracle",
    "proportional",
    "self_estimate",
    "spread_leftover",
    "threshold_prefix",
    "uniform",
]

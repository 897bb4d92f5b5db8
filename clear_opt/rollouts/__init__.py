"""Rollouts: recorded generations, one row each, in a table file.

Evaluation logs become such tables by `clear_opt.rollouts.importers`.
"""

from clear_opt.rollouts.digests import query_digests, table_digest
from clear_opt.rollouts.outcomes import choose_features, outcome_features
from clear_opt.rollouts.read import read_rollouts, write_rollouts
from clear_opt.rollouts.table import Rollouts

__all__ = [
    "Rollouts",
    "choose_features",
    "outcome_features",
    "query_digests",
    "read_rollouts",
    "table_digest",
    "write_rollouts",
]

"""Evaluation: what an allocation is worth on rollouts that have already happened."""

from clear_opt.evaluation.comparison import Comparison, compare_policies, query_folds
from clear_opt.evaluation.replay import Replay, replay

__all__ = [
    "Comparison",
    "Replay",
    "compare_policies",
    "query_folds",
    "replay",
]

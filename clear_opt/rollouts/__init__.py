"""Rollouts: recorded generations, one row each, in a table file.

Evaluation logs become such tables by `clear_opt.rollouts.importers`.
"""

from clear_opt.rollouts.read import read_rollouts, write_rollouts
from clear_opt.rollouts.table import Rollouts

__all__ = ["Rollouts", "read_rollouts", "write_rollouts"]

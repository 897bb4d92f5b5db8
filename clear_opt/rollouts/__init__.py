"""Rollouts: recorded generations, one row each, from a table file or from evaluation logs."""

from clear_opt.rollouts.read import read_rollouts
from clear_opt.rollouts.table import Rollouts

__all__ = ["Rollouts", "read_rollouts"]

"""Completion lengths: how many tokens a generation takes if no cap stops it.

Every family is a frozen dataclass of arrays over queries and a JAX pytree, and keeps its arrays as
the curves do (`clear_opt.curves`).
"""

from clear_opt.lengths.base import Lengths
from clear_opt.lengths.lognormal import LogNormalLengths
from clear_opt.lengths.mixed import MixedLengths
from clear_opt.lengths.surge import SurgeLengths
from clear_opt.lengths.tabular import TabularLengths

__all__ = [
    "Lengths",
    "LogNormalLengths",
    "MixedLengths",
    "SurgeLengths",
    "TabularLengths",
]

"""Streams of reasoning queries: the paper's four mixes, simulated or drawn from recorded answers.

`simulate` makes a stream whose truth is known, with answers, features to predict from, and
`training_set` the answers to other queries that a predictor can learn from. `draw` mixes recorded
queries in the same proportions.
"""

from clear_opt.datasets.pools import POOLS, RECALL, Pool
from clear_opt.datasets.simulated import Traffic, simulate, training_set
from clear_opt.datasets.streams import STREAMS, Drawn, draw

__all__ = [
    "POOLS",
    "RECALL",
    "STREAMS",
    "Drawn",
    "Pool",
    "Traffic",
    "draw",
    "simulate",
    "training_set",
]

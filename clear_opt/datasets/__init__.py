"""Problems to try a solver on, streams of reasoning queries, and the questions of the demo.

Problems are random ones of every kind, and named ones with known optima. Streams are the paper's
four mixes, simulated or drawn from recorded answers: `simulate` makes a stream whose truth is
known, with answers, features to predict from, and `training_set` the answers to other queries that
a predictor can learn from. `draw` mixes recorded queries in the same proportions.
"""

from clear_opt.datasets.demo_questions import DemoQuery, make_queries
from clear_opt.datasets.named import INSTANCES, Instance, named_instance
from clear_opt.datasets.pools import POOLS, RECALL, Pool
from clear_opt.datasets.random_problems import FAMILIES, random_problem
from clear_opt.datasets.random_programs import random_program
from clear_opt.datasets.simulated import Traffic, simulate, training_set
from clear_opt.datasets.streams import STREAMS, Drawn, draw

__all__ = [
    "FAMILIES",
    "INSTANCES",
    "POOLS",
    "RECALL",
    "STREAMS",
    "DemoQuery",
    "Drawn",
    "Instance",
    "Pool",
    "Traffic",
    "draw",
    "make_queries",
    "named_instance",
    "random_problem",
    "random_program",
    "simulate",
    "training_set",
]

"""Problems to try a solver on: random ones of every kind, and named ones with known optima."""

from clear_opt.datasets.named import Instance
from clear_opt.datasets.named import INSTANCES, named_instance
from clear_opt.datasets.random_problems import FAMILIES, random_problem
from clear_opt.datasets.random_programs import random_program

__all__ = [
    "FAMILIES",
    "INSTANCES",
    "Instance",
    "named_instance",
    "random_problem",
    "random_program",
]

"""Problems to try a solver on: random ones of every kind, and named ones with known optima."""

from clear_opt.instances.random import FAMILIES, random_problem

__all__ = ["FAMILIES", "random_problem"]

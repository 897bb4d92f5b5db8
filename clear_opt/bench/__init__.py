"""Ways to allocate, ours and what a user would pick instead, and how to compare them.

``clear-opt bench`` runs a short comparison; ``make bench`` the long ones of ``benchmarks/``.
"""

from clear_opt.bench.comparison import compare
from clear_opt.bench.instances import Instance, make_instance
from clear_opt.bench.memory import peak_memory
from clear_opt.bench.methods import METHODS, Answer, Method

__all__ = ["METHODS", "Answer", "Instance", "Method", "compare", "make_instance", "peak_memory"]

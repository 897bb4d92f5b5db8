"""Ways to allocate, ours and what a user would pick instead, and how to compare them.

``python -m benchmarks.quick`` runs a short comparison; ``make bench`` the long ones of
``benchmarks/``.
"""

from benchmarks.peers.comparison import compare
from benchmarks.peers.instances import Instance, make_instance
from benchmarks.peers.memory import peak_memory
from benchmarks.peers.methods import METHODS, Answer, Method

__all__ = ["METHODS", "Answer", "Instance", "Method", "compare", "make_instance", "peak_memory"]

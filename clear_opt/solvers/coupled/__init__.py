"""The dual solver for programs: one price per constraint, then whole caps that keep them all."""

from clear_opt.solvers.coupled.answer import in_terms_of, infeasible_program_answer
from clear_opt.solvers.coupled.solver import solve_program

__all__ = ["in_terms_of", "infeasible_program_answer", "solve_program"]

"""The dual solver for programs: one price per constraint, then whole caps that keep them all."""

from clear_opt.solvers.program.certify import in_terms_of, infeasible_program_answer
from clear_opt.solvers.program.solver import solve_program

__all__ = ["in_terms_of", "infeasible_program_answer", "solve_program"]

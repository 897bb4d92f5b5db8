"""The reduction of a program with one offer and one token budget to an `AllocationProblem`.

As with the reductions of a modelling language, a problem is accepted, transformed and solved, and
the solution is translated back (Agrawal, Verschueren, Diamond and Boyd 2018, "A rewriting system
for convex optimization problems").
"""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np

from clear_opt import defaults
from clear_opt.problem import AllocationProblem, Program
from clear_opt.problem.allocation import IDLE, Allocation
from clear_opt.problem.offers import TOKENS


class SingleBudget(NamedTuple):
    """A program that is a single-budget problem in other words.

    Attributes
    ----------
    program : Program
    problem : AllocationProblem
        The same problem with one curve per query and one budget.
    """

    program: Program
    problem: AllocationProblem

    @classmethod
    def apply(cls, program: Program) -> SingleBudget | None:
        """Return the reduction of a program, ``None`` if it is more than one budget of tokens."""
        if not _accepts(program):
            return None
        limits = program.floor, program.ceiling, program.weight
        budget = program.constraints[0].amount
        problem = AllocationProblem(program.offers[0].curves, budget, *limits, program.block)
        return cls(program, problem)

    def invert(self, allocation: Allocation) -> Allocation:
        """Return the allocation of the problem as one of the program, under its own names."""
        row = replace(allocation.rows[0], name=str(self.program.budget.name))
        asked = (allocation.tokens > 0) | (self.program.floor > 0)
        return replace(
            allocation,
            certificate=replace(allocation.certificate, rows=(row,)),
            offer_codes=np.where(asked, 0, IDLE),
            offer_names=(self.program.offers[0].name,),
        )


def _accepts(program: Program) -> bool:
    offer, row = program.offers[0], program.constraints[0]
    return (
        len(program.offers) == len(program.constraints) == 1
        and row.resource == TOKENS
        and bool(program.members.all())
        and not offer.fixed_of(TOKENS).any()
        and bool(offer.available.all() and np.isposinf(offer.ceiling).all())
        and program.basis == "reserved"
        and not program.pinned.any()
        and row.amount <= defaults.MOST_TOKENS
    )

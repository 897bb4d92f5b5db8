"""What a named problem says about itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from clear_opt.problem import AllocationProblem
from clear_opt.problem import Program


@dataclass(frozen=True, eq=False, repr=False)
class Instance:
    """A problem whose optimum is known.

    Attributes
    ----------
    name
        What `named_instance` knows it by.
    problem
        What to allocate.
    value
        Weighted success of the best allocation in whole tokens (whole blocks, where those are
        larger). A solver may reach less, never more.
    bound
        Optimum of the relaxed problem, in which queries may be funded in part: the least dual
        bound of any prices, so no certificate is below it.
    prices
        Optimal price of each constraint by its name, success per unit, where only one is optimal.
    why
        What the instance teaches.
    """

    name: str
    problem: AllocationProblem | Program
    value: float
    bound: float
    why: str
    prices: Mapping[str, float] = field(default_factory=dict)

    def __repr__(self) -> str:
        return (
            f"Instance({self.name!r}, n={len(self.problem)}, value={self.value:.4g}, "
            f"bound={self.bound:.4g})"
        )

"""Named problems with certified optima, for whoever writes or changes a solver.

They are small enough to be solved by enumeration, and every stored number is: see
``tests/test_instances.py``. Each teaches one thing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from clear_opt.datasets.named_problems import PLAIN
from clear_opt.datasets.named_programs import PROGRAMS
from clear_opt.errors import InvalidInputError
from clear_opt.problem import AllocationProblem, Program


@dataclass(frozen=True, eq=False, repr=False)
class Instance:
    """A problem whose optimum is known.

    Attributes
    ----------
    name : str
        What `named_instance` knows it by.
    problem : AllocationProblem or Program
        What to allocate.
    value : float
        Weighted success of the best allocation in whole tokens (whole blocks, where those are
        larger). A solver may reach less, never more.
    bound : float
        Optimum of the relaxed problem, in which queries may be funded in part: the least dual
        bound of any prices, so no certificate is below it.
    prices : mapping of str to float, optional
        Optimal price of each constraint by its name, success per unit, where only one is optimal.
    why : str
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


_MAKERS = {**PLAIN, **PROGRAMS}

INSTANCES: tuple[str, ...] = tuple(_MAKERS)
"""Names of the instances: batches with one budget first, then programs."""


def named_instance(name: str) -> Instance:
    """Return a named problem with its certified optimum.

    Parameters
    ----------
    name : str
        One of `INSTANCES`.

    Raises
    ------
    InvalidInputError
        If there is no instance of this name; the message lists those there are.

    Examples
    --------
    >>> from clear_opt import solve
    >>> trap = named_instance("rescaled-demand")
    >>> trap
    Instance('rescaled-demand', n=6, value=1.6, bound=1.729)
    >>> round(solve(trap.problem).expected_utility, 9) == trap.value
    True
    """
    if name not in _MAKERS:
        raise InvalidInputError(
            "is not known", column="instance", value=name, remedy=f"use one of {list(INSTANCES)}"
        )
    return Instance(name=name, **_MAKERS[name]())

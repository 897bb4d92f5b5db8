"""Named problems with certified optima, for whoever writes or changes a solver.

They are small enough to be solved by enumeration, and every stored number is: see
``tests/test_instances.py``. Each teaches one thing.
"""

from __future__ import annotations

from clear_opt.errors import InvalidInputError
from clear_opt.datasets.named import Instance
from clear_opt.datasets.named_problems import PLAIN
from clear_opt.datasets.named_programs import PROGRAMS

_MAKERS = {**PLAIN, **PROGRAMS}

INSTANCES: tuple[str, ...] = tuple(_MAKERS)
"""Names of the instances: batches with one budget first, then programs."""


def named_instance(name: str) -> Instance:
    """Give a named problem with its certified optimum.

    Parameters
    ----------
    name
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

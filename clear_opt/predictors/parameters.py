"""Parameters that scikit-learn's users know: ``random_state`` and ``n_jobs``."""

from __future__ import annotations

from numbers import Integral
from typing import Any

from joblib import effective_n_jobs

from clear_opt.defaults import MOST_SEED
from clear_opt.errors import InvalidInputError


def check_random_state(random_state: Any) -> int:
    """Return a random state as the integer that it must be.

    scikit-learn also takes None, a `numpy.random.RandomState` or a generator. None of these can be
    stored with a predictor in such a way that fitting it again gives the same predictor.

    Parameters
    ----------
    random_state : int
        From 0 to `clear_opt.defaults.MOST_SEED`.

    Raises
    ------
    InvalidInputError
        If it is anything else.

    Examples
    --------
    >>> check_random_state(7)
    7
    """
    if isinstance(random_state, Integral) and 0 <= int(random_state) <= MOST_SEED:
        return int(random_state)
    raise InvalidInputError(
        f"is not a whole number from 0 to {MOST_SEED:,}",
        column="random_state",
        value=random_state,
        remedy="give an integer: a generator cannot be stored with the predictor",
    )


def thread_count(n_jobs: int | None) -> int:
    """Return how many threads ``n_jobs`` stands for, by scikit-learn's convention.

    Parameters
    ----------
    n_jobs : int or None
        None means 1 unless a `joblib.parallel_config` context says otherwise, -1 all processors,
        -2 all but one.

    Raises
    ------
    InvalidInputError
        If it is 0, or neither an integer nor None.

    Examples
    --------
    >>> thread_count(None), thread_count(3)
    (1, 3)
    """
    if n_jobs is None or (isinstance(n_jobs, Integral) and n_jobs != 0):
        asked: Any = n_jobs  # joblib's annotation leaves out None, its documentation does not
        return int(effective_n_jobs(asked))
    raise InvalidInputError(
        "is no number of jobs",
        column="n_jobs",
        value=n_jobs,
        remedy="give a positive integer, -1 for all processors, or None for one",
    )

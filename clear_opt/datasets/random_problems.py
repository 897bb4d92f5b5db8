"""Random problems of every kind, shared by tests, benchmarks and users who try a solver.

Parameters spread over five orders of magnitude, so that solvers are tried where scaling hurts.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from clear_opt.curves import (
    Curve,
    Hill,
    Logistic,
    Quadratic,
    ShiftedSurge,
    TabularCurve,
    Triangular,
)
from clear_opt.errors import InvalidInputError
from clear_opt.problem import AllocationProblem

_DECADES = 5.0
_POINTS = 12


def _surge(rng: np.random.Generator, n: int) -> Curve:
    return ShiftedSurge.from_height(_tokens(rng, n), _heights(rng, n), _tokens(rng, n))


def _quadratic(rng: np.random.Generator, n: int) -> Curve:
    return Quadratic.from_height(_tokens(rng, n), _heights(rng, n), _tokens(rng, n))


def _triangular(rng: np.random.Generator, n: int) -> Curve:
    return Triangular.from_height(_tokens(rng, n), _heights(rng, n), _tokens(rng, n))


def _hill(rng: np.random.Generator, n: int) -> Curve:
    return Hill(half=_tokens(rng, n), shape=rng.uniform(1.0, 8.0, n), height=_heights(rng, n))


def _logistic(rng: np.random.Generator, n: int) -> Curve:
    return Logistic(midpoint=_tokens(rng, n), scale=_tokens(rng, n), height=_heights(rng, n))


def _tabular(rng: np.random.Generator, n: int) -> Curve:
    grid = np.cumsum(10 ** rng.uniform(0.0, _DECADES - 1, (n, _POINTS)), axis=1)
    return TabularCurve(grid, np.sort(rng.uniform(0.0, 1.0, (n, _POINTS)), axis=1))


def _tokens(rng: np.random.Generator, n: int) -> np.ndarray:
    return 10 ** rng.uniform(0.0, _DECADES, n)


def _heights(rng: np.random.Generator, n: int) -> np.ndarray:
    return 10 ** rng.uniform(-3.0, 0.0, n)


FAMILIES: dict[str, Callable[[np.random.Generator, int], Curve]] = {
    "surge": _surge,
    "quadratic": _quadratic,
    "triangular": _triangular,
    "hill": _hill,
    "logistic": _logistic,
    "tabular": _tabular,
}
"""Makers of random curves by name: a generator and the number of queries give the curves."""


def random_problem(
    family: str = "surge",
    *,
    seed: int | Sequence[int] | np.random.Generator,
    n: int | None = None,
    bounded: bool = False,
) -> AllocationProblem:
    """Draw a problem whose parameters spread over five orders of magnitude.

    Parameters
    ----------
    family : str, default="surge"
        A key of `FAMILIES`.
    seed : int or sequence of int or np.random.Generator
        Seed (a number or several) or generator; the same seed gives the same problem.
    n : int, optional
        Number of queries; by default log-uniform from 1 to 2,000.
    bounded : bool, default=False
        Whether some queries have floors (some past their thresholds), some ceilings (some below
        them), and weights differ.

    Returns
    -------
    AllocationProblem
        With a whole-token budget of 1 % to 120 % of what all queries together can use.

    Examples
    --------
    >>> random_problem("surge", seed=0, n=3)
    AllocationProblem(ShiftedSurge, n=3, budget=3692)
    """
    if family not in FAMILIES:
        raise InvalidInputError(
            "is not known", column="family", value=family, remedy=f"use one of {list(FAMILIES)}"
        )
    rng = np.random.default_rng(seed)
    if n is None:
        n = int(np.exp(rng.uniform(0.0, np.log(2000.0))))
    curves = FAMILIES[family](rng, n)
    # Saturating families never quite peak: twenty thresholds are plenty.
    useful = np.minimum(curves.peak, 20.0 * curves.threshold + 100.0)
    if family == "tabular":
        useful = curves.peak
    share = rng.uniform(0.01, 1.2)
    if not bounded:
        return AllocationProblem(curves, budget=max(int(share * useful.sum()), 1))
    floor = np.where(rng.random(n) < 0.2, np.floor(rng.uniform(0.0, 1.2, n) * useful), 0.0)
    room = np.floor(rng.uniform(0.0, 1.5, n) * useful)
    ceiling = np.where(rng.random(n) < 0.5, floor + room, np.inf)
    budget = int(floor.sum() + share * useful.sum())
    weight = 10 ** rng.uniform(-1.0, 1.0, n)
    return AllocationProblem(curves, budget, floor, ceiling, weight)

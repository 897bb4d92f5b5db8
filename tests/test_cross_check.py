"""Two solvers' prices: where many are optimal none is wrong, where one is, all others are."""

from dataclasses import replace

import numpy as np
import pytest

from clear_opt import (
    AllocationProblem,
    Hill,
    Limit,
    Offer,
    Program,
    Quadratic,
    ShiftedSurge,
    TabularCurve,
    Triangular,
    cross_check,
)
from clear_opt.datasets import random_problem
from clear_opt.solvers.base import build_allocation


def round_problem(kind, seed):
    """Tables and thresholds in hundreds of tokens, chances in tenths, budgets in hundreds."""
    rng = np.random.default_rng(seed)
    n, m = int(rng.integers(2, 12)), int(rng.integers(2, 6))
    budget = 100 * int(rng.integers(1, 3 * n))
    tau, width = rng.choice([50, 100, 200], n), rng.choice([50, 100], n)
    height = np.round(rng.uniform(0.1, 1.0, n), 1)
    if kind == "tabular":
        values = np.sort(np.round(rng.uniform(0, 1, (n, m)), 1), axis=1)
        curves = TabularCurve(np.cumsum(rng.choice([50, 100, 200], m)), values)
    else:
        family = {"triangular": Triangular, "surge": ShiftedSurge, "quadratic": Quadratic}[kind]
        curves = family.from_height(tau, height, width)
    if kind in ("surge", "quadratic"):  # all peaks and no more
        budget = int((tau + width).sum())
    return AllocationProblem(curves, budget, ceiling=150 if seed % 2 else None)


def dual_at(problem, prices):
    """The dual bound at prices, from the curves on all whole caps (corners are whole here)."""
    caps = np.arange(0.0, 1_201.0)
    caps = caps[caps <= problem.ceiling.min()]
    values = np.stack([problem.curves.value(cap) for cap in caps])
    return np.array(
        [p * problem.budget + (values - p * caps[:, None]).max(axis=0).sum() for p in prices]
    )


@pytest.mark.parametrize("kind", ["tabular", "triangular", "surge", "quadratic"])
def test_round_tables_and_budgets_raise_no_false_alarm(kind):
    checks = [cross_check(round_problem(kind, seed)) for seed in range(12)]
    assert all(check.agrees() for check in checks)


@pytest.mark.parametrize("kind", ["tabular", "triangular"])
def test_optimal_prices_are_all_those_at_which_the_dual_bound_is_least(kind):
    wide = 0
    for seed in range(12):
        problem = round_problem(kind, seed)
        low, high = cross_check(problem).optimal_prices
        ends = [low, min(high, 2 * low + 1.0)]
        least = dual_at(problem, np.unique([*problem.envelope.breakpoints, 0.0])).min()
        assert dual_at(problem, [*ends, np.mean(ends)]) == pytest.approx(least, rel=1e-9)
        outside = [0.99 * low, 1.01 * high] if np.isfinite(high) else [0.99 * low]
        for price in outside:
            assert price == 0 or dual_at(problem, [price])[0] > least * (1 + 1e-9)
        wide += high > 1.01 * low
    assert wide >= 2


def test_prices_that_are_not_unique_are_said_to_be_so():
    curves = TabularCurve(
        [100.0, 200.0], [[0.5, 0.8]] * 4
    )  # half of the budget's steps are worth it
    check = cross_check(AllocationProblem(curves, 400))
    assert check.optimal_prices == pytest.approx((0.003, 0.005))
    assert not check.unique
    assert check.agrees()
    if check.price_difference > 1e-4:
        assert "any from 0.003 to 0.005" in check.summary()
    assert cross_check(AllocationProblem(curves, 450)).unique
    nothing = cross_check(AllocationProblem(curves, 0))
    assert nothing.agrees()
    assert nothing.optimal_prices == (pytest.approx(0.005), np.inf)


def test_a_program_of_one_limit_is_checked_as_the_problem_it_is():
    curves = TabularCurve([100.0, 200.0], [[0.5, 0.8]] * 4)
    check = cross_check(Program(Offer("m", curves), Limit(400)))
    assert check.agrees()
    assert check.optimal_prices == pytest.approx((0.003, 0.005))


@pytest.mark.parametrize("family", ["surge", "tabular", "hill"])
@pytest.mark.parametrize("factor", [0.998, 1.002])
def test_a_price_beyond_the_optimal_ones_is_an_alarm(family, factor):
    problem = random_problem(family, seed=5, n=20)
    check = cross_check(problem)
    assert check.agrees()
    ends = check.optimal_prices
    wrong = factor * ends[factor > 1]
    conic = build_allocation(problem, check.conic.tokens, wrong, solver="conic")
    middle = 0.5 * (check.dual.price + wrong)
    between = problem.certify(problem.floor, middle).dual_bound
    assert not replace(check, conic=conic, bound_between=between).agrees(bound_tolerance=1e-3)


def test_where_nothing_can_be_bought_nothing_differs():
    for curves in (
        Hill([60.0, 100.0], 2.0, 0.9),
        ShiftedSurge.from_height([90.0, 40.0], 0.7, 30.0),
    ):
        assert cross_check(AllocationProblem(curves, 0)).agrees()
        assert cross_check(AllocationProblem(curves, 30, floor=15)).agrees()

"""Two solvers, one answer: dual bounds to 1e-6, prices to 1e-4, the conic program to 1e-6."""

import numpy as np
import pytest

from clear_opt import ShiftedSurge, cross_check
from clear_opt.datasets import FAMILIES, random_problem
from tests.effort import effort
from tests.reference import dual_by_sampling, largest_envelope_error
from tests.units import in_parts_of_tokens

BOUND, PRICE = 1e-6, 1e-4  # relative; the issue's own tolerances
CHUNKS = 5


def assert_parity(family, seeds, bounded):
    for seed in seeds:
        problem = random_problem(family, seed=[seed, 11], bounded=bounded)
        check = cross_check(problem)
        assert check.bound_difference <= BOUND, (seed, check)
        assert check.relaxation_difference <= BOUND, (seed, check.relaxation_difference)
        same_price = check.price_difference <= PRICE or check.flat
        assert same_price, (seed, check.dual.price, check.conic.price)
        for answer in (check.dual, check.conic):
            assert answer.spent <= problem.budget
            assert answer.gap >= 0


@pytest.mark.parametrize("bounded", [False, True], ids=["free", "bounded"])
@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_surge_instances(chunk, bounded):
    """n from 1 to 2,000, parameters over five decades, budgets from 1 % to 120 % of the peaks.

    Some of the two hundred that ``python -m benchmarks.parity`` runs in full.
    """
    assert_parity("surge", range(chunk, effort(60), CHUNKS), bounded)


@pytest.mark.parametrize("bounded", [False, True], ids=["free", "bounded"])
@pytest.mark.parametrize("family", sorted(set(FAMILIES) - {"surge"}))
def test_other_families(family, bounded):
    """A share of the instances that ``python -m benchmarks.parity`` runs in full."""
    assert_parity(family, range(effort(8)), bounded)


@pytest.mark.parametrize("family", FAMILIES)
def test_dual_bound_is_the_least_over_prices_found_by_sampling(family):
    for seed in range(2):
        problem = random_problem(family, seed=[seed, 21], n=12, bounded=seed % 2 == 1)
        problem = in_parts_of_tokens(problem)  # the samples are no whole tokens
        check = cross_check(problem)
        price = check.dual.price
        around = np.unique(np.append(price * np.linspace(0.5, 1.5, 41), [price, 0.0]))
        sampled = dual_by_sampling(problem, around)
        bound = check.dual.dual_bound
        assert sampled.min() <= bound * (1 + 1e-9) + 1e-12
        assert sampled.min() >= bound * (1 - 1e-4) - 1e-12


def test_the_rounded_answer_is_within_one_envelope_error_for_both_solvers():
    for seed in range(effort(20)):
        problem = random_problem("surge", seed=[seed, 31], n=40)
        check = cross_check(problem)
        error = largest_envelope_error(problem)
        assert check.dual.gap <= error
        assert check.conic.gap <= error * (1 + 1e-9) + 1e-7 * check.conic.dual_bound


def test_queries_with_tiny_alpha_cannot_sell_tokens():
    # Without q <= z the program's value exceeds the dual bound on just such a batch: a query with
    # a small alpha and a long width takes a negative rise (design, section 1.5).
    from clear_opt import AllocationProblem

    curves = ShiftedSurge.from_height(
        tau=[100.0, 200.0, 300.0, 50.0],
        height=[0.9, 0.8, 0.7, 1e-4],
        width=[100.0, 100.0, 100.0, 5000.0],
    )
    check = cross_check(AllocationProblem(curves, budget=300))
    assert check.relaxed_value <= check.dual.dual_bound * (1 + 1e-8)
    assert check.agrees()

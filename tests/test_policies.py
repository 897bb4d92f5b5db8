"""Simple policies do what their names say, and no policy beats the solver on the same curves."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clear_opt import (
    AllocationProblem,
    InfeasibleError,
    InvalidInputError,
    ShiftedSurge,
    Status,
    solve,
)
from clear_opt.datasets import FAMILIES, random_problem
from clear_opt.policies import (
    POLICIES,
    auction,
    proportional,
    self_estimate,
    threshold_prefix,
    uniform,
)
from tests.effort import effort


def surges(tau, height=0.8, width=50.0):
    return ShiftedSurge.from_height(np.asarray(tau, dtype=float), height, width)


@given(
    st.sampled_from(sorted(FAMILIES)),
    st.integers(0, 2**32 - 1),
    st.integers(1, 60),
    st.booleans(),
)
@settings(max_examples=effort(80))
def test_the_solver_is_never_worse_than_a_policy(family, seed, n, bounded):
    problem = random_problem(family, seed=seed, n=n, bounded=bounded)
    for name in ("dual", "conic") if seed % 8 == 0 else ("dual",):
        value = solve(problem, name).expected_utility
        for policy in POLICIES.values():
            answer = policy(problem)
            assert answer.spent <= problem.budget
            assert (answer.tokens >= problem.floor).all()
            assert (answer.tokens <= problem.ceiling).all()
            assert answer.expected_utility <= value + 1e-9
            assert answer.status is Status.POLICY
            assert answer.dual_bound >= value * (1 - 1e-12)


def test_uniform_gives_equal_caps_within_bounds():
    problem = AllocationProblem(surges([10, 20, 30, 40]), budget=403)
    assert uniform(problem).tokens.tolist() == [100] * 4
    bounded = AllocationProblem(
        surges([10, 20, 30, 40]), 400, floor=[0, 0, 0, 190], ceiling=[30, np.inf, np.inf, np.inf]
    )
    assert uniform(bounded).tokens.tolist() == [30, 90, 90, 190]


def test_proportional_follows_the_thresholds():
    assert proportional(AllocationProblem(surges([10, 20, 70]), 200)).tokens.tolist() == [
        20,
        40,
        140,
    ]
    assert proportional(AllocationProblem(surges([0, 0]), 100)).tokens.tolist() == [50, 50]


def test_prefix_funds_the_cheapest_thresholds_to_their_peaks():
    answer = threshold_prefix(AllocationProblem(surges([300, 10, 100, 200]), budget=300))
    assert answer.tokens.tolist() == [0, 60, 150, 90]


def test_auction_clears_within_one_increment_of_the_price():
    problem = random_problem("surge", seed=3, n=500)
    answer = auction(problem, increment=0.001)
    best = solve(problem)
    assert 0.95 * best.expected_utility <= answer.expected_utility <= best.expected_utility
    assert auction(problem, increment=0.5).expected_utility <= answer.expected_utility * (1 + 1e-9)


def test_auction_serves_everybody_when_tokens_abound():
    problem = AllocationProblem(surges([100, 200]), budget=10_000)
    assert auction(problem).tokens.tolist() == [150, 250]


@pytest.mark.parametrize("policy", POLICIES.values())
def test_policies_on_empty_and_infeasible_batches(policy):
    assert policy(AllocationProblem(surges([]), budget=10)).status is Status.EMPTY
    with pytest.raises(InfeasibleError):
        policy(AllocationProblem(surges([1]), budget=10, floor=20))


def test_self_estimates_are_scaled_to_the_budget():
    problem = AllocationProblem(surges([10, 20, 70]), 300, ceiling=[np.inf, np.inf, 100])
    assert self_estimate(problem, [1.0, 3.0, 100.0]).tokens.tolist() == [50, 150, 100]
    assert self_estimate(problem, [0.0, 0.0, 0.0]).tokens.tolist() == [100, 100, 100]
    assert self_estimate(problem, [1, 1, 1]).status is Status.POLICY


@pytest.mark.parametrize("estimate", [[1.0, 2.0], [1.0, -2.0, 1.0], [1.0, np.nan, 1.0]])
def test_self_estimates_are_checked(estimate):
    with pytest.raises(InvalidInputError, match="estimate"):
        self_estimate(AllocationProblem(surges([10, 20, 70]), 300), estimate)

"""Properties of every allocation: budgets hold, more is never worse, units do not matter."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clear_opt import AllocationProblem, Status, solve
from clear_opt.datasets import FAMILIES, random_problem
from tests.effort import effort
from tests.units import in_parts_of_tokens

problems = st.builds(
    random_problem,
    st.sampled_from(sorted(FAMILIES)),
    seed=st.integers(0, 2**32 - 1),
    n=st.integers(1, 30),
    bounded=st.booleans(),
)


@given(problems, st.sampled_from([1, 7, 64]))
@settings(max_examples=effort(150))
def test_budget_floors_ceilings_and_blocks_hold(problem, block):
    ceiling = np.maximum(problem.ceiling, np.ceil(problem.floor / block) * block)
    problem = AllocationProblem(
        problem.curves, problem.budget, problem.floor, ceiling, problem.weight, block
    )
    answer = solve(problem, throw=False)
    if answer.status is Status.INFEASIBLE:
        assert problem.floor.sum() > problem.budget
        return
    assert answer.spent <= problem.budget
    assert (answer.tokens >= problem.floor).all()
    assert (answer.tokens <= problem.ceiling).all()
    assert (answer.tokens % block == 0).all()
    assert answer.gap >= 0
    assert answer.price >= 0
    assert answer.certificate.primal_residual == 0
    total = answer.certificate.shortfall.sum() + answer.certificate.complementarity
    assert answer.gap == pytest.approx(total, rel=1e-9, abs=1e-12)


@given(problems, st.floats(1.0, 3.0))
@settings(max_examples=effort(80))
def test_more_budget_never_lowers_the_bound_nor_the_value_beyond_the_gap(problem, factor):
    richer = AllocationProblem(
        problem.curves, problem.budget * factor, problem.floor, problem.ceiling, problem.weight
    )
    poor, rich = solve(problem), solve(richer)
    assert rich.dual_bound >= poor.dual_bound * (1 - 1e-12)
    assert rich.price <= poor.price * (1 + 1e-9)
    assert rich.expected_utility >= poor.expected_utility - rich.gap - 1e-9


@given(st.integers(0, 2**32 - 1), st.integers(1, 8), st.floats(1.0, 3.0))
@settings(max_examples=effort(60))
def test_more_budget_never_lowers_the_value_of_a_small_batch(seed, n, factor):
    problem = random_problem("surge", seed=seed, n=n)
    richer = AllocationProblem(problem.curves, np.ceil(problem.budget * factor))
    poor, rich = solve(problem).expected_utility, solve(richer).expected_utility
    assert rich >= poor * (1 - 1e-9)


@given(problems, st.integers(0, 2**32 - 1))
@settings(max_examples=effort(60))
def test_permuting_queries_permutes_the_answer(problem, seed):
    order = np.random.default_rng(seed).permutation(len(problem))
    shuffled = AllocationProblem(
        problem.curves.take(order),
        problem.budget,
        problem.floor[order],
        problem.ceiling[order],
        problem.weight[order],
    )
    plain, moved = solve(problem), solve(shuffled)
    assert moved.price == pytest.approx(plain.price, rel=1e-9, abs=1e-300)
    assert moved.expected_utility == pytest.approx(plain.expected_utility, rel=1e-6, abs=1e-9)
    assert (np.abs(moved.tokens - plain.tokens[order]) <= 1).mean() >= 0.8


@given(st.integers(0, 2**32 - 1), st.integers(1, 40), st.sampled_from([1e-3, 1.0, 1e3]))
@settings(max_examples=effort(60))
def test_units_of_tokens_rescale_where_all_are_small(seed, n, factor):
    problem = in_parts_of_tokens(random_problem("surge", seed=seed, n=n))
    rescaled = in_parts_of_tokens(problem, factor)
    plain, scaled = solve(problem), solve(rescaled)
    assert scaled.price * factor == pytest.approx(plain.price, rel=1e-9, abs=1e-300)
    assert scaled.dual_bound == pytest.approx(plain.dual_bound, rel=1e-9)


@given(st.integers(0, 2**32 - 1), st.integers(1, 40), st.sampled_from([1e-3, 10.0]))
@settings(max_examples=effort(40))
def test_weights_rescale_price_and_value(seed, n, factor):
    problem = random_problem("surge", seed=seed, n=n)
    heavier = AllocationProblem(problem.curves, problem.budget, weight=factor)
    plain, scaled = solve(problem), solve(heavier)
    assert scaled.price == pytest.approx(plain.price * factor, rel=1e-9, abs=1e-300)
    assert scaled.dual_bound == pytest.approx(plain.dual_bound * factor, rel=1e-9)

"""The price of a solve beside the plain search, and how much work it takes."""

import jax
import numpy as np
import pytest

from clear_opt import AllocationProblem, ShiftedSurge, double_precision, solve
from clear_opt.datasets import FAMILIES, random_problem
from clear_opt.solvers.budget import sampled_bracket
from clear_opt.solvers.budget.dual import find_price
from clear_opt.solvers.budget.primal_recovery import recover
from clear_opt.solvers.budget.sampled_bracket import SampledBracket, clear
from clear_opt.solvers.budget.traced_price import clearing_price
from tests.units import in_parts_of_tokens

BLOCK = 64
"""Queries per block in these tests: batches of some hundred queries then count as large."""


def plain_price(problem):
    with double_precision():
        return float(clearing_price(problem.envelope, problem.budget).price)


@pytest.fixture
def small_blocks(monkeypatch):
    monkeypatch.setattr("clear_opt._numerics.chunked.BLOCK_QUERIES", BLOCK)
    monkeypatch.setattr("clear_opt.solvers.budget.sampled_bracket.BLOCK_QUERIES", BLOCK)
    monkeypatch.setattr(sampled_bracket, "_SAMPLE", 128)


def surges(n, seed, share=0.3, **bounds):
    rng = np.random.default_rng(seed)
    tau, width = 200 * np.exp(rng.normal(0, 0.7, n)), 100 * np.exp(rng.normal(0, 0.5, n))
    curves = ShiftedSurge.from_height(tau, rng.uniform(0.05, 1.0, n), width)
    return AllocationProblem(curves, np.floor(share * (tau + width).sum()), **bounds)


CASES = [(family, bounded) for family in FAMILIES for bounded in (False, True)]
CURVES = [(family, bounded) for family, bounded in CASES if family != "tabular"]


@pytest.mark.parametrize(("family", "bounded"), CASES)
def test_the_price_and_the_caps_are_those_of_the_plain_search(family, bounded):
    for seed in range(5):
        problem = in_parts_of_tokens(random_problem(family, seed=[seed, 5], n=60, bounded=bounded))
        price, plain = find_price(problem), plain_price(problem)
        scale = 1e-6 * problem.envelope.max_breakeven_price  # below it the price is next to nothing
        assert price == pytest.approx(plain, rel=1e-9, abs=1e-9 * scale)
        np.testing.assert_array_equal(recover(problem, price), recover(problem, plain))


@pytest.mark.parametrize(("family", "bounded"), CURVES)
@pytest.mark.usefixtures("small_blocks")
def test_a_large_batch_has_the_same_price(family, bounded, monkeypatch):
    for seed in range(3):
        problem = random_problem(family, seed=[seed, 6], n=300, bounded=bounded)
        plain = plain_price(problem)
        scale = 1e-6 * problem.envelope.max_breakeven_price
        assert find_price(problem) == pytest.approx(plain, rel=1e-9, abs=1e-9 * scale)
    # Caps in blocks of a few queries take long: those of the last one will do.
    answer = solve(problem)
    assert answer.spent <= problem.budget
    assert answer.certificate.bound_violation == 0
    monkeypatch.setattr("clear_opt._numerics.chunked.BLOCK_QUERIES", 1 << 16)
    careful = max(problem.utility(recover(problem, plain)).sum(), 1e-300)
    assert answer.expected_utility >= careful * (1 - 1e-3)


@pytest.mark.usefixtures("small_blocks")
def test_the_price_of_a_large_batch_is_found_in_a_window(monkeypatch):
    monkeypatch.setattr(sampled_bracket, "_SAMPLE", 2048)
    for seed in range(6):
        problem = surges(3000, seed, share=0.05 + 0.1 * seed)
        demand, price = clear(problem)
        assert isinstance(demand, SampledBracket)
        assert len(demand.item) < 500
        assert price == pytest.approx(plain_price(problem), rel=1e-12)


@pytest.mark.usefixtures("small_blocks")
def test_caps_of_a_large_batch_are_worth_what_careful_ones_are(monkeypatch):
    for seed in range(6):
        problem = surges(700, seed, share=0.1 + 0.1 * seed)
        large = solve(problem)
        monkeypatch.setattr("clear_opt._numerics.chunked.BLOCK_QUERIES", 1 << 16)
        small = solve(surges(700, seed, share=0.1 + 0.1 * seed))
        monkeypatch.setattr("clear_opt._numerics.chunked.BLOCK_QUERIES", BLOCK)
        assert large.price == pytest.approx(small.price, rel=1e-12)
        assert large.dual_bound == pytest.approx(small.dual_bound, rel=1e-12)
        assert large.expected_utility == pytest.approx(small.expected_utility, rel=1e-4)
        np.testing.assert_allclose(large.surplus, small.surplus, rtol=1e-9, atol=1e-12)
        assert (large.reason_codes != small.reason_codes).sum() <= 4  # those at the margin


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize(
    "bounds", [{"block": 7}, {"floor": 40}, {"floor": 20, "ceiling": 250, "block": 10}], ids=str
)
def test_a_large_batch_keeps_its_bounds(bounds):
    problem = surges(500, 3, share=0.4, **bounds)
    answer = solve(problem)
    assert answer.spent <= problem.budget
    assert (answer.tokens % problem.block == 0).all()
    assert (answer.tokens >= problem.floor).all()
    assert (answer.tokens <= problem.ceiling).all()
    assert answer.relative_gap <= 1e-2


@pytest.mark.usefixtures("small_blocks")
def test_a_large_batch_of_equal_queries_or_with_tokens_to_spare_is_solved():
    equal = ShiftedSurge.from_height(np.full(300, 100.0), 0.9, 50.0)
    answer = solve(AllocationProblem(equal, budget=15_000))
    assert answer.spent <= 15_000
    assert answer.n_funded == pytest.approx(15_000 / equal.tangent(0.0)[0], abs=1)
    problem = surges(300, 0, share=1.5)
    answer = solve(problem)
    assert answer.price == 0.0
    np.testing.assert_allclose(answer.tokens, problem.curves.peak, atol=1.0)


def test_a_million_queries_take_few_looks_at_the_whole_batch(monkeypatch):
    looks, plain = [], sampled_bracket.sum_chunked
    monkeypatch.setattr(
        sampled_bracket, "sum_chunked", lambda *given: looks.append(1) or plain(*given)
    )
    problem = surges(1_000_000, 0)
    answer = solve(problem)
    assert len(looks) <= 7
    assert answer.spent <= problem.budget
    assert answer.relative_gap <= 2e-5


def test_batches_of_every_size_compile_nothing():
    compiled = []

    def listen(event, seconds, **_):
        if event == "/jax/core/compile/backend_compile_duration":
            compiled.append(seconds)

    jax.monitoring.register_event_duration_secs_listener(listen)
    try:
        jax.jit(lambda x: x + len(compiled))(1.0)
        assert len(compiled) == 1  # the listener hears
        for n in np.random.default_rng(0).integers(1, 2001, 60).tolist():
            solve(surges(n, n))
        assert len(compiled) == 1
    finally:
        jax.monitoring.unregister_event_duration_listener(listen)

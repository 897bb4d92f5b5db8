"""Under JAX's transformations and settings, and after a fork: the NumPy answer, or a way out."""

import os
import subprocess
import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from clear_opt import (
    AllocationProblem,
    ClearOptError,
    InvalidInputError,
    Limit,
    LogNormalLengths,
    Offer,
    Program,
    ShiftedSurge,
    TabularCurve,
    TabularLengths,
    UncertainCurves,
    budget_path,
    double_precision,
    optimal_value,
    solve,
)

ROOT = Path(__file__).resolve().parents[1]
ONE = jnp.float32(1.0)


def surges(scale=1.0):
    return ShiftedSurge.from_height(scale * np.array([80.0, 95.0, 150.0]), 0.8, [60.0, 70.0, 90.0])


def in_blocks():
    """Solve a batch that goes through JAX in several blocks, and ask for the optimum's value."""
    rng = np.random.default_rng(0)
    n = 100
    curves = ShiftedSurge.from_height(rng.uniform(50, 300, n), rng.uniform(0.1, 1, n), 60.0)
    allocation = solve(AllocationProblem(curves, 40.0 * n))
    return allocation.price, allocation.spent, optimal_value(surges(), 300.0)


@pytest.fixture
def small_blocks(monkeypatch):
    monkeypatch.setattr("clear_opt._numerics.chunked.BLOCK_QUERIES", 64)


SETTINGS = {
    "strict promotion": lambda: jax.numpy_dtype_promotion("strict"),
    "rank promotion": lambda: jax.numpy_rank_promotion("raise"),
    "no transfers": lambda: jax.transfer_guard("disallow_explicit"),
    "no jit": jax.disable_jit,
    "NaN": lambda: jax.debug_nans(True),
    "infinities": lambda: jax.debug_infs(True),
    "leaks": jax.checking_leaks,
    "64 bits": lambda: jax.enable_x64(True),
}


@pytest.mark.parametrize("setting", SETTINGS)
def test_the_users_jax_settings_change_no_answer(setting, small_blocks):
    expected = in_blocks()
    with SETTINGS[setting]():
        assert in_blocks() == expected


def test_the_users_settings_for_the_whole_process_change_no_answer(small_blocks):
    expected, was = in_blocks(), jax.config.jax_numpy_dtype_promotion
    jax.config.update("jax_numpy_dtype_promotion", "strict")
    try:
        assert in_blocks() == expected
    finally:
        jax.config.update("jax_numpy_dtype_promotion", was)


@pytest.mark.parametrize("transform", [jax.jit, jax.grad], ids=["jit", "grad"])
def test_known_numbers_are_solved_at_once_inside_a_transformation(transform, small_blocks):
    expected, found = in_blocks(), []

    def inside(scale):
        found.append(in_blocks())
        return scale

    transform(inside)(ONE)
    assert found == [expected]


TRACED = {
    "curves": lambda scale: AllocationProblem(surges(scale), 300),
    "budget": lambda scale: AllocationProblem(surges(), 300 * scale),
    "floor": lambda scale: AllocationProblem(surges(), 300, floor=scale),
    "weight": lambda scale: AllocationProblem(surges(), 300, weight=[scale, 1.0, 1.0]),
    "curves of 'm'": lambda scale: Offer("m", surges(scale)),
    "lengths of 'm'": lambda scale: Offer("m", surges(), lengths=LogNormalLengths([scale] * 3, 1)),
    "limit": lambda scale: Program(Offer("m", surges()), Limit(300 * scale)),
    "budgets": lambda scale: budget_path(AllocationProblem(surges(), 300), [300 * scale]),
    "weights": lambda scale: UncertainCurves(surges(), 3, [scale, 1.0, 1.0]),
}


@pytest.mark.parametrize("column", TRACED)
def test_what_jax_traces_cannot_be_posed_and_the_way_out_is_told(column):
    for transform in (jax.jit, jax.grad, lambda f: lambda x: jax.vmap(f)(x[None])):
        with pytest.raises(InvalidInputError) as caught:
            transform(lambda scale: TRACED[column](scale) and scale)(ONE)
        assert str(caught.value).startswith(f"{column}: is traced by JAX")
        assert "optimal_value" in str(caught.value)


def test_double_precision_is_refused_inside_a_compiled_function_and_harms_no_later_call():
    curves = surges()

    def inside(budget):
        with double_precision():
            return optimal_value(curves, budget)

    for transform in (jax.jit, jax.checkpoint, lambda f: lambda b: jax.eval_shape(f, b)):
        with pytest.raises(ClearOptError, match="call the compiled function inside 'with double"):
            transform(inside)(jnp.float32(300.0))
    expected = optimal_value(curves, 300.0)
    assert optimal_value(curves, jnp.float32(300.0)) == pytest.approx(expected, rel=1e-6)
    with double_precision():  # within 64 bits there is nothing to mix
        assert jax.jit(inside)(300.0) == pytest.approx(expected, rel=1e-14)


GRIDS = {"above zero": [100.0, 200.0], "from zero": [0.0, 100.0, 200.0]}


def tabulated(scale, grid, traced=""):
    values = np.array([[0.0, 0.5, 0.6][-len(grid) :]] * 2)
    grid = np.array(grid)
    return TabularCurve(
        grid if traced == "values" else scale * grid, values if traced == "grid" else scale * values
    )


@pytest.mark.parametrize("grid", GRIDS)
@pytest.mark.parametrize("traced", ["grid", "values", "both"])
def test_tabulated_curves_begin_at_zero_tokens_inside_a_transformation_too(grid, traced):
    def features(curves):
        at = 0.0 * curves.threshold + 50.0
        return curves.value(at), curves.tangent(0.0 * at), curves.response(2e-3), curves.peak

    def inside(scale):
        return features(tabulated(scale, GRIDS[grid], traced))

    expected = features(tabulated(1.0, GRIDS[grid]))
    assert expected[0][0] == 0.25  # half-way to the first corner
    for found in (jax.jit(inside)(ONE), [part[0] for part in jax.vmap(inside)(ONE[None])]):
        np.testing.assert_allclose(found, expected, rtol=1e-6)


@pytest.mark.parametrize("grid", GRIDS)
def test_the_optimum_of_tabulated_curves_is_the_same_inside_a_transformation(grid):
    def worth(scale):
        return optimal_value(tabulated(scale, GRIDS[grid]), 120.0)

    with double_precision():
        value, slope = jax.jit(jax.value_and_grad(worth))(1.0)
    step = 1e-6
    assert worth(1.0) == pytest.approx(0.6)  # 0.5 at one corner, and 20 tokens on the other's way
    assert value == pytest.approx(0.6)
    assert slope == pytest.approx((worth(1 + step) - worth(1 - step)) / (2 * step), rel=1e-6)


@pytest.mark.parametrize("grid", GRIDS)
def test_tabulated_lengths_begin_at_zero_tokens_inside_a_transformation_too(grid):
    grid = GRIDS[grid]
    survival = [1.0, 0.5, 0.0][-len(grid) :]

    def moments(scale):
        lengths = TabularLengths(scale * jnp.array(grid), survival)
        return jnp.stack([lengths.expected_spend(150.0)[0], lengths.spend_variance(150.0)[0]])

    lengths = TabularLengths(grid, survival)
    expected = [lengths.expected_spend(150.0)[0], lengths.spend_variance(150.0)[0]]
    with double_precision():
        np.testing.assert_allclose(jax.jit(moments)(1.0), expected, rtol=1e-12)
        slope = (moments(jnp.float64(1 + 1e-6)) - moments(jnp.float64(1 - 1e-6))) / 2e-6
        np.testing.assert_allclose(jax.jit(jax.jacfwd(moments))(1.0), slope, rtol=1e-6)


@pytest.mark.parametrize(
    ("build", "words"),
    [
        (lambda x: ShiftedSurge.from_height([-80.0, 90.0], x, 50.0), "row 0, tau = -80.0"),
        (lambda x: ShiftedSurge.from_height(x, [0.5, 2.0], 50.0), "row 1, height = 2.0"),
        (lambda x: ShiftedSurge(x, 0.9, 0.01), "row 0, alpha = 0.8?9"),
        (lambda x: ShiftedSurge(x * jnp.ones(2), [0.1] * 3, 0.5), "different lengths"),
        (lambda x: ShiftedSurge(x * jnp.ones((2, 2)), 0.1, 0.5), r"tau: has shape \(2, 2\)"),
        (lambda x: ShiftedSurge(1j * x, 0.1, 0.5), "tau: holds complex"),
        (lambda x: TabularCurve([200.0, 100.0], x * jnp.ones((1, 2))), "row 0, grid = 100.0"),
        (lambda x: TabularCurve(x * jnp.ones(2), [[0.5, 1.5]]), "row 0, values = 1.5"),
        (lambda x: TabularLengths(x * jnp.ones(2), [0.5, 0.6]), "row 0, survival = 0.6"),
    ],
)
def test_what_is_known_is_checked_inside_a_transformation_too(build, words):
    with pytest.raises(InvalidInputError, match=words):
        jax.jit(lambda x: build(x) and x)(ONE)


FORKED = """
import multiprocessing, warnings
warnings.simplefilter("ignore")  # JAX warns of the fork itself
import numpy as np
import clear_opt._numerics.chunked
from clear_opt import *
clear_opt._numerics.chunked.BLOCK_QUERIES = 512
curves = ShiftedSurge.from_height(np.linspace(50, 900, 2000), 0.8, 60.0)
problem = AllocationProblem(curves, 200_000)

def answers(large):
    if large:
        return solve(AllocationProblem(curves, 200_000)).price
    said = []
    for ask in (lambda: optimal_value(curves, 200_000.0), double_precision().__enter__):
        try:
            ask()
        except ClearOptError as error:
            said.append("get_context('spawn')" in str(error))
    return said

expected = solve(problem).price
with multiprocessing.get_context("fork").Pool(1) as pool:
    price, said = pool.map_async(answers, [True, False]).get(timeout=60)
    print(abs(price / expected - 1) < 1e-12, said)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_process_solves_large_batches_and_refuses_what_needs_jax():
    done = subprocess.run(
        [sys.executable, "-c", FORKED], capture_output=True, text=True, cwd=ROOT, check=False
    )
    assert (done.stdout, done.returncode) == ("True [True, True]\n", 0), done.stderr

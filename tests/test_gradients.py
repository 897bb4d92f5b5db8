"""Gradients of the optimum against finite differences of solves, in every regime of the price."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clear_opt import (
    AllocationProblem,
    Hill,
    Logistic,
    Quadratic,
    ShiftedSurge,
    TabularCurve,
    Triangular,
    concave_envelope,
    double_precision,
    optimal_price,
    optimal_value,
    solve,
)
from clear_opt.solvers.budget.dual import find_price

N = 5
TOKEN = 1e12  # whole tokens of so large a problem are as fine as real numbers
STEP = 1e-5

MAKERS = {
    "surge": lambda place, width, height: ShiftedSurge.from_height(place, height, width),
    "quadratic": lambda place, width, height: Quadratic.from_height(place, height, width),
    "triangular": lambda place, width, height: Triangular.from_height(place, height, width),
    "hill": lambda place, width, height: Hill(place, 1.5 + place / width, height),
    "logistic": lambda place, width, height: Logistic(place, 0.3 * width, height),
    "tabular": lambda place, width, height: TabularCurve(
        place[:, None] + width[:, None] * np.linspace(0.0, 1.0, 4),
        height[:, None] * np.array([0.02, 0.4, 0.9, 1.0]),
    ),
}
SMOOTH = ("surge", "quadratic", "hill", "logistic")


def made(family, seed=0):
    rng = np.random.default_rng(seed)
    place, width = TOKEN * rng.uniform(1.0, 6.0, N), TOKEN * rng.uniform(1.0, 6.0, N)
    return MAKERS[family](place, width, rng.uniform(0.2, 0.95, N))


def bounds(curves, seed=0):
    """Floors, some past the threshold, and ceilings, some below the tangent point."""
    rng = np.random.default_rng(seed + 100)
    tangent = concave_envelope(curves).tangent
    floor = np.round(rng.uniform(0.05, 1.1, N) * tangent)
    ceiling = np.round(floor + rng.uniform(0.2, 1.5, N) * tangent)
    return floor, ceiling, rng.uniform(0.5, 2.0, N)


def budget_for(regime, curves, *limits):
    """Give a budget at which the price is in the middle of a jump, or between two of them."""
    envelope = concave_envelope(curves, *limits)
    prices = np.unique(envelope.breakpoints[envelope.breakpoints > 0])
    if regime == "spare":
        return np.round(1.3 * envelope.end.sum())

    def demand(price, inclusive):
        return envelope.response(price, inclusive=inclusive).sum()

    if regime == "smooth":
        gaps = np.diff(np.log(prices))
        k = int(np.argmax(gaps))
        return np.round(demand(np.sqrt(prices[k] * prices[k + 1]), True))
    sizes = [demand(price, True) - demand(price, False) for price in prices]
    # The largest jump but that of the dearest and cheapest query, so that others are on each side.
    price = prices[1 + int(np.argmax(sizes[1:-1]))]
    return np.round(0.4 * demand(price, True) + 0.6 * demand(price, False))


def both(*arguments):
    return jnp.stack([optimal_value(*arguments), optimal_price(*arguments)])


slopes_of = jax.jit(jax.jacrev(both, argnums=(0, 1, 2, 3, 4)))


def solved(*arguments):
    """Give bound and price as `solve` does, without the caps, which would take most of the time."""
    problem = AllocationProblem(*arguments)
    price = find_price(problem)
    return np.array([problem.certify(problem.floor, price).dual_bound, price])


def nudged(arguments, leaf, place, factor):
    leaves, tree = jax.tree_util.tree_flatten(arguments)
    changed = np.array(leaves[leaf], dtype=np.float64)
    changed.flat[place] *= factor
    leaves[leaf] = changed if changed.ndim else float(changed)
    return jax.tree_util.tree_unflatten(tree, leaves)


def assert_slopes(arguments, digits=1e-6):
    """Compare all derivatives with central differences of `solve`, in relative terms."""
    with double_precision():
        found = jax.tree_util.tree_leaves(slopes_of(*arguments))
    value = solved(*arguments)
    for leaf, (inputs, slopes) in enumerate(
        zip(jax.tree_util.tree_leaves(arguments), found, strict=True)
    ):
        inputs, slopes = np.asarray(inputs, dtype=np.float64), np.asarray(slopes)
        assert np.isfinite(slopes).all()
        for place in range(inputs.size):
            size = inputs.flat[place]
            if size == 0 or np.isinf(size):
                continue
            up, down = (solved(*nudged(arguments, leaf, place, 1 + s)) for s in (STEP, -STEP))
            numeric = (up - down) / (2 * STEP)
            ours = slopes.reshape(2, -1)[:, place] * size
            error = np.abs(ours - numeric)
            assert (error <= digits * (value + np.abs(numeric))).all(), (leaf, place, ours, numeric)
    return [np.asarray(slopes) for slopes in found]


UNBOUNDED = np.zeros(N), np.full(N, np.inf), np.ones(N)
CASES = [
    (family, regime, bounded)
    for family in MAKERS
    for regime in ("smooth", "jump", "spare")
    for bounded in (False, True)
    if (regime != "smooth" or family in SMOOTH) and (regime != "spare" or bounded)
]


@pytest.mark.parametrize(("family", "regime", "bounded"), CASES)
def test_all_derivatives_agree_with_finite_differences_of_solves(family, regime, bounded):
    curves = made(family)
    limits = bounds(curves) if bounded else UNBOUNDED
    arguments = (curves, budget_for(regime, curves, *limits), *limits)
    *_, of_budget, _, _, _ = assert_slopes(arguments)
    allocation = solve(AllocationProblem(*arguments))
    price = allocation.price
    np.testing.assert_allclose(solved(*arguments), [allocation.certificate.dual_bound, price])
    assert of_budget[0] == pytest.approx(price, rel=1e-9)
    if regime == "smooth":
        assert of_budget[1] < -1e-3 * price / arguments[1]
    else:  # a price in a jump, or of zero, does not move with the budget
        assert of_budget[1] == 0
    assert (price > 0) == (regime != "spare")


WAY = np.random.default_rng(7).uniform(-1.0, 1.0, 4 + N)


def along(step, budget):
    """Give what is to be solved, some way along a line through all inputs at once."""
    curves, shift = made("surge"), 1.0 + step * WAY
    parts = (curves.tau * shift[0], curves.alpha * shift[1], curves.beta * shift[2])
    return ShiftedSurge(*parts), budget * shift[3], *UNBOUNDED[:2], shift[4:]


curvature_of = jax.jit(jax.jacfwd(jax.jacfwd(lambda step, budget: both(*along(step, budget)))))


@pytest.mark.parametrize("regime", ["smooth", "jump"])
def test_second_derivatives_agree_with_second_differences_of_solves(regime):
    budget = budget_for(regime, made("surge"))
    with double_precision():
        exact = np.asarray(curvature_of(0.0, budget))
    step = 5e-4
    down, here, up = (solved(*along(size, budget)) for size in (-step, 0.0, step))
    assert (np.abs(exact - (up - 2 * here + down) / step**2) < 1e-5 * here).all()
    assert (np.abs(exact) > 0.01 * here).all()


@given(seed=st.integers(0, 10**6), share=st.floats(0.01, 1.2), weight=st.floats(0.1, 10.0))
def test_the_derivative_in_the_budget_is_the_price(seed, share, weight):
    curves = made("surge", seed)
    arguments = (curves, np.ceil(share * curves.peak.sum()), *UNBOUNDED[:2], np.full(N, weight))
    value, price = solved(*arguments)
    with double_precision():
        found = jax.tree_util.tree_map(np.asarray, slopes_of(*arguments))
    of_curves, of_budget, of_floor, _, of_weight = found
    assert of_budget[0] == pytest.approx(price, rel=1e-9)
    # The value is linear in all weights together, and does not depend on the unit of tokens.
    assert of_weight[0].sum() * weight == pytest.approx(value)
    unit = (
        of_curves.tau * curves.tau - of_curves.alpha * curves.alpha - of_curves.beta * curves.beta
    )
    assert unit[0].sum() + price * arguments[1] == pytest.approx(0.0, abs=1e-9 * value)
    assert unit[1].sum() + of_budget[1] * arguments[1] == pytest.approx(-price, abs=1e-9 * price)
    # Nobody who is left out has a say.
    out = concave_envelope(curves, weight=weight).abandonment_price < price * (1 - 1e-9)
    assert (of_curves.tau[0][out] == 0).all()
    assert of_floor[0][out] == pytest.approx(-price)


def test_queries_alike_share_a_jump_evenly():
    one = ShiftedSurge.from_height(TOKEN, 0.8, TOKEN)
    curves = ShiftedSurge.from_height(np.full(N, TOKEN), 0.8, TOKEN)
    tangent = concave_envelope(one).tangent[0]
    arguments = (curves, 2.5 * tangent, *UNBOUNDED)
    with double_precision():
        of_curves, _, _, _, of_weight = slopes_of(*arguments)
    of_weight, of_tau = np.asarray(of_weight), np.asarray(of_curves.tau)
    np.testing.assert_allclose(of_weight[0], 0.5 * one.value(tangent)[0])
    np.testing.assert_allclose(of_tau, np.broadcast_to(of_tau[:, :1], of_tau.shape))
    # What moves all of them alike has a true derivative.
    moved = [
        solved(ShiftedSurge.from_height(np.full(N, TOKEN * k), 0.8, TOKEN), *arguments[1:])
        for k in (1 + STEP, 1 - STEP)
    ]
    numeric = (moved[0] - moved[1]) / (2 * STEP * TOKEN)
    np.testing.assert_allclose(of_tau.sum(axis=1), numeric, rtol=1e-6)


def test_hopeless_and_dear_queries_have_finite_gradients():
    """At a price above every slope of a curve its response has an infinite derivative."""
    scale = [30.0, 1e5, 50.0, 9.0, 5.0]
    curves = Logistic([100.0, 300.0, 200.0, 0.0, 100.0], scale, [0.9, 1e-3, 0.8, 0.5, 0.7])
    floor, ceiling = np.array([0.0, 0.0, 7.0, 0.0, 0.0]), np.array([np.inf, 1e9, 7.0, np.inf, 0.0])
    with double_precision():
        found = slopes_of(curves, np.float64(150.0), floor, ceiling, np.ones(N))
    for slopes in jax.tree_util.tree_leaves(found):
        assert np.isfinite(np.asarray(slopes)).all()
    # The curve of a query that gets nothing starts at zero whatever its parameters.
    assert np.abs(np.asarray(found[0].midpoint)[:, 1]).max() < 1e-20


def test_a_batch_of_budgets_is_the_same_as_one_by_one():
    curves = made("surge")
    budgets = np.ceil(np.linspace(0.2, 1.4, 4) * curves.peak.sum())
    with double_precision():
        slope = jax.jit(jax.vmap(jax.value_and_grad(lambda budget: optimal_value(curves, budget))))
        found = np.stack(slope(budgets), axis=1)
    expected = np.array([solved(curves, budget, *UNBOUNDED) for budget in budgets])
    np.testing.assert_allclose(found, expected, rtol=1e-9)
    assert found[-1, 1] == 0


def test_numpy_is_computed_in_64_bits_and_transformations_as_jax_is_set():
    curves = ShiftedSurge.from_height([80, 90, 900, 100, 500], [0.9, 0.7, 0.2, 0.5, 0.8], 60.0)
    # Copies: JAX 0.10 remembers the width of arrays that it has seen as constants in 64 bits.
    arguments = (curves, np.float64(470.0), *(limit.copy() for limit in UNBOUNDED))
    allocation = solve(AllocationProblem(*arguments))
    value, price = optimal_value(*arguments), optimal_price(*arguments)
    assert (type(value), type(price)) == (np.float64, np.float64)
    assert value == pytest.approx(allocation.certificate.dual_bound, rel=1e-14)
    assert price == pytest.approx(allocation.price, rel=1e-14)
    assert not jax.config.jax_enable_x64
    with double_precision():
        exact = jax.tree_util.tree_map(np.asarray, slopes_of(*arguments))
    rough = slopes_of(*jax.tree_util.tree_map(jnp.asarray, arguments))
    assert rough[1].dtype == np.float32
    for ours, theirs in zip(*map(jax.tree_util.tree_leaves, (rough, exact)), strict=True):
        np.testing.assert_allclose(
            np.asarray(ours), theirs, rtol=1e-3, atol=1e-4 * np.abs(theirs).max()
        )


def test_edges_have_values_too():
    curves = made("surge")
    assert optimal_value(curves.take(slice(0, 0)), 10) == 0
    assert optimal_price(curves.take(slice(0, 0)), 10) == 0
    floor, ceiling, weight = np.full(N, 50.0), np.full(N, 50.0), np.ones(N)
    assert optimal_value(curves, 50 * N - 1, floor, ceiling, weight) == -np.inf
    assert optimal_price(curves, 50 * N - 1, floor, ceiling, weight) == np.inf
    assert optimal_value(curves, 50 * N, list(floor), ceiling, weight) == 0
    assert optimal_value(TabularCurve([100], [[0.5]]), 50) == 0.25

"""Gradients of the optimum against finite differences of solves, in every regime of the price."""

from functools import cache

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
from clear_opt.solvers.dual import find_price

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
    price, _ = find_price(problem)
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



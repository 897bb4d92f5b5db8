"""Concave envelopes against brute-force upper hulls, finite differences and the definitions."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from clear_opt import (
    Hill,
    Logistic,
    Quadratic,
    ShiftedSurge,
    TabularCurve,
    Triangular,
    concave_envelope,
    double_precision,
)
from clear_opt.datasets import FAMILIES

N = 25


def hull_by_brute_force(caps, values):
    """Smallest concave nondecreasing majorant of points, by the best chord over each cap."""
    best = np.maximum.accumulate(values)
    for i in range(len(caps)):
        for j in range(i + 2, len(caps)):
            inner = slice(i + 1, j)
            weight = (caps[inner] - caps[i]) / (caps[j] - caps[i])
            best[inner] = np.maximum(best[inner], (1 - weight) * best[i] + weight * best[j])
    return best


def bounds_of(curves, seed):
    """Floors (some past the threshold) and ceilings (some below it), shape (N,)."""
    rng = np.random.default_rng(seed)
    scale = np.minimum(curves.peak, 20 * curves.threshold + 10)
    floor = np.where(rng.random(N) < 0.6, rng.uniform(0, 1.2, N) * scale, 0.0)
    return floor, floor + rng.uniform(0.05, 2.0, N) * scale


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("bounded", [False, True])
def test_envelope_is_the_upper_hull(family, bounded):
    curves = FAMILIES[family](np.random.default_rng(5), N)
    reach = np.minimum(curves.peak, 20 * curves.threshold + 10)
    floor, ceiling = bounds_of(curves, 6) if bounded else (np.zeros(N), 1.2 * reach)
    envelope = concave_envelope(curves, floor, ceiling, weight=2.0)
    caps = np.linspace(floor, ceiling, 81)
    exact = np.stack([envelope.value(row) for row in caps])
    values = 2.0 * np.stack([curves.value(row) for row in caps])
    assert (exact >= values - 1e-12).all()
    for query in range(N):
        hull = hull_by_brute_force(caps[:, query], values[:, query])
        # A grid hull lies below the exact envelope by at most what a grid cell can hide.
        cell = np.diff(exact[:, query]).max()
        assert (hull <= exact[:, query] + 1e-12).all()
        assert (exact[:, query] <= hull + cell + 1e-12).all()
    slopes = np.diff(exact, axis=0)
    assert (np.diff(slopes, axis=0) <= 1e-12 + 1e-9 * np.abs(slopes).max(axis=0)).all()
    assert (slopes >= -1e-12).all()


@pytest.mark.parametrize("family", FAMILIES)
def test_envelope_touches_the_curve_at_its_ends_and_at_the_tangent(family):
    curves = FAMILIES[family](np.random.default_rng(7), N)
    floor, ceiling = bounds_of(curves, 8)
    envelope = concave_envelope(curves, floor, ceiling)
    for caps in (envelope.start, envelope.tangent, envelope.end):
        np.testing.assert_allclose(envelope.value(caps), curves.value(caps), atol=1e-12)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("bounded", [False, True])
def test_abandonment_price_parts_funded_from_abandoned(family, bounded):
    curves = FAMILIES[family](np.random.default_rng(9), N)
    floor, ceiling = bounds_of(curves, 10) if bounded else (np.zeros(N), None)
    envelope = concave_envelope(curves, floor, ceiling)
    ceded = envelope.abandonment_price
    pays = ceded > 0
    above, at = envelope.response(ceded * (1 + 1e-9)), envelope.response(ceded)
    np.testing.assert_array_equal(above[pays], envelope.start[pays])
    # Where a curve is hardly bent the last digits of a price move its cap, but not what it gains.
    beyond = curves.marginal(envelope.tangent * (1 + 1e-6))
    inside = (envelope.start < envelope.tangent) & (envelope.tangent < envelope.end)
    flat = pays & inside & (beyond >= ceded * (1 - 1e-12))
    assert flat.sum() <= 1
    bent = pays & ~flat
    np.testing.assert_allclose(at[bent], envelope.tangent[bent], rtol=1e-6)
    missed = ceded * (at - envelope.start) - curves.value(at) + curves.value(envelope.start)
    np.testing.assert_allclose(missed[flat], 0.0, atol=1e-12)
    np.testing.assert_array_equal(
        envelope.response(ceded, inclusive=False)[pays], envelope.start[pays]
    )
    # Surplus of the best cap changes sign at the abandonment price.
    gain = curves.value(envelope.tangent) - curves.value(envelope.start)
    run = envelope.tangent - envelope.start
    chord = run > 1e-9
    np.testing.assert_allclose(gain[chord], (ceded * run)[chord], rtol=1e-9, atol=1e-15)


def test_known_envelope_of_the_surge():
    # tau = 1/beta: x^2 + tau x - tau^2 = 0 has the golden ratio's root.
    golden = (np.sqrt(5.0) - 1) / 2
    envelope = concave_envelope(ShiftedSurge.from_height(100.0, 1.0, 100.0))
    assert envelope.tangent == pytest.approx(100 * (1 + golden))
    value = golden * np.exp(1 - golden)
    assert envelope.abandonment_price == pytest.approx(value / (100 * (1 + golden)))


def test_queries_that_no_token_can_help_have_abandonment_price_zero():
    curves = ShiftedSurge.from_height([100.0, 100.0, 100.0], 0.5, 50.0)
    envelope = concave_envelope(curves, floor=[0, 200, 40], ceiling=[80, 300, 40])
    np.testing.assert_array_equal(envelope.abandonment_price, 0.0)
    np.testing.assert_array_equal(envelope.response(0.0), [0, 200, 40])


def test_tabular_hull_skips_points_below_and_stops_at_the_highest():
    curves = TabularCurve([100, 200, 300, 400], [[0.1, 0.8, 0.7, 0.9], [0.3, 0.3, 0.2, 0.1]])
    envelope = concave_envelope(curves)
    np.testing.assert_allclose(envelope.hull.tokens[0], [0, 200, 400])
    np.testing.assert_allclose(envelope.hull.slopes[0], [0.004, 0.0005])
    assert envelope.end[1] == 100


SMOOTH_PARAMETERS = {
    ShiftedSurge: {"tau": 120.0, "alpha": 0.012, "beta": 0.01},
    Quadratic: {"tau": 120.0, "alpha": 0.012, "beta": 0.01},
    Triangular: {"tau": 120.0, "alpha": 0.006, "beta": 0.01},
    Hill: {"half": 150.0, "shape": 3.0, "height": 0.7},
    Logistic: {"midpoint": 150.0, "scale": 30.0, "height": 0.7},
}


@pytest.mark.parametrize("family", SMOOTH_PARAMETERS)
@pytest.mark.parametrize("quantity", ["abandonment_price", "tangent", "value", "response"])
@pytest.mark.parametrize("floor", [0.0, 30.0])
def test_gradients_agree_with_finite_differences(family, quantity, floor):
    names, point = zip(*SMOOTH_PARAMETERS[family].items(), strict=True)

    def quantity_of(parameters):
        curves = family(**dict(zip(names, parameters[:, None], strict=True)))
        envelope = concave_envelope(curves, floor)
        if quantity == "value":
            return envelope.value(100.0)[0] + envelope.value(190.0)[0]
        if quantity == "response":
            return envelope.response(0.0012)[0]
        return getattr(envelope, quantity)[0]

    with double_precision():
        gradient = np.asarray(jax.grad(quantity_of)(jnp.asarray(point)))
    for i, size in enumerate(point):
        nudge = np.zeros(len(point))
        nudge[i] = 1e-5 * size
        upper, lower = quantity_of(np.array(point) + nudge), quantity_of(np.array(point) - nudge)
        numeric = (upper - lower) / (2 * nudge[i])
        assert gradient[i] == pytest.approx(numeric, rel=1e-5, abs=1e-9 / size)


def test_gradient_of_a_tabular_hull():
    def price(values):
        return concave_envelope(TabularCurve(jnp.array([100.0, 200.0]), values)).abandonment_price[
            0
        ]

    with double_precision():
        gradient = jax.grad(price)(jnp.array([[0.1, 0.6]]))
    np.testing.assert_allclose(gradient, [[0.0, 1 / 200]])


@pytest.mark.parametrize("family", FAMILIES)
def test_envelopes_run_under_jit_and_vmap(family):
    curves = FAMILIES[family](np.random.default_rng(11), N)
    plain = concave_envelope(curves).abandonment_price

    with double_precision():
        compiled = jax.jit(lambda c: concave_envelope(c).abandonment_price)(curves)
        budgets = jax.vmap(lambda p: concave_envelope(curves).response(p))(jnp.array([1e-6, 1e-3]))
    np.testing.assert_allclose(compiled, plain, rtol=1e-9)
    assert budgets.shape == (2, N)

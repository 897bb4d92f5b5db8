"""Curve families against closed forms, brute force, finite differences and the other backend."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.special import lambertw

from clear_opt import (
    Hill,
    InvalidInputError,
    Logistic,
    Quadratic,
    ShiftedSurge,
    TabularCurve,
    Triangular,
    double_precision,
)
from clear_opt._numerics.lambertw import lambertw0
from clear_opt.datasets import FAMILIES

N = 60
THRESHOLD_FAMILIES = (ShiftedSurge, Quadratic, Triangular)
SMOOTH = ("surge", "quadratic", "hill", "logistic")


def curves_of(family, seed=0, n=N):
    return FAMILIES[family](np.random.default_rng(seed), n)


def inner_caps(curves, seed=1):
    """Caps on the concave part, away from kinks, shape (N,)."""
    share = np.random.default_rng(seed).uniform(0.05, 0.95, len(curves))
    reach = np.minimum(curves.peak, 20 * curves.threshold + 10)
    return curves.threshold + share * (reach - curves.threshold)


def test_lambertw_matches_scipy_over_the_whole_range():
    even = np.linspace(0.0, math.e, 20_001)
    x = np.concatenate([even, np.logspace(-300, math.log10(math.e), 3000)])
    np.testing.assert_allclose(lambertw0(x), lambertw(x).real, rtol=1e-15, atol=0)
    with double_precision():
        compiled = np.asarray(jax.jit(lambertw0)(jnp.asarray(x)))
    np.testing.assert_allclose(compiled, lambertw(x).real, rtol=1e-15, atol=0)
    assert lambertw0(x).max() == 1.0 == compiled.max()


def test_lambertw_has_the_analytic_derivative_at_zero_and_beyond():
    with double_precision():
        slopes = jax.vmap(jax.grad(lambertw0))(jnp.array([0.0, 0.5, math.e]))
    w = lambertw(np.array([0.0, 0.5, math.e])).real
    np.testing.assert_allclose(slopes, np.exp(-w) / (1 + w), rtol=1e-14)


def test_surge_is_the_papers_formula():
    curves = ShiftedSurge(tau=[200.0, 0.0], alpha=[0.005, 0.01], beta=[0.005, 0.02])
    for cap in (0.0, 150.0, 200.0, 230.0, 260.0):
        x = np.maximum(cap - curves.tau, 0.0)
        paper = curves.alpha * x * np.exp(-curves.beta * x)
        before_peak = cap <= curves.peak
        np.testing.assert_allclose(curves.value(cap)[before_peak], paper[before_peak], rtol=1e-14)


@pytest.mark.parametrize("family", THRESHOLD_FAMILIES)
def test_plateau_and_decay_differ_only_beyond_the_peak(family):
    plateau = family.from_height(50.0, 0.6, 40.0)
    decay = family.from_height(50.0, 0.6, 40.0, beyond_peak="decay")
    for cap in (10.0, 60.0, 90.0):
        assert plateau.value(cap) == pytest.approx(decay.value(cap), abs=1e-15)
    assert plateau.value(150.0) == pytest.approx(0.6)
    assert decay.value(120.0) < 0.6
    assert decay.marginal(120.0) < 0 == plateau.marginal(120.0)


@pytest.mark.parametrize("family", THRESHOLD_FAMILIES)
def test_height_and_width_say_where_the_peak_is(family):
    curves = family.from_height(tau=[10.0, 0.0], height=[1.0, 0.25], width=[5.0, 1e-3])
    np.testing.assert_allclose(curves.peak, [15.0, 1e-3])
    np.testing.assert_allclose(curves.value(curves.peak), [1.0, 0.25])
    np.testing.assert_allclose(curves.value(curves.tau), 0.0)
    np.testing.assert_allclose(
        curves.value(curves.tau + 1e-9) / 1e-9, curves.alpha, rtol=1e-5
    )  # alpha is the initial slope


@pytest.mark.parametrize("family", FAMILIES)
def test_marginal_is_the_slope(family):
    curves = curves_of(family)
    caps = inner_caps(curves)
    step = 1e-4 * (caps - curves.threshold)
    central = (curves.value(caps + step) - curves.value(caps - step)) / (2 * step)
    if family == "tabular":  # a corner of the table may fall inside a step
        same = curves.marginal(caps - step) == curves.marginal(caps + step)
        assert same.mean() > 0.9
        np.testing.assert_allclose(curves.marginal(caps)[same], central[same], rtol=1e-6)
    else:
        np.testing.assert_allclose(curves.marginal(caps), central, rtol=1e-6, atol=1e-12)


@pytest.mark.parametrize("family", FAMILIES)
def test_response_beats_every_cap_between_threshold_and_peak(family):
    curves = curves_of(family)
    rng = np.random.default_rng(3)
    prices = curves.marginal(curves.threshold + 1e-9) * 10 ** rng.uniform(-3, 0.2, N)
    prices = np.maximum(prices, 1e-9)
    best = curves.response(prices)
    reach = np.minimum(curves.peak, 20 * curves.threshold + 10)
    gain = curves.value(best) - prices * best
    assert (best >= curves.threshold - 1e-9).all() or family == "tabular"
    for share in np.linspace(0, 1, 401):
        cap = curves.threshold + share**2 * (reach - curves.threshold)
        assert (curves.value(cap) - prices * cap <= gain + 1e-12).all()


@pytest.mark.parametrize("family", SMOOTH)
def test_response_to_a_price_has_that_marginal(family):
    curves = curves_of(family)
    price = 0.3 * curves.marginal(curves.tangent(np.zeros(N)))
    np.testing.assert_allclose(curves.marginal(curves.response(price)), price, rtol=3e-6)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("share", [0.0, 0.5])
def test_tangent_gives_the_steepest_chord(family, share):
    curves = curves_of(family)
    start = share * curves.threshold
    touch = curves.tangent(start)
    chord = (curves.value(touch) - curves.value(start)) / (touch - start)
    reach = np.minimum(curves.peak, 50 * curves.threshold + 100)
    for along in np.linspace(1e-3, 1, 800) ** 2:
        cap = start + along * (reach - start)
        steepness = (curves.value(cap) - curves.value(start)) / (cap - start)
        # Close to a start where both values nearly agree their difference loses digits.
        noise = 4e-16 / (cap - start)
        assert (steepness <= chord * (1 + 1e-9) + noise).all()


@pytest.mark.parametrize("family", SMOOTH)
def test_no_chord_where_the_curve_is_already_concave(family):
    curves = curves_of(family)
    start = curves.threshold + 0.3 * (np.minimum(curves.peak, 1e6) - curves.threshold)
    np.testing.assert_array_equal(curves.tangent(start), start)


def test_tangent_of_the_surge_does_not_cancel():
    # x^2 + tau x = tau / beta in exact integers of 200 bits beside the float64 answer.
    for tau, width in ((1e7, 1.0), (1e-6, 1e6), (1e12, 1e-3)):
        curves = ShiftedSurge.from_height(tau, 0.5, width)
        x = float((curves.tangent(0.0) - curves.tau)[0]) if tau < width else None
        exact = _tangent_distance_by_bisection(tau, width)
        if x is not None:
            assert x == pytest.approx(exact, rel=1e-12)
        assert float(curves.tangent(0.0)[0]) == pytest.approx(tau + exact, rel=1e-15)


def _tangent_distance_by_bisection(tau, width):
    low, high = 0.0, width
    for _ in range(2000):
        middle = (low + high) / 2
        if middle * middle / width / tau + middle / width < 1:
            low = middle
        else:
            high = middle
    return low


def test_hill_with_exponent_one_is_concave_from_the_start():
    curves = Hill(half=100.0, shape=1.0, height=0.8)
    assert curves.marginal(0.0) == pytest.approx(0.8 / 100)
    assert float(curves.tangent(0.0)[0]) < 1e-9
    assert curves.response(0.002) == pytest.approx(100.0)  # h c / (b + c)^2 = price


def test_logistic_and_hill_start_at_zero_and_reach_their_height():
    for curves in (Logistic(100.0, 30.0, 0.7), Hill(100.0, 3.0, 0.7)):
        assert curves.value(0.0) == 0.0
        np.testing.assert_allclose(curves.value(curves.peak), 0.7, rtol=1e-14)


def test_tabular_interpolates_and_stays_flat():
    curves = TabularCurve([100, 200, 400], [[0.1, 0.5, 0.4], [0.0, 0.2, 0.6]])
    np.testing.assert_allclose(curves.value(0.0), 0.0)
    np.testing.assert_allclose(curves.value(50.0), [0.05, 0.0])
    np.testing.assert_allclose(curves.value(300.0), [0.45, 0.4])
    np.testing.assert_allclose(curves.value(1e6), [0.4, 0.6])
    np.testing.assert_allclose(curves.peak, [200, 400])
    np.testing.assert_allclose(curves.height, [0.5, 0.6])
    np.testing.assert_allclose(curves.threshold, [0, 100])


@pytest.mark.parametrize("family", FAMILIES)
def test_take_selects_rows_and_jax_agrees_with_numpy(family):
    curves = curves_of(family)
    rows = np.array([5, 3, 3])
    caps = inner_caps(curves)
    np.testing.assert_array_equal(curves.take(rows).value(caps[rows]), curves.value(caps)[rows])
    assert len(curves.take(rows)) == 3
    assert len(curves.take(caps > np.median(caps))) == N // 2
    with double_precision():
        traced = jax.jit(lambda c, b: (c.value(b), c.tangent(0 * b), c.response(1e-4)))
        value, touch, response = traced(curves, caps)
    np.testing.assert_allclose(value, curves.value(caps), rtol=1e-12, atol=1e-15)
    # A logistic that is nearly straight up to its midpoint leaves its tangent point open.
    clear = curves.midpoint > 0.1 * curves.scale if family == "logistic" else np.ones(N, dtype=bool)
    np.testing.assert_allclose(touch[clear], curves.tangent(np.zeros(N))[clear], rtol=1e-9)
    np.testing.assert_allclose(response, curves.response(1e-4), rtol=1e-9)


@pytest.mark.parametrize(
    ("build", "row", "column", "value"),
    [
        (lambda: ShiftedSurge([1, -5.0], 0.1, 0.1), 1, "tau", -5.0),
        (lambda: ShiftedSurge([1, 2], 0.1, [0.1, 0.0]), 1, "beta", 0.0),
        (lambda: ShiftedSurge([1, 2, np.nan], 0.1, 0.1), 2, "tau", None),
        (lambda: ShiftedSurge([1, np.inf], 0.1, 0.1), 1, "tau", np.inf),
        (lambda: ShiftedSurge(1.0, [-0.1], 0.1), 0, "alpha", -0.1),
        (lambda: ShiftedSurge([1, 1], [0.1, 0.9], 0.1), 1, "alpha", 0.9),
        (lambda: ShiftedSurge.from_height([1, 1], [1.0, 1.5], 5.0), 1, "height", 1.5),
        (lambda: Quadratic.from_height([1, 1], 0.0, 5.0), 0, "height", 0.0),
        (lambda: Triangular.from_height([1, 1], 0.5, [5.0, -1.0]), 1, "width", -1.0),
        (lambda: Hill([1.0, 0.0], 2.0, 0.5), 1, "half", 0.0),
        (lambda: Hill(1.0, [2.0, 0.5], 0.5), 1, "shape", 0.5),
        (lambda: Hill(1.0, 2.0, 1.5), 0, "height", 1.5),
        (lambda: Logistic(-1.0, 2.0, 0.5), 0, "midpoint", -1.0),
        (lambda: Logistic(1.0, 0.0, 0.5), 0, "scale", 0.0),
        (lambda: TabularCurve([1, 2], [[0.1, 0.2], [0.3, 1.4]]), 1, "values", 1.4),
        (lambda: TabularCurve([[1, 2], [2, 2]], [[0.1, 0.2]] * 2), 1, "grid", 2.0),
        (lambda: TabularCurve([[0, 2], [1, 2]], [[0.1, 0.2]] * 2), 1, "grid", 1.0),
        (lambda: TabularCurve([-1, 2], [[0.1, 0.2]]), 0, "grid", -1.0),
    ],
)
def test_illegal_parameters_are_named_by_row_column_and_value(build, row, column, value):
    with pytest.raises(InvalidInputError) as caught:
        build()
    assert (caught.value.row, caught.value.column) == (row, column)
    if value is not None:
        assert caught.value.value == pytest.approx(value)
    assert f"row {row}, {column}" in str(caught.value)
    assert caught.value.remedy


@pytest.mark.parametrize(
    ("build", "words"),
    [
        (lambda: ShiftedSurge([1, 2], [0.1, 0.1, 0.1], 0.1), "different lengths"),
        (lambda: ShiftedSurge([[1, 2]], 0.1, 0.1), "shape (1, 2)"),
        (lambda: ShiftedSurge(["a"], 0.1, 0.1), "row 0, tau = a: is not a number"),
        (lambda: ShiftedSurge(1.0, 0.1, 0.1, beyond_peak="cliff"), "'plateau' or 'decay'"),
        (lambda: TabularCurve([1, 2, 3], [[0.1, 0.2]]), "3 points and 'values' has 2"),
        (lambda: TabularCurve([1, 2], [[0.1, 0.2], [0.3]]), "not a rectangular"),
        (lambda: TabularCurve([[[1.0]]], [[0.1]]), "shape (1, 1, 1)"),
    ],
)
def test_illegal_shapes_are_explained(build, words):
    with pytest.raises(InvalidInputError, match=words.replace("(", r"\(").replace(")", r"\)")):
        build()


def test_repr_tells_what_matters():
    assert repr(ShiftedSurge.from_height([1, 2], 0.5, 3)) == (
        "ShiftedSurge(n=2, beyond_peak='plateau')"
    )
    assert repr(Hill(1.0, 2.0, 0.5)) == "Hill(n=1)"
    assert repr(TabularCurve([1, 2], [[0.1, 0.2]])) == "TabularCurve(n=1, points=3)"

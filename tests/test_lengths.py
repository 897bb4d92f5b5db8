"""Completion lengths against numerical quadrature, seeded simulation and the other backend."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.stats import lognorm

from clear_opt import (
    InvalidInputError,
    LogNormalLengths,
    MixedLengths,
    Quadratic,
    ShiftedSurge,
    SurgeLengths,
    TabularLengths,
    double_precision,
)
from tests.effort import effort

N = 12


def log_normal(rng):
    return LogNormalLengths(10 ** rng.uniform(1, 4, N), 10 ** rng.uniform(-1.5, 0.3, N))


def surge(rng):
    curves = ShiftedSurge.from_height(
        np.where(rng.random(N) < 0.2, 0.0, 10 ** rng.uniform(0, 4, N)),
        10 ** rng.uniform(-3, 0, N),
        10 ** rng.uniform(0, 4, N),
    )
    return SurgeLengths(curves)


def tabular(rng):
    grid = np.cumsum(10 ** rng.uniform(0, 3, (N, 9)), axis=1)
    survival = np.sort(rng.uniform(0, 1, (N, 9)), axis=1)[:, ::-1].copy()
    survival[: N // 2, -1] = 0.0
    return TabularLengths(grid, survival)


def mixed(rng):
    share = rng.uniform(0, 1, N)
    share[:2] = 0.0, 1.0
    return MixedLengths(share, log_normal(rng), MixedLengths(0.5, surge(rng), log_normal(rng)))


FAMILIES = {"log-normal": log_normal, "surge": surge, "tabular": tabular, "mixed": mixed}


def lengths_of(family, seed=0):
    return FAMILIES[family](np.random.default_rng(seed))


def scale_of(lengths):
    """About where lengths lie, tokens, shape (n,)."""
    caps = np.logspace(-1, 7, 400) * np.ones((N, 1))
    return np.take_along_axis(caps, (lengths.survival(caps) < 0.5).argmax(axis=1)[:, None], 1)[:, 0]


def by_quadrature(lengths, row, cap, kinks):
    """Mean and variance of min(L, cap) from the survival function alone."""
    one = lengths.take([row])
    points = sorted({float(k) for k in kinks if 0 < k < cap})
    options = {"points": points or None, "limit": 400, "epsabs": 0, "epsrel": 1e-11}
    mean = quad(lambda t: one.survival(t)[0], 0, cap, **options)[0]
    # Var = 2 * integral of (t - mean) S(t) + mean^2, from E X^2 = 2 * integral of t S(t).
    square = quad(lambda t: 2 * t * one.survival(t)[0], 0, cap, **options)[0]
    return mean, square - mean**2


@pytest.mark.parametrize("family", FAMILIES)
def test_moments_of_the_spend_are_integrals_of_the_survival(family):
    lengths = lengths_of(family)
    scale = scale_of(lengths)
    for row in range(N):
        for share in (0.3, 1.0, 2.5):
            cap = share * scale[row]
            kinks = scale[row] * np.logspace(-3, 1, 20)
            if family == "tabular":
                kinks = lengths.grid[row]
            if family == "surge":
                kinks = [lengths.curves.tau[row], lengths.curves.peak[row]]
            if family == "mixed":
                inner = lengths.other.one.curves
                kinks = [*kinks, inner.tau[row], inner.peak[row]]
            mean, variance = by_quadrature(lengths, row, cap, kinks)
            assert lengths.expected_spend(cap)[row] == pytest.approx(mean, rel=1e-9)
            assert lengths.spend_variance(cap)[row] == pytest.approx(
                variance, rel=1e-7, abs=1e-10 * cap**2
            )


@pytest.mark.parametrize("spread", [1e-5, 0.02, 0.6, 1.5])
def test_log_normal_lengths_are_the_textbooks(spread):
    lengths, truth = LogNormalLengths([300.0], spread), lognorm(spread, scale=300.0)
    caps = 300.0 * np.exp(spread * np.linspace(-2, 4, 7))
    np.testing.assert_allclose(lengths.survival(caps[None])[0], truth.sf(caps), rtol=1e-6)
    np.testing.assert_allclose(lengths.mean, truth.mean(), rtol=1e-12)
    np.testing.assert_allclose(lengths.spend_variance(np.inf), truth.var(), rtol=1e-4)
    draws = truth.ppf((np.arange(200_000) + 0.5) / 200_000)
    for cap in caps:
        spent = np.minimum(draws, cap)
        np.testing.assert_allclose(lengths.expected_spend(cap), spent.mean(), rtol=1e-4)
        np.testing.assert_allclose(
            lengths.spend_variance(cap),
            spent.var(),
            rtol=2e-3,
            atol=1e-7 * spent.mean() ** 2 * spread,
        )


def test_the_series_for_tiny_spreads_joins_the_closed_form():
    for z in (-4.0, -1.0, 0.0, 0.5, 3.0):
        below, above = (
            LogNormalLengths(50.0, s).spend_variance(50.0 * np.exp(z * s))[0] / s**2
            for s in (0.999999e-3, 1.000001e-3)
        )
        assert below == pytest.approx(above, rel=2e-8, abs=1e-6)


def test_surge_lengths_are_the_designs_formula():
    curves = ShiftedSurge.from_height([100.0, 0.0], [0.9, 0.2], [50.0, 10.0])
    lengths = SurgeLengths(curves)
    np.testing.assert_allclose(lengths.mean, curves.peak - (np.e - 2) / curves.beta)
    for y in (0.0, 1e-6, 0.3, 1.0):
        cap = curves.tau + y / curves.beta
        spend = curves.tau + (y - np.e * (1 - (1 + y) * np.exp(-y))) / curves.beta
        np.testing.assert_allclose(lengths.expected_spend(cap), spend, rtol=1e-9)
        np.testing.assert_allclose(
            lengths.survival(cap), 1 - curves.value(cap) / curves.height, atol=1e-12
        )


def test_simulation_of_a_mixture():
    rng = np.random.default_rng(5)
    lengths = MixedLengths([0.3], LogNormalLengths([100.0], 0.4), LogNormalLengths([900.0], 0.7))
    first = rng.random(400_000) < 0.3
    draws = np.where(first, 100.0, 900.0) * np.exp(
        np.where(first, 0.4, 0.7) * rng.standard_normal(400_000)
    )
    for cap in (50.0, 150.0, 600.0, 3000.0):
        spent = np.minimum(draws, cap)
        assert lengths.survival(cap)[0] == pytest.approx((draws > cap).mean(), abs=4e-3)
        assert lengths.expected_spend(cap)[0] == pytest.approx(spent.mean(), rel=5e-3)
        assert lengths.spend_variance(cap)[0] == pytest.approx(spent.var(), rel=2e-2, abs=0.1)


@pytest.mark.parametrize("family", FAMILIES)
@given(seed=st.integers(0, 2**32 - 1))
@settings(max_examples=effort(30))
def test_spend_rises_is_concave_and_never_exceeds_the_cap(family, seed):
    lengths = lengths_of(family, seed)
    caps = np.linspace(0, 4, 41) * scale_of(lengths)[:, None]
    survival, spend = lengths.survival(caps), lengths.expected_spend(caps)
    variance = lengths.spend_variance(caps)
    assert ((survival >= 0) & (survival <= 1)).all()
    assert (np.diff(survival, axis=1) <= 1e-12).all()
    assert (spend[:, 0] == 0).all()
    assert (variance[:, 0] == 0).all()
    assert (variance >= 0).all()
    assert (spend <= caps * (1 + 1e-12)).all()
    tolerance = 1e-12 * caps[:, -1:]
    step = np.diff(spend, axis=1)
    assert (step >= -tolerance).all()
    assert (np.diff(step, axis=1) <= tolerance).all()
    # Popoviciu: a spend between 0 and the cap varies by at most a quarter of its square.
    assert (variance <= caps**2 / 4 + tolerance * caps).all()


@pytest.mark.parametrize("family", FAMILIES)
def test_shapes_ends_and_rows(family):
    lengths = lengths_of(family)
    scale = scale_of(lengths)
    rows = np.array([4, 1, 1])
    for name in ("survival", "expected_spend", "spend_variance"):
        method = getattr(lengths, name)
        table = method(scale[:, None] * [0.5, 1.0, 2.0])
        assert method(100.0).shape == method(scale).shape == (N,)
        assert table.shape == (N, 3)
        np.testing.assert_allclose(table[:, 1], method(scale), rtol=1e-13)
        np.testing.assert_array_equal(
            getattr(lengths.take(rows), name)(scale[rows]), method(scale)[rows]
        )
        np.testing.assert_array_equal(method(-3.0), method(0.0))
    at_end = lengths.expected_spend(np.inf)
    lasting = lengths.survival(1e15) > 1e-3
    assert (np.isinf(at_end) == lasting).all()
    np.testing.assert_allclose(at_end[~lasting], lengths.expected_spend(1e15)[~lasting], rtol=1e-9)
    np.testing.assert_array_equal(np.isinf(lengths.spend_variance(np.inf)), lasting)
    assert len(lengths.take(slice(0, 0)).expected_spend(5.0)) == 0
    with pytest.raises(InvalidInputError, match="tokens: has shape"):
        lengths.expected_spend(np.ones(N + 1))


@pytest.mark.parametrize("family", FAMILIES)
def test_jax_agrees_and_the_slope_of_the_spend_is_the_survival(family):
    lengths = lengths_of(family)
    caps = scale_of(lengths)[:, None] * np.array([0.0, 0.4, 0.9, 1.7])

    with double_precision():

        @jax.jit
        def everything(lengths, caps):
            return (
                lengths.survival(caps),
                lengths.expected_spend(caps),
                lengths.spend_variance(caps),
            )

        survival, spend, variance = everything(lengths, caps)
        slope = jax.jit(jax.grad(lambda b, part: part.expected_spend(b).sum()))(
            jnp.asarray(caps[:, 1:]), lengths
        )
        by_parameter = jax.jit(jax.grad(lambda part: part.spend_variance(caps).sum()))(lengths)
    np.testing.assert_allclose(survival, lengths.survival(caps), rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(spend, lengths.expected_spend(caps), rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(variance, lengths.spend_variance(caps), rtol=1e-6, atol=1e-7)
    np.testing.assert_allclose(slope, lengths.survival(caps[:, 1:]), rtol=1e-6, atol=1e-9)
    assert all(np.isfinite(leaf).all() for leaf in jax.tree_util.tree_leaves(by_parameter))


def test_what_never_ends_goes_on_spending():
    lengths = TabularLengths([10.0], [[0.25], [0.0]])
    np.testing.assert_allclose(lengths.expected_spend(110.0), [6.25 + 25.0, 5.0])
    np.testing.assert_allclose(lengths.mean, [np.inf, 5.0])
    np.testing.assert_allclose(lengths.survival(1e9), [0.25, 0.0])


def test_a_family_without_weight_is_left_out_even_where_it_is_infinite():
    endless = TabularLengths([10.0], [[1.0]])
    assert MixedLengths(1.0, LogNormalLengths(5.0, 0.1), endless).mean == pytest.approx(5.02506)


@pytest.mark.parametrize(
    ("build", "row", "column", "value"),
    [
        (lambda: LogNormalLengths([1.0, 0.0], 0.5), 1, "median", 0.0),
        (lambda: LogNormalLengths([1.0, 2.0], [0.5, -0.5]), 1, "sigma", -0.5),
        (lambda: LogNormalLengths(1.0, 50.0), 0, "sigma", 50.0),
        (lambda: TabularLengths([1, 2], [[0.5, 0.2], [0.1, 0.2]]), 1, "survival", 0.2),
        (lambda: TabularLengths([1, 2], [[1.5, 0.2]]), 0, "survival", 1.5),
        (lambda: TabularLengths([2, 2], [[0.5, 0.2]]), 0, "grid", 2.0),
        (lambda: TabularLengths([[0, 2], [1, 2]], [[0.2, 0.1]] * 2), 1, "grid", 1.0),
        (
            lambda: MixedLengths([0.1, 1.1], *[LogNormalLengths([1.0, 2.0], 0.5)] * 2),
            1,
            "probability",
            1.1,
        ),
    ],
)
def test_illegal_parameters_are_named_by_row_column_and_value(build, row, column, value):
    with pytest.raises(InvalidInputError) as caught:
        build()
    assert (caught.value.row, caught.value.column, caught.value.value) == (row, column, value)
    assert caught.value.remedy


@pytest.mark.parametrize(
    ("build", "words"),
    [
        (lambda: TabularLengths([1, 2, 3], [[0.1, 0.2]]), "3 points and 'survival' has 2"),
        (lambda: TabularLengths([[1], [2]], [[0.1]] * 3), "2 rows and 'survival' has 3"),
        (lambda: TabularLengths([1], [[0.1], [0.2, 0.3]]), "not a rectangular"),
        (lambda: TabularLengths([[[1.0]]], [[0.1]]), "shape"),
        (lambda: SurgeLengths(Quadratic.from_height(1.0, 0.5, 2.0)), "family Quadratic"),
        (
            lambda: MixedLengths(0.5, LogNormalLengths(1.0, 0.5), LogNormalLengths([1, 2], 0.5)),
            "2 queries where 'one' holds 1",
        ),
        (
            lambda: MixedLengths([0.5, 0.5], *[LogNormalLengths(1.0, 0.5)] * 2),
            "cannot be read as 1 numbers",
        ),
    ],
)
def test_illegal_shapes_are_explained(build, words):
    with pytest.raises(InvalidInputError, match=words):
        build()


def test_repr_tells_what_matters():
    assert repr(LogNormalLengths([1, 2], 0.5)) == "LogNormalLengths(n=2)"
    assert repr(TabularLengths([1, 2], [[0.4, 0.2]])) == "TabularLengths(n=1, points=3)"

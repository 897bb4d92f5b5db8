"""The (cost, utility) plane and the index policy against brute force over all whole caps."""

import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clear_opt import (
    Hill,
    InvalidInputError,
    LogNormalLengths,
    MixedLengths,
    ShiftedSurge,
    SurgeLengths,
    TabularCurve,
    TabularLengths,
    concave_envelope,
    defaults,
    double_precision,
)
from clear_opt._numerics.upper_hull import Hull
from clear_opt.datasets import FAMILIES
from clear_opt.envelopes.spend_frontier import (
    cap_grid,
    spend_envelope,
    spend_hull,
    spend_points,
    vertex_caps,
)
from clear_opt.policies import index_policy
from tests.effort import effort

N = 30


def batch(family, seed, n=N, most=4000.0):
    """Curves with peaks of at most ``most`` tokens (or ceilings there), and log-normal lengths."""
    rng = np.random.default_rng(seed)
    tau, width, height = (
        10 ** rng.uniform(0, 3, n),
        10 ** rng.uniform(0, 3, n),
        rng.uniform(0, 1, n),
    )
    if family == "hill":
        curves = Hill(tau, rng.uniform(1, 8, n), height)
    elif family == "tabular":
        grid = np.cumsum(10 ** rng.uniform(0, 2.4, (n, 12)), axis=1)
        curves = TabularCurve(grid, np.sort(rng.uniform(0, 1, (n, 12)), axis=1))
    else:
        curves = ShiftedSurge.from_height(np.where(rng.random(n) < 0.2, 0, tau), height, width)
    top = np.minimum(np.ceil(curves.peak), most)
    median = 1 + rng.uniform(0.05, 1.5, n) * np.minimum(top, 3 * curves.threshold + 100)
    return curves, LogNormalLengths(median, 10 ** rng.uniform(-1.2, 0.3, n)), top


def every_cap(floor, top):
    """All whole caps between floor and top, shape (n, m); the last repeats."""
    caps = floor[:, None] + np.arange(int((top - floor).max()) + 1)
    return np.minimum(caps, top[:, None])


def best_at(price, points):
    """Greatest success net of spend at a price, from points alone."""
    return (points.utility - price * points.spend).max(axis=1)


def bound(points, budget):
    """The least dual bound over all prices, by golden section on their logarithm."""
    low, high, ratio = -30.0, 5.0, (5**0.5 - 1) / 2
    at = lambda log: np.exp(log) * budget + best_at(np.exp(log), points).sum()  # noqa: E731
    for _ in range(80):
        left, right = high - ratio * (high - low), low + ratio * (high - low)
        low, high = (low, right) if at(left) <= at(right) else (left, high)
    return min(at(low), best_at(0.0, points).sum())


@pytest.mark.parametrize("family", ["surge", "hill", "tabular"])
def test_envelope_answers_prices_as_all_whole_caps_do(family):
    curves, lengths, top = batch(family, seed=1, most=800.0)
    weight = np.random.default_rng(2).uniform(0.5, 2, N)
    points = spend_points(curves, lengths, every_cap(np.zeros(N), top), weight)
    envelope = spend_envelope(curves, lengths, points.caps, weight)
    for price in 10 ** np.linspace(-6, -1, 26):
        spend = envelope.response(price)
        gain = envelope.value(spend) - price * spend
        np.testing.assert_allclose(gain, best_at(price, points), rtol=1e-9, atol=1e-12)
    # And no point lies above it.
    for column in range(0, points.caps.shape[1], 97):
        over = envelope.value(np.minimum(points.spend[:, column], envelope.end))
        assert (over >= points.utility[:, column] - 1e-12).all()


@pytest.mark.parametrize("family", ["surge", "hill", "tabular"])
def test_every_vertex_leads_back_to_its_cap(family):
    curves, lengths, top = batch(family, seed=3)
    points = spend_points(curves, lengths, cap_grid(curves, lengths, ceiling=top))
    hull = spend_hull(points)
    caps = vertex_caps(points, hull)
    np.testing.assert_array_equal(caps, np.floor(caps))
    for vertex in range(caps.shape[1]):
        np.testing.assert_allclose(curves.value(caps[:, vertex]), hull.values[:, vertex])
        np.testing.assert_allclose(lengths.expected_spend(caps[:, vertex]), hull.tokens[:, vertex])


def test_a_cap_that_spends_no_more_than_the_floor_is_free():
    curves = ShiftedSurge.from_height(tau=[0.0], height=[0.8], width=[100.0])
    lengths = TabularLengths([10.0], [[0.0]])  # every generation ends within ten tokens
    points = spend_points(curves, lengths, np.array([[20.0, 50.0, 100.0]]))
    hull = spend_hull(points)
    assert hull.tokens[:, 0] == pytest.approx(5.0)
    assert hull.values[:, 0] == pytest.approx(0.8)
    assert vertex_caps(points, hull)[0, 0] == 100.0


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("block", [1, 16])
def test_grids_are_whole_blocks_between_floor_and_ceiling(family, block):
    rng = np.random.default_rng(4)
    curves = FAMILIES[family](rng, N)
    reach = np.minimum(curves.peak, 20 * curves.threshold + 10)
    floor = np.where(rng.random(N) < 0.5, rng.uniform(0, 1.2, N) * reach, 0.0)
    ceiling = floor + block + rng.uniform(0, 1, N) * reach
    lengths = LogNormalLengths(reach, 0.5)
    for lengths_or_none in (None, lengths):
        caps = cap_grid(curves, lengths_or_none, floor, ceiling, block=block)
        assert (np.diff(caps, axis=1) >= 0).all()
        np.testing.assert_array_equal(caps % block, 0.0)
        start, end = np.ceil(floor / block) * block, np.floor(ceiling / block) * block
        np.testing.assert_array_equal(caps[:, 0], start)
        peak = np.ceil(curves.peak / block) * block
        np.testing.assert_array_equal(caps[:, -1], np.maximum(np.minimum(peak, end), start))
        if family != "tabular":
            assert caps.shape == (N, defaults.GRID_POINTS)


def test_no_vertex_lies_between_floor_and_tangent_point():
    for seed in range(8):
        curves, lengths, top = batch("surge", seed)
        floor = np.random.default_rng(seed).choice([0.0, 5.0, 50.0], N)
        top = np.maximum(top, floor)
        points = spend_points(curves, lengths, every_cap(floor, top))
        caps = vertex_caps(points, spend_hull(points))
        inside = (caps > floor[:, None]) & (caps < np.floor(curves.tangent(floor))[:, None])
        assert not inside.any()


@pytest.mark.parametrize("family", ["surge", "hill", "tabular"])
def test_the_grid_loses_less_than_a_thousandth_of_the_bound(family):
    for seed in range(3):
        curves, lengths, top = batch(family, seed, n=20)
        exact = spend_points(curves, lengths, every_cap(np.zeros(20), top))
        grid = spend_points(curves, lengths, cap_grid(curves, lengths, ceiling=top))
        for share in (0.02, 0.1, 0.3, 0.7):
            budget = share * exact.spend[:, -1].sum()
            truth = bound(exact, budget)
            assert truth * (1 - 1e-3) <= bound(grid, budget) <= truth * (1 + 1e-9)


def test_grids_of_saturating_curves_end_where_completions_do():
    curves = Hill([100.0], [1.0], [0.9])  # its peak is near 10^18 tokens
    free, aware = cap_grid(curves), cap_grid(curves, LogNormalLengths([200.0], 0.5))
    assert (aware < 5000).sum() == aware.shape[1] - 1
    assert (free < 5000).mean() < 0.5


def test_jax_makes_the_same_hull_and_differentiates_it():
    curves, lengths, top = batch("surge", seed=6)
    caps = cap_grid(curves, lengths, ceiling=top)
    envelope = spend_envelope(curves, lengths, caps, 2.0)
    with double_precision():
        np.testing.assert_array_equal(
            jax.jit(lambda c, s: cap_grid(c, s, ceiling=top))(curves, lengths), caps
        )
        traced = jax.jit(spend_envelope)(curves, lengths, caps, 2.0)
        points = jax.jit(spend_points)(curves, lengths, caps, 2.0)
        back = vertex_caps(points, spend_hull(points))
        slope = jax.jit(
            jax.grad(
                lambda height, lengths: spend_envelope(
                    ShiftedSurge.from_height(curves.tau, height, 1 / curves.beta), lengths, caps
                ).abandonment_price.sum()
            )
        )(curves.height, lengths)
    np.testing.assert_allclose(traced.abandonment_price, envelope.abandonment_price, rtol=1e-9)
    np.testing.assert_allclose(
        back[:, 1], vertex_caps(spend_points(curves, lengths, caps), Hull(*envelope.hull))[:, 1]
    )
    np.testing.assert_allclose(traced.end, envelope.end, rtol=1e-12)
    np.testing.assert_allclose(slope, envelope.abandonment_price / 2 / curves.height, rtol=1e-9)


def test_a_grid_needs_five_points():
    with pytest.raises(InvalidInputError, match="at least 5"):
        cap_grid(ShiftedSurge.from_height(1.0, 0.5, 2.0), points=4)


@given(seed=st.integers(0, 2**32 - 1))
@settings(max_examples=effort(40))
def test_with_the_surges_own_lengths_the_hull_is_one_chord(seed):
    rng = np.random.default_rng(seed)
    curves = ShiftedSurge.from_height(
        np.floor(10 ** rng.uniform(0, 3, 5)),
        rng.uniform(0.01, 1, 5),
        np.ceil(10 ** rng.uniform(0, 2.5, 5)),
    )
    lengths = SurgeLengths(curves)
    points = spend_points(curves, lengths, every_cap(np.zeros(5), curves.peak))
    over = points.spend / points.spend[:, -1:] * points.utility[:, -1:]
    assert (points.utility <= over + 1e-12).all()
    envelope = spend_envelope(curves, lengths, cap_grid(curves, lengths))
    np.testing.assert_allclose(envelope.abandonment_price, curves.height / lengths.mean)
    np.testing.assert_allclose(envelope.tangent, lengths.mean)


def test_the_index_policy_is_the_best_there_is_where_lengths_follow_the_rise():
    for seed in range(6):
        rng = np.random.default_rng(seed)
        curves = ShiftedSurge.from_height(
            rng.integers(3, 12, 4).astype(float), rng.uniform(0.2, 1, 4), rng.integers(2, 8, 4)
        )
        lengths = SurgeLengths(curves)
        weight = rng.uniform(0.5, 2, 4)
        points = spend_points(
            curves, lengths, every_cap(np.zeros(4), np.round(curves.peak)), weight
        )
        at_peak = weight * curves.height
        order = np.argsort(-at_peak / lengths.mean)
        # Where the budget runs out between two queries nothing is better.
        for funded in range(5):
            budget = lengths.mean[order[:funded]].sum() + 1e-9
            caps = index_policy(curves, lengths, budget, weight=weight)
            value = (weight * curves.value(caps)).sum()
            spend, best = points.spend[0], points.utility[0]
            for row in range(1, 4):  # every combination of whole caps
                spend = np.add.outer(spend, points.spend[row]).ravel()
                best = np.add.outer(best, points.utility[row]).ravel()
            assert value == pytest.approx(best[spend <= budget + 1e-9].max(), abs=1e-9)
            assert lengths.expected_spend(caps).sum() <= budget + 1e-9
        # Elsewhere it misses less than one query is worth.
        budget = 0.6 * lengths.mean.sum()
        caps = index_policy(curves, lengths, budget, weight=weight)
        value = (weight * curves.value(caps)).sum()
        assert best[spend <= budget].max() - value <= at_peak.max()


def test_index_policy_passes_over_what_does_not_fit():
    curves = ShiftedSurge.from_height([100, 10, 400], [0.9, 0.05, 0.5], [50, 10, 200])
    lengths = SurgeLengths(curves)
    spend = lengths.mean
    caps = index_policy(curves, lengths, spend[0] + spend[1] + 1)
    assert caps.tolist() == [150, 20, 0]
    assert caps.dtype == np.int64
    assert index_policy(curves, lengths, 0).tolist() == [0, 0, 0]
    assert index_policy(curves, lengths, np.inf).tolist() == [150, 20, 600]
    assert index_policy(curves, lengths, spend[2] + 1, weight=[1, 1, 100]).tolist() == [0, 0, 600]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"budget": -1.0}, "budget"),
        ({"budget": 5.0, "weight": [1, 0]}, "row 1, weight"),
        ({"budget": 5.0, "lengths": LogNormalLengths(1.0, 0.5)}, "lengths: holds 1 queries"),
    ],
)
def test_index_policy_names_what_it_cannot_use(arguments, words):
    curves = ShiftedSurge.from_height([1.0, 2.0], 0.5, 2.0)
    with pytest.raises(InvalidInputError, match=words):
        index_policy(**{"curves": curves, "lengths": SurgeLengths(curves), **arguments})


def test_with_long_tails_the_index_policy_falls_behind():
    curves = ShiftedSurge.from_height(np.full(20, 100.0), 0.8, 400.0)
    right = LogNormalLengths(np.full(20, 250.0), 0.3)
    lengths = MixedLengths(0.8, right, LogNormalLengths(np.full(20, 5000.0), 0.5))
    budget = 0.25 * lengths.expected_spend(500.0).sum()
    caps = index_policy(curves, lengths, budget)
    points = spend_points(curves, lengths, cap_grid(curves, lengths))
    assert curves.value(caps).sum() < 0.97 * bound(points, budget)


def test_reserved_and_expected_agree_where_nothing_stops_early():
    curves, _, top = batch("surge", seed=8)
    endless = TabularLengths([1.0], [[1.0]] * N)
    points = spend_points(curves, endless, every_cap(np.zeros(N), top))
    np.testing.assert_allclose(points.spend, points.caps)
    reserved = concave_envelope(curves)
    price = spend_envelope(curves, endless, cap_grid(curves, endless)).abandonment_price
    coarse = curves.tangent(0.0) < 30  # whole tokens are coarse there
    np.testing.assert_allclose(price[~coarse], reserved.abandonment_price[~coarse], rtol=5e-3)

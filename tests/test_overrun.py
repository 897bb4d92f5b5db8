"""Margins of a chance bound: against seeded simulation, scipy's laws, and their own tangents."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom, norm

from clear_opt import InvalidInputError, LogNormalLengths, MixedLengths
from clear_opt.problem.chance_constraints import linearised_margin, overrun_margin

BATCHES = 4000


def simulated(seed, n):
    """A batch of right and wrong answers, its caps, and realised totals of many draws."""
    rng = np.random.default_rng(seed)
    share = rng.uniform(0.2, 0.9, n)
    right = (10 ** rng.uniform(1.5, 2.5, n), rng.uniform(0.2, 0.6, n))
    wrong = (3 * right[0], rng.uniform(0.4, 1.0, n))
    lengths = MixedLengths(share, LogNormalLengths(*right), LogNormalLengths(*wrong))
    caps = np.round(right[0] * rng.uniform(0.8, 4, n))
    totals = np.zeros(BATCHES)
    for i in range(n):
        first = rng.random(BATCHES) < share[i]
        median = np.where(first, right[0][i], wrong[0][i])
        spread = np.where(first, right[1][i], wrong[1][i])
        drawn = median * np.exp(spread * rng.standard_normal(BATCHES))
        totals += np.minimum(drawn, caps[i])
    return lengths, caps, totals


@pytest.mark.parametrize("probability", [0.05, 0.01])
@pytest.mark.parametrize(("seed", "n"), [(0, 30), (1, 100), (2, 200)])
def test_batches_overrun_no_more_often_than_promised(seed, n, probability):
    lengths, caps, totals = simulated(seed, n)
    expected = lengths.expected_spend(caps)
    variance = lengths.spend_variance(caps).sum()
    assert totals.mean() == pytest.approx(expected.sum(), rel=0.01)
    assert totals.var() == pytest.approx(variance, rel=0.1)
    largest = (caps - expected).max()
    # Three standard errors of a rate seen in this many batches.
    noise = 3 * (binom.std(BATCHES, probability) / BATCHES)
    over = {
        bound: (totals > expected.sum() + overrun_margin(variance, probability, bound, largest))
        for bound in ("normal", "bernstein")
    }
    assert over["normal"].mean() <= probability + noise
    assert over["normal"].mean() >= probability - max(noise, 0.4 * probability)
    assert over["bernstein"].mean() <= over["normal"].mean()


def test_the_normal_margin_is_its_quantile():
    for probability in (0.3, 0.05, 1e-6):
        margin = overrun_margin(400.0, probability)
        assert norm(scale=20).sf(margin) == pytest.approx(probability, rel=1e-9)


@pytest.mark.parametrize("probability", [0.05, 0.01])
def test_a_limit_holds_in_the_batches_of_one_predictor_that_is_out(probability):
    """What all batches share is given, so only the rest varies between them."""
    spread, shared = 300.0, 150.0
    out = -norm.ppf(probability) * shared  # as far out as it is with that probability
    for bound, exact in (("normal", True), ("bernstein", False)):
        margin = overrun_margin(spread**2, probability, bound, systematic_error=shared)
        overruns = norm(out, spread).sf(margin)
        assert overruns <= probability * (1 + 1e-9)
        assert not exact or overruns == pytest.approx(probability, rel=1e-9)
    # In quadrature the limit would hold over many predictors, but not for this one.
    assert norm(out, spread).sf(overrun_margin(spread**2 + shared**2, probability)) > probability


def test_many_variances_at_once_have_the_margins_of_each():
    variances = np.array([[0.0, 1.0], [400.0, 1e6]])
    for arguments in ((0.05, "normal", 0.0, 30.0), (0.01, "bernstein", 50.0, 0.0)):
        together = overrun_margin(variances, *arguments)
        alone = [overrun_margin(float(value), *arguments) for value in variances.ravel()]
        assert together.ravel().tolist() == alone


def test_bernstein_holds_where_the_normal_law_does_not():
    # A few queries that nearly always stop at once: exact, from the binomial law.
    n, chance, cap = 10, 0.02, 1000.0
    variance, largest = n * cap**2 * chance * (1 - chance), cap * (1 - chance)
    for probability in (0.1, 0.01, 1e-3):
        exceed = {
            bound: binom(n, chance).sf(
                np.floor(n * chance + overrun_margin(variance, probability, bound, largest) / cap)
            )
            for bound in ("normal", "bernstein")
        }
        assert exceed["bernstein"] <= probability
    assert exceed["normal"] > probability  # such a batch is what Bernstein is for


@given(
    at=st.floats(1e-3, 1e12),
    elsewhere=st.floats(0, 1e12),
    probability=st.floats(1e-9, 0.499),
    largest=st.floats(0, 1e6),
    bound=st.sampled_from(["normal", "bernstein"]),
    shared=st.floats(0, 1e6),
)
def test_the_tangent_lies_above_and_touches(at, elsewhere, probability, largest, bound, shared):
    rate, constant = linearised_margin(at, probability, bound, largest, shared)
    assert rate >= 0
    assert constant >= 0
    margin = overrun_margin(elsewhere, probability, bound, largest, shared)
    assert constant + rate * elsewhere >= margin * (1 - 1e-9)
    touch = overrun_margin(at, probability, bound, largest, shared)
    assert constant + rate * at == pytest.approx(touch, rel=1e-9)


@pytest.mark.parametrize("bound", ["normal", "bernstein"])
def test_the_rate_is_the_slope(bound):
    near = [overrun_margin(v, 0.05, bound, 300.0) for v in (0.999e5, 1.001e5)]
    assert linearised_margin(1e5, 0.05, bound, 300.0).rate == pytest.approx(
        (near[1] - near[0]) / 200, rel=1e-5
    )


@pytest.mark.parametrize(
    ("arguments", "column"),
    [
        ({"variance": -1.0}, "variance"),
        ({"variance": np.nan}, "variance"),
        ({"probability": 0.5}, "probability"),
        ({"probability": 0.0}, "probability"),
        ({"bound": "chebyshev"}, "bound"),
        ({"max_excess": np.inf}, "max_excess"),
        ({"systematic_error": -1.0}, "systematic_error"),
    ],
)
def test_arguments_out_of_range_are_named(arguments, column):
    given_ = {
        "variance": 4.0,
        "probability": 0.05,
        "bound": "normal",
        "max_excess": 1.0,
        **arguments,
    }
    for function in (overrun_margin, linearised_margin):
        with pytest.raises(InvalidInputError) as caught:
            function(**given_)
        assert caught.value.column == column
        assert caught.value.remedy


def test_there_is_no_tangent_at_no_variance():
    assert overrun_margin(0.0, 0.05) == 0.0
    with pytest.raises(InvalidInputError, match="must be > 0"):
        linearised_margin(0.0, 0.05)

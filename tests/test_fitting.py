"""Curves from rollouts: against direct integration, simulated truth, and recorded rollouts."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize, stats
from scipy.special import expit, logit, ndtr

from benchmarks import fitting as benchmark
from clear_opt import Quadratic, ShiftedSurge, Triangular
from clear_opt.errors import InvalidInputError
from clear_opt.fitting import Completion, Prior, fit_curves, surge_shape
from clear_opt.fitting.likelihood import RESOLUTION, Evidence
from clear_opt.fitting.posterior import posterior
from clear_opt.fitting.surge_shape import (
    LARGEST_SIGMA,
    SMALLEST_SIGMA,
    completion_caps,
    fit_shape,
)
from clear_opt.rollouts import Rollouts
from tests.effort import effort
from tests.growth import growth

ROOT = Path(__file__).resolve().parents[1]

PRIOR = Prior([0.5, np.log(800), np.log(0.35)], [[2, -0.3, 0], [-0.3, 0.2, 0], [0, 0, 0.1]], 1)

MIXED = Rollouts(
    ["a"] * 4 + ["b"] * 3 + ["c"] + ["d"] * 3 + ["e"] * 2,
    [500, 640, 900, 2_000, 700, 900, 950, 400, 1_000, 1_000, 820, 1_200, 1_000],
    [1, 1, 0, 0, 0, 0, 0, 1, 0, 0, 1, 0.4, 0.0],
    truncated=[0, 0, 0, 1, 0, 0, 0, 0, 1, 1, 0, 0, 1],
)
"""Right, wrong, cut off and half-certain; "b" never right, "c" with one rollout."""


def simulate(n, samples, seed=0, cap=None, spread_sd=0.3):
    """Rollouts and the states they come from; with a cap, what is not right runs into it."""
    rng = np.random.default_rng(seed)
    query = np.repeat(np.arange(n), samples)
    states = np.array([0.0, 8.0, -1.0]) + rng.standard_normal((n, 3)) * [2.0, 0.5, spread_sd]
    chance, log_median, log_sigma = states[query].T
    length = np.round(np.exp(log_median + np.exp(log_sigma) * rng.standard_normal(len(query))))
    right = rng.random(len(query)) < expit(chance)
    ids = [f"q{k}" for k in query]
    if cap is None:
        return Rollouts(ids, length, right), states
    right &= length <= cap
    return Rollouts(ids, np.where(right, length, cap), right, truncated=~right), states


# --- the likelihood and the posterior


def log_likelihood(rollouts, state):
    """The likelihood of one query's rows, written out row by row with scipy's distributions."""
    chance, scale, sigma = expit(state[0]), np.exp(state[1]), np.exp(state[2])
    length = stats.lognorm(sigma, scale=scale)
    total = 0.0
    for tokens, correct, cut in zip(
        rollouts.n_tokens, rollouts.correct, rollouts.truncated, strict=True
    ):
        blur = 0.5 * (RESOLUTION / sigma) ** 2  # lengths count as known to 1 %
        total += correct * (np.log(chance) + length.logpdf(tokens) - blur)
        rest = 1 - chance * length.cdf(tokens) if cut else 1 - chance
        total += (1 - correct) * np.log(rest)
    return total


def test_the_likelihood_is_that_of_the_rows():
    states = np.random.default_rng(0).standard_normal((20, 3)) * 0.7 + PRIOR.mean
    for name in MIXED.query_ids:
        rows = MIXED.for_queries([name])
        evidence = Evidence.of(rows)
        ours = [evidence.log_likelihood(state[None])[0] for state in states]
        direct = [log_likelihood(rows, state) for state in states]
        # They differ by a constant: densities of the log length against those of the length.
        assert np.diff(ours) == pytest.approx(np.diff(direct), abs=1e-9)


def test_slopes_are_those_of_the_likelihood():
    rng = np.random.default_rng(1)
    evidence = Evidence.of(MIXED)
    states = PRIOR.mean + rng.standard_normal((5, 3)) * 0.6
    slopes, step = evidence.slopes(states), 1e-5
    for j, move in enumerate(step * np.eye(3)):
        rise = evidence.log_likelihood(states + move) - evidence.log_likelihood(states - move)
        assert slopes.gradient[:, j] == pytest.approx(rise / (2 * step), rel=1e-6, abs=1e-6)
        bend = evidence.slopes(states + move).gradient - evidence.slopes(states - move).gradient
        assert -slopes.curvature[:, j] == pytest.approx(bend / (2 * step), rel=1e-5, abs=1e-5)
    assert (np.linalg.eigvalsh(slopes.safe) > -1e-9).all()


CAPS = [300, 700, 1_500]


def integrate(rollouts, prior):
    """Mean, covariance and P(correct within b) of one query by brute force on a grid."""
    sd = np.sqrt(np.diag(prior.covariance))
    axes = [m + s * np.linspace(-6, 6, 73) for m, s in zip(prior.mean, sd, strict=True)]
    states = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)
    chance, scale, sigma = expit(states[:, 0]), np.exp(states[:, 1]), np.exp(states[:, 2])
    log_weight = stats.multivariate_normal(prior.mean, prior.covariance).logpdf(states)
    log_caps = np.log(CAPS)
    for tokens, correct, cut in zip(
        rollouts.n_tokens, rollouts.correct, rollouts.truncated, strict=True
    ):
        at = (np.log(tokens) - states[:, 1]) / sigma
        density = np.log(chance) - 0.5 * at**2 - np.log(sigma) - 0.5 * (RESOLUTION / sigma) ** 2
        rest = 1 - chance * ndtr(at) if cut else 1 - chance
        log_weight += correct * density + (1 - correct) * np.log(rest)
    weight = np.exp(log_weight - log_weight.max())
    cell = np.prod([axis[1] - axis[0] for axis in axes])
    evidence = log_weight.max() + np.log(weight.sum() * cell)
    weight /= weight.sum()
    mean = weight @ states
    covariance = (weight * (states - mean).T) @ (states - mean)
    within = chance[:, None] * ndtr((log_caps - np.log(scale)[:, None]) / sigma[:, None])
    return mean, covariance, weight @ within, weight @ chance, evidence


def test_the_posterior_is_the_integral():
    fitted = fit_curves(MIXED, prior=PRIOR)
    assert fitted.prior is PRIOR
    for i, name in enumerate(fitted.query_ids):
        mean, covariance, within, success, _ = integrate(MIXED.for_queries([name]), PRIOR)
        sd = np.sqrt(np.diag(covariance))
        assert np.abs(fitted.estimate[i] - mean).max() < 0.02 * sd.max()
        scaled = (fitted.covariance[i] - covariance) / np.outer(sd, sd)
        assert np.abs(scaled).max() < 0.05
        assert fitted.completion_at(CAPS)[i] == pytest.approx(within, abs=0.005)
        assert fitted.completion.success[i] == pytest.approx(success, abs=0.005)


def test_a_prior_is_worth_its_marginal_likelihood():
    other = Prior(PRIOR.mean + np.array([0.5, 0.2, -0.1]), 0.5 * PRIOR.covariance, 1)
    ours = [
        posterior(Evidence.of(MIXED), prior.mean, prior.covariance).log_evidence
        for prior in (PRIOR, other)
    ]
    direct = [
        [integrate(MIXED.for_queries([name]), prior)[-1] for name in MIXED.query_ids]
        for prior in (PRIOR, other)
    ]
    assert ours[1] - ours[0] == pytest.approx(np.subtract(*direct[::-1]), abs=0.01)


def test_without_shrinkage_it_is_the_likeliest_state():
    rng = np.random.default_rng(2)
    length = np.round(1_000 * np.exp(0.4 * rng.standard_normal(60)))
    right = rng.random(60) < 0.7
    cut = length > 1_300
    rollouts = Rollouts(["a"] * 60, np.minimum(length, 1_300), right & ~cut, truncated=cut)
    fitted = fit_curves(rollouts, shrink=False)
    best = optimize.minimize(
        lambda state: -log_likelihood(rollouts, state), PRIOR.mean, tol=1e-10, method="Nelder-Mead"
    )
    # The flat prior that keeps other queries finite moves this one by less than 1 % of its error.
    error = np.sqrt(np.diag(fitted.covariance[0]))
    assert np.abs(fitted.estimate[0] - best.x).max() < 0.05 * error.min()
    assert fitted.prior is None
    assert fitted.completion.success == pytest.approx(expit(fitted.estimate[:, 0]))
    assert fitted.completion_at([np.exp(fitted.estimate[0, 1])]) == pytest.approx(
        fitted.completion.success[:, None] / 2
    )


def test_the_prior_is_recovered():
    rollouts, states = simulate(4_000, 4)
    fitted = fit_curves(rollouts)
    assert fitted.prior.mean == pytest.approx(states.mean(axis=0), abs=0.08)
    sd = np.sqrt(np.diag(fitted.prior.covariance))
    assert sd == pytest.approx(states.std(axis=0), rel=0.12)
    assert fitted.prior.queries == 4_000
    # The error that is left is the one that is claimed.
    claimed = np.einsum("nii->i", fitted.covariance) / 4_000
    assert ((fitted.estimate - states) ** 2).mean(axis=0) == pytest.approx(claimed, rel=0.12)


def test_80_percent_intervals_hold_80_percent_of_the_truth():
    rollouts, states = simulate(2_500, 4, seed=1)
    fitted = fit_curves(rollouts)
    error = np.sqrt(np.einsum("nii->ni", fitted.covariance))
    inside = (np.abs(fitted.estimate - states) < 1.2816 * error).mean(axis=0)
    assert inside[:2] == pytest.approx([0.8, 0.8], abs=0.03)  # h and log m
    assert inside[2] == pytest.approx(0.8, abs=0.06)  # log s: 4 rollouts say little about it
    shape = surge_shape(np.exp(states[:, 2]))
    median = np.exp(states[:, 1])
    truth = median * shape.tau, median * shape.width, expit(states[:, 0]) * shape.height
    for low, true, high in zip(fitted.quantile(0.1), truth, fitted.quantile(0.9), strict=True):
        assert np.mean((low <= true) & (true <= high)) == pytest.approx(0.8, abs=0.05)


def test_standard_errors_shrink_with_rollouts_and_match_the_scatter():
    few, many = (simulate(400, samples, seed=3)[0] for samples in (2, 32))
    fits = [fit_curves(rollouts, prior=PRIOR_OF_SIMULATION) for rollouts in (few, many)]
    for wide, narrow in zip(*(fit.standard_error for fit in fits), strict=True):
        assert np.median(narrow) < 0.5 * np.median(wide)
        assert (narrow > 0).all()
    # Heights fitted to 32 rollouts scatter about the truth as their errors say.
    _, states = simulate(400, 32, seed=3)
    truth = expit(states[:, 0]) * surge_shape(np.exp(states[:, 2])).height
    off = (fits[1].curves.height - truth) / fits[1].standard_error.height
    assert np.sqrt(np.mean(off**2)) == pytest.approx(1.0, abs=0.15)


PRIOR_OF_SIMULATION = Prior([0.0, 8.0, -1.0], np.diag([4.0, 0.25, 0.09]), 1)


# --- what was cut off


def test_what_was_cut_off_is_neither_wrong_nor_right():
    rollouts, states = simulate(800, 4, seed=4, cap=6_000)
    ignoring = Rollouts(rollouts.query_id, rollouts.n_tokens, rollouts.correct)
    usual = [
        fit_curves(table).estimate.mean(axis=0) - states.mean(axis=0)
        for table in (rollouts, ignoring)
    ]
    # Cut at the 87 % quantile, lengths look short and successes few unless that is known.
    # Over seeds the honest fit is off by about 0.08 and 0.03, the other by 0.4 and 0.1 downwards.
    assert (np.abs(usual[0][:2]) < [0.2, 0.06]).all()
    assert (usual[1][:2] < [-0.3, -0.08]).all()


# --- few rollouts, odd rollouts


def same(one, other, rel=1e-9):
    pairs = [(one.estimate, other.estimate), (one.covariance, other.covariance)]
    pairs += list(zip(one.completion, other.completion, strict=True))
    return all(a == pytest.approx(b, rel=rel, abs=1e-9) for a, b in pairs)


def sane(fitted):
    values = [*fitted.completion, *fitted.standard_error, fitted.completion_at([1, 1e3, 1e6])]
    values += [*fitted.quantile(0.1), *fitted.quantile(0.9), fitted.curves.value(1e3)]
    return all(np.isfinite(value).all() for value in values)


def test_one_rollout_per_query_lies_between_all_and_nothing():
    rollouts, _ = simulate(300, 1, seed=5)
    fitted = fit_curves(rollouts)
    right = rollouts.correct > 0
    success = fitted.completion.success
    assert success[right].min() > rollouts.correct.mean() > success[~right].max()
    assert 0.05 < success.min() < success.max() < 0.95
    assert sane(fitted)
    # A right answer pulls the median towards its length, part of the way.
    pull = np.polyfit(np.log(rollouts.n_tokens[right]), fitted.estimate[right, 1], 1)[0]
    assert 0.2 < pull < 0.95


def test_all_wrong_and_all_right():
    ids = [f"q{k}" for k in range(40)]
    success = {}
    for correct in (0, 1):
        for samples in (1, 8):
            rollouts = Rollouts(ids * samples, [1_000] * 40 * samples, [correct] * 40 * samples)
            fitted = fit_curves(rollouts)
            assert sane(fitted)
            success[correct, samples] = fitted.completion.success.mean()
            assert fitted.completion.median == pytest.approx(np.full(40, 1_000), rel=0.05)
    assert success[0, 8] < success[0, 1] < 0.1
    assert success[1, 8] > success[1, 1] > 0.9


def test_a_query_never_right_among_others_takes_its_length_from_them():
    rollouts, _ = simulate(200, 4, seed=6)
    never = Rollouts(["never"] * 4, [90] * 4, [0] * 4)
    both = Rollouts(
        [*never.query_id, *rollouts.query_id],
        [*never.n_tokens, *rollouts.n_tokens],
        [*never.correct, *rollouts.correct],
    )
    fitted = fit_curves(both)
    assert fitted.completion.success[0] < 0.3
    assert fitted.completion.success[0] == fitted.completion.success.min()
    assert fitted.completion.median[0] == pytest.approx(np.exp(8), rel=0.25)


def test_identical_lengths_have_a_small_spread_and_no_infinity():
    ids = np.repeat([f"q{k}" for k in range(50)], 6)
    length = np.repeat(np.arange(50) * 20 + 500, 6)
    fitted = fit_curves(Rollouts(ids.tolist(), length, np.ones(300)))
    assert sane(fitted)
    assert (fitted.completion.sigma < 0.05).all()
    assert fitted.completion.median == pytest.approx(length[::6], rel=0.02)


def test_answers_of_no_tokens_and_a_single_rollout():
    assert sane(fit_curves(Rollouts(["a"], [0], [1])))
    assert sane(fit_curves(Rollouts(["a"], [0], [0])))
    assert sane(fit_curves(Rollouts(["a"], [0], [0], truncated=[1])))
    assert sane(fit_curves(Rollouts(["a", "b"], [1, 10**9], [1, 1])))
    assert sane(fit_curves(MIXED, shrink=False))


@settings(derandomize=True, deadline=None, max_examples=effort(12))
@given(
    rows=st.lists(
        st.tuples(
            st.sampled_from("abcd"),
            st.integers(0, 10**6),
            st.sampled_from([(0.0, False), (0.3, False), (1.0, False), (0.0, True)]),
        ),
        min_size=1,
        max_size=12,
    )
)
def test_any_table_gives_legal_curves(rows):
    ids, length, outcome = map(list, zip(*rows, strict=True))
    correct, cut = map(list, zip(*outcome, strict=True))
    fitted = fit_curves(Rollouts(ids, length, correct, truncated=cut))
    assert sane(fitted)
    within = fitted.completion_at([0, 1, 100, 10**4, 10**6, 10**12])
    assert (within[:, 0] == 0).all()
    assert (np.diff(within, axis=1) >= -1e-12).all()
    assert (within <= fitted.completion.success[:, None] + 1e-12).all()
    low, high = fitted.quantile(0.2), fitted.quantile(0.7)
    assert all((a <= b).all() for a, b in zip(low, high, strict=True))


# --- symmetries


def test_probabilities_are_shares_of_rows():
    shares = Rollouts(["a"] * 8, [700] * 4 + [900] * 4, [0.25] * 4 + [0.5] * 4)
    rows = Rollouts(["a"] * 8, [700] * 4 + [900] * 4, [1, 0, 0, 0, 1, 1, 0, 0])
    assert same(fit_curves(shares), fit_curves(rows))


def test_the_order_of_rows_does_not_matter():
    rollouts, _ = simulate(60, 3, seed=7, cap=5_000)
    order = np.random.default_rng(0).permutation(len(rollouts))
    one, other = fit_curves(rollouts), fit_curves(rollouts.take(order))
    assert other.query_ids.tolist() == rollouts.take(order).query_ids.tolist()
    row = rollouts.index_of(other.query_ids)
    assert other.estimate == pytest.approx(one.estimate[row], abs=1e-6)
    assert other.curves.tau == pytest.approx(one.curves.tau[row], rel=1e-6)


def test_twice_the_lengths_are_twice_the_curves():
    rollouts, _ = simulate(40, 3, seed=8, cap=5_000)
    twice = Rollouts(
        rollouts.query_id, 2 * rollouts.n_tokens, rollouts.correct, truncated=rollouts.truncated
    )
    one, two = fit_curves(rollouts), fit_curves(twice)
    assert two.curves.tau == pytest.approx(2 * one.curves.tau, rel=1e-6)
    assert 1 / two.curves.beta == pytest.approx(2 / one.curves.beta, rel=1e-6)
    assert two.curves.height == pytest.approx(one.curves.height, rel=1e-6)
    assert two.standard_error.width == pytest.approx(2 * one.standard_error.width, rel=1e-5)


# --- priors


def test_a_prior_of_each_query_is_the_one_used():
    rollouts, states = simulate(500, 1, seed=9)
    truth = Completion(expit(states[:, 0]), np.exp(states[:, 1]), np.exp(states[:, 2]))
    known = fit_curves(rollouts, prior=truth)
    assert known.prior.mean == pytest.approx(np.array([logit(truth[0]), *np.log(truth[1:])]).T)
    # A prior that is the truth leaves little to differ from it, and one rollout adds to it.
    unknown = fit_curves(rollouts)
    error = [((fit.estimate - states) ** 2).mean(axis=0) for fit in (known, unknown)]
    assert (error[0] < 0.4 * error[1]).all()
    assert np.trace(known.prior.covariance) < 0.3 * np.trace(unknown.prior.covariance)
    # Any triple will do, and scalars stand for all queries.
    triple = fit_curves(rollouts, prior=[0.5, 3_000, 0.35])
    assert triple.prior.mean == pytest.approx(
        np.broadcast_to([0.0, np.log(3_000), np.log(0.35)], (500, 3))
    )


def test_a_prior_learned_before_serves_a_new_query():
    learned = fit_curves(simulate(500, 4, seed=10)[0]).prior
    new = Rollouts(["new"], [3_000], [1])
    fitted = fit_curves(new, prior=learned)
    assert fitted.prior is learned
    assert 0.5 < fitted.completion.success[0] < 0.95
    certain = Prior(learned.mean, 1e-8 * np.eye(3), 1)
    assert fit_curves(new, prior=certain).estimate[0] == pytest.approx(learned.mean, abs=1e-4)


def test_a_prior_chance_of_nothing_still_hears():
    fitted = fit_curves(Rollouts(["a"] * 30, [900] * 30, [1] * 30), prior=(0.0, 800, 0.0))
    assert sane(fitted)
    assert fitted.completion.success[0] > 0.5


# --- what comes out


def test_completions_are_what_the_next_rollout_does():
    rollouts, states = simulate(3_000, 4, seed=11)
    fitted = fit_curves(rollouts)
    rng = np.random.default_rng(0)
    length = np.exp(states[:, 1] + np.exp(states[:, 2]) * rng.standard_normal(3_000))
    right = rng.random(3_000) < expit(states[:, 0])
    caps = [1_000, 3_000, 10_000]
    chance = fitted.completion_at(caps)
    for j, cap in enumerate(caps):
        hit = right & (length <= cap)
        # Calibrated in each tenth of the forecasts.
        for part in np.array_split(np.argsort(chance[:, j]), 10):
            assert hit[part].mean() == pytest.approx(chance[part, j].mean(), abs=0.09)
    at = (np.log(length) - np.log(fitted.completion.median)) / fitted.completion.sigma
    assert at[right].mean() == pytest.approx(0, abs=0.08)
    assert at[right].std() == pytest.approx(1, abs=0.06)


@pytest.mark.parametrize("family", [ShiftedSurge, Quadratic, Triangular])
def test_curves_of_each_family_follow_the_completion_curve(family):
    rollouts, _ = simulate(100, 4, seed=12)
    fitted = fit_curves(rollouts)
    curves = fitted.curves_as(family)
    caps = np.geomspace(500, 30_000, 12)
    values = np.stack([curves.value(cap) for cap in caps], axis=1)
    assert np.abs(values - fitted.completion_at(caps)).mean() < 0.02
    assert isinstance(curves, family)


def test_results_say_what_they_are():
    fitted = fit_curves(MIXED, prior=PRIOR)
    assert repr(fitted).startswith("FittedCurves(n=5, success=0.")
    assert len(fitted) == 5
    assert fitted.curves is fitted.curves
    assert fitted.completion_at(500).shape == (5, 1)
    with pytest.raises(AttributeError):
        fitted.prior = None


def test_a_fit_takes_time_in_proportion_to_the_queries():
    few, many = (simulate(n, 4, seed=13)[0] for n in (300, 3_000))
    assert growth(fit_curves, few, many) < 40


# --- refusals


@pytest.mark.parametrize(
    ("rows", "settings_", "message"),
    [
        (Rollouts([], [], []), {}, "has no rows"),
        (Rollouts(["a", "a"], [1, 2], [1, 1], model=["m", "n"]), {}, "2 models: m, n.*for_model"),
        (MIXED, {"prior": PRIOR, "shrink": False}, "nothing is to be shrunk"),
        (MIXED, {"prior": (0.5, 100)}, "has 2 parts; give success, median, sigma"),
        (MIXED, {"prior": ([0.5] * 4, 100, 0.3)}, r"prior success: has shape \(4,\) for 5"),
        (MIXED, {"prior": (1.5, 100, 0.3)}, r"row 0, prior success = 1.5: lies outside \[0, 1\]"),
        (MIXED, {"prior": (0.5, [9, 9, 0, 9, 9], 0.3)}, "row 2, prior median = 0.0: must be"),
        (MIXED, {"prior": (0.5, 100, np.nan)}, "prior sigma = nan: must be a number >= 0"),
        (MIXED, {"prior": ("x", 100, 0.3)}, "prior success: is not numeric"),
        (MIXED, {"prior": Prior(np.zeros((4, 3)), np.eye(3), 1)}, r"\(4, 3\) for 5 queries"),
    ],
)
def test_what_cannot_be_fitted_is_refused(rows, settings_, message):
    with pytest.raises(InvalidInputError, match=message):
        fit_curves(rows, **settings_)


def test_priors_and_questions_are_checked():
    with pytest.raises(InvalidInputError, match="mean: of shape"):
        Prior([0.0, 1.0], np.eye(3), 1)
    with pytest.raises(InvalidInputError, match="covariance: of shape"):
        Prior(np.zeros(3), -np.eye(3), 1)
    fitted = fit_curves(MIXED, prior=PRIOR)
    with pytest.raises(InvalidInputError, match=r"q = 1.0: lies outside \(0, 1\)"):
        fitted.quantile(1.0)
    for caps in ([10.0, -1.0], [np.nan], np.ones((2, 2))):
        with pytest.raises(InvalidInputError, match=r"caps = .*must be tokens >= 0"):
            fitted.completion_at(caps)


# --- the benchmark


def test_forecasts_on_recorded_rollouts_beat_raw_pooled_and_unshrunk(shared_data):
    rollouts = benchmark.read_rollouts(shared_data / "aime_rollouts.parquet")
    report = benchmark.run(rollouts, splits=1, samples=(4,))
    rows = {row["method"]: row for row in report["rows"]}
    for name in ("raw empirical curve", "pooled curve", "surge, not shrunk"):
        assert rows[name]["low"] > 0, name
    assert rows[benchmark.OURS]["brier"] < 0.064


def test_stored_scores_say_so_too_and_the_page_quotes_them():
    stored = json.loads((ROOT / "benchmarks" / "results" / "fitting.json").read_text())
    for row in stored["rows"]:
        if row["method"] in ("raw empirical curve", "pooled curve", "surge, not shrunk"):
            assert row["low"] > 0
    page = (ROOT / "docs" / "fitting.md").read_text(encoding="utf-8")
    assert benchmark.markdown(stored) in page


def test_scores_are_brier_scores():
    # Two queries: "a" always right at 1,500 tokens, "b" never.
    rollouts = Rollouts(["a", "b"] * 4, [1_500] * 8, [1, 0] * 4)

    def forecast(table):
        half = np.full((len(table.query_ids), len(benchmark.CAPS)), 0.5)
        sure = np.zeros_like(half)
        sure[table.index_of(["a"]), 1:] = 1.0
        return {benchmark.OURS: half, "sure": sure}

    report = benchmark.run(rollouts, splits=2, samples=(1, 2), forecast=forecast)
    for row in report["rows"]:
        expected = 0.25 if row["method"] == benchmark.OURS else 0.0
        assert row["brier"] == pytest.approx(expected)
        assert row["by_cap"] == pytest.approx([expected] * 5)
        assert row["above_ours"] == pytest.approx(expected - 0.25)
    assert benchmark.markdown(report).count("\n") == 8


def test_halves_share_no_row_and_hold_every_query():
    rollouts = Rollouts(["a"] * 5 + ["b"] * 2, [1] * 7, [1] * 7)
    place, second = benchmark.halves(rollouts, np.random.default_rng(0))
    assert sorted(place[:5][~second[:5]]) == [0, 1, 2]
    assert sorted(place[:5][second[:5]]) == [0, 1]
    assert sorted(second[5:]) == [False, True]


def test_tables_are_shrunk_more_where_queries_are_alike():
    rng = np.random.default_rng(0)
    ids = np.repeat([f"q{k}" for k in range(200)], 4).tolist()
    alike = Rollouts(ids, [500] * 800, rng.random(800) < 0.5)
    unlike = Rollouts(ids, [500] * 800, np.repeat(rng.random(200) < 0.5, 4))
    for table, sigma in ((alike, 0.05), (unlike, 0.5)):
        values = benchmark.shrunken_table(table).value(1_000.0)
        assert values.std() == pytest.approx(sigma, abs=0.05)


def test_the_command_writes_and_prints(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(benchmark, "read_rollouts", lambda path: simulate(20, 4)[0])
    out = tmp_path / "report.json"
    benchmark.main(["anywhere", "--splits", "1", "--out", str(out), "--json"])
    assert json.loads(capsys.readouterr().out) == json.loads(out.read_text())
    benchmark.main(["anywhere", "--splits", "1", "--out", str(out)])
    assert benchmark.OURS in capsys.readouterr().out


# --- the surge of a sigma


SHAPES = {
    ShiftedSurge: lambda y: y * np.exp(1 - y),
    Quadratic: lambda y: 2 * y - y**2,
    Triangular: lambda y: y,
}


def brute_force(sigma, shape):
    """Least squares over a fine grid of thresholds and widths, refined around the best."""
    caps = completion_caps(sigma)
    target = ndtr(np.log(caps) / sigma)
    tau, width, reach = np.linspace(0, 1, 41), np.geomspace(0.05, 12, 81), (0.05, 0.15)
    for _ in range(5):
        y = np.clip((caps - tau[:, None, None]) / width[:, None], 0, 1)
        surge = shape(y)
        height = np.clip(surge @ target / (surge**2).sum(axis=-1), 0, 1)
        loss = ((height[..., None] * surge - target) ** 2).sum(axis=-1)
        i, j = np.unravel_index(loss.argmin(), loss.shape)
        best = loss[i, j], tau[i], width[j], height[i, j]
        tau = np.clip(tau[i] + reach[0] * np.linspace(-1, 1, 31), 0, None)
        width = width[j] * np.exp(reach[1] * np.linspace(-1, 1, 31))
        reach = (reach[0] / 3, reach[1] / 3)
    return best


@pytest.mark.parametrize("sigma", [0.05, 0.1, 0.3, 0.6, 1.0, 1.5])
@pytest.mark.parametrize("family", SHAPES)
def test_the_fit_is_the_least_squares_one(sigma, family):
    shape = SHAPES[family]
    loss, tau, width, height = brute_force(sigma, shape)
    fit = fit_shape(sigma, family)
    caps = completion_caps(sigma)
    y = np.clip((caps - fit.tau) / fit.width, 0, 1)
    own_loss = np.sum((fit.height * shape(y) - ndtr(np.log(caps) / sigma)) ** 2)
    # The slopes of the other two jump at the peak; where caps pass it the search may stop early.
    smooth = family is ShiftedSurge
    assert own_loss <= loss * (1 + (1e-6 if smooth else 0.015))
    rel = 2e-3 if smooth else 0.05
    assert np.stack(fit) == pytest.approx([tau, width, height], rel=rel, abs=1e-3)


def test_reading_off_the_grid_is_as_good_as_fitting():
    sigma = np.linspace(0.06, 1.4, 29)
    fitted = np.transpose([fit_shape(s) for s in sigma])
    assert np.stack(surge_shape(sigma)) == pytest.approx(fitted, abs=0.02)


def test_spreads_outside_the_grid_are_read_as_its_ends():
    shape = surge_shape(np.array([0.0, SMALLEST_SIGMA, LARGEST_SIGMA, 9.0]))
    for values in shape:
        assert values[0] == values[1]
        assert values[2] == values[3]


def test_the_peak_lies_beyond_the_90_percent_quantile():
    sigma = np.array([0.1, 0.3, 0.5, 1.0])
    shape = surge_shape(sigma)
    assert (shape.tau + shape.width > np.exp(1.2816 * sigma)).all()
    assert (shape.tau < 1).all()

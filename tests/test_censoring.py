"""Truncated rollouts: what is expected of them, by hand and in what is learned from them."""

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import lognorm

from clear_opt.fitting import expected_outcomes, fit_curves
from clear_opt.predictors import SurgePredictor
from clear_opt.rollouts import Rollouts
from tests.effort import large
from tests.made_queries import LEARNERS

CHANCE, MEDIAN, SPREAD = 0.8, 400.0, 0.5


def simulated(cap, told, wrong, queries=400, samples=3, seed=0):
    """Rollouts of one kind of query, cut at ``cap``; ``told`` says whether the table says so.

    Wrong answers have the median length ``wrong``; if infinite, they go on until they are cut off.
    """
    rng = np.random.default_rng(seed)
    rows = queries * samples
    right = rng.random(rows) < CHANCE
    usual = np.where(right, MEDIAN, wrong)
    length = usual * np.exp(SPREAD * rng.standard_normal(rows))
    cut = length > cap
    return Rollouts(
        np.repeat([f"q{k}" for k in range(queries)], samples),
        np.maximum(np.minimum(length, cap).round(), 1),
        right & ~cut,
        np.repeat([f"Add {k}." for k in range(queries)], samples),
        truncated=cut if told else None,
    )


def learned_from(rollouts, learner):
    """Mean success and median that a predictor learns."""
    predictor = SurgePredictor(learner=LEARNERS[learner]).fit(rollouts.queries(), rollouts)
    found = predictor.predict_completion([f"Add {k}." for k in range(900, 930)])
    return found.success.mean(), found.median.mean()


@pytest.mark.parametrize("learner", ["linear", pytest.param("boosted", marks=large)])
def test_success_and_median_are_recovered_where_truncation_is_told(learner):
    # The cap hides an eighth of the right answers. Their number and length come back, if told.
    success, median = learned_from(simulated(700, told=True, wrong=np.inf), learner)
    assert success == pytest.approx(CHANCE, abs=0.06)  # 0.78 to 0.85 with other seeds
    assert median == pytest.approx(MEDIAN, rel=0.08)
    success, median = learned_from(simulated(700, told=False, wrong=np.inf), learner)
    assert success < 0.7
    assert median < 0.9 * MEDIAN


def test_wrong_answers_that_end_make_the_truncated_ones_look_worse():
    """A known limit: the likelihood does not ask how long wrong answers are."""
    told, untold = (simulated(500, told, wrong=250.0) for told in (True, False))
    assert untold.correct.mean() + 0.02 < expected_outcomes(told).correct.mean() < CHANCE


def by_hand(completion, cap):
    """Chance that a generation cut off is right later, and its mean log length, by quadrature."""
    chance, median, spread = (float(part[0]) for part in completion)
    length = lognorm(s=spread, scale=median)
    beyond, _ = quad(length.pdf, cap, np.inf, epsabs=1e-14)
    log_length, _ = quad(lambda x: np.log(x) * length.pdf(x), cap, np.inf, epsabs=1e-14)
    return chance * beyond / (1.0 - chance * (1.0 - beyond)), log_length / beyond


@pytest.mark.parametrize("cap", [20, 90, 150, 300])
def test_expected_outcomes_of_one_query_by_hand(cap):
    rollouts = Rollouts(
        ["a"] * 6,
        [90, 110, 140, 80, 60, cap],
        [1, 1, 1, 1, 0, 0],
        truncated=[False] * 5 + [True],
    )
    outcomes = expected_outcomes(rollouts)
    correct, log_length = by_hand(fit_curves(rollouts).completion, cap)
    assert outcomes.correct[5] == pytest.approx(correct, rel=1e-6)
    assert outcomes.log_length[5] == pytest.approx(log_length, rel=1e-6)
    assert outcomes.log_length[5] > np.log(cap)
    assert outcomes.correct[:5].tolist() == [1, 1, 1, 1, 0]
    assert outcomes.log_length[:5] == pytest.approx(np.log(rollouts.n_tokens[:5]))


def test_a_later_cut_leaves_less_hope():
    caps = [10, 100, 200, 400, 1_000, 100_000, 10**12]
    rollouts = Rollouts(
        ["a"] * 20 + [f"c{k}" for k in range(len(caps))],
        [*np.linspace(100, 300, 20).round(), *caps],
        [1] * 15 + [0] * (5 + len(caps)),
        truncated=[False] * 20 + [True] * len(caps),
    )
    outcomes = expected_outcomes(rollouts)
    chance, log_length = outcomes.correct[20:], outcomes.log_length[20:]
    assert (np.diff(chance) <= 0).all()
    assert chance[0] > 0.2
    assert chance[-1] < 1e-6
    assert np.isfinite(log_length).all()
    assert (log_length >= np.log(caps)).all()


@large
def test_each_model_is_completed_from_its_own_rollouts():
    ids = [f"q{k}" for k in range(40)]
    cut = np.tile(np.arange(40) % 4 == 0, 2)
    length = np.where(cut, 150, np.repeat([100, 1_000], 40))
    rollouts = Rollouts(
        ids * 2, length, ~cut, model=np.repeat(["brief", "long"], 40), truncated=cut
    )
    outcomes = expected_outcomes(rollouts)
    for name in ("brief", "long"):
        rows = rollouts.model == name
        alone = expected_outcomes(rollouts.for_model(name))
        assert np.array_equal(outcomes.correct[rows], alone.correct)
        assert np.array_equal(outcomes.log_length[rows], alone.log_length)
    brief, long = (outcomes.correct[cut & (rollouts.model == name)] for name in ("brief", "long"))
    assert brief.max() < 0.1  # 150 tokens are more than a brief answer takes
    assert long.min() > 0.9
    assert np.exp(outcomes.log_length[cut][-1]) == pytest.approx(1_000, rel=0.05)


@pytest.mark.parametrize("truncated", [None, [False] * 4])
def test_without_truncation_nothing_changes(truncated):
    rollouts = Rollouts(["a", "a", "b", "c"], [0, 120, 90, 7], [1, 0, 0.5, 1], truncated=truncated)
    outcomes = expected_outcomes(rollouts)
    assert outcomes.correct.tolist() == [1, 0, 0.5, 1]
    assert outcomes.log_length.tolist() == np.log([1, 120, 90, 7]).tolist()


def test_a_model_without_a_right_answer_tells_nothing_of_its_truncated_ones():
    rollouts = Rollouts(
        ["a", "b", "a", "b"],
        [50, 60, 70, 80],
        [0, 0, 1, 0],
        model=["never", "never", "once", "once"],
        truncated=[True, False, False, True],
    )
    outcomes = expected_outcomes(rollouts)
    assert outcomes.correct[:3].tolist() == [0, 0, 1]
    assert 0 < outcomes.correct[3] < 1

"""Calibration: an honest forecaster looks honest, a dishonest one does not, also under a cap."""

import numpy as np
import pytest
from scipy.stats import lognorm

from clear_opt.errors import InvalidInputError
from clear_opt.evaluation import calibrate, evaluate, reliability
from clear_opt.evaluation.calibration import within_cap_table
from clear_opt.evaluation.cross_validation import predicted
from clear_opt.evaluation.forecasts import Forecasts
from tests.known_predictors import Reads, drawn_rollouts

CAPS = (100.0, 300.0, 900.0)


def calibration_of(rollouts, predictor):
    return calibrate(Forecasts.from_batches(list(predicted(rollouts, predictor)), CAPS))


@pytest.fixture(scope="module")
def plenty():
    return drawn_rollouts(20_000, seed=3)


def test_reliability_by_hand():
    found = reliability([0.05, 0.05, 0.95, 1.0], [0, 1, 1, 1], weight=[1, 1, 2, 1])
    assert found.count.tolist() == [2, 0, 0, 0, 0, 0, 0, 0, 0, 3]
    assert found.predicted[[0, 9]] == pytest.approx([0.05, (2 * 0.95 + 1) / 3])
    assert found.observed[[0, 9]] == pytest.approx([0.5, 1])
    assert np.isnan(found.observed[1])
    assert found.brier == pytest.approx((0.05**2 + 0.95**2 + 2 * 0.05**2) / 5)
    assert found.brier_constant == pytest.approx(0.8 * 0.2)
    assert found.calibration_error == pytest.approx((2 * 0.45 + 3 * (1 - 2.9 / 3)) / 5)


def test_the_constant_may_differ_between_groups():
    found = reliability([0.5] * 4, [0, 0, 1, 1], group=[0, 0, 1, 1])
    assert found.brier_constant == 0
    assert found.brier == 0.25


def test_an_honest_forecaster_is_calibrated(plenty):
    found = calibration_of(plenty, Reads())
    p = plenty.queries()["p"].to_numpy()
    assert found.success.calibration_error < 0.02
    assert found.success.brier == pytest.approx(np.mean(p * (1 - p)), abs=0.006)
    assert found.success.brier < found.success.brier_constant
    assert found.lengths.coverage == pytest.approx((0.5, 0.8, 0.9), abs=0.025)
    assert found.lengths.pit == pytest.approx(np.full(10, 0.1), abs=0.015)
    for cap, row in zip(CAPS, within_cap_table(found), strict=True):
        table = plenty.queries()
        truth = table["p"] * lognorm.cdf(cap, table["spread"], scale=table["median"])
        assert row["cap"] == cap
        assert row["predicted"] == pytest.approx(truth.mean())
        assert row["observed"] == pytest.approx(truth.mean(), abs=0.015)
        assert row["brier"] == pytest.approx(np.mean(truth * (1 - truth)), abs=0.008)
        assert row["calibration_error"] < 0.02
        assert row["brier"] <= row["brier_curve"] + 0.002  # a surge only approaches the truth


def test_too_narrow_and_too_wide_lengths_are_seen(plenty):
    narrow = calibration_of(plenty, Reads(spread_factor=0.5)).lengths
    assert narrow.coverage[1] == pytest.approx(2 * lognorm.cdf(np.exp(0.6408), 1) - 1, abs=0.02)
    assert narrow.pit[[0, -1]].min() > 0.2
    wide = calibration_of(plenty, Reads(spread_factor=2.0)).lengths
    assert wide.coverage[1] > 0.97
    assert wide.pit[[0, -1]].max() < 0.02


def test_overrated_success_is_seen(plenty):
    found = calibration_of(plenty, Reads(success_factor=1.5))
    assert found.success.calibration_error > 0.15
    assert found.success.brier > calibration_of(plenty, Reads()).success.brier + 0.03


def test_cut_off_answers_neither_flatter_nor_blame():
    # A cap of 300 tokens hides many right answers; asked within 300 tokens, all is known.
    cut = drawn_rollouts(12_000, seed=3, cap=300)
    assert 0.2 < cut.truncated.mean() < 0.8
    found = calibration_of(cut, Reads())
    assert found.left_out == 0
    assert found.success.calibration_error < 0.02
    assert found.lengths.coverage == pytest.approx((0.5, 0.8, 0.9), abs=0.025)
    assert found.within[2].brier == found.within[1].brier  # nothing is known beyond the cap
    assert calibration_of(cut, Reads(spread_factor=0.5)).lengths.pit[-1] > 0.15


def test_answers_cut_off_before_the_others_are_left_out_and_counted():
    cut = drawn_rollouts(200, seed=3, cap=300)
    length = cut.n_tokens.copy()
    first = int(np.flatnonzero(cut.truncated)[0])
    length[first] = 40
    columns = {**cut.columns(), "n_tokens": length}
    assert calibration_of(type(cut)(**columns, features=cut.features), Reads()).left_out == 1


def test_samples_of_a_query_weigh_as_one():
    one, many = (drawn_rollouts(50, samples=k, seed=6) for k in (1, 8))
    assert calibration_of(one, Reads()).success.count.sum() == pytest.approx(50)
    assert calibration_of(many, Reads()).success.count.sum() == pytest.approx(50)


def test_nothing_known_and_no_right_answer():
    never = drawn_rollouts(30, seed=1)
    wrong = {**never.columns(), "correct": np.zeros(30)}
    found = calibration_of(type(never)(**wrong, features=never.features), Reads())
    assert found.lengths is None
    assert found.success.brier_constant == 0
    forecasts = Forecasts.from_batches(list(predicted(never, Reads())), CAPS)
    with pytest.raises(InvalidInputError, match="no rollout that says"):
        calibrate(forecasts.take(np.zeros(30, dtype=bool)))


def test_the_evaluation_measures_each_model_and_all_of_them():
    rollouts = drawn_rollouts(200, models=("a", "b"), seed=2)
    found = evaluate(rollouts, Reads(), budgets=[100, 300], folds=2, draws=10)
    own = [scores.calibration.success.brier for scores in found.models.values()]
    assert found.calibration.success.brier == pytest.approx(np.mean(own))
    assert found.calibration.success.count.sum() == pytest.approx(400)
    assert found.calibration.caps == (100.0, 300.0)

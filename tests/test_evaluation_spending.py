"""Comparing ways to spend at equal tokens really spent, against closed forms."""

import json

import numpy as np
import pytest

from clear_opt import InvalidInputError, LogNormalLengths, TabularCurve, TabularLengths
from clear_opt.evaluation import (
    SPEND_POLICIES,
    ReplayData,
    evaluate_spend,
    oracle_spend_frontier,
    uniform_spend_frontier,
)
from clear_opt.predictors import LinearLearner, SurgePredictor
from clear_opt.rollouts import Rollouts
from tests.known_predictors import Reads, drawn_rollouts
from tests.made_queries import two_kinds

N = 10


def talkative_and_slow():
    """Half of the queries end at 50 tokens nine times of ten, else at 1,000; the others at 1,500.

    All answers are right.
    """
    ids, lengths = [], []
    for k in range(N):
        ids += [f"talkative {k}"] * 10 + [f"slow {k}"]
        lengths += [50] * 9 + [1_000] + [1_500]
    return Rollouts(ids, lengths, [1] * len(ids), ids)


class Knows:
    """Foretells `talkative_and_slow` as it is."""

    def _talkative(self, queries):
        return np.array([text.startswith("talkative") for text in queries["text"]])[:, None]

    def predict(self, queries):
        grid = [49.0, 50.0, 999.0, 1_000.0, 1_499.0, 1_500.0]
        talkative = [0.0, 0.9, 0.9, 1.0, 1.0, 1.0]
        slow = [0.0, 0.0, 0.0, 0.0, 0.0, 1.0]
        return TabularCurve(grid, np.where(self._talkative(queries), talkative, slow))

    predict_completion_curves = predict

    def predict_lengths(self, queries):
        curve = self.predict(queries)
        return TabularLengths(curve.grid[0, 1:], 1.0 - curve.values[:, 1:])


def test_expected_spend_goes_on_where_caps_look_dear():
    # To raise a talkative query's cap from 50 to 1,000 costs 95 tokens on average and gains 0.1; a
    # slow one costs 1,500 and gains 1. Caps rank them the other way round: 950 for 0.1.
    found = evaluate_spend(talkative_and_slow(), Knows(), budgets=[25, 72.5, 400], folds=None)
    assert found.accuracy("expected") == pytest.approx([0.45, 0.5, 0.5 + 0.5 * 327.5 / 750])
    assert found.accuracy("reserved") == pytest.approx(
        [0.45, 0.45 + 0.5 * 47.5 / 750, 0.45 + 0.5 * 375 / 750]
    )
    rollouts = talkative_and_slow()
    replay_data = ReplayData(rollouts.query_ids, rollouts)
    for policy, known in (("uniform", uniform_spend_frontier), ("oracle", oracle_spend_frontier)):
        np.testing.assert_allclose(found.accuracy(policy), known(replay_data).at([25, 72.5, 400]))


def test_where_spend_counts_the_completion_curve_is_asked_and_not_the_surge():
    class Torn(Knows):
        def predict(self, queries):
            return TabularCurve([10.0], np.zeros((len(queries), 1)))

        def predict_completion_curves(self, queries):
            return Knows.predict(self, queries)

        def predict_lengths(self, queries):
            return Knows().predict_lengths(queries)

    found = evaluate_spend(talkative_and_slow(), Torn(), budgets=[25, 72.5], folds=None)
    assert found.accuracy("expected") == pytest.approx([0.45, 0.5])
    assert found.accuracy("reserved").tolist() == [0, 0]


def test_the_rows_are_the_figures():
    found = evaluate_spend(talkative_and_slow(), Knows(), budgets=[72.5, 25], folds=None)
    told = json.loads(json.dumps(found.as_json(), allow_nan=False))
    assert [(row["model"], row["tokens"]) for row in told["rows"]] == [("all", 25), ("all", 72.5)]
    for policy in SPEND_POLICIES:
        assert [row[policy] for row in told["rows"]] == found.accuracy(policy).tolist()
        assert [row[policy] for row in told["mean"]] == found.accuracy(policy).tolist()
    assert told["queries"] == {"all": 2 * N}
    assert told["settings"]["basis"] == "expected"
    assert "does not say which queries" in told["notes"][0]
    assert "expected_minus_reserved=+0.0" in repr(found)


def test_cross_validation_predicts_each_model_by_what_has_not_seen_the_query():
    rollouts = two_kinds(queries=60)
    steps = []
    found = evaluate_spend(
        rollouts,
        SurgePredictor(learner=LinearLearner()),
        budgets=[60, 200],
        folds=2,
        on_step=lambda done, total: steps.append((done, total)),
    )
    assert steps == [(1, 1)]
    assert found.settings["folds"] == 2
    for policy in SPEND_POLICIES:
        accuracy = found.accuracy(policy)
        assert (accuracy <= found.accuracy("oracle") + 1e-12).all()
        assert accuracy[0] <= accuracy[1]


def test_a_predictor_without_lengths_is_refused():
    rollouts = drawn_rollouts(n=4)
    with pytest.raises(InvalidInputError, match=r"Reads: predicts no lengths; .*predict_lengths"):
        evaluate_spend(rollouts, Reads(), folds=None)


def test_what_cannot_be_asked():
    rollouts = talkative_and_slow()
    with pytest.raises(InvalidInputError, match="budgets = 0"):
        evaluate_spend(rollouts, Knows(), budgets=[0], folds=None)
    with pytest.raises(InvalidInputError, match="trained already"):
        evaluate_spend(rollouts, Knows(), folds=None, per_model=True)


def test_hopeless_queries_are_left_alone():
    class Gloomy(Knows):
        def predict(self, queries):
            return TabularCurve([10.0], np.zeros((len(queries), 1)))

        predict_completion_curves = predict

        def predict_lengths(self, queries):
            return LogNormalLengths(np.full(len(queries), 9.0), 0.5)

    found = evaluate_spend(talkative_and_slow(), Gloomy(), budgets=[50], folds=None)
    assert found.accuracy("expected").tolist() == found.accuracy("reserved").tolist() == [0.0]

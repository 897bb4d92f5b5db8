"""Accuracy against tokens really spent: frontiers by brute force, and what evaluations tell."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clear_opt.errors import InvalidInputError
from clear_opt.evaluation import (
    ReplayData,
    accuracy_at_spend,
    actual_spend_frontier,
    as_json,
    evaluate,
    oracle_spend_frontier,
    replay,
    uniform_spend_frontier,
)
from clear_opt.plots.report import report_html
from clear_opt.predictors import LinearLearner, SurgePredictor
from clear_opt.rollouts import Rollouts
from tests.effort import effort
from tests.made_queries import two_kinds


def recorded_rollouts(seed, queries=12, samples=3):
    rng = np.random.default_rng(seed)
    ids = np.repeat([f"q{k}" for k in range(queries)], samples)
    length = rng.integers(1, 60, len(ids))
    rollouts = Rollouts(ids, length, rng.random(len(ids)) < 0.6)
    return ReplayData(rollouts.query_ids, rollouts)


# --- reading a frontier


def test_between_budgets_the_line_is_straight_and_it_never_falls():
    found = accuracy_at_spend([100, 20, 60], [0.4, 0.2, 0.5], [0, 10, 20, 40, 60, 80, 100, 1e9])
    assert found == pytest.approx([0, 0.1, 0.2, 0.35, 0.5, 0.5, 0.5, 0.5])


def test_of_equal_spends_the_best_counts():
    for accuracy in ([0.1, 0.3, 0.2, 0.4], [0.3, 0.1, 0.2, 0.4]):
        found = accuracy_at_spend([50, 50, 50, 60], accuracy, [25, 50, 55])
        assert found == pytest.approx([0.15, 0.3, 0.35])
    assert accuracy_at_spend([0, 10], [0.2, 0.3], [0, 5]) == pytest.approx([0.2, 0.25])


def test_an_empty_frontier_is_worth_nothing():
    assert accuracy_at_spend([], [], [0, 10]).tolist() == [0, 0]


@pytest.mark.parametrize(
    ("spend", "accuracy", "targets", "said"),
    [
        ([-1.0], [0.5], [1], "row 0, spend_per_query = -1"),
        ([1.0], [0.5], [2.0, np.nan], "row 1, targets = nan"),
        ([1.0, 2.0], [0.5], [1], "accuracy: has shape"),
        ([[1.0]], [[0.5]], [1], "one list"),
    ],
)
def test_wrong_frontiers_are_refused(spend, accuracy, targets, said):
    with pytest.raises(InvalidInputError, match=said):
        accuracy_at_spend(spend, accuracy, targets)


@settings(max_examples=effort(40), derandomize=True, deadline=None)
@given(
    points=st.lists(st.tuples(st.integers(0, 50), st.floats(0, 1)), min_size=1, max_size=8),
    targets=st.lists(st.integers(0, 60), min_size=2, max_size=8),
)
def test_more_spend_is_never_worth_less(points, targets):
    spend, accuracy = zip(*points, strict=True)
    found = accuracy_at_spend(spend, accuracy, sorted(targets))
    assert (np.diff(found) >= 0).all()
    at = accuracy_at_spend(spend, accuracy, spend)
    assert (at >= np.array(accuracy) - 1e-12).all()


# --- frontiers


def test_a_frontier_is_that_of_replayed_caps():
    replay_data = recorded_rollouts(0)
    caps = np.random.default_rng(1).integers(0, 70, (9, len(replay_data)))
    found = actual_spend_frontier(caps, replay_data)
    replayed = [replay(own, replay_data.query_ids, replay_data.rollouts) for own in caps]
    spend = np.array([one.spend.mean() for one in replayed])
    order = np.argsort(spend, kind="stable")
    assert found.spend == pytest.approx(spend[order])
    assert found.accuracy == pytest.approx(np.array([one.accuracy for one in replayed])[order])
    assert "9 budgets" in repr(found)
    assert len(actual_spend_frontier([], replay_data).spend) == 0


@pytest.mark.parametrize("samples", [1, 3])
def test_equal_caps_are_tried_at_every_cap_that_matters(samples):
    replay_data = recorded_rollouts(2, samples=samples)
    caps = np.tile(np.arange(1, 70)[:, None], len(replay_data))
    every = actual_spend_frontier(caps, replay_data)
    found = uniform_spend_frontier(replay_data)
    for spend, accuracy in zip(every.spend, every.accuracy, strict=True):
        assert found.at([spend])[0] >= accuracy - 1e-12
    # Nothing beyond what some cap reaches: each of its points is a replay.
    for spend, accuracy in zip(found.spend, found.accuracy, strict=True):
        assert every.at([spend])[0] >= accuracy - 1e-12


@pytest.mark.parametrize("seed", range(4))
def test_the_oracle_pays_for_right_answers_alone(seed):
    """With one sample each the best set of right answers is found by trying all."""
    replay_data = recorded_rollouts(seed, queries=9, samples=1)
    length, right = replay_data.length, replay_data.correct > 0
    found = oracle_spend_frontier(replay_data)
    for spent, accuracy in zip(found.spend, found.accuracy, strict=True):
        best = max(
            sum((chosen >> k) & 1 for k in range(9))
            for chosen in range(1 << 9)
            if all(right[k] or not (chosen >> k) & 1 for k in range(9))
            and sum(length[k] for k in range(9) if (chosen >> k) & 1) <= spent * 9 + 1e-9
        )
        assert accuracy * 9 == pytest.approx(best)
    assert found.accuracy[-1] == pytest.approx(right.mean())
    assert found.spend[-1] == pytest.approx(length[right].sum() / 9)


@pytest.mark.parametrize("samples", [1, 4])
def test_no_caps_beat_the_oracle(samples):
    replay_data = recorded_rollouts(7, samples=samples)
    rng = np.random.default_rng(8)
    oracle = oracle_spend_frontier(replay_data)
    for _ in range(200):
        caps = rng.integers(0, 70, len(replay_data)) * (rng.random(len(replay_data)) < rng.random())
        spend, accuracy = replay_data.spend(caps).mean(), replay_data.answered(caps).mean()
        assert accuracy <= oracle.at([spend])[0] + 1e-12


def test_a_batch_without_a_right_answer_has_an_oracle_of_nothing():
    replay_data = ReplayData(["a"], Rollouts(["a"], [50], [0]))
    assert oracle_spend_frontier(replay_data).at([10, 100]).tolist() == [0, 0]


# --- what an evaluation tells


@pytest.fixture(scope="module")
def found():
    rollouts = two_kinds(queries=60, samples=2, models=(("a", 0.0, 1.0), ("b", -1.0, 2.0)))
    return evaluate(
        rollouts, SurgePredictor(learner=LinearLearner()), budgets=[60, 200], folds=2, draws=10
    )


def test_an_evaluation_tells_what_was_spent(found):
    plain = json.loads(json.dumps(as_json(found), allow_nan=False))
    for name, scores in found.models.items():
        for policy in ("uniform", "proportional", "learned", "oracle"):
            spent = scores.spend(policy)
            assert ((spent > 0) & (spent <= found.budgets + 1e-9)).all()
            assert plain["models"][name]["spent"][policy] == pytest.approx(spent.tolist())
    assert found.spend("learned") == pytest.approx(
        np.mean([scores.spend("learned") for scores in found.models.values()], axis=0)
    )
    assert plain["mean"]["spent"]["oracle"] == pytest.approx(found.spend("oracle").tolist())


def test_equal_caps_spend_what_a_replay_says(found):
    rollouts = two_kinds(queries=60, samples=2, models=(("a", 0.0, 1.0), ("b", -1.0, 2.0)))
    own = rollouts.for_model("b")
    for budget, spent in zip(found.budgets, found.models["b"].spend("uniform"), strict=True):
        assert spent == pytest.approx(np.minimum(own.n_tokens, budget).mean())


def test_the_report_shows_accuracy_against_what_was_spent(found):
    page = report_html(found)
    drawn = json.loads(page.split('id="figures">')[1].split("</script>")[0])
    for model, figures in drawn.items():
        source = found.models[model] if model else found
        lines = {trace["name"]: trace for trace in figures["spend"]["data"]}
        learned = lines["learned (shadow price)"]
        assert learned["x"] == pytest.approx(source.spend("learned").tolist())
        assert learned["y"] == pytest.approx(source.accuracy("learned").tolist())
    for policy in ("uniform", "learned", "oracle"):
        assert all(f"<td>{spent:.1f}</td>" in page for spent in found.spend(policy))

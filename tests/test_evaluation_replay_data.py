"""Recorded answers as curves, and comparisons over several budgets."""

import numpy as np
import pytest

from clear_opt import ShiftedSurge
from clear_opt.errors import InvalidInputError
from clear_opt.evaluation import POLICY_NAMES, ReplayData, compare_budgets, compare_policies, replay
from clear_opt.rollouts import Rollouts
from tests.effort import effort


def random_rollouts(seed, queries=6, rows=25, longest=12):
    rng = np.random.default_rng(seed)
    ids = [f"q{k}" for k in (*range(queries), *rng.integers(0, queries, rows - queries))]
    correct = np.round(rng.random(rows), 1) * (rng.random(rows) < 0.7)
    return Rollouts(ids, rng.integers(0, longest, rows), correct)


@pytest.mark.parametrize("seed", range(effort(10)))
def test_recorded_curves_give_what_a_replay_of_every_cap_gives(seed):
    rollouts = random_rollouts(seed)
    ids = rollouts.query_ids
    replay_data = ReplayData(ids, rollouts)
    curves = replay_data.curves()
    for cap in range(16):
        found = replay(np.full(len(ids), cap), ids, rollouts)
        by_hand = [
            np.mean(rollouts.correct[of] * (rollouts.n_tokens[of] <= cap))
            for of in (rollouts.query_id == name for name in ids)
        ]
        assert found.answered == pytest.approx(by_hand)
        assert replay_data.answered(np.full(len(ids), cap)) == pytest.approx(by_hand)
        assert curves.value(float(cap)) == pytest.approx(by_hand)
        assert replay_data.spend(np.full(len(ids), cap)) == pytest.approx(found.spend)


def test_recorded_curves_of_one_answer_each():
    replay_data = ReplayData(["a", "b", "c"], Rollouts(["a", "b", "c"], [5, 0, 1], [1, 0.5, 1]))
    curves = replay_data.curves()
    assert curves.value(4.0).tolist() == [0, 0.5, 1]
    assert curves.value(5.0).tolist() == [1, 0.5, 1]
    assert curves.value(0.0).tolist() == [0, 0.5, 0]
    assert curves.value(1e6).tolist() == [1, 0.5, 1]
    assert len(ReplayData([], Rollouts([], [], []))) == 0
    assert repr(replay_data) == "ReplayData(n=3, samples=3)"


def test_several_budgets_are_compared_as_one_by_one():
    rollouts = random_rollouts(3, queries=9, rows=9, longest=400)
    ids = rollouts.query_ids
    curves = ShiftedSurge.from_height(rollouts.n_tokens + 1.0, 0.5, 40.0)
    together = compare_budgets(curves, ReplayData(ids, rollouts), [300, 900])
    for budget, found in zip([300, 900], together, strict=True):
        alone = compare_policies(curves, ids, rollouts, budget)
        assert found.budget == alone.budget == budget
        for policy in POLICY_NAMES:
            assert found.answered[policy].tolist() == alone.answered[policy].tolist()
            assert found.accuracy(policy) == found.answered[policy].mean()
        assert found.uniform <= found.oracle
        assert found.informed == pytest.approx(found.oracle)
        assert 0 <= found.gap <= 1


def test_the_learned_policy_spends_what_its_curves_leave_over():
    # Predicted to need 100 tokens, it needs 190; uniform caps of 200 get it, so must the learned.
    rollouts = Rollouts(["a", "b"], [190, 190], [1, 1])
    curves = ShiftedSurge.from_height([50, 50], 0.9, 50.0)
    found = compare_policies(curves, ["a", "b"], rollouts, budget=400)
    assert found.uniform == found.learned == 1.0


def test_curves_and_queries_must_pair_up():
    replay_data = ReplayData(["a"], Rollouts(["a"], [5], [1]))
    with pytest.raises(InvalidInputError, match="has 2 curves for 1 queries"):
        compare_budgets(ShiftedSurge.from_height([50, 50], 0.9, 50.0), replay_data, [3])

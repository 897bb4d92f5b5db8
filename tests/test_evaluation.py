from itertools import product
from pathlib import Path

import numpy as np
import pytest

from clear_opt import ShiftedSurge
from clear_opt.errors import InvalidInputError
from clear_opt.evaluation import compare_policies, query_folds, replay
from clear_opt.policies import oracle
from clear_opt.rollouts import Rollouts, read_rollouts
from tests.effort import effort

ZEROEVAL = Path(__file__).resolve().parents[2] / "shared" / "data" / "zeroeval_rollouts.parquet"
needs_shared = pytest.mark.skipif(not ZEROEVAL.is_file(), reason=f"no rollouts at {ZEROEVAL}")

ROLLOUTS = Rollouts(
    query_id=["a", "b", "a", "c", "a"],
    n_tokens=[100, 50, 200, 80, 300],
    correct=[1, 1, 0, 0.5, 1],
)


def test_replay_by_hand():
    # a at 250: one of three within the cap and right; b at 49: too short; c at 80: half right.
    result = replay([250, 49, 80], ["a", "b", "c"], ROLLOUTS)
    assert result.accuracy == pytest.approx((1 / 3 + 0 + 0.5) / 3)
    assert result.spend == pytest.approx([(100 + 200 + 250) / 3, 49, 80])
    assert repr(result) == "Replay(n=3, accuracy=0.2778, mean_spend=104.1)"


def test_replay_follows_the_order_of_the_queries_and_allows_repeats():
    result = replay([50, 300, 0], ["b", "a", "b"], ROLLOUTS)
    assert result.accuracy == pytest.approx((1 + 2 / 3 + 0) / 3)
    assert result.spend == pytest.approx([50, 200, 0])


def test_an_empty_batch_scores_nothing():
    assert replay([], [], ROLLOUTS).accuracy == 0.0
    assert oracle([], ROLLOUTS, 100).shape == (0,)


@pytest.mark.parametrize(
    ("tokens", "queries", "message"),
    [
        ([1, 2], ["a", "z"], "row 1, query_id = z: has no rollouts"),
        ([1, -2], ["a", "b"], "row 1, tokens = -2: must be >= 0"),
        ([1.0, np.nan], ["a", "b"], "row 1, tokens = nan: must be >= 0"),
        ([1], ["a", "b"], r"tokens: has shape \(1,\) for 2 queries"),
    ],
)
def test_replay_refuses(tokens, queries, message):
    with pytest.raises(InvalidInputError, match=message):
        replay(tokens, queries, ROLLOUTS)


@pytest.mark.parametrize("budget", [-1.0, float("nan")])
def test_the_oracle_refuses_a_negative_budget(budget):
    with pytest.raises(InvalidInputError, match="budget"):
        oracle(["a"], ROLLOUTS, budget)


def best_accuracy(rollouts, budget):
    """Try every combination of caps at which anything happens."""
    ids = rollouts.query_ids
    choices = [{0, *rollouts.n_tokens[rollouts.query_id == name].tolist()} for name in ids]
    return max(
        replay(caps, ids, rollouts).accuracy for caps in product(*choices) if sum(caps) <= budget
    )


@pytest.mark.parametrize("seed", range(effort(30)))
def test_the_oracle_is_exact_for_one_sample_per_query(seed):
    rng = np.random.default_rng(seed)
    ids = [f"q{i}" for i in range(7)]
    rollouts = Rollouts(ids, rng.integers(1, 40, 7), rng.random(7) < 0.7)
    budget = int(rng.integers(0, 150))
    caps = oracle(ids, rollouts, budget)
    assert caps.dtype == np.int64
    assert caps.sum() <= budget
    assert replay(caps, ids, rollouts).accuracy == pytest.approx(best_accuracy(rollouts, budget))


@pytest.mark.parametrize("seed", range(effort(30)))
def test_the_oracle_loses_less_than_a_step_with_several_samples(seed):
    rng = np.random.default_rng(100 + seed)
    ids = [f"q{i}" for i in range(4)]
    correct = np.round(rng.random(16) * (rng.random(16) < 0.8), 2)
    rollouts = Rollouts(np.repeat(ids, 4).tolist(), rng.integers(0, 40, 16), correct)
    budget = int(rng.integers(0, 120))
    caps = oracle(ids, rollouts, budget)
    found, best = replay(caps, ids, rollouts).accuracy, best_accuracy(rollouts, budget)
    largest_step = max(correct.reshape(4, 4).mean(axis=1)) / 4
    assert caps.sum() <= budget
    assert best - largest_step <= found <= best + 1e-12


def test_the_oracle_climbs_the_hull_of_several_samples():
    # Two of three answers by 60 tokens beat one by 50: the first step goes straight to 60.
    rollouts = Rollouts(["a"] * 3 + ["b"], [50, 60, 400, 45], [1, 1, 1, 1])
    assert oracle(["a", "b"], rollouts, 59).tolist() == [0, 45]
    assert oracle(["a", "b"], rollouts, 105).tolist() == [60, 45]
    assert oracle(["a", "b"], rollouts, 444).tolist() == [60, 45]
    assert oracle(["a", "b"], rollouts, 445).tolist() == [400, 45]


def test_the_oracle_pays_nothing_for_wrong_answers():
    rollouts = Rollouts(["a", "b"], [10, 20], [0, 0])
    assert oracle(["a", "b"], rollouts, 1_000).tolist() == [0, 0]


def test_right_curves_bring_the_price_to_the_oracle():
    # Curves that rise just at the recorded length let the price pick the oracle's queries.
    rng = np.random.default_rng(7)
    ids, length, right = [f"q{i}" for i in range(60)], rng.integers(40, 900, 60), rng.random(60)
    rollouts = Rollouts(ids, length, right < 0.7)
    curves = ShiftedSurge.from_height(
        tau=length * 0.999, height=np.where(right < 0.7, 1.0, 1e-6), width=length * 0.001
    )
    result = compare_policies(curves, ids, rollouts, budget=6_000)
    assert result.learned >= result.oracle - 1 / 60 - 1e-12
    assert result.uniform < result.oracle
    assert 0 < result.abandoned < 1
    assert result.price > 0
    assert "n=60, budget=6000, uniform=" in repr(result)


def test_a_comparison_needs_one_curve_per_query():
    with pytest.raises(InvalidInputError, match="has 1 curves for 2 queries"):
        compare_policies(ShiftedSurge(100.0, 0.01, 0.01), ["a", "b"], ROLLOUTS, 100)


def test_folds_part_the_queries():
    ids = [f"q{i}" for i in range(23)]
    folds = query_folds(ids, k=5, seed=3)
    assert sorted(np.concatenate(folds)) == sorted(ids)
    assert {len(fold) for fold in folds} == {4, 5}
    same, other = query_folds(ids, k=5, seed=3), query_folds(ids, k=5, seed=4)
    assert all((a == b).all() for a, b in zip(folds, same, strict=True))
    assert any(a.tolist() != b.tolist() for a, b in zip(folds, other, strict=True))


@pytest.mark.parametrize("k", [1, 4])
def test_folds_need_enough_queries(k):
    with pytest.raises(InvalidInputError, match="between 2 and the number of queries, 3"):
        query_folds(["a", "b", "c"], k)


@needs_shared
def test_uniform_caps_score_as_the_reference_says():
    rollouts = read_rollouts(ZEROEVAL)
    tables = [rollouts.for_model(model) for model in rollouts.models]
    for cap, accuracy in {100: 0.084, 200: 0.517, 800: 0.744}.items():
        scores = [replay(np.full(len(t), cap), t.query_ids, t).accuracy for t in tables]
        assert np.mean(scores) == pytest.approx(accuracy, abs=5e-4)


@needs_shared
def test_the_oracle_scores_as_the_reference_says():
    # The reference averages five folds; one budget for all queries can only be a little better.
    rollouts = read_rollouts(ZEROEVAL)
    scores = []
    for model in rollouts.models:
        table = rollouts.for_model(model)
        caps = oracle(table.query_ids, table, 100 * len(table))
        assert caps.sum() <= 100 * len(table)
        scores.append(replay(caps, table.query_ids, table).accuracy)
    assert np.mean(scores) == pytest.approx(0.631, abs=0.005)

"""Simulated traffic: its answers against the published figures, its curves against its answers."""

import numpy as np
import pytest
from scipy.stats import rankdata

from clear_opt.datasets import POOLS, RECALL, STREAMS, draw, simulate, training_set
from clear_opt.errors import InvalidInputError


def rank_correlation(one, other):
    return np.corrcoef(rankdata(one), rankdata(other))[0, 1]


@pytest.mark.parametrize("pool", POOLS)
def test_recall_by_cap_is_the_published_one(pool):
    traffic = training_set(n=30_000, samples=10, seed=1)
    rows = np.repeat(traffic.pool == pool, 10) & (traffic.rollouts.correct > 0)
    length = traffic.rollouts.n_tokens[rows]
    assert len(length) > 2_000
    for cap, published in RECALL[pool].items():
        assert (length <= cap).mean() == pytest.approx(published, abs=0.03)


# Digitised from the paper's figure: what its method reaches at 1,000 tokens per query.
@pytest.mark.parametrize(
    ("stream", "published"),
    [("Balanced", 0.290), ("MostlyEasy", 0.586), ("MostlyHard", 0.154), ("UShaped", 0.342)],
)
def test_streams_reach_about_what_the_papers_do(stream, published):
    assert simulate(stream, n=20_000, seed=1).rollouts.correct.mean() == pytest.approx(
        published, abs=0.02
    )


def test_true_curves_foretell_the_answers():
    traffic = simulate("Balanced", n=2_000, seed=2, samples=50)
    length = traffic.rollouts.n_tokens.reshape(-1, 50)
    right = traffic.rollouts.correct.reshape(-1, 50) > 0
    for cap in (200.0, 400.0, 800.0, 1_600.0):
        seen = (right & (length <= cap)).mean()
        assert traffic.curves.value(cap).mean() == pytest.approx(seen, abs=0.012)
    assert right.mean(axis=1) == pytest.approx(traffic.truth.success, abs=0.3)


def test_wrong_answers_are_longer():
    traffic = simulate("MostlyHard", n=2_000, seed=4, samples=8)
    over = np.log(traffic.rollouts.n_tokens / np.repeat(traffic.truth.median, 8))
    right = traffic.rollouts.correct > 0
    assert over[right].mean() == pytest.approx(0.0, abs=0.02)
    assert over[~right].mean() == pytest.approx(np.log(1.4), abs=0.02)


@pytest.mark.parametrize("column", ["words", "steps"])
def test_features_hint_at_lengths_without_telling_them(column):
    traffic = simulate("Balanced", n=3_000, seed=3)
    found = rank_correlation(traffic.queries[column], traffic.truth.median)
    assert 0.5 < found < 0.9


def test_the_level_hints_at_success():
    traffic = simulate("Balanced", n=3_000, seed=3)
    assert -0.95 < rank_correlation(traffic.queries["level"], traffic.truth.success) < -0.5


@pytest.mark.parametrize("stream", STREAMS)
def test_pools_have_their_shares(stream):
    assert sum(STREAMS[stream].values()) == pytest.approx(1.0)
    pool = simulate(stream, n=500).pool
    for name, share in STREAMS[stream].items():
        assert abs((pool == name).sum() - 500 * share) < 1


def test_one_seed_one_stream():
    first, again, other = (simulate("Balanced", n=50, seed=s).rollouts for s in (7, 7, 8))
    assert (first.n_tokens == again.n_tokens).all()
    assert (first.n_tokens != other.n_tokens).any()
    assert (simulate("UShaped", n=50, seed=7).rollouts.n_tokens != first.n_tokens).any()


def test_training_shares_no_query_with_a_stream():
    training = training_set(n=200, samples=2)
    assert len(training.rollouts) == 400
    assert not set(training.rollouts.query_ids) & set(simulate("Balanced").rollouts.query_ids)
    assert not set(training.truth.median) & set(simulate("Balanced", n=200).truth.median)


def test_recorded_queries_are_drawn_once_in_the_streams_proportions():
    pools = {name: [f"{name}{k}" for k in range(60)] for name in POOLS}
    drawn = draw("MostlyHard", pools, n=100, seed=1)
    assert len(set(drawn.query_ids)) == 100
    assert [(drawn.pool == name).sum() for name in POOLS] == [15, 25, 60]
    assert all(
        query.startswith(pool) for query, pool in zip(drawn.query_ids, drawn.pool, strict=True)
    )
    assert (draw("MostlyHard", pools, n=100, seed=1).query_ids == drawn.query_ids).all()


def test_what_cannot_be_used_is_named():
    with pytest.raises(InvalidInputError, match="Balanced"):
        simulate("Even")
    with pytest.raises(InvalidInputError, match="n = 0"):
        simulate("Balanced", n=0)
    with pytest.raises(InvalidInputError, match="samples"):
        simulate("Balanced", samples=0)
    with pytest.raises(InvalidInputError, match="pools = hard"):
        draw("MostlyHard", {"easy": ["a"] * 99, "medium": ["b"] * 99}, n=10)

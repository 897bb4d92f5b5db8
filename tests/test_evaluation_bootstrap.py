"""Bootstrap intervals against a loop that resamples rows, and against the normal law."""

import numpy as np
import pytest

from clear_opt.evaluation import ModelScores, bootstrap
from clear_opt.evaluation.comparison import POLICY_NAMES


def scores_of(ids, answered):
    """Scores of given per-query outcomes, policy by policy, shape (n, budgets)."""
    filled = {
        name: np.asarray(answered.get(name, answered["oracle"]), float) for name in POLICY_NAMES
    }
    budgets = np.arange(1.0, filled["oracle"].shape[1] + 1)
    nothing = np.zeros(len(budgets))
    return ModelScores(
        np.array(ids, dtype=object), budgets, filled, filled, nothing, nothing, nothing
    )


def drawn_scores(seed, n, budgets=2, first=0):
    rng = np.random.default_rng(seed)
    oracle = (rng.random((n, budgets)) < 0.8) * 1.0
    learned, uniform = (oracle * (rng.random((n, budgets)) < share) for share in (0.8, 0.6))
    ids = [f"q{k:03d}" for k in range(first, first + n)]
    return scores_of(ids, {"oracle": oracle, "learned": learned, "uniform": uniform})


def by_loop(models, draws, seed):
    """Resample query by query: what the vectorised bootstrap must equal, draw by draw."""
    names = sorted({name for scores in models.values() for name in scores.query_ids})
    times = np.random.default_rng(seed).multinomial(
        len(names), [1 / len(names)] * len(names), size=draws
    )
    accuracy = {model: [] for model in models}
    efficiency = {model: [] for model in models}
    for draw in times:
        batch = [name for name, count in zip(names, draw, strict=True) for _ in range(count)]
        for model, scores in models.items():
            place = {name: k for k, name in enumerate(scores.query_ids)}
            rows = [place[name] for name in batch if name in place]
            mean = {policy: scores.answered[policy][rows].mean(axis=0) for policy in POLICY_NAMES}
            accuracy[model].append(mean)
            efficiency[model].append((mean["learned"] / mean["oracle"]).mean())
    return accuracy, efficiency


def ends(values, level=0.9):
    return np.quantile(np.array(values), [(1 - level) / 2, (1 + level) / 2], axis=0).T


def test_intervals_equal_those_of_a_loop_over_draws():
    models = {"a": drawn_scores(1, 30), "b": drawn_scores(2, 20, first=7)}
    found = bootstrap(models, draws=150, level=0.9, seed=4)
    accuracy, efficiency = by_loop(models, 150, 4)
    for model in models:
        own = found.models[model]
        for policy in ("uniform", "learned", "oracle"):
            expected = ends([mean[policy] for mean in accuracy[model]])
            np.testing.assert_allclose(own.accuracy[policy], expected)
        difference = [mean["learned"] - mean["uniform"] for mean in accuracy[model]]
        np.testing.assert_allclose(own.difference, ends(difference))
        np.testing.assert_allclose(own.oracle_fraction, ends(efficiency[model]))
    np.testing.assert_allclose(
        found.mean.oracle_fraction, ends(np.mean([efficiency["a"], efficiency["b"]], axis=0))
    )
    both = [
        (one["learned"] + other["learned"]) / 2
        for one, other in zip(accuracy["a"], accuracy["b"], strict=True)
    ]
    np.testing.assert_allclose(found.mean.accuracy["learned"], ends(both))
    assert (found.level, found.draws, found.seed) == (0.9, 150, 4)


def test_draws_in_pieces_are_the_same_draws(monkeypatch):
    models = {"a": drawn_scores(1, 30)}
    whole = bootstrap(models, draws=100, seed=1)
    monkeypatch.setattr("clear_opt.evaluation.resampling._ELEMENTS", 30 * 7)
    np.testing.assert_array_equal(
        bootstrap(models, draws=100, seed=1).models["a"].difference, whole.models["a"].difference
    )
    other = bootstrap(models, draws=100, seed=2).models["a"].difference
    assert (other != whole.models["a"].difference).any()


def test_widths_are_those_of_the_normal_law():
    scores = drawn_scores(3, 900, budgets=1)
    found = bootstrap({"m": scores}, draws=4_000).models["m"]
    paired = scores.answered["learned"] - scores.answered["uniform"]
    error = paired.std() / 30
    low, high = found.difference[0]
    assert low == pytest.approx(paired.mean() - 1.96 * error, abs=0.1 * error)
    assert high == pytest.approx(paired.mean() + 1.96 * error, abs=0.1 * error)


def test_pairing_keeps_the_luck_that_policies_share_out_of_their_difference():
    rng = np.random.default_rng(0)
    uniform = (rng.random((200, 1)) < 0.5) * 1.0
    learned = uniform.copy()
    learned[np.flatnonzero(uniform[:, 0] == 1)[:12]] = 0  # 12 answers fewer, and none more
    scores = scores_of(range(200), {"oracle": np.ones((200, 1)), "uniform": uniform,
                                    "learned": learned})  # fmt: skip
    found = bootstrap({"m": scores}).models["m"]
    assert found.difference[0] == pytest.approx([-0.095, -0.03], abs=0.012)
    assert found.significantly_below_uniform.tolist() == [True]
    # Each accuracy by itself is known far less well than their difference.
    assert np.ptp(found.accuracy["uniform"][0]) > 2 * np.ptp(found.difference[0])


def test_one_answer_fewer_of_many_is_no_significant_loss():
    uniform = np.ones((100, 1))
    learned = uniform.copy()
    learned[0] = 0
    answered = {"oracle": np.ones((100, 1)), "uniform": uniform, "learned": learned}
    found = bootstrap({"m": scores_of(range(100), answered)}, draws=500).models["m"]
    assert found.difference[0, 0] < 0 == found.difference[0, 1]
    assert not found.significantly_below_uniform.any()


def test_equal_policies_are_not_below_each_other():
    same = np.eye(20)[:, :2]
    scores = scores_of(range(20), {"oracle": np.ones((20, 2)), "uniform": same, "learned": same})
    found = bootstrap({"m": scores}, draws=200).models["m"]
    assert found.difference.tolist() == [[0, 0], [0, 0]]
    assert not found.significantly_below_uniform.any()


def test_models_are_resampled_together():
    # Two models alike on every query vary together, so averaging them narrows nothing.
    one = drawn_scores(5, 60)
    found = bootstrap({"a": one, "b": one}, draws=300)
    np.testing.assert_allclose(found.mean.difference, found.models["a"].difference)


def test_a_draw_without_a_models_queries_does_not_count():
    models = {"a": drawn_scores(6, 5), "b": drawn_scores(7, 1, first=2)}
    found = bootstrap(models, draws=300)
    for part in (*found.models.values(), found.mean):
        assert np.isfinite(part.difference).all()
        assert np.isfinite(part.oracle_fraction).all()

import json
from pathlib import Path

import numpy as np
import pytest

from benchmarks import decision_focus as benchmark
from benchmarks import decision_losses
from benchmarks import held_out_states as held_out
from benchmarks.decision_focus import curves_of
from benchmarks.decision_losses import (
    Boosting,
    Outcomes,
    boosted,
    fenchel_young,
    likelihood,
    loss_and_gradient,
    smoothed_regret,
    spo_plus,
)
from benchmarks.decision_replay import Replays
from clear_opt import AllocationProblem, solve
from clear_opt._numerics.precision import double_precision
from clear_opt.evaluation import Batch, score
from clear_opt.rollouts import Rollouts

ROOT = Path(__file__).resolve().parents[1]
DECISION_LOSSES = [fenchel_young, spo_plus, smoothed_regret]
LOSSES = [*DECISION_LOSSES, likelihood]


@pytest.fixture(scope="module", autouse=True)
def small_buckets():
    """Pad the batches, all small, to no more rows than the largest of them has."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(decision_losses, "_BUCKET", 512)
        yield


def some_states(n, seed=0):
    rng = np.random.default_rng(seed)
    return np.column_stack([rng.normal(0, 1, n), rng.normal(5.3, 0.4, n), rng.normal(-1, 0.3, n)])


def some_outcomes(n, seed=0, prices=3):
    rng = np.random.default_rng(seed)
    length = np.exp(rng.normal(5.3, 0.5, n)).round()
    price = rng.uniform(5e-4, 4e-3, (n, prices))
    return Outcomes((rng.random(n) < 0.6) * 1.0, length, price, rng.random((n, prices)))


def losses_of(loss, state, outcomes, k=0):
    with double_precision():
        return np.asarray(loss(state, outcomes.correct, outcomes.length, outcomes.prices[:, k]))


# --- the losses


@pytest.mark.parametrize("loss", LOSSES)
def test_gradients_are_those_of_finite_differences(loss):
    state, outcomes, step = some_states(12), some_outcomes(12), 1e-6
    _, gradient = loss_and_gradient(loss, state, outcomes)
    for row, column in np.ndindex(state.shape):
        move = np.zeros_like(state)
        move[row, column] = step
        up, down = (loss_and_gradient(loss, state + s * move, outcomes)[0] for s in (1, -1))
        assert gradient[row, column] == pytest.approx((up - down) / (2 * step), abs=1e-6)
    assert (np.abs(gradient) > 1e-3).sum() > state.size / 4


def hindsight(outcomes, caps, k=0):
    """Utility less cost of every cap (n, caps), once it is known what happened; and the best."""
    right = outcomes.correct[:, None] * (outcomes.length[:, None] <= caps)
    net = right - outcomes.prices[:, [k]] * caps
    return net, net.max(axis=1)


def test_losses_are_what_trying_every_cap_says():
    state, outcomes = some_states(60), some_outcomes(60)
    caps = np.arange(0.0, 3_000.0)
    curves, price = curves_of(state), outcomes.prices[:, [0]]
    net = np.stack([curves.value(cap) for cap in caps], axis=1) - price * caps
    true_net, best = hindsight(outcomes, caps)
    at_best = np.take_along_axis(net, true_net.argmax(axis=1)[:, None], axis=1)[:, 0]
    chosen = net.argmax(axis=1)[:, None]

    expected = net.max(axis=1) - at_best
    assert losses_of(fenchel_young, state, outcomes) == pytest.approx(expected, abs=1e-4)
    assert (expected > 0.01).any()

    found = losses_of(spo_plus, state, outcomes)
    # A cap just below the length is not among the whole ones, hence the tolerance.
    expected = (2 * net - true_net).max(axis=1) - 2 * at_best + best
    assert found == pytest.approx(expected, abs=0.02)
    regret = best - np.take_along_axis(true_net, chosen, axis=1)[:, 0]
    assert (found >= regret - 0.01).all()  # it is a bound on the regret
    assert (losses_of(smoothed_regret, state, outcomes) >= -1e-9).all()


def test_smoothed_regret_is_the_regret_where_nothing_is_close():
    # Median 100, known to 5 %: the cap is near 110, and the surplus far from zero.
    state = np.array([[4.0, np.log(100), np.log(0.05)]] * 3)
    outcomes = Outcomes(
        np.array([1.0, 1.0, 0.0]), np.array([60.0, 400.0, 60.0]), np.full((3, 1), 1e-3), 1.0
    )
    cap = curves_of(state).response(1e-3)[0]
    assert 100 < cap < 140
    expected = [cap - 60, 600 + cap, cap]
    assert 1e3 * losses_of(smoothed_regret, state, outcomes) == pytest.approx(expected, abs=1)


def test_weights_scale_the_loss_and_its_gradient():
    state, outcomes = some_states(5), some_outcomes(5)
    twice = outcomes._replace(weight=2 * outcomes.weight)
    for loss in LOSSES:
        value, slope = loss_and_gradient(loss, state, outcomes)
        assert loss_and_gradient(loss, state, twice)[0] == pytest.approx(2 * value)
        assert loss_and_gradient(loss, state, twice)[1] == pytest.approx(2 * slope)
        alone = loss_and_gradient(loss, state[:2], outcomes.take(np.arange(2)))[1]
        assert alone == pytest.approx(slope[:2])
        by_price = [losses_of(loss, state, outcomes, k) for k in range(3)]
        assert value == pytest.approx((np.transpose(by_price) * outcomes.weight).sum())


# --- boosting


@pytest.mark.parametrize("loss", LOSSES)
def test_the_training_loss_falls_and_the_same_data_give_the_same_trees(loss):
    state, outcomes = some_states(400), some_outcomes(400)
    columns = np.column_stack([np.log(outcomes.length), outcomes.correct])
    boosting = Boosting(loss, min_child_samples=10, colsample_bytree=1.0)
    booster, path = boosting.fit(columns, state, outcomes, 30)
    assert path[-1] < path[0] - 0.05 * abs(path[0])
    new = boosted(booster, columns, state, 30)
    again, _ = boosting.fit(columns, state, outcomes, 30)
    assert np.array_equal(new, boosted(again, columns, state, 30))
    assert loss_and_gradient(loss, new, outcomes)[0] / 400 < path[-1]
    assert boosted(booster, columns, state, 0) is state


def two_kinds_of_length(seed, n=500):
    """Each query is answered briefly or in four times as many tokens: no log-normal is right."""
    rng = np.random.default_rng(seed)
    x = rng.random(n)
    longer = np.where(rng.random(n) < 0.6, 0.0, np.log(4.0))
    length = np.exp(4.5 + x + 0.1 * rng.normal(size=n) + longer).round()
    return x[:, None], length, (rng.random(n) < 0.9) * 1.0


def solved(state, length, correct, budgets=(20, 40, 60, 80, 120, 160)):
    """Mean accuracy over the budgets, and the prices."""
    found = [solve(AllocationProblem(curves_of(state), b * len(state))) for b in budgets]
    right = [(correct * (length <= answer.tokens)).mean() for answer in found]
    return np.mean(right), np.array([answer.price for answer in found])


@pytest.mark.parametrize("seed", [0, 10])
def test_where_the_family_is_wrong_decisions_gain_from_training_on_them(seed):
    x, length, correct = two_kinds_of_length(seed)
    other_x, other_length, other_correct = two_kinds_of_length(seed + 1)
    log_length = np.log(length[correct > 0])
    usual = np.tile([np.log(9.0), log_length.mean(), np.log(log_length.std())], (len(x), 1))

    def trained(start, other_start, loss, share, prices, rounds):
        weight = np.tile((prices > 0) * 1.0, (len(x), 1))
        outcomes = Outcomes(correct, length, np.tile(prices, (len(x), 1)), weight)
        boosting = Boosting(
            loss, share, num_leaves=4, min_child_samples=20, reg_lambda=0.0, colsample_bytree=1.0
        )
        booster, _ = boosting.fit(x, start, outcomes, rounds)
        return boosted(booster, x, start, rounds), boosted(booster, other_x, other_start, rounds)

    known, held_out_base = trained(usual, usual, likelihood, 0.0, np.array([1e-3]), 100)
    base, _ = solved(held_out_base, other_length, other_correct)
    _, prices = solved(known, length, correct)
    for loss, share in ((smoothed_regret, 0.0), (fenchel_young, 0.1)):
        _, new = trained(known, held_out_base, loss, share, prices, 100)
        found, _ = solved(new, other_length, other_correct)
        assert found > base + 0.015, loss.__name__


# --- replay, held-out states and the report


def recorded(n=40, models=("a", "b"), seed=0):
    rng = np.random.default_rng(seed)
    ids = [f"q{k}" for k in range(n)] * len(models)
    length = np.exp(rng.normal(5, 0.5, len(ids))).round().astype(int)
    texts = [f"Add {k} and {k % 7}." for k in range(n)] * len(models)
    return Rollouts(ids, length, rng.random(len(ids)) < 0.7, texts, np.repeat(models, n))


def test_replays_score_as_the_evaluation_does():
    rollouts, budgets = recorded(), (30, 60, 120, 4_000)
    state = some_states(len(rollouts))
    replays = Replays(rollouts, budgets)
    curves = curves_of(state)
    answered = replays.answered(curves)
    batches = [
        Batch(name, rollouts.for_model(name), curves.take(rollouts.model == name))
        for name in rollouts.models
    ]
    expected = score(batches, budgets, draws=10)
    found = replays.compared(answered, answered)
    assert found["efficiency"] == pytest.approx(expected.oracle_fraction, abs=1e-12)
    assert found["accuracy"] == pytest.approx(expected.accuracy("learned"))
    assert found["difference"] == found["low"] == found["high"] == 0
    quick = replays.efficiency(state, np.ones(len(rollouts), dtype=bool))
    assert quick == pytest.approx(expected.oracle_fraction, abs=0.03)
    outcomes = replays.outcomes(state, np.ones(len(rollouts), dtype=bool))
    one = expected.models["a"]
    assert outcomes.prices[0] == pytest.approx(np.maximum(one.price, 1e-6), rel=1e-3)
    oracle = np.where(one.price > 0, one.accuracy("oracle"), np.inf)
    assert outcomes.weight[0] == pytest.approx(1 / (4 * oracle))
    assert (outcomes.weight[0] > 0).tolist() == [True, True, True, False]


def test_differences_are_paired_and_have_their_sign():
    rollouts = recorded()
    replays = Replays(rollouts, (60, 120))
    base = replays.answered(curves_of(some_states(len(rollouts))))
    worse = base * (np.arange(len(base)) % 2)[:, None]
    found = replays.compared(worse, base)
    assert found["low"] < found["difference"] < found["high"] < 0


def test_replays_refuse_several_rollouts_of_one_query_and_model():
    with pytest.raises(ValueError, match="several rollouts"):
        Replays(Rollouts(["a", "a"], [1, 2], [1, 1], model=["m", "m"]), [10])
    with pytest.raises(ValueError, match="no models"):
        Replays(Rollouts(["a"], [1], [1]), [10])


class Witness:
    """Predicts, as the success of each query, nothing; remembers whom it has seen."""

    def __init__(self, rollouts):
        self.seen = set(rollouts.query_id)
        self.features_ = self

    def transform(self, table):
        return np.zeros((len(table), 1))


def test_no_state_comes_from_a_predictor_that_has_seen_the_fold_or_the_query(monkeypatch):
    rollouts = recorded(20)
    asked = []

    def states(fitted, table):
        assert not fitted.seen & set(table.query_id)
        asked.append((len(fitted.seen), len(table)))
        return np.full((len(table), 3), float(len(fitted.seen)))

    monkeypatch.setattr(held_out, "_fitted", lambda table: Witness(table))
    monkeypatch.setattr(held_out, "states", states)
    found = held_out.held_out_states(rollouts, folds=4)
    assert len(asked) == 4 + 2 * 6
    assert (found.own() == 15).all()  # all but the own fold of five
    for i in range(4):
        assert (found.state[i][found.fold != i] == 10).all()  # without fold i as well


def test_states_and_completions_are_each_other_s_inverse():
    state = some_states(7)
    assert held_out.as_state(held_out.as_completion(state)) == pytest.approx(state)


@pytest.fixture(scope="module")
def report():
    rollouts = recorded(200)
    fold = np.arange(len(rollouts)) % 200 % 3
    state = np.stack([some_states(len(rollouts))] * 3)
    columns = np.random.default_rng(0).normal(size=(3, len(rollouts), 2))
    states = held_out.HeldOutStates(fold, state, columns)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(benchmark, "_SCRATCH_ROUNDS", 10)  # what is shown needs no good trees
        return benchmark.run(rollouts, {0: states, 1: states}, budgets=(60, 100))


def test_every_method_is_reported_against_the_predictor_as_it_is(report):
    first = report["rows"][0]
    assert first["method"] == benchmark.BASE
    assert [found["difference"] for found in first["seeds"]] == [0, 0]
    for row in report["rows"]:
        one, two = row["seeds"]
        assert {**one, "seed": 1} == two  # the same folds, the same figures
        assert one["efficiency"] - first["seeds"][0]["efficiency"] == pytest.approx(
            one["difference"]
        )
        if row["method"].startswith("fine-tuned"):
            assert len(one["chosen"]) == 3
    json.dumps(report, allow_nan=False)
    assert benchmark.markdown(report).count("\n") == len(report["rows"]) + 1


def test_the_page_quotes_the_stored_report_and_what_it_concludes_holds():
    stored = json.loads((ROOT / "benchmarks" / "results" / "decision_focus.json").read_text())
    page = (ROOT / "docs" / "decisions.md").read_text(encoding="utf-8")
    assert benchmark.markdown(stored) in page
    rows = {row["method"]: row["seeds"] for row in stored["rows"]}
    for name, seeds in rows.items():
        if name.startswith("fine-tuned"):
            assert all(abs(found["difference"]) < 0.002 for found in seeds), name
        if name.startswith("from scratch"):
            assert all(found["difference"] < 0 for found in seeds), name
    for ours, control in zip(
        rows["from scratch: smoothed regret"],
        rows["from scratch: likelihood (control)"],
        strict=True,
    ):
        assert ours["efficiency"] > control["efficiency"]

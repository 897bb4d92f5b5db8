"""The routing benchmark: what a query costs, what is compared with what, and the quoted table."""

import itertools
import json
from pathlib import Path

import numpy as np
import pytest

from benchmarks import routing, routing_offers
from benchmarks.frontiers import Frontier, difference, oracle_at, split_at
from benchmarks.routing import MARKS, markdown, run, sweep
from benchmarks.routing_offers import ListPrice, held_out, offers_of, prompt_tokens, replay
from clear_opt import Limit, Program, solve
from clear_opt.predictors import LinearLearner, SurgePredictor
from clear_opt.rollouts import Rollouts

ROOT = Path(__file__).resolve().parents[1]
PREDICTOR = SurgePredictor(learner=LinearLearner())
MODELS = ("cheap", "dear")
CASES = ((MODELS, "expected"),)
BUDGETS = (0.06, 0.2, 0.6)
SHOWN = (0.05, 0.5)


@pytest.fixture(scope="module", autouse=True)
def prices():
    known = dict(routing_offers.PRICES)
    routing_offers.PRICES.update(cheap=ListPrice(0.1, 1.0), dear=ListPrice(1.0, 10.0))
    yield
    routing_offers.PRICES.clear()
    routing_offers.PRICES.update(known)


@pytest.fixture(scope="module")
def rollouts():
    """The cheap model answers easy queries only, the dear one nearly all; one is not shared."""
    rng = np.random.default_rng(0)
    queries = 60
    hard = np.tile(np.arange(queries) % 2 == 0, 2)
    ids = [f"q{k}" for k in range(queries)] * 2
    texts = [f"Prove theorem {i}" if h else f"Add {i}" for i, h in zip(ids, hard, strict=True)]
    dear = np.repeat([False, True], queries)
    length = np.where(hard, 200.0, 100.0) * np.exp(0.2 * rng.standard_normal(len(ids)))
    correct = rng.random(len(ids)) < np.where(dear, 0.95, np.where(hard, 0.1, 0.9))
    model = np.where(dear, "dear", "cheap").tolist()
    table = Rollouts(ids, np.round(length), correct, texts, model=model)
    return table.take(np.arange(len(ids)) != len(ids) - 1)


@pytest.fixture(scope="module")
def held(rollouts):
    return held_out(rollouts, MODELS, PREDICTOR, seed=0)


def test_predictions_are_of_the_shared_queries_in_one_order(rollouts, held):
    ids, found = held
    assert sorted(ids) == sorted(set(rollouts.query_ids) - {"q59"})
    for model in MODELS:
        own = rollouts.for_model(model)
        rows = [list(own.query_id).index(name) for name in ids]
        assert (found[model].n_tokens == own.n_tokens[rows]).all()
        assert (found[model].correct == own.correct[rows]).all()
        assert len(found[model].surge) == len(found[model].completion) == len(ids)
    # Right of the text: hard queries are told from easy ones, and by model.
    hard = np.array([int(name[1:]) % 2 == 0 for name in ids])
    cheap, dear = (found[model].surge.height for model in MODELS)
    assert cheap[hard].mean() < 0.4 < 0.6 < min(cheap[~hard].mean(), dear[hard].mean())


def test_no_predictor_has_seen_what_it_predicts(rollouts):
    class Spy(SurgePredictor):
        seen: list = []  # noqa: RUF012

        def fit(self, queries, rollouts):
            self.seen.append(set(rollouts.query_ids))
            return super().fit(queries, rollouts)

        def predict(self, queries, model=None):
            assert not self.seen[-1] & set(queries.index)
            return super().predict(queries, model)

    held_out(rollouts, MODELS, Spy(learner=LinearLearner()), seed=0)
    assert len(Spy.seen) == 5
    assert len(set.union(*Spy.seen)) == 59


def test_a_prompt_has_a_token_per_word_and_mark():
    assert prompt_tokens(["Add 3, and x_1.", ""]).tolist() == pytest.approx([1.03 * 6, 0.0])


def test_a_query_costs_its_prompt_and_what_it_wrote(held):
    ids, found = held
    prompts = np.arange(10.0, 10.0 + len(ids))
    offers = offers_of(found, prompts, "reserved")
    allocation = solve(Program(offers, Limit(0.03, "dollars")))
    cost, right = replay(allocation, offers, found)
    rates = {"cheap": (0.1e-6, 1e-6), "dear": (1e-6, 10e-6)}
    for k, name in enumerate(allocation.offered):
        if name is None:
            assert cost[k] == right[k] == 0
            continue
        length, cap = found[name].n_tokens[k], allocation.tokens[k]
        paid = rates[name][0] * prompts[k] + rates[name][1] * min(length, cap)
        assert cost[k] == pytest.approx(paid)
        assert right[k] == (found[name].correct[k] and length <= cap)
    assert {"cheap", "dear"} <= set(allocation.offered)


def test_a_sweep_ends_where_money_is_no_object(held):
    ids, found = held
    offers = offers_of(found, np.full(len(ids), 10.0), "expected")
    frontier, points = sweep(offers, found, "expected", (0.1, 50.0))
    assert frontier.cost.shape == frontier.right.shape == (3, len(ids))
    assert [point["price"] > 0 for point in points] == [True, False]
    assert points[1]["accuracy"] == frontier.at(np.array([9.0]))[0] > 0.85


def test_a_frontier_is_read_at_a_cost():
    frontier = Frontier.of([(np.array([2.0, 4.0]), np.array([1.0, 0.0]))])
    assert frontier.at(np.array([0.0, 1.5, 3.0, 9.0])).tolist() == [0.0, 0.25, 0.5, 0.5]
    # The first query three times, the second once.
    cost, right = frontier.points(np.array([3, 1]))
    assert (cost.tolist(), right.tolist()) == ([0.0, 2.5], [0.0, 0.75])


def test_the_best_split_is_the_best_mixture_of_two_points():
    rng = np.random.default_rng(3)
    frontiers = [
        Frontier.of([(rng.uniform(0, 2, 4), rng.integers(0, 2, 4)) for _ in range(3)])
        for _ in range(3)
    ]
    points = [
        pair
        for frontier in frontiers
        for pair in zip(*(part.tolist() for part in frontier.points()), strict=True)
    ]
    for money in (0.1, 0.5, 0.9, 1.3, 3.0):
        best = max(
            right
            if cost <= money
            else low[1] + (money - low[0]) / (cost - low[0]) * (right - low[1])
            for low, (cost, right) in itertools.product(points, repeat=2)
            if low[0] <= money
        )
        assert split_at(frontiers, np.array([money]))[0] == pytest.approx(best)


def test_the_oracle_pays_the_cheapest_model_that_is_right():
    whole = np.array([[1.0, np.inf, np.inf, 2.0], [3.0, 4.0, np.inf, 1.0]])
    money = np.array([0.0, 0.25, 0.5, 1.5, 9.0])
    assert oracle_at(whole, money).tolist() == [0.0, 0.25, 0.5, 0.75, 0.75]


def test_intervals_hold_what_is_always_so():
    cost = np.ones((1, 50))
    one = Frontier.of([(cost[0], np.ones(50))])
    other = Frontier.of([(cost[0], np.r_[np.ones(40), np.zeros(10)])])
    low, high = difference(one, other, np.array([1.0]), draws=200, seed=0)
    assert 0.05 < low[0] < 0.2 < high[0] < 0.4
    assert difference(one, one, np.array([0.5]), 20, 0)[0] == [0.0]


@pytest.fixture(scope="module")
def report(rollouts):
    return run(rollouts, PREDICTOR, CASES, BUDGETS, SHOWN, draws=50)


def test_the_report_holds_every_policy(report):
    (case,) = report["cases"]
    assert (case["basis"], case["queries"]) == ("expected", 59)
    for row in case["rows"]:
        assert row["oracle"] >= max(row["joint"], row["split"]) - 0.02
        assert row["split"] >= max(row["alone"].values()) - 1e-12
        assert row["gain"] == pytest.approx(row["joint"] - row["alone"][row["best"]])
        assert row["low"] <= row["gain"] <= row["high"]
    # Where money allows a little of the dear model, routing by text beats both.
    assert case["rows"][1]["gain"] > 0.05
    json.dumps(report, allow_nan=False)
    assert "| 0.05 " in markdown(report)


def test_the_command_writes_and_quotes(report, tmp_path, monkeypatch, capsys):
    page = tmp_path / "routing.md"
    page.write_text(f"# Page\n\n{MARKS[0]}\n\n{MARKS[1]}\n")
    monkeypatch.setattr(routing, "_PAGE", page)
    monkeypatch.setattr(routing, "_RESULT", tmp_path / "routing.json")
    monkeypatch.setattr(routing, "read_rollouts", lambda path: None)
    monkeypatch.setattr(routing, "run", lambda rollouts: report)
    routing.main(["--out", str(tmp_path / "routing.json")])
    assert markdown(report) in capsys.readouterr().out
    assert markdown(report) in page.read_text()
    assert json.loads((tmp_path / "routing.json").read_text()) == report


def test_the_page_quotes_the_stored_results():
    stored = json.loads((ROOT / "benchmarks" / "results" / "routing.json").read_text())
    page = (ROOT / "docs" / "routing.md").read_text(encoding="utf-8")
    assert markdown(stored) in page
    for model, price in stored["settings"]["prices"].items():
        assert routing_offers.PRICES[model]._asdict() == price
        assert f"`{model}` | {price['prompt']:g}" in page.replace("2.50", "2.5").replace(
            "3.00", "3"
        )


def test_joint_routing_is_not_behind_the_best_model_in_the_stored_results():
    stored = json.loads((ROOT / "benchmarks" / "results" / "routing.json").read_text())
    main = stored["cases"][0]
    assert main["basis"] == "expected"
    for row in main["rows"]:
        assert row["gain"] > -0.002  # of 1,388 queries: fewer than three
        assert row["high"] >= 0

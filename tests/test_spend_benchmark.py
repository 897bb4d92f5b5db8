"""The spend benchmark: what is compared at equal spend, what counts as overrun, and the page."""

import json
from pathlib import Path

import numpy as np
import pytest

from benchmarks import spend
from benchmarks.spend import (
    EXPECTED,
    MARKS,
    ORACLE,
    POLICIES,
    RESERVED,
    UNIFORM,
    markdown,
    run,
)
from benchmarks.spend_held import held_out, priced, program_of
from benchmarks.spend_overruns import CHANCE, overruns
from clear_opt import solve
from clear_opt.predictors import LinearLearner, SurgePredictor
from clear_opt.rollouts import Rollouts

ROOT = Path(__file__).resolve().parents[1]
TARGETS = (40.0, 90.0)


@pytest.fixture(scope="module")
def rollouts():
    """Hard queries have long answers, mostly wrong ones; the second model lacks one query."""
    rng = np.random.default_rng(0)
    queries = 80
    hard = np.tile(np.arange(queries) % 2 == 0, 2)
    ids = [f"q{k}" for k in range(queries)] * 2
    texts = [f"Prove theorem {i}" if h else f"Add {i}" for i, h in zip(ids, hard, strict=True)]
    length = np.where(hard, 300.0, 80.0) * np.exp(0.3 * rng.standard_normal(len(ids)))
    correct = rng.random(len(ids)) < np.where(hard, 0.3, 0.9)
    model = np.repeat(["one", "two"], queries).tolist()
    table = Rollouts(ids, np.round(length), correct, texts, model=model)
    return table.take(np.arange(len(ids)) != len(ids) - 1)


class Spy(SurgePredictor):
    """Objects where it is asked about what it has learned from."""

    seen: list = []  # noqa: RUF012

    def fit(self, queries, rollouts):
        self.seen.append(set(rollouts.query_ids))
        return super().fit(queries, rollouts)

    def predict(self, queries, model=None):
        assert not self.seen[-1] & set(queries.index)
        return super().predict(queries, model)


@pytest.fixture(scope="module")
def ran(rollouts):
    """The report, and the predictions it was made from: learning twice would take long."""
    kept = []

    def keeping(*arguments):
        kept.append(held_out(*arguments))
        return kept[-1]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(spend, "held_out", keeping)
        found = run(rollouts, Spy(learner=LinearLearner()), TARGETS, (60.0,), batches=50, size=30)
    return found, kept[0]


@pytest.fixture(scope="module")
def report(ran):
    return ran[0]


@pytest.fixture(scope="module")
def held(ran):
    return ran[1]


def test_each_model_is_predicted_on_its_own_queries(rollouts, held):
    found, errors = held
    assert list(found) == list(errors) == ["one", "two"]
    for model, part in found.items():
        assert set(part.query_id) == set(rollouts.for_model(model).query_ids)
        assert len(part.query_id) == len(part.surge) == len(part.completion) == len(part.lengths)
        assert 0 <= errors[model] < 1
        # Hard queries are told from easy ones by their text, and each row is that query's.
        hard = np.array([int(name[1:]) % 2 == 0 for name in part.query_id])
        assert part.surge.height[hard].mean() < 0.5 < part.surge.height[~hard].mean()
        spent = np.asarray(part.lengths.expected_spend(1e6))
        assert spent[hard].mean() > 2 * spent[~hard].mean()


def test_no_predictor_has_seen_what_it_predicts(rollouts, held):
    assert len(Spy.seen) == 5  # and each objected to none of its questions
    unseen = [set(rollouts.query_ids) - seen for seen in Spy.seen]
    assert set().union(*unseen) == set(rollouts.query_ids)


def test_a_price_gives_what_a_solve_of_its_budget_gives(held):
    part = held[0]["one"]
    program = program_of(part, 0, "expected")
    (caps,) = priced(program, np.array([3e-3]))
    spend = float(np.asarray(part.lengths.expected_spend(caps)).sum())
    solved = solve(program.with_budget(spend))
    right = float(np.asarray(part.completion.value(caps)).sum())
    assert right == pytest.approx(solved.expected_utility, rel=1e-6)
    assert 0 < spend < caps.sum()


def test_the_margin_is_the_programs_own(rollouts, held):
    """A batch of every query once: `solve` keeps back what the benchmark does, to one step."""
    part, own = held[0]["one"], rollouts.for_model("one")
    n = len(part.query_id)
    chance = {"overrun_probability": CHANCE, "spend_error": 0.05}
    solved = solve(program_of(part, 60.0 * n, "expected", **chance)).rows[0].reserve / (60.0 * n)
    assert overruns(part, own, 60, 0.05, 200, n)["margin"] == pytest.approx(solved, rel=0.05)
    assert 0.05 * 1.645 < solved < 0.3


def test_an_overrun_is_counted_against_what_was_really_written(rollouts, held):
    part, own = held[0]["one"], rollouts.for_model("one")
    kept = overruns(part, own, 60, 0.02, batches=200, size=40)
    assert 0.5 < kept["spent"] < 1
    assert kept["overrun"] < 0.2
    assert 0 < kept["right"] < kept["right_without"] < 1
    assert kept["expected"] + kept["margin"] == pytest.approx(1.0, abs=0.01)
    # A shared error keeps more back, a larger batch less.
    assert overruns(part, own, 60, 0.1, 200, 40)["expected"] < kept["expected"]
    assert overruns(part, own, 60, 0.02, 200, 400)["expected"] > kept["expected"]
    # Answers three times as long as was predicted overrun whatever is kept back.
    longer = Rollouts(own.query_id, 3 * own.n_tokens, own.correct, own.texts(), model=own.model)
    found = overruns(part, longer, 60, 0.02, batches=200, size=40)
    assert found["overrun"] > 0.9
    assert found["spent"] > 1


def test_the_report_holds_every_policy(report):
    assert set(report["mean"]) == set(POLICIES)
    for model in report["models"].values():
        accuracy = model["accuracy"]
        for k in range(len(TARGETS)):
            assert accuracy[ORACLE][k] >= max(accuracy[p][k] for p in POLICIES) - 1e-9
        # Scarce, and easy queries told by text.
        assert accuracy[EXPECTED][0] > accuracy[UNIFORM][0] + 0.05
    for policy, values in report["mean"].items():
        own = [model["accuracy"][policy] for model in report["models"].values()]
        assert values == pytest.approx(np.mean(own, axis=0))
    json.dumps(report, allow_nan=False)
    assert "| expected - reserved |" in markdown(report)


def test_the_command_writes_and_quotes(report, tmp_path, monkeypatch, capsys):
    page, result = tmp_path / "spend.md", tmp_path / "spend.json"
    page.write_text(f"# Page\n\n{MARKS[0]}\n\n{MARKS[1]}\n")
    monkeypatch.setattr(spend, "_PAGE", page)
    monkeypatch.setattr(spend, "_RESULT", result)
    monkeypatch.setattr(spend, "read_rollouts", lambda path: None)
    monkeypatch.setattr(spend, "run", lambda rollouts, batches, say: report)
    spend.main(["--out", str(result)])
    assert markdown(report) in capsys.readouterr().out
    assert markdown(report) in page.read_text()
    assert json.loads(result.read_text()) == report


@pytest.fixture(scope="module")
def stored():
    return json.loads((ROOT / "benchmarks" / "results" / "spend.json").read_text())


def test_the_page_quotes_the_stored_results(stored):
    page = (ROOT / "docs" / "spend.md").read_text(encoding="utf-8")
    assert markdown(stored) in page


def test_expected_is_ahead_in_the_stored_results(stored):
    scarce = [k for k, target in enumerate(stored["settings"]["targets"]) if target <= 100]
    mean = stored["mean"]
    for k in scarce:
        assert mean[EXPECTED][k] > mean[RESERVED][k]
    for k in range(len(stored["settings"]["targets"])):
        assert mean[EXPECTED][k] > mean[UNIFORM][k]


def test_every_limit_holds_in_the_stored_results(stored):
    """For each model and limit, and not by keeping back so much that nothing ever overruns."""
    found = [row["overrun"] for model in stored["models"].values() for row in model["overruns"]]
    assert len(found) == 3 * len(stored["models"])
    assert stored["settings"]["overrun_probability"] == CHANCE
    assert max(found) <= CHANCE
    assert np.mean(found) > CHANCE / 10

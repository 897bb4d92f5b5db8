import json
from pathlib import Path

import numpy as np
import pytest

from benchmarks import transfer
from benchmarks.report import quote_text
from benchmarks.transfer import ALONE, MARKS, TOGETHER, arms, drawn_efficiency, markdown, run
from clear_opt.errors import InvalidInputError
from clear_opt.evaluation import query_folds, score
from clear_opt.predictors import LinearLearner, SurgePredictor
from clear_opt.rollouts import Rollouts, write_rollouts

PREDICTOR = SurgePredictor(learner=LinearLearner())
OWN = (0, 5, None)
BUDGETS = (100, 300)


@pytest.fixture(scope="module")
def rollouts():
    """Two models alike; a text tells a short sure query from a long doubtful one."""
    rng = np.random.default_rng(0)
    queries, models = 40, ("a", "b")
    hard = np.tile(rng.random(queries) < 0.5, len(models))
    ids = [f"q{k}" for k in range(queries)] * len(models)
    texts = [
        f"Prove theorem {name}" if h else f"Add {name}" for name, h in zip(ids, hard, strict=True)
    ]
    length = np.where(hard, 800.0, 100.0) * np.exp(0.3 * rng.standard_normal(len(ids)))
    correct = rng.random(len(ids)) < np.where(hard, 0.4, 0.9)
    return Rollouts(
        ids, np.round(length), correct, texts, model=np.repeat(models, queries).tolist()
    )


@pytest.fixture(scope="module")
def report(rollouts):
    return run(rollouts, PREDICTOR, own=OWN, budgets=BUDGETS)


class Spy(SurgePredictor):
    """Remembers what it learned from."""

    seen: list = []  # noqa: RUF012

    def fit(self, queries, rollouts):
        self.seen.append(rollouts)
        return super().fit(queries, rollouts)


@pytest.fixture(scope="module")
def learned(rollouts):
    """Every arm with its batch, and the tables that were learned from."""
    Spy.seen = []
    return list(arms(rollouts, Spy(learner=LinearLearner()), OWN, 1, seed=0)), Spy.seen


def test_what_each_arm_learns_from(rollouts, learned):
    found, seen = learned
    five = [(TOGETHER, 0), (TOGETHER, 5), (ALONE, 5), (TOGETHER, None), (ALONE, None)]
    assert [arm for arm, _ in found] == 2 * five
    folds = query_folds(rollouts.query_ids, 5, 0)
    for number, (model, other) in enumerate((("a", "b"), ("b", "a"))):
        nothing, some, alone, whole, all_alone = seen[5 * number : 5 * number + 5]
        assert nothing.models == (other,)
        assert len(some) == len(nothing) + 5
        assert set(alone.query_id) == set(some.for_model(model).query_id)
        assert alone.models == all_alone.models == (model,)
        assert [len(table) for table in (alone, whole, all_alone)] == [5, 64, 32]
        held_out = set(folds[number])
        for table in (nothing, some, alone, whole, all_alone):
            assert not held_out & set(table.query_ids)
        for _, batch in found[5 * number : 5 * number + 5]:
            assert (batch.model, set(batch.rollouts.query_ids)) == (model, held_out)


def test_all_rollouts_of_all_models_are_learned_once_per_fold(rollouts):
    Spy.seen = []
    batches = list(arms(rollouts, Spy(learner=LinearLearner()), [None], 2, seed=0))
    assert sum(len(table.models) == 2 for table in Spy.seen) == 3  # folds 0, 1 and 2
    assert len(batches) == 2 * 2 * 2


def test_a_score_depends_on_the_seed_and_not_on_the_other_arms(rollouts, report):
    again = run(rollouts, PREDICTOR, own=(5,), budgets=BUDGETS)["rows"][0]
    assert again[TOGETHER] == report["rows"][1][TOGETHER]
    assert again[ALONE] == report["rows"][1][ALONE]
    assert json.loads(json.dumps(report, allow_nan=False)) == report


def test_scores_are_those_of_the_evaluation(learned, report):
    result = score([batch for arm, batch in learned[0] if arm == (ALONE, 5)], BUDGETS)
    row = report["rows"][1]
    assert row[ALONE]["value"] == result.oracle_fraction
    assert row[ALONE]["models"] == {
        model: scores.oracle_fraction for model, scores in result.models.items()
    }
    gain = row[TOGETHER]["value"] - row[ALONE]["value"]
    assert row["others_add"]["value"] == pytest.approx(gain)
    assert 0 < report["uniform"] < 1


def test_intervals_hold_the_score_and_all_own_rollouts_are_below_nothing(report):
    for row in report["rows"]:
        for name in (TOGETHER, ALONE):
            if name in row:
                assert row[name]["low"] <= row[name]["value"] <= row[name]["high"]
    assert ALONE not in report["rows"][0]
    assert "below_all" not in report["rows"][-1]


def test_a_resample_of_each_query_once_is_the_score_itself(rollouts, learned):
    result = score([batch for arm, batch in learned[0] if arm == (ALONE, 5)], BUDGETS)
    once = np.ones((1, len(rollouts.query_ids)), dtype=np.int64)
    assert drawn_efficiency(result, rollouts, once) == pytest.approx([result.oracle_fraction])


def test_more_rollouts_than_there_are_is_an_error(rollouts):
    with pytest.raises(InvalidInputError, match="has 32 rollouts"):
        run(rollouts, PREDICTOR, own=(33,))


def test_the_command_writes_the_report_and_renews_the_table(
    rollouts, report, tmp_path, monkeypatch, capsys
):
    write_rollouts(rollouts, tmp_path / "rollouts.jsonl")
    monkeypatch.setattr(transfer, "_RESULT", tmp_path / "out.json")
    monkeypatch.setattr(transfer, "_PAGE", tmp_path / "page.md")
    monkeypatch.setattr(transfer, "run", lambda *_, **__: report)
    (tmp_path / "page.md").write_text(f"before\n{MARKS[0]}\nold\n{MARKS[1]}\nafter\n")
    transfer.main([str(tmp_path / "rollouts.jsonl"), "--out", str(tmp_path / "out.json")])
    table = markdown(json.loads((tmp_path / "out.json").read_text()))
    assert capsys.readouterr().out == table + "\n"
    page = (tmp_path / "page.md").read_text()
    assert page == f"before\n{MARKS[0]}\n\n{table}\n\n{MARKS[1]}\nafter\n"


def test_the_page_shows_the_stored_report(tmp_path):
    root = Path(transfer.__file__).parents[1]
    page = root / "docs" / "benchmarks.md"
    report = json.loads((root / "benchmarks" / "results" / "transfer.json").read_text())
    copied = tmp_path / "page.md"
    copied.write_text(page.read_text(encoding="utf-8"), encoding="utf-8")
    quote_text(markdown(report), copied, MARKS)
    assert copied.read_text(encoding="utf-8") == page.read_text(encoding="utf-8")

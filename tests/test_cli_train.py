"""``clear-opt train`` and ``register``, and the commands that load what they made."""

import json
import re
import sys

import pytest
from typer.testing import CliRunner

from clear_opt.cli.app import app
from clear_opt.evaluation import predicted, score
from clear_opt.predictors import load_predictor
from clear_opt.rollouts import write_rollouts
from clear_opt.training import unseen
from tests.tracked import client, empty_database, store, two_kinds

__all__ = ["client", "empty_database", "store"]  # fixtures

QUICK = ("--learner", "linear", "--budgets", "100,300")


def run(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def said(*arguments):
    result = run(*arguments)
    assert result.exit_code == 0, result.output
    return result.stdout


def answer(*arguments):
    return json.loads(said(*arguments, "--json"), parse_constant=pytest.fail)


def refusal(*arguments):
    result = run(*arguments)
    assert result.exit_code == 2, result.output
    assert (result.stdout, result.stderr.count("\n")) == ("", 1)
    return result.stderr


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "rollouts.parquet"
    write_rollouts(two_kinds(), path)
    return path


@pytest.fixture
def queries(tmp_path):
    path = tmp_path / "queries.jsonl"
    lines = [{"query_id": str(k), "text": text} for k, text in enumerate(two_kinds(8).texts()[:8])]
    path.write_text("\n".join(map(json.dumps, lines)))
    return path


def test_training_without_mlflow_saves_a_predictor_and_its_score(tmp_path, table, monkeypatch):
    monkeypatch.setitem(sys.modules, "mlflow", None)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.chdir(tmp_path)
    out = tmp_path / "predictors" / "mine"
    found = answer("train", table, "--out", out, *QUICK, "--seed", 3)
    predictor = load_predictor(out)
    assert (predictor.random_state, type(predictor.learner).__name__) == (3, "LinearLearner")
    fresh = unseen(two_kinds(), predictor)
    assert len(fresh.query_ids) == 40
    again = score(predicted(fresh, predictor), [100, 300])
    assert found["triage_efficiency"] == again.oracle_fraction
    assert found["mean"]["budgets"] == [100, 300]
    assert found["training"] == {
        "settings": {"held_out": 0.2, "seed": 3},
        "learned_queries": 160,
        "scored_queries": 40,
        "out": str(out),
        "run": None,
        "registration": None,
    }
    assert {path.name for path in tmp_path.iterdir()} == {"predictors", "rollouts.parquet"}
    assert refusal("train", table, "--out", out, "--register", "maths").startswith(
        "clear-opt: this needs MLflow: pip install 'clear-opt[track]'"
    )


def test_a_registered_predictor_is_named_by_its_alias(store, table, queries, tmp_path):
    out = tmp_path / "mine"
    text = said("train", table, "--out", out, *QUICK, "--register", "maths")
    assert f"saved {out}: trained on 160 queries, 320 rollouts" in text
    assert f"to {store}" in text
    assert "registered maths version 1: there was no champion: it is the champion now" in text

    name = ("--predictor", "models:/maths@champion")
    by_alias = answer("allocate", queries, "--budget", 900, *name)
    by_folder = answer("allocate", queries, "--budget", 900, "--predictor", out)
    assert {**by_alias, "seconds": 0} == {**by_folder, "seconds": 0}
    curves = [tmp_path / f"{k}.jsonl" for k in range(2)]
    said("predict", queries, "--out", curves[0], *name, "--tracking-uri", store)
    said("predict", queries, "--out", curves[1], "--predictor", out)
    assert curves[0].read_bytes() == curves[1].read_bytes()
    few = tmp_path / "few.parquet"
    write_rollouts(two_kinds(40), few)
    found = answer("evaluate", few, *name, "--budgets", "100")
    assert any(re.search(r"trained on \d+ of the 40 queries", note) for note in found["notes"])

    # The folder again, as a run of its own: no better than itself.
    found = answer("register", out, "--rollouts", table, "--name", "maths", "--budgets", "100,300")
    said_of_it = found["training"]["registration"]
    assert (said_of_it["verdict"], said_of_it["champion"], said_of_it["before"]) == (
        "not_better", 1, 1
    )  # fmt: skip
    assert said_of_it["comparison"]["difference"] == 0
    assert said_of_it["comparison"]["queries"] == found["training"]["scored_queries"] == 40


def test_a_run_is_logged_where_asked_and_registered_later(store, client, table, tmp_path):
    found = answer(
        "train", table, "--out", tmp_path / "mine", *QUICK, "--experiment", "sums"
    )  # fmt: skip
    run_id = found["training"]["run"]["run_id"]
    experiment = client.get_experiment_by_name("sums")
    assert client.get_run(run_id).info.experiment_id == experiment.experiment_id
    text = said("register", run_id, "--rollouts", table, "--name", "maths", "--force")
    assert "registered maths version 1" in text
    assert client.get_model_version_by_alias("maths", "champion").run_id == run_id


def test_an_evaluation_fills_the_run_that_mlflow_has_begun(store, client, tmp_path, monkeypatch):
    few = tmp_path / "few.parquet"
    write_rollouts(two_kinds(40), few)
    begun = client.create_run(client.create_experiment("own", (tmp_path / "files").as_uri()))
    monkeypatch.setenv("MLFLOW_TRACKING_URI", store)
    monkeypatch.setenv("MLFLOW_RUN_ID", begun.info.run_id)
    found = answer("evaluate", few, "--cv", 2, "--budgets", "100")
    run = client.get_run(begun.info.run_id)
    assert run.data.metrics["triage_efficiency"] == found["triage_efficiency"]
    assert run.data.params["evaluation.folds"] == "2"
    assert run.info.status == "RUNNING"  # whoever began it ends it
    assert [given.tags[0].value for given in run.inputs.dataset_inputs] == ["evaluation"]
    assert len(client.search_runs([run.info.experiment_id])) == 1
    (files,) = (tmp_path / "files").rglob("evaluation.json")
    assert json.loads(files.read_text())["triage_efficiency"] == found["triage_efficiency"]


def test_cross_validation_leaves_nothing_to_compare_on(store, table, tmp_path):
    small = tmp_path / "small.parquet"
    write_rollouts(two_kinds(40), small)
    for verdict in ("first", "not_compared"):
        found = answer("train", small, "--out", tmp_path / "mine", *QUICK, "--cv", 2,
                       "--register", "maths")  # fmt: skip
        assert found["settings"]["folds"] == 2
        assert found["training"]["learned_queries"] == 40
        assert found["training"]["registration"]["verdict"] == verdict


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--cv", 5, "--held-out", 0.2), "--cv and --held-out exclude each other"),
        (("--force",), "--force has no meaning without --register"),
        (("--held-out", 1.5), "held_out = 1.5: must lie between 0 and 1"),
        (("--budgets", "100,none"), "--budgets: 'none' is not a number above zero"),
        (("--cv", 1), "greater than or equal to 2"),
        (("--learner", "deep"), "'deep' is not one of 'boosted', 'linear'"),
        (("--tracking-uri", "sqlite:////absent/mlflow.db"), "folder that does not exist"),
    ],
)
def test_options_that_make_no_sense_are_refused(store, table, tmp_path, options, message):
    out = tmp_path / "out"
    assert message in refusal("train", table, "--out", out, "--learner", "linear", *options)
    assert not out.exists()


def test_a_place_that_holds_something_else_is_refused(table, tmp_path):
    assert "holds something other than a predictor" in refusal("train", table, "--out", tmp_path)
    assert "is a file; name a folder" in refusal("train", table, "--out", table)
    assert table.is_file()


def test_a_predictor_without_rows_to_score_it_on_is_refused(store, table, tmp_path):
    small = tmp_path / "small.parquet"
    write_rollouts(two_kinds(40), small)
    said("train", small, "--out", tmp_path / "mine", *QUICK, "--cv", 2)
    message = refusal("register", tmp_path / "mine", "--rollouts", small, "--name", "maths")
    assert "was trained on every query of the table" in message

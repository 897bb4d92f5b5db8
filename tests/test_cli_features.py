"""Predictors with columns beside the text, or for one model by name, from the command line."""

import json

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from clear_opt.cli.app import app
from clear_opt.inputs import read_queries
from clear_opt.io import TableError, read_records
from clear_opt.predictors import LinearLearner, SurgePredictor, load_predictor, save_predictor
from clear_opt.rollouts import Rollouts


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Give a predictor that knows two models from a number and a category alone."""
    rng = np.random.default_rng(0)
    level, kind = rng.integers(1, 6, 200), rng.choice(["sum", "proof"], 200)
    ids = [f"q{k}" for k in range(200)]
    length = 50.0 * level * np.where(kind == "proof", 4, 1)
    rollouts = Rollouts(
        ids * 2,
        np.round(np.concatenate([length, 3 * length]) * np.exp(0.1 * rng.standard_normal(400))),
        rng.random(400) < 0.8,
        model=["brief"] * 200 + ["wordy"] * 200,
        features={"level": np.tile(level, 2), "kind": np.tile(kind.astype(object), 2)},
    )
    path = tmp_path_factory.mktemp("trained") / "predictor"
    save_predictor(SurgePredictor(learner=LinearLearner()).fit(rollouts.queries(), rollouts), path)
    return path


@pytest.fixture
def queries(tmp_path):
    path = tmp_path / "queries.csv"
    path.write_text("query_id,level,kind,weight,note\na,1,sum,1,x\nb,5,proof,1,y\nc,,sum,1,z\n")
    return path


def run(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def test_columns_of_the_file_reach_the_predictor(folder, queries, tmp_path):
    out = tmp_path / "curves.csv"
    done = run("predict", queries, "--out", out, "--predictor", folder)
    assert done.exit_code == 0, done.output
    assert "columns not used: weight, note" in done.stderr
    expected = load_predictor(folder).predict(
        pd.DataFrame({"level": [1.0, 5.0, np.nan], "kind": ["sum", "proof", "sum"]})
    )
    written = [float(row.values["tau"]) for row in read_records(out).rows]
    assert written == pytest.approx(expected.tau.tolist())
    assert written[1] > 5 * written[0]


def test_a_model_is_chosen_by_name(folder, queries):
    asked = ("allocate", queries, "--budget", 100_000, "--predictor", folder, "--json")
    spent = {
        model: json.loads(run(*asked, "--model", model).stdout)["spent"]
        for model in ("brief", "wordy")
    }
    assert spent["wordy"] == pytest.approx(3 * spent["brief"], rel=0.2)
    refused = run(*asked, "--model", "silent")
    assert refused.exit_code == 2
    assert "model = silent" in refused.stderr
    assert "brief, wordy" in refused.stderr


def test_a_query_unlike_training_is_told(folder, tmp_path):
    path = tmp_path / "odd.jsonl"
    path.write_text(
        '{"query_id": "a", "level": 900, "kind": "sum"}\n'
        '{"query_id": "b", "level": 2, "kind": "sum"}\n'
    )
    done = run("allocate", path, "--budget", 500, "--predictor", folder)
    assert "1 of 2 queries are unlike those the predictor was trained on" in done.stderr


def test_a_missing_column_names_those_there_are(folder, tmp_path):
    path = tmp_path / "queries.jsonl"
    path.write_text('{"query_id": "a", "level": 3}\n')
    done = run("allocate", path, "--budget", 500, "--predictor", folder)
    assert done.exit_code == 2
    assert "kind: is missing; the predictor was trained on level, kind" in done.stderr
    assert "columns found: query_id, level" in done.stderr
    with pytest.raises(TableError, match="text: is missing"):
        read_queries(path).queries(["text"])

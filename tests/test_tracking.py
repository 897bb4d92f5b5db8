"""MLflow: what a run holds, who becomes champion, what comes back, and what is refused."""

import copy
import io
import json
import logging
import os
import pickle
import shutil
import sqlite3
import sys
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import skops.io
import yaml

from clear_opt import InvalidInputError, MissingExtraError, tracking
from clear_opt.errors import ClearOptError
from clear_opt.evaluation import as_json, predicted, score
from clear_opt.predictors import SurgePredictor, load_predictor, save_predictor
from clear_opt.rollouts import Rollouts, query_digests, read_rollouts, table_digest, write_rollouts
from clear_opt.tracking import TrackingError
from clear_opt.training import (
    Verdict,
    compare_predictors,
    hold_out,
    log_training,
    register_if_better,
    score_predictor,
    train,
    unseen,
)
from clear_opt.training.record import EXAMPLES
from tests.tracked import BUDGETS, GOOD, POOR, client, empty_database, store, two_kinds

__all__ = ["client", "empty_database", "store"]  # fixtures

PARAMETERS = ("tau", "alpha", "beta", "height")


@pytest.fixture(scope="module")
def table():
    return two_kinds()


@pytest.fixture(scope="module")
def good(table):
    return train(table, GOOD, budgets=BUDGETS)


@pytest.fixture(scope="module")
def poor(table):
    return train(table, POOR, budgets=BUDGETS)


def same_bits(one, other):
    return all(np.array_equal(getattr(one, name), getattr(other, name)) for name in PARAMETERS)


@pytest.fixture(scope="module")
def kept(empty_database, good, poor, tmp_path_factory):
    """A store that holds a run of each, and the runs; its artifacts stay where they are."""
    path = tmp_path_factory.mktemp("kept") / "mlflow.db"
    shutil.copy(empty_database, path)
    uri = f"sqlite:///{path}"
    return path, [
        log_training(made, tracking_uri=uri, source="made-up.parquet") for made in (good, poor)
    ]


@pytest.fixture
def runs(kept, store, tmp_path):
    """Both runs, in the test's own copy of that store."""
    shutil.copy(kept[0], tmp_path / "mlflow.db")
    return kept[1]


def register(logged, table, **options):
    return register_if_better("maths", logged, table, budgets=BUDGETS, **options)


# --- training


def test_the_score_is_of_queries_that_were_held_out(table, good):
    learned, scored = set(good.learned.query_ids), set(good.scored.query_ids)
    assert (len(learned), len(scored)) == (160, 40)
    assert learned | scored == set(table.query_ids)
    assert not learned & scored
    assert sorted(good.predictor.trained_on_["query_digests"]) == sorted(
        query_digests(good.learned)
    )
    again = score(predicted(good.scored, good.predictor), BUDGETS)
    assert again.oracle_fraction == good.evaluation.oracle_fraction
    assert good.evaluation.notes == ()
    assert not hasattr(GOOD, "trained_on_")  # a copy learns


def test_cross_validation_scores_all_and_learns_from_all():
    table = two_kinds(40)
    made = train(table, GOOD, folds=2, budgets=BUDGETS)
    assert made.learned is made.scored is table
    assert made.evaluation.settings["folds"] == 2
    assert not len(unseen(table, made.predictor))
    with pytest.raises(InvalidInputError, match="trained on every query"):
        score_predictor(table, made.predictor)
    with pytest.raises(InvalidInputError, match="excludes cross-validation"):
        train(table, GOOD, folds=2, held_out=0.5)


def test_an_old_predictor_is_scored_on_what_is_new_to_it(table, good):
    longer = two_kinds(260)
    made = score_predictor(longer, good.predictor, budgets=BUDGETS)
    assert set(made.scored.query_ids) == set(longer.query_ids) - set(good.learned.query_ids)
    assert made.learned is None


def test_a_growing_table_keeps_its_held_out_queries():
    short, long = two_kinds(400), two_kinds(800)
    before = set(hold_out(short, 0.25)[1].query_ids)
    after = set(hold_out(long, 0.25)[1].query_ids)
    assert (len(before), len(after)) == (100, 200)
    kept = len(before & after) / len(before)
    assert kept > 0.85  # of a split by chance a quarter would be
    assert hold_out(long, 0.25, seed=1)[1].query_ids.tolist() != sorted(after)


def test_queries_of_one_text_stay_together():
    ids, texts = [f"q{k}" for k in range(60)], [f"text {k // 3}" for k in range(60)]
    parts = hold_out(Rollouts(ids, [9] * 60, [1] * 60, texts), 0.4)
    sides = [set(part.texts()) for part in parts]
    assert not sides[0] & sides[1]
    assert [len(side) for side in sides] == [12, 8]


@pytest.mark.parametrize("share", [0, 1, -0.1, float("nan")])
def test_impossible_splits_are_refused(table, share):
    with pytest.raises(InvalidInputError, match="between 0 and 1"):
        hold_out(table, share)
    with pytest.raises(InvalidInputError, match="holds 1 different queries"):
        hold_out(Rollouts(["a", "b"], [1, 1], [1, 1], ["same", "same"]), 0.5)


# --- digests


def test_a_digest_is_of_the_content_whatever_its_order_and_file(table, tmp_path):
    shuffled = table.take(np.random.default_rng(0).permutation(len(table)))
    write_rollouts(shuffled, tmp_path / "shuffled.jsonl")
    assert table_digest(read_rollouts(tmp_path / "shuffled.jsonl")) == table_digest(table)


@pytest.mark.parametrize("column", ["query_id", "n_tokens", "correct", "text", "model", "level"])
def test_a_digest_changes_with_every_cell(column):
    columns = {"query_id": ["a", "b"], "n_tokens": [1, 2], "correct": [0.0, 1.0],
               "text": ["A", "B"], "model": ["m", "m"], "level": [1.0, np.nan]}  # fmt: skip
    other = {name: list(values) for name, values in columns.items()}
    other[column][1] = {"n_tokens": 3, "correct": 0.5, "level": 2.0}.get(column, "z")
    tables = []
    for given in (columns, other):
        level = given.pop("level")
        tables.append(Rollouts(**given, features={"level": level}))
    assert table_digest(tables[0]) != table_digest(tables[1])


def test_query_digests_know_a_text_under_another_name():
    named = Rollouts(["a", "b"], [1, 1], [1, 1], ["one é", "two"])
    renamed = Rollouts(["x", "y"], [1, 1], [1, 1], ["two", "one é"])
    assert query_digests(named) == query_digests(renamed)[::-1]
    assert query_digests(Rollouts(["two"], [1], [1])) == query_digests(named)[1:]


# --- a run


@pytest.fixture
def run(runs, client):
    return runs[0], client.get_run(runs[0].run_id)


def test_a_run_holds_parameters_and_scores(run, good, client):
    logged, found = run
    assert found.info.status == "FINISHED"
    assert (
        found.data.params.items()
        >= {
            "predictor.class": "SurgePredictor",
            "predictor.learner": "BoostedLearner",
            "predictor.learner.n_estimators": "20",
            "predictor.random_state": "0",
            "training.held_out": "0.2",
            "training.budgets": "100,300",
            "scored.queries": "40",
        }.items()
    )
    evaluation = good.evaluation
    metrics = found.data.metrics
    assert metrics["triage_efficiency"] == evaluation.oracle_fraction
    assert metrics["worst_vs_uniform"] == evaluation.worst.difference
    assert metrics["brier"] == evaluation.calibration.success.brier
    assert metrics["length_coverage_80"] == evaluation.calibration.lengths.coverage[1]
    assert metrics["triage_efficiency/big"] == evaluation.models["big"].oracle_fraction
    for policy in ("uniform", "proportional", "learned", "oracle"):
        history = client.get_metric_history(logged.run_id, f"{policy}_accuracy")
        assert [point.step for point in history] == [100, 300]
        assert [point.value for point in history] == evaluation.accuracy(policy).tolist()


def test_a_run_names_its_tables_by_their_content(run, good):
    inputs = run[1].inputs.dataset_inputs
    contexts = {given.tags[0].value: given.dataset for given in inputs}
    assert contexts["training"].digest == table_digest(good.learned)[:36]
    assert contexts["evaluation"].digest == table_digest(good.scored)[:36]
    assert json.loads(contexts["training"].profile)["queries"] == 160
    assert json.loads(contexts["training"].source) == {"uri": "made-up.parquet"}
    assert "text" in {c["name"] for c in json.loads(contexts["training"].schema)["mlflow_colspec"]}


def test_a_run_keeps_pictures_and_the_evaluation(run, good, kept):
    files = kept[0].parent / "mlartifacts" / run[0].run_id / "artifacts"
    for name in ("frontier.png", "calibration.png"):
        assert (files / name).read_bytes().startswith(b"\x89PNG")
    assert json.loads((files / "evaluation.json").read_text()) == as_json(good.evaluation)


def test_a_logged_model_has_a_signature_an_example_and_no_pickle(run, good, client, kept):
    model = client.get_logged_model(run[0].model_id)
    assert (model.name, model.status) == ("predictor", "READY")
    assert {metric.key for metric in model.metrics} >= {"triage_efficiency", "learned_accuracy"}
    files = kept[0].parent / "mlartifacts" / "models" / model.model_id / "artifacts"
    described = yaml.safe_load((files / "MLmodel").read_text())
    assert json.loads(described["signature"]["inputs"]) == [
        {"type": "string", "name": "text", "required": True}
    ]
    outputs = json.loads(described["signature"]["outputs"])
    assert tuple(column["name"] for column in outputs) == (*PARAMETERS, "width")
    assert list(described["flavors"]) == ["python_function"]
    example = json.loads((files / "input_example.json").read_text())
    assert [row[0] for row in example["data"]] == list(EXAMPLES)
    everything = [path for path in files.rglob("*") if path.is_file()]
    for path in everything:
        content = path.read_bytes()
        assert path.suffix not in (".pkl", ".pickle", ".joblib")
        assert not content.startswith(b"\x80")
        assert not any(text.encode() in content for text in good.learned.texts())
    assert {path.name for path in (files / "data" / "predictor").iterdir()} == {
        "predictor.json", "predictor.skops"
    }  # fmt: skip


def test_features_are_in_the_signature_and_the_example(store, tmp_path):
    rows = two_kinds(200, models=("m",))
    rollouts = Rollouts(
        rows.query_id, rows.n_tokens, rows.correct, rows.text,
        features={"level": np.arange(200.0), "kind": ["x", "y", None, "z"] * 50},
    )  # fmt: skip
    made = train(rollouts, GOOD, budgets=BUDGETS)
    logged = log_training(made)
    files = tmp_path / "mlartifacts" / "models" / logged.model_id / "artifacts"
    signature = yaml.safe_load((files / "MLmodel").read_text())["signature"]
    assert {c["name"]: (c["type"], c["required"]) for c in json.loads(signature["inputs"])} == {
        "text": ("string", True), "level": ("double", False), "kind": ("string", False)
    }  # fmt: skip
    example = json.loads((files / "input_example.json").read_text())
    queries = pd.DataFrame(example["data"], columns=example["columns"])
    assert same_bits(
        load_predictor(f"models:/{logged.model_id}").predict(queries),
        made.predictor.predict(queries),
    )


# --- the round trip


def test_predictions_come_back_bit_for_bit(runs, store, good, table):
    logged = runs[0]
    register_if_better("maths", logged, table, tracking_uri=store, budgets=BUDGETS)
    queries = [*good.scored.texts(), "", "x" * 1000, "¿Cuánto es 2 + 2?"]
    for name in ("maths@champion", "maths/1", logged.model_id):
        loaded = load_predictor(f"models:/{name}", tracking_uri=store)
        assert loaded.trained_on_ == good.predictor.trained_on_
        for model in (None, "big", "small"):
            expected = good.predictor.predict(queries, model=model)
            assert same_bits(loaded.predict(queries, model=model), expected)


def test_mlflow_serves_the_same_curves(runs, store, good):
    logged = runs[0]
    queries = pd.DataFrame({"text": good.scored.texts()})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import mlflow

        mlflow.set_tracking_uri(store)
        try:
            served = mlflow.pyfunc.load_model(f"models:/{logged.model_id}")
            found = {model: served.predict(queries, {"model": model}) for model in ("", "small")}
        finally:
            mlflow.set_tracking_uri(None)
    for model, curves in found.items():
        expected = good.predictor.predict(queries, model=model or None)
        assert list(curves.columns) == [*PARAMETERS, "width"]
        for name in PARAMETERS:
            assert np.array_equal(curves[name], getattr(expected, name))
        assert np.array_equal(curves["width"], 1 / expected.beta)


def test_without_a_store_named_a_sqlite_file_here_is_used(store, good, tmp_path):
    uri = tracking.store_uri()
    assert uri == store
    logged = log_training(good)
    assert logged.tracking_uri == store
    assert load_predictor(f"models:/{logged.model_id}").predict(["Add 1."]).tau.shape == (1,)
    assert {path.name for path in tmp_path.iterdir()} == {"mlflow.db", "mlartifacts"}  # no mlruns


def test_the_environment_names_the_store(store, good, tmp_path, monkeypatch):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", store)
    logged = log_training(good)
    assert isinstance(load_predictor(f"models:/{logged.model_id}"), SurgePredictor)
    assert not list(elsewhere.iterdir())
    assert (tmp_path / "mlartifacts").is_dir()


def test_the_callers_mlflow_is_left_alone_and_nothing_is_said(
    store, empty_database, good, table, tmp_path, capfd, caplog, monkeypatch
):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import mlflow

        own = tmp_path / "own"
        own.mkdir()
        (own / "mlflow.db").write_bytes(empty_database.read_bytes())
        levels = [logging.getLogger(name).level for name in ("mlflow", "alembic")]
        # What set_experiment leaves behind, in the environment too, goes with the test.
        monkeypatch.setattr(mlflow.tracking.fluent, "_active_experiment_id", None)
        monkeypatch.setenv("MLFLOW_EXPERIMENT_ID", "0")
        mlflow.set_tracking_uri(f"sqlite:///{own / 'mlflow.db'}")
        try:
            mlflow.set_experiment(
                experiment_id=mlflow.create_experiment("own", (own / "files").as_uri())
            )
            with mlflow.start_run() as active:
                capfd.readouterr()
                environment = dict(os.environ)
                assert "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR" not in environment
                warnings.simplefilter("error")
                logged = log_training(good, tracking_uri=store)
                register_if_better("maths", logged, table, tracking_uri=store, budgets=BUDGETS)
                load_predictor("models:/maths@champion", tracking_uri=store)
                warnings.simplefilter("ignore")
                assert capfd.readouterr() == ("", "")
                assert not caplog.records
                assert dict(os.environ) == environment
                assert mlflow.get_tracking_uri() == f"sqlite:///{own / 'mlflow.db'}"
                assert mlflow.active_run().info.run_id == active.info.run_id
                assert mlflow.get_run(active.info.run_id).data.metrics == {}
                assert mlflow.last_logged_model() is None
        finally:
            mlflow.set_tracking_uri(None)
    assert [logging.getLogger(name).level for name in ("mlflow", "alembic")] == levels
    assert not (own / "files").exists()


# --- the champion


def test_the_first_is_champion_a_worse_one_is_not_a_better_one_is(runs, good, poor, table, client):
    good_run, poor_run = runs
    assert good.evaluation.oracle_fraction > poor.evaluation.oracle_fraction + 0.05

    first = register(poor_run, table)
    assert (first.verdict, first.before, first.champion.version) == (Verdict.FIRST, None, 1)

    tie = register(poor_run, table)
    assert (tie.verdict, tie.champion.version, tie.version.version) == (Verdict.NOT_BETTER, 1, 2)
    assert (tie.comparison.difference, tie.comparison.low, tie.comparison.high) == (0, 0, 0)

    better = register(good_run, table)
    assert (better.verdict, better.champion.version, better.before.version) == (
        Verdict.BETTER, 3, 1
    )  # fmt: skip
    assert better.comparison.new == pytest.approx(good.evaluation.oracle_fraction)
    assert better.comparison.old == pytest.approx(poor.evaluation.oracle_fraction)
    assert better.comparison.low > 0
    assert better.comparison.n_queries == 40

    worse = register(poor_run, table)
    assert (worse.verdict, worse.champion.version) == (Verdict.NOT_BETTER, 3)
    assert worse.comparison.high < 0
    assert "stays (champion before: version 3)" in str(worse)
    assert str(worse.comparison) in str(worse)
    assert client.get_model_version_by_alias("maths", "champion").version == 3
    assert client.get_model_version("maths", "4").tags["comparison"] == str(worse.comparison)

    forced = register(poor_run, table, force=True)
    assert (forced.verdict, forced.champion.version) == (Verdict.FORCED, 5)
    assert client.get_model_version_by_alias("maths", "champion").version == 5


def test_without_rows_new_to_both_the_champion_stays(runs, good, table):
    register(runs[0], table)
    all_of_it = copy.deepcopy(GOOD).fit(table.queries(), table)
    logged = log_training(replace(good, predictor=all_of_it))
    found = register(logged, table)
    assert (found.verdict, found.champion.version) == (Verdict.NOT_COMPARED, 1)
    assert "only 0 of the 200 queries are new to both" in str(found)
    # Rows from elsewhere settle it.
    fresh = two_kinds(40, first=1000)
    found = register(logged, fresh)
    assert found.comparison.n_queries == 40
    assert found.verdict in (Verdict.BETTER, Verdict.NOT_BETTER)


def test_only_queries_held_out_of_both_count(runs, good, table):
    register(runs[0], table)
    other = train(table, GOOD, budgets=BUDGETS, seed=1)
    both = set(good.scored.query_ids) & set(other.scored.query_ids)
    assert 0 < len(both) < 20
    found = register(log_training(other), table)
    assert f"only {len(both)} of the 200 queries" in found.reason


def test_a_champion_that_does_not_say_what_it_saw_stays(runs, good, table):
    silent = copy.deepcopy(good)
    del silent.predictor.trained_on_["query_digests"]
    register(log_training(silent), table)
    found = register(runs[0], table)
    assert found.verdict is Verdict.NOT_COMPARED
    assert "does not say which queries" in found.reason


def test_a_champion_that_needs_other_columns_stays(runs, table):
    features = {"level": np.arange(len(table), dtype=float) % 200}
    rich = Rollouts(
        table.query_id, table.n_tokens, table.correct, table.text, table.model, features=features
    )
    register(log_training(train(rich, GOOD, budgets=BUDGETS)), rich)
    found = register(runs[0], table)
    assert found.verdict is Verdict.NOT_COMPARED
    assert "level: is missing" in found.reason


def worth_of(evaluation, rows):
    shares = [
        m.answered["learned"][rows].sum(0) / m.answered["oracle"][rows].sum(0)
        for m in evaluation.models.values()
    ]
    return np.mean(shares)


def test_the_interval_is_a_paired_bootstrap(good, poor):
    found = compare_predictors(
        good.scored, good.predictor, poor.predictor, budgets=BUDGETS, draws=400, seed=3
    )
    scored = [score(predicted(good.scored, made.predictor), BUDGETS) for made in (good, poor)]
    rng = np.random.default_rng(11)
    drawn = []
    for _ in range(400):
        rows = rng.integers(0, 40, 40)  # both models have the same 40 queries in the same order
        worth = [worth_of(evaluation, rows) for evaluation in scored]
        drawn.append(worth[0] - worth[1])
    assert found.difference == pytest.approx(scored[0].oracle_fraction - scored[1].oracle_fraction)
    low, high = np.quantile(drawn, [0.025, 0.975])
    width = high - low
    assert found.low == pytest.approx(low, abs=0.2 * width)
    assert found.high == pytest.approx(high, abs=0.2 * width)


# --- what is refused


class Bomb:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


@pytest.fixture
def hostile(tmp_path, good, client):
    """Register a model that would run code in MLflow's loader, and say how to alter its files."""
    folder, marker = tmp_path / "hostile", tmp_path / "it-ran"
    (folder / "code").mkdir(parents=True)
    (folder / "code" / "evil.py").write_text(
        f"open({str(marker)!r}, 'w').close()\ndef _load_pyfunc(path): pass\n"
    )
    pyfunc = {"loader_module": "evil", "code": "code", "data": "data/predictor"}
    pyfunc["python_model"] = "python_model.pkl"
    described = {"flavors": {"python_function": pyfunc}, "model_uuid": "0"}
    (folder / "MLmodel").write_text(yaml.safe_dump(described))
    bomb = pickle.dumps(Bomb(marker))
    (folder / "python_model.pkl").write_bytes(bomb)
    client.create_registered_model("maths")
    version = client.create_model_version("maths", folder.as_uri())
    client.set_registered_model_alias("maths", "champion", str(version.version))
    yield folder, bomb
    assert not marker.exists()
    pickle.loads(bomb).close()  # the bomb is real
    assert marker.exists()


def test_a_model_that_is_only_a_pickle_is_refused(store, hostile):
    with pytest.raises(InvalidInputError, match="not a predictor that clear_opt logged"):
        load_predictor("models:/maths@champion")


def test_pickles_and_modules_beside_a_predictor_are_ignored(store, hostile, good):
    folder, bomb = hostile
    save_predictor(good.predictor, folder / "data" / "predictor")
    for name in ("predictor.pkl", "features.joblib"):
        (folder / "data" / "predictor" / name).write_bytes(bomb)
    loaded = load_predictor("models:/maths@champion")
    assert same_bits(loaded.predict(["Add 3."]), good.predictor.predict(["Add 3."]))
    assert "evil" not in sys.modules


@pytest.mark.parametrize("kind", ["pickle", "pickle in skops", "strange type", "pickled array"])
def test_a_predictor_file_that_would_run_code_is_refused(store, hostile, good, kind):
    import hashlib
    import zipfile

    folder, bomb = hostile
    own = folder / "data" / "predictor"
    save_predictor(good.predictor, own)
    content = bomb
    if kind != "pickle":
        content = skops.io.dumps(
            pd.Timestamp("2020-01-01") if kind == "strange type" else Bomb("x")
        )
    if kind == "pickled array":
        array = io.BytesIO()
        holder = np.empty(1, dtype=object)
        holder[0] = Bomb(folder.parent / "it-ran")
        np.save(array, holder, allow_pickle=True)
        filled = io.BytesIO()
        with (
            zipfile.ZipFile(own / "predictor.skops") as old,
            zipfile.ZipFile(filled, "w") as new,
        ):
            for name in old.namelist():
                whole = array.getvalue() if name.endswith(".npy") else old.read(name)
                new.writestr(name, whole)
        content = filled.getvalue()
    (own / "predictor.skops").write_bytes(content)
    index = json.loads((own / "predictor.json").read_text())
    index["sha256"] = hashlib.sha256(content).hexdigest()
    (own / "predictor.json").write_text(json.dumps(index))
    with pytest.raises(InvalidInputError):
        load_predictor("models:/maths@champion")


@pytest.mark.parametrize(
    "name",
    ["", "maths", "maths/champion", "maths@", "@x", "a/b/1", "../x@y", "m-1/../2", "maths/-1"],
)
def test_a_name_that_is_none_is_refused(store, name):
    with pytest.raises(InvalidInputError, match="does not name a registered predictor"):
        load_predictor(f"models:/{name}")


@pytest.mark.parametrize("name", ["none@champion", "none/1", "m-0123456789abcdef"])
def test_a_model_that_is_not_there_is_named(store, name):
    with pytest.raises(TrackingError, match=r"MLflow store sqlite.*not found"):
        load_predictor(f"models:/{name}")


def test_a_store_that_cannot_be_is_refused_at_once(store, tmp_path, good):
    uri = f"sqlite:///{tmp_path}/absent/mlflow.db"
    with pytest.raises(InvalidInputError, match="folder that does not exist"):
        log_training(good, tracking_uri=uri)
    (tmp_path / "broken.db").write_text("no database" * 1000)
    with pytest.raises(ClearOptError, match="MLflow store"):
        log_training(good, tracking_uri=f"sqlite:///{tmp_path}/broken.db")


def test_a_run_that_fails_is_marked_and_named(store, good, tmp_path):
    (tmp_path / "mlartifacts").write_text("in the way")
    with pytest.raises(TrackingError, match="MLflow store sqlite"):
        log_training(good)
    with sqlite3.connect(tmp_path / "mlflow.db") as database:
        assert database.execute("select status from runs").fetchall() == [("FAILED",)]
    database.close()


def test_an_illegal_name_is_named(runs, table):
    with pytest.raises(TrackingError, match=r"a/b"):
        register_if_better("a/b", runs[0], table, budgets=BUDGETS)


def test_a_run_without_a_model_is_refused(store, client):
    run = client.create_run("0")
    with pytest.raises(InvalidInputError, match="has logged no model"):
        tracking.model_of_run(run.info.run_id)
    with pytest.raises(TrackingError, match="not found"):
        tracking.model_of_run("0" * 32)


def test_without_mlflow_the_extra_is_named(store, good, monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "mlflow", None)
    for call in (
        tracking.check_installed,
        lambda: log_training(good),
        lambda: load_predictor("models:/maths@champion"),
    ):
        with pytest.raises(MissingExtraError, match=r"clear-opt\[track\]"):
            call()
    save_predictor(good.predictor, tmp_path / "saved")  # the rest needs none of it
    assert isinstance(load_predictor(Path(tmp_path / "saved")), SurgePredictor)

"""What is never loaded: pickles, functions, classes nobody trusts, files that make no sense."""

import hashlib
import io
import json
import os
import pickle
import subprocess
import sys
import zipfile

import numpy as np
import pytest
import skops.io
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.compose import ColumnTransformer
from sklearn.linear_model import Ridge
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from clear_opt.errors import InvalidInputError
from clear_opt.predictors import (
    BoostedLearner,
    SurgePredictor,
    TextFeatures,
    load_predictor,
    save_predictor,
)
from tests.made_queries import same_curves, two_kinds

TINY = BoostedLearner(n_estimators=5, residual_n_estimators=2)
STATE, INDEX = "predictor.skops", "predictor.json"


@pytest.fixture(scope="module")
def rollouts():
    return two_kinds(queries=120, samples=1)


@pytest.fixture(scope="module")
def predictor(rollouts):
    return SurgePredictor(learner=TINY).fit(rollouts.texts(), rollouts)


@pytest.fixture
def folder(predictor, tmp_path):
    save_predictor(predictor, tmp_path / "saved")
    return tmp_path / "saved"


def put(folder, content):
    """Put content in place of the predictor, with a digest that vouches for it."""
    (folder / STATE).write_bytes(content)
    index = json.loads((folder / INDEX).read_text())
    index["sha256"] = hashlib.sha256(content).hexdigest()
    (folder / INDEX).write_text(json.dumps(index))


def altered(state, change):
    """Give a skops archive with its schema changed."""
    written = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(state)) as old, zipfile.ZipFile(written, "w") as new:
        for name in old.namelist():
            content = old.read(name)
            new.writestr(name, change(content.decode()) if name == "schema.json" else content)
    return written.getvalue()


class Trap:
    """Unpickling this makes a folder."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (os.mkdir, (str(self.path),))


@pytest.mark.parametrize("disguise", ["a pickle", "an array of objects", "a pickle in an archive"])
def test_a_pickle_is_never_run(folder, tmp_path, disguise):
    sprung = tmp_path / "sprung"
    bait = pickle.dumps(Trap(sprung))
    if disguise != "a pickle":
        held = io.BytesIO()
        np.save(held, np.array([Trap(sprung)], dtype=object), allow_pickle=True)
        bait = held.getvalue()
    if disguise == "a pickle in an archive":
        written = io.BytesIO()
        with (
            zipfile.ZipFile(io.BytesIO((folder / STATE).read_bytes())) as old,
            zipfile.ZipFile(written, "w") as new,
        ):
            for name in old.namelist():
                new.writestr(name, bait if name.endswith(".npy") else old.read(name))
        bait = written.getvalue()
    for name in ("predictor.pkl", "model.pkl", "python_model.pkl"):
        (folder / name).write_bytes(bait)
    put(folder, bait)
    with pytest.raises(InvalidInputError, match="does not make a predictor"):
        load_predictor(folder)
    assert not sprung.exists()
    pickle.loads(pickle.dumps(Trap(sprung)))
    assert sprung.exists()  # the trap itself works


@pytest.mark.parametrize(
    ("held", "named"),
    [
        (FunctionTransformer(os.system), r"(posix|nt)\.system"),
        (FunctionTransformer(eval), r"builtins\.eval"),
        (FunctionTransformer(subprocess.run), r"subprocess\.run"),
    ],
    ids=["os.system", "eval", "subprocess.run"],
)
def test_functions_that_run_commands_are_refused_by_name(predictor, folder, held, named):
    before = predictor.features
    try:
        predictor.features = ColumnTransformer([("trap", held, ["text"])])
        state = skops.io.dumps(predictor)
    finally:
        predictor.features = before
    put(folder, state)
    message = rf"holds types that are not trusted: {named}; if you trust who made it"
    with pytest.raises(InvalidInputError, match=message):
        load_predictor(folder)


def test_a_foreign_class_in_place_of_a_known_one_is_refused(folder, tmp_path):
    sprung = tmp_path / "sprung"
    code = f"import pathlib\npathlib.Path({str(sprung)!r}).mkdir()\nclass BoostedTrees: pass\n"
    (tmp_path / "evil_module.py").write_text(code)
    known = '"__module__": "clear_opt.predictors.boosting"'
    state = altered(
        (folder / STATE).read_bytes(),
        lambda schema: schema.replace(known, '"__module__": "evil_module"'),
    )
    assert state != (folder / STATE).read_bytes()
    put(folder, state)
    sys.path.insert(0, str(tmp_path))
    try:
        with pytest.raises(InvalidInputError, match=r"not trusted: evil_module\.BoostedTrees"):
            load_predictor(folder)
    finally:
        sys.path.remove(str(tmp_path))
    assert "evil_module" not in sys.modules
    assert not sprung.exists()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"PK\x05\x06" + b"\0" * 18,
        skops.io.dumps(Ridge()),
        skops.io.dumps([1, 2]),
        skops.io.dumps("x"),
    ],
    ids=["empty", "empty archive", "another estimator", "a list", "a text"],
)
def test_what_is_no_predictor_is_refused(folder, content):
    put(folder, content)
    with pytest.raises(InvalidInputError, match=r"does not make a predictor|not a predictor"):
        load_predictor(folder)


@pytest.mark.parametrize(
    "change",
    [
        lambda schema: "[]",
        lambda schema: schema[:-10],
        lambda schema: schema.replace("max_feature_idx=", "least_feature_idx=", 1),
        lambda schema: schema.replace('"__loader__": "ObjectNode"', '"__loader__": "Nothing"', 1),
        lambda schema: schema.replace('.npy"', '.nothing"', 1),
    ],
    ids=["no schema", "cut short", "no tree", "no loader", "no array"],
)
def test_a_schema_that_makes_no_sense_is_refused(folder, change):
    before = (folder / STATE).read_bytes()
    put(folder, altered(before, change))
    with pytest.raises(InvalidInputError, match="does not make a predictor"):
        load_predictor(folder)


class Halves(TransformerMixin, BaseEstimator):
    """A harmless transformer that the package does not know."""

    def __init__(self, by=2.0):
        self.by = by

    def fit(self, table, y=None):
        self.names_ = list(table.columns)
        return self

    def transform(self, table):
        return table.to_numpy() / self.by


def test_a_transformer_of_ones_own_loads_if_it_is_trusted(rollouts, tmp_path):
    table = rollouts.queries().assign(level=np.arange(120.0))
    features = ColumnTransformer(
        [
            ("halves", Halves(), ["level"]),
            ("scaled", StandardScaler(), ["level"]),
            ("text", TextFeatures(4), "text"),
        ]
    )
    predictor = SurgePredictor(features, TINY).fit(table, rollouts)
    save_predictor(predictor, tmp_path)
    name = f"{Halves.__module__}.Halves"
    with pytest.raises(InvalidInputError, match=f"not trusted: {name}; .* trusted="):
        load_predictor(tmp_path)
    with pytest.raises(InvalidInputError, match=f"not trusted: {name}"):
        load_predictor(tmp_path, trusted=["another.Type"])
    loaded = load_predictor(tmp_path, trusted=[name])
    assert same_curves(loaded.predict(table), predictor.predict(table))
    assert loaded.features.transformers[0][1].by == 2.0

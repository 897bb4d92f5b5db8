"""Predictors on disk: the same bits, the same bytes, and nothing that runs on loading."""

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.exceptions import NotFittedError

from clear_opt.errors import InvalidInputError
from clear_opt.predictors import (
    BoostedLearner,
    LinearLearner,
    SurgePredictor,
    load_predictor,
    save_predictor,
)
from tests.made_queries import LEARNERS, MEGABYTE, ODD_TEXTS, QUICK, files, same_curves, two_kinds

ROOT = Path(__file__).resolve().parents[1]
TINY = BoostedLearner(n_estimators=5, residual_n_estimators=2)
STATE, INDEX = "predictor.skops", "predictor.json"


@pytest.fixture(scope="module")
def rollouts():
    return two_kinds(queries=120, samples=1, models=(("m", 0.0, 1.0), ("n", -1.0, 2.0)))


@pytest.fixture(scope="module", params=LEARNERS)
def either(request, rollouts):
    return SurgePredictor(learner=LEARNERS[request.param]).fit(rollouts.texts(), rollouts)


@pytest.fixture(scope="module")
def predictor(rollouts):
    return SurgePredictor(learner=QUICK).fit(rollouts.texts(), rollouts)


@pytest.fixture
def folder(predictor, tmp_path):
    save_predictor(predictor, tmp_path / "saved")
    return tmp_path / "saved"


# --- the same bits, the same bytes


def test_a_stored_predictor_predicts_the_same_bits(either, rollouts, tmp_path):
    save_predictor(either, tmp_path)
    loaded = load_predictor(tmp_path)
    texts = [*rollouts.texts(), *(text for text in ODD_TEXTS.values() if len(text) < MEGABYTE // 2)]
    for model in (None, "m", "n"):
        assert same_curves(loaded.predict(texts, model), either.predict(texts, model))
        one, other = (which.predict_distribution(texts[:9], model) for which in (loaded, either))
        for name in ("tau", "width", "height", "length"):
            assert np.array_equal(getattr(one, name), getattr(other, name))
    assert np.array_equal(loaded.out_of_distribution(texts), either.out_of_distribution(texts))
    assert repr(loaded.get_params()) == repr(either.get_params())
    assert loaded.trained_on_ == either.trained_on_
    assert loaded.models == either.models
    assert loaded.columns_ == either.columns_


def test_columns_of_every_kind_are_stored(rollouts, tmp_path):
    rng = np.random.default_rng(0)
    table = rollouts.queries()
    table["level"] = np.where(rng.random(120) < 0.1, np.nan, rng.integers(1, 6, 120))
    table["topic"] = rng.choice(np.array(["algebra", "Zahlen größer 3", None], dtype=object), 120)
    predictor = SurgePredictor(learner=TINY).fit(table, rollouts)
    save_predictor(predictor, tmp_path)
    loaded = load_predictor(tmp_path)
    new = table.assign(topic=[*table["topic"][:-2], "unseen", '"__id__": 12345'])
    assert same_curves(loaded.predict(new), predictor.predict(new))
    assert loaded.out_of_distribution(new).tolist() == [False] * 118 + [True] * 2
    save_predictor(loaded, tmp_path / "again")
    assert files(tmp_path / "again")[STATE] == (tmp_path / STATE).read_bytes()


def test_what_looks_like_a_name_of_skops_is_left_alone(rollouts, tmp_path):
    topics = ['"__id__": 12345', '"file": "678.npy"', "x"]
    table = pd.DataFrame({"topic": np.array(topics, dtype=object)[np.arange(120) % 3]})
    save_predictor(SurgePredictor(learner=TINY).fit(table, rollouts), tmp_path)
    assert load_predictor(tmp_path).range_.categories_ == {"topic": sorted(topics)}


def test_storing_a_loaded_predictor_gives_the_same_files(either, tmp_path):
    save_predictor(either, tmp_path / "once")
    save_predictor(load_predictor(tmp_path / "once"), tmp_path / "deep" / "again")
    assert files(tmp_path / "deep" / "again") == files(tmp_path / "once")


def test_only_the_seed_changes_the_bytes(predictor, rollouts, tmp_path):
    again = SurgePredictor(learner=QUICK).fit(rollouts.texts(), rollouts)
    other = SurgePredictor(learner=QUICK, random_state=1).fit(rollouts.texts(), rollouts)
    for name, fitted in {"one": predictor, "two": again, "three": other}.items():
        save_predictor(fitted, tmp_path / name)
    assert files(tmp_path / "one") == files(tmp_path / "two")
    assert files(tmp_path / "one") != files(tmp_path / "three")


TRAIN = """
import sys
import pandas as pd
from clear_opt.predictors import BoostedLearner, LinearLearner, SurgePredictor, save_predictor
from tests.made_queries import two_kinds

rollouts = two_kinds(queries=60, samples=1, models=(("m", 0.0, 1.0), ("n", -1.0, 2.0)))
table = rollouts.queries().assign(topic=["a", "b", "c"] * 20, level=[1.0, 2.0] * 30)
for learner in (BoostedLearner(n_estimators=5, residual_n_estimators=2), LinearLearner()):
    predictor = SurgePredictor(learner=learner).fit(table, rollouts)
    save_predictor(predictor, f"{sys.argv[1]}/{type(learner).__name__}")
"""


def test_another_process_writes_the_same_bytes(tmp_path):
    for seed in ("1", "2"):
        subprocess.run(
            [sys.executable, "-W", "error", "-c", TRAIN, str(tmp_path / seed)],
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT)},
            cwd=ROOT,
            check=True,
        )
    for name in ("BoostedLearner", "LinearLearner"):
        assert files(tmp_path / "1" / name) == files(tmp_path / "2" / name)


# --- saving


def test_a_saved_predictor_is_two_files_and_the_index_says_what_it_is(folder):
    assert list(files(folder)) == [INDEX, STATE]
    index = json.loads((folder / INDEX).read_text())
    assert index["columns"] == ["text"]
    assert index["trained_on"] == {
        "queries": 120,
        "rollouts": 240,
        "models": ["m", "n"],
        "sources": [],
    }
    assert index["sha256"] == hashlib.sha256((folder / STATE).read_bytes()).hexdigest()


def test_saving_replaces_the_predictor_and_keeps_its_card(folder, rollouts):
    (folder / "README.md").write_text("a card")
    (folder / "pictures").mkdir()
    (folder / "pictures" / "one.txt").write_text("a picture")
    save_predictor(SurgePredictor(learner=LinearLearner()).fit(rollouts.texts(), rollouts), folder)
    assert isinstance(load_predictor(folder).learner, LinearLearner)
    assert (folder / "README.md").read_text() == "a card"
    assert (folder / "pictures" / "one.txt").read_text() == "a picture"
    assert {path.name for path in folder.iterdir()} == {"README.md", "pictures", INDEX, STATE}
    assert [path.name for path in folder.parent.iterdir()] == [folder.name]  # nothing left over


def test_what_cannot_be_saved_is_refused(predictor, tmp_path):
    with pytest.raises(NotFittedError):
        save_predictor(SurgePredictor(), tmp_path / "unfitted")
    (tmp_path / "file").write_text("")
    with pytest.raises(InvalidInputError, match="is a file"):
        save_predictor(predictor, tmp_path / "file")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_nothing_is_printed(predictor, tmp_path, capfd):
    save_predictor(predictor, tmp_path)
    load_predictor(tmp_path).predict(["Add 1."])
    assert capfd.readouterr() == ("", "")


# --- damage


@pytest.mark.parametrize("name", [STATE, INDEX])
def test_a_missing_file_is_named(folder, name):
    (folder / name).unlink()
    with pytest.raises(InvalidInputError, match=f"{name}: is missing"):
        load_predictor(folder)


@pytest.mark.parametrize("name", [STATE, INDEX])
def test_half_a_file_is_named(folder, name):
    content = (folder / name).read_bytes()
    (folder / name).write_bytes(content[: len(content) // 2])
    with pytest.raises(InvalidInputError, match=f"{name}: is not"):
        load_predictor(folder)


def test_a_changed_byte_is_noticed(folder):
    content = bytearray((folder / STATE).read_bytes())
    content[len(content) // 2] ^= 1
    (folder / STATE).write_bytes(content)
    with pytest.raises(InvalidInputError, match=f"{STATE}: .* its SHA-256 differs"):
        load_predictor(folder)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format": "clear_opt surge predictor 99"}, "99', this version reads .* train the predi"),
        ({"format": "clear_opt surge predictor 99"}, "install a newer clear_opt, or train"),
        ({"format": "clear_opt surge predictor 3"}, "3', this version reads .*; train the predi"),
        ({"format": "clear_opt surge predictor 1"}, "this version reads .* with this version"),
        ({"format": None}, "this version reads"),
        ({"sha256": ["?"]}, "does not name the predictor's SHA-256"),
        ({"sha256": None}, "does not name the predictor's SHA-256"),
        ({"sha256": "0" * 64}, "its SHA-256 differs"),
    ],
)
def test_a_changed_index_is_refused(folder, change, message):
    index = json.loads((folder / INDEX).read_text())
    (folder / INDEX).write_text(json.dumps({**index, **change}))
    with pytest.raises(InvalidInputError, match=message):
        load_predictor(folder)


@pytest.mark.parametrize("content", ["[]", "null", "3", "", "\x80", "{}", '"format"'])
def test_an_index_that_is_none_is_refused(folder, content):
    (folder / INDEX).write_bytes(content.encode("latin-1"))
    with pytest.raises(InvalidInputError, match=f"{INDEX}: is not a predictor's index"):
        load_predictor(folder)

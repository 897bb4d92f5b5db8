import hashlib
import json
import os
import pickle
import sys
import time
from importlib import import_module

import numpy as np
import pytest
from scipy.special import ndtr
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

from clear_opt import ShiftedSurge
from clear_opt.errors import InvalidInputError, MissingExtraError
from clear_opt.predictors import (
    SurgePredictor,
    TextFeatures,
    load_predictor,
    save_predictor,
    shipped_predictors,
    storage,
)
from clear_opt.predictors.text_features import COUNTS, text_counts
from clear_opt.rollouts import Rollouts

MEGABYTE = 1_000_000

ODD_TEXTS = {
    "empty": "",
    "blank": " \n\t ",
    "chinese": "小明有三个苹果，又买了五个。他一共有几个苹果？",  # noqa: RUF001
    "arabic": "لدى سارة ٣ تفاحات، ثم اشترت ٥. كم تفاحة لديها؟",  # noqa: RUF001
    "emoji": "🍎🍎🍎 + 🍎 = ?",
    "lone surrogate": "a \ud800 b",
    "nul": "a\x00b",
    "words": "how many apples " * (MEGABYTE // 16),
    "one word": "x" * MEGABYTE,
    "digits": "1" * MEGABYTE,
    "groups": "1," * (MEGABYTE // 2),
    "marks": "!" * MEGABYTE,
    "backslashes": "\\" * MEGABYTE,
}


HARD = "Prove the theorem about {} curves."


def synthetic(seed=0, queries=400, samples=3, spread=0.3):
    """Two kinds of query whose success and length are known: short and sure, long and doubtful."""
    rng = np.random.default_rng(seed)
    hard = rng.random(queries) < 0.5
    texts = [HARD.format(k) if h else f"Add {k} and {k + 2}." for k, h in enumerate(hard)]
    ids = np.repeat([f"q{k}" for k in range(queries)], samples)
    kind = np.repeat(hard, samples)
    length = np.where(kind, 1_000.0, 100.0) * np.exp(spread * rng.standard_normal(len(ids)))
    correct = rng.random(len(ids)) < np.where(kind, 0.4, 0.9)
    text = np.repeat(np.array(texts, dtype=object), samples)
    return Rollouts(ids.tolist(), np.round(length), correct, text, model=["m"] * len(ids))


@pytest.fixture(scope="module")
def rollouts():
    return synthetic()


@pytest.fixture(scope="module")
def predictor(rollouts):
    return SurgePredictor().fit(rollouts.texts(), rollouts)


@pytest.fixture
def folder(predictor, tmp_path):
    save_predictor(predictor, tmp_path / "saved")
    return tmp_path / "saved"


def files(folder):
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def same_curves(one, other):
    return all(np.array_equal(getattr(one, f), getattr(other, f)) for f in ("tau", "alpha", "beta"))


# --- features


def test_counts_are_what_is_visible():
    text = (
        "Tom has 12 apples, 1,234 pears and $\\frac{1}{2}$ of a pie. How many (in all)?\nSo: 3+4=7"
    )
    counts = dict(zip(COUNTS, np.expm1(text_counts([text])[0]).round().astype(int), strict=True))
    expected = {
        "characters": len(text),
        "capitals": 3,
        "digits": 11,
        "numbers": 7,
        "large_numbers": 1,
        "operators": 2,
        "latex_commands": 1,
        "math_marks": 2,
        "brackets": 3,
        "sentences": 2,
        "questions": 1,
        "commas": 2,
        "lines": 1,
    }
    assert expected.items() <= counts.items()


@pytest.mark.parametrize("name", ODD_TEXTS)
def test_odd_texts_have_features_and_curves_at_once(predictor, name):
    start = time.perf_counter()
    curves = predictor.predict([ODD_TEXTS[name]])
    assert time.perf_counter() - start < 10  # about 1 s; a pattern with backtracking takes hours
    assert np.isfinite(curves.value(500.0)).all()
    assert np.isfinite(predictor.features_.transform([ODD_TEXTS[name]])).all()


def test_sentences_and_questions_are_seen_in_other_scripts():
    counts = text_counts([ODD_TEXTS["chinese"], ODD_TEXTS["arabic"]])
    for name, expected in {"sentences": [2, 2], "questions": [1, 1], "commas": [1, 1]}.items():
        assert np.expm1(counts[:, COUNTS.index(name)]) == pytest.approx(expected)


def test_tfidf_separates_topics():
    texts = ["red apple pie", "green apple pie", "apple pie recipe"] * 3
    texts += ["prime number proof", "prime number sum", "number theory prime"] * 3
    reduced = TextFeatures(n_components=2).fit(texts).transform(texts)[:, len(COUNTS) :]
    likeness = reduced @ reduced.T
    assert likeness[:9, :9].min() > 0.5
    assert np.abs(likeness[:9, 9:]).max() < 1e-6


def test_vocabulary_holds_the_most_frequent_terms():
    features = TextFeatures(max_terms=3, min_texts=2).fit(["a b", "a b", "a c", "d"])
    assert features.vocabulary_ == ["a", "a b", "b"]
    assert features.idf_ == pytest.approx(np.log(5 / np.array([4, 3, 3])) + 1)


def test_texts_without_words_leave_the_counts():
    features = TextFeatures().fit(["", "?", "!!"])
    assert list(features.get_feature_names_out()) == list(COUNTS)
    assert features.transform(["", "two words"]).shape == (2, len(COUNTS))


# --- learning


def test_known_success_and_lengths_are_recovered(predictor):
    # 600 answers of each kind: three standard errors are 0.06 in success, 0.04 in log length.
    for kind, success, median in (("Add {} and {}.", 0.9, 100), (HARD, 0.4, 1_000)):
        found = predictor.predict_completion([kind.format(k, k + 2) for k in range(500, 550)])
        assert found.success.mean() == pytest.approx(success, abs=0.06)
        assert found.median == pytest.approx(np.full(50, median), rel=0.1)
        assert found.spread == pytest.approx(np.full(50, 0.3), abs=0.08)


def test_curves_follow_the_known_completion_curve(predictor):
    curves = predictor.predict([HARD.format(k) for k in range(500, 550)])
    caps = np.arange(100.0, 4_000.0, 100.0)
    found = [curves.value(cap).mean() for cap in caps]
    assert found == pytest.approx(0.4 * ndtr(np.log(caps / 1_000) / 0.3), abs=0.08)


def test_probabilities_count_as_shares():
    rng = np.random.default_rng(5)
    texts = [f"Add {k}." for k in range(120)]
    ids = [f"q{k}" for k in range(120)]
    rollouts = Rollouts(ids, rng.integers(80, 120, 120), np.full(120, 0.3), texts)
    predictor = SurgePredictor(trees=20).fit(texts, rollouts)
    assert predictor.predict_completion(["Add 7."]).success == pytest.approx([0.3], abs=0.02)


def test_a_query_counts_once_for_its_length():
    # One query with 50 long answers among 99 with one short answer each: the median is short.
    ids = ["long"] * 50 + [f"q{k}" for k in range(99)]
    length = [5_000] * 50 + [100] * 99
    rollouts = Rollouts(ids, length, np.ones(149))
    predictor = SurgePredictor(trees=50).fit(["Add."] * 100, rollouts)
    assert predictor.predict_completion(["Add."]).median == pytest.approx([100], rel=0.05)


def test_a_text_has_the_same_curve_alone_and_in_a_batch(predictor, rollouts):
    texts = rollouts.texts()[:40]
    together = predictor.predict(texts)
    for row in (0, 17, 39):
        assert same_curves(predictor.predict([texts[row]]), together.take([row]))


def test_the_same_seed_gives_the_same_bytes(predictor, rollouts, tmp_path):
    again = SurgePredictor().fit(rollouts.texts(), rollouts)
    other = SurgePredictor(seed=1).fit(rollouts.texts(), rollouts)
    for name, fitted in {"one": predictor, "two": again, "three": other}.items():
        save_predictor(fitted, tmp_path / name)
    assert files(tmp_path / "one") == files(tmp_path / "two")
    assert files(tmp_path / "one") != files(tmp_path / "three")


def test_a_handful_of_rollouts_still_gives_legal_curves():
    rollouts = Rollouts(["a", "b"], [0, 100], [True, False], ["zero tokens", "wrong"])
    curves = SurgePredictor(trees=2).fit(rollouts.texts(), rollouts).predict(["zero", "wrong", ""])
    assert len(curves) == 3
    assert (curves.height > 0).all()


def test_what_it_learned_from_is_known(predictor):
    assert predictor.trained_on_ == {
        "queries": 400,
        "rollouts": 1_200,
        "models": ["m"],
        "sources": [],
    }


def test_nothing_is_printed(rollouts, tmp_path, capfd):
    predictor = SurgePredictor(trees=3).fit(rollouts.texts(), rollouts)
    save_predictor(predictor, tmp_path / "saved")
    load_predictor(tmp_path / "saved").predict(["Add 1."])
    assert capfd.readouterr() == ("", "")


def test_an_empty_batch_has_no_curves(predictor):
    assert len(predictor.predict([])) == 0


def test_it_is_an_estimator(predictor):
    copy = clone(predictor)
    assert copy.get_params() == predictor.get_params()
    with pytest.raises(NotFittedError):
        copy.predict(["Add 1."])


def test_wrong_queries_are_refused(predictor, rollouts):
    with pytest.raises(InvalidInputError, match="single text"):
        predictor.predict("Add 1.")
    with pytest.raises(InvalidInputError, match="row 1, text = 3: is not text"):
        predictor.predict(["Add 1.", 3])
    with pytest.raises(InvalidInputError, match="1 texts for the 400 queries"):
        SurgePredictor().fit(["Add 1."], rollouts)
    with pytest.raises(InvalidInputError, match="no correct rollout"):
        SurgePredictor().fit(["Add 1."], Rollouts(["a"], [10], [False]))


@pytest.mark.parametrize("package", ["lightgbm", "sklearn"])
def test_without_the_learn_extra_it_is_named(monkeypatch, package):
    for name in [name for name in sys.modules if name.startswith("clear_opt.predictors")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MissingExtraError, match=r"clear-opt\[learn\]"):
        import_module("clear_opt.predictors")


# --- storage


def test_a_stored_predictor_predicts_the_same_bits(predictor, folder, rollouts):
    loaded = load_predictor(folder)
    texts = [*rollouts.texts(), *ODD_TEXTS.values()]
    assert same_curves(loaded.predict(texts), predictor.predict(texts))
    assert loaded.get_params() == predictor.get_params()
    assert loaded.trained_on_ == predictor.trained_on_


def test_storing_a_loaded_predictor_gives_the_same_files(folder, tmp_path):
    save_predictor(load_predictor(folder), tmp_path / "deep" / "again")
    assert files(tmp_path / "deep" / "again") == files(folder)


def test_saving_replaces_the_predictor_and_keeps_its_card(folder, rollouts):
    (folder / "README.md").write_text("a card")
    before = files(folder)
    save_predictor(SurgePredictor(trees=2).fit(rollouts.texts(), rollouts), folder)
    after = files(folder)
    assert load_predictor(folder).trees == 2
    assert after["README.md"] == b"a card"
    assert after.keys() == before.keys()
    assert [path.name for path in folder.parent.iterdir()] == [folder.name]


def test_what_cannot_be_saved_is_refused(predictor, tmp_path):
    with pytest.raises(NotFittedError):
        save_predictor(SurgePredictor(), tmp_path / "unfitted")
    (tmp_path / "file").write_text("")
    with pytest.raises(InvalidInputError, match="is a file"):
        save_predictor(predictor, tmp_path / "file")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


NAMES = [
    "components.npy",
    "length_q10.lgb.txt",
    "length_q50.lgb.txt",
    "length_q90.lgb.txt",
    "predictor.json",
    "success.lgb.txt",
    "terms.json",
]


def test_a_saved_predictor_is_these_files(folder):
    assert list(files(folder)) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_a_missing_file_is_named(folder, name):
    (folder / name).unlink()
    with pytest.raises(InvalidInputError, match=f"{name}: is missing"):
        load_predictor(folder)


@pytest.mark.parametrize("name", NAMES)
def test_a_damaged_file_is_named(folder, name):
    content = (folder / name).read_bytes()
    (folder / name).write_bytes(content[: len(content) // 2])
    with pytest.raises(InvalidInputError, match=f"{name}: is not"):
        load_predictor(folder)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format": "clear_opt surge predictor 99"}, "this version reads"),
        ({"settings": {"trees": 1}}, "entries expected under 'settings'"),
        ({"sha256": ["?"]}, "entries expected under 'sha256'"),
    ],
)
def test_a_changed_index_is_refused(folder, change, message):
    index = json.loads((folder / "predictor.json").read_text())
    (folder / "predictor.json").write_text(json.dumps({**index, **change}))
    with pytest.raises(InvalidInputError, match=message):
        load_predictor(folder)


@pytest.mark.parametrize("content", ["[]", "null", "3", "", "\x80"])
def test_an_index_that_is_none_is_refused(folder, content):
    (folder / "predictor.json").write_bytes(content.encode("latin-1"))
    with pytest.raises(InvalidInputError, match="is not a predictor's index"):
        load_predictor(folder)


class Trap:
    """Unpickling this makes a folder."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (os.mkdir, (str(self.path),))


def replace(folder, name, content):
    """Put content in place of a file, with a digest that vouches for it."""
    (folder / name).write_bytes(content)
    index = json.loads((folder / "predictor.json").read_text())
    index["sha256"][name] = hashlib.sha256(content).hexdigest()
    (folder / "predictor.json").write_text(json.dumps(index))


@pytest.mark.parametrize("disguise", ["pickle", "object array"])
def test_a_pickle_is_never_run(folder, tmp_path, disguise):
    sprung = tmp_path / "sprung"
    if disguise == "pickle":
        bait = pickle.dumps(Trap(sprung))
    else:
        np.save(tmp_path / "bait.npy", np.array([Trap(sprung)], dtype=object), allow_pickle=True)
        bait = (tmp_path / "bait.npy").read_bytes()
    (folder / "predictor.pkl").write_bytes(bait)
    replace(folder, "components.npy", bait)
    with pytest.raises(InvalidInputError, match="do not make a predictor"):
        load_predictor(folder)
    assert not sprung.exists()
    pickle.loads(pickle.dumps(Trap(sprung)))
    assert sprung.exists()  # the trap itself works


def test_parts_that_do_not_belong_together_are_refused(folder):
    terms = json.loads((folder / "terms.json").read_text())
    fewer = {"terms": terms["terms"][:-1], "idf": terms["idf"][:-1]}
    replace(folder, "terms.json", json.dumps(fewer).encode())
    with pytest.raises(InvalidInputError, match="different numbers of features"):
        load_predictor(folder)


# --- shipped predictors


def test_an_unknown_name_lists_the_known(tmp_path):
    with pytest.raises(InvalidInputError, match=r"no shipped predictor; .*: zeroeval-math"):
        load_predictor(tmp_path / "nothing")


def test_the_shipped_predictor_loads_anywhere(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    predictor = load_predictor("zeroeval-math")
    assert predictor.trained_on_["queries"] == 1_412
    curves = predictor.predict(list(ODD_TEXTS.values()))
    assert isinstance(curves, ShiftedSurge)
    assert ((curves.height > 0) & (curves.height <= 1)).all()


@pytest.mark.parametrize("place", ["inside", "beside"])
def test_shipped_predictors_lie_inside_a_wheel_or_beside_a_checkout(
    predictor, monkeypatch, tmp_path, place
):
    package = tmp_path / "clear_opt"
    models = (package if place == "inside" else tmp_path) / "models"
    monkeypatch.setattr(storage, "__file__", str(package / "predictors" / "storage.py"))
    assert shipped_predictors() == {}
    save_predictor(predictor, models / "mine")
    assert shipped_predictors() == {"mine": models / "mine"}
    assert load_predictor("mine").trained_on_ == predictor.trained_on_


def test_the_shipped_predictor_knows_easy_from_hard():
    easy = "Ann has 3 pens. She buys 2 more pens. How many pens does she have now?"
    hard = (
        r"Let $P(x)$ be a polynomial of degree $2019$ such that $P(k) = \frac{k}{k+1}$ for all "
        r"integers $0 \le k \le 2019$. Find the remainder when the numerator of $P(2020)$, in "
        r"lowest terms, is divided by $1000$, and express your answer as an integer."
    )
    success, median, _ = load_predictor("zeroeval-math").predict_completion([easy, hard])
    assert success[0] > success[1] + 0.2
    assert median[1] > 2 * median[0]


def test_the_shipped_predictor_is_small_and_has_a_card():
    folder = shipped_predictors()["zeroeval-math"]
    sizes = {path.name: path.stat().st_size for path in folder.iterdir()}
    assert max(sizes.values()) < 500_000
    assert sum(sizes.values()) < 1_500_000
    assert "## Limits" in (folder / "README.md").read_text(encoding="utf-8")

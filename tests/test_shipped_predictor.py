"""The predictors that come with the package: found anywhere, small, with a card, and sensible."""

import json
import zipfile

import numpy as np
import pytest

from clear_opt import ShiftedSurge
from clear_opt.errors import InvalidInputError
from clear_opt.predictors import (
    BoostedLearner,
    SurgePredictor,
    load_predictor,
    save_predictor,
    shipped_predictors,
    storage,
)
from tests.made_queries import ODD_TEXTS, same_curves, two_kinds

NAME = "zeroeval-math"
MODELS = (
    "Llama-3.1-405B-Inst@sambanova",
    "Meta-Llama-3.1-405B-Instruct@hyperbolic",
    "Phi-3.5-mini-instruct",
    "Yi-1.5-34B-Chat",
    "claude-3-5-haiku-20241022",
    "claude-3-opus-20240229",
    "deepseek-v2.5-0908",
    "gemini-1.5-flash",
    "gemini-1.5-flash-exp-0827",
    "gpt-3.5-turbo-0125",
    "gpt-4o-2024-05-13",
    "gpt-4o-2024-08-06",
    "gpt-4o-mini-2024-07-18",
    "o1-mini-2024-09-12",
)
EASY = "Ann has 3 pens. She buys 2 more pens. How many pens does she have now?"
HARD = (
    r"Let $P(x)$ be a polynomial of degree $2019$ such that $P(k) = \frac{k}{k+1}$ for all "
    r"integers $0 \le k \le 2019$. Find the remainder when the numerator of $P(2020)$, in "
    r"lowest terms, is divided by $1000$, and express your answer as an integer."
)


@pytest.fixture(scope="module")
def shipped():
    return load_predictor(NAME)


def test_an_unknown_name_lists_the_known(tmp_path):
    with pytest.raises(InvalidInputError, match=rf"no shipped predictor; .*: {NAME}"):
        load_predictor(tmp_path / "nothing")


def test_it_loads_anywhere_and_knows_its_models(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    predictor = load_predictor(NAME)
    assert predictor.models == MODELS
    assert predictor.trained_on_["queries"] == 1_412
    assert predictor.trained_on_["rollouts"] == 19_293
    assert predictor.trained_on_["models"] == list(MODELS)
    assert predictor.columns_ == ["text"]


@pytest.mark.parametrize("model", [None, *MODELS])
def test_every_model_knows_easy_from_hard(shipped, model):
    success, median, sigma = shipped.predict_completion([EASY, HARD], model)
    assert success[0] > success[1] + 0.04  # of the best model, 0.3 of a typical one
    assert median[1] > 2 * median[0]
    assert ((sigma > 0.05) & (sigma < 1.0)).all()
    curves = shipped.predict([EASY, HARD], model)
    assert curves.value(200.0)[0] > curves.value(200.0)[1] + 0.4


def test_models_of_the_pool_are_told_apart(shipped):
    success = {name: shipped.predict_completion([EASY, HARD], name).success for name in MODELS}
    assert (success["o1-mini-2024-09-12"] > success["gpt-3.5-turbo-0125"]).all()
    assert success["o1-mini-2024-09-12"][1] > success["gpt-3.5-turbo-0125"][1] + 0.1
    typical = shipped.predict_completion([EASY, HARD]).success
    assert min(value[1] for value in success.values()) < typical[1]
    assert typical[1] < max(value[1] for value in success.values())


def test_odd_texts_have_legal_curves(shipped):
    curves = shipped.predict(list(ODD_TEXTS.values()))
    assert isinstance(curves, ShiftedSurge)
    assert ((curves.height > 0) & (curves.height <= 1)).all()


def test_a_thousand_texts_at_once_have_the_curves_of_a_few(shipped):
    texts = [f"{EASY} Tom has {k} of them." for k in range(500)] + [HARD] * 500
    curves = shipped.predict(texts)
    assert len(curves) == 1_000
    assert same_curves(curves.take([0, 1, 999]), shipped.predict([texts[0], texts[1], HARD]))


def test_texts_of_another_kind_are_outside_its_training(shipped):
    other = ["Summarise the attached contract and list all obligations of the tenant.", ""]
    assert shipped.out_of_distribution([EASY, HARD, *other]).tolist() == [False, False, True, True]


def contents(folder):
    """What is inside ``predictor.skops``, by name."""
    with zipfile.ZipFile(folder / "predictor.skops") as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def test_saving_it_again_gives_the_same_contents(shipped, tmp_path):
    save_predictor(shipped, tmp_path)
    assert contents(tmp_path) == contents(shipped_predictors()[NAME])


def test_it_is_small_and_has_a_card_and_holds_nothing_else():
    folder = shipped_predictors()[NAME]
    sizes = {path.name: path.stat().st_size for path in folder.iterdir()}
    assert sizes.keys() == {"README.md", "predictor.json", "predictor.skops"}
    assert sum(sizes.values()) < 2_500_000
    card = (folder / "README.md").read_text(encoding="utf-8")
    for part in ("## Trained on", "## How it scores", "## Limits", "## Reproduce", *MODELS):
        assert part in card


def test_it_holds_no_query(shipped, shared_data):
    """Single words that many problems share are kept, but no sentence of any."""
    from clear_opt.rollouts import read_rollouts

    rollouts = read_rollouts(shared_data / "zeroeval_rollouts.parquet")
    kept = set(shipped.range_.words_) | {
        word
        for _, features, _ in shipped.features_.transformers_
        for word in getattr(features, "vocabulary_", [])
    }
    assert max(word.count(" ") for word in kept) <= 1  # words and word pairs
    content = b"".join(contents(shipped_predictors()[NAME]).values())
    assert b"polynomial" in content
    for text, name in list(zip(rollouts.texts(), rollouts.query_ids, strict=True))[::5]:
        assert json.dumps(text[:40])[1:-1].encode() not in content
        assert name.encode() not in content
    index = json.loads((shipped_predictors()[NAME] / "predictor.json").read_text())
    assert "query_digests" not in index["trained_on"]


@pytest.mark.parametrize("place", ["inside", "beside"])
def test_shipped_predictors_lie_inside_a_wheel_or_beside_a_checkout(monkeypatch, tmp_path, place):
    rollouts = two_kinds(queries=20, samples=1)
    tiny = SurgePredictor(learner=BoostedLearner(n_estimators=2, residual_n_estimators=1))
    predictor = tiny.fit(rollouts.texts(), rollouts)
    package = tmp_path / "clear_opt"
    models = (package if place == "inside" else tmp_path) / "models"
    monkeypatch.setattr(storage, "__file__", str(package / "predictors" / "storage.py"))
    assert shipped_predictors() == {}
    save_predictor(predictor, models / "mine")
    (models / "no predictor").mkdir()
    assert shipped_predictors() == {"mine": models / "mine"}
    assert load_predictor("mine").trained_on_ == predictor.trained_on_


def test_a_shipped_name_wins_over_a_folder(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    (tmp_path / NAME).mkdir()
    assert load_predictor(NAME).models == MODELS
    with pytest.raises(InvalidInputError, match=r"predictor\.json: is missing"):
        load_predictor(f"./{NAME}")


def test_its_distribution_is_wider_than_nothing(shipped):
    found = shipped.predict_distribution([EASY, HARD], "gpt-4o-2024-08-06")
    for values in (found.tau, found.width, found.height, found.length):
        assert (np.diff(values, axis=1) > 0).all()

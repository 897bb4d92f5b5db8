import copy
import json
import socket
import sys

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.compose import ColumnTransformer
from sklearn.exceptions import NotFittedError

from clear_opt.errors import InvalidInputError, MissingExtraError
from clear_opt.predictors import (
    LinearLearner,
    SurgePredictor,
    TextFeatures,
    load_predictor,
    save_predictor,
)
from clear_opt.predictors.embedding import SentenceEmbedding
from clear_opt.rollouts import Rollouts
from tests.growth import growth

WORDS = ["[UNK]", "add", "and", "apples", "prove", "curves", "theorem", "the", "苹果"]
SIZE = 6


@pytest.fixture(autouse=True)
def no_network(monkeypatch):
    """A test fails if it reaches for the network, whatever the library makes of the refusal."""
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    # Read when the library is imported, which an earlier test may have done.
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    attempts = []

    def refuse(*args, **_kwargs):
        attempts.append(args)
        raise OSError("no network in tests")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    yield
    assert attempts == []


def vectors(seed=0):
    return np.random.default_rng(seed).standard_normal((len(WORDS), SIZE)).astype(np.float32)


def write_model(folder, seed=0, lowercase=True, **settings):
    from model2vec import StaticModel
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers

    vocabulary = {word: k for k, word in enumerate(WORDS)}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    if lowercase:
        tokenizer.normalizer = normalizers.Lowercase()
    StaticModel(vectors(seed), tokenizer, **settings).save_pretrained(folder)
    return str(folder)


@pytest.fixture
def model(tmp_path):
    return write_model(tmp_path / "tiny")


def mean_of(*words):
    return np.mean([vectors()[WORDS.index(word)] for word in words], axis=0)


TEXTS = [
    "add apples",
    "prove the theorem",
    "add and add",
    "the curves",
    "theorem",
    "apples and 苹果",
]


def test_an_embedding_is_the_mean_of_the_known_words(model):
    found = SentenceEmbedding(model, dimensions=None).fit(TEXTS).transform(
        ["Add apples, please", "苹果", "the the curves"]
    )  # fmt: skip
    expected = [mean_of("add", "apples"), mean_of("苹果"), mean_of("the", "the", "curves")]
    assert found == pytest.approx(np.array(expected), abs=1e-6)


@pytest.mark.parametrize("text", ["", " \n\t", "привет мир", "!?", "\x00"])
def test_a_text_without_known_words_is_the_zero_vector(model, text):
    whole = SentenceEmbedding(model, dimensions=None).fit(TEXTS)
    assert not whole.transform([text]).any()
    reduced = SentenceEmbedding(model, dimensions=2).fit(TEXTS)
    assert np.isfinite(reduced.transform([text])).all()


def test_a_lone_surrogate_is_no_word(model):
    embedding = SentenceEmbedding(model, dimensions=None).fit(TEXTS)
    assert embedding.transform(["add \ud800 apples"])[0] == pytest.approx(
        mean_of("add", "apples"), abs=1e-6
    )


@pytest.mark.parametrize("text", ["add apples " * 90_000, "x" * 1_000_000, "苹" * 1_000_000])
@pytest.mark.parametrize("settings", [{}, {"max_length": None}])
def test_a_megabyte_is_embedded_in_linear_time(tmp_path, text, settings):
    name = write_model(tmp_path / "tiny", **settings)
    embedding = SentenceEmbedding(name, dimensions=None).fit(TEXTS)
    tenth = text[: len(text) // 10]
    assert growth(lambda given: embedding.transform([given]), tenth, text) < 40
    found = embedding.transform([text])[0]
    expected = mean_of("add", "apples") if "add" in text else np.zeros(SIZE)
    # Where the model stops reading within a pair of words, their means differ by a trifle.
    assert found == pytest.approx(expected, abs=1e-2)


def test_reduction_keeps_the_directions_of_most_variance(model):
    from sklearn.decomposition import PCA

    whole = SentenceEmbedding(model, dimensions=None).fit(TEXTS).transform(TEXTS)
    reduced = SentenceEmbedding(model, dimensions=3).fit(TEXTS)
    expected = PCA(3, svd_solver="full").fit_transform(whole)
    assert np.abs(reduced.transform(TEXTS)) == pytest.approx(np.abs(expected), abs=1e-9)
    names = ["embedding_0", "embedding_1", "embedding_2"]
    assert reduced.get_feature_names_out().tolist() == names


def test_no_more_dimensions_than_the_texts_differ_in(model):
    more = [*TEXTS, "apples", "and"]
    assert SentenceEmbedding(model).fit(more).transform(TEXTS).shape == (len(TEXTS), SIZE)
    assert SentenceEmbedding(model).fit(TEXTS[:2]).transform(TEXTS).shape == (len(TEXTS), 1)
    assert SentenceEmbedding(model).fit(TEXTS[:1] * 9).transform(TEXTS).shape == (len(TEXTS), 0)
    assert SentenceEmbedding(model).fit(more).transform([]).shape == (0, SIZE)


def test_an_embedding_off_those_of_training_is_outside(model):
    asked = ["add and add apples", "prove", "apples and and"]
    few = SentenceEmbedding(model).fit(["add apples", "add", "apples and add", "and"])
    assert few.out_of_distribution(asked).tolist() == [False, True, False]
    whole = SentenceEmbedding(model, dimensions=None).fit(TEXTS)
    assert not whole.out_of_distribution(asked).any()


def test_features_of_a_text_do_not_depend_on_the_others(model):
    embedding = SentenceEmbedding(model, dimensions=3).fit(TEXTS)
    together = embedding.transform(TEXTS)
    alone = np.vstack([embedding.transform([text]) for text in TEXTS])
    again = clone(embedding).fit(TEXTS).transform(TEXTS)
    assert together.tobytes() == alone.tobytes() == again.tobytes()


def test_a_copy_loads_the_model_again(model):
    embedding = SentenceEmbedding(model).fit(TEXTS)
    copied = copy.deepcopy(embedding)
    assert "_loaded" in vars(embedding)
    assert "_loaded" not in vars(copied)
    assert copied.transform(TEXTS).tobytes() == embedding.transform(TEXTS).tobytes()


# --- in a predictor


def rollouts(queries=60):
    rng = np.random.default_rng(0)
    hard = rng.random(queries) < 0.5
    texts = [f"Prove the theorem {k}" if h else f"Add {k} apples" for k, h in enumerate(hard)]
    length = np.where(hard, 900.0, 90.0) * np.exp(0.3 * rng.standard_normal(queries))
    correct = rng.random(queries) < np.where(hard, 0.4, 0.9)
    return Rollouts([f"q{k}" for k in range(queries)], np.round(length), correct, texts)


def fitted(model):
    features = ColumnTransformer(
        [
            ("counts", TextFeatures(n_components=4), "text"),
            ("meaning", embedding_of(model), "text"),
        ],
        sparse_threshold=0.0,
    )
    table = rollouts()
    return SurgePredictor(features, LinearLearner()).fit(table.queries(), table)


def embedding_of(model):
    return SentenceEmbedding(model, dimensions=3)


def same_curves(one, other):
    return all(
        getattr(one, name).tobytes() == getattr(other, name).tobytes()
        for name in ("tau", "alpha", "beta")
    )


def test_a_stored_predictor_predicts_the_same_bits(model, tmp_path):
    predictor = fitted(model)
    save_predictor(predictor, tmp_path / "saved")
    state = b"".join(path.read_bytes() for path in (tmp_path / "saved").iterdir())
    assert vectors().tobytes() not in state
    loaded = load_predictor(tmp_path / "saved")
    texts = ["Prove the curves", "Add 3 apples", ""]
    assert same_curves(loaded.predict(texts), predictor.predict(texts))
    assert loaded.features_.named_transformers_["meaning"].model == model


def test_the_same_data_and_model_give_the_same_files(model, tmp_path):
    for name in ("one", "other"):
        save_predictor(fitted(model), tmp_path / name)
    for path in (tmp_path / "one").iterdir():
        assert path.read_bytes() == (tmp_path / "other" / path.name).read_bytes()


def rewrite_settings(folder):
    path = folder / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "normalize": True}))


@pytest.mark.parametrize(
    "change",
    [
        lambda folder: write_model(folder, seed=1),
        lambda folder: write_model(folder, lowercase=False),
        lambda folder: write_model(folder, weights=np.full(len(WORDS), 2.0, np.float32)),
        rewrite_settings,
    ],
    ids=["vectors", "tokenizer", "weights", "settings"],
)
def test_a_changed_model_is_refused(model, tmp_path, change):
    save_predictor(fitted(model), tmp_path / "saved")
    loaded = load_predictor(tmp_path / "saved")
    change(tmp_path / "tiny")
    with pytest.raises(InvalidInputError, match="its SHA-256 differs") as caught:
        loaded.predict(["Add 3 apples"])
    assert caught.value.column == "model"


def test_a_model_that_moved_is_found_where_it_is_now(model, tmp_path):
    embedding = SentenceEmbedding(model).fit(TEXTS)
    expected = embedding.transform(TEXTS)
    (tmp_path / "tiny").rename(tmp_path / "moved")
    copied = copy.deepcopy(embedding)
    with pytest.raises(InvalidInputError, match="cannot be loaded"):
        copied.transform(TEXTS)
    copied.model = str(tmp_path / "moved")
    assert copied.transform(TEXTS).tobytes() == expected.tobytes()


def test_loading_a_predictor_does_not_need_model2vec_but_predicting_does(
    model, tmp_path, monkeypatch
):
    save_predictor(fitted(model), tmp_path / "saved")
    monkeypatch.setitem(sys.modules, "model2vec", None)
    loaded = load_predictor(tmp_path / "saved")
    with pytest.raises(MissingExtraError, match=r"clear-opt\[embed\]"):
        loaded.predict(["Add 3 apples"])
    with pytest.raises(MissingExtraError, match=r"clear-opt\[embed\]"):
        SentenceEmbedding(model).fit(TEXTS)


# --- what cannot be used


def test_a_folder_without_a_model_is_named(tmp_path):
    for name in (tmp_path, tmp_path / "none", "nobody/no-such-model"):
        with pytest.raises(InvalidInputError, match="cannot be loaded") as caught:
            SentenceEmbedding(str(name)).fit(TEXTS)
        assert caught.value.value == str(name)


def test_a_damaged_model_is_named(model, tmp_path):
    (tmp_path / "tiny" / "tokenizer.json").write_text("{")
    with pytest.raises(InvalidInputError, match="cannot be loaded"):
        SentenceEmbedding(model).fit(TEXTS)


def test_what_is_no_text_is_named(model):
    embedding = SentenceEmbedding(model).fit(TEXTS)
    with pytest.raises(InvalidInputError) as caught:
        embedding.transform(["add", None])
    assert (caught.value.column, caught.value.row) == ("text", 1)
    with pytest.raises(InvalidInputError, match="single text"):
        embedding.transform("add")


def test_dimensions_below_one_are_refused(model):
    with pytest.raises(InvalidInputError, match="at least 1"):
        SentenceEmbedding(model, dimensions=0).fit(TEXTS)


def test_an_unfitted_embedding_says_so(model):
    with pytest.raises(NotFittedError):
        SentenceEmbedding(model).transform(TEXTS)

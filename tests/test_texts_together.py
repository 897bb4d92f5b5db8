"""Texts counted together: as each would be by itself, and without Python code for each of them."""

import re
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer

from clear_opt.predictors import SurgePredictor, TextFeatures
from clear_opt.predictors import texts as reading
from clear_opt.predictors.queries import as_table
from clear_opt.predictors.text_counts import COUNTS, text_counts
from clear_opt.predictors.training_range import TrainingRange
from tests.made_queries import QUICK, two_kinds

ODD = "\u0130\u03a3\u0391\u03c2\u00df\u01c5\u00b2\u0663\u3002\ud800\x00"  # case, digits, a mark
CHARACTERS = st.sampled_from([*f"aA bB.,!?123/$^=\\([ \n\t'_-{ODD}", "1.2", " The ", " two"])
TEXTS = st.lists(st.lists(CHARACTERS, max_size=30).map("".join), max_size=8)


def plain_counts(text):
    """Count a few things in one text in the plainest way there is."""
    words = re.findall(r"\w+", text)
    parts = re.split(r"(?<=[.!?])(?=\s|$)|(?<=\u3002)", text)
    sentences = [part for part in parts if re.search(r"\w", part)]
    inside = [re.findall(r"\w+", s) for s in sentences]
    numbers = [w.replace(",", "") for w in re.findall(r"\d+(?:[.,]\d+)*", text)]
    values = [float(w) for w in numbers if w.count(".") < 2]
    per_sentence = [len(w) for w in inside] or [0]
    return {
        "characters": len(text),
        "words": len(words),
        "distinct_words": len({w.lower() for w in words}),
        "word_length": sum(map(len, words)) / max(len(words), 1),
        "capitals": len(re.findall(r"\b[A-Z]", text)),
        "decimals": len(re.findall(r"\d\.\d", text)),
        "lines": text.count("\n"),
        "number_words": sum(w.lower() == "two" for w in words),
        "numbers": len(values),
        "distinct_numbers": len(set(values)),
        "largest_number": max(values, default=0),
        "smallest_number": min(values, default=0),
        "share_of_fractions": sum(v % 1 != 0 for v in values) / max(len(values), 1),
        "sentences": len(sentences),
        "longest_sentence": max(per_sentence),
        "mean_sentence": sum(per_sentence) / len(per_sentence),
        "last_sentence": per_sentence[-1],
        "names": len({w for s in inside for w in s[1:] if len(w) > 1 and w[0].isupper()}),
    }


@given(TEXTS)
def test_counts_are_those_of_each_text_alone(texts):
    found = np.expm1(text_counts(texts))
    for row, text in enumerate(texts):
        for name, expected in plain_counts(text).items():
            assert found[row, COUNTS.index(name)] == pytest.approx(expected), name


@given(TEXTS)
def test_tfidf_is_that_of_scikit_learn(texts):
    texts = [*texts, "a b a b", "The two. A", "b a"]
    features = TextFeatures(min_texts=2, n_components=1000).fit(texts)
    kind = {"ngram_range": (1, 2), "token_pattern": r"(?u)\b\w+\b"}
    counts = CountVectorizer(**kind).fit(texts)
    many = np.count_nonzero(counts.transform(texts).toarray(), axis=0)
    assert features.vocabulary_ == sorted(counts.get_feature_names_out()[many >= 2])
    peer = TfidfVectorizer(vocabulary=features.vocabulary_, sublinear_tf=True, **kind)
    expected = peer.fit_transform(texts) @ features.components_.T.astype(float)
    assert features.transform(texts)[:, len(COUNTS) :] == pytest.approx(expected, abs=1e-12)


@given(TEXTS)
def test_texts_are_outside_as_each_is_alone(texts):
    trained = TrainingRange().fit(as_table(["a b two", "a two", "two a The", "A"]))
    expected = []
    for text in texts:
        words = [w for w in re.findall(r"\w+", text.lower()) if not w.isnumeric()]
        known = sum(w in {"a", "two"} for w in words) / len(words) if words else 1.0
        expected.append(not 0.5 <= len(text) <= 18 or known < 0.6)
    assert trained.out_of_distribution(as_table(texts)).tolist() == expected


def test_a_large_batch_is_read_in_pieces(monkeypatch):
    texts = [f"Bob has {k} of {k % 7}.5 pens. Has Ann? " * (k % 4) for k in range(200)]
    features = TextFeatures(min_texts=2).fit(texts)
    whole = features.transform(texts)
    monkeypatch.setattr(reading, "_PIECE", 500)
    assert len(list(reading.pieces(texts))) > 10
    assert np.array_equal(features.transform(texts), whole)
    again = TextFeatures(min_texts=2).fit(texts)
    assert np.array_equal(again.components_, features.components_)


def python_calls(function, *arguments):
    """Count the Python functions that run during a call."""
    calls = 0

    def count(frame, event, _):
        nonlocal calls
        calls += event == "call"

    sys.setprofile(count)
    try:
        function(*arguments)
    finally:
        sys.setprofile(None)
    return calls


@pytest.fixture(scope="module")
def learned():
    rollouts = two_kinds(queries=60)
    queries = rollouts.queries()
    queries["source"] = np.where(np.arange(len(queries)) % 2, "a", "b")
    queries["level"] = np.arange(len(queries)) % 5.0
    return SurgePredictor(learner=QUICK).fit(queries, rollouts)


@pytest.mark.parametrize(
    "method",
    [
        "predict",
        "predict_lengths",
        "predict_completion_curves",
        "predict_distribution",
        "predict_draws",
        "out_of_distribution",
    ],
)
def test_no_python_code_runs_for_each_query(learned, method):
    def queries(n):
        texts = [f"Add {k} and {k + 7}. How many has Ann {k % 13} of?" for k in range(n)]
        table = as_table(texts)
        table["source"], table["level"] = "a", 2.0
        return table

    function, few, many = getattr(learned, method), queries(200), queries(2_000)
    python_calls(function, few)  # what is done once is done here
    assert python_calls(function, many) <= python_calls(function, few) + 20

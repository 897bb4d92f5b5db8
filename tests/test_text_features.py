"""Text features: what is counted, what TF-IDF learns, and texts at the edge."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clear_opt.errors import InvalidInputError
from clear_opt.predictors import TextFeatures
from clear_opt.predictors.text_counts import COUNTS, text_counts
from clear_opt.predictors.word_groups import WORD_GROUPS
from tests.growth import growth
from tests.made_queries import ODD_TEXTS


def counts_of(text):
    return dict(zip(COUNTS, np.expm1(text_counts([text])[0]).round(6), strict=True))


def test_counts_are_what_is_visible():
    text = (
        "Tom has 12 apples, 1,234 pears and $\\frac{1}{2}$ of a pie. How many (in all)?\nSo: 3+4=7"
    )
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
        "questions": 1,
        "commas": 2,
        "lines": 1,
        "distinct_numbers": 7,
        "largest_number": 1234,
        "smallest_number": 1,
        "sentences": 3,
        "numbers_in_last_sentence": 3,
        "names": 0,
    }
    found = counts_of(text)
    assert {name: found[name] for name in expected} == expected


def test_numbers_are_told_apart_by_size_and_kind():
    found = counts_of("Ann paid 10 and 20.5 and 20.5 for version 1.2.3 of it.")
    expected = {
        "numbers": 3,
        "distinct_numbers": 2,
        "share_of_fractions": 2 / 3,
        "share_of_tens": 1 / 3,
    }
    assert {name: found[name] for name in expected} == pytest.approx(expected, abs=1e-5)
    assert found["mean_log_number"] == pytest.approx(np.log1p([10, 20.5, 20.5]).mean(), abs=1e-5)


def test_sentences_and_names_are_seen():
    found = counts_of("Bob and Ann meet. Then Bob has 3 of the 4 pens. How many has Ann?")
    expected = {
        "sentences": 3,
        "sentences_with_numbers": 1,
        "longest_sentence": 8,
        "mean_sentence": 16 / 3,
        "last_sentence": 4,
        "numbers_in_last_sentence": 0,
        "names": 2,
        "words": 16,
    }
    assert {name: found[name] for name in expected} == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("group", WORD_GROUPS)
def test_each_word_of_a_group_is_counted_once(group):
    words = WORD_GROUPS[group]
    found = counts_of(" ".join(words).upper())
    assert found[group] == len(words)
    assert sum(found[other] for other in WORD_GROUPS) == len(words)  # in no other group


def test_sentences_and_questions_are_seen_in_other_scripts():
    counts = text_counts([ODD_TEXTS["chinese"], ODD_TEXTS["arabic"]])
    for name, expected in {"sentences": [2, 2], "questions": [1, 1], "commas": [1, 1]}.items():
        assert np.expm1(counts[:, COUNTS.index(name)]) == pytest.approx(expected)


@pytest.mark.parametrize("name", ODD_TEXTS)
def test_odd_texts_have_features_in_linear_time(name):
    features = TextFeatures(min_texts=1).fit(["how many apples", "a b 1", *"abcdef"])
    text = ODD_TEXTS[name]
    assert np.isfinite(features.transform([text])).all()
    # A pattern with backtracking takes a hundred times as long, or hours.
    assert growth(lambda given: features.transform([given]), text[: len(text) // 10], text) < 40


@given(st.lists(st.text(), max_size=6))
def test_any_text_has_features_of_its_own(texts):
    features = TextFeatures(min_texts=1).fit(["how many apples", "two 1", "a \ud800"])
    together = features.transform(texts)
    assert together.shape == (len(texts), len(features.get_feature_names_out()))
    assert np.isfinite(together).all()
    for row, text in enumerate(texts):
        assert np.array_equal(features.transform([text])[0], together[row])


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


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        ("one text", "single text"),
        (["a", 3], "row 1, text = 3: is not text"),
        (["a", None], "row 1, text = None: is not text"),
    ],
)
def test_what_is_not_text_is_refused(texts, message):
    with pytest.raises(InvalidInputError, match=message):
        TextFeatures().fit(texts)

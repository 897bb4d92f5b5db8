"""Which queries a predictor says it has not been trained for."""

import numpy as np
import pandas as pd
import pytest

from clear_opt.predictors import SurgePredictor, load_predictor
from clear_opt.rollouts import Rollouts, read_rollouts
from tests.made_queries import MEGABYTE, ODD_TEXTS, QUICK, two_kinds

NAMES = ["Ann", "Bob", "Cem", "Dan", "Eve", "Fay", "Gus", "Hal", "Ida", "Jon", "Kim", "Leo"]
THINGS = ["apples", "pears", "pens", "books", "coins", "stamps", "shirts", "chairs", "eggs"]


def word_problems(n, seed):
    rng = np.random.default_rng(seed)
    return [
        f"{rng.choice(NAMES)} has {rng.integers(2, 90)} {rng.choice(THINGS)} and buys "
        f"{rng.integers(2, 90)} more. How many {rng.choice(THINGS)} are there in total?"
        for _ in range(n)
    ]


@pytest.fixture(scope="module")
def of_texts():
    texts = word_problems(300, seed=0)
    rollouts = Rollouts([f"q{k}" for k in range(300)], [90] * 300, [1] * 300, texts)
    return SurgePredictor(learner=QUICK).fit(texts, rollouts)


def test_queries_of_the_same_kind_are_inside(of_texts):
    assert of_texts.out_of_distribution(word_problems(400, seed=1)).mean() < 0.02


OTHER = "Write a limerick on whales who dislike their neighbour and sing for the moon instead."


@pytest.mark.parametrize(
    "text",
    [
        *(
            ODD_TEXTS[name]
            for name in ("empty", "chinese", "arabic", "words", "digits", "one word")
        ),
        OTHER,
        "Ann has 3.",
        " ".join(word_problems(4, seed=2)),
    ],
    ids=["empty", "chinese", "arabic", "1 MB", "digits", "one word", "other", "brief", "long"],
)
def test_texts_unlike_those_of_training_are_outside(of_texts, text):
    assert of_texts.out_of_distribution([text]).tolist() == [True]


def test_each_text_is_judged_alone(of_texts):
    texts = [*word_problems(2, seed=3), OTHER, *word_problems(1, seed=4)]
    assert of_texts.out_of_distribution(texts).tolist() == [False, False, True, False]


def test_numbers_are_known_words_and_case_does_not_matter(of_texts):
    text = "ANN HAS 7 APPLES AND BUYS 8123 MORE. HOW MANY EGGS ARE THERE IN TOTAL?"
    assert not of_texts.out_of_distribution([text]).any()


@pytest.fixture(scope="module")
def of_columns():
    rng = np.random.default_rng(0)
    table = pd.DataFrame(
        {
            "level": np.append(rng.uniform(0, 10, 98), [0.0, 10.0]),
            "gap": np.where(np.arange(100) % 5 == 0, np.nan, 1.0),
            "topic": np.array(["algebra", "geometry"], dtype=object)[np.arange(100) % 2],
        }
    )
    rollouts = Rollouts([f"q{k}" for k in range(100)], [90] * 100, [1] * 100)
    return SurgePredictor(learner=QUICK).fit(table, rollouts)


@pytest.mark.parametrize(
    ("level", "gap", "topic", "outside"),
    [
        (5.0, 1.0, "algebra", False),
        (10.9, 1.0, "algebra", False),  # within a tenth of the range
        (11.1, 1.0, "algebra", True),
        (-0.9, 1.0, "algebra", False),
        (-1.1, 1.0, "algebra", True),
        (1e300, 1.0, "algebra", True),
        (5.0, 2.0, "algebra", True),
        (5.0, 0.5, "algebra", True),  # where it was known it was always 1
        (np.nan, np.nan, "algebra", False),  # nothing is known of it, and that may happen
        (5.0, 1.0, "unseen", True),
        (5.0, 1.0, None, True),  # none was without a topic
        (5.0, 1.0, "Algebra", True),
    ],
)
def test_numbers_far_out_and_unseen_categories_are_outside(of_columns, level, gap, topic, outside):
    query = pd.DataFrame(
        {"level": [level], "gap": [gap], "topic": pd.Series([topic], dtype=object)}
    )
    assert of_columns.out_of_distribution(query).tolist() == [outside]


def test_the_share_of_a_batch_is_its_mean(of_columns):
    table = pd.DataFrame({"level": [5, 50, 5, 5], "gap": 1.0, "topic": ["algebra"] * 3 + ["art"]})
    assert of_columns.out_of_distribution(table).mean() == 0.5


def test_a_word_of_fewer_than_three_texts_is_not_kept():
    rollouts = two_kinds(queries=50, samples=1)
    texts = [f"{text} secret" if k < 2 else text for k, text in enumerate(rollouts.texts())]
    kept = SurgePredictor(learner=QUICK).fit(texts, rollouts).range_.words_
    assert "secret" not in kept
    assert "prove" in kept


def test_a_gradual_stretch_of_lengths_is_allowed():
    texts = ["word " * 20] * 5
    predictor = SurgePredictor(learner=QUICK).fit(
        texts, Rollouts(list("abcde"), [9] * 5, [1] * 5, texts)
    )
    lengths = [9, 10, 20, 40, 41]
    found = predictor.out_of_distribution(["word " * n for n in lengths])
    assert found.tolist() == [True, False, False, False, True]


def test_real_problems_held_out_are_inside_and_other_texts_are_not(shared_data):
    shipped = load_predictor("zeroeval-math")
    texts = read_rollouts(shared_data / "zeroeval_rollouts.parquet").texts()
    assert shipped.out_of_distribution(texts).mean() < 0.01
    other = [
        "Summarise the attached contract and list all obligations of the tenant.",
        "Fix the bug in this SQL query: SELECT name FROM users WHERE age > '30'",
        ODD_TEXTS["chinese"],
        "x" * MEGABYTE,
    ]
    assert shipped.out_of_distribution(other).all()

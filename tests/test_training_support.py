"""What training does not support is not predicted: null directions, numbers and texts far out."""

import numpy as np
import pandas as pd
import pytest

from clear_opt.predictors import LinearLearner, SurgePredictor, TextFeatures
from clear_opt.predictors.unit_range import UnitRange
from clear_opt.rollouts import Rollouts
from tests.made_queries import LEARNERS, ODD_TEXTS, two_kinds

BESIDE = ["Add 9 and 9.", "Add 2 and 7."]  # known words, joined as in no question of training


def templated(queries, numbers, seed=0):
    """Short and long questions after two templates: their TF-IDF has few directions."""
    rng = np.random.default_rng(seed)
    hard = rng.random(queries) < 0.5
    texts = [
        ("Prove theorem {}." if h else "Add {} and 2.").format(k % numbers)
        for k, h in enumerate(hard)
    ]
    lengths = np.where(hard, 900, 90) + rng.integers(0, 30, queries)
    right = rng.random(queries) < np.where(hard, 0.4, 0.9)
    return Rollouts([f"q{k}" for k in range(queries)], lengths, right, texts)


@pytest.mark.parametrize("learner", LEARNERS)
@pytest.mark.parametrize(("queries", "numbers"), [(60, 60), (60, 12), (400, 400)])
def test_a_templated_question_has_the_threshold_of_its_neighbours(learner, queries, numbers):
    rollouts = templated(queries, numbers)
    predictor = SurgePredictor(learner=LEARNERS[learner]).fit(rollouts.texts(), rollouts)
    found = predictor.predict(["Add 7 and 2.", *BESIDE]).tau
    assert ((found > 50) & (found < 200)).all()
    asked = ["Add 7 and 2.", "Prove theorem 5.", *BESIDE, "Prove 5."]
    assert predictor.out_of_distribution(asked).tolist() == [False, False, True, True, True]


def test_the_directions_kept_are_those_the_texts_differ_in():
    for queries, numbers in ((60, 60), (60, 12), (200, 40)):
        texts = templated(queries, numbers).texts()
        features = TextFeatures(n_components=200).fit(texts)
        columns = features.transform(texts)[:, -len(features.components_) :]
        assert np.linalg.svd(columns, compute_uv=False).min() > 1e-3
        assert len(features.components_) == np.linalg.matrix_rank(features._tfidf(texts).toarray())
    assert TextFeatures().fit(["Add 1.", "Add 2.", "Add 3."]).components_.shape[0] == 1


@pytest.mark.parametrize("learner", LEARNERS)
def test_medians_stay_within_the_lengths_of_training(learner):
    models = (("m", 0.0, 1.0), ("n", -1.0, 2.0))
    rollouts = two_kinds(queries=200, samples=1, models=models)
    predictor = SurgePredictor(learner=LEARNERS[learner]).fit(rollouts.texts(), rollouts)
    rng = np.random.default_rng(0)
    words = ["Add", "and", "2", "Prove", "the", "theorem", "about", "curves", "?!", "\n", "x^2"]
    texts = [" ".join(rng.choice(words, rng.integers(1, 200))) for _ in range(40)]
    texts += [text for text in ODD_TEXTS.values() if len(text) < 1_000]
    low, high = rollouts.n_tokens.min(), rollouts.n_tokens.max()
    for model in ("m", "n", None):
        found = predictor.predict_completion(texts, model)
        assert ((found.median >= low - 1e-9) & (found.median <= high + 1e-9)).all()
        assert (found.sigma < 1.5).all()
        lengths = predictor.predict_distribution(texts, model).length
        assert ((lengths > low / 10) & (lengths < 10 * high)).all()
        spend = predictor.predict_lengths(texts, model).expected_spend(
            np.full((len(texts), 1), 1e9)
        )
        assert (spend < 10 * high).all()


@pytest.fixture(scope="module")
def numbers():
    rng = np.random.default_rng(0)
    hard = np.arange(200) % 2
    table = pd.DataFrame(
        {
            "level": hard + 0.01 * rng.random(200),
            "rounding": 0.3 + 1e-16 * rng.standard_normal(200),
            "noise": 1e-9 * rng.standard_normal(200),
            "huge": 1e200 * rng.random(200),
        }
    )
    lengths = np.where(hard, 900, 90) + rng.integers(0, 30, 200)
    rollouts = Rollouts([f"q{k}" for k in range(200)], lengths, rng.random(200) < 0.8)
    return table, SurgePredictor(learner=LinearLearner()).fit(table, rollouts)


def test_a_number_counts_as_at_most_a_tenth_beyond_its_range(numbers):
    table, predictor = numbers
    up = np.arange(200) % 2 == 1
    for name in ("level", "noise", "huge"):
        low, high = table[name].min(), table[name].max()
        tenth = 0.1 * (high - low)
        far, end, less = (
            predictor.predict(table.assign(**{name: np.where(up, *ends)})).tau
            for ends in (
                (1e300, -1e300),
                (high + tenth, low - tenth),
                (high + tenth / 2, low - tenth / 2),
            )
        )
        assert far == pytest.approx(end, rel=1e-9)
        assert (less != end).any()
    beyond = table.assign(level=np.where(up, 1e300, -1e300))
    assert predictor.out_of_distribution(beyond).all()


def test_a_column_that_varies_by_rounding_counts_for_nothing(numbers):
    table, predictor = numbers
    moved = table.assign(rounding=table["rounding"] + np.linspace(-1e9, 1e9, 200))
    assert np.array_equal(predictor.predict(moved).tau, predictor.predict(table).tau)


def test_columns_of_any_size_are_brought_to_0_and_1():
    sizes = np.array([1e-310, 1e-300, 1e-9, 1.0, 1e300])
    columns = np.array([[0.0], [0.5], [1.0]]) * sizes * 2
    scaled = UnitRange().fit(columns)
    assert scaled.transform(columns) == pytest.approx(np.repeat([[0.0], [0.5], [1.0]], 5, axis=1))
    beyond = scaled.transform([-sizes, 1e300 + sizes])[:, :4]
    assert beyond.tolist() == [[-0.1] * 4, [1.1] * 4]
    both = UnitRange().fit([[-1e308], [1e308]])
    assert both.transform([[0.0], [1.7e308]]).ravel() == pytest.approx([0.5, 1.1])

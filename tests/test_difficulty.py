"""What models have in common, and learners of one's own whose quantiles are poor."""

import numpy as np
import pytest
from scipy.special import ndtr, ndtri
from sklearn.base import BaseEstimator

from clear_opt.predictors import LinearLearner, SurgePredictor
from clear_opt.predictors.difficulty import Attempts, query_targets
from tests.made_queries import two_kinds


def attempts(pairs, correct, log_length):
    query, model = np.array(pairs).T
    return Attempts(query, model, np.array(correct, float), *[np.array(log_length, float)] * 2)


def test_a_query_is_not_harder_because_a_weak_model_was_asked():
    rng = np.random.default_rng(0)
    strong = [(query, 0) for query in range(2_000)]
    weak = [(query, 1) for query in range(1_000)]  # was asked only half of them
    chance = np.repeat([0.8, 0.3], [2_000, 1_000])
    found = query_targets(
        attempts(strong + weak, rng.random(3_000) < chance, np.zeros(3_000)), 2_000
    )
    halves = found.probability[:1_000].mean(), found.probability[1_000:].mean()
    assert halves[0] == pytest.approx(halves[1], abs=0.1)  # 0.25 apart, told naively
    assert found.probability_weight[:1_000] == pytest.approx(2 * found.probability_weight[1_000:])
    assert found.probability_weight.mean() == pytest.approx(1.0)


def test_lengths_are_taken_apart_into_models_and_queries():
    rng = np.random.default_rng(0)
    of_model, of_query = np.array([5.0, 6.0, 7.5]), rng.normal(0.0, 0.4, 200)
    # Each model answers queries of its own choice, long ones more often by the terse model.
    pairs = [(q, m) for q in range(200) for m in range(3) if m or of_query[q] > 0]
    query, model = np.array(pairs).T
    length = of_model[model] + of_query[query]
    found = query_targets(attempts(pairs, np.ones(len(pairs)), length), 200)
    count = np.bincount(query)
    assert np.corrcoef(found.length * (count + 1) / count, of_query)[0, 1] > 0.99
    assert found.length_weight == pytest.approx(count / (count + 1))


def test_wrong_answers_say_nothing_of_length():
    pairs = [(0, 0), (0, 1), (1, 0), (1, 1), (2, 0)]
    correct, length = [1, 0, 1, 1, 0], [5.0, 99.0, 5.0, 6.0, 99.0]
    found = query_targets(attempts(pairs, correct, length), 3)
    assert found.length == pytest.approx([0, 0, 0], abs=1e-6)
    assert found.length_weight.tolist() == [0.5, 2 / 3, 0]


class Constant(BaseEstimator):
    """Predicts the same number for every row."""

    def __init__(self, value):
        self.value = value

    def fit(self, X, y, sample_weight=None, offset=None):  # noqa: N803
        return self

    def predict(self, X):  # noqa: N803
        return np.full(len(X), self.value)


class Poor(LinearLearner):
    """Adds to each quantile ``widening`` times its distance from the median, at sigma 0.3."""

    def __init__(self, alpha=30.0, widening=0.0):
        super().__init__(alpha)
        self.widening = widening

    def quantile_regressor(self, alpha, random_state, n_jobs):
        return Constant(0.3 * self.widening * float(ndtri(alpha)))


@pytest.mark.parametrize("widening", [-0.3, 0.0, 0.8])
def test_poor_quantiles_of_a_learner_are_calibrated(widening):
    rollouts = two_kinds(queries=600, samples=1, spread=0.3)
    predictor = SurgePredictor(learner=Poor(widening=widening))
    predictor.fit(rollouts.texts(), rollouts)
    assert predictor.sigma_factor_ == pytest.approx(1.0 / (1.0 + widening), rel=0.15)
    sigma = predictor.predict_completion(rollouts.texts()).sigma
    assert sigma.mean() == pytest.approx(0.3, rel=0.1)
    lengths = predictor.predict_lengths(rollouts.texts())
    middle = predictor.predict_completion(rollouts.texts()).median
    beyond = lengths.one.survival(middle * np.exp(0.3))  # one true sigma above the middle
    assert beyond.mean() == pytest.approx(ndtr(-1.0), abs=0.03)


def test_quantiles_of_a_learner_may_cross():
    rollouts = two_kinds(queries=200, samples=1)
    predictor = SurgePredictor(learner=Poor(widening=-2.0)).fit(rollouts.texts(), rollouts)
    found = predictor.predict_completion(rollouts.texts())
    assert found.sigma.mean() == pytest.approx(0.3, rel=0.2)
    assert np.isfinite(predictor.predict(rollouts.texts()).tau).all()

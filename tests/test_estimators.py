"""Predictors and their parts as scikit-learn estimators: scikit-learn's own checks."""

import contextlib
import pickle

import numpy as np
import pytest
from scipy.special import expit, logit
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.utils import estimator_checks
from sklearn.utils.estimator_checks import parametrize_with_checks

from clear_opt.predictors import (
    BoostedLearner,
    BoostedTrees,
    LinearLearner,
    SurgePredictor,
    TextFeatures,
)
from clear_opt.predictors.learners import FractionalLogit
from clear_opt.predictors.unit_range import UnitRange
from tests.made_queries import LEARNERS, QUICK, same_curves, two_kinds


class _OfAnyNumber:
    """Makes a learner of shares one of any numbers: the checks know only such regressors."""

    def fit(self, X, y, sample_weight=None):  # noqa: N803
        given = np.asarray(y)
        if given.dtype.kind != "c":
            with contextlib.suppress(TypeError, ValueError):  # for the learner itself to refuse
                numbers = given.astype(np.float64)
                y = np.where(np.isfinite(numbers), expit(numbers), numbers)
        return super().fit(X, y, sample_weight)

    def predict(self, X):  # noqa: N803
        return logit(np.clip(super().predict(X), 1e-9, 1.0 - 1e-9))


class LogisticOfAnyNumber(_OfAnyNumber, FractionalLogit):
    pass


class TreesOfAnyNumber(_OfAnyNumber, BoostedTrees):
    pass


FAST = {"n_estimators": 40, "learning_rate": 0.2}
BY_ROWS = "LightGBM puts the cuts between rows by their number, whatever they weigh"
NO_PENALTY = "the check sets alpha to 0.01 as a penalty; here it is the level of the quantile"


def expected_failures(estimator):
    """Name the checks that fail, each with its reason."""
    if not isinstance(estimator, BoostedTrees):
        return {}
    failures = {"check_sample_weight_equivalence_on_dense_data": BY_ROWS}
    if estimator.objective == "quantile":
        failures["check_regressors_train"] = NO_PENALTY  # tried on the median below
    return failures


@parametrize_with_checks(
    [
        BoostedTrees(**FAST),
        BoostedTrees("quantile", **FAST),
        QUICK.mean_regressor(random_state=0, n_jobs=1).set_params(**FAST, reg_lambda=0.0),
        TreesOfAnyNumber("cross_entropy", **FAST, min_child_weight=1e-3),
        LogisticOfAnyNumber(alpha=1e-3),
        UnitRange(),
    ],
    expected_failed_checks=expected_failures,
)
def test_parts_pass_the_checks_of_scikit_learn(estimator, check):
    check(estimator)


class MedianTrees(BoostedTrees):
    """Trees whose level stays that of the median, whatever a check sets."""

    @property
    def alpha(self):
        return 0.5

    @alpha.setter
    def alpha(self, value):
        pass


@pytest.mark.parametrize("options", [{}, {"readonly_memmap": True}, {"X_dtype": np.float32}])
def test_the_median_passes_the_check_that_sets_alpha(options):
    trees = MedianTrees("quantile", **FAST)
    estimator_checks.check_regressors_train("MedianTrees", trees, **options)


# Those that do not call fit with an array of numbers: a predictor learns from rollouts, text
# features from texts.
CHECKS = [
    "check_estimator_cloneable",
    "check_estimator_repr",
    "check_estimator_tags_renamed",
    "check_get_params_invariance",
    "check_mixin_order",
    "check_no_attributes_set_in_init",
    "check_parameters_default_constructible",
    "check_set_params",
    "check_valid_tag_types",
]


@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize(
    "estimator", [SurgePredictor(), BoostedLearner(), LinearLearner(), TextFeatures()], ids=repr
)
def test_predictors_and_learners_pass_those_that_apply(estimator, check):
    getattr(estimator_checks, check)(type(estimator).__name__, estimator)


def test_an_unfitted_predictor_says_so():
    estimator_checks.check_estimators_unfitted("SurgePredictor", SurgePredictor())
    for use in ("predict", "predict_completion", "predict_distribution", "out_of_distribution"):
        with pytest.raises(NotFittedError):
            getattr(SurgePredictor(), use)(["Add 1."])


@pytest.fixture(scope="module")
def rollouts():
    return two_kinds(queries=120)


@pytest.mark.parametrize("learner", LEARNERS)
def test_fitting_sets_only_what_ends_in_an_underscore(rollouts, learner):
    predictor = SurgePredictor(learner=LEARNERS[learner])
    before = dict(vars(predictor))
    assert predictor.fit(rollouts.queries(), rollouts) is predictor
    after = dict(vars(predictor))
    assert {name: after[name] for name in before} == before
    assert all(name.endswith("_") for name in after.keys() - before.keys())
    predictor.predict(["Add 1 and 2."])
    assert vars(predictor).keys() == after.keys()
    assert all(vars(predictor)[name] is value for name, value in after.items())


def test_fitting_again_forgets_what_was(rollouts):
    other = two_kinds(seed=5, queries=50)
    once = SurgePredictor(learner=QUICK).fit(rollouts.queries(), rollouts)
    again = SurgePredictor(learner=QUICK).fit(other.queries(), other)
    again.fit(rollouts.queries(), rollouts)
    assert same_curves(again.predict(rollouts.texts()), once.predict(rollouts.texts()))
    assert again.trained_on_ == once.trained_on_


def test_a_predictor_survives_a_copy_to_another_process(rollouts):
    predictor = SurgePredictor(learner=QUICK).fit(rollouts.queries(), rollouts)
    copy = pickle.loads(pickle.dumps(predictor))
    assert same_curves(copy.predict(rollouts.texts()), predictor.predict(rollouts.texts()))


def test_parameters_of_the_learner_can_be_set_from_outside():
    predictor = clone(SurgePredictor(learner=BoostedLearner())).set_params(
        learner__n_estimators=3, random_state=7
    )
    assert (predictor.learner.n_estimators, predictor.random_state) == (3, 7)
    assert predictor.get_params()["learner__residual_n_estimators"] == 60

"""Predictors: from the text of a query to its utility curve. Needs ``clear-opt[learn]``."""

from clear_opt.errors import MissingExtraError

try:
    import lightgbm  # noqa: F401
    import sklearn  # noqa: F401
    import skops  # noqa: F401
except ImportError as error:
    raise MissingExtraError("scikit-learn, LightGBM and skops", "learn") from error

from clear_opt.predictors.boosting import BoostedTrees
from clear_opt.predictors.distribution import SurgeDistribution, Uncertainty
from clear_opt.predictors.learners import BoostedLearner, Learner, LinearLearner
from clear_opt.predictors.length_shape import LengthShape
from clear_opt.predictors.queries import as_table, query_features
from clear_opt.predictors.storage import load_predictor, save_predictor, shipped_predictors
from clear_opt.predictors.surge_predictor import SurgePredictor
from clear_opt.predictors.text_features import TextFeatures

__all__ = [
    "BoostedLearner",
    "BoostedTrees",
    "Learner",
    "LengthShape",
    "LinearLearner",
    "SurgeDistribution",
    "SurgePredictor",
    "TextFeatures",
    "Uncertainty",
    "as_table",
    "load_predictor",
    "query_features",
    "save_predictor",
    "shipped_predictors",
]

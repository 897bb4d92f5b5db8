"""Check a predictor that was read from a file: its parts, their numbers, its predictions."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator

from clear_opt.errors import InvalidInputError
from clear_opt.predictors.difficulty import QueryDifficulty
from clear_opt.predictors.distribution import Uncertainty
from clear_opt.predictors.embedding import SentenceEmbedding
from clear_opt.predictors.head_fitting import TYPICAL
from clear_opt.predictors.heads import ModelHead
from clear_opt.predictors.length_head import LengthHead
from clear_opt.predictors.length_shape import LengthShape
from clear_opt.predictors.queries import TEXT, as_matrix
from clear_opt.predictors.surge_predictor import SurgePredictor
from clear_opt.predictors.text_features import TextFeatures
from clear_opt.predictors.training_range import TrainingRange

_PARTS: dict[type, dict[str, type | tuple[type, ...]]] = {
    SurgePredictor: {
        "columns_": list,
        "trained_on_": dict,
        "heads_": dict,
        "spend_error_": dict,
        "sigma_factor_": float,
        "wrong_sigma_factor_": float,
        "difficulty_": QueryDifficulty,
        "uncertainty_": Uncertainty,
        "range_": TrainingRange,
        "features_": object,
    },
    QueryDifficulty: {"probability_": object, "length_": object, "length_range_": tuple},
    ModelHead: {"success_": np.ndarray, "right_": LengthHead, "wrong_": LengthHead},
    LengthHead: {
        "coef_": np.ndarray,
        "residual_quantiles_": np.ndarray,
        "quantile_regressors_": list,
        "shape_": LengthShape,
        "range_": tuple,
    },
    LengthShape: {"tail": float, "shift": np.ndarray, "scale": np.ndarray},
    Uncertainty: {"covariance": np.ndarray, "within_ratio": float, "learned_from": int},
    TextFeatures: {"vocabulary_": list, "idf_": np.ndarray, "components_": np.ndarray},
    TrainingRange: {
        "lengths_": (list, type(None)),
        "words_": list,
        "numbers_": dict,
        "categories_": dict,
    },
}
"""Attributes that each part must have, with their types."""

_MAX_JOBS = 1024
_CAP = 1_000.0  # tokens at which the predicted spend is checked
_WORDS = 8  # of the text that curves are predicted for


def check_sound(predictor: SurgePredictor) -> None:
    """Check that a predictor has all its parts, and predicts curves with them.

    Parameters
    ----------
    predictor : SurgePredictor
        As it was read.

    Raises
    ------
    InvalidInputError
        Naming what is missing or no number, or if predictions are out of range. Parts that do not
        fit together may raise other exceptions.
    """
    for part in _parts(predictor, set()):
        _check_part(part)
    heads = predictor.heads_
    if TYPICAL not in heads or not all(isinstance(head, ModelHead) for head in heads.values()):
        raise _unsound("heads_ holds something else than heads, or no typical one")
    if predictor.spend_error_.keys() != heads.keys():
        raise _unsound("spend_error_ has other models than heads_")
    _check_predictions(predictor)


def _parts(value: Any, seen: set[int]) -> Iterator[Any]:
    """Yield every estimator and every part of the package that is reachable from a value."""
    if id(value) in seen:
        return
    seen.add(id(value))
    if isinstance(value, BaseEstimator) or type(value) in _PARTS:
        yield value
        value = vars(value)
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list | tuple):
        for part in value:
            if not isinstance(part, str | float | int):
                yield from _parts(part, seen)


def _check_part(part: Any) -> None:
    kind, own = type(part), vars(part)
    needs = _PARTS.get(kind, {})
    if kind is TextFeatures and not needs.keys() & own.keys():
        needs = {}  # what a ColumnTransformer was made from stays unfitted
    for name, needed in needs.items():
        value = own.get(name)
        if not isinstance(value, needed):
            raise _unsound(f"{name} of {kind.__name__} is a {type(value).__name__}")
        if isinstance(value, np.ndarray | float) and not np.isfinite(value).all():
            raise _unsound(f"{name} of {kind.__name__} holds something else than finite numbers")
    n_jobs = own.get("n_jobs")
    if n_jobs is not None and not (isinstance(n_jobs, int) and 0 < abs(n_jobs) <= _MAX_JOBS):
        raise _unsound(f"n_jobs of {kind.__name__} is {n_jobs!r}")


def _check_predictions(predictor: SurgePredictor) -> None:
    """Check the predictions of every head for queries like those of training."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        columns = _columns(predictor)
        difficulty = predictor.difficulty_.transform(columns)
        columns = np.hstack([columns, difficulty])
        for head in predictor.heads_.values():
            success, median, sigma = head.predict(difficulty, columns)
            lengths = (
                head.right_.shape_.lengths(median, sigma * predictor.sigma_factor_),
                head.wrong_.lengths(difficulty, columns, predictor.wrong_sigma_factor_),
            )
            spend = np.array([each.expected_spend(_CAP) for each in lengths])
            if not (
                ((success >= 0) & (success <= 1) & (median > 0) & (sigma >= 0)).all()
                and ((spend > 0) & (spend <= _CAP)).all()
            ):
                raise _unsound("its predictions make no sense")


def _columns(predictor: SurgePredictor) -> np.ndarray:
    """Return the features of one or two queries, shape (n, columns)."""
    steps = getattr(predictor.features_, "transformers_", ())
    if any(isinstance(step, SentenceEmbedding) for _, step, _ in steps):
        # Its model is loaded, and may be elsewhere, when the first query comes.
        regressor: Any = predictor.difficulty_.probability_
        return np.zeros((1, regressor.n_features_in_))
    queries = _example(predictor)
    predictor.out_of_distribution(queries)
    return as_matrix(predictor.features_.transform(queries))


def _example(predictor: SurgePredictor) -> pd.DataFrame:
    """Return a query like those of training and, unless features are custom, one that is empty."""
    known = predictor.range_
    query: dict[str, list[Any]] = {}
    for name in predictor.columns_:
        if name == TEXT:
            query[name] = [" ".join(known.words_[:_WORDS]), ""]
        elif name in known.categories_:
            query[name] = [known.categories_[name][0], ""]
        else:
            query[name] = [known.numbers_.get(name, [np.nan])[0], np.nan]
    return pd.DataFrame(query).head(2 if predictor.features is None else 1)


def _unsound(problem: str) -> InvalidInputError:
    return InvalidInputError(problem, column="predictor")

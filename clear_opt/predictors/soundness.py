"""Whether a predictor that was read from a file is one: its parts, their numbers, what it says."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator

from clear_opt.errors import InvalidInputError
from clear_opt.predictors.difficulty import QueryDifficulty
from clear_opt.predictors.distribution import Doubt
from clear_opt.predictors.embedding import SentenceEmbedding
from clear_opt.predictors.head_fitting import TYPICAL
from clear_opt.predictors.heads import ModelHead
from clear_opt.predictors.length_head import LengthHead
from clear_opt.predictors.length_shape import LengthShape
from clear_opt.predictors.queries import TEXT
from clear_opt.predictors.surge_predictor import SurgePredictor, as_matrix
from clear_opt.predictors.text_features import TextFeatures
from clear_opt.predictors.training_range import TrainingRange

_PARTS: dict[type, dict[str, type | tuple[type, ...]]] = {
    SurgePredictor: {
        "columns_": list,
        "trained_on_": dict,
        "heads_": dict,
        "spend_error_": dict,
        "spread_factor_": float,
        "wrong_spread_factor_": float,
        "difficulty_": QueryDifficulty,
        "doubt_": Doubt,
        "range_": TrainingRange,
        "features_": object,
    },
    QueryDifficulty: {"share_": object, "length_": object},
    ModelHead: {"success_": np.ndarray, "right_": LengthHead, "wrong_": LengthHead},
    LengthHead: {
        "line_": np.ndarray,
        "offsets_": np.ndarray,
        "residuals_": list,
        "shape_": LengthShape,
    },
    LengthShape: {"tail": float, "shift": np.ndarray, "scale": np.ndarray},
    Doubt: {"covariance": np.ndarray, "within": float, "learned_from": int},
    TextFeatures: {"vocabulary_": list, "idf_": np.ndarray, "components_": np.ndarray},
    TrainingRange: {
        "lengths_": (list, type(None)),
        "words_": list,
        "numbers_": dict,
        "categories_": dict,
    },
}
"""Attributes that make a part, and what they are."""

_MOST_THREADS = 1024
_CAP = 1_000.0  # tokens at which the predicted spend is looked at
_WORDS = 8  # of the text that curves are predicted for


def check_sound(predictor: SurgePredictor) -> None:
    """Check that a predictor has all its parts, and predicts curves with them.

    Parameters
    ----------
    predictor
        As it was read.

    Raises
    ------
    InvalidInputError
        Naming what is missing or no number, or saying that predictions make no sense. Parts that do
        not fit together raise whatever they do.
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
    """Give every estimator and every part of the package that hangs together with a value."""
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
    threads = own.get("num_threads", 1)
    if not (isinstance(threads, int) and 0 <= threads <= _MOST_THREADS):
        raise _unsound(f"num_threads of {kind.__name__} is {threads!r}")


def _check_predictions(predictor: SurgePredictor) -> None:
    """Let every head predict for queries like those of training."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        columns = _columns(predictor)
        difficulty = predictor.difficulty_.transform(columns)
        columns = np.hstack([columns, difficulty])
        for head in predictor.heads_.values():
            success, median, spread = head.predict(difficulty, columns)
            lengths = (
                head.right_.shape_.lengths(median, spread * predictor.spread_factor_),
                head.wrong_.lengths(difficulty, columns, predictor.wrong_spread_factor_),
            )
            spend = np.array([each.expected_spend(_CAP) for each in lengths])
            if not (
                ((success >= 0) & (success <= 1) & (median > 0) & (spread >= 0)).all()
                and ((spend > 0) & (spend <= _CAP)).all()
            ):
                raise _unsound("its predictions make no sense")


def _columns(predictor: SurgePredictor) -> np.ndarray:
    """Give the features of a query or two, shape (n, columns)."""
    steps = getattr(predictor.features_, "transformers_", ())
    if any(isinstance(step, SentenceEmbedding) for _, step, _ in steps):
        # Its model is loaded, and may be elsewhere, when the first query comes.
        share: Any = predictor.difficulty_.share_
        return np.zeros((1, share.n_features_in_))
    queries = _example(predictor)
    predictor.outside_training(queries)
    return as_matrix(predictor.features_.transform(queries))


def _example(predictor: SurgePredictor) -> pd.DataFrame:
    """Give a query like those of training and, where features allow for it, one without entries."""
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

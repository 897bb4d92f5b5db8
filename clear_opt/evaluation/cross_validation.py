"""Predictions for queries that were held out of training: what an evaluation scores."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import jax
import numpy as np

from clear_opt.errors import InvalidInputError
from clear_opt.evaluation.comparison import query_folds

if TYPE_CHECKING:
    from clear_opt.curves import Curve
    from clear_opt.fitting import Completion
    from clear_opt.lengths import Lengths
    from clear_opt.rollouts import Rollouts

ONE_MODEL = "all"
"""Name of the one model that a table without a ``model`` column holds."""


class CurvePredictor(Protocol):
    """What can be evaluated: anything that learns curves from rollouts.

    `clear_opt.predictors.SurgePredictor` is one. ``predict(queries, model=NAME)`` is used where
    the method takes a ``model`` and the training table held rollouts of that model. Where there
    is a ``predict_completion`` of the same arguments, its calibration is measured too.
    """

    def fit(self, queries: Any, rollouts: Any) -> Any:
        """Learn from rollouts and ``rollouts.queries()``, a pandas DataFrame; give itself."""
        ...

    def predict(self, queries: Any) -> Curve:
        """Return one curve for each row of such a table of queries."""
        ...


@dataclass(frozen=True, eq=False, repr=False)
class Batch:
    """One model's queries that share a budget, and what was predicted of them beforehand.

    Attributes
    ----------
    model : str
        Which model answers.
    rollouts : Rollouts
        What happened, of this model and these queries alone, n queries.
    curves : Curve
        The predicted curve of each of ``rollouts.query_ids``.
    completion : Completion, optional
        Predicted success probability, median length and log-std, each of shape (n,); or
        ``None`` where the predictor gives none.
    completion_curves : Curve, optional
        Predicted completion curves, where they were asked for.
    lengths : Lengths, optional
        Predicted completion lengths, where they were asked for.
    """

    model: str
    rollouts: Rollouts
    curves: Curve
    completion: Completion | None = None
    completion_curves: Curve | None = None
    lengths: Lengths | None = None

    def __repr__(self) -> str:
        return f"Batch({self.model!r}, n={len(self.curves)})"


def cross_validated(
    rollouts: Rollouts,
    predictor: CurvePredictor,
    *,
    folds: int = 5,
    models: Sequence[str] | None = None,
    per_model: bool = False,
    seed: int = 0,
    spend: bool = False,
) -> Iterator[Batch]:
    """Predict every query by a predictor that was trained without it.

    The queries of the whole table are dealt into folds, the same for every model. For each fold
    the predictor learns from the rollouts of the other folds, all models together, and is then
    asked for each model's curves.

    Parameters
    ----------
    rollouts : Rollouts
        The table.
    predictor : CurvePredictor
        What to train: a copy is fitted, the predictor itself stays as it is.
    folds : int, default=5
        Number of folds.
    models : sequence of str, optional
        Which models to predict; all of the table by default. Training uses the whole table.
    per_model : bool, default=False
        Whether to train on one model's rollouts at a time instead.
    seed : int, default=0
        Seed of the folds.
    spend : bool, default=False
        Whether completion curves and lengths are predicted too.

    Yields
    ------
    Batch
        One per fold and model, fold by fold. A model without a query in a fold has none there.
    """
    parts = query_folds(rollouts.query_ids, folds, seed)
    for number, fold in enumerate(parts):
        rest = np.concatenate(parts[:number] + parts[number + 1 :])
        learning, testing = rollouts.for_queries(rest), rollouts.for_queries(fold)
        fitted = None if per_model else _fit(predictor, learning)
        for model in chosen_models(rollouts, models):
            own = model_rows(testing, model)
            if own is None:
                continue
            if per_model:
                own_learning = model_rows(learning, model)
                if own_learning is None:
                    raise InvalidInputError(
                        "has rollouts in one fold only, so none are left to learn from",
                        column="model",
                        value=model,
                        remedy="leave the model out, or train on all models together",
                    )
                fitted = _fit(predictor, own_learning)
                yield _predict_batch(fitted, own, model, own_learning.models, spend)
            else:
                yield _predict_batch(fitted, own, model, learning.models, spend)


def predicted(
    rollouts: Rollouts,
    predictor: CurvePredictor,
    *,
    models: Sequence[str] | None = None,
    spend: bool = False,
) -> Iterator[Batch]:
    """Predict every query by a predictor that is already trained.

    Parameters
    ----------
    rollouts : Rollouts
        What happened, on queries that the predictor should not have learned from.
    predictor : CurvePredictor
        A fitted predictor. A model it was trained on is asked for by name; of other models it
        gives its typical curves.
    models : sequence of str, optional
        Which models to predict; all of the table by default.
    spend : bool, default=False
        Whether completion curves and lengths are predicted too.

    Yields
    ------
    Batch
        One per model.
    """
    for model in chosen_models(rollouts, models):
        own = model_rows(rollouts, model)
        if own is not None:
            yield _predict_batch(predictor, own, model, trained_models(predictor), spend)


def pooled_over_folds(batches: Iterable[Batch], rollouts: Rollouts) -> Iterator[Batch]:
    """Put each model's batches together, so that all of its queries share one budget.

    Parameters
    ----------
    batches : iterable of Batch
        Predictions for parts of each model's queries, as `cross_validated` gives them.
    rollouts : Rollouts
        The table they are of.

    Yields
    ------
    Batch
        One per model, its queries in the table's order.

    Raises
    ------
    InvalidInputError
        If the curves of two batches are of different kinds.
    """
    parts: dict[str, list[Batch]] = {}
    for batch in batches:
        parts.setdefault(batch.model, []).append(batch)
    for model, found in parts.items():
        names = np.concatenate([batch.rollouts.query_ids for batch in found])
        position = {name: k for k, name in enumerate(names)}
        own = _rows_for_queries(rollouts, model, names)
        order = np.array([position[name] for name in own.query_ids], dtype=np.int64)
        completions = [batch.completion for batch in found if batch.completion is not None]
        completion = None
        if len(completions) == len(found):
            columns = (np.concatenate(column)[order] for column in zip(*completions, strict=True))
            completion = type(completions[0])(*columns)
        parts_of = [(batch.curves, batch.completion_curves, batch.lengths) for batch in found]
        curves, completion_curves, lengths = jax.tree_util.tree_map(
            lambda column, order=order: column[order], _concatenate(parts_of)
        )
        yield Batch(model, own, curves, completion, completion_curves, lengths)


def _rows_for_queries(rollouts: Rollouts, model: str, query_ids: np.ndarray) -> Rollouts:
    own = model_rows(rollouts, model)
    assert own is not None
    return own.for_queries(query_ids)


def _concatenate(curves: Sequence[Any]) -> Any:
    try:
        # Curves are pytrees of arrays; those of one kind have the same arrays and settings.
        return jax.tree_util.tree_map(lambda *arrays: np.concatenate(arrays), *curves)
    except ValueError:
        raise InvalidInputError(
            "differ in kind or size between the folds",
            column="curves",
            remedy="predict curves of one family on one grid, or let each fold be its own batch",
        ) from None


def chosen_models(rollouts: Rollouts, models: Sequence[str] | None) -> tuple[str, ...]:
    """Return the models to evaluate; a table that names none holds one, called `ONE_MODEL`.

    Raises
    ------
    InvalidInputError
        If one of the named models has no rollouts, or if none is named.
    """
    known = rollouts.models or (ONE_MODEL,)
    if models is None:
        return known
    if not models:
        raise InvalidInputError("names no model", column="models", remedy="leave it out for all")
    for model in models:
        if model not in known:
            raise InvalidInputError(
                "has no rollouts",
                column="model",
                value=model,
                remedy=f"models here: {', '.join(known)}"
                if rollouts.models
                else f"the table has no model column: use {ONE_MODEL!r} or leave it out",
            )
    return tuple(dict.fromkeys(models))


def model_rows(rollouts: Rollouts, model: str) -> Rollouts | None:
    """Return the rows of one model, or ``None`` where it has no row."""
    if rollouts.model is None:
        return rollouts if len(rollouts) else None
    return rollouts.for_model(model) if model in rollouts.models else None


def trained_models(predictor: Any) -> tuple[str, ...]:
    """Return the models that a fitted predictor says it was trained on."""
    return tuple(trained_on(predictor).get("models", ()))


def trained_on(predictor: Any) -> dict[str, Any]:
    """Return what a predictor says of its training, or nothing."""
    found = getattr(predictor, "trained_on_", None)
    return dict(found) if found else {}


def _fit(predictor: Any, rollouts: Rollouts) -> Any:
    return copy.deepcopy(predictor).fit(rollouts.queries(), rollouts)


def _predict_batch(
    fitted: Any, own: Rollouts, model: str, known: Sequence[str], spend: bool
) -> Batch:
    queries = own.queries()
    takes_model = "model" in inspect.signature(fitted.predict).parameters
    named = {"model": model} if model in known and takes_model else {}
    completion = None
    if hasattr(fitted, "predict_completion"):
        completion = fitted.predict_completion(queries, **named)
    more = {}
    if spend:
        if not hasattr(fitted, "predict_lengths"):
            raise InvalidInputError(
                "predicts no lengths",
                column="predictor",
                value=type(fitted).__name__,
                remedy="expected spend needs predict_lengths and predict_completion_curves, as "
                "SurgePredictor has them",
            )
        more["completion_curves"] = fitted.predict_completion_curves(queries, **named)
        more["lengths"] = fitted.predict_lengths(queries, **named)
    return Batch(model, own, fitted.predict(queries, **named), completion, **more)

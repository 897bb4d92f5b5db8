"""Train a predictor on a table of rollouts, and score it on queries it has not seen."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from clear_opt.defaults import BUDGETS
from clear_opt.errors import InvalidInputError
from clear_opt.evaluation import Evaluation, evaluate
from clear_opt.evaluation.cross_validation import trained_on
from clear_opt.evaluation.predictions import Step
from clear_opt.evaluation.provenance import columns_for
from clear_opt.predictors import BoostedLearner, SurgePredictor
from clear_opt.rollouts import Rollouts, choose_features, query_digests
from clear_opt.rollouts.outcomes import ChosenFeatures
from clear_opt.training.split import DIGESTS, hold_out, unseen

HELD_OUT = 0.2
"""Default fraction of the queries held out of training for the score."""


@dataclass(frozen=True, eq=False, repr=False)
class Training:
    """A trained predictor and its score.

    Attributes
    ----------
    predictor : SurgePredictor
        Fitted; its ``trained_on_`` keeps a digest of every query it learned from.
    evaluation : Evaluation
        Its score, or that of its recipe in cross-validation.
    learned : Rollouts or None
        What it learned from; ``None`` where it was trained elsewhere.
    scored : Rollouts
        What the score was measured on.
    settings : dict
        How both were chosen: ``held_out`` or ``folds``, and ``seed``.
    """

    predictor: Any
    evaluation: Evaluation
    learned: Rollouts | None
    scored: Rollouts
    settings: dict[str, Any]

    def __repr__(self) -> str:
        return (
            f"Training({type(self.predictor).__name__}, scored={len(self.scored.query_ids)}, "
            f"oracle_fraction={self.evaluation.oracle_fraction:.4f})"
        )


def train(
    rollouts: Rollouts,
    predictor: Any = None,
    *,
    held_out: float | None = None,
    folds: int | None = None,
    features: Sequence[str] | None = None,
    budgets: Sequence[float] = BUDGETS,
    seed: int = 0,
    on_step: Step | None = None,
) -> Training:
    """Train a predictor, and score it on queries that it has not seen.

    Either a fraction of the queries is held out: the predictor learns from the others and is scored
    on these. Or the score comes from cross-validation, and the predictor learns from everything:
    then nothing is left on which it could be compared with another one later.

    Parameters
    ----------
    rollouts : Rollouts
        Recorded answers.
    predictor : estimator, optional
        What to train: a copy of it learns. By default a `clear_opt.predictors.SurgePredictor`.
    held_out : float, optional
        Fraction of the queries to hold out: see `hold_out`. `HELD_OUT` where there are no folds.
    folds : int, optional
        Number of folds, instead.
    features : sequence of str, optional
        Which features of the table to learn from, whatever they are. By default all but those that
        are outcomes: see `clear_opt.rollouts.outcome_features`.
    budgets : sequence of float
        Tokens per query, > 0.
    seed : int
        Of the split, the folds, the bootstrap and the predictor made by default.
    on_step : callable, optional
        See `clear_opt.evaluation.evaluate`.

    Raises
    ------
    InvalidInputError
        If both a share and folds are given, or if the table is too small for either.

    Examples
    --------
    >>> from clear_opt.predictors import LinearLearner
    >>> texts = [f"Add {k} and {k + 1}." for k in range(20)]
    >>> ids = [f"q{k}" for k in range(20)]
    >>> rollouts = Rollouts(ids, [80, 95, 100, 90] * 5, [1, 1, 0, 1] * 5, texts)
    >>> train(rollouts, SurgePredictor(learner=LinearLearner()), budgets=[60, 120])
    ... # doctest: +ELLIPSIS
    Training(SurgePredictor, scored=4, oracle_fraction=...)
    """
    if held_out is not None and folds is not None:
        raise InvalidInputError(
            "excludes cross-validation", column="held_out", value=held_out, remedy="give one"
        )
    if predictor is None:
        predictor = SurgePredictor(learner=BoostedLearner(), random_state=seed)
    fresh = copy.deepcopy(predictor)
    # Outcomes are looked for in the whole table: the part that is scored may be small.
    chosen = choose_features(rollouts, features)
    rollouts = chosen.rollouts
    named = list(rollouts.features)
    if folds is not None:
        found = evaluate(
            rollouts,
            fresh,
            budgets=budgets,
            folds=folds,
            features=named,
            seed=seed,
            on_step=on_step,
        )
        found = _with_notes(found, chosen)
        fitted = _fit(fresh, rollouts)
        return Training(fitted, found, rollouts, rollouts, {"folds": folds, "seed": seed})
    share = HELD_OUT if held_out is None else held_out
    learn, score = hold_out(rollouts, share, seed=seed)
    fitted = _fit(fresh, learn)
    found = evaluate(score, fitted, budgets=budgets, folds=None, seed=seed, on_step=on_step)
    found = _with_notes(found, chosen)
    return Training(fitted, found, learn, score, {"held_out": share, "seed": seed})


def score_predictor(
    rollouts: Rollouts, predictor: Any, *, budgets: Sequence[float] = BUDGETS, seed: int = 0
) -> Training:
    """Score a predictor that was trained elsewhere, on the queries it has not seen.

    Parameters
    ----------
    rollouts : Rollouts
        Recorded answers.
    predictor : estimator
        A fitted predictor that says what it was trained on.
    budgets : sequence of float
        Tokens per query, > 0.
    seed : int
        Of the bootstrap.

    Raises
    ------
    InvalidInputError
        If it does not say what it was trained on, or if it was trained on every query.
    """
    fresh = unseen(rollouts, predictor)
    if fresh is None or not len(fresh):
        raise InvalidInputError(
            "does not say which queries it was trained on"
            if fresh is None
            else "was trained on every query of the table",
            column="predictor",
            remedy="train it with clear-opt train, or score it on other rollouts",
        )
    found = evaluate(fresh, predictor, budgets=budgets, folds=None, seed=seed)
    read = columns_for(fresh, predictor, None, None).rollouts
    return Training(predictor, found, None, read, {"held_out": 1.0, "seed": seed})


def _with_notes(found: Evaluation, chosen: ChosenFeatures) -> Evaluation:
    """Return an evaluation that also says how the features were chosen."""
    notes = tuple(dict.fromkeys((*chosen.notes, *found.notes)))
    data = {**found.data, "left_out": list(chosen.left_out)}
    return dataclasses.replace(found, data=data, notes=notes)


def _fit(predictor: Any, rollouts: Rollouts) -> Any:
    fitted = predictor.fit(rollouts.queries(), rollouts)
    # A custom predictor need not record what it has seen.
    fitted.trained_on_ = {DIGESTS: query_digests(rollouts), **trained_on(fitted)}
    return fitted

"""What `evaluate` and `evaluate_spend` share: checked arguments, held-out batches, provenance."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from clear_opt.errors import InvalidInputError
from clear_opt.evaluation.cross_validation import (
    Batch,
    CurvePredictor,
    chosen_models,
    cross_validated,
    predicted,
)
from clear_opt.evaluation.provenance import caveats, columns_for, provenance

if TYPE_CHECKING:
    from clear_opt.rollouts import Rollouts

Step = Callable[[int, int], Any]
"""Called after each step with the number of steps done and their total."""


@dataclass(frozen=True, eq=False, repr=False)
class Predictions:
    """Batches to score, and what an evaluation reports about how they came about.

    Attributes
    ----------
    models : tuple of str
        The models that are evaluated.
    rollouts : Rollouts
        The table, with the features that were chosen.
    batches : iterator of Batch
        One per model and fold, predicted as they are asked for.
    settings, data : mapping of str to Any
        How the predictions were made, and on what.
    notes : tuple of str
        Caveats, in sentences.
    """

    models: tuple[str, ...]
    rollouts: Rollouts
    batches: Iterator[Batch]
    settings: Mapping[str, Any]
    data: Mapping[str, Any]
    notes: tuple[str, ...]


def make_predictions(
    rollouts: Rollouts,
    predictor: CurvePredictor,
    *,
    folds: int | None,
    models: Sequence[str] | None,
    per_model: bool,
    features: Sequence[str] | None,
    seed: int,
    spend: bool = False,
) -> Predictions:
    """Set up the predictions of an evaluation; the arguments are those of `evaluate`.

    Parameters
    ----------
    spend : bool, default=False
        Whether completion curves and lengths are predicted too.

    Raises
    ------
    InvalidInputError
        If a model or feature is not in the table, or a trained predictor is to be trained.
    """
    if folds is None and per_model:
        raise InvalidInputError(
            "has no meaning for a predictor that is trained already",
            column="per_model",
            value=per_model,
            remedy="leave it out, or cross-validate",
        )
    names = chosen_models(rollouts, models)
    chosen = columns_for(rollouts, predictor, folds, features)
    if folds is None:
        batches = predicted(chosen.rollouts, predictor, models=names, spend=spend)
    else:
        batches = cross_validated(
            chosen.rollouts,
            predictor,
            folds=folds,
            models=names,
            per_model=per_model,
            seed=seed,
            spend=spend,
        )
    return Predictions(
        models=names,
        rollouts=chosen.rollouts,
        batches=batches,
        # The keys are part of the JSON that the command line prints.
        settings={
            "folds": folds,
            "seed": seed,
            "alone": per_model,
            "predictor": type(predictor).__name__,
        },
        data=provenance(chosen, predictor, folds),
        notes=(*chosen.notes, *caveats(chosen.rollouts, predictor, names, folds)),
    )


def check_budgets(budgets: Sequence[float]) -> tuple[float, ...]:
    """Return budgets in ascending order, each once.

    Parameters
    ----------
    budgets : sequence of float
        Tokens per query.

    Raises
    ------
    InvalidInputError
        Naming the first that is not a finite number above zero, or saying that there is none.
    """
    if not len(budgets):
        raise InvalidInputError("names no budget", column="budgets", remedy="give tokens per query")
    for row, budget in enumerate(budgets):
        if not 0 < budget < math.inf:
            raise InvalidInputError(
                "must be a number > 0",
                column="budgets",
                row=row,
                value=budget,
                remedy="tokens per query",
            )
    return tuple(sorted({float(budget) for budget in budgets}))


def no_rollouts() -> InvalidInputError:
    """Return the error for a table in which no model has a rollout."""
    return InvalidInputError("holds no rollouts", column="rollouts", remedy="give some")

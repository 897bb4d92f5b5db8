"""The whole evaluation of a predictor: held-out predictions, allocated, replayed, and summed up."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from clear_opt.defaults import BUDGETS
from clear_opt.errors import InvalidInputError
from clear_opt.evaluation.calibration import Calibration, calibrate
from clear_opt.evaluation.comparison import Comparison, compare_budgets
from clear_opt.evaluation.cross_validation import (
    Batch,
    CurvePredictor,
    chosen_models,
    cross_validated,
    pooled,
    predicted,
)
from clear_opt.evaluation.evaluation import Evaluation
from clear_opt.evaluation.forecasts import Forecasts
from clear_opt.evaluation.provenance import columns_for, described, notes_on
from clear_opt.evaluation.recorded_outcomes import Recorded
from clear_opt.evaluation.resampling import DRAWS, LEVEL, bootstrap
from clear_opt.evaluation.scores import joined

if TYPE_CHECKING:
    from clear_opt.rollouts import Rollouts

Step = Callable[[int, int], Any]
"""Called with the steps done and the steps there are, after each."""


def evaluate(
    rollouts: Rollouts,
    predictor: CurvePredictor,
    *,
    budgets: Sequence[float] = BUDGETS,
    folds: int | None = 5,
    models: Sequence[str] | None = None,
    alone: bool = False,
    features: Sequence[str] | None = None,
    batch: Literal["model", "fold"] = "model",
    seed: int = 0,
    draws: int = DRAWS,
    level: float = LEVEL,
    on_step: Step | None = None,
) -> Evaluation:
    """Return what a predictor is worth, in accuracy under a budget, on recorded rollouts.

    For each model and budget the queries of a batch share ``budget * n`` tokens, counted as caps.
    They are allotted by each policy (`clear_opt.evaluation.POLICY_NAMES`), and the caps are
    replayed on the rollouts; no model is called.

    Parameters
    ----------
    rollouts
        What happened; with several models in the table, each is evaluated on its own queries.
    predictor
        What to evaluate: see `CurvePredictor`. With ``folds`` it is trained anew on copies;
        without, it must be fitted.
    budgets
        Tokens per query, > 0.
    folds
        Cross-validation: the queries are dealt into this many folds, the same for all models, and
        each is predicted by what was learned from the others. ``None`` scores the predictor as it
        is.
    models
        Which models to evaluate; all by default. Training takes the whole table all the same.
    alone
        Whether to train on each model's rollouts alone.
    features
        Which features of the table to learn from, whatever they are. By default all but those that
        are outcomes: see `clear_opt.rollouts.outcome_features`.
    batch
        Which queries share a budget: all of a ``"model"``, so that the oracle, and uniform caps,
        depend on no fold; or those of a model in each ``"fold"``, so that a batch is predicted by
        one and the same predictor.
    seed
        Of the folds and of the bootstrap.
    draws, level
        Of the bootstrap: see `clear_opt.evaluation.bootstrap`.
    on_step
        Called after each step with the number done and the number there are.

    Returns
    -------
    Evaluation

    Raises
    ------
    InvalidInputError
        If a budget is not a number above zero, a model is not in the table, or the folds do not
        fit the number of queries.

    Examples
    --------
    >>> from clear_opt.predictors import SurgePredictor
    >>> from clear_opt.rollouts import Rollouts
    >>> ids = [f"q{k}" for k in range(12)]
    >>> texts = [f"Add {k} and {k + 1}." for k in range(12)]
    >>> rollouts = Rollouts(ids, [80, 95, 100, 90] * 3, [1, 1, 0, 1] * 3, texts)
    >>> evaluate(rollouts, SurgePredictor(), budgets=[60, 120], folds=3)
    ... # doctest: +ELLIPSIS
    Evaluation(models=1, budgets=2, triage_efficiency=...)
    """
    amounts = check_budgets(budgets)
    check_alone(folds, alone)
    if batch not in ("model", "fold"):
        raise InvalidInputError(
            "is not known", column="batch", value=batch, remedy="use 'model' or 'fold'"
        )
    names = chosen_models(rollouts, models)
    chosen = columns_for(rollouts, predictor, folds, features)
    rollouts = chosen.rollouts
    batches: Iterable[Batch]
    if folds is None:
        batches = predicted(rollouts, predictor, models=names)
    else:
        batches = cross_validated(
            rollouts, predictor, folds=folds, models=names, alone=alone, seed=seed
        )
    together = folds is not None and batch == "model"
    predictions = len(names) * (folds or 1)
    step = _counter(on_step, predictions + (len(names) if together else predictions))
    batches = _watched(batches, step)
    settings = {
        "folds": folds,
        "seed": seed,
        "alone": alone,
        "batch": batch,
        "predictor": type(predictor).__name__,
        "leftover": "spread",
    }
    return score(
        pooled(batches, rollouts) if together else batches,
        amounts,
        seed=seed,
        draws=draws,
        level=level,
        settings=settings,
        data=described(chosen, predictor, folds),
        notes=(*chosen.notes, *notes_on(rollouts, predictor, names, folds)),
        on_step=step,
    )


def score(
    batches: Iterable[Batch],
    budgets: Sequence[float],
    *,
    seed: int = 0,
    draws: int = DRAWS,
    level: float = LEVEL,
    settings: Mapping[str, Any] | None = None,
    data: Mapping[str, Any] | None = None,
    notes: Sequence[str] = (),
    on_step: Callable[[], Any] | None = None,
) -> Evaluation:
    """Score predictions however they came about: the second half of `evaluate`.

    Parameters
    ----------
    batches
        Predictions; those of one model are put together, in any order.
    budgets
        Tokens per query, > 0.
    seed, draws, level
        Of the bootstrap.
    settings, data, notes
        What the evaluation says about itself.
    on_step
        Called after each batch.
    """
    amounts = check_budgets(budgets)
    parts: dict[str, list[tuple[Batch, list[Comparison]]]] = {}
    for batch in batches:
        recorded = Recorded(batch.rollouts.query_ids, batch.rollouts)
        totals = [amount * len(recorded) for amount in amounts]
        found = compare_budgets(batch.curves, recorded, totals)
        parts.setdefault(batch.model, []).append((batch, found))
        if on_step is not None:
            on_step()
    if not parts:
        raise InvalidInputError("holds no rollouts", column="rollouts", remedy="give some")
    forecasts = {
        model: Forecasts.of([batch for batch, _ in found], amounts)
        for model, found in sorted(parts.items())
    }
    scores = {
        model: joined(
            [(batch.rollouts.query_ids, comparisons) for batch, comparisons in parts[model]],
            amounts,
            _calibrated([made]),
        )
        for model, made in forecasts.items()
    }
    return Evaluation(
        models=scores,
        budgets=np.array(amounts),
        calibration=_calibrated(list(forecasts.values())),
        intervals=bootstrap(scores, draws=draws, level=level, seed=seed),
        settings={**(settings or {}), "draws": draws, "level": level},
        data=dict(data or {}),
        notes=tuple(notes),
    )


def check_alone(folds: int | None, alone: bool) -> None:
    """Refuse to train alone what is trained already."""
    if folds is None and alone:
        raise InvalidInputError(
            "has no meaning for a predictor that is trained already",
            column="alone",
            value=alone,
            remedy="leave it out, or cross-validate",
        )


def check_budgets(budgets: Sequence[float]) -> tuple[float, ...]:
    """Return budgets in ascending order, each once.

    Raises
    ------
    InvalidInputError
        Naming the first that is not a finite number above zero, or saying that there is none.
    """
    if not len(budgets):
        raise InvalidInputError("names no budget", column="budgets", remedy="give tokens per query")
    for row, budget in enumerate(budgets):
        if not (np.isfinite(budget) and budget > 0):
            raise InvalidInputError(
                "must be a number > 0",
                column="budgets",
                row=row,
                value=budget,
                remedy="tokens per query",
            )
    return tuple(sorted({float(budget) for budget in budgets}))


def _calibrated(forecasts: Sequence[Forecasts | None]) -> Calibration | None:
    """Calibrate the forecasts of several models together; each model is a group of its own."""
    made = [part for part in forecasts if part is not None]
    if len(made) < len(forecasts):
        return None
    whole = Forecasts.joined([part.numbered(group) for group, part in enumerate(made)])
    return calibrate(whole) if whole.known.any() else None


def _counter(on_step: Step | None, total: int) -> Callable[[], None]:
    done = 0

    def step() -> None:
        nonlocal done
        done += 1
        if on_step is not None:
            on_step(done, total)

    return step


def _watched(batches: Iterable[Batch], step: Callable[[], None]) -> Iterator[Batch]:
    for batch in batches:
        step()
        yield batch

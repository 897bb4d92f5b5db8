"""The whole evaluation of a predictor: held-out predictions, allocated, replayed, and summed up."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from clear_opt.defaults import BUDGETS
from clear_opt.errors import InvalidInputError
from clear_opt.evaluation.calibration import Calibration, calibrate
from clear_opt.evaluation.comparison import Comparison, compare_budgets
from clear_opt.evaluation.cross_validation import Batch, CurvePredictor, pooled_over_folds
from clear_opt.evaluation.evaluation import Evaluation
from clear_opt.evaluation.forecasts import Forecasts
from clear_opt.evaluation.predictions import Step, check_budgets, make_predictions, no_rollouts
from clear_opt.evaluation.replay_data import ReplayData
from clear_opt.evaluation.resampling import DRAWS, LEVEL, bootstrap
from clear_opt.evaluation.scores import join_batches

if TYPE_CHECKING:
    from clear_opt.rollouts import Rollouts


def evaluate(
    rollouts: Rollouts,
    predictor: CurvePredictor,
    *,
    budgets: Sequence[float] = BUDGETS,
    folds: int | None = 5,
    models: Sequence[str] | None = None,
    per_model: bool = False,
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
    rollouts : Rollouts
        Recorded outcomes; with several models in the table, each is evaluated on its own queries.
    predictor : CurvePredictor
        What to evaluate: see `CurvePredictor`. With ``folds`` it is trained anew on copies;
        without, it must be fitted.
    budgets : sequence of float, optional
        Tokens per query, > 0.
    folds : int or None, default=5
        Cross-validation: the queries are dealt into this many folds, the same for all models, and
        each is predicted by what was learned from the others. ``None`` scores the predictor as it
        is.
    models : sequence of str, optional
        Which models to evaluate; all by default. Training takes the whole table all the same.
    per_model : bool, default=False
        Whether to train on each model's rollouts alone.
    features : sequence of str, optional
        Which features of the table to learn from, whatever they are. By default all but those that
        are outcomes: see `clear_opt.rollouts.outcome_features`.
    batch : {"model", "fold"}, default="model"
        Which queries share a budget: all of a ``"model"``, so that the oracle, and uniform caps,
        depend on no fold; or those of a model in each ``"fold"``, so that a batch is predicted by
        one and the same predictor.
    seed : int, default=0
        Seed of the folds and of the bootstrap.
    draws : int, optional
        Resamples of the bootstrap: see `clear_opt.evaluation.bootstrap`.
    level : float, optional
        Level of its intervals.
    on_step : callable, optional
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
    Evaluation(models=1, budgets=2, oracle_fraction=...)
    """
    amounts = check_budgets(budgets)
    if batch not in ("model", "fold"):
        raise InvalidInputError(
            "is not known", column="batch", value=batch, remedy="use 'model' or 'fold'"
        )
    made = make_predictions(
        rollouts,
        predictor,
        folds=folds,
        models=models,
        per_model=per_model,
        features=features,
        seed=seed,
    )
    pooling = folds is not None and batch == "model"
    n_predictions = len(made.models) * (folds or 1)
    step = _counter(on_step, n_predictions + (len(made.models) if pooling else n_predictions))
    batches = _counted(made.batches, step)
    return score(
        pooled_over_folds(batches, made.rollouts) if pooling else batches,
        amounts,
        seed=seed,
        draws=draws,
        level=level,
        settings={**made.settings, "batch": batch, "leftover": "spread"},
        data=made.data,
        notes=made.notes,
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
    batches : iterable of Batch
        Predictions; those of one model are put together, in any order.
    budgets : sequence of float
        Tokens per query, > 0.
    seed : int, default=0
        Seed of the bootstrap.
    draws : int, optional
        Its number of resamples.
    level : float, optional
        Level of its intervals.
    settings, data : mapping of str to Any, optional
        How the evaluation was made, and on what.
    notes : sequence of str, optional
        Caveats, in sentences.
    on_step : callable, optional
        Called after each batch.
    """
    amounts = check_budgets(budgets)
    parts: dict[str, list[tuple[Batch, list[Comparison]]]] = {}
    for batch in batches:
        replay_data = ReplayData(batch.rollouts.query_ids, batch.rollouts)
        totals = [amount * len(replay_data) for amount in amounts]
        found = compare_budgets(batch.curves, replay_data, totals)
        parts.setdefault(batch.model, []).append((batch, found))
        if on_step is not None:
            on_step()
    if not parts:
        raise no_rollouts()
    forecasts = {
        model: Forecasts.from_batches([batch for batch, _ in found], amounts)
        for model, found in sorted(parts.items())
    }
    scores = {
        model: join_batches(
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


def _calibrated(forecasts: Sequence[Forecasts | None]) -> Calibration | None:
    """Calibrate the forecasts of several models together; each model is a group of its own."""
    made = [part for part in forecasts if part is not None]
    if len(made) < len(forecasts):
        return None
    whole = Forecasts.concatenate([part.with_group(group) for group, part in enumerate(made)])
    return calibrate(whole) if whole.known.any() else None


def _counter(on_step: Step | None, total: int) -> Callable[[], None]:
    done = 0

    def step() -> None:
        nonlocal done
        done += 1
        if on_step is not None:
            on_step(done, total)

    return step


def _counted(batches: Iterable[Batch], step: Callable[[], None]) -> Iterator[Batch]:
    for batch in batches:
        step()
        yield batch

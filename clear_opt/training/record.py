"""Log a training to MLflow: parameters, tables, scores, pictures and the predictor."""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from clear_opt import __version__
from clear_opt.evaluation import Evaluation, as_json
from clear_opt.evaluation.calibration import LEVELS
from clear_opt.io import replacing
from clear_opt.plots import plot_accuracy, plot_calibration
from clear_opt.predictors import save_predictor
from clear_opt.rollouts import table_digest
from clear_opt.tracking import DataSet, LoggedRun, Metric, ModelFiles, RunRecord, log_run
from clear_opt.training.served import OUTPUTS

if TYPE_CHECKING:
    from clear_opt.rollouts import Rollouts
    from clear_opt.training.train import Training

EXAMPLES = (
    "Ann has 3 pens and buys 2 more. How many pens does she have now?",
    "How many of the whole numbers from 1 to 100 can be divided by 7?",
    "Prove that there is no largest prime number.",
)
"""Texts of the input example: invented, so that no user's query ends up in a model."""

_SERVED = "clear_opt.training.served"
_POLICIES = ("uniform", "proportional", "learned", "oracle")


def log_training(
    training: Training,
    *,
    tracking_uri: str | None = None,
    experiment: str | None = None,
    source: str = "",
) -> LoggedRun:
    """Log a training to MLflow as one run.

    The run holds the predictor's parameters, the tables with a digest of their content, the
    scores (those at a budget with its tokens per query as the step), ``frontier.png``,
    ``calibration.png``, ``evaluation.json``, and the predictor as a logged model with a signature
    and three invented rows as an example.

    Parameters
    ----------
    training : Training
        What `train` or `score_predictor` returned.
    tracking_uri, experiment : str, optional
        See `clear_opt.tracking.log_run`.
    source : str
        Where the rollouts came from, as a note.

    Raises
    ------
    MissingExtraError
        If MLflow or matplotlib is not installed.
    TrackingError
        If the store refuses.
    """
    parts = {"training": training.learned, "evaluation": training.scored}
    if training.learned is training.scored:
        del parts["evaluation"]
    datasets = [
        _dataset(table, context, source) for context, table in parts.items() if table is not None
    ]
    with tempfile.TemporaryDirectory() as scratch:
        files, own = Path(scratch) / "files", Path(scratch) / "predictor"
        files.mkdir()
        _write_files(training.evaluation, files)
        save_predictor(training.predictor, own)
        record = RunRecord(
            params=dict(_params(training)),
            metrics=list(_metrics(training.evaluation)),
            datasets=datasets,
            files=files,
            model=_model(training, own),
            tags={"clear_opt.version": __version__},
        )
        return log_run(record, tracking_uri=tracking_uri, experiment=experiment)


def log_evaluation(
    found: Evaluation,
    rollouts: Rollouts,
    *,
    tracking_uri: str | None = None,
    experiment: str | None = None,
    source: str = "",
) -> LoggedRun:
    """Log an evaluation to MLflow as one run, with the scores and files of `log_training`.

    Parameters
    ----------
    found : Evaluation
        What `clear_opt.evaluation.evaluate` returned.
    rollouts : Rollouts
        What it was measured on.
    tracking_uri, experiment, source : str
        As for `log_training`.
    """
    with tempfile.TemporaryDirectory() as scratch:
        _write_files(found, Path(scratch))
        record = RunRecord(
            params={f"evaluation.{name}": str(value) for name, value in found.settings.items()},
            metrics=list(_metrics(found)),
            datasets=[_dataset(rollouts, "evaluation", source)],
            files=Path(scratch),
            tags={"clear_opt.version": __version__},
        )
        return log_run(record, tracking_uri=tracking_uri, experiment=experiment)


def _params(training: Training) -> Iterator[tuple[str, str]]:
    predictor, data = training.predictor, training.evaluation.data
    yield "predictor.class", type(predictor).__name__
    for name, value in sorted(predictor.get_params(deep=True).items()):
        # An estimator is named by its class; what it is made of follows, one parameter each.
        shown = type(value).__name__ if hasattr(value, "get_params") else value
        yield f"predictor.{name.replace('__', '.')}", str(shown)
    for name, value in training.settings.items():
        yield f"training.{name}", str(value)
    yield "training.budgets", ",".join(f"{b:g}" for b in training.evaluation.budgets)
    yield "training.features", ",".join(data.get("features", ()))
    for name in ("rows", "queries", "models"):
        yield f"scored.{name}", str(data[name])


def _metrics(found: Evaluation) -> Iterator[Metric]:
    low, high = found.intervals.mean.oracle_fraction
    yield Metric("triage_efficiency", found.oracle_fraction)
    yield Metric("triage_efficiency_low", float(low))
    yield Metric("triage_efficiency_high", float(high))
    yield Metric("triage_efficiency_uniform", found.mean_oracle_fraction("uniform"))
    yield Metric("worst_vs_uniform", found.worst.difference)
    yield Metric("significantly_below_uniform", found.n_significantly_below_uniform)
    by_budget = {f"{policy}_accuracy": found.accuracy(policy) for policy in _POLICIES}
    by_budget |= {
        "efficiency": found.oracle_fractions(),
        "abandoned": found.abandoned,
        "price": found.price,
    }
    for name, values in by_budget.items():
        for budget, value in zip(found.budgets, values, strict=True):
            yield Metric(name, float(value), round(float(budget)))
    for model, scores in found.models.items():
        yield Metric(f"triage_efficiency/{_legal(model)}", scores.oracle_fraction)
    if found.calibration is None:
        return
    success, lengths = found.calibration.success, found.calibration.lengths
    yield Metric("brier", success.brier)
    yield Metric("brier_constant", success.brier_constant)
    yield Metric("calibration_error", success.calibration_error)
    if lengths is not None:
        for level, share in zip(LEVELS, lengths.coverage, strict=True):
            yield Metric(f"length_coverage_{100 * level:.0f}", share)


def _legal(name: str) -> str:
    """Return a model's name in the characters that MLflow takes."""
    return re.sub(r"[^\w.\- ]", "_", name)


def _dataset(table: Rollouts, context: str, source: str) -> DataSet:
    kinds = {name: _kind(values) for name, values in {**table.columns(), **table.features}.items()}
    profile: Mapping[str, Any] = {
        "rows": len(table),
        "queries": len(table.query_ids),
        "models": list(table.models),
        "accuracy": float(table.correct.mean()),
    }
    return DataSet(table_digest(table), context, source, kinds, profile)


def _kind(values: Any) -> str:
    return {"b": "boolean", "i": "long", "u": "long", "f": "double"}.get(
        values.dtype.kind, "string"
    )


def _model(training: Training, own: Path) -> ModelFiles:
    inputs, example = _inputs(training.scored)
    return ModelFiles(
        folder=own,
        loader_module=_SERVED,
        inputs=inputs,
        outputs=dict.fromkeys(OUTPUTS, ("double", True)),
        params={"model": ""},
        example=example,
        requirements=[f"clear-opt[learn]=={__version__}"],
    )


def _inputs(table: Rollouts) -> tuple[dict[str, tuple[str, bool]], pd.DataFrame]:
    """Return the columns that describe a query, and a few invented queries."""
    inputs: dict[str, tuple[str, bool]] = {}
    columns: dict[str, list[Any]] = {}
    if table.text is not None:
        inputs["text"] = ("string", True)
        columns["text"] = list(EXAMPLES)
    for name, values in table.features.items():
        numbers = values.dtype.kind == "f"
        inputs[name] = ("double" if numbers else "string", False)
        columns[name] = [float(k) for k in range(3)] if numbers else list("abc")
    return inputs, pd.DataFrame({name: pd.Series(v, dtype=None) for name, v in columns.items()})


def _write_files(found: Evaluation, folder: Path) -> None:
    (folder / "evaluation.json").write_text(
        json.dumps(as_json(found), allow_nan=False, indent=1), encoding="utf-8"
    )
    with replacing(folder / "frontier.png") as file:
        plot_accuracy(found, path=file)
    if found.calibration is not None:
        with replacing(folder / "calibration.png") as file:
            plot_calibration(found.calibration, path=file)

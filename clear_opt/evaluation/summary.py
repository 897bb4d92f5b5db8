"""An evaluation in plain numbers, for JSON, trackers and reports."""

from __future__ import annotations

from typing import Any

import numpy as np

from clear_opt.evaluation.calibration import LEVELS, Calibration, Reliability, within_cap_table
from clear_opt.evaluation.evaluation import Evaluation
from clear_opt.evaluation.resampling import ModelIntervals
from clear_opt.evaluation.scores import ModelScores, Regret

SHOWN = ("uniform", "proportional", "learned", "oracle")
"""Policies that tables and pictures show."""


def as_json(evaluation: Evaluation) -> dict[str, Any]:
    """Return all figures of an evaluation in types that JSON knows; no number is NaN.

    Parameters
    ----------
    evaluation : Evaluation
        The evaluation to convert.

    Returns
    -------
    dict
        ``models``: for each model ``budgets`` (tokens per query), the accuracy of ``uniform``,
        ``proportional``, ``learned`` and ``oracle`` at each, its ``triage_efficiency``, and more.
        ``triage_efficiency``: mean of the models'. ``worst_vs_uniform``: least difference of
        learned and uniform over all models and budgets. The page "Evaluating" lists the rest.
    """
    worst = evaluation.worst
    intervals = evaluation.intervals
    return {
        "models": {
            model: _model(scores, intervals.models[model])
            for model, scores in evaluation.models.items()
        },
        "triage_efficiency": evaluation.oracle_fraction,
        "triage_efficiency_interval": intervals.mean.oracle_fraction.tolist(),
        "triage_efficiency_uniform": evaluation.mean_oracle_fraction("uniform"),
        "worst_vs_uniform": worst.difference,
        "worst_cell": {
            "model": worst.model,
            "budget": _whole(worst.budget),
            "difference": worst.difference,
            "interval": [worst.low, worst.high],
        },
        "n_significantly_below_uniform": evaluation.n_significantly_below_uniform,
        "mean": {
            "budgets": [_whole(budget) for budget in evaluation.budgets.tolist()],
            **{policy: evaluation.accuracy(policy).tolist() for policy in SHOWN},
            "spent": {policy: evaluation.spend(policy).tolist() for policy in SHOWN},
            "efficiency": evaluation.oracle_fractions().tolist(),
            "abandoned": evaluation.abandoned.tolist(),
            "price": evaluation.price.tolist(),
            "gap": evaluation.gap.tolist(),
            "regret": _regret(evaluation.regret),
            "intervals": _intervals(intervals.mean),
        },
        "calibration": _calibration(evaluation.calibration),
        "settings": dict(evaluation.settings),
        "data": dict(evaluation.data),
        "notes": list(evaluation.notes),
    }


def _model(scores: ModelScores, intervals: ModelIntervals) -> dict[str, Any]:
    return {
        "budgets": [_whole(budget) for budget in scores.budgets.tolist()],
        **{policy: scores.accuracy(policy).tolist() for policy in SHOWN},
        "spent": {policy: scores.spend(policy).tolist() for policy in SHOWN},
        "triage_efficiency": scores.oracle_fraction,
        "n": scores.n,
        "abandoned": scores.abandoned.tolist(),
        "price": scores.price.tolist(),
        "gap": scores.gap.tolist(),
        "regret": _regret(scores.regret),
        "intervals": _intervals(intervals),
        "significantly_below_uniform": intervals.significantly_below_uniform.tolist(),
        "calibration": _calibration(scores.calibration),
    }


def _regret(regret: Regret) -> dict[str, list[float]]:
    return {name: getattr(regret, name).tolist() for name in ("total", "allocation", "prediction")}


def _intervals(intervals: ModelIntervals) -> dict[str, Any]:
    return {
        **{policy: intervals.accuracy[policy].tolist() for policy in SHOWN},
        "learned_minus_uniform": intervals.difference.tolist(),
        "triage_efficiency": intervals.oracle_fraction.tolist(),
    }


def _calibration(calibration: Calibration | None) -> dict[str, Any] | None:
    if calibration is None:
        return None
    lengths = calibration.lengths
    return {
        "success": _reliability(calibration.success),
        "length": None
        if lengths is None
        else {
            "n": lengths.count,
            "levels": list(LEVELS),
            "coverage": list(lengths.coverage),
            "pit": lengths.pit.tolist(),
        },
        "within_cap": [{**row, "cap": _whole(row["cap"])} for row in within_cap_table(calibration)],
        "left_out": calibration.left_out,
    }


def _reliability(found: Reliability) -> dict[str, Any]:
    return {
        "brier": found.brier,
        "brier_constant": found.brier_constant,
        "calibration_error": found.calibration_error,
        "bins": {
            "count": found.count.tolist(),
            "predicted": _or_none(found.predicted),
            "observed": _or_none(found.observed),
        },
    }


def _or_none(values: np.ndarray) -> list[float | None]:
    return [value if np.isfinite(value) else None for value in values.tolist()]


def _whole(budget: float) -> float:
    """Return a whole number as such: 50, not 50.0."""
    return int(budget) if budget == int(budget) else budget

"""The report's figures: those of `clear_opt.plots.interactive`, for each model and their mean."""

from __future__ import annotations

from typing import Any

from clear_opt.evaluation import Evaluation
from clear_opt.plots.interactive import (
    accuracy_figure,
    actual_spend_figure,
    calibration_figure,
    regret_figure,
)

MEAN = ""
"""Key of the figures over all models."""


def figures(evaluation: Evaluation) -> dict[str, dict[str, Any]]:
    """Return every figure as plotly's JSON, by model (and `MEAN`) and by its place on the page."""
    return {MEAN: _figures(evaluation, None)} | {
        model: _figures(evaluation, model) for model in evaluation.models
    }


def _figures(evaluation: Evaluation, model: str | None) -> dict[str, Any]:
    calibration = (evaluation if model is None else evaluation.models[model]).calibration
    drawn = {
        "accuracy": accuracy_figure(evaluation, model=model),
        "spend": actual_spend_figure(evaluation, model=model),
        "regret": regret_figure(evaluation, model=model),
    }
    if calibration is not None:
        panels = ["success", "within"]
        if calibration.lengths is not None:
            panels += ["length", "coverage"]
        drawn |= {panel: calibration_figure(calibration, panel=panel) for panel in panels}
    for figure in drawn.values():
        figure.layout.template = None  # the page has its own looks, for light and for dark
    return {name: figure.to_plotly_json() for name, figure in drawn.items()}

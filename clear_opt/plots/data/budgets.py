"""What policies reach at each budget: expected, on recorded answers, and what they spend."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from clear_opt.errors import InvalidInputError
from clear_opt.plots.data.figure import (
    Axis,
    Band,
    Bars,
    FigureData,
    Panel,
    Series,
    percent_axis,
    tokens_axis,
)
from clear_opt.plots.styles import GUIDE, POLICY_STYLES, Style, policy_style

if TYPE_CHECKING:
    from clear_opt.evaluation import Evaluation, Frontier, ModelScores

SHOWN = ("oracle", "learned", "proportional", "uniform")
"""Policies of an evaluation that are drawn, from the best down."""

_BANDS = ("uniform", "learned")
_PER_QUERY = "tokens per query"


def frontier_data(frontier: Frontier) -> FigureData:
    """Prepare the figure of a frontier; see `clear_opt.plots.plot_frontier`."""
    tokens, bound = frontier.tokens_per_query, frontier.bound
    top = min(1.0, 1.12 * float(bound.max()) + 0.02)
    series = [
        Series(x=tokens, y=bound, label="dual bound", legend=False, hover="%{y:.1%}",
               style=Style(GUIDE, width=0.8))
    ]  # fmt: skip
    # The solver's own line comes first in the legend; it is wide and lies below, so that a policy
    # that does as well stays visible.
    for name in sorted(frontier.accuracy, key=lambda name: name != "clear"):
        own, style = name == "clear", policy_style(name)
        series.append(
            Series(
                x=tokens, y=frontier.accuracy[name], label=style.label,
                style=style.series(emphasised=own), extra=frontier.price,
                hover="%{y:.1%}" + (", price %{customdata:.3g} per token" if own else ""),
            )
        )  # fmt: skip
    panel = Panel(
        x=tokens_axis("budget", _PER_QUERY, tokens),
        y=percent_axis("expected accuracy [share right]", top),
        bands=[
            Band(x=tokens, low=bound, high=np.full_like(bound, max(top, float(bound.max()))),
                 label="above the dual bound: out of reach")
        ],
        series=series,
        shared_hover=True,
    )  # fmt: skip
    note = "expected accuracy, on the predicted curves"
    return FigureData(title="What a token budget buys", note=note, panels=[panel])


def accuracy_data(evaluation: Evaluation, *, model: str | None = None) -> FigureData:
    """Prepare the figure of accuracy; see `clear_opt.plots.plot_accuracy`."""
    scores = _scores(evaluation, model)
    intervals = evaluation.intervals.mean
    if model is not None:
        intervals = evaluation.intervals.models[model]
    bands = [
        Band(
            x=evaluation.budgets, low=intervals.accuracy[policy][:, 0],
            high=intervals.accuracy[policy][:, 1], label=f"interval, {POLICY_STYLES[policy].label}",
            colour=POLICY_STYLES[policy].colour, legend=False,
        )
        for policy in _BANDS
    ]  # fmt: skip
    panel = Panel(
        x=tokens_axis("budget", _PER_QUERY, evaluation.budgets),
        y=_accuracy_axis(scores),
        bands=bands,
        series=[_policy_series(evaluation.budgets, scores, policy, "%{y:.1%}") for policy in SHOWN],
        shared_hover=True,
    )
    return FigureData(
        title="Accuracy on recorded answers",
        note=f"{_whose(model)}; bands: {evaluation.intervals.level:.0%} intervals",
        panels=[panel],
    )


def actual_spend_data(evaluation: Evaluation, *, model: str | None = None) -> FigureData:
    """Prepare the figure of actual spend; see `clear_opt.plots.plot_actual_spend`."""
    scores = _scores(evaluation, model)
    spend = {policy: scores.spend(policy) for policy in SHOWN}
    most = max(float(values.max()) for values in spend.values())
    hover = "%{x:,.0f} tokens spent<br>%{y:.1%}"
    panel = Panel(
        x=Axis(label=f"actual spend [{_PER_QUERY}]", limits=(0.0, 1.05 * most or 1.0),
               unit="tokens"),
        y=_accuracy_axis(scores),
        series=[_policy_series(spend[policy], scores, policy, hover) for policy in SHOWN],
    )  # fmt: skip
    return FigureData(title="Accuracy against actual spend", note=_whose(model), panels=[panel])


def regret_data(evaluation: Evaluation, *, model: str | None = None) -> FigureData:
    """Prepare the figure of regret; see `clear_opt.plots.plot_regret`."""
    scores = _scores(evaluation, model)
    place = np.arange(len(evaluation.budgets), dtype=np.float64)
    base, bars = np.zeros_like(place), []
    for label, height, policy, hatch in (
        ("reached", scores.accuracy("learned"), "learned", ""),
        ("lost: prediction", scores.regret.prediction, "uniform", "/"),
        ("lost: allocation", scores.regret.allocation, "proportional", "x"),
    ):
        bars.append(
            Bars(x=place, height=height, base=base, width=0.8, label=label, hatch=hatch,
                 colour=POLICY_STYLES[policy].colour, hover="%{customdata:.2%}")
        )  # fmt: skip
        base = base + height
    panel = Panel(
        x=Axis(
            label=f"budget [{_PER_QUERY}]", limits=(-0.6, len(place) - 0.4),
            ticks=tuple(place.tolist()),
            names=tuple(f"{budget:g}" for budget in evaluation.budgets),
        ),
        y=_accuracy_axis(scores, "accuracy, up to the oracle's"),
        bars=bars,
        shared_hover=True,
    )  # fmt: skip
    return FigureData(title="What is lost, and to what", note=_whose(model), panels=[panel])


def _scores(evaluation: Evaluation, model: str | None) -> Evaluation | ModelScores:
    if model is None:
        return evaluation
    if model not in evaluation.models:
        raise InvalidInputError(
            "was not evaluated",
            column="model",
            value=model,
            remedy=f"choose one of {', '.join(evaluation.models)}",
        )
    return evaluation.models[model]


def _whose(model: str | None) -> str:
    return "mean of the models" if model is None else model


def _accuracy_axis(scores: Evaluation | ModelScores, label: str = "accuracy [share right]") -> Axis:
    best = max(float(scores.accuracy(policy).max()) for policy in SHOWN)
    return percent_axis(label, min(1.02, 1.15 * best + 0.02))


def _policy_series(
    x: np.ndarray, scores: Evaluation | ModelScores, policy: str, hover: str
) -> Series:
    style = POLICY_STYLES[policy]
    return Series(
        x=x, y=scores.accuracy(policy), label=style.label, hover=hover,
        style=style.series(emphasised=policy == "learned"),
    )  # fmt: skip

"""The report's interactive figures. Needs plotly."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import plotly.graph_objects as go

from clear_opt.evaluation import Calibration, Evaluation, Reliability
from clear_opt.evaluation.calibration import BINS, LEVELS, within_table
from clear_opt.evaluation.resampling import ModelIntervals
from clear_opt.evaluation.scores import ModelScores, Regret
from clear_opt.plots.evaluated import SHOWN
from clear_opt.plots.styles import LOOKS

MEAN = ""
"""Key of the figures over all models."""


_SHOWN = {policy: LOOKS[policy] for policy in SHOWN}

_LINE, _LINE_DARK = "#8c8c8d", "#8c8c8e"  # diagonals and other helps for the eye

DARK_COLOURS = {look.colour: look.dark for look in _SHOWN.values()} | {_LINE: _LINE_DARK}
"""For each colour of a figure the one that takes its place on a dark page."""


def figures(found: Evaluation) -> dict[str, dict[str, Any]]:
    """Give every figure as plotly's JSON, by model (and `MEAN`) and by name."""
    calibration, regret = found.calibration, found.regret
    by_model = {MEAN: _set(found, found, found.intervals.mean, calibration, regret)}
    for model, scores in found.models.items():
        intervals = found.intervals.models[model]
        by_model[model] = _set(found, scores, intervals, scores.calibration, scores.regret)
    return by_model


def _set(
    found: Evaluation,
    scores: Evaluation | ModelScores,
    intervals: ModelIntervals,
    calibration: Calibration | None,
    regret: Regret,
) -> dict[str, Any]:
    accuracy = {policy: scores.accuracy(policy) for policy in _SHOWN}
    made = {
        "frontier": frontier_figure(found.budgets, accuracy, intervals),
        "realised": realised_figure({policy: scores.spend(policy) for policy in _SHOWN}, accuracy),
        "regret": regret_figure(found.budgets, accuracy["learned"], regret),
    }
    if calibration is not None:
        made["success"] = reliability_figure(calibration.success)
        made["within"] = within_figure(calibration)
        if calibration.lengths is not None:
            made["length"] = pit_figure(calibration.lengths.pit)
            made["coverage"] = coverage_figure(calibration.lengths.coverage)
    return {name: _plain(figure) for name, figure in made.items()}


def _plain(figure: go.Figure) -> dict[str, Any]:
    """Give a figure without plotly's own look: the page has one for light and one for dark."""
    plain = figure.to_plotly_json()
    plain["layout"].pop("template", None)
    return plain


def frontier_figure(
    budgets: np.ndarray, accuracy: Mapping[str, np.ndarray], intervals: ModelIntervals
) -> go.Figure:
    """Draw accuracy against tokens per query for each policy, with interval bands."""
    figure = go.Figure()
    for policy in ("uniform", "learned"):
        low, high = intervals.accuracy[policy].T
        figure.add_trace(
            go.Scatter(
                x=[*budgets.tolist(), *budgets[::-1].tolist()],
                y=[*high.tolist(), *low[::-1].tolist()],
                fill="toself",
                fillcolor=_clear(LOOKS[policy].colour),
                line={"width": 0},
                hoverinfo="skip",
                showlegend=False,
                mode="lines",
            )
        )
    for policy, look in _SHOWN.items():
        figure.add_trace(
            go.Scatter(
                x=budgets.tolist(),
                y=accuracy[policy].tolist(),
                name=look.label,
                mode="lines+markers",
                line={
                    "color": look.colour,
                    "dash": look.dash,
                    "width": 3 if policy == "learned" else 2,
                },
                marker={"symbol": look.symbol, "size": 7, "color": look.colour},
                hovertemplate="%{y:.1%}",
            )
        )
    figure.update_layout(
        xaxis={
            "type": "log",
            "title": {"text": "tokens per query (logarithmic)"},
            "tickvals": budgets.tolist(),
            "ticktext": [f"{budget:g}" for budget in budgets],
        },
        yaxis=_share("accuracy"),
        hovermode="x unified",
    )
    return figure


def realised_figure(
    spend: Mapping[str, np.ndarray], accuracy: Mapping[str, np.ndarray]
) -> go.Figure:
    """Draw accuracy against tokens really spent per query, a point for each budget."""
    figure = go.Figure()
    for policy, look in _SHOWN.items():
        figure.add_trace(
            go.Scatter(
                x=spend[policy].tolist(),
                y=accuracy[policy].tolist(),
                name=look.label,
                mode="lines+markers",
                line={
                    "color": look.colour,
                    "dash": look.dash,
                    "width": 3 if policy == "learned" else 2,
                },
                marker={"symbol": look.symbol, "size": 7, "color": look.colour},
                hovertemplate="%{x:.0f} tokens spent<br>%{y:.1%}<extra></extra>",
                showlegend=False,
            )
        )
    figure.update_layout(
        xaxis={"title": {"text": "tokens really spent per query"}, "rangemode": "tozero"},
        yaxis=_share("accuracy"),
    )
    return figure


def reliability_figure(found: Reliability) -> go.Figure:
    """Draw observed against predicted success, bin by bin; the dots' areas are the counts."""
    filled = found.count > 0
    count = found.count[filled]
    figure = go.Figure([_diagonal()])
    figure.add_trace(
        go.Scatter(
            x=found.predicted[filled].tolist(),
            y=found.observed[filled].tolist(),
            mode="lines+markers",
            marker={
                "color": LOOKS["learned"].colour,
                "size": (6 + 22 * np.sqrt(count / count.max())).tolist(),
                "opacity": 0.75,
            },
            line={"color": LOOKS["learned"].colour, "width": 1},
            customdata=count.tolist(),
            hovertemplate="predicted %{x:.1%}<br>observed %{y:.1%}<br>"
            "%{customdata:,.0f} answers<extra></extra>",
            showlegend=False,
        )
    )
    figure.update_layout(xaxis=_share("predicted success"), yaxis=_share("observed success"))
    return figure


def within_figure(found: Calibration) -> go.Figure:
    """Draw the predicted and the observed share of answers within each budget's cap."""
    rows = within_table(found)
    figure = go.Figure()
    for name, policy, symbol in (("observed", "uniform", "x"), ("predicted", "learned", "circle")):
        figure.add_trace(
            go.Scatter(
                x=[row["cap"] for row in rows],
                y=[row[name] for row in rows],
                name=name,
                mode="lines+markers" if name == "predicted" else "markers",
                marker={"symbol": symbol, "size": 9, "color": LOOKS[policy].colour},
                line={"color": LOOKS[policy].colour, "width": 2},
                hovertemplate="%{y:.1%}",
            )
        )
    caps = [row["cap"] for row in rows]
    figure.update_layout(
        xaxis={
            "type": "log",
            "title": {"text": "cap, tokens (logarithmic)"},
            "tickvals": caps,
            "ticktext": [f"{cap:g}" for cap in caps],
        },
        yaxis=_share("right within the cap"),
        hovermode="x unified",
    )
    return figure


def pit_figure(pit: np.ndarray) -> go.Figure:
    """Draw where correct lengths fall in their predicted distributions, beside an even share."""
    edges = np.arange(BINS) / BINS
    figure = go.Figure(
        go.Bar(
            x=(edges + 0.5 / BINS).tolist(),
            y=pit.tolist(),
            width=0.96 / BINS,
            marker={"color": LOOKS["learned"].colour},
            hovertemplate="%{y:.1%} of the lengths<extra></extra>",
            showlegend=False,
        )
    )
    figure.add_hline(y=1 / BINS, line={"color": _LINE, "dash": "dash", "width": 2})
    top = max(1.3 / BINS, 1.1 * float(pit.max()))
    figure.update_layout(
        xaxis={
            "title": {"text": "place in the predicted distribution of lengths"},
            "range": [0, 1],
            "tickformat": ".0%",
        },
        yaxis={"title": {"text": "share of correct lengths"}, "tickformat": ".0%",
               "range": [0, top]},
    )  # fmt: skip
    return figure


def coverage_figure(coverage: tuple[float, ...]) -> go.Figure:
    """Draw the share of correct lengths in their predicted intervals against the share wanted."""
    figure = go.Figure([_diagonal()])
    figure.add_trace(
        go.Scatter(
            x=list(LEVELS),
            y=list(coverage),
            mode="markers",
            marker={"color": LOOKS["learned"].colour, "size": 12},
            hovertemplate="interval of %{x:.0%}<br>holds %{y:.1%}<extra></extra>",
            showlegend=False,
        )
    )
    figure.update_layout(
        xaxis=_share("predicted interval") | {"tickvals": list(LEVELS), "tickangle": 0},
        yaxis=_share("share of correct lengths it holds"),
    )
    return figure


def regret_figure(budgets: np.ndarray, learned: np.ndarray, regret: Regret) -> go.Figure:
    """Draw the oracle's accuracy as bars: what is reached, and what is lost to which error."""
    figure = go.Figure()
    for name, values, policy, pattern in (
        ("reached", learned, "learned", ""),
        ("lost: prediction", regret.prediction, "uniform", "/"),
        ("lost: allocation", regret.allocation, "proportional", "x"),
    ):
        figure.add_trace(
            go.Bar(
                x=[f"{budget:g}" for budget in budgets],
                y=values.tolist(),
                name=name,
                marker={
                    "color": LOOKS[policy].colour,
                    "line": {"width": 0},
                    "pattern": {"shape": pattern, "solidity": 0.25},
                },
                hovertemplate="%{y:.2%}",
            )
        )
    figure.update_layout(
        barmode="relative",
        xaxis={"title": {"text": "tokens per query"}, "type": "category"},
        yaxis=_share("accuracy, up to the oracle's"),
        hovermode="x unified",
    )
    return figure


def _share(title: str) -> dict[str, Any]:
    return {"title": {"text": title}, "tickformat": ".0%", "range": [0, 1.02]}


def _diagonal() -> go.Scatter:
    return go.Scatter(
        x=[0, 1],
        y=[0, 1],
        mode="lines",
        line={"color": _LINE, "dash": "dash", "width": 1.5},
        hoverinfo="skip",
        showlegend=False,
    )


def _clear(colour: str) -> str:
    """Give a colour that lets most of what is below it through."""
    return f"{colour}33"

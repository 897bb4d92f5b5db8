"""What all interactive pictures share: looks that hold at any width, and words that fit."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Any

import numpy as np

from clear_opt._numerics.formatting import written
from clear_opt.errors import MissingExtraError
from clear_opt.plots import matplotlib_figure
from clear_opt.plots.labels import price_in_words, tokens_in_words
from clear_opt.plots.styles import DARK_GREY
from clear_opt.problem import AllocationProblem
from clear_opt.problem.allocation import Allocation

if TYPE_CHECKING:
    import plotly.graph_objects as go

_LETTERS = 44  # of a line in a legend or hover box, so that a phone shows it whole


def plotly() -> Any:
    """Give plotly's figures.

    Raises
    ------
    MissingExtraError
        If plotly is not installed.
    """
    try:
        import plotly.graph_objects as go
    except ImportError:
        raise MissingExtraError("plotly", "report") from None
    return go


def dressed(figure: go.Figure, title: str, note: str = "") -> go.Figure:
    """Give a figure its looks: headline and legend beside the data, at any width."""
    heading, words = broken(title), broken(note)
    lines = 1.3 * heading.count("<br>") + (words.count("<br>") + 1 if words else 0)
    figure.update_layout(
        template="plotly_white",
        title={
            "text": heading,
            "subtitle": {"text": words},
            "font": {"size": 16},
            "x": 0.02,
            "xanchor": "left",
            "yref": "container",
            "y": 1,
            "yanchor": "top",
            # Below the buttons, which would cover it on a phone.
            "pad": {"t": 34 + 20 * heading.count("<br>")},
        },
        legend={
            "orientation": "h",
            "yref": "container",
            "y": 0,
            "yanchor": "bottom",
            "x": 0,
            "xanchor": "left",
        },
        font={"size": 13},
        height=540,
        margin={"l": 60, "r": 20, "b": 60, "t": 70 + 18 * lines},
        hoverlabel={"align": "left"},
    )
    figure.update_xaxes(automargin=True, showline=True, linecolor=DARK_GREY, ticks="outside",
                        title_font_size=13)  # fmt: skip
    figure.update_yaxes(automargin=True, showline=True, linecolor=DARK_GREY, zeroline=False,
                        title_font_size=13)  # fmt: skip
    return figure


def mark(figure: go.Figure, x: float, y: float, words: str, marker: dict[str, Any]) -> None:
    """Mark one point, and say in the legend and under the pointer what it is."""
    text = broken(words)
    figure.add_scatter(
        x=[x], y=[y], name=text, mode="markers", marker=marker,
        hovertemplate=f"{text}<extra></extra>",
    )  # fmt: skip


def log(figure: go.Figure, ends: list[float], title: str, ticks: list[float] | None = None) -> None:
    """Make the x axis logarithmic between two numbers."""
    ticks = ticks or matplotlib_figure.log_ticks(*ends)
    figure.update_xaxes(
        type="log",
        range=np.log10(ends).tolist(),
        title_text=title,
        tickvals=ticks,
        ticktext=[written(tick) for tick in ticks],
    )


def broken(text: str) -> str:
    """Break a text into lines that fit on a phone."""
    return "<br>".join(textwrap.wrap(text, _LETTERS))


def price(problem: AllocationProblem, price: float) -> str:
    """Say what a price means for a problem, weighted or not."""
    return price_in_words(price, weighted=bool((problem.weight != 1).any()))


def standing(allocation: Allocation, row: int) -> str:
    """Say what cap a query got, and why."""
    cap = f"cap {tokens_in_words(float(allocation.tokens[row]))}"
    return f"{cap}<br>{broken(allocation.reasons[row])}"

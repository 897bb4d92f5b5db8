"""Funded and abandoned queries, to point at."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from clear_opt.plots import funded as drawn
from clear_opt.plots.interactive import plotly_figure
from clear_opt.plots.styles import BLUE, DARK_GREY, VERMILLION
from clear_opt.problem import AllocationProblem
from clear_opt.problem.allocation import Allocation

if TYPE_CHECKING:
    import plotly.graph_objects as go


def funded_figure(
    problem: AllocationProblem, allocation: Allocation, *, title: str | None = None
) -> go.Figure:
    """Draw each query by its threshold and its height; pointing at one gives cap and reason.

    Parameters
    ----------
    problem, allocation, title
        As for `clear_opt.plots.plot_funded`.

    Returns
    -------
    plotly.graph_objects.Figure

    Raises
    ------
    InvalidInputError
        If problem and allocation are not of the same queries.
    MissingExtraError
        If plotly is not installed.
    """
    go = plotly_figure.plotly()
    threshold, height = drawn.points(problem, allocation)
    draw = go.Scattergl if len(problem) > 5000 else go.Scatter
    figure = go.Figure()
    for mask, colour, symbol, words in (
        (allocation.funded, BLUE, "circle-open", "funded"),
        (~allocation.funded, VERMILLION, "x-thin-open", "abandoned"),
    ):
        rows = np.flatnonzero(mask)
        figure.add_trace(
            draw(
                x=threshold[mask], y=height[mask], mode="markers",
                name=f"{words}, {len(rows):,} queries",
                marker={"color": colour, "symbol": symbol, "size": 8, "line": {"width": 2}},
                customdata=rows,
                text=[plotly_figure.standing(allocation, row) for row in rows.tolist()],
                hovertemplate="query %{customdata}, threshold %{x:,.0f} tokens, height %{y:.1%}"
                "<br>%{text}<extra></extra>",
            )
        )  # fmt: skip
    axis = "emergence threshold"
    positive = threshold[threshold > 0]
    top = drawn.top_of(height)
    if drawn.line_holds(problem, allocation) and len(positive):
        reach = drawn.line_reach(positive, top, allocation.price)
        figure.add_scatter(
            x=reach, y=allocation.price * reach, name=drawn.LINE, mode="lines",
            line={"color": DARK_GREY, "dash": "dash", "width": 1.5}, hoverinfo="skip",
        )  # fmt: skip
    if len(positive) == len(threshold) and len(positive):
        ends = [positive.min() / 1.1, positive.max() * 1.1]
        plotly_figure.log(figure, ends, f"{axis} [tokens, logarithmic]")
    else:
        figure.update_xaxes(title_text=f"{axis} [tokens]", tickformat=",")
    figure.update_yaxes(range=[0, top], title_text="height [greatest chance]", tickformat=".0%")
    return plotly_figure.dressed(
        figure,
        drawn.TITLE if title is None else title,
        plotly_figure.price(problem, allocation.price),
    )

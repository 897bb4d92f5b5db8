"""Accuracy against budget for each policy, to point at."""

from __future__ import annotations

from typing import TYPE_CHECKING

from clear_opt.plots import frontier as drawn
from clear_opt.plots.interactive import plotly_figure
from clear_opt.plots.styles import look_of

if TYPE_CHECKING:
    import plotly.graph_objects as go

    from clear_opt.evaluation.frontier import Frontier


def frontier_figure(frontier: Frontier, *, title: str | None = None) -> go.Figure:
    """Draw expected accuracy against tokens per query, for each policy and the dual bound.

    Parameters
    ----------
    frontier, title
        As for `clear_opt.plots.plot_frontier`.

    Returns
    -------
    plotly.graph_objects.Figure

    Raises
    ------
    MissingExtraError
        If plotly is not installed.
    """
    go = plotly_figure.plotly()
    tokens = frontier.tokens_per_query
    figure = go.Figure()
    for name in sorted(frontier.accuracy, key=lambda name: name != "clear"):
        look, own = look_of(name), name == "clear"
        figure.add_scatter(
            x=tokens, y=frontier.accuracy[name], name=look.label, mode="lines+markers",
            line={"color": look.colour, "dash": look.dash, "width": 4 if own else 2},
            marker={"symbol": look.symbol + ("" if own else "-open"), "size": 9,
                    "line": {"width": 2}},
            customdata=frontier.price,
            hovertemplate="%{y:.1%}" + (", price %{customdata:.3g} per token" if own else ""),
        )  # fmt: skip
    figure.add_scatter(
        x=tokens, y=frontier.bound, name="dual bound: nothing is above", mode="lines",
        line={"color": "#777777", "width": 1}, hovertemplate="%{y:.1%}",
    )  # fmt: skip
    if tokens[0] > 0 and tokens[-1] > tokens[0]:
        ends = [tokens[0] / 1.05, tokens[-1] * 1.05]
        ticks = drawn.apart(tokens.tolist(), 7)
        plotly_figure.log(figure, ends, "budget [tokens per query, logarithmic]", ticks)
    else:
        figure.update_xaxes(title_text="budget [tokens per query]")
    top = min(1.0, 1.12 * float(frontier.bound.max()) + 0.02)
    figure.update_yaxes(
        range=[-0.01, top], title_text="expected accuracy [share right]", tickformat=".0%"
    )
    figure.update_layout(hovermode="x unified")
    return plotly_figure.dressed(figure, drawn.TITLE if title is None else title, drawn.NOTE)

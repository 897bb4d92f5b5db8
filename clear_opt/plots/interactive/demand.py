"""Demand against price, to point at; jumps say whose they are."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from clear_opt._numerics.formatting import written
from clear_opt.plots import demand as drawn
from clear_opt.plots.data import DemandShape, demand_shape
from clear_opt.plots.interactive import plotly_figure
from clear_opt.plots.styles import BLUE, DARK_GREY, VERMILLION
from clear_opt.problem import AllocationProblem
from clear_opt.problem.allocation import Allocation

if TYPE_CHECKING:
    import plotly.graph_objects as go

_NAMED = 4  # queries named at one jump


def demand_figure(
    problem: AllocationProblem,
    *,
    allocation: Allocation | None = None,
    title: str | None = None,
) -> go.Figure:
    """Draw the tokens that all queries ask for against the price; jumps say whose they are.

    Parameters
    ----------
    problem, allocation, title
        As for `clear_opt.plots.plot_demand`.

    Returns
    -------
    plotly.graph_objects.Figure

    Raises
    ------
    InvalidInputError
        If there are no queries, or none that a token could help.
    InfeasibleError
        If the floors exceed the budget.
    MissingExtraError
        If plotly is not installed.
    """
    go = plotly_figure.plotly()
    shape = demand_shape(problem, allocation)
    figure = go.Figure()
    figure.add_scatter(
        x=shape.price, y=shape.tokens, name="demand", mode="lines",
        line={"color": BLUE, "width": 3},
        hovertemplate="at %{x:.3g} per token: %{y:,.0f} tokens<extra></extra>",
    )  # fmt: skip
    if len(shape.jumps):
        where, above, below = shape.jumps.T
        gap = np.full_like(where, np.nan)
        words = [_at_jump(problem, shape, price) for price in where]
        figure.add_scatter(
            x=np.column_stack([where, where, gap]).ravel(),
            y=np.column_stack([above, below, gap]).ravel(),
            name="jump at a query's abandonment price", mode="lines",
            line={"color": BLUE, "dash": "dot", "width": 1.5},
            text=[part for text in words for part in (text, text, "")],
            hovertemplate="%{text}<br>at %{x:.3g} per token<extra></extra>",
        )  # fmt: skip
    ends = [shape.price[0], shape.price[-1]]
    figure.add_scatter(
        x=ends, y=[shape.budget] * 2, name=f"budget, {written(shape.budget)} tokens", mode="lines",
        line={"color": DARK_GREY, "dash": "dash", "width": 2}, hoverinfo="skip",
    )  # fmt: skip
    if shape.clears:
        plotly_figure.mark(figure, shape.clearing_price, shape.budget,
              f"clearing price, {shape.clearing_price:.3g} per token",
              {"color": VERMILLION, "symbol": "circle-open", "size": 13,
               "line": {"width": 3}})  # fmt: skip
    top = 1.06 * max(shape.budget, float(np.nanmax(shape.tokens)))
    plotly_figure.log(figure, ends, drawn.unit(problem))
    figure.update_yaxes(range=[-0.015 * top, top], title_text="demand [tokens]", tickformat=",")
    return plotly_figure.dressed(
        figure,
        drawn.TITLE if title is None else title,
        plotly_figure.price(problem, shape.clearing_price),
    )


def _at_jump(problem: AllocationProblem, shape: DemandShape, price: float) -> str:
    rows = np.flatnonzero(np.asarray(problem.envelope.abandonment_price) == price)
    if len(rows) == 0:
        return "a corner of a query's hull"
    if len(rows) == 1:
        return f"query {rows[0]}<br>{plotly_figure.standing(shape.allocation, int(rows[0]))}"
    more = ", …" if len(rows) > _NAMED else ""
    return f"queries {', '.join(str(row) for row in rows[:_NAMED])}{more}"

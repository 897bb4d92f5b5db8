"""One query's curve, to point at."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from clear_opt.curves import Curve
from clear_opt.plots import curve as drawn
from clear_opt.plots.data import curve_shape
from clear_opt.plots.interactive import plotly_figure
from clear_opt.plots.labels import response_in_words, tangent_in_words, tokens_in_words
from clear_opt.plots.styles import BLUE, DARK_GREY, GREEN, SHADE, VERMILLION

if TYPE_CHECKING:
    import plotly.graph_objects as go


def curve_figure(
    curves: Curve,
    row: int = 0,
    *,
    floor: Any = 0.0,
    ceiling: Any = None,
    weight: Any = 1.0,
    price: float | None = None,
    title: str | None = None,
) -> go.Figure:
    """Draw one query's curve, its concave envelope, and where the two touch.

    Parameters
    ----------
    curves, row, floor, ceiling, weight, price, title
        As for `clear_opt.plots.plot_curve`.

    Returns
    -------
    plotly.graph_objects.Figure

    Raises
    ------
    InvalidInputError
        If there is no such row, or the price is negative.
    MissingExtraError
        If plotly is not installed.
    """
    go = plotly_figure.plotly()
    shape = curve_shape(curves, row, floor, ceiling, weight, price)
    plain = shape.weight == 1
    number = ".1%" if plain else ".3g"
    worth = f"query {shape.row}, cap %{{x:,.0f}} tokens: %{{y:{number}}}"
    figure = go.Figure()
    for values, colour, dash, name in (
        (shape.value, BLUE, "solid", "curve"),
        (shape.envelope, VERMILLION, "dash", "concave envelope"),
    ):
        figure.add_scatter(
            x=shape.tokens, y=values, name=name, mode="lines",
            line={"color": colour, "dash": dash, "width": 3 if dash == "solid" else 2},
            hovertemplate=f"{worth}<extra>{name}</extra>",
        )  # fmt: skip
    if shape.threshold > 0:
        words = f"threshold, {tokens_in_words(shape.threshold)}: concave from here"
        figure.add_scatter(
            x=[shape.threshold] * 2, y=[0, shape.top], name=words, mode="lines",
            line={"color": DARK_GREY, "dash": "dot", "width": 1.5},
            hovertemplate=f"{words}<extra></extra>",
        )  # fmt: skip
    if shape.price > 0:
        last = float(shape.tokens[-1])
        figure.add_scatter(
            x=[shape.start, last],
            y=[shape.start_value, shape.start_value + shape.price * (last - shape.start)],
            name=f"what tokens cost at {shape.price:.3g} per token", mode="lines",
            line={"color": GREEN, "dash": "dashdot", "width": 2}, hoverinfo="skip",
        )  # fmt: skip
    if shape.abandonment_price > 0:
        plotly_figure.mark(figure, shape.tangent, shape.tangent_value, tangent_in_words(shape),
                   {"color": VERMILLION, "symbol": "circle-open", "size": 13,
                    "line": {"width": 2}})  # fmt: skip
    if price is not None:
        plotly_figure.mark(figure, shape.best, shape.best_value, response_in_words(shape),
                   {"color": GREEN, "symbol": "diamond" if shape.funded else "x",
                    "size": 9})  # fmt: skip
        if shape.funded:
            figure.add_shape(
                type="line", x0=shape.best, x1=shape.best, y1=shape.best_value,
                y0=shape.best_value - shape.surplus, line={"color": GREEN, "width": 4},
                opacity=0.6, layer="below",
            )  # fmt: skip
    for place, (left, right) in enumerate(shape.outside):
        figure.add_vrect(
            left, right, fillcolor=SHADE, line_width=0, layer="below",
            name="outside floor and ceiling", showlegend=place == 0,
        )  # fmt: skip
    figure.update_xaxes(range=[0, shape.tokens[-1]], title_text="cap [tokens]", tickformat=",")
    figure.update_yaxes(
        range=[-0.02 * shape.top, shape.top],
        title_text=drawn.worth(shape),
        tickformat=".0%" if plain else None,
    )
    return plotly_figure.dressed(figure, drawn.headline(shape) if title is None else title)

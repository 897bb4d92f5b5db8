"""One query's curve, its concave envelope, and what a price makes of it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from clear_opt.curves import Curve
from clear_opt.plots import matplotlib_figure
from clear_opt.plots.data import CurveShape, curve_shape
from clear_opt.plots.labels import response_in_words, tangent_in_words, tokens_in_words
from clear_opt.plots.styles import BLUE, DARK_GREY, GREEN, SHADE, VERMILLION

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def headline(shape: CurveShape) -> str:
    """Give the picture's own headline."""
    return f"Query {shape.row}: its curve and the envelope above it"


def worth(shape: CurveShape) -> str:
    """Name the axis of values."""
    return "chance of a right answer" if shape.weight == 1 else "weighted chance of a right answer"


def plot_curve(
    curves: Curve,
    row: int = 0,
    *,
    floor: Any = 0.0,
    ceiling: Any = None,
    weight: Any = 1.0,
    price: float | None = None,
    path: str | Path | BinaryIO | None = None,
    title: str | None = None,
    width: float = matplotlib_figure.FULL,
) -> Figure:
    """Draw one query's curve, its concave envelope, and where the two touch.

    The slope of the envelope's chord is the query's abandonment price: at a higher price no cap
    pays.

    Parameters
    ----------
    curves
        One curve per query.
    row
        Which query, from 0.
    floor, ceiling, weight
        As for `AllocationProblem`, scalars or shape (n,).
    price
        Success per token: draws the best cap at this price, and its surplus.
    path
        Where to save it: a file whose ending gives the format, or an open binary file (PNG);
        ``None`` to draw only.
    title
        Headline; a plain one by default, none where empty.
    width
        Inches; a page's by default, a column has about 3.3.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    InvalidInputError
        If there is no such row, or the price is negative.
    MissingExtraError
        If matplotlib is not installed.
    """
    shape = curve_shape(curves, row, floor, ceiling, weight, price)
    figure, (axes,) = matplotlib_figure.new_figure(width)
    handles = _draw(axes, shape)
    if price is not None:
        handles += _draw_price(axes, shape)
    axes.set_xlim(0, shape.tokens[-1])
    matplotlib_figure.label(
        axes,
        "cap [tokens]",
        worth(shape),
        headline(shape) if title is None else title,
    )
    matplotlib_figure.tokens_axis(axes.xaxis)
    if shape.weight == 1:
        matplotlib_figure.per_cent(axes.yaxis)
    axes.set_ylim(-0.02 * shape.top, shape.top)  # the line at zero keeps its whole width
    matplotlib_figure.legend_below(figure, handles)
    return matplotlib_figure.saved(figure, path)


def _draw(axes: Axes, shape: CurveShape) -> list[Any]:
    handles: list[Any] = []
    handles += axes.plot(shape.tokens, shape.value, color=BLUE, linewidth=2.4, label="curve")
    handles += axes.plot(
        shape.tokens, shape.envelope, color=VERMILLION, linestyle="--", linewidth=1.6,
        label="concave envelope",
    )  # fmt: skip
    if shape.threshold > 0:
        handles.append(
            axes.axvline(
                shape.threshold, color=DARK_GREY, linestyle=":", linewidth=1.2,
                label=f"threshold, {tokens_in_words(shape.threshold)}: concave from here",
            )
        )  # fmt: skip
    if shape.abandonment_price > 0:
        handles += axes.plot(
            [shape.tangent], [shape.tangent_value], color=VERMILLION, marker="o", markersize=9,
            markerfacecolor="none", markeredgewidth=1.8, linestyle="none", zorder=7,
            label=tangent_in_words(shape),
        )  # fmt: skip
    shaded = [
        axes.axvspan(left, right, color=SHADE, linewidth=0, zorder=0,
                     label="outside floor and ceiling")
        for left, right in shape.outside
    ]  # fmt: skip
    handles += shaded[:1]
    return handles


def _draw_price(axes: Axes, shape: CurveShape) -> list[Any]:
    reach = min(shape.tokens[-1], _meets(shape))
    handles = axes.plot(
        [shape.start, reach],
        [shape.start_value, shape.start_value + shape.price * (reach - shape.start)],
        color=GREEN, linestyle="-.", linewidth=1.4,
        label=f"what tokens cost at the price of {shape.price:.3g} per token",
    )  # fmt: skip
    if shape.funded:
        axes.plot(
            [shape.best, shape.best], [shape.best_value - shape.surplus, shape.best_value],
            color=GREEN, linewidth=3, alpha=0.6, solid_capstyle="butt", label="_surplus",
        )  # fmt: skip
    handles += axes.plot(
        [shape.best], [shape.best_value], color=GREEN, linestyle="none", zorder=6, markersize=7,
        marker="D" if shape.funded else "X", label=response_in_words(shape),
    )  # fmt: skip
    return handles


def _meets(shape: CurveShape) -> float:
    """Give the tokens at which the line of costs leaves the picture through its top."""
    if shape.price == 0:
        return np.inf
    return shape.start + (float(np.nanmax(shape.envelope)) - shape.start_value) / shape.price

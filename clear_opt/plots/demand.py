"""Demand for tokens against their price, and where it meets the budget."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import numpy as np

from clear_opt._numerics.formatting import written
from clear_opt.plots import matplotlib_figure
from clear_opt.plots.data import demand_shape
from clear_opt.plots.labels import price_in_words
from clear_opt.plots.styles import BLUE, DARK_GREY, VERMILLION
from clear_opt.problem import AllocationProblem
from clear_opt.problem.allocation import Allocation

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TITLE = "Demand for tokens at each price"


def unit(problem: AllocationProblem) -> str:
    """Name the axis of prices."""
    weighted = "weighted " if (problem.weight != 1).any() else ""
    return f"price [{weighted}right answers per token, logarithmic]"


def plot_demand(
    problem: AllocationProblem,
    *,
    allocation: Allocation | None = None,
    path: str | Path | BinaryIO | None = None,
    title: str | None = None,
    width: float = matplotlib_figure.FULL,
) -> Figure:
    """Draw the tokens that all queries ask for against the price, and the price that clears.

    Demand falls smoothly between two abandonment prices and jumps down at each. A budget that
    falls into a jump is met by all of the query or by none of it.

    Parameters
    ----------
    problem
        Curves, budget, floors, ceilings and weights.
    allocation
        Its solution; solved for here by default.
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
        If there are no queries, or none that a token could help.
    InfeasibleError
        If the floors exceed the budget.
    MissingExtraError
        If matplotlib is not installed.
    """
    shape = demand_shape(problem, allocation)
    figure, (axes,) = matplotlib_figure.new_figure(width)
    handles = axes.plot(shape.price, shape.tokens, color=BLUE, linewidth=2, label="demand")
    if len(shape.jumps):
        # One line with gaps: as many jumps as queries would be slow to draw one by one.
        where, above, below = shape.jumps.T
        gap = np.full_like(where, np.nan)
        handles += axes.plot(
            np.column_stack([where, where, gap]).ravel(),
            np.column_stack([above, below, gap]).ravel(),
            color=BLUE, linestyle=":", linewidth=1.1,
            label="jump at a query's abandonment price",
        )  # fmt: skip
    handles.append(
        axes.axhline(
            shape.budget, color=DARK_GREY, linestyle="--", linewidth=1.4,
            label=f"budget, {written(shape.budget)} tokens",
        )
    )  # fmt: skip
    if shape.clears:
        axes.plot(
            [shape.clearing_price] * 2, [0, shape.budget], color=VERMILLION, linestyle="-.",
            linewidth=1.2, label="_price",
        )  # fmt: skip
        handles += axes.plot(
            [shape.clearing_price], [shape.budget], color=VERMILLION, marker="o", markersize=7,
            markerfacecolor="white", markeredgewidth=1.8, linestyle="-.", zorder=5,
            label=f"clearing price, {shape.clearing_price:.3g} per token",
        )  # fmt: skip
    matplotlib_figure.label(
        axes,
        unit(problem),
        "demand [tokens]",
        TITLE if title is None else title,
    )
    matplotlib_figure.log_axis(axes, shape.price[0], shape.price[-1])
    top = 1.06 * max(shape.budget, float(np.nanmax(shape.tokens)))
    axes.set_ylim(-0.015 * top, top)  # the line at zero keeps its whole width
    matplotlib_figure.tokens_axis(axes.yaxis)
    weighted = bool((problem.weight != 1).any())
    matplotlib_figure.legend_below(
        figure, handles, columns=2, heading=price_in_words(shape.clearing_price, weighted=weighted)
    )
    return matplotlib_figure.saved(figure, path)

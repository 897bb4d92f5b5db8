"""Which queries are funded and which are abandoned, by threshold and height."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import numpy as np

from clear_opt import defaults
from clear_opt.errors import InvalidInputError
from clear_opt.plots import matplotlib_figure
from clear_opt.plots.labels import price_in_words
from clear_opt.plots.styles import BLUE, DARK_GREY, VERMILLION
from clear_opt.problem import AllocationProblem
from clear_opt.problem.allocation import Allocation

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TITLE = "Who is funded"
LINE = "height = price times threshold: below it nothing can pay"


def plot_funded(
    problem: AllocationProblem,
    allocation: Allocation,
    *,
    path: str | Path | BinaryIO | None = None,
    title: str | None = None,
    width: float = matplotlib_figure.FULL,
) -> Figure:
    """Draw each query as a point, by its threshold and its height: funded or abandoned.

    Parameters
    ----------
    problem
        What was solved.
    allocation
        Its solution.
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
        If problem and allocation are not of the same queries.
    MissingExtraError
        If matplotlib is not installed.
    """
    threshold, height = points(problem, allocation)
    figure, (axes,) = matplotlib_figure.new_figure(width)
    funded = allocation.funded
    crowd = min(1.0, (600 / max(len(problem), 1)) ** 0.5)  # many points are drawn smaller
    for mask, colour, marker, face, words in (
        (~funded, VERMILLION, "x", VERMILLION, "abandoned"),
        (funded, BLUE, "o", "none", "funded"),
    ):
        axes.plot(
            threshold[mask], height[mask], linestyle="none", marker=marker, color=colour,
            markerfacecolor=face, markersize=2 + 4 * crowd, markeredgewidth=0.5 + 0.7 * crowd,
            label=f"{words}, {int(mask.sum()):,} queries", rasterized=len(problem) > 5000,
        )  # fmt: skip
    handles = list(axes.get_lines())[::-1]
    top = top_of(height)
    positive = threshold[threshold > 0]
    if line_holds(problem, allocation) and len(positive):
        reach = line_reach(positive, top, allocation.price)
        handles += axes.plot(
            reach, allocation.price * reach, color=DARK_GREY, linestyle="--", linewidth=1.2,
            label=LINE,
        )  # fmt: skip
    matplotlib_figure.label(
        axes,
        "emergence threshold [tokens, logarithmic]",
        "height [greatest chance]",
        TITLE if title is None else title,
    )
    if len(positive) == len(threshold) and len(positive):
        matplotlib_figure.log_axis(axes, positive.min() / 1.1, positive.max() * 1.1)
    elif len(positive):
        axes.set_xscale("symlog", linthresh=1.0)
    matplotlib_figure.share_axis(axes, top)
    weighted = bool((problem.weight != 1).any())
    matplotlib_figure.legend_below(
        figure, handles, heading=price_in_words(allocation.price, weighted=weighted)
    )
    return matplotlib_figure.saved(figure, path)


def points(problem: AllocationProblem, allocation: Allocation) -> tuple[np.ndarray, np.ndarray]:
    """Give threshold, tokens, and height of each query, shape (n,).

    Raises
    ------
    InvalidInputError
        If problem and allocation are not of the same queries.
    """
    if len(problem) != len(allocation):
        raise InvalidInputError(
            f"the problem has {len(problem)} queries and the allocation {len(allocation)}",
            column="allocation",
            remedy="give the problem that was solved",
        )
    curves = problem.curves
    peak = np.minimum(curves.peak, float(defaults.MOST_TOKENS))
    return np.asarray(curves.threshold), np.asarray(curves.value(peak))


def line_holds(problem: AllocationProblem, allocation: Allocation) -> bool:
    """Say whether no query below height = price * threshold can pay.

    It holds where nothing is gained up to the threshold: the chord is then no steeper than
    height / threshold. With weights or floors the line would differ by query.
    """
    curves = problem.curves
    nothing_before = not np.asarray(curves.value(curves.threshold)).any()
    plain = not problem.floor.any() and bool((problem.weight == 1).all())
    return nothing_before and plain and 0 < allocation.price < np.inf


def top_of(height: np.ndarray) -> float:
    """Give the upper end of the axis of heights."""
    return min(1.02, 1.1 * float(height.max(initial=0.01)))


def line_reach(threshold: np.ndarray, top: float, price: float) -> np.ndarray:
    """Give thresholds along which height = price * threshold stays in the picture, tokens (m,)."""
    first = float(threshold.min())
    return np.geomspace(first, max(first, min(float(threshold.max()), top / price)), 200)

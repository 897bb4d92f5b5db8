"""What each way of spending gets out of a budget, over many budgets."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from clear_opt.plots import matplotlib_figure
from clear_opt.plots.styles import SHADE, look_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from clear_opt.evaluation.frontier import Frontier

TITLE = "What a token budget buys"
NOTE = "on the predicted curves"


def plot_frontier(
    frontier: Frontier,
    path: str | Path | BinaryIO | None = None,
    *,
    title: str | None = None,
    width: float = matplotlib_figure.FULL,
) -> Figure:
    """Draw expected accuracy against tokens per query, for each policy and the dual bound.

    Parameters
    ----------
    frontier
        What to draw.
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
    MissingExtraError
        If matplotlib is not installed.
    """
    figure, (axes,) = matplotlib_figure.new_figure(width)
    tokens = frontier.tokens_per_query
    impossible = axes.fill_between(
        tokens, frontier.bound, 1.0, color=SHADE, linewidth=0,
        label="above the dual bound: out of reach",
    )  # fmt: skip
    axes.plot(tokens, frontier.bound, color="#777777", linewidth=0.8, label="dual bound")
    # The solver's own line comes first in the legend; it is wide and lies below, so that a policy
    # that does as well stays visible.
    handles = []
    for name in sorted(frontier.accuracy, key=lambda name: name != "clear"):
        look = look_of(name)
        own = name == "clear"
        handles += axes.plot(
            tokens,
            frontier.accuracy[name],
            label=look.label,
            color=look.colour,
            linestyle=look.line,
            linewidth=3 if own else 1.4,
            marker=look.marker,
            markersize=6.5 if own else 4.5,
            markerfacecolor=look.colour if own else "white",
            zorder=3 if own else 4,
        )
    matplotlib_figure.label(
        axes,
        "budget [tokens per query, logarithmic]",
        "expected accuracy [share right]",
        f"{TITLE}, {NOTE}" if title is None else title,
    )
    if tokens[0] > 0 and tokens[-1] > tokens[0]:
        ticks = apart(tokens.tolist(), 7 if matplotlib_figure.is_narrow(width) else 11)
        matplotlib_figure.log_axis(axes, tokens[0] / 1.05, tokens[-1] * 1.05, ticks)
    matplotlib_figure.share_axis(axes, min(1.0, 1.12 * float(frontier.bound.max()) + 0.02))
    matplotlib_figure.legend_below(figure, [*handles, impossible], columns=2)
    return matplotlib_figure.saved(figure, path)


def apart(ticks: list[float], most: int) -> list[float]:
    """Leave out ticks that would touch: at most about ``most`` over the whole logarithmic axis."""
    step = (ticks[-1] / ticks[0]) ** (1 / most)
    kept = [ticks[-1]]
    for tick in reversed(ticks[:-1]):
        if kept[-1] / tick >= step:
            kept.append(tick)
    return kept[::-1]

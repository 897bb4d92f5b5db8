"""Pictures, by matplotlib's object interface: no window, no global state. Needs [plots]."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

from clear_opt.errors import MissingExtraError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from clear_opt.evaluation.frontier import Frontier


class _Look(NamedTuple):
    label: str
    colour: str  # Okabe and Ito's palette, told apart by colour-blind readers
    line: str | tuple[int, tuple[float, ...]]
    marker: str


_LOOKS = {
    "clear": _Look("CLEAR (shadow price)", "#0072B2", "-", "o"),
    "auction": _Look("auction", "#009E73", (0, (5, 2)), "s"),
    "threshold_prefix": _Look("cheapest thresholds first", "#D55E00", (0, (3, 1.5, 1, 1.5)), "^"),
    "proportional": _Look("proportional to threshold", "#CC79A7", (0, (1, 1.2)), "D"),
    "uniform": _Look("uniform caps", "#8A6D00", (0, (7, 3)), "v"),
    "oracle": _Look("oracle (knows the outcomes)", "#56B4E9", "-", "P"),
}
_OTHER = _Look("", "#555555", "-", ".")


def plot_frontier(
    frontier: Frontier, path: str | Path | BinaryIO | None = None, *, title: str | None = None
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
        Headline; a plain one by default.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    MissingExtraError
        If matplotlib is not installed.
    """
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError:
        raise MissingExtraError("matplotlib", "plots") from None
    figure = Figure(figsize=(8, 5), dpi=150, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    _draw_curves(axes, frontier)
    _dress(axes, frontier, title or "What a token budget buys, on the predicted curves")
    if path is not None:
        figure.savefig(path)
    return figure


def _draw_curves(axes: Axes, frontier: Frontier) -> None:
    tokens = frontier.tokens_per_query
    axes.fill_between(tokens, frontier.bound, 1.0, color="#EAEAEA", linewidth=0)
    axes.plot(tokens, frontier.bound, color="#777777", linewidth=0.8)
    # The solver's own line comes first in the legend; it is wide and lies below, so that a policy
    # that does as well stays visible.
    for name in sorted(frontier.accuracy, key=lambda name: name != "clear"):
        look = _LOOKS.get(name, _OTHER)
        own = name == "clear"
        axes.plot(
            tokens,
            frontier.accuracy[name],
            label=look.label or name,
            color=look.colour,
            linestyle=look.line,
            linewidth=3.5 if own else 1.5,
            marker=look.marker,
            markersize=7 if own else 4.5,
            markerfacecolor=look.colour if own else "white",
            zorder=3 if own else 4,
        )


def _dress(axes: Axes, frontier: Frontier, title: str) -> None:
    from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator, PercentFormatter

    tokens = frontier.tokens_per_query
    axes.set_title(title, loc="left", fontsize=12)
    axes.set_xlabel("budget [tokens per query, logarithmic]")
    axes.set_ylabel("expected accuracy [share of queries]")
    if tokens[0] > 0 and tokens[-1] > tokens[0]:
        axes.set_xscale("log")
        axes.set_xlim(tokens[0] / 1.05, tokens[-1] * 1.05)
        axes.xaxis.set_major_locator(FixedLocator(tokens.tolist()))
        axes.xaxis.set_minor_locator(NullLocator())
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    axes.yaxis.set_major_formatter(PercentFormatter(xmax=1.0, decimals=0))
    axes.set_ylim(0.0, min(1.0, 1.12 * float(frontier.bound.max()) + 0.02))
    axes.grid(visible=True, color="#DDDDDD", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.text(
        0.02,
        0.96,
        "no allocation can be here: above the dual bound",
        transform=axes.transAxes,
        va="top",
        fontsize=9,
        color="#444444",
    )
    axes.legend(loc="lower right", frameon=True, framealpha=0.95, edgecolor="#CCCCCC")

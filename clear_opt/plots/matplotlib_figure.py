"""What all pictures share: figures without a window, plain axes, legends beside the data."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from clear_opt._numerics.formatting import written
from clear_opt.errors import MissingExtraError
from clear_opt.plots.styles import GRID

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure

FULL = 6.5
"""Width of a page's text, inches: the default of every picture. A column is about 3.3."""

_NARROW = 4.8  # inches; below, smaller letters and one panel under the other
_FEW_TICKS = 3
_DPI = 160


def new_figure(
    width: float, aspect: float = 0.62, panels: int = 1
) -> tuple[Figure, tuple[Axes, ...]]:
    """Give a figure with its own canvas, and its panels: side by side where there is room.

    Parameters
    ----------
    width
        Inches.
    aspect
        Height of the figure as a share of its width, before what stands below the axes.
    panels
        How many.

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
    rows = panels if is_narrow(width) else 1
    height = width * aspect * rows * (1.25 if is_narrow(width) else 1.0)
    figure = Figure(figsize=(width, height), dpi=_DPI, layout="constrained")
    FigureCanvasAgg(figure)  # gives the figure a canvas, without any window
    axes = tuple(figure.add_subplot(rows, panels // rows, k + 1) for k in range(panels))
    for part in axes:
        part.grid(visible=True, color=GRID, linewidth=0.6)
        part.set_axisbelow(True)
        part.spines[["top", "right"]].set_visible(False)
        part.tick_params(labelsize=letters(width))
    return figure, axes


def is_narrow(width: float) -> bool:
    """Say whether a figure of ``width`` inches is a column rather than a page."""
    return width < _NARROW


def letters(width: float) -> float:
    """Give the size of ordinary letters, points, in a figure of ``width`` inches."""
    return 7.5 if is_narrow(width) else 9.0


def label(axes: Axes, x: str, y: str, title: str = "") -> None:
    """Name the axes; the title is broken into lines that fit."""
    width = axes.figure.get_figure(root=True).get_figwidth()
    size = letters(width)
    axes.set_xlabel(x, fontsize=size)
    axes.set_ylabel(y, fontsize=size)
    if title:
        axes.set_title(_lines(title, width - 0.8, size + 1.5), loc="left", fontsize=size + 1.5)


def log_axis(axes: Axes, low: float, high: float, ticks: Sequence[float] | None = None) -> None:
    """Make the x axis logarithmic from ``low`` to ``high``, with its numbers written out."""
    from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

    axes.set_xscale("log")
    axes.set_xlim(low, high)
    axes.xaxis.set_major_locator(FixedLocator(list(ticks or log_ticks(low, high))))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: written(value)))


def log_ticks(low: float, high: float) -> list[float]:
    """Give a few round numbers between two positive ones, evenly spread in the logarithm.

    Examples
    --------
    >>> log_ticks(0.0004, 0.005), log_ticks(5, 2e6)
    ([0.0005, 0.001, 0.002, 0.005], [10.0, 100.0, 1000.0, 10000.0, 100000.0, 1000000.0])
    """
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    inside: list[float] = []
    for leading in ("1", "13", "125", "12357", "123456789"):
        inside = [
            float(f"{digit}e{power}") for power in range(first, last + 1) for digit in leading
        ]
        inside = [tick for tick in inside if low <= tick <= high]
        if len(inside) >= _FEW_TICKS:
            return inside
    return inside or [low, high]


def share_axis(axes: Axes, top: float = 1.02) -> None:
    """Make the y axis a share from 0 to ``top``, in per cent."""
    axes.set_ylim(0, top)
    per_cent(axes.yaxis)


def per_cent(axis: Axis) -> None:
    """Write the numbers of an axis in per cent."""
    from matplotlib.ticker import FuncFormatter

    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{100 * value:.4g}%"))


def tokens_axis(axis: Axis) -> None:
    """Write the numbers of an axis with separators of thousands."""
    from matplotlib.ticker import FuncFormatter

    axis.set_major_formatter(FuncFormatter(lambda value, _: written(value)))


def legend_below(
    figure: Figure,
    handles: Sequence[Any],
    *,
    columns: int = 1,
    heading: str | None = None,
) -> None:
    """Put one legend below all axes, never over the data, and make the figure taller by it."""
    width, height = figure.get_size_inches()
    size = letters(width)
    columns = 1 if is_narrow(width) else columns
    labels = [_lines(str(handle.get_label()), width / columns - 0.7, size) for handle in handles]
    heading = _lines(heading, width - 0.3, size) if heading else None
    lines = sum(text.count("\n") + 1 for text in labels) / columns + (
        heading.count("\n") + 1 if heading else 0
    )
    figure.set_size_inches(width, height + lines * size * 1.3 / 72 + 0.1)
    legend = figure.legend(
        handles,
        labels,
        loc="outside lower left",
        ncols=columns,
        fontsize=size,
        title=heading,
        title_fontsize=size,
        frameon=False,
        alignment="left",
        handlelength=2.8,
        borderaxespad=0.2,
    )
    legend.set_in_layout(True)


def saved(figure: Figure, path: str | Path | BinaryIO | None) -> Figure:
    """Save a figure where there is somewhere to save it, and give it back."""
    if path is not None:
        figure.savefig(path)
    return figure


def _lines(text: str, width: float, size: float) -> str:
    """Break a text into lines of ``width`` inches in letters of ``size`` points."""
    fits = max(16, int(width * 72 / (0.53 * size)))
    return "\n".join(textwrap.wrap(text, fits))

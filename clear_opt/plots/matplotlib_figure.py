"""Drawing with matplotlib: figures without a window, plain axes, legends beside the data."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Literal

from clear_opt.errors import MissingExtraError
from clear_opt.plots.data.figure import Axis, Band, Bars, FigureData, Panel, Series
from clear_opt.plots.styles import GRID, is_narrow

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FULL = 6.5
"""Width of a page's text, inches: the default of every figure. A column is about 3.3."""

_MANY = 5000  # points; more are drawn as an image even in PDF and SVG
_ALPHA = 0.2
_DPI = 160


def draw(
    data: FigureData,
    *,
    title: str | None = None,
    path: str | Path | BinaryIO | None = None,
    width: float | None = None,
) -> Figure:
    """Draw a prepared figure; the options are `clear_opt.plots.FigureOptions`.

    Raises
    ------
    MissingExtraError
        If matplotlib is not installed.
    """
    width = FULL if width is None else width
    count = len(data.panels)
    figure, axes = new_figure(width, 0.62 if count == 1 else 0.4, count)
    handles: dict[str, Any] = {}
    for part, panel in zip(axes, data.panels, strict=True):
        handles |= _draw_panel(part, panel)
        most = 7 if is_narrow(width) else max(4, 11 // count)
        set_axis(part, "x", panel.x, most)
        set_axis(part, "y", panel.y, most)
    heading, size = data.title if title is None else title, font_size(width)
    if heading:
        lines = _lines(heading, width - 0.8, size + 1.5)
        axes[0].set_title(lines, loc="left", fontsize=size + 1.5)
    legend_below(figure, list(handles.values()), heading=data.note)
    if path is not None:
        figure.savefig(path)
    return figure


def new_figure(
    width: float, aspect: float = 0.62, panels: int = 1
) -> tuple[Figure, tuple[Axes, ...]]:
    """Return a figure with its own canvas, and its panels: side by side where there is room.

    Parameters
    ----------
    width : float
        Inches.
    aspect : float
        Height of the figure as a share of its width, before what stands below the axes.
    panels : int
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
        part.tick_params(labelsize=font_size(width))
    return figure, axes


def font_size(width: float) -> float:
    """Return the size of ordinary letters, points, in a figure of ``width`` inches."""
    return 7.5 if is_narrow(width) else 9.0


def set_axis(axes: Axes, which: Literal["x", "y"], data: Axis, most: int = 11) -> None:
    """Set the label, limits, scale and format of an axis, with about ``most`` numbers at most."""
    from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

    axis, set_scale, set_limits, set_label = (
        (axes.xaxis, axes.set_xscale, axes.set_xlim, axes.set_xlabel)
        if which == "x"
        else (axes.yaxis, axes.set_yscale, axes.set_ylim, axes.set_ylabel)
    )
    set_scale(data.scale, **({"linthresh": 1.0} if data.scale == "symlog" else {}))
    if data.limits is not None:
        set_limits(*data.limits)
    if data.ticks:
        axis.set_major_locator(FixedLocator(data.ticks_apart(most)))
        axis.set_minor_locator(NullLocator())
    if data.scale != "symlog":
        axis.set_major_formatter(FuncFormatter(lambda value, _: data.text(value)))
    set_label(data.label, fontsize=font_size(axes.figure.get_figure(root=True).get_figwidth()))


def _draw_panel(axes: Axes, panel: Panel) -> dict[str, Any]:
    """Draw what stands in a panel; return what the legend shows, by label."""
    bands = {band.label: _band(axes, band) for band in panel.bands}
    bars = {bar.label: _bars(axes, bar) for bar in panel.bars}
    series = {line.label: _series(axes, line) for line in panel.series}
    parts = (*panel.series, *panel.bars, *panel.bands)
    drawn = series | bars | bands
    return {part.label: drawn[part.label] for part in parts if part.legend}


def _band(axes: Axes, band: Band) -> Any:
    return axes.fill_between(band.x, band.low, band.high, color=band.colour, alpha=_ALPHA,
                             linewidth=0, zorder=0, label=_label(band))  # fmt: skip


def _bars(axes: Axes, bars: Bars) -> Any:
    return axes.bar(
        bars.x, bars.height, width=bars.width, bottom=bars.base, color=bars.colour,
        hatch=bars.hatch * 2, edgecolor="white", linewidth=0, label=_label(bars),
    )  # fmt: skip


def _series(axes: Axes, series: Series) -> Any:
    style = series.style
    (line,) = axes.plot(
        series.x,
        series.y,
        label=_label(series),
        color=style.colour,
        linestyle=style.line or "none",
        linewidth=style.width,
        marker=style.marker if series.area is None else "",
        markersize=style.size,
        markerfacecolor="white" if style.hollow and style.line else
        "none" if style.hollow else style.colour,
        markeredgewidth=style.edge,
        solid_capstyle="butt",
        rasterized=len(series.x) > _MANY,
    )  # fmt: skip
    if series.area is not None:
        sizes = style.size**2 * series.area
        axes.scatter(series.x, series.y, s=sizes, color=style.colour, alpha=0.75, zorder=3)
    return line


def _label(part: Series | Bars | Band) -> str:
    return part.label if part.legend else f"_{part.label}"


def legend_below(figure: Figure, handles: Sequence[Any], *, heading: str = "") -> None:
    """Put one legend below all axes, never over the data, and make the figure taller by it."""
    width, height = figure.get_size_inches()
    size = font_size(width)
    labels = [str(handle.get_label()) for handle in handles]
    longest = 0.7 + max(len(text) for text in labels) * _letter(size)
    columns = 1 if is_narrow(width) else max(1, min(3, int(width / longest)))
    labels = [_lines(text, width / columns - 0.7, size) for text in labels]
    heading = _lines(heading, width - 0.3, size)
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
        title=heading or None,
        title_fontsize=size,
        frameon=False,
        alignment="left",
        handlelength=2.8,
        borderaxespad=0.2,
    )
    legend.set_in_layout(True)


def _letter(size: float) -> float:
    """Return the mean width of a letter of ``size`` points, inches."""
    return 0.53 * size / 72


def _lines(text: str, width: float, size: float) -> str:
    """Break a text into lines of ``width`` inches in letters of ``size`` points."""
    return "\n".join(textwrap.wrap(text, max(16, int(width / _letter(size)))))

"""Drawing with plotly: figures that hold at any width, and words that fit on a phone."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from clear_opt.errors import MissingExtraError
from clear_opt.plots.data.figure import Axis, Band, Bars, FigureData, Series
from clear_opt.plots.styles import DARK_GREY, is_narrow

if TYPE_CHECKING:
    import plotly.graph_objects as go

_LETTERS = 44  # of a line in a legend or hover box, so that a phone shows it whole
_TICKS = 7  # numbers on an axis that a phone has room for
_MANY = 5000  # points; more are drawn by WebGL
_PIXELS = 96  # of an inch
_POINT = _PIXELS / 72


def draw(
    data: FigureData,
    *,
    title: str | None = None,
    path: str | Path | BinaryIO | None = None,
    width: float | None = None,
) -> go.Figure:
    """Draw a prepared figure; the options are `clear_opt.plots.FigureOptions`.

    Raises
    ------
    MissingExtraError
        If plotly is not installed.
    """
    try:
        import plotly.graph_objects as go
        from plotly.subplots import make_subplots
    except ImportError:
        raise MissingExtraError("plotly", "report") from None
    rows = len(data.panels) if width is not None and is_narrow(width) else 1
    columns = len(data.panels) // rows
    figure = make_subplots(rows, columns, horizontal_spacing=0.4 / columns)
    seen: set[str] = set()
    for place, panel in enumerate(data.panels):
        row, col = place // columns + 1, place % columns + 1
        drawn = [
            *((band, _band(go, band)) for band in panel.bands),
            *((bars, _bars(go, bars)) for bars in panel.bars),
            *((series, _series(go, series)) for series in panel.series),
        ]
        for part, trace in drawn:
            if part.hover and not panel.shared_hover:
                trace.hovertemplate += "<extra></extra>"  # the box says it without the name
            shown = part.legend and part.label not in seen
            seen.add(part.label)
            figure.add_trace(
                trace.update(name=wrapped(part.label), showlegend=shown), row=row, col=col
            )
        figure.update_xaxes(_axis(panel.x), row=row, col=col, tickangle=0)
        figure.update_yaxes(_axis(panel.y), row=row, col=col, zeroline=False)
    shared = len(data.panels) == 1 and data.panels[0].shared_hover
    figure.update_layout(
        hovermode="x unified" if shared else "closest",
        barmode="overlay",  # bars have their bases
        width=None if width is None else width * _PIXELS,
        height=540 if rows == 1 else 340 * rows,
    )
    _set_layout(figure, wrapped(data.title if title is None else title), wrapped(data.note))
    page = b"" if path is None else figure.to_html(config={"responsive": True}).encode()
    if isinstance(path, str | Path):
        Path(path).write_bytes(page)
    elif path is not None:
        path.write(page)
    return figure


def _band(go: Any, band: Band) -> Any:
    return go.Scatter(
        x=[*_plain(band.x), *_plain(band.x[::-1])],
        y=[*_plain(band.high), *_plain(band.low[::-1])],
        fill="toself", fillcolor=f"{band.colour}33", line={"width": 0}, mode="lines",
        hoverinfo="skip", legendrank=1001,
    )  # fmt: skip


def _bars(go: Any, bars: Bars) -> Any:
    return go.Bar(
        x=_plain(bars.x), y=_plain(bars.height), base=_plain(bars.base), width=bars.width,
        customdata=_plain(bars.height), hovertemplate=bars.hover,
        marker={"color": bars.colour, "line": {"width": 0},
                "pattern": {"shape": bars.hatch, "solidity": 0.25, "fillmode": "overlay"}},
    )  # fmt: skip


def _series(go: Any, series: Series) -> Any:
    style = series.style
    modes = [mode for mode, has in (("lines", style.line), ("markers", style.marker)) if has]
    size: Any = _POINT * style.size
    if series.area is not None:
        size = (size * np.sqrt(series.area)).tolist()
    line = {"color": style.colour, "dash": style.dash, "width": _POINT * style.width}
    marker = {"symbol": style.symbol, "size": size, "color": style.colour,
              "line": {"width": _POINT * style.edge, "color": style.colour}}  # fmt: skip
    many = len(series.x) > _MANY and not style.line
    return (go.Scattergl if many else go.Scatter)(
        x=_plain(series.x),
        y=_plain(series.y),
        mode="+".join(modes),
        line=line if style.line else None,
        marker=marker if style.marker else None,
        text=["<br>".join(map(wrapped, text.split("\n"))) for text in series.text] or None,
        customdata=None if series.extra is None else _plain(series.extra),
        hovertemplate=(series.hover if "%{" in series.hover else wrapped(series.hover)) or None,
        hoverinfo=None if series.hover else "skip",
    )


def _plain(values: np.ndarray) -> list[Any]:
    """Return an array as a list: plotly would write an array to JSON in base64."""
    return np.asarray(values).tolist()


def _axis(axis: Axis) -> dict[str, Any]:
    ticks = axis.ticks_apart(_TICKS)
    layout: dict[str, Any] = {
        "title": {"text": axis.label, "font": {"size": 13}},
        "automargin": True,
        "showline": True,
        "linecolor": DARK_GREY,
        "ticks": "outside",
        "tickformat": {"percent": ".0%", "tokens": ",", "number": None}[axis.unit],
    }
    if axis.scale == "log":
        layout["type"] = "log"
    if axis.limits is not None:
        ends = np.log10(axis.limits) if axis.scale == "log" else np.array(axis.limits)
        layout["range"] = ends.tolist()
    if ticks:
        layout |= {"tickvals": ticks, "ticktext": [axis.text(tick) for tick in ticks]}
    return layout


def _set_layout(figure: go.Figure, heading: str, note: str) -> None:
    """Put headline and legend beside the data, at any width."""
    lines = 1.3 * heading.count("<br>") + (note.count("<br>") + 1 if note else 0)
    figure.update_layout(
        template="plotly_white",
        title={
            "text": heading,
            "subtitle": {"text": note},
            "font": {"size": 16},
            "x": 0.02,
            "xanchor": "left",
            "yref": "container",
            "y": 1,
            "yanchor": "top",
            # Below the buttons, which would cover it on a phone.
            "pad": {"t": 34 + 20 * heading.count("<br>")},
        },
        legend={
            "orientation": "h",
            "yref": "container",
            "y": 0,
            "yanchor": "bottom",
            "x": 0,
            "xanchor": "left",
        },
        font={"size": 13},
        margin={"l": 60, "r": 20, "b": 60, "t": 70 + 18 * lines},
        hoverlabel={"align": "left"},
    )


def wrapped(text: str) -> str:
    """Break a text into lines that fit on a phone."""
    return "<br>".join(textwrap.wrap(text, _LETTERS))

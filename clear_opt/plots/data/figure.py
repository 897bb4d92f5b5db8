"""What a prepared figure is: plain arrays, labels and styles, which any library can draw."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from clear_opt._numerics.formatting import format_amount
from clear_opt.plots.styles import GUIDE, Style

_FEW_TICKS = 3


@dataclass(frozen=True, eq=False, kw_only=True)
class Series:
    """A line, markers, or both.

    Attributes
    ----------
    x, y : ndarray, shape (m,)
        A line has a gap where they are NaN.
    label : str
        What the legend says.
    style : Style
    legend : bool
        Whether the legend has it.
    area : ndarray, shape (m,), or None
        Areas of the markers, as shares of the largest; ``None`` where all are alike.
    hover : str
        What the pointer says, as a template of plotly's; empty for nothing.
    text : sequence of str, length m
        ``%{text}`` of the template.
    extra : ndarray, shape (m,), or None
        ``%{customdata}`` of the template.
    """

    x: np.ndarray
    y: np.ndarray
    label: str
    style: Style
    legend: bool = True
    area: np.ndarray | None = None
    hover: str = ""
    text: Sequence[str] = ()
    extra: np.ndarray | None = None


@dataclass(frozen=True, eq=False, kw_only=True)
class Band:
    """A nearly transparent region between two lines: x, low and high of shape (m,)."""

    x: np.ndarray
    low: np.ndarray
    high: np.ndarray
    label: str
    colour: str = GUIDE
    legend: bool = True
    hover: str = ""


@dataclass(frozen=True, eq=False, kw_only=True)
class Bars:
    """Bars from ``base`` up: x (their middles), height and base of shape (m,)."""

    x: np.ndarray
    height: np.ndarray
    base: np.ndarray
    width: float
    label: str
    colour: str
    hatch: str = ""
    legend: bool = True
    hover: str = ""
    """As for `Series`; ``%{customdata}`` is the height."""


@dataclass(frozen=True, kw_only=True)
class Axis:
    """An axis.

    Attributes
    ----------
    label : str
    limits : (float, float) or None
        Its ends; ``None`` to leave them to the library.
    scale : {"linear", "log", "symlog"}
    unit : {"tokens", "percent", "number"}
        How its numbers are written.
    ticks : tuple of float
        Where it has numbers, at most; empty to leave them to the library.
    names : tuple of str
        What stands at 0, 1, ... in place of numbers.
    """

    label: str
    limits: tuple[float, float] | None = None
    scale: Literal["linear", "log", "symlog"] = "linear"
    unit: Literal["tokens", "percent", "number"] = "number"
    ticks: tuple[float, ...] = ()
    names: tuple[str, ...] = ()

    def text(self, value: float) -> str:
        """Write a tick's number."""
        if self.names:
            return self.names[round(value)]
        if self.unit == "percent":
            return f"{100 * value:.4g}%"
        return format_amount(value) if self.unit == "tokens" else f"{value:.4g}"

    def ticks_apart(self, most: int) -> list[float]:
        """Return the ticks without those that would touch: about ``most`` over all the axis.

        Examples
        --------
        >>> Axis(label="", scale="log", ticks=(100, 125, 200, 400, 800)).ticks_apart(3)
        [100, 200, 400, 800]
        """
        if not self.ticks:
            return []
        at = np.log(self.ticks) if self.scale == "log" else np.asarray(self.ticks)
        step = (at[-1] - at[0]) / most * (1 - 1e-9)
        kept = [len(at) - 1]
        for place in range(len(at) - 2, -1, -1):
            if at[kept[-1]] - at[place] >= step:
                kept.append(place)
        return [self.ticks[place] for place in kept[::-1]]


@dataclass(frozen=True, eq=False, kw_only=True)
class Panel:
    """A pair of axes and what stands between them, from the lowest layer to the topmost."""

    x: Axis
    y: Axis
    bands: Sequence[Band] = ()
    bars: Sequence[Bars] = ()
    series: Sequence[Series] = ()
    shared_hover: bool = False
    """Whether the pointer shows all series at one x together."""


@dataclass(frozen=True, eq=False, kw_only=True)
class FigureData:
    """A figure ready to be drawn: its headline, a note, and its panels from left to right."""

    title: str
    panels: Sequence[Panel]
    note: str = ""

    def __repr__(self) -> str:
        labels = [part.label for panel in self.panels for part in (*panel.bars, *panel.series)]
        return f"FigureData({self.title!r}, panels={len(self.panels)}, labels={labels})"


def percent_axis(label: str, top: float = 1.02) -> Axis:
    """Return an axis of shares, from 0 to ``top``."""
    return Axis(label=label, limits=(0.0, top), unit="percent")


def log_axis(name: str, unit: str, low: float, high: float, ticks: Sequence[float] = ()) -> Axis:
    """Return a logarithmic axis between two positive numbers; round ticks unless some are given."""
    return Axis(
        label=f"{name} [{unit}, logarithmic]", limits=(float(low), float(high)), scale="log",
        unit="tokens", ticks=tuple(ticks or log_ticks(low, high)),
    )  # fmt: skip


def tokens_axis(name: str, unit: str, values: np.ndarray) -> Axis:
    """Return an axis with ticks at the given tokens, shape (m,): logarithmic where it can be."""
    ticks = np.asarray(values, dtype=np.float64).tolist()
    if 0 < ticks[0] < ticks[-1]:
        margin = (ticks[-1] / ticks[0]) ** 0.03  # room for the markers
        return log_axis(name, unit, ticks[0] / margin, ticks[-1] * margin, ticks)
    return Axis(label=f"{name} [{unit}]", unit="tokens", ticks=tuple(ticks))


def log_ticks(low: float, high: float) -> list[float]:
    """Return a few round numbers between two positive ones, evenly spread in the logarithm.

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

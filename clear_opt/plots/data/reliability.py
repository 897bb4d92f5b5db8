"""Whether predictions mean what they say: of success, of length, and of success within caps."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from clear_opt.errors import InvalidInputError
from clear_opt.plots.data.figure import (
    Axis,
    Bars,
    FigureData,
    Panel,
    Series,
    percent_axis,
    tokens_axis,
)
from clear_opt.plots.styles import BLUE, GUIDE, VERMILLION, Style

if TYPE_CHECKING:
    from clear_opt.evaluation import Calibration

_TOGETHER = ("success", "length", "within")


def calibration_data(calibration: Calibration, *, panel: str | None = None) -> FigureData:
    """Prepare the figure of calibration; see `clear_opt.plots.plot_calibration`."""
    prepare = {"success": _success, "length": _length, "within": _within, "coverage": _coverage}
    if panel is not None and panel not in prepare:
        raise InvalidInputError(
            "is not known",
            column="panel",
            value=panel,
            remedy=f"choose one of {', '.join(prepare)}",
        )
    shown = _TOGETHER if panel is None else (panel,)
    return FigureData(title="", panels=[prepare[name](calibration) for name in shown])


def _success(calibration: Calibration) -> Panel:
    filled = calibration.success.count > 0
    count = calibration.success.count[filled]
    return Panel(
        x=Axis(label="predicted success", limits=(0.0, 1.0), unit="percent", ticks=(0, 0.5, 1)),
        y=percent_axis("observed success"),
        series=[
            _diagonal(),
            Series(
                x=calibration.success.predicted[filled],
                y=calibration.success.observed[filled],
                label="answers",
                legend=False,
                area=count / count.max(),
                extra=count,
                style=Style(BLUE, marker="o", width=1, size=13),
                hover="predicted %{x:.1%}<br>observed %{y:.1%}<br>%{customdata:,.0f} answers",
            ),
        ],
    )


def _length(calibration: Calibration) -> Panel:
    from clear_opt.evaluation.calibration import BINS

    bars, top = [], 1.0
    if calibration.lengths is not None:
        share = calibration.lengths.pit
        top = 1.15 * max(float(share.max()), 1.3 / BINS)
        bars = [
            Bars(
                x=(np.arange(BINS) + 0.5) / BINS, height=share, base=np.zeros(BINS),
                width=0.95 / BINS, label="correct lengths", legend=False, colour=BLUE,
                hover="%{customdata:.1%} of the lengths",
            )
        ]  # fmt: skip
    return Panel(
        x=Axis(label="place in the predicted lengths", limits=(0.0, 1.0), unit="percent",
               ticks=(0, 0.5, 1)),
        y=percent_axis("share of correct lengths", top),
        bars=bars,
        series=[_wanted(np.array([0.0, 1.0]), np.full(2, 1 / BINS))],
    )  # fmt: skip


def _within(calibration: Calibration) -> Panel:
    from clear_opt.evaluation.calibration import within_cap_table

    rows = within_cap_table(calibration)
    caps = np.array([row["cap"] for row in rows])
    styles = {"predicted": Style(BLUE, marker="o", hollow=True, size=6, edge=1.4),
              "observed": Style(VERMILLION, "", "x", size=6, edge=1.4)}  # fmt: skip
    return Panel(
        x=replace(tokens_axis("cap", "tokens", caps), label="cap [tokens]"),  # the panel is small
        y=percent_axis("right within the cap"),
        series=[
            Series(x=caps, y=np.array([row[name] for row in rows]), label=name, style=style,
                   hover="%{y:.1%}")
            for name, style in styles.items()
        ],
        shared_hover=True,
    )  # fmt: skip


def _coverage(calibration: Calibration) -> Panel:
    from clear_opt.evaluation.calibration import LEVELS

    held = () if calibration.lengths is None else calibration.lengths.coverage
    ticks = (0, 0.5, 0.8, 1)
    return Panel(
        x=Axis(label="predicted interval", limits=(0.0, 1.0), unit="percent", ticks=ticks),
        y=percent_axis("share of correct lengths it holds"),
        series=[
            _diagonal(),
            Series(
                x=np.array(LEVELS[: len(held)]), y=np.array(held), label="intervals", legend=False,
                style=Style(BLUE, "", "o", size=9), hover="interval of %{x:.0%}<br>holds %{y:.1%}",
            ),
        ],
    )  # fmt: skip


def _diagonal() -> Series:
    ends = np.array([0.0, 1.0])
    return _wanted(ends, ends)


def _wanted(x: np.ndarray, y: np.ndarray) -> Series:
    return Series(x=x, y=y, label="as it should be", style=Style(GUIDE, "--", width=1.2))

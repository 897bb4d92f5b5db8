"""What an evaluation found: accuracy against budget, and calibration."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import numpy as np

from clear_opt.plots import matplotlib_figure
from clear_opt.plots.styles import BLUE, HELP, LOOKS, VERMILLION

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from clear_opt.evaluation import Calibration, Evaluation

SHOWN = ("oracle", "learned", "proportional", "uniform")
"""Policies of an evaluation that are drawn, from the best down."""


def plot_accuracy(
    found: Evaluation,
    *,
    path: str | Path | BinaryIO | None = None,
    title: str | None = None,
    width: float = matplotlib_figure.FULL,
) -> Figure:
    """Draw accuracy against tokens per query, averaged over the models, with interval bands.

    Parameters
    ----------
    found
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
    handles = []
    for policy in SHOWN:
        look = LOOKS[policy]
        handles += axes.plot(
            found.budgets, found.accuracy(policy), label=look.label, color=look.colour,
            linestyle=look.line, marker=look.marker, markersize=4.5,
        )  # fmt: skip
        if policy in ("learned", "uniform"):
            low, high = found.intervals.mean.accuracy[policy].T
            axes.fill_between(found.budgets, low, high, color=look.colour, alpha=0.2, linewidth=0)
    budgets = np.asarray(found.budgets, dtype=np.float64).tolist()
    matplotlib_figure.log_axis(axes, budgets[0] / 1.05, budgets[-1] * 1.05, budgets)
    best = max(float(found.accuracy(policy).max()) for policy in SHOWN)
    matplotlib_figure.share_axis(axes, min(1.02, 1.15 * best + 0.02))
    matplotlib_figure.label(
        axes,
        "budget [tokens per query, logarithmic]",
        "accuracy [share right]",
        "Accuracy on recorded answers, mean of the models" if title is None else title,
    )
    matplotlib_figure.legend_below(
        figure, handles, columns=2, heading=f"bands: {found.intervals.level:.0%} intervals"
    )
    return matplotlib_figure.saved(figure, path)


def plot_calibration(
    calibration: Calibration,
    *,
    path: str | Path | BinaryIO | None = None,
    title: str | None = None,
    width: float = matplotlib_figure.FULL,
) -> Figure:
    """Draw the reliability of success, the place of correct lengths, and success within caps.

    Parameters
    ----------
    calibration
        What to draw.
    path
        Where to save it: a file whose ending gives the format, or an open binary file (PNG);
        ``None`` to draw only.
    title
        Headline; none by default.
    width
        Inches; the panels stand side by side where there is room, else one below the other.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    MissingExtraError
        If matplotlib is not installed.
    """
    from clear_opt.evaluation.calibration import BINS, within_table

    figure, (success, length, within) = matplotlib_figure.new_figure(width, 0.4, panels=3)
    filled = calibration.success.count > 0
    wanted = success.axline((0, 0), slope=1, color=HELP, linestyle="--", linewidth=1.2,
                            label="as it should be")  # fmt: skip
    success.plot(
        calibration.success.predicted[filled], calibration.success.observed[filled],
        color=BLUE, marker="o", markersize=4,
    )  # fmt: skip
    for axes in (success, length):
        axes.set_xlim(0, 1)
        axes.set_xticks([0, 0.5, 1])
        matplotlib_figure.per_cent(axes.xaxis)
    matplotlib_figure.share_axis(success)
    matplotlib_figure.label(success, "predicted success", "observed success", title or "")
    if calibration.lengths is not None:
        edges = np.arange(BINS) / BINS
        length.bar(edges, calibration.lengths.pit, width=0.95 / BINS, align="edge", color=BLUE)
        length.axhline(1 / BINS, color=HELP, linestyle="--", linewidth=1.2)
        matplotlib_figure.share_axis(
            length, 1.15 * max(float(calibration.lengths.pit.max()), 1.3 / BINS)
        )
    matplotlib_figure.label(length, "place in the predicted lengths", "share of correct lengths")
    rows = within_table(calibration)
    caps = [row["cap"] for row in rows]
    handles = []
    for name, colour, marker, line in (
        ("predicted", BLUE, "o", "-"),
        ("observed", VERMILLION, "x", "none"),
    ):
        handles += within.plot(
            caps, [row[name] for row in rows], color=colour, marker=marker, markersize=6,
            markerfacecolor="white", markeredgewidth=1.4, linestyle=line, label=name,
        )  # fmt: skip
    matplotlib_figure.log_axis(within, caps[0] / 1.1, caps[-1] * 1.1, caps)
    matplotlib_figure.share_axis(within)
    matplotlib_figure.label(within, "cap [tokens]", "right within the cap")
    matplotlib_figure.legend_below(figure, [*handles, wanted], columns=3)
    return matplotlib_figure.saved(figure, path)

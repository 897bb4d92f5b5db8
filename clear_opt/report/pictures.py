"""The report's main figures as PNG or PDF, for trackers and papers. Needs ``clear-opt[plots]``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from clear_opt.errors import MissingExtraError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from clear_opt.evaluation import Calibration, Evaluation

# Okabe and Ito's colours with a line style of their own each, told apart by colour-blind readers.
_LOOKS: dict[str, dict[str, Any]] = {
    "oracle": {"label": "oracle", "color": "#595959", "linestyle": ":", "marker": "D"},
    "learned": {"label": "learned", "color": "#0072b2", "linestyle": "-", "marker": "o"},
    "proportional": {"label": "proportional", "color": "#cc79a7", "linestyle": "-.", "marker": "s"},
    "uniform": {"label": "equal caps", "color": "#d55e00", "linestyle": "--", "marker": "^"},
}


def draw_accuracy(found: Evaluation, path: str | Path | BinaryIO | None = None) -> Figure:
    """Draw accuracy against tokens per query, averaged over the models, with interval bands.

    Parameters
    ----------
    found
        What to draw.
    path
        Where to save it: a file whose ending gives the format, or an open binary file (PNG);
        ``None`` to draw only.

    Raises
    ------
    MissingExtraError
        If matplotlib is not installed.
    """
    figure, (axes,) = _figure(1)
    for policy, look in _LOOKS.items():
        axes.plot(found.budgets, found.accuracy(policy), markersize=4.5, **look)
        if policy in ("learned", "uniform"):
            low, high = found.intervals.mean.accuracy[policy].T
            axes.fill_between(found.budgets, low, high, color=look["color"], alpha=0.2, linewidth=0)
    _logarithmic(axes, found.budgets, "tokens per query (logarithmic)")
    _shares(axes, "accuracy, mean of the models")
    axes.legend(loc="lower right")
    return _saved(figure, path)


def draw_calibration(found: Calibration, path: str | Path | BinaryIO | None = None) -> Figure:
    """Draw the reliability of success, the place of correct lengths, and success within caps.

    Parameters
    ----------
    found
        What to draw.
    path
        As for `draw_accuracy`.

    Raises
    ------
    MissingExtraError
        If matplotlib is not installed.
    """
    from clear_opt.evaluation.calibration import BINS, within_table

    figure, (success, length, within) = _figure(3)
    filled = found.success.count > 0
    success.axline((0, 0), slope=1, color="#8c8c8c", linestyle="--", linewidth=1)
    success.plot(found.success.predicted[filled], found.success.observed[filled], "o-",
                 color=_LOOKS["learned"]["color"])  # fmt: skip
    success.set(xlabel="predicted success", xlim=(0, 1))
    _shares(success, "observed success")
    if found.lengths is not None:
        edges = np.arange(BINS) / BINS
        length.bar(edges, found.lengths.pit, width=0.95 / BINS, align="edge",
                   color=_LOOKS["learned"]["color"])  # fmt: skip
        length.axhline(1 / BINS, color="#8c8c8c", linestyle="--", linewidth=1)
    length.set(xlabel="place in the predicted lengths", ylabel="share of correct lengths")
    rows = within_table(found)
    caps = np.array([row["cap"] for row in rows])
    for name, policy, look in (("predicted", "learned", "o-"), ("observed", "uniform", "x")):
        values = [row[name] for row in rows]
        within.plot(caps, values, look, color=_LOOKS[policy]["color"], label=name)
    _logarithmic(within, caps, "cap, tokens (logarithmic)")
    _shares(within, "right within the cap")
    within.legend(loc="lower right")
    return _saved(figure, path)


def _figure(panels: int) -> tuple[Figure, tuple[Axes, ...]]:
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError:
        raise MissingExtraError("matplotlib", "plots") from None
    width = 7.0 if panels == 1 else 4.2 * panels
    figure = Figure(figsize=(width, 4.2), dpi=130, layout="constrained")
    FigureCanvasAgg(figure)  # gives the figure a canvas, without any window
    axes = tuple(figure.add_subplot(1, panels, k + 1) for k in range(panels))
    for part in axes:
        part.grid(visible=True, color="#dddddd", linewidth=0.6)
        part.set_axisbelow(True)
        part.spines[["top", "right"]].set_visible(False)
    return figure, axes


def _logarithmic(axes: Axes, ticks: np.ndarray, label: str) -> None:
    from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

    axes.set_xscale("log")
    axes.xaxis.set_major_locator(FixedLocator(ticks.tolist()))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.set_xlabel(label)


def _shares(axes: Axes, label: str) -> None:
    from matplotlib.ticker import PercentFormatter

    axes.set_ylim(0, 1.02)
    axes.yaxis.set_major_formatter(PercentFormatter(xmax=1.0, decimals=0))
    axes.set_ylabel(label)


def _saved(figure: Figure, path: str | Path | BinaryIO | None) -> Figure:
    if path is not None:
        figure.savefig(path)
    return figure

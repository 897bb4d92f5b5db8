"""The experiment's pictures: accuracy, what is gained, who is abandoned, and noise."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks import paper_published as published
from benchmarks.paper_policies import KNOWN, NOISY, OURS, PAPER, SURGE, UNIFORM
from benchmarks.paper_tables import NAMES, TITLES
from clear_opt.datasets import STREAMS
from clear_opt.plots import matplotlib_figure
from clear_opt.plots.data.figure import Axis, percent_axis
from clear_opt.plots.styles import BLUE, GREEN, PolicyStyle, policy_style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_DPI = 95
BLACK = "#222222"
# The auction's line would lie on ours.
_DRAWN = ("oracle", "threshold_prefix", "proportional", "self_estimate", UNIFORM)
_STYLES = {
    OURS: PolicyStyle(NAMES[OURS], BLUE, BLUE, "-", "o"),
    PAPER: PolicyStyle(NAMES[PAPER], BLACK, BLACK, "-", "s"),
    SURGE: PolicyStyle(NAMES[SURGE], GREEN, GREEN, (0, (5, 2)), "D"),
    KNOWN: PolicyStyle(NAMES[KNOWN], GREEN, GREEN, (0, (5, 2)), "D"),
}


def draw_pictures(report: dict[str, Any], folder: Path) -> list[Path]:
    """Draw all pictures into a folder, and give their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    budgets, written = report["settings"]["budgets"], []
    for world, cells in report["worlds"].items():
        figures = {
            "accuracy": _accuracy(world, cells["streams"], budgets),
            "abandoned": _abandoned(world, cells["streams"], budgets),
            "noise": _noise(world, cells["noise"], report["settings"]),
        }
        for name, figure in figures.items():
            path = folder / f"paper-{world}-{name}.png"
            figure.savefig(path, dpi=_DPI)
            written.append(path)
    return written


def _style(name: str) -> PolicyStyle:
    return _STYLES.get(name) or policy_style(name)._replace(label=NAMES[name])


def _line(axes: Axes, x: Any, y: Any, name: str) -> Any:
    style, own = _style(name), name == OURS
    (line,) = axes.plot(
        x,
        y,
        label=style.label,
        color=style.colour,
        linestyle=style.line,
        linewidth=2.6 if own else 1.3,
        marker=style.marker,
        markersize=5 if own else 3.5,
        markerfacecolor=style.colour if own else "white",
        zorder=3 if own else 4,
    )
    return line


def _grid() -> tuple[Figure, list[Axes]]:
    """Give four panels, one for each stream, two by two."""
    figure, (whole,) = matplotlib_figure.new_figure(matplotlib_figure.FULL, aspect=0.85)
    whole.remove()
    panels = []
    for k, name in enumerate(STREAMS):
        axes = figure.add_subplot(2, 2, k + 1)
        axes.grid(visible=True, color="#dddddd", linewidth=0.6)
        axes.set_axisbelow(True)
        axes.spines[["top", "right"]].set_visible(False)
        axes.tick_params(labelsize=8)
        axes.set_title(name, loc="left", fontsize=9.5)
        panels.append(axes)
    return figure, panels


def _accuracy(world: str, streams: dict[str, Any], budgets: list[float]) -> Figure:
    figure, panels = _grid()
    handles: list[Any] = []
    for axes, (name, cells) in zip(panels, streams.items(), strict=True):
        found = cells["accuracy"]
        ours = found[OURS]
        axes.fill_between(budgets, ours["low"], ours["high"], color=BLUE, alpha=0.25, linewidth=0)
        handles = [_line(axes, budgets, found[p]["mean"], p) for p in (OURS, PAPER, *_DRAWN)]
        if world == "simulated":
            for values, colour, label in (
                (published.METHOD[name], "black", "paper's own figure: its method"),
                (published.UNIFORM[name], "#777777", "paper's own figure: equal caps"),
            ):
                handles += axes.plot(
                    published.BUDGETS, [v / 100 for v in values], "*", color=colour, label=label,
                    markersize=7, zorder=5,
                )  # fmt: skip
        top = max(max(found[p]["high"]) for p in (OURS, "oracle"))
        matplotlib_figure.set_axis(axes, "y", percent_axis("", 1.08 * top))
        axes.set_xlim(0, budgets[-1] * 1.03)
    _name_axes(panels, "accuracy")
    figure.suptitle(f"{TITLES[world]}: accuracy by budget", fontsize=10.5)
    matplotlib_figure.legend_below(figure, handles)
    return figure


def _abandoned(world: str, streams: dict[str, Any], budgets: list[float]) -> Figure:
    figure, panels = _grid()
    handles: list[Any] = []
    for axes, (name, cells) in zip(panels, streams.items(), strict=True):
        found = cells["abandoned"]
        handles = [_line(axes, budgets, found[p], p) for p in (OURS, SURGE, PAPER)]
        if world == "simulated":
            handles += axes.plot(
                [100, published.NONE_ABANDONED[name]],
                [published.ABANDONED[name] / 100, 0.0],
                "*", color="black", label="paper's own figure", markersize=8, zorder=5,
                clip_on=False,
            )  # fmt: skip
        matplotlib_figure.set_axis(axes, "y", percent_axis("", 1.0))
        axes.set_xlim(0, budgets[-1] * 1.03)
    _name_axes(panels, "abandoned")
    figure.suptitle(f"{TITLES[world]}: share of queries abandoned", fontsize=10.5)
    matplotlib_figure.legend_below(figure, handles)
    return figure


def _noise(world: str, noise: dict[str, Any], settings: dict[str, Any]) -> Figure:
    budgets = settings["noise_budgets"]
    figure, panels = matplotlib_figure.new_figure(
        matplotlib_figure.FULL, aspect=0.4, panels=len(budgets)
    )
    handles: list[Any] = []
    for k, (axes, budget) in enumerate(zip(panels, budgets, strict=True)):
        handles = []
        for name in NOISY:
            part = {end: [row[k] for row in noise[name][end]] for end in ("mean", "low", "high")}
            colour = _style(name).colour
            axes.fill_between(
                settings["noise"], part["low"], part["high"], color=colour, alpha=0.2, linewidth=0
            )
            handles.append(_line(axes, settings["noise"], part["mean"], name))
        axes.set_title(f"{budget:,} tokens per query", loc="left", fontsize=9)
        top = 1.15 * max(max(row) for row in noise[OURS]["high"])
        matplotlib_figure.set_axis(axes, "x", Axis(label="", unit="percent"))
        matplotlib_figure.set_axis(axes, "y", percent_axis("", top))
        axes.set_xlabel("noise on predicted length", fontsize=8.5)
    panels[0].set_ylabel("accuracy", fontsize=9)
    figure.suptitle(f"{TITLES[world]}, mean of the four streams", fontsize=10.5)
    matplotlib_figure.legend_below(figure, handles)
    return figure


def _name_axes(panels: list[Axes], y: str) -> None:
    for axes in panels[2:]:
        axes.set_xlabel("budget [tokens per query]", fontsize=9)
    for axes in panels[::2]:
        axes.set_ylabel(y, fontsize=9)

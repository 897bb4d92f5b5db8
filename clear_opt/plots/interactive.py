"""The figures for the screen, by plotly. Needs ``clear-opt[report]``.

Each function takes what its twin in `clear_opt.plots` takes, `FigureOptions` included, and returns
a plotly figure, which notebooks show and whose points say what they are. The twin documents
parameters and errors; a missing plotly raises `MissingExtraError`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Unpack

from clear_opt.curves import Curve
from clear_opt.plots import data
from clear_opt.plots.figure_options import FigureOptions
from clear_opt.plots.plotly_figure import draw
from clear_opt.problem import AllocationProblem
from clear_opt.problem.allocation import Allocation

if TYPE_CHECKING:
    import plotly.graph_objects as go

    from clear_opt.evaluation import Calibration, Evaluation, Frontier

__all__ = [
    "accuracy_figure",
    "actual_spend_figure",
    "calibration_figure",
    "curve_figure",
    "demand_figure",
    "frontier_figure",
    "funded_figure",
    "regret_figure",
]


def curve_figure(
    curves: Curve,
    row: int = 0,
    *,
    floor: Any = 0.0,
    ceiling: Any = None,
    weight: Any = 1.0,
    price: float | None = None,
    **options: Unpack[FigureOptions],
) -> go.Figure:
    """Draw one query's curve and its concave envelope; see `clear_opt.plots.plot_curve`."""
    prepared = data.curve_data(
        curves, row, floor=floor, ceiling=ceiling, weight=weight, price=price
    )
    return draw(prepared, **options)


def demand_figure(
    problem: AllocationProblem,
    *,
    allocation: Allocation | None = None,
    **options: Unpack[FigureOptions],
) -> go.Figure:
    """Draw demand against the price; jumps say who leaves. See `clear_opt.plots.plot_demand`."""
    return draw(data.demand_data(problem, allocation=allocation), **options)


def funded_figure(
    problem: AllocationProblem, allocation: Allocation, **options: Unpack[FigureOptions]
) -> go.Figure:
    """Draw each query; its point says cap and reason. See `clear_opt.plots.plot_funded`."""
    return draw(data.funded_data(problem, allocation), **options)


def frontier_figure(frontier: Frontier, **options: Unpack[FigureOptions]) -> go.Figure:
    """Draw expected accuracy against tokens per query; see `clear_opt.plots.plot_frontier`."""
    return draw(data.frontier_data(frontier), **options)


def accuracy_figure(
    evaluation: Evaluation, *, model: str | None = None, **options: Unpack[FigureOptions]
) -> go.Figure:
    """Draw accuracy on recorded answers; see `clear_opt.plots.plot_accuracy`."""
    return draw(data.accuracy_data(evaluation, model=model), **options)


def actual_spend_figure(
    evaluation: Evaluation, *, model: str | None = None, **options: Unpack[FigureOptions]
) -> go.Figure:
    """Draw accuracy against actual spend; see `clear_opt.plots.plot_actual_spend`."""
    return draw(data.actual_spend_data(evaluation, model=model), **options)


def regret_figure(
    evaluation: Evaluation, *, model: str | None = None, **options: Unpack[FigureOptions]
) -> go.Figure:
    """Draw what is reached and what is lost; see `clear_opt.plots.plot_regret`."""
    return draw(data.regret_data(evaluation, model=model), **options)


def calibration_figure(
    calibration: Calibration, *, panel: str | None = None, **options: Unpack[FigureOptions]
) -> go.Figure:
    """Draw whether predictions mean what they say; see `clear_opt.plots.plot_calibration`."""
    return draw(data.calibration_data(calibration, panel=panel), **options)

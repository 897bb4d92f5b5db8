"""The figures for paper. Each prepares its data and has matplotlib draw it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Unpack

from clear_opt.curves import Curve
from clear_opt.plots import data
from clear_opt.plots.figure_options import FigureOptions
from clear_opt.plots.matplotlib_figure import draw
from clear_opt.problem import AllocationProblem
from clear_opt.problem.allocation import Allocation

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from clear_opt.evaluation import Calibration, Evaluation, Frontier


def plot_curve(
    curves: Curve,
    row: int = 0,
    *,
    floor: Any = 0.0,
    ceiling: Any = None,
    weight: Any = 1.0,
    price: float | None = None,
    **options: Unpack[FigureOptions],
) -> Figure:
    """Draw one query's curve, its concave envelope, and where the two touch.

    The slope of the envelope's chord is the query's abandonment price: at a higher price no cap
    pays.

    Parameters
    ----------
    curves : Curve
        One curve per query, n queries.
    row : int
        Which query, from 0.
    floor, ceiling, weight : float or array, shape (n,)
        As for `AllocationProblem`.
    price : float or None
        Success per token, >= 0: draws the best cap at this price, and its surplus.
    **options : FigureOptions
        ``title``, ``path`` and ``width``.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    InvalidInputError
        If there is no such row, or the price is negative.
    MissingExtraError
        If matplotlib is not installed.
    """
    prepared = data.curve_data(
        curves, row, floor=floor, ceiling=ceiling, weight=weight, price=price
    )
    return draw(prepared, **options)


def plot_demand(
    problem: AllocationProblem,
    *,
    allocation: Allocation | None = None,
    **options: Unpack[FigureOptions],
) -> Figure:
    """Draw the demand of all queries against the price, and the price that clears.

    Demand falls smoothly between two abandonment prices and jumps down at each. A budget that
    falls into a jump is met by all of the query or by none of it.

    Parameters
    ----------
    problem : AllocationProblem
        Curves, budget, floors, ceilings and weights.
    allocation : Allocation or None
        Its solution; solved for here by default.
    **options : FigureOptions
        ``title``, ``path`` and ``width``.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    InvalidInputError
        If there are no queries, or none that a token could help.
    InfeasibleError
        If the floors exceed the budget.
    MissingExtraError
        If matplotlib is not installed.
    """
    return draw(data.demand_data(problem, allocation=allocation), **options)


def plot_funded(
    problem: AllocationProblem, allocation: Allocation, **options: Unpack[FigureOptions]
) -> Figure:
    """Draw each query as a point, by its threshold and its height: funded or abandoned.

    Parameters
    ----------
    problem : AllocationProblem
        What was solved.
    allocation : Allocation
        Its solution.
    **options : FigureOptions
        ``title``, ``path`` and ``width``.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    InvalidInputError
        If problem and allocation are not of the same queries.
    MissingExtraError
        If matplotlib is not installed.
    """
    return draw(data.funded_data(problem, allocation), **options)


def plot_frontier(frontier: Frontier, **options: Unpack[FigureOptions]) -> Figure:
    """Draw expected accuracy against tokens per query, for each policy and the dual bound.

    Parameters
    ----------
    frontier : Frontier
        What to draw.
    **options : FigureOptions
        ``title``, ``path`` and ``width``.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    MissingExtraError
        If matplotlib is not installed.
    """
    return draw(data.frontier_data(frontier), **options)


def plot_accuracy(
    evaluation: Evaluation, *, model: str | None = None, **options: Unpack[FigureOptions]
) -> Figure:
    """Draw accuracy on recorded answers against tokens per query, with interval bands.

    Parameters
    ----------
    evaluation : Evaluation
        What to draw.
    model : str or None
        Which model; the mean of the models by default.
    **options : FigureOptions
        ``title``, ``path`` and ``width``.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    InvalidInputError
        If the model was not evaluated.
    MissingExtraError
        If matplotlib is not installed.
    """
    return draw(data.accuracy_data(evaluation, model=model), **options)


def plot_actual_spend(
    evaluation: Evaluation, *, model: str | None = None, **options: Unpack[FigureOptions]
) -> Figure:
    """Draw accuracy against the tokens that the answers really took, a point for each budget.

    Parameters, result and errors are those of `plot_accuracy`.
    """
    return draw(data.actual_spend_data(evaluation, model=model), **options)


def plot_regret(
    evaluation: Evaluation, *, model: str | None = None, **options: Unpack[FigureOptions]
) -> Figure:
    """Draw the oracle's accuracy as bars: what is reached, and what is lost to which error.

    Parameters, result and errors are those of `plot_accuracy`.
    """
    return draw(data.regret_data(evaluation, model=model), **options)


def plot_calibration(
    calibration: Calibration, *, panel: str | None = None, **options: Unpack[FigureOptions]
) -> Figure:
    """Draw the reliability of success, the place of correct lengths, and success within caps.

    Parameters
    ----------
    calibration : Calibration
        What to draw.
    panel : {"success", "length", "within", "coverage"} or None
        Which panel alone; by default the first three together. Coverage is the share of correct
        lengths in their predicted intervals.
    **options : FigureOptions
        ``title``, ``path`` and ``width``.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    InvalidInputError
        If there is no such panel.
    MissingExtraError
        If matplotlib is not installed.
    """
    return draw(data.calibration_data(calibration, panel=panel), **options)

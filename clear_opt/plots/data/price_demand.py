"""Demand for tokens against their price, piece by piece, and where it meets the budget."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from clear_opt._numerics.formatting import format_amount
from clear_opt.errors import InvalidInputError
from clear_opt.plots.data.figure import Axis, FigureData, Panel, Series, log_axis
from clear_opt.plots.labels import answer_label, price_label
from clear_opt.plots.styles import BLUE, DARK_GREY, VERMILLION, Style
from clear_opt.problem import AllocationProblem
from clear_opt.problem.allocation import Allocation
from clear_opt.solvers.budget.dual import DualSolver

_JUMPS = 300  # most jumps drawn one by one; more look like a smooth curve
_WORK = 40_000_000  # queries x prices evaluated for one figure: a few seconds
_NAMED = 4  # queries named at one jump


def demand_data(problem: AllocationProblem, *, allocation: Allocation | None = None) -> FigureData:
    """Prepare the figure of demand; see `clear_opt.plots.plot_demand`."""
    if len(problem) == 0 or problem.envelope.max_breakeven_price <= 0:
        raise InvalidInputError(
            "demand is nothing at every price",
            remedy="give at least one query that gains from tokens",
        )
    if allocation is None:
        allocation = DualSolver().solve(problem)
    clearing, budget = float(allocation.price), float(problem.budget)
    bounds, one_by_one, between = _pieces(problem, clearing)
    price, tokens = _along(problem, bounds, between)
    low, high = bounds[0], bounds[-1]
    series = [
        Series(x=price, y=tokens, label="demand", style=Style(BLUE, width=2),
               hover="at %{x:.3g} per token: %{y:,.0f} tokens"),
    ]  # fmt: skip
    if one_by_one:
        series.append(_jumps(problem, allocation, bounds[1:-1]))
    series.append(
        Series(x=np.array([low, high]), y=np.full(2, budget),
               label=f"budget, {format_amount(budget)} tokens",
               style=Style(DARK_GREY, "--", width=1.4))
    )  # fmt: skip
    if low <= clearing < np.inf:
        label = f"clearing price, {clearing:.3g} per token"
        series += [
            Series(x=np.full(2, clearing), y=np.array([0.0, budget]), label="price", legend=False,
                   style=Style(VERMILLION, "-.", width=1.2)),
            Series(x=np.array([clearing]), y=np.array([budget]), label=label, hover=label,
                   style=Style(VERMILLION, "-.", "o", width=1.2, size=7, hollow=True, edge=1.8)),
        ]  # fmt: skip
    weighted = bool((problem.weight != 1).any())
    top = 1.06 * max(budget, float(np.nanmax(tokens)))
    panel = Panel(
        x=log_axis("price", f"{'weighted ' * weighted}right answers per token", low, high),
        # The line at zero keeps its whole width.
        y=Axis(label="demand [tokens]", limits=(-0.015 * top, top), unit="tokens"),
        series=series,
    )
    return FigureData(
        title="Demand for tokens at each price",
        note=price_label(clearing, weighted=weighted),
        panels=[panel],
    )


def _pieces(problem: AllocationProblem, clearing: float) -> tuple[list[float], bool, int]:
    """Choose the pieces' bounds, whether each ends in a jump, and how many points lie between."""
    envelope = problem.envelope
    edges = np.unique(np.asarray(envelope.breakpoints))
    edges = edges[edges > 0]
    low = float(np.quantile(edges, 0.05)) / 2
    low = max(min(low, clearing / 2 if clearing > 0 else low), 1e-6 * envelope.max_breakeven_price)
    edges = edges[edges > low]
    one_by_one = len(edges) <= _JUMPS
    calls = max(60, min(1500, _WORK // len(problem)))
    if not one_by_one or len(edges) * 4 > calls:
        kept = np.linspace(0, len(edges) - 1, min(len(edges), calls // 4))
        edges, one_by_one = edges[kept.astype(int)], False
    bounds = [low, *edges.tolist(), 1.4 * envelope.max_breakeven_price]
    return bounds, one_by_one, max(2, calls // len(edges) - 2)


def _demand(problem: AllocationProblem, price: float, *, inclusive: bool) -> float:
    return float(np.asarray(problem.envelope.response(price, inclusive=inclusive)).sum())


def _along(
    problem: AllocationProblem, bounds: list[float], between: int
) -> tuple[np.ndarray, np.ndarray]:
    """Compute prices, ascending, and the demand at each; NaN between two pieces."""
    prices: list[float] = []
    tokens: list[float] = []
    for left, right in pairwise(bounds):
        inner = np.geomspace(left, right, between + 2)[1:-1].tolist()
        prices += [left, *inner, right, np.nan]
        tokens += [
            _demand(problem, left, inclusive=False),
            *(_demand(problem, price, inclusive=True) for price in (*inner, right)),
            np.nan,
        ]
    return np.array(prices[:-1]), np.array(tokens[:-1])


def _jumps(problem: AllocationProblem, allocation: Allocation, prices: list[float]) -> Series:
    """Return all jumps as one line with gaps: hundreds of lines would be slow to draw."""
    ends = [
        [_demand(problem, price, inclusive=inclusive) for inclusive in (True, False)]
        for price in prices
    ]
    leaving = [_leaving(problem, allocation, price) for price in prices]
    return Series(
        x=np.array([[price, price, np.nan] for price in prices]).ravel(),
        y=np.array([[*pair, np.nan] for pair in ends]).ravel(),
        label="jump at a query's abandonment price",
        style=Style(BLUE, ":", width=1.1),
        text=[part for text in leaving for part in (text, text, "")],
        hover="%{text}<br>at %{x:.3g} per token",
    )


def _leaving(problem: AllocationProblem, allocation: Allocation, price: float) -> str:
    rows = np.flatnonzero(np.asarray(problem.envelope.abandonment_price) == price)
    if len(rows) == 0:
        return "a corner of a query's hull"
    if len(rows) == 1:
        return f"query {rows[0]}\n{answer_label(allocation, int(rows[0]))}"
    more = ", …" if len(rows) > _NAMED else ""
    return f"queries {', '.join(str(row) for row in rows[:_NAMED])}{more}"

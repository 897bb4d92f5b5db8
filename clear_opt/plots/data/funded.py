"""Which queries are funded and which are abandoned, by threshold and height."""

from __future__ import annotations

import numpy as np

from clear_opt import defaults
from clear_opt.errors import InvalidInputError
from clear_opt.plots.data.figure import Axis, FigureData, Panel, Series, log_axis, percent_axis
from clear_opt.plots.labels import answer_label, price_label
from clear_opt.plots.styles import BLUE, DARK_GREY, VERMILLION, Style
from clear_opt.problem import AllocationProblem
from clear_opt.problem.allocation import Allocation

_FULL_SIZE = 600  # queries; the points of more are smaller


def funded_data(problem: AllocationProblem, allocation: Allocation) -> FigureData:
    """Prepare the figure of funded queries; see `clear_opt.plots.plot_funded`."""
    if len(problem) != len(allocation):
        raise InvalidInputError(
            f"the problem has {len(problem)} queries and the allocation {len(allocation)}",
            column="allocation",
            remedy="give the problem that was solved",
        )
    curves, funded = problem.curves, np.asarray(allocation.funded)
    threshold = np.asarray(curves.threshold)
    peak = np.minimum(curves.peak, float(defaults.MOST_TOKENS))
    height = np.asarray(curves.value(peak))
    size = min(1.0, (_FULL_SIZE / max(len(problem), 1)) ** 0.5)
    series = [
        Series(
            x=threshold[mask],
            y=height[mask],
            label=f"{label}, {int(mask.sum()):,} queries",
            style=Style(colour, "", marker, size=2 + 4 * size, edge=0.5 + 0.7 * size, hollow=True),
            text=[answer_label(allocation, row) for row in np.flatnonzero(mask).tolist()],
            extra=np.flatnonzero(mask),
            hover="query %{customdata}, threshold %{x:,.0f} tokens, height %{y:.1%}<br>%{text}",
        )
        for mask, colour, marker, label in (
            (funded, BLUE, "o", "funded"),
            (~funded, VERMILLION, "x", "abandoned"),
        )
    ]
    top = min(1.02, 1.1 * float(height.max(initial=0.01)))
    positive = threshold[threshold > 0]
    if _line_holds(problem, allocation) and len(positive):
        low, high = float(positive.min()), float(positive.max())
        reach = np.geomspace(low, max(low, min(high, top / allocation.price)), 200)
        series.append(
            Series(
                x=reach, y=allocation.price * reach,
                label="height = price times threshold: below it nothing can pay",
                style=Style(DARK_GREY, "--", width=1.2),
            )
        )  # fmt: skip
    x = Axis(label="emergence threshold [tokens]", unit="tokens",
             scale="symlog" if len(positive) else "linear")  # fmt: skip
    if 0 < len(positive) == len(threshold):
        x = log_axis("emergence threshold", "tokens", positive.min() / 1.1, positive.max() * 1.1)
    return FigureData(
        title="Who is funded",
        note=price_label(allocation.price, weighted=bool((problem.weight != 1).any())),
        panels=[Panel(x=x, y=percent_axis("height [greatest chance]", top), series=series)],
    )


def _line_holds(problem: AllocationProblem, allocation: Allocation) -> bool:
    """Say whether no query below height = price * threshold can pay.

    It holds where nothing is gained up to the threshold: the chord is then no steeper than
    height / threshold. With weights or floors the line would differ by query.
    """
    curves = problem.curves
    nothing_before = not np.asarray(curves.value(curves.threshold)).any()
    plain = not problem.floor.any() and bool((problem.weight == 1).all())
    return nothing_before and plain and 0 < allocation.price < np.inf

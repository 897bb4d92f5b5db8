"""Pictures for the screen: the same numbers as on paper, and what the pointer says."""

import json
import sys

import numpy as np
import pytest

from clear_opt import (
    AllocationProblem,
    InvalidInputError,
    MissingExtraError,
    ShiftedSurge,
    TabularCurve,
    solve,
)
from clear_opt.evaluation import frontier
from clear_opt.plots import plot_curve, plot_demand
from clear_opt.plots.interactive import (
    curve_figure,
    demand_figure,
    frontier_figure,
    funded_figure,
)

CURVES = ShiftedSurge.from_height(
    tau=[20, 80, 150, 300], height=[0.9, 0.4, 0.7, 0.2], width=[30, 40, 60, 200]
)
PROBLEM = AllocationProblem(CURVES, 450)


def traces(figure):
    json.loads(figure.to_json())
    return {str(trace.name).split(",")[0].split(":")[0]: trace for trace in figure.data}


def paper(figure, label):
    (line,) = [line for line in figure.axes[0].get_lines() if line.get_label() == label]
    return line.get_xdata(), line.get_ydata()


def test_a_curve_has_the_numbers_of_the_printed_one():
    found = traces(curve_figure(CURVES, 2, price=0.002, floor=10, ceiling=400, weight=2))
    printed = plot_curve(CURVES, 2, price=0.002, floor=10, ceiling=400, weight=2)
    for name in ("curve", "concave envelope"):
        x, y = paper(printed, name)
        np.testing.assert_array_equal(found[name].x, x)
        np.testing.assert_array_equal(found[name].y, y)
    assert "query 2, cap" in found["curve"].hovertemplate
    assert "best cap" in found
    assert "abandonment price" in found["tangent point"].name


def test_a_query_that_does_not_pay_says_so():
    assert "abandoned" in traces(curve_figure(CURVES, 3, price=0.002))


def test_demand_has_the_numbers_of_the_printed_one_and_names_who_leaves():
    best = solve(PROBLEM)
    found = traces(demand_figure(PROBLEM, allocation=best))
    x, y = paper(plot_demand(PROBLEM), "demand")
    np.testing.assert_array_equal(found["demand"].x, x)
    np.testing.assert_array_equal(found["demand"].y, y)
    jump = found["jump at a query's abandonment price"]
    order = np.argsort(best.abandonment_price)
    for place, row in enumerate(order):
        said = jump.text[3 * place].replace("<br>", " ")
        assert said.startswith(f"query {row} cap {best.tokens[row]:.3g} tokens")
        assert said.endswith(best.reasons[row])
    assert found["clearing price"].x[0] == best.price


def test_queries_that_leave_together_are_named_together():
    twins = ShiftedSurge.from_height([100] * 6, 0.5, 40)
    jump = traces(demand_figure(AllocationProblem(twins, 300)))[
        "jump at a query's abandonment price"
    ]
    assert jump.text[0] == "queries 0, 1, 2, 3, …"
    tabular = TabularCurve([128, 256, 512, 1024], [[0.03, 0.28, 0.87, 0.97]])
    said = traces(demand_figure(AllocationProblem(tabular, 700)))
    assert "a corner of a query's hull" in said["jump at a query's abandonment price"].text


def test_a_frontier_has_every_policy_and_its_bound():
    made = frontier(CURVES, [25, 50, 100, 200])
    found = traces(frontier_figure(made))
    assert sum(trace.showlegend for trace in found.values()) == len(made.accuracy) + 1
    np.testing.assert_array_equal(found["CLEAR (shadow price)"].y, made.accuracy["clear"])
    np.testing.assert_array_equal(found["dual bound"].y, made.bound)
    np.testing.assert_array_equal(found["CLEAR (shadow price)"].customdata, made.price)
    lines = [trace for trace in found.values() if trace.fill is None]
    assert len(lines) == len(made.accuracy) + 1
    looks = {(trace.line.dash, trace.marker.symbol) for trace in lines}
    assert len(looks) == len(lines)  # told apart without colour
    assert traces(frontier_figure(frontier(CURVES, [100])))


def test_each_query_says_its_cap_and_its_reason():
    best = solve(PROBLEM)
    figure = funded_figure(PROBLEM, best, title="Mine")
    found = traces(figure)
    assert figure.layout.title.text == "Mine"
    assert "one more right answer costs" in figure.layout.title.subtitle.text.replace("<br>", " ")
    for name, mask in (("funded", best.funded), ("abandoned", ~best.funded)):
        rows = np.flatnonzero(mask)
        np.testing.assert_array_equal(found[name].customdata, rows)
        np.testing.assert_array_equal(found[name].x, CURVES.tau[mask])
        for row, text in zip(rows, found[name].text, strict=True):
            assert text.replace("<br>", " ").endswith(best.reasons[row])
            assert text.startswith(f"cap {best.tokens[row]:.3g} tokens")
    assert found["funded"].marker.symbol != found["abandoned"].marker.symbol


def test_thresholds_of_zero_need_no_logarithm():
    curves = ShiftedSurge.from_height([0, 80], 0.5, [50, 40])
    problem = AllocationProblem(curves, 60, weight=[1, 2])
    assert funded_figure(problem, solve(problem)).layout.xaxis.type is None


def test_lines_fit_on_a_phone():
    for figure in (
        curve_figure(CURVES, 2, price=0.002),
        demand_figure(PROBLEM),
        funded_figure(PROBLEM, solve(PROBLEM)),
    ):
        texts = [trace.name for trace in figure.data] + [figure.layout.title.subtitle.text or ""]
        assert all(len(line) <= 60 for text in texts for line in text.split("<br>"))
        assert figure.layout.width is None


def test_wrong_input_and_a_missing_plotly_are_named(monkeypatch):
    with pytest.raises(InvalidInputError, match="row"):
        curve_figure(CURVES, 9)
    monkeypatch.setitem(sys.modules, "plotly.graph_objects", None)
    with pytest.raises(MissingExtraError, match=r"clear-opt\[report\]"):
        curve_figure(CURVES)

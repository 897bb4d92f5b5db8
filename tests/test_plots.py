"""Frontiers and their picture."""

import io
import sys

import numpy as np
import pytest

from clear_opt import InfeasibleError, InvalidInputError, MissingExtraError, ShiftedSurge
from clear_opt.evaluation.frontier import Frontier, frontier
from clear_opt.plots import plot_frontier

CURVES = ShiftedSurge.from_height(
    tau=[20, 80, 150, 300], height=[0.9, 0.4, 0.7, 0.2], width=[30, 40, 60, 200]
)


@pytest.fixture(scope="module")
def found():
    return frontier(CURVES, [400, 25, 50, 100, 200])


def test_a_frontier_has_every_policy_under_its_bound(found):
    assert found.tokens_per_query.tolist() == [25, 50, 100, 200, 400]
    assert list(found.accuracy) == [
        "uniform", "proportional", "threshold_prefix", "auction", "clear"
    ]  # fmt: skip
    for values in found.accuracy.values():
        assert (values <= found.accuracy["clear"] + 1e-12).all()
        assert (np.diff(values) >= -1e-12).all()
    assert (found.accuracy["clear"] <= found.bound + 1e-12).all()
    assert (np.diff(found.price) <= 1e-12).all()
    assert repr(found).count("\n") == 0


def test_a_frontier_against_the_definition(found):
    # Uniform caps of 100 tokens: y h e^(1 - y) with y = (100 - tau) / width, at most 1.
    by_hand = 0.9 + 0.4 * 0.5 * np.exp(0.5) + 0 + 0
    assert found.accuracy["uniform"][2] == pytest.approx(by_hand / 4)
    # 800 tokens pay for three peaks and the tail of the fourth; 1,600 for all.
    assert found.accuracy["clear"][-1] == pytest.approx((0.9 + 0.4 + 0.7 + 0.2) / 4)
    assert found.price[-1] == 0


def test_weights_floors_and_ceilings_reach_the_problem():
    weighted = frontier(CURVES, [400], weight=[3, 1, 1, 1], policies={})
    assert weighted.accuracy["clear"][0] == pytest.approx((2.7 + 0.4 + 0.7 + 0.2) / 6)
    capped = frontier(CURVES, [400], ceiling=50, policies={})
    assert capped.accuracy["clear"][0] == pytest.approx(0.9 / 4)
    with pytest.raises(InfeasibleError):
        frontier(CURVES, [10], floor=11)


def test_frontiers_of_nothing_are_refused():
    with pytest.raises(InvalidInputError, match="0 budgets"):
        frontier(CURVES, [])
    with pytest.raises(InvalidInputError, match="0 queries"):
        frontier(CURVES.take(slice(0, 0)), [100])


def test_the_picture_shows_every_policy_with_units(found, tmp_path):
    path = tmp_path / "frontier.png"
    figure = plot_frontier(found, path)
    assert path.read_bytes().startswith(b"\x89PNG")
    (axes,) = figure.axes
    assert "tokens per query" in axes.get_xlabel()
    assert "accuracy" in axes.get_ylabel()
    labels = [text.get_text() for text in figure.legends[0].get_texts()]
    assert len(labels) == len(set(labels)) == len(found.accuracy) + 1  # the dual bound
    drawn = {line.get_label(): line for line in axes.get_lines()}
    np.testing.assert_array_equal(
        drawn["CLEAR (shadow price)"].get_ydata(), found.accuracy["clear"]
    )
    np.testing.assert_array_equal(drawn["equal caps"].get_xdata(), found.tokens_per_query)
    looks = {(line.get_linestyle(), line.get_marker()) for line in drawn.values()}
    assert len(looks) == len(drawn)  # told apart without colour


def test_no_global_state_is_touched(found):
    loaded = "matplotlib.pyplot" in sys.modules
    plot_frontier(found)
    assert ("matplotlib.pyplot" in sys.modules) == loaded


def test_into_an_open_file_and_with_a_title(found):
    file = io.BytesIO()
    figure = plot_frontier(found, file, title="Twelve budgets")
    assert file.getvalue().startswith(b"\x89PNG")
    assert figure.axes[0].get_title(loc="left") == "Twelve budgets"


def test_a_single_budget_and_an_unknown_policy_can_be_drawn(tmp_path):
    single = Frontier(
        tokens_per_query=np.array([0.0]),
        accuracy={"mine": np.array([0.0]), "clear": np.array([0.0])},
        bound=np.array([0.0]),
        price=np.array([0.1]),
    )
    figure = plot_frontier(single, tmp_path / "single.svg")
    assert "mine" in [text.get_text() for text in figure.legends[0].get_texts()]


def test_without_matplotlib_the_extra_is_named(found, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(MissingExtraError, match=r"clear-opt\[plots\]"):
        plot_frontier(found)

"""Frontiers and pictures: what is drawn is what was computed, and nothing hides anything."""

import io
import re
import sys
from itertools import pairwise

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from benchmarks import pictures
from clear_opt import (
    AllocationProblem,
    Hill,
    InfeasibleError,
    InvalidInputError,
    Logistic,
    MissingExtraError,
    ShiftedSurge,
    TabularCurve,
    double_precision,
    solve,
)
from clear_opt.evaluation import Frontier, frontier
from clear_opt.evaluation.calibration import Calibration, LengthCalibration, reliability
from clear_opt.plots import (
    plot_calibration,
    plot_curve,
    plot_demand,
    plot_frontier,
    plot_funded,
)
from clear_opt.plots.styles import POLICY_STYLES

CURVES = ShiftedSurge.from_height(
    tau=[20, 80, 150, 300], height=[0.9, 0.4, 0.7, 0.2], width=[30, 40, 60, 200]
)

PROBLEM = AllocationProblem(CURVES, 450)
TABULAR = TabularCurve([128, 256, 512, 1024], [[0.03, 0.28, 0.87, 0.97], [0, 0.1, 0.15, 0.16]])


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
    figure = plot_frontier(found, path=path)
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
    figure = plot_frontier(found, path=file, title="Twelve budgets")
    assert file.getvalue().startswith(b"\x89PNG")
    assert figure.axes[0].get_title(loc="left") == "Twelve budgets"


def test_a_single_budget_and_an_unknown_policy_can_be_drawn(tmp_path):
    single = Frontier(
        tokens_per_query=np.array([0.0]),
        accuracy={"mine": np.array([0.0]), "clear": np.array([0.0])},
        bound=np.array([0.0]),
        price=np.array([0.1]),
    )
    figure = plot_frontier(single, path=tmp_path / "single.svg")
    assert "mine" in [text.get_text() for text in figure.legends[0].get_texts()]


def test_without_matplotlib_the_extra_is_named(found, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(MissingExtraError, match=r"clear-opt\[plots\]"):
        plot_frontier(found)


def drawn(figure):
    """Give the lines of a figure's only axes by their label, up to its first comma or colon."""
    (axes,) = figure.axes
    return {str(line.get_label()).split(",")[0].split(":")[0]: line for line in axes.get_lines()}


def xy(line):
    return np.asarray(line.get_xdata(), float), np.asarray(line.get_ydata(), float)


def surge(tokens, tau, height, width):
    y = np.clip((tokens - tau) / width, 0, 1)
    return height * y * np.exp(1 - y)


def best_by_hand(price, floor=0, ceiling=2000):
    """Give best cap and surplus of the third query by trying every hundredth of a token."""
    caps = np.arange(floor, ceiling, 0.01)
    gain = surge(caps, 150, 0.7, 60) - price * (caps - floor)
    return caps[gain.argmax()], gain.max()


def test_a_curve_is_drawn_as_it_is_and_touched_by_its_envelope():
    lines = drawn(plot_curve(CURVES, 2))
    tokens, value = xy(lines["curve"])
    np.testing.assert_allclose(value, surge(tokens, 150, 0.7, 60), atol=1e-12)
    assert 150 in tokens  # the kink is no corner cut off
    assert tokens[-1] > 210  # the peak is in the picture
    x = 2 * 150 * 60 / (150 + np.sqrt(150**2 + 4 * 150 * 60))  # the mathematics, tangent point
    touch, height = (part[0] for part in xy(lines["tangent point"]))
    assert touch == pytest.approx(150 + x)
    assert height == pytest.approx(surge(touch, 150, 0.7, 60))
    _, envelope = xy(lines["concave envelope"])
    assert (envelope >= value - 1e-12).all()
    slope = (value[1:] / tokens[1:]).max()
    np.testing.assert_allclose(envelope[tokens <= touch], slope * tokens[tokens <= touch])
    np.testing.assert_allclose(envelope[tokens > 210], 0.7)
    words = lines["tangent point"].get_label()
    assert f"abandonment price {slope:.3g} per token" in words
    assert f"{touch:.0f} tokens" in words


def test_a_price_shows_the_best_cap_and_its_surplus():
    cap, surplus = best_by_hand(0.002)
    lines = drawn(plot_curve(CURVES, 2, price=0.002))
    at, worth = (part[0] for part in xy(lines["best cap"]))
    assert at == pytest.approx(cap, abs=0.01)
    assert lines["best cap"].get_label().endswith(f"{surplus:.3g}")
    _, bar = xy(lines["_surplus"])
    assert bar[1] - bar[0] == pytest.approx(surplus, abs=1e-6)
    cost_at, cost = xy(lines["what tokens cost at the price of 0.002 per token"])
    np.testing.assert_allclose(cost, 0.002 * cost_at)
    assert worth == pytest.approx(surplus + 0.002 * cap, abs=1e-4)


def test_a_price_above_the_abandonment_price_is_told():
    lines = drawn(plot_curve(CURVES, 2, price=0.005))
    assert "_surplus" not in lines
    caps = np.arange(151, 250, 0.01)
    short = -(surge(caps, 150, 0.7, 60) - 0.005 * caps).max()
    # The least cap of a funded query is its tangent point: a bit worse than the best at a loss.
    told = float(lines["abandoned"].get_label().split()[-2])
    assert short <= told < short + 0.05


def test_floor_ceiling_and_weight_reach_the_curve():
    figure = plot_curve(CURVES, -2, floor=[0, 0, 60, 0], ceiling=180, weight=2.0, price=0.001)
    (axes,) = figure.axes
    lines = drawn(figure)
    tokens, envelope = xy(lines["concave envelope"])
    assert np.isnan(envelope[tokens < 60]).all()
    np.testing.assert_allclose(envelope[tokens >= 180], 2 * surge(180, 150, 0.7, 60))
    assert xy(lines["best cap"])[0][0] == 180
    surplus = 2 * surge(180, 150, 0.7, 60) - 0.001 * (180 - 60)  # nothing is gained at the floor
    _, bar = xy(lines["_surplus"])
    assert bar[1] - bar[0] == pytest.approx(surplus)
    assert "weighted" in axes.get_ylabel()
    assert "outside floor and ceiling" in [t.get_text() for t in figure.legends[0].get_texts()]


@pytest.mark.parametrize(
    ("curves", "peak"),
    [
        (Hill(half=200.0, shape=3.0, height=0.8), 0.8),
        (Logistic(midpoint=200.0, scale=40.0, height=0.8), 0.8),
        (TABULAR, 0.97),
    ],
    ids=["hill", "logistic", "tabular"],
)
def test_other_families_are_shown_until_they_are_flat(curves, peak):
    tokens, value = xy(drawn(plot_curve(curves, price=0.001))["curve"])
    assert 0.95 * peak < value[-1] <= peak
    assert np.searchsorted(value, 0.9 * peak) > 0.15 * len(tokens)  # not all in the first corner
    if isinstance(curves, TabularCurve):
        assert {128, 256, 512, 1024} <= set(tokens)


def test_curves_of_jax_arrays_are_drawn_the_same():
    with double_precision():
        traced = jax.tree_util.tree_map(jnp.asarray, CURVES)
    for name in ("curve", "concave envelope", "best cap"):
        one = drawn(plot_curve(traced, 2, price=0.002))[name]
        np.testing.assert_allclose(xy(one), xy(drawn(plot_curve(CURVES, 2, price=0.002))[name]))


def test_a_query_without_hope_is_drawn_too():
    lines = drawn(plot_curve(CURVES, 3, ceiling=250, price=0.001))
    assert "tangent point" not in lines
    assert "abandoned" in lines


def test_what_cannot_be_drawn_is_named():
    with pytest.raises(InvalidInputError, match="row = 4: there are 4 queries"):
        plot_curve(CURVES, 4)
    with pytest.raises(InvalidInputError, match="price"):
        plot_curve(CURVES, price=-1)
    with pytest.raises(InvalidInputError, match="floor"):
        plot_curve(CURVES, floor=[0, 0, -1, 0])
    with pytest.raises(InvalidInputError, match="4 queries and the allocation 3"):
        plot_funded(PROBLEM, solve(AllocationProblem(CURVES.take(slice(0, 3)), 450)))
    with pytest.raises(InvalidInputError, match="demand is nothing"):
        plot_demand(AllocationProblem(CURVES.take(slice(0, 0)), 450))
    with pytest.raises(InvalidInputError, match="demand is nothing"):
        plot_demand(AllocationProblem(CURVES, 450, ceiling=10))
    with pytest.raises(InfeasibleError):
        plot_demand(AllocationProblem(CURVES, 10, floor=20))


def demand_by_hand(price):
    caps = np.arange(0, 600, 0.05)
    parameters = zip(CURVES.tau, CURVES.height, [30, 40, 60, 200], strict=True)
    gains = [surge(caps, *query) - price * caps for query in parameters]
    return sum(caps[gain.argmax()] for gain in gains)


def test_demand_is_the_sum_of_the_best_caps_and_jumps_where_queries_leave():
    lines = drawn(plot_demand(PROBLEM))
    price, tokens = xy(lines["demand"])
    caps = np.arange(1, 600, 0.05)
    leave = sorted(
        (surge(caps, *query) / caps).max()
        for query in zip(CURVES.tau, CURVES.height, [30, 40, 60, 200], strict=True)
    )
    jumps = xy(lines["jump at a query's abandonment price"])
    np.testing.assert_allclose(jumps[0].reshape(-1, 3)[:, 0], leave, rtol=1e-6)
    between = np.isfinite(price) & (np.abs(price[:, None] / leave - 1) > 1e-3).all(axis=1)
    for at in np.flatnonzero(between)[::60]:
        assert tokens[at] == pytest.approx(demand_by_hand(price[at]), abs=0.2)
    _, above, below = jumps[0], jumps[1].reshape(-1, 3)[:, 0], jumps[1].reshape(-1, 3)[:, 1]
    for at, high, low in zip(leave, above, below, strict=True):
        assert high == pytest.approx(demand_by_hand(at * 0.9999), abs=0.5)
        assert low == pytest.approx(demand_by_hand(at * 1.0001), abs=0.5)
    (gaps,) = np.nonzero(np.isnan(price))
    np.testing.assert_allclose(tokens[gaps - 1], above)  # each piece ends where its jump begins,
    np.testing.assert_allclose(tokens[gaps + 1], below)  # and the next begins where it ends
    finite = tokens[np.isfinite(tokens)]
    assert (np.diff(finite) <= 1e-9).all()


def test_the_clearing_price_is_the_solvers_and_said_in_words():
    best = solve(PROBLEM)
    figure = plot_demand(PROBLEM, allocation=best)
    lines = drawn(figure)
    assert xy(lines["clearing price"]) == (best.price, 450)
    assert f"one more right answer costs {1 / best.price:,.0f} tokens" in (
        figure.legends[0].get_title().get_text().replace("\n", " ")
    )
    weighted = plot_demand(AllocationProblem(CURVES, 450, weight=[1, 2, 1, 1]))
    assert "weighted right answers per token" in weighted.axes[0].get_xlabel()
    slack = plot_demand(AllocationProblem(CURVES, 5000))
    assert "clearing price" not in drawn(slack)
    assert slack.legends[0].get_title().get_text() == "price 0: the budget is not scarce"


def test_many_queries_are_drawn_in_reasonable_time():
    rng = np.random.default_rng(0)
    n = 20_000
    curves = ShiftedSurge.from_height(
        rng.uniform(50, 500, n), rng.uniform(0.1, 1, n), rng.uniform(20, 200, n)
    )
    problem = AllocationProblem(curves, 100 * n)
    price, tokens = xy(drawn(plot_demand(problem))["demand"])
    assert len(price) < 10_000
    at = np.nanargmin(np.abs(price - solve(problem).price))
    assert tokens[at] == pytest.approx(100 * n, rel=0.02)


def test_tabular_demand_jumps_at_every_corner_of_its_hulls():
    figure = plot_demand(AllocationProblem(TABULAR, 700))
    jumps = xy(drawn(figure)["jump at a query's abandonment price"])[0].reshape(-1, 3)[:, 0]
    axis = figure.axes[0].get_xlim()
    slopes = np.array([0.01 / 512, 0.1 / 512, 0.05 / 256, 0.1 / 256, 0.87 / 512])
    seen = np.unique(slopes[slopes > axis[0]].round(12))
    np.testing.assert_allclose(np.unique(jumps.round(12)), seen)
    assert len(seen) >= 3


def test_funded_and_abandoned_are_told_apart_without_colour():
    best = solve(PROBLEM)
    figure = plot_funded(PROBLEM, best)
    lines = drawn(figure)
    for name, mask in (("funded", best.funded), ("abandoned", ~best.funded)):
        x, y = xy(lines[name])
        np.testing.assert_array_equal(x, CURVES.tau[mask])
        np.testing.assert_allclose(y, CURVES.height[mask])
        assert f", {mask.sum()} queries" in lines[name].get_label()
    assert lines["funded"].get_marker() != lines["abandoned"].get_marker()
    at, least = xy(lines["height = price times threshold"])
    np.testing.assert_allclose(least, best.price * at)
    below = CURVES.height < best.price * CURVES.tau
    assert not best.funded[below].any()


def test_the_line_below_which_nothing_pays_is_drawn_only_where_it_holds():
    logistic = AllocationProblem(Logistic([100.0, 300.0], [20.0, 30.0], [0.8, 0.5]), 200)
    weighted = AllocationProblem(CURVES, 450, weight=[1, 2, 1, 1])
    for problem in (logistic, weighted, AllocationProblem(CURVES, 450, floor=5)):
        assert "height = price times threshold" not in drawn(plot_funded(problem, solve(problem)))
    from_zero = AllocationProblem(ShiftedSurge.from_height([0, 80], 0.5, [50, 40]), 60)
    assert plot_funded(from_zero, solve(from_zero)).axes[0].get_xscale() == "symlog"


@pytest.fixture(scope="module")
def calibration():
    rng = np.random.default_rng(1)
    predicted = rng.uniform(0, 1, 400)
    right = rng.uniform(0, 1, 400) < predicted
    parts = tuple(reliability(predicted * share, right & (share > 0.4)) for share in (0.3, 0.6, 1))
    return Calibration(
        success=parts[-1],
        lengths=LengthCalibration(200, (0.5, 0.8, 0.9), np.full(10, 0.1)),
        within=parts,
        caps=(100.0, 200.0, 400.0),
        curve_brier=np.zeros(3),
        left_out=0,
    )


PICTURES = {
    "curve": lambda width, **_: plot_curve(CURVES, 2, price=0.002, floor=9, width=width),
    "demand": lambda width, **_: plot_demand(PROBLEM, width=width),
    "funded": lambda width, **_: plot_funded(PROBLEM, solve(PROBLEM), width=width),
    "frontier": lambda width, found, **_: plot_frontier(found, width=width),
    "calibration": lambda width, calibration, **_: plot_calibration(calibration, width=width),
}


@pytest.mark.parametrize("width", [6.5, 3.3], ids=["page", "column"])
@pytest.mark.parametrize("name", PICTURES)
def test_nothing_is_cut_off_and_legends_lie_beside_the_data(name, width, found, calibration):
    from matplotlib.text import Text

    figure = PICTURES[name](width=width, found=found, calibration=calibration)
    figure.canvas.draw()
    assert figure.get_figwidth() == width
    inked, (_, height) = figure.get_tightbbox(), figure.get_size_inches()
    assert min(inked.x0, inked.y0) >= -0.01
    assert (inked.x1, inked.y1) <= (width + 0.01, height + 0.01)
    for text in figure.findobj(lambda part: isinstance(part, Text) and part.get_text()):
        assert text.get_fontsize() >= 7
    (legend,) = figure.legends
    for axes in figure.axes:
        assert not legend.get_window_extent().overlaps(axes.get_tightbbox())
        left, right = axes.get_xlim()
        boxes = [
            label.get_window_extent()
            for place, label in zip(axes.get_xticks(), axes.get_xticklabels(), strict=True)
            if left <= place <= right
        ]
        assert all(one.x1 < next_.x0 for one, next_ in pairwise(boxes))
        assert len(boxes) >= 3


def test_every_colour_stands_out_from_paper():
    def light(colour):
        parts = [int(colour[k : k + 2], 16) / 255 for k in (1, 3, 5)]
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    for look in POLICY_STYLES.values():
        assert 1.05 / (light(look.colour) + 0.05) >= 3, look  # WCAG 1.4.11, on white
        assert (light(look.dark) + 0.05) / 0.055 >= 3, look  # on nearly black
    shown = ("clear", "auction", "threshold_prefix", "proportional", "self_estimate", "uniform",
             "oracle")  # fmt: skip
    assert len({POLICY_STYLES[name].marker for name in shown}) == len(shown)
    assert len({POLICY_STYLES[name].line for name in shown}) == len(shown)


def test_the_page_shows_what_its_own_code_draws():
    saved = re.findall(r'"(\w+\.png)"', pictures.code())
    assert saved == pictures.shown()
    kept = {path.name: path for path in pictures.FOLDER.glob("*.png")}
    for name in saved:
        assert kept[name].read_bytes().startswith(b"\x89PNG"), name
        assert kept[name].stat().st_size < 120_000, name

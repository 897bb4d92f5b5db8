"""One data layer: matplotlib, plotly and the report draw the same prepared numbers."""

import inspect
import io
import json

import numpy as np
import pytest

from clear_opt import AllocationProblem, InvalidInputError, ShiftedSurge, solve
from clear_opt import plots as paper
from clear_opt.evaluation import evaluate, frontier
from clear_opt.plots import data, interactive
from clear_opt.plots.report import report_html
from tests.known_predictors import Reads, drawn_rollouts
from tests.test_report import Page

CURVES = ShiftedSurge.from_height(
    tau=[20, 80, 150, 300], height=[0.9, 0.4, 0.7, 0.2], width=[30, 40, 60, 200]
)
PROBLEM = AllocationProblem(CURVES, 450)


@pytest.fixture(scope="module")
def evaluation():
    return evaluate(
        drawn_rollouts(60, models=("one", "two")), Reads(), budgets=[100, 400], folds=3, draws=100
    )


@pytest.fixture(scope="module")
def given(evaluation):
    """Give the arguments of every figure, by its name."""
    calibration = evaluation.calibration
    return {
        "curve": [((CURVES, 2), {}), ((CURVES, 2), {"price": 0.002, "floor": 9, "ceiling": 180})],
        "demand": [((PROBLEM,), {})],
        "funded": [((PROBLEM, solve(PROBLEM)), {})],
        "frontier": [((frontier(CURVES, [25, 50, 100, 200]),), {})],
        "accuracy": [((evaluation,), {}), ((evaluation,), {"model": "two"})],
        "actual_spend": [((evaluation,), {}), ((evaluation,), {"model": "two"})],
        "regret": [((evaluation,), {}), ((evaluation,), {"model": "two"})],
        "calibration": [((calibration,), {})]
        + [
            ((calibration,), {"panel": panel})
            for panel in ("success", "length", "within", "coverage")
        ],
    }


NAMES = (
    "curve", "demand", "funded", "frontier", "accuracy", "actual_spend", "regret", "calibration"
)  # fmt: skip


def prepared_parts(figure):
    """Give (label, x, y, ...) of what each panel's data says is drawn."""
    return [
        {
            "series": [(part.label, part.x, part.y) for part in panel.series],
            "bars": [(part.label, part.x, part.height, part.base) for part in panel.bars],
            "bands": [
                (part.label, corners(np.tile(part.x, 2), np.append(part.low, part.high)))
                for part in panel.bands
            ],
        }
        for panel in figure.panels
    ]


def corners(x, y):
    return set(zip(np.asarray(x).tolist(), np.asarray(y).tolist(), strict=True))


def paper_parts(figure):
    return [
        {
            "series": [
                (line.get_label().removeprefix("_"), line.get_xdata(), line.get_ydata())
                for line in axes.get_lines()
            ],
            "bars": [
                (
                    bars.get_label().removeprefix("_"),
                    [bar.get_x() + bar.get_width() / 2 for bar in bars],
                    [bar.get_height() for bar in bars],
                    [bar.get_y() for bar in bars],
                )
                for bars in axes.containers
            ],
            "bands": [
                (band.get_label().removeprefix("_"), corners(*band.get_paths()[0].vertices.T))
                for band in axes.collections
                if band.get_paths()[0].codes is not None and band.get_alpha() == 0.2
            ],
        }
        for axes in figure.axes
    ]


def screen_parts(figure):
    panels = {}
    for trace in figure.data:
        panel = panels.setdefault(trace.xaxis, {"series": [], "bars": [], "bands": []})
        label = trace.name.replace("<br>", " ")
        if trace.type == "bar":
            panel["bars"].append((label, trace.x, trace.y, trace.base))
        elif trace.fill == "toself":
            panel["bands"].append((label, corners(trace.x, trace.y)))
        else:
            panel["series"].append((label, trace.x, trace.y))
    return list(panels.values())


def assert_the_same(drawn, expected):
    assert len(drawn) == len(expected)
    for one, other in zip(drawn, expected, strict=True):
        assert one["bands"] == other["bands"]
        for kind in ("series", "bars"):
            assert [part[0] for part in one[kind]] == [part[0] for part in other[kind]]
            for (label, *arrays), (_, *wanted) in zip(one[kind], other[kind], strict=True):
                for array, numbers in zip(arrays, wanted, strict=True):
                    np.testing.assert_allclose(
                        np.asarray(array, float), numbers, rtol=1e-12, atol=1e-12, err_msg=label
                    )


@pytest.mark.parametrize("name", NAMES)
def test_both_libraries_draw_the_prepared_data(name, given):
    for arguments, options in given[name]:
        prepared = getattr(data, f"{name}_data")(*arguments, **options)
        expected = prepared_parts(prepared)
        assert sum(len(panel["series"]) + len(panel["bars"]) for panel in expected) > 0
        on_paper = getattr(paper, f"plot_{name}")(*arguments, **options)
        assert_the_same(paper_parts(on_paper), expected)
        on_screen = getattr(interactive, f"{name}_figure")(*arguments, **options)
        assert_the_same(screen_parts(on_screen), expected)
        labels = [(panel.x.label, panel.y.label) for panel in prepared.panels]
        assert [(axes.get_xlabel(), axes.get_ylabel()) for axes in on_paper.axes] == labels
        titles = [
            [axis.title.text for axis in axes]
            for axes in zip(on_screen.select_xaxes(), on_screen.select_yaxes(), strict=True)
        ]
        assert [tuple(pair) for pair in titles] == labels


def test_every_figure_exists_for_paper_and_for_the_screen():
    assert {f"plot_{name}" for name in NAMES} | {"FigureOptions"} == set(paper.__all__)
    assert {f"{name}_figure" for name in NAMES} == set(interactive.__all__)


@pytest.mark.parametrize("name", NAMES)
def test_twins_take_the_same_arguments(name):
    ours, theirs = (
        inspect.signature(function).parameters
        for function in (getattr(paper, f"plot_{name}"), getattr(interactive, f"{name}_figure"))
    )
    assert ours == theirs


@pytest.mark.parametrize("name", NAMES)
def test_both_libraries_take_the_same_options(name, given, tmp_path):
    arguments, options = given[name][0]
    on_paper = getattr(paper, f"plot_{name}")
    on_screen = getattr(interactive, f"{name}_figure")
    figure = on_paper(*arguments, **options, title="Mine", width=3.3, path=tmp_path / "it.png")
    assert figure.axes[0].get_title(loc="left") == "Mine"
    assert figure.get_figwidth() == 3.3
    assert (tmp_path / "it.png").read_bytes().startswith(b"\x89PNG")
    assert on_paper(*arguments, **options, title="").axes[0].get_title(loc="left") == ""
    figure = on_screen(*arguments, **options, title="Mine", width=3.3)
    assert figure.layout.title.text == "Mine"
    assert figure.layout.width == pytest.approx(3.3 * 96)
    assert on_screen(*arguments, **options, title="").layout.title.text == ""


def test_a_page_holds_an_interactive_figure_whole(tmp_path):
    path, file = tmp_path / "demand.html", io.BytesIO()
    interactive.demand_figure(PROBLEM, path=path)
    interactive.demand_figure(PROBLEM, path=file)
    for page in (path.read_text(encoding="utf-8"), file.getvalue().decode()):
        assert page.startswith("<!doctype html>")
        assert "plotly.js v" in page
        assert "<script src" not in page


def test_the_report_shows_the_public_figures(evaluation):
    shown = Page(report_html(evaluation)).data("figures")
    assert set(shown) == {"", "one", "two"}
    for model, figures in shown.items():
        source = evaluation.models[model] if model else evaluation
        public = {
            "accuracy": interactive.accuracy_figure(evaluation, model=model or None),
            "spend": interactive.actual_spend_figure(evaluation, model=model or None),
            "regret": interactive.regret_figure(evaluation, model=model or None),
        } | {
            panel: interactive.calibration_figure(source.calibration, panel=panel)
            for panel in ("success", "within", "length", "coverage")
        }
        assert set(figures) == set(public)
        for name, figure in public.items():
            figure.layout.template = None  # the page has its own
            assert figures[name] == json.loads(json.dumps(figure.to_plotly_json())), name


def test_what_was_not_evaluated_is_named(evaluation):
    with pytest.raises(InvalidInputError, match="model = three: was not evaluated"):
        paper.plot_accuracy(evaluation, model="three")
    with pytest.raises(InvalidInputError, match="panel = all: is not known"):
        interactive.calibration_figure(evaluation.calibration, panel="all")

"""``clear-opt path`` and ``clear-opt cheapest``: what they print, write and refuse."""

import numpy as np
import pytest

from clear_opt import ShiftedSurge
from clear_opt.io import read_records
from tests.command_line import CURVES, answer, exact_optima, refusal, run, write_curves

POINT = [
    "budget", "price", "expected_utility", "accuracy", "dual_bound", "gap", "spent", "funded"
]  # fmt: skip


@pytest.fixture
def curves(tmp_path):
    """Five queries with curves, CSV."""
    return write_curves(tmp_path / "curves.csv")


def test_path_gives_each_budget_its_optimum_in_the_order_given(curves):
    found = answer("path", curves, "--budgets", "333,45,120,45,10000")
    assert found["n_queries"] == 5
    assert [list(point) for point in found["points"]] == [POINT] * 5
    assert [point["budget"] for point in found["points"]] == [333, 45, 120, 45, 10_000]
    best = exact_optima(333)
    for point in found["points"][:4]:
        optimum = best[point["budget"]]
        assert 0.99 * optimum <= point["expected_utility"] <= optimum + 1e-9
        assert optimum <= point["dual_bound"] + 1e-9
        assert point["accuracy"] == pytest.approx(point["expected_utility"] / 5)
        assert point["gap"] == pytest.approx(point["dual_bound"] - point["expected_utility"])
        assert point["spent"] <= point["budget"]
    assert found["points"][1] == found["points"][3]
    ample = found["points"][4]
    assert (ample["price"], ample["funded"], ample["gap"]) == (0, 5, 0)
    assert ample["spent"] == sum(tau + width for tau, _, width in CURVES)


def test_path_and_allocate_agree_on_what_a_budget_is(curves):
    point = answer("path", curves, "--budgets", "200")["points"][0]
    alone = answer("allocate", curves, "--budget", "200")
    assert point["budget"] == alone["budget"]
    assert point["price"] == pytest.approx(alone["price"], rel=1e-9)
    assert point["dual_bound"] == pytest.approx(alone["dual_bound"], rel=1e-9)


def test_path_sweeps_from_scarce_to_ample_by_itself(curves):
    points = answer("path", curves)["points"]
    assert len(points) == 20
    budgets = np.array([point["budget"] for point in points])
    assert (np.diff(budgets) > 0).all()
    assert points[-1]["expected_utility"] >= 0.998 * sum(height for _, height, _ in CURVES)
    assert len(answer("path", curves, "--points", "7")["points"]) == 7


@pytest.mark.parametrize("ending", ["jsonl", "csv", "parquet"])
def test_path_writes_one_row_per_budget(curves, tmp_path, ending):
    out = tmp_path / f"path.{ending}"
    result = run("path", curves, "--budgets", "100,200.5", "--out", out)
    assert result.exit_code == 0
    assert f"wrote {out} (2 rows)" in " ".join(result.stdout.split())
    rows = [record.values for record in read_records(out).rows]
    assert [list(row) for row in rows] == [POINT] * 2
    assert [float(row["budget"]) for row in rows] == [100, 200.5]


def test_path_prints_a_table(curves):
    shown = run("path", curves, "--budgets", "120,10000").stdout
    lines = [line.split() for line in shown.splitlines() if line.split()]
    assert lines[-2][0] == "120"
    assert lines[-1] == ["10,000", "0", "2.75", "55.0%", "0", "5"]
    assert "weights" not in shown


def test_path_keeps_floors_ceilings_blocks_and_weights(tmp_path):
    path = tmp_path / "weighted.csv"
    path.write_text("query_id,tau,height,width,weight\na,100,0.5,50,1\nb,100,0.5,50,3\n")
    options = ("--floor", 16, "--ceiling", 160, "--block", 16, "--budgets", "176")
    point = answer("path", path, *options)["points"][0]
    assert point["spent"] == 176
    assert point["expected_utility"] == pytest.approx(3 * 0.5)
    assert point["accuracy"] == pytest.approx(3 * 0.5 / 4)
    assert "weights" in run("path", path, *options).stdout


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--budgets", "100,x"], "'x' is not a number"),
        (["--budgets", ""], "'' is not a number"),
        (["--budgets", "-5"], "'-5' is not a number"),
        (["--budgets", "inf"], "'inf' is not a number"),
        (["--budgets", "5", "--points", "3"], "exclude each other"),
        (["--points", "0"], "--points"),
        (["--budgets", "10", "--floor", "30"], "sum to 150 tokens"),
    ],
)
def test_path_says_what_is_wrong_with_its_budgets(curves, options, message):
    assert message in refusal("path", curves, *options)


@pytest.mark.parametrize("command", [["path"], ["cheapest", "--target", "0.1"]])
def test_nothing_is_read_for_an_output_that_cannot_be(curves, tmp_path, monkeypatch, command):
    monkeypatch.setattr("clear_opt.inputs.read_queries", pytest.fail)
    assert "is the input itself" in refusal(*command, curves, "--out", curves)
    assert "ending" in refusal(*command, curves, "--out", tmp_path / "out.pdf")


@pytest.mark.parametrize("command", [["path", "--points", "2"], ["cheapest", "--target", "0.1"]])
def test_texts_get_their_curves_from_the_predictor(tmp_path, monkeypatch, command):
    asked = []

    def predicted(table, predictor, model, tracking_uri):
        asked.append((len(table), predictor, model, tracking_uri))
        return ShiftedSurge.from_height([40.0, 60.0], [0.9, 0.5], [30.0, 80.0])

    monkeypatch.setattr("clear_opt.cli.problems.predict_table", predicted)
    path = tmp_path / "texts.jsonl"
    path.write_text('{"query_id": 1, "text": "one"}\n{"query_id": 2, "text": "two"}\n')
    answer(*command, path, "--predictor", "mine", "--model", "m", "--tracking-uri", "sqlite:///x")
    answer(*command, path)
    assert asked == [(2, "mine", "m", "sqlite:///x"), (2, "zeroeval-math", None, None)]


@pytest.mark.parametrize("command", [["path", "--points", "2"], ["cheapest", "--target", "0.1"]])
def test_a_predictor_that_is_not_needed_is_noted(curves, command):
    assert "predictor not used" in run(*command, curves, "--predictor", "mine").stderr


def test_cheapest_brackets_the_exact_answer(curves, tmp_path):
    best = exact_optima(500)
    for target in (0.1, 0.3, 0.5):
        exact = int(np.argmax(best >= 5 * target))
        found = answer("cheapest", curves, "--target", target)
        assert list(found) == [
            "target", "measure", "reached", "budget", "at_least", "solves", "seconds", "allocation"
        ]  # fmt: skip
        assert found["at_least"] <= exact <= found["budget"] <= exact + 1
        assert found["measure"] == "accuracy"
        assert found["reached"] == pytest.approx(found["allocation"]["expected_utility"] / 5)
        assert found["allocation"]["budget"] == found["budget"]


def test_cheapest_by_share_writes_the_caps(curves, tmp_path):
    out = tmp_path / "caps.csv"
    found = answer("cheapest", curves, "--target", "0.9", "--share", "--out", out)
    assert found["measure"] == "share"
    assert found["reached"] >= 0.9
    rows = [record.values for record in read_records(out).rows]
    assert [row["query_id"] for row in rows] == [f"q{i}" for i in range(5)]
    caps = np.array([int(row["max_tokens"]) for row in rows])
    assert caps.sum() == found["allocation"]["spent"] <= found["budget"]
    y = np.array([min(max((c - t) / w, 0), 1) for c, (t, _, w) in zip(caps, CURVES, strict=True)])
    reached = (np.array([height for _, height, _ in CURVES]) * y * np.exp(1 - y)).sum()
    assert reached >= 0.9 * 2.75


def test_cheapest_prints_budget_and_proof(curves):
    result = run("cheapest", curves, "--target", "0.55")
    shown = " ".join(result.stdout.split())
    assert result.exit_code == 0
    assert "budget 495 tokens (99.0 per query)" in shown
    assert "no budget below 495 tokens reaches it" in shown


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--target", "0.6"], "the most that any budget reaches is 0.55"),
        (["--target", "1.5"], "--target"),
        (["--target", "much"], "--target"),
        ([], "--target"),
    ],
)
def test_cheapest_says_what_is_wrong_with_its_target(curves, options, message):
    assert message in refusal("cheapest", curves, *options)


def test_cheapest_of_nothing_is_refused(tmp_path):
    path = tmp_path / "empty.csv"
    path.write_text("query_id,tau,height,width\n")
    assert "no queries" in refusal("cheapest", path, "--target", "0.5")
    assert answer("path", path, "--budgets", "10")["points"][0]["accuracy"] == 0

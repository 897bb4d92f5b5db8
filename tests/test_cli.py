"""The command line: what it prints, writes and refuses."""

import json
import math

import numpy as np
import pyarrow.parquet as pq
import pytest

from clear_opt import InfeasibleError, ShiftedSurge, __version__
from clear_opt.cli.app import app
from clear_opt.inputs import read_queries
from clear_opt.io import read_records, write
from tests.command_line import CURVES, answer, exact_optima, refusal, run, write_curves

KEYS = [
    "n_queries", "budget", "spent", "funded", "abandoned", "price", "expected_utility",
    "dual_bound", "gap", "relative_gap", "status", "solver", "seconds",
]  # fmt: skip
OUTPUT = [
    "query_id", "max_tokens", "funded", "expected_utility", "abandonment_price", "surplus", "reason"
]  # fmt: skip


@pytest.fixture
def curves(tmp_path):
    """Five queries with curves, CSV."""
    return write_curves(tmp_path / "curves.csv")


@pytest.fixture
def texts(tmp_path):
    """Four queries with texts, JSON Lines."""
    path = tmp_path / "texts.jsonl"
    lines = [
        "What is 7 + 5?",
        "Anna has 12 apples and gives 5 to Ben. How many apples are left?",
        r"Find the remainder when $7^{2023}$ is divided by $1000$.",
        r"Let $P(x)$ be a monic cubic with roots $r, s, t$. Compute $\frac1r+\frac1s+\frac1t$.",
    ]
    path.write_text("\n".join(json.dumps({"query_id": i, "text": t}) for i, t in enumerate(lines)))
    return path


@pytest.mark.parametrize("budget", [0, 45, 120, 200, 333])
def test_the_answer_is_the_exact_optimum_of_a_small_batch(curves, budget, tmp_path):
    out = tmp_path / "out.jsonl"
    found = answer("allocate", curves, "--budget", budget, "--out", out)
    assert list(found) == KEYS
    assert found["n_queries"] == 5
    assert found["budget"] == budget
    assert found["funded"] + found["abandoned"] == 5
    assert found["spent"] <= budget
    assert found["solver"] == "dual"
    assert found["status"] == "solved"
    optimum = exact_optima(budget)[-1]
    assert found["expected_utility"] == pytest.approx(optimum, abs=1e-3)
    assert found["expected_utility"] <= optimum + 1e-9 <= found["dual_bound"] + 2e-9
    assert found["gap"] == pytest.approx(found["dual_bound"] - found["expected_utility"], abs=1e-9)
    assert found["relative_gap"] == pytest.approx(found["gap"] / (found["dual_bound"] or 1))
    rows = [record.values for record in read_records(out).rows]
    assert [list(row) for row in rows] == [OUTPUT] * 5
    assert [row["query_id"] for row in rows] == [f"q{i}" for i in range(5)]
    assert sum(row["max_tokens"] for row in rows) == found["spent"]
    assert sum(row["expected_utility"] for row in rows) == pytest.approx(found["expected_utility"])
    for row, (tau, height, width) in zip(rows, CURVES, strict=True):
        y = min(max((row["max_tokens"] - tau) / width, 0.0), 1.0)
        assert row["expected_utility"] == pytest.approx(height * y * math.exp(1.0 - y), abs=1e-12)
        assert row["funded"] == (row["max_tokens"] > 0)
        assert row["reason"]


def test_budget_beyond_all_peaks(curves):
    found = answer("allocate", curves, "--budget", 10_000)
    assert found["status"] == "budget_slack"
    assert found["price"] == 0
    assert found["spent"] == sum(tau + width for tau, _, width in CURVES)
    assert found["expected_utility"] == pytest.approx(sum(height for _, height, _ in CURVES))


def test_both_solvers_and_their_differences(curves):
    found = answer("allocate", curves, "--budget", 200, "--solver", "both")
    assert list(found) == [*KEYS, "cross_check"]
    check = found["cross_check"]
    assert check["dual_bound_difference"] <= 1e-6
    assert check["price_difference"] <= 1e-4
    for solver in ("dual", "conic"):
        assert check[solver]["dual_bound"] >= exact_optima(200)[-1] - 1e-9
        assert found["expected_utility"] >= check[solver]["expected_utility"]
    result = run("allocate", curves, "--budget", 200, "--solver", "both")
    assert "conic" in result.stdout


def test_the_conic_solver_alone(curves):
    found = answer("allocate", curves, "--budget", 200, "--solver", "conic")
    assert found["solver"] == "conic"
    assert found["expected_utility"] == pytest.approx(exact_optima(200)[-1], abs=1e-3)


def test_floor_ceiling_and_block(curves, tmp_path):
    out = tmp_path / "out.csv"
    found = answer(
        "allocate", curves, "--budget", 300, "--floor", 13, "--ceiling", 95, "--block", 10,
        "--out", out,
    )  # fmt: skip
    caps = [int(record.values["max_tokens"]) for record in read_records(out).rows]
    assert all(20 <= cap <= 90 and cap % 10 == 0 for cap in caps)
    assert sum(caps) == found["spent"] <= 300


def test_limits_of_a_row_override_the_options(tmp_path):
    path, out = tmp_path / "q.csv", tmp_path / "out.parquet"
    path.write_text(
        "query_id,tau,height,width,floor,ceiling\na,5,0.9,40,,\nb,5,0.9,40,,20\nc,5,0.9,40,30,\n"
    )
    answer("allocate", path, "--budget", 1000, "--floor", 1, "--ceiling", 33, "--out", out)
    caps = dict(zip(*(pq.read_table(out)[name].to_pylist() for name in OUTPUT[:2]), strict=True))
    assert caps == {"a": 33, "b": 20, "c": 33}
    answer("allocate", path, "--budget", 32, "--floor", 1, "--out", out)
    assert pq.read_table(out)["max_tokens"].to_pylist() == [1, 1, 30]


def test_weights_decide_between_equal_queries(tmp_path):
    path, out = tmp_path / "q.csv", tmp_path / "out.csv"
    path.write_text("query_id,tau,height,width,weight\na,50,0.5,10,1\nb,50,0.5,10,3\n")
    found = answer("allocate", path, "--budget", 60, "--out", out)
    assert found["expected_utility"] == pytest.approx(1.5)
    assert [r.values["max_tokens"] for r in read_records(out).rows] == ["0", "60"]
    assert "weight" in run("allocate", path, "--budget", 60).stdout


def test_permuted_rows_get_the_same_caps(curves, tmp_path):
    header, *rows = curves.read_text().splitlines()
    shuffled, caps = tmp_path / "shuffled.csv", []
    shuffled.write_text("\n".join([header, *(rows[i] for i in (3, 0, 4, 2, 1))]))
    for path in (curves, shuffled):
        out = tmp_path / "out.csv"
        answer("allocate", path, "--budget", 170, "--out", out)
        rows_out = (record.values for record in read_records(out).rows)
        caps.append({row["query_id"]: row["max_tokens"] for row in rows_out})
    assert caps[0] == caps[1]


@pytest.mark.parametrize("ending", [".csv", ".jsonl", ".parquet"])
def test_an_empty_batch(tmp_path, ending):
    path, out = tmp_path / "q.csv", tmp_path / f"out{ending}"
    path.write_text("query_id,text\n")
    found = answer("allocate", path, "--budget", 10, "--out", out)
    assert found["status"] == "empty"
    assert found["n_queries"] == found["spent"] == found["dual_bound"] == 0
    if ending != ".jsonl":  # JSON Lines without rows name no columns
        assert list(read_records(out).columns) == OUTPUT
    assert "no queries" in run("allocate", path, "--budget", 10).stdout


def test_texts_go_through_the_shipped_predictor(texts, tmp_path):
    found = answer("allocate", texts, "--budget", 600, "--out", tmp_path / "direct.csv")
    assert found["n_queries"] == 4
    assert 0 < found["spent"] <= 600
    predicted = tmp_path / "curves.parquet"
    result = run("predict", texts, "--out", predicted)
    assert result.exit_code == 0
    assert f"wrote {predicted} (4 rows)" in result.stdout
    columns = pq.read_table(predicted)
    assert columns.column_names == ["query_id", "tau", "alpha", "beta", "height", "width"]
    assert columns["query_id"].to_pylist() == ["0", "1", "2", "3"]
    shape = ShiftedSurge(*(columns[name].to_numpy() for name in ("tau", "alpha", "beta")))
    np.testing.assert_allclose(columns["height"], shape.height)
    np.testing.assert_allclose(columns["width"].to_numpy(), shape.peak - shape.tau)
    again = answer("allocate", predicted, "--budget", 600, "--out", tmp_path / "from_curves.csv")
    assert {**again, "seconds": 0} == {**found, "seconds": 0}
    direct, from_curves = (tmp_path / f"{name}.csv" for name in ("direct", "from_curves"))
    assert direct.read_bytes() == from_curves.read_bytes()


def test_predict_without_rows(tmp_path):
    path, out = tmp_path / "q.csv", tmp_path / "curves.csv"
    path.write_text("query_id,text\n")
    assert run("predict", path, "--out", out).exit_code == 0
    assert len(read_queries(out)) == 0


def test_what_is_not_used_is_said_on_stderr(texts, curves):
    lines = [{**json.loads(line), "topic": "x"} for line in texts.read_text().splitlines()]
    texts.write_text("\n".join(map(json.dumps, lines)))
    result = run("allocate", texts, "--budget", 100, "--json")
    assert "columns not used: topic" in result.stderr
    assert list(json.loads(result.stdout)) == KEYS
    result = run("allocate", curves, "--budget", 100, "--predictor", "zeroeval-math")
    assert "predictor not used" in result.stderr


def test_the_summary_in_words(curves, tmp_path):
    out = tmp_path / "out.csv"
    result = run("allocate", curves, "--budget", 120, "--out", out)
    assert result.exit_code == 0
    words = " ".join(result.stdout.split())
    for fragment in (
        "120 tokens (24.0 per query)", "right answers per token", "no allocation within the budget",
        "solved", "q0", "funded: surplus", "abandoned: pays at most", f"wrote {out}",
    ):  # fmt: skip
        assert fragment in words
    assert result.stderr == ""


def test_names_cannot_spoil_the_terminal(tmp_path):
    path = tmp_path / "q.jsonl"
    row = {"query_id": "[bold]\x1b[2J\nx", "tau": 1, "height": 0.5, "width": 9}
    path.write_text(json.dumps(row))
    result = run("allocate", path, "--budget", 10)
    assert "\x1b" not in result.stdout
    assert "[bold]" in result.stdout


BAD_OPTIONS = {
    "negative budget": (["--budget", -1], ["--budget"]),
    "fractional budget": (["--budget", 1.5], ["--budget", "integer"]),
    "enormous budget": (["--budget", 10**40], ["--budget"]),
    "no budget": ([], ["--budget"]),
    "unknown solver": (["--budget", 9, "--solver", "fast"], ["fast", "'dual'", "'conic'"]),
    "unknown option": (["--budget", 9, "--flor", 3], ["--flor", "--floor"]),
    "block of zero": (["--budget", 9, "--block", 0], ["--block"]),
    "ceiling below floor": (["--budget", 9, "--floor", 5, "--ceiling", 4], ["ceiling = 4", "5"]),
    "unknown ending": (["--budget", 9, "--out", "caps.xlsx"], ["caps.xlsx", ".parquet"]),
    "no such folder": (["--budget", 9, "--out", "/no/such/caps.csv"], ["/no/such", "folder"]),
    "infeasible": (["--budget", 9, "--floor", 5], ["25", "16 more", "budget of 9"]),
    "no whole block": (["--budget", 99, "--ceiling", 7, "--floor", 3, "--block", 10],
                       ["row 1", "'q0'", "blocks of 10"]),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD_OPTIONS)
def test_bad_options_exit_with_two_and_one_line(curves, case):
    options, fragments = BAD_OPTIONS[case]
    message = refusal("allocate", curves, *options)
    for fragment in fragments:
        assert fragment in message


def test_bad_tables_exit_with_two_and_one_line(tmp_path, texts):
    path = tmp_path / "q.csv"
    path.write_text("query_id,tau,height,width\na,1,1,1\nb,-1,1,1\n")
    message = refusal("allocate", path, "--budget", 9)
    assert f"{path}, row 2 (line 3), query_id 'b', tau = '-1'" in message
    assert "No such file" in refusal("allocate", tmp_path / "none.csv", "--budget", 9)
    assert "no column 'text'" in refusal("predict", path, "--out", tmp_path / "out.csv")
    assert "input itself" in refusal("allocate", texts, "--budget", 9, "--out", texts)
    assert "nobody" in refusal("allocate", texts, "--budget", 9, "--predictor", "nobody")
    assert "No such command" in refusal("alocate", path)


def test_nothing_is_computed_for_an_output_that_cannot_be(texts, monkeypatch, tmp_path):
    monkeypatch.setattr("clear_opt.cli.problems.predict_table", pytest.fail)
    refusal("allocate", texts, "--budget", 9, "--out", tmp_path / "caps.doc")


def test_a_failure_while_writing_keeps_the_old_file(curves, tmp_path, monkeypatch):
    out = tmp_path / "caps.csv"
    out.write_text("old")

    def half(table, file):
        file.write(b"half of")
        raise OSError(28, "No space left on device")

    monkeypatch.setitem(write._WRITERS, ".csv", half)
    assert "No space left" in refusal("allocate", curves, "--budget", 99, "--out", out)
    assert out.read_text() == "old"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["caps.csv", "curves.csv"]


def test_embedders_get_the_error_itself(curves):
    with pytest.raises(InfeasibleError):
        app(["allocate", str(curves), "--budget", "9", "--floor", "5"], standalone_mode=False)


def test_errors_of_the_program_keep_their_traceback(curves, monkeypatch):
    def broken(*_):
        raise ZeroDivisionError

    monkeypatch.setattr("clear_opt.cli.allocate._solve", broken)
    result = run("allocate", curves, "--budget", 9)
    assert isinstance(result.exception, ZeroDivisionError)


def test_interruption_is_no_traceback(curves, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("clear_opt.cli.allocate._solve", interrupted)
    assert run("allocate", curves, "--budget", 9).exit_code == 130


def test_version_and_help():
    assert run("--version").stdout == f"clear-opt {__version__}\n"
    for command in ("allocate", "predict", "demo"):
        assert command in run("--help").stdout
        result = run(command, "--help")
        assert result.exit_code == 0
        assert f"clear-opt {command} " in result.stdout  # an example
    assert "Commands" in run().output

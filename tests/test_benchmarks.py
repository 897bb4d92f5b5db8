import json

import numpy as np
import pytest

from benchmarks.instances import make_instance
from benchmarks.methods import METHODS
from benchmarks.report import BEGIN, END, markdown, quote, write_report
from benchmarks.solvers import main, run

ROW = {
    "method",
    "n",
    "ratio",
    "seconds",
    "first_seconds",
    "share_of_bound",
    "worst_share",
    "within_budget",
    "prices",
}


@pytest.fixture(scope="module")
def report():
    return run((50,), instances=2, repeats=1)


@pytest.fixture(scope="module")
def rows(report):
    return {row["method"]: row for row in report["rows"]}


def test_report_says_what_was_compared_and_where(report, rows):
    assert list(rows) == [method.name for method in METHODS]
    assert all(set(row) == ROW and row["n"] == 50 for row in rows.values())
    assert {"python", "numpy", "jax", "cpus"} <= set(report["machine"])
    assert report["left_out"] == []
    json.dumps(report, allow_nan=False)


def test_times_are_compared_with_the_dual_solver(rows):
    ours = rows["dual (ours)"]
    assert ours["ratio"] == 1
    for row in rows.values():
        assert row["seconds"] > 0
        assert row["ratio"] == pytest.approx(row["seconds"] / ours["seconds"])


def test_no_method_beats_the_bound_or_overspends(rows):
    for row in rows.values():
        assert 0 <= row["worst_share"] <= row["share_of_bound"] <= 1 + 1e-9
        assert row["within_budget"]


def test_no_peer_beats_ours(rows):
    ours = rows["dual (ours)"]
    assert ours["worst_share"] > 0.99
    for row in rows.values():
        assert row["worst_share"] <= ours["worst_share"] + 1e-9
        assert row["share_of_bound"] <= ours["share_of_bound"] + 1e-9


def test_prices_of_the_paper_s_method_and_ours_agree(rows):
    ours = rows["dual (ours)"]["prices"]
    assert rows["paper: bisection, 200 steps"]["prices"] == pytest.approx(ours, rel=1e-9)
    assert rows["paper: bisection, early stop"]["prices"] == pytest.approx(ours, rel=1e-9)
    assert rows["conic (ours)"]["prices"] == pytest.approx(ours, rel=1e-6)


def test_instances_are_the_same_for_the_same_seed_and_score_like_the_curves():
    one, same, other = (make_instance(20, seed, 0.3) for seed in (1, 1, 2))
    tokens = np.linspace(0, 1000, 20)
    assert all(np.array_equal(a, b) for a, b in zip(one, same, strict=True))
    assert not np.array_equal(one.tau, other.tau)
    assert one.utility(tokens) == pytest.approx(one.problem().utility(tokens), abs=1e-12)


def test_every_method_copes_with_tokens_to_spare():
    instance = make_instance(8, 0, 1.5)
    peaks = instance.alpha / (instance.beta * np.e)
    for method in METHODS[:6]:
        answer = method.allocate(instance)
        assert answer.tokens.sum() <= instance.budget
        assert instance.utility(answer.tokens) == pytest.approx(peaks, rel=1e-3)


def test_large_batches_leave_out_what_cannot_do_them():
    simple = [METHODS[0]._replace(largest=5, why="a reason"), *METHODS[-2:]]
    report = run((6,), instances=1, repeats=1, methods=simple[::-1])
    assert report["left_out"] == [{"method": "dual (ours)", "n": 6, "why": "a reason"}]
    assert [row["method"] for row in report["rows"]] == ["proportional", "uniform"]


def test_command_line_writes_one_whole_file(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("benchmarks.solvers.run", lambda sizes: run(sizes, 1, 1, METHODS[-2:]))
    out = tmp_path / "new" / "report.json"
    main(["--n", "5,6", "--json", "--out", str(out)])
    assert json.loads(capsys.readouterr().out) == json.loads(out.read_text())
    main(["--n", "7", "--out", str(out)])
    assert "% of bound" in capsys.readouterr().out
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_report({"seconds": float("nan")}, out)
    assert json.loads(out.read_text())["settings"]["sizes"] == [7]
    assert list(out.parent.iterdir()) == [out]


def test_a_page_quotes_the_report_between_its_marks(report, tmp_path):
    page = tmp_path / "page.md"
    page.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n")
    quote(report, page)
    quote(report, page)
    assert page.read_text() == f"before\n{BEGIN}\n\n{markdown(report)}\n\n{END}\nafter\n"


@pytest.mark.parametrize("sizes", ["", "0", "5,x"])
def test_sizes_must_be_numbers(sizes, capsys):
    with pytest.raises(SystemExit):
        main(["--n", sizes])
    assert "no list of sizes" in capsys.readouterr().err

import json

import numpy as np
import pytest

from benchmarks import gpu, limit
from benchmarks.peers import METHODS, compare, make_instance
from benchmarks.peers.convex import envelope_cuts
from benchmarks.peers.grid import KNAPSACK_GAP, hull_climb, knapsack
from benchmarks.report import BEGIN, END, markdown, quote, write_report
from benchmarks.solvers import main, run

ROW = {
    "method",
    "n",
    "ratio",
    "seconds",
    "calls",
    "first_seconds",
    "share_of_bound",
    "worst_share",
    "within_budget",
    "prices",
    "peak_mb",
}
NAMED = {method.name: method for method in METHODS}


@pytest.fixture(scope="module", autouse=True)
def _no_other_processes():
    """Take peaks of memory as known: test_quick_benchmark.py measures them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("benchmarks.peers.comparison.peak_memory", lambda *arguments: 2_500_000)
        yield


@pytest.fixture(scope="module")
def report():
    return run((50,), instances=2, repeats=1)


@pytest.fixture(scope="module")
def rows(report):
    return {row["method"]: row for row in report["rows"]}


def test_report_says_what_was_compared_and_where(report, rows):
    assert list(rows) == [method.name for method in METHODS]
    assert all(set(row) == ROW and row["n"] == 50 for row in rows.values())
    assert all(row["peak_mb"] == 2.5 for row in rows.values())
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
    for name, method in NAMED.items():
        answer = method.allocate(instance)
        assert answer.tokens.sum() <= instance.budget
        if name not in ("uniform", "proportional"):
            assert instance.utility(answer.tokens) == pytest.approx(peaks, rel=1e-3)


@pytest.mark.parametrize("name", [name for name in NAMED if "bisection" in name or "hull" in name])
def test_methods_in_blocks_answer_as_in_one(name, monkeypatch):
    instance = make_instance(300, 4, 0.3)
    whole = NAMED[name].allocate(instance).tokens
    for module in ("methods", "grid"):
        monkeypatch.setattr(f"benchmarks.peers.{module}._BLOCK", 64)
    assert np.array_equal(NAMED[name].allocate(instance).tokens, whole)


def best_on_grid(instance, step):
    """Give the best value on the grid by dynamic programming over all its caps."""
    units = int(instance.budget // step)
    best = np.zeros(units + 1)
    caps = np.arange(units + 1) * float(step)
    for row in range(len(instance.tau)):
        alone = instance._replace(
            **{k: getattr(instance, k)[[row]] for k in ("tau", "alpha", "beta")}
        )
        gain = alone.utility(caps)
        best = np.array([(best[: k + 1] + gain[k::-1]).max() for k in range(units + 1)])
    return best[-1]


@pytest.mark.parametrize("seed", range(3))
def test_grid_methods_against_dynamic_programming(seed):
    instance = make_instance(12, seed, 0.4)
    best = best_on_grid(instance, 50)
    exact = instance.utility(knapsack(instance, step=50).tokens).sum()
    assert best * (1 - KNAPSACK_GAP) - 1e-12 <= exact <= best * (1 + 1e-12)
    climbed = hull_climb(instance, step=50).tokens
    assert np.all(climbed % 50 == 0)
    assert 0.8 * best <= instance.utility(climbed).sum() <= best * (1 + 1e-12)


@pytest.mark.parametrize("seed", range(3))
def test_tangent_cuts_fund_whole_queries_and_come_near_the_bound(seed):
    instance = make_instance(80, seed, 0.3)
    tokens = envelope_cuts(instance, cuts=40).tokens
    assert tokens.sum() <= instance.budget
    assert np.all((tokens == 0) | (tokens > instance.tau))
    ours = instance.utility(NAMED["dual (ours)"].allocate(instance).tokens).sum()
    assert 0.97 * ours <= instance.utility(tokens).sum() <= ours


def test_a_method_without_patience_is_called_once():
    rows, _ = compare((5,), repeats=4, patience=0.0, methods=METHODS[-2:])
    assert [row["calls"] for row in rows] == [4, 1]  # the reference is always timed in turns
    assert rows[1]["seconds"] == rows[1]["first_seconds"]


def test_large_batches_leave_out_what_cannot_do_them():
    simple = [METHODS[0]._replace(largest=5, why="a reason"), *METHODS[-2:]]
    report = run((6,), instances=1, repeats=1, methods=simple[::-1])
    assert report["left_out"] == [{"method": "dual (ours)", "n": 6, "why": "a reason"}]
    assert [row["method"] for row in report["rows"]] == ["proportional", "uniform"]


def test_command_line_writes_one_whole_file(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(
        "benchmarks.solvers.run", lambda sizes, say: run(sizes, 1, 1, METHODS[-1:], say)
    )
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


@pytest.fixture(scope="module")
def limits():
    return limit.run(2000, repeats=1)


def test_the_limit_compares_a_solve_with_what_it_must_cost(limits):
    json.dumps(limits, allow_nan=False)
    assert set(limits["seconds"]) == set(limit.NAMES)
    assert all(seconds > 0 for seconds in limits["seconds"].values())
    assert limits["growth"] == limits["seconds"]["solve"] / limits["seconds"]["smaller"]
    # Two formulas for Lambert's W, in two programs, ask for the same tokens.
    assert limits["demand_differs_by"] < 1e-12
    assert "full solve of a tenth" in limit.markdown(limits)


def test_the_limit_is_written_and_refuses_what_has_no_tenth(limits, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(limit, "run", lambda n, repeats: limits)
    out = tmp_path / "limit.json"
    limit.main(["--n", "2000", "--json", "--out", str(out)])
    assert json.loads(capsys.readouterr().out) == json.loads(out.read_text())
    with pytest.raises(SystemExit):
        limit.main(["--n", "9"])
    assert "below 10" in capsys.readouterr().err


def test_without_a_gpu_the_benchmark_says_so_and_measures_nothing(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("jax.default_backend", lambda: "cpu")
    gpu.main(["--out", str(tmp_path / "gpu.json")])
    assert capsys.readouterr().out.startswith("no GPU was found: nothing was measured")
    assert list(tmp_path.iterdir()) == []


def test_what_the_gpu_benchmark_measures_it_measures_on_any_device():
    found = gpu.measure(500, 1)
    assert set(found) == {"backend", "price", "formula", "evaluation", "solve"}
    assert found["price"] == NAMED["dual (ours)"].allocate(make_instance(500, 0, 0.3)).price

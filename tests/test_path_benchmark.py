"""The benchmark of budget paths: what it measures, and that the page quotes it."""

import json
from pathlib import Path

import pytest

from benchmarks import path
from benchmarks.path import MARKS, markdown, run
from benchmarks.report import quote_text


@pytest.fixture(scope="module")
def report():
    return run((60,), points=4, instances=2, repeats=1)


def test_the_report_compares_paths_with_solves(report):
    (row,) = report["rows"]
    assert row["n"] == 60
    assert row["ratio"] == pytest.approx(row["path_seconds"] / row["solve_seconds"])
    assert row["price_error"] <= 1e-9
    assert row["bound_error"] <= 1e-9
    assert 0.5 < row["worst_share_of_bound"] <= 1
    assert row["evaluations_per_budget"] > 1
    json.dumps(report, allow_nan=False)


def test_the_command_writes_the_report_and_renews_the_table(report, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(path, "_RESULT", tmp_path / "out.json")
    monkeypatch.setattr(path, "_PAGE", tmp_path / "page.md")
    monkeypatch.setattr(path, "run", lambda *_: report)
    (tmp_path / "page.md").write_text(f"before\n{MARKS[0]}\nold\n{MARKS[1]}\nafter\n")
    path.main(["--out", str(tmp_path / "out.json")])
    table = markdown(json.loads((tmp_path / "out.json").read_text()))
    assert capsys.readouterr().out == table + "\n"
    page = (tmp_path / "page.md").read_text()
    assert page == f"before\n{MARKS[0]}\n\n{table}\n\n{MARKS[1]}\nafter\n"


def test_the_page_shows_the_stored_report_and_keeps_its_promise(tmp_path):
    root = Path(path.__file__).parents[1]
    page = root / "docs" / "benchmarks.md"
    stored = json.loads((root / "benchmarks" / "results" / "path.json").read_text())
    copied = tmp_path / "page.md"
    copied.write_text(page.read_text(encoding="utf-8"), encoding="utf-8")
    quote_text(markdown(stored), copied, MARKS)
    assert copied.read_text(encoding="utf-8") == page.read_text(encoding="utf-8")
    large = stored["rows"][-1]
    assert stored["settings"]["points"] == 100
    assert large["n"] == 5000
    # Five solves were asked for when a solve took twenty times as long. What a path does has not
    # changed: few evaluations of demand for each budget, and far less than solving them all.
    assert large["evaluations_per_budget"] <= 5
    assert large["ratio"] <= 33

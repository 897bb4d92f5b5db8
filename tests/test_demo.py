"""The demo: its questions, what it compares, what it prints and writes."""

import hashlib
import json
import re
import shlex
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from clear_opt import InvalidInputError, ShiftedSurge
from clear_opt.cli.app import app
from clear_opt.cli.demo_study import study
from clear_opt.datasets import make_queries
from clear_opt.io import read_records
from tests.effort import effort


def run(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def test_the_same_seed_gives_the_same_questions():
    assert make_queries(50, seed=3) == make_queries(50, seed=3)
    assert make_queries(50, seed=3) != make_queries(50, seed=4)
    assert make_queries(50, seed=3)[:20] == make_queries(20, seed=3)


def test_questions_differ_and_cover_every_difficulty():
    made = make_queries(600)
    assert len({query.query_id for query in made}) == 600
    assert len({query.text for query in made}) == 600
    kinds = {query.query_id.partition("-")[0] for query in made}
    assert kinds == {f"{kind}{level}" for kind in ("school", "contest") for level in range(1, 7)}


@pytest.mark.parametrize("seed", range(effort(20)))
def test_questions_are_well_formed(seed):
    for query in make_queries(30, seed=seed):
        assert query.text == " ".join(query.text.split())
        assert query.text.removesuffix(r"\]")[-1] in ".?"
        assert not re.search(r"\b1[a-z]\b|\+ -|None|\{\{", query.text)
        if query.query_id.startswith("contest"):
            assert query.text.count("$") % 2 == 0
            assert query.text.count("{") == query.text.count("}")


def test_the_questions_of_a_seed_stay_what_they_were():
    # Recorded when the templates were still functions of the random stream.
    texts = "\n".join(text for query in make_queries(400, seed=12) for text in query)
    assert hashlib.sha256(texts.encode()).hexdigest() == (
        "ffff1b1507a626ca2bc7b57b5a6e38290d19810191d3fd0221965dabd942515f"
    )


def test_no_questions_are_refused():
    with pytest.raises(InvalidInputError, match="queries"):
        make_queries(0)


def test_the_study_compares_every_policy():
    rng = np.random.default_rng(0)
    curves = ShiftedSurge.from_height(
        rng.uniform(20, 300, 12), rng.uniform(0.1, 1, 12), rng.uniform(10, 100, 12)
    )
    found = study(curves, 600)
    assert list(found.answers) == [
        "uniform", "proportional", "threshold_prefix", "auction", "clear"
    ]  # fmt: skip
    for answer in found.answers.values():
        assert answer.spent <= 600
        assert answer.expected_utility <= found.best.expected_utility + 1e-12
        # Each policy's worth, from the definition of the curve.
        y = np.clip((answer.tokens - curves.tau) * curves.beta, 0, 1)
        by_hand = (curves.height * y * np.exp(1 - y)).sum()
        assert answer.expected_utility == pytest.approx(by_hand)
    assert found.check.agrees()


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    out = tmp_path_factory.mktemp("demo") / "new" / "folder with space"
    result = run("demo", "--out-dir", out, "--queries", 24, "--tokens-per-query", 80, "--seed", 1)
    assert result.exit_code == 0, result.output
    assert result.stderr == ""
    return out, result.stdout


def test_the_demo_says_what_it_found(finished):
    _, printed = finished
    words = " ".join(printed.split())
    for fragment in (
        "24 questions, 80 tokens for each", "predicted curves; no model was run", "uniform",
        "proportional", "threshold prefix", "auction", "CLEAR (shadow price)",
        "right answers per token", "no allocation within the budget", "conic solver", "abandoned:",
    ):  # fmt: skip
        assert fragment in words


def test_the_demo_writes_a_picture_and_tables(finished):
    out, _ = finished
    assert sorted(path.name for path in out.iterdir()) == [
        "allocation.jsonl", "frontier.png", "queries.jsonl"
    ]  # fmt: skip
    assert (out / "frontier.png").read_bytes().startswith(b"\x89PNG")
    queries = [record.values for record in read_records(out / "queries.jsonl").rows]
    assert [(q["query_id"], q["text"]) for q in queries] == make_queries(24, seed=1)
    caps = [record.values for record in read_records(out / "allocation.jsonl").rows]
    assert [row["query_id"] for row in caps] == [query["query_id"] for query in queries]
    assert sum(row["max_tokens"] for row in caps) <= 24 * 80


def test_the_next_command_runs(finished):
    _, printed = finished
    command = next(line for line in printed.splitlines() if line.startswith("next: clear-opt "))
    result = run(*shlex.split(command.removeprefix("next: clear-opt ")), "--json")
    assert result.exit_code == 0
    assert json.loads(result.stdout)["n_queries"] == 24


def test_a_demo_of_one_question(tmp_path):
    result = run("demo", "--out-dir", tmp_path, "--queries", 1, "--tokens-per-query", 1)
    assert result.exit_code == 0, result.output
    assert "abandoned: 1 of 1" in result.stdout


def test_a_folder_that_cannot_be_made_is_refused_at_once(tmp_path, monkeypatch):
    monkeypatch.setattr("clear_opt.cli.demo.predict_texts", pytest.fail)
    (tmp_path / "file").write_text("")
    result = run("demo", "--out-dir", tmp_path / "file")
    assert result.exit_code == 2
    assert result.stderr.count("\n") == 1
    assert "folder cannot be made" in result.stderr


def test_the_readme_shows_what_the_demo_prints(tmp_path):
    readme = (Path(__file__).resolve().parents[1] / "README.md").read_text(encoding="utf-8")
    printed = run("demo", "--out-dir", tmp_path).output
    rows = re.findall(r"^  (?:\w[\w ()]+?) +[\d.]+% +[\d.]+% .*$", readme, re.MULTILINE)
    assert len(rows) == 5
    lines = {" ".join(line.split()) for line in printed.splitlines()}
    for row in rows:
        assert " ".join(row.split()) in lines

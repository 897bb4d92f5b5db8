"""``clear-opt evaluate``: what it prints, writes and refuses."""

import json
from functools import partial

import numpy as np
import pytest

from tests import command_line

POLICIES = ("uniform", "proportional", "learned", "oracle")


run, refusal = partial(command_line.run, "evaluate"), partial(command_line.refusal, "evaluate")


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    """Sixty short and long questions, two models, JSON Lines."""
    rng = np.random.default_rng(0)
    path = tmp_path_factory.mktemp("rollouts") / "rollouts.jsonl"
    lines = []
    for k in range(60):
        hard = k % 2
        text = f"Prove that {k} is odd, and why." if hard else f"Add {k} and {k + 1}."
        for model in ("big", "small"):
            length = int((400 if hard else 80) * np.exp(0.3 * rng.standard_normal()))
            right = bool(rng.random() < (0.4 if hard else 0.9))
            lines.append({"query_id": f"q{k}", "text": text, "model": model,
                          "n_tokens": length, "correct": right})  # fmt: skip
    path.write_text("\n".join(map(json.dumps, lines)))
    return path


def test_json_and_report_end_to_end(table, tmp_path):
    report = tmp_path / "report.html"
    result = run(table, "--cv", 3, "--budgets", "100, 200", "--json", "--report", report)
    assert result.exit_code == 0, result.output
    assert result.stdout.count("\n") == 1
    found = json.loads(result.stdout, parse_constant=pytest.fail)
    assert list(found["models"]) == ["big", "small"]
    for model in found["models"].values():
        assert model["budgets"] == [100, 200]
        for policy in POLICIES:
            assert len(model[policy]) == 2
            assert all(0 <= accuracy <= 1 for accuracy in model[policy])
        ratio = np.mean(np.divide(model["learned"], model["oracle"]))
        assert model["triage_efficiency"] == pytest.approx(ratio)
    assert found["triage_efficiency"] == pytest.approx(
        np.mean([model["triage_efficiency"] for model in found["models"].values()])
    )
    assert found["worst_vs_uniform"] == pytest.approx(
        min(np.subtract(m["learned"], m["uniform"]).min() for m in found["models"].values())
    )
    assert f"wrote {report}" in result.stderr
    page = report.read_text(encoding="utf-8")
    assert page.startswith("<!doctype html>")
    assert f"{100 * found['triage_efficiency']:.1f}" in page
    assert run(table, "--cv", 3, "--budgets", "100, 200", "--json").stdout == result.stdout


def test_the_tables_in_words(table):
    result = run(table, "--budgets", "100,200", "--cv", 3)
    assert result.exit_code == 0
    words = " ".join(result.stdout.split())
    for fragment in (
        "120 rollouts, 60 queries, 2 models; 3-fold cross-validation by query",
        "accuracy, averaged over the models", "triage efficiency", "worst cell", "big", "small",
        "of 4 cells significantly", "regret", "allocation", "calibration error", "coverage of",
        "95% bootstrap intervals over queries",
    ):  # fmt: skip
        assert fragment in words
    assert max(map(len, result.stdout.splitlines())) <= 80
    assert result.stderr == ""


def test_one_model_alone(table):
    options = ("--budgets", 100, "--cv", 3, "--model", "small", "--json")
    together, alone = (json.loads(run(table, *options, *more).stdout) for more in ([], ["--alone"]))
    assert list(together["models"]) == list(alone["models"]) == ["small"]
    assert alone["settings"]["alone"] is True
    assert together["models"]["small"]["oracle"] == alone["models"]["small"]["oracle"]


def test_a_predictor_as_it_is_with_its_warning(table):
    result = run(table, "--predictor", "zeroeval-math", "--budgets", "100", "--json")
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["settings"]["folds"] is None
    assert "not trained on big, small" in result.stderr


def test_a_table_without_models_is_one_model_named_all(table, tmp_path):
    lines = [json.loads(line) for line in table.read_text().splitlines()]
    path = tmp_path / "one.jsonl"
    kept = [{**line, "model": None} for line in lines if line["model"] == "big"]
    path.write_text(
        "\n".join(json.dumps({k: v for k, v in line.items() if k != "model"}) for line in kept)
    )
    found = json.loads(run(path, "--cv", 2, "--budgets", "150.5", "--json").stdout)
    assert list(found["models"]) == ["all"]
    assert found["models"]["all"]["budgets"] == [150.5]


REFUSED = {
    "budgets no numbers": (["--budgets", "50,ten"], ["'ten' is not a number above zero"]),
    "budget of zero": (["--budgets", "0"], ["'0' is not a number above zero"]),
    "no budget": (["--budgets", ""], ["is not a number above zero"]),
    "budget without end": (["--budgets", "50,inf"], ["'inf'"]),
    "unknown model": (["--model", "huge"], ["model = huge", "big, small"]),
    "too many folds": (["--cv", "61"], ["61", "number of queries, 60"]),
    "one fold": (["--cv", "1"], ["--cv"]),
    "predictor and folds": (["--cv", "5", "--predictor", "zeroeval-math"], ["exclude each other"]),
    "predictor and alone": (["--alone", "--predictor", "zeroeval-math"], ["--alone"]),
    "unknown predictor": (["--predictor", "nobody"], ["predictor = nobody"]),
    "report without ending": (["--report", "report"], ["report", ".html"]),
    "report in no folder": (["--report", "nowhere/report.html"], ["folder does not exist"]),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refusals_in_one_line(table, name):
    options, fragments = REFUSED[name]
    message = refusal(table, *options)
    for fragment in fragments:
        assert fragment in message


def test_a_missing_table(tmp_path):
    assert "nothing.parquet" in refusal(tmp_path / "nothing.parquet")


def test_help_shows_examples():
    result = run("--help")
    assert result.exit_code == 0
    assert "clear-opt evaluate rollouts.parquet" in result.stdout


def test_expected_spend_is_compared_at_equal_tokens(table):
    options = (table, "--cv", 3, "--budgets", "60, 200", "--basis", "expected")
    result = run(*options, "--json")
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout, parse_constant=pytest.fail)
    assert [(row["model"], row["tokens"]) for row in found["rows"]] == [
        ("big", 60), ("big", 200), ("small", 60), ("small", 200)
    ]  # fmt: skip
    for row, other in zip(found["mean"], (0, 1), strict=True):
        for policy in ("uniform", "reserved", "expected", "oracle"):
            both = [found["rows"][k][policy] for k in (other, other + 2)]
            assert row[policy] == pytest.approx(np.mean(both))
            assert row[policy] <= row["oracle"] + 1e-12
    assert found["settings"]["folds"] == 3
    shown = run(*options).stdout
    words = " ".join(shown.split())
    assert "accuracy at tokens really spent per query, averaged over the models" in words
    assert f"{found['mean'][0]['expected']:.3f}" in words
    assert "worst against reserved" in words
    assert max(map(len, shown.splitlines())) <= 80


def test_expected_spend_has_no_report_and_no_run(table, monkeypatch):
    assert "--report" in refusal(table, "--basis", "expected", "--report", "report.html")
    monkeypatch.setenv("MLFLOW_RUN_ID", "abc")
    result = run(table, "--cv", 2, "--budgets", "60", "--basis", "expected", "--model", "big")
    assert result.exit_code == 0, result.output
    assert "not logged" in result.stderr

"""``clear-opt import``: what it prints, writes and refuses; rows of a table one by one."""

import json

import pytest
from typer.testing import CliRunner

from clear_opt.cli.app import app
from clear_opt.io import TableError
from clear_opt.rollouts import read_rollouts
from clear_opt.rollouts.importers import import_table

TABLE = """\
problem,usage,correct,level
a,90,yes,3
b,many,no,3
c,120,2,4
d,300,no,4
"""
MAPPING = {"query_id": "problem", "n_tokens": "usage"}
MAP = ("--map", "query_id=problem", "--map", "n_tokens = usage")


def run(*arguments):
    return CliRunner().invoke(app, ["import", *(str(argument) for argument in arguments)])


def refusal(*arguments):
    result = run(*arguments)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert result.stderr.startswith("clear-opt: ")
    assert result.stderr.count("\n") == 1
    return result.stderr


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "log.csv"
    path.write_text(TABLE)
    return path


@pytest.fixture
def out(tmp_path):
    return tmp_path / "rollouts.parquet"


def test_rows_of_a_table_are_refused_one_by_one(table):
    found = import_table(table, columns=MAPPING, model="m")
    assert found.rollouts.query_id.tolist() == ["a", "d"]
    assert found.rollouts.models == ("m",)
    assert found.rollouts.features["level"].tolist() == [3, 4]
    assert repr(found) == f"Imported({found.rollouts!r}, refused=2)"
    assert [refused[:2] for refused in found.refused] == [
        ("row 2 (line 3)", "n_tokens is not a number"),
        ("row 3 (line 4)", "correct lies outside [0, 1]"),
    ]
    assert "'many'" in found.refused[0].detail
    assert not import_table(table, columns=MAPPING, features=[]).rollouts.features


def test_a_row_with_two_flaws_is_refused_once(tmp_path):
    path = tmp_path / "r.csv"
    path.write_text("query_id,n_tokens,correct,truncated\na,x,7,0\nb,5,1,1\nc,1,1,0\n")
    found = import_table(path)
    assert [refused.location for refused in found.refused] == ["row 1 (line 2)", "row 2 (line 3)"]
    assert found.refused[0].reason == "n_tokens is not a number"
    assert "truncated row" in found.refused[1].reason
    assert found.read == 3


def test_a_table_names_its_models_itself(tmp_path):
    path = tmp_path / "r.csv"
    path.write_text("query_id,n_tokens,correct,model\na,1,1,x\n")
    found = import_table(path, model="y")
    assert found.rollouts.models == ("x",)
    assert found.notes == ("the table names the models itself: 'y' is not used",)


def test_a_column_that_says_nothing_of_the_query_is_told(tmp_path):
    path = tmp_path / "r.csv"
    path.write_text("query_id,n_tokens,correct,seconds\na,1,1,0.5\na,2,1,0.7\n")
    assert "seconds differs between rollouts" in import_table(path).notes[0]


def test_a_length_above_its_cap_is_kept_and_the_caps_are_left_out(tmp_path):
    path = tmp_path / "r.csv"
    rows = ["a,70,0,64", "b,64,0,64", "c,9,0,64", "d,70,1,64", "e,9,0,", "f,x,0,64"]
    path.write_text("\n".join(["query_id,n_tokens,correct,cap", *rows]))
    found = import_table(path)
    assert found.rollouts.query_id.tolist() == list("abcde")
    assert found.rollouts.cap is None
    assert found.rollouts.truncated.tolist() == [True, True, False, False, False]
    assert [refused.location for refused in found.refused] == ["row 6 (line 7)"]
    missing, above = found.notes
    assert missing == "cap is left out: 1 of 6 rollouts have none"
    assert "2 of 6 rollouts are longer than theirs" in above
    assert "first: row 1 (line 2), 70 > 64" in above
    path.write_text("query_id,n_tokens,correct,cap\na,70,0,64\n")
    with pytest.raises(TableError, match=r"n_tokens = 70.*exceeds .*leave the caps out"):
        read_rollouts(path)


def test_a_table_without_a_usable_row_is_an_error(tmp_path):
    path = tmp_path / "r.csv"
    path.write_text("query_id,n_tokens,correct\na,x,1\nb,x,1\nc,1,9\n")
    with pytest.raises(TableError, match=r"2 x n_tokens is not a number; 1 x correct lies"):
        import_table(path)
    path.write_text("query_id,n_tokens,correct\n")
    with pytest.raises(TableError, match="it is empty"):
        import_table(path)


def test_the_command_says_what_it_read_and_refused(table, out):
    result = run(table, "--format", "table", *MAP, "--out", out)
    assert result.exit_code == 0, result.output
    words = " ".join(result.stdout.split())
    for fragment in (
        f"read 4 from {table}", "usable 2 rollouts of 2 queries", "refused 2", "correct 50.0%",
        "n_tokens is not a number", "row 2 (line 3): 'many'", "correct lies outside [0, 1]",
        f"wrote {out} (2 rows)",
    ):  # fmt: skip
        assert "".join(fragment.split()) in "".join(words.split()), fragment
    assert result.stderr == ""
    rollouts = read_rollouts(out)
    assert rollouts.query_id.tolist() == ["a", "d"]
    assert list(rollouts.features) == ["level"]


def test_strict_refuses_the_whole_and_writes_nothing(table, out):
    message = refusal(table, "--format", "table", *MAP, "--out", out, "--strict")
    assert f"{table}, row 2 (line 3): n_tokens is not a number" in message
    assert "2 refused in all" in message
    assert not out.exists()
    table.write_text("query_id,n_tokens,correct\na,1,1\n")
    assert run(table, "--format", "table", "--out", out, "--strict").exit_code == 0


def test_features_may_be_chosen(table, out):
    run(table, "--format", "table", *MAP, "--out", out, "--features", "")
    assert not read_rollouts(out).features
    run(table, "--format", "table", *MAP, "--out", out, "--features", "level")
    assert list(read_rollouts(out).features) == ["level"]
    assert "'lvl'" in refusal(table, "--format", "table", *MAP, "--out", out, "--features", "lvl")


def test_a_batch_and_its_grades(tmp_path, out):
    body = {"model": "m", "choices": [{"finish_reason": "stop"}], "usage": {"completion_tokens": 9}}
    lines = [
        {"custom_id": "a", "response": {"status_code": 200, "body": body}, "error": None},
        {"custom_id": "b", "response": {"status_code": 500, "body": {}}, "error": None},
    ]
    batch, grades = tmp_path / "b.jsonl", tmp_path / "g.csv"
    batch.write_text("\n".join(map(json.dumps, lines)))
    grades.write_text("custom_id,points\na,1\nb,0\n")
    options = ("--format", "openai-batch", "--map", "correct=points", "--model", "mine")
    result = run(batch, *options, "--grades", grades, "--out", out)
    assert result.exit_code == 0, result.output
    assert "status 500" in result.stdout
    assert read_rollouts(out).models == ("mine",)
    assert "needs --grades" in refusal(batch, *options, "--out", out)


def test_lm_eval_logs(tmp_path, out):
    row = {"doc_id": 0, "doc": {}, "arguments": {"gen_args_0": {"arg_0": "2+2", "arg_1": {}}},
           "resps": [["It is 4."]], "filter": "none", "metrics": ["acc"], "acc": 1.0}  # fmt: skip
    (tmp_path / "samples_sums_2025-03-01T12-30-00.1.jsonl").write_text(json.dumps(row))
    options = ("--format", "lm-eval", "--filter", "none", "--count-tokens", "words")
    assert run(tmp_path, *options, "--out", out).exit_code == 0
    assert read_rollouts(out).n_tokens.tolist() == [4]
    assert "--count-tokens words" in refusal(tmp_path, "--format", "lm-eval", "--out", out)


BAD_OPTIONS = {
    "unknown format": (["--format", "csv"], ["csv", "'table'", "'inspect'"]),
    "half a mapping": (["--format", "table", "--map", "query_id"], ["OURS=THEIRS"]),
    "mapped twice": (
        ["--format", "table", "--map", "text=a", "--map", "text=b"],
        ["text is already a"],
    ),
    "grades of a table": (
        ["--format", "table", "--grades", "g.csv"],
        ["--grades is of no use with --format table"],
    ),
    "scorer of lm-eval": (["--format", "lm-eval", "--scorer", "x"], ["--scorer is of no use"]),
    "map of inspect": (["--format", "inspect", "--map", "a=b"], ["--map is of no use"]),
    "filter of inspect": (["--format", "inspect", "--filter", "x"], ["--filter is of no use"]),
}


@pytest.mark.parametrize("case", BAD_OPTIONS)
def test_bad_options_exit_with_two_and_one_line(table, out, case):
    options, fragments = BAD_OPTIONS[case]
    message = refusal(table, *options, "--out", out)
    for fragment in fragments:
        assert fragment in message


def test_outputs_are_refused_beforehand(table, tmp_path):
    options = ("--format", "table", *MAP)
    assert "input itself" in refusal(table, *options, "--out", table)
    assert ".parquet" in refusal(table, *options, "--out", tmp_path / "r.xlsx")


def test_what_a_log_says_cannot_spoil_the_terminal(tmp_path, out):
    path = tmp_path / "r.jsonl"
    rows = [
        {"query_id": "a", "n_tokens": "[bold]\x1b[2J\n", "correct": 1},
        {"query_id": "b", "n_tokens": 1, "correct": 1, "model": "[red]m\x1b[2J"},
    ]
    rows[0]["model"] = rows[1]["model"]
    path.write_text("\n".join(map(json.dumps, rows)))
    result = run(path, "--format", "table", "--out", out)
    assert result.exit_code == 0
    assert "\x1b" not in result.stdout
    assert "[red]m" in result.stdout

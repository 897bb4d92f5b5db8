"""Query tables: whatever cannot be used is named by file, row, query, column and value."""

import math

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from clear_opt import ClearOptError, InvalidInputError
from clear_opt.inputs import read_queries
from clear_opt.io import TableError


def put(folder, name, content):
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def refusal(path, **options):
    with pytest.raises(TableError) as caught:
        read_queries(path, **options)
    message = str(caught.value)
    assert "\n" not in message
    assert path.name in message
    return message


CURVE = '"query_id": "a", "tau": 5, "height": 0.5, "width": 9'
BAD_ROWS = {
    "duplicate": ('{"query_id": 1, "text": "x"}\n\n{"query_id": "1", "text": "y"}',
                  ["row 2 (line 3)", "query_id = '1'", "row 1 (line 1)"]),
    "text as number": ('{"query_id": "a", "tau": "5"}', ["row 1", "tau = '5'", "number"]),
    "true as number": ('{"query_id": "a", "tau": true}', ["tau = True", "number"]),
    "NaN": ('{"query_id": "a", "tau": NaN}', ["tau = nan", "finite"]),
    "infinity": (f'{{{CURVE}, "weight": Infinity}}', ["weight = inf", "finite"]),
    "too large for a float": ('{"query_id": "a", "tau": 1' + "0" * 400 + "}", ["tau = 1000"]),
    "negative threshold": ('{"query_id": "a", "tau": -1}', ["'a'", "tau = -1", ">= 0"]),
    "height above one": ('{"query_id": "a", "tau": 1, "height": 1.5, "width": 2}',
                         ["height = 1.5", "(0, 1]"]),
    "height above one by slope": ('{"query_id": "a", "tau": 1, "alpha": 0.5, "beta": 0.01}',
                                  ["row 1 (line 1)", "'a'", "height", "(0, 1]"]),
    "width too small to invert": ('{"query_id": "a", "tau": 1, "height": 1, "width": 1e-320}',
                                  ["row 1", "'a'"]),
    "zero weight": (f'{{{CURVE}, "weight": 0}}', ["weight = 0", "> 0"]),
    "negative floor": (f'{{{CURVE}, "floor": -3}}', ["floor = -3", ">= 0"]),
    "ceiling below floor": (f'{{{CURVE}, "floor": 9, "ceiling": 4}}',
                            ["ceiling = 4", "floor of 9"]),
    "half a curve": ('{"query_id": "a", "tau": 1, "alpha": 0.5}', ["'a'", "no beta", "alpha"]),
    "lone threshold": ('{"query_id": "a", "tau": 1}', ["no height and width"]),
    "two curves in one row": (f'{{{CURVE}, "alpha": 0.5, "beta": 0.5}}', ["contradict", "'a'"]),
    "texts and curves mixed": (f'{{{CURVE}}}\n{{"query_id": "b", "text": "x"}}',
                               ["row 2 (line 2)", "'b'", "no tau", "row 1 (line 1) has a tau"]),
    "curve without threshold": (f'{{{CURVE}}}\n{{"query_id": "b", "height": 0.4}}',
                                ["row 2", "'b'", "no tau"]),
    "no text on one row": ('{"query_id": "a", "text": "x"}\n{"query_id": "b"}',
                           ["row 2 (line 2)", "'b'", "no text"]),
    "blank text": ('{"query_id": "a", "text": " \\n"}', ["text = ' \\n'", "blank"]),
    "text as a list": ('{"query_id": "a", "text": ["x"]}', ["text = ['x']", "string"]),
    "no name on one row": ('{"query_id": "a", "text": "x"}\n{"text": "y"}',
                           ["row 2 (line 2)", "query_id", "missing"]),
    "null name": ('{"query_id": null, "text": "x"}', ["row 1", "query_id", "missing"]),
    "blank name": ('{"query_id": " ", "text": "x"}', ["query_id = ' '", "blank"]),
    "name as fraction": ('{"query_id": 1.5, "text": "x"}', ["query_id = 1.5"]),
    "half a surrogate pair": ('{"query_id": "\\ud83d", "text": "x"}', ["query_id", "surrogate"]),
    "no name column": ('{"text": "x"}', ["query_id: is missing", "columns found: 'text'"]),
    "nothing to allocate by": ('{"query_id": "a", "weight": 2}', ["'text'", "'tau'", "'weight'"]),
    "a list": ("[1, 2]", ["row 1 (line 1)", "list", "object"]),
    "no JSON": ('{"query_id": "a", "text": "x"}\n{"query_id": "b"', ["row 2 (line 2)", "JSON"]),
    "nested without end": ("[" * 100_000, ["row 1 (line 1)", "JSON"]),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD_ROWS)
def test_bad_rows_are_named(tmp_path, case):
    content, fragments = BAD_ROWS[case]
    message = refusal(put(tmp_path, "q.jsonl", content))
    for fragment in fragments:
        assert fragment in message
    assert len(message) < 500


BAD_CSV = {
    "empty": ("", ["is empty", "header"]),
    "semicolons": ("query_id;text\na;x\n", ["query_id: is missing", "'query_id;text'"]),
    "word for a number": (
        "query_id,tau\na,3\nb,ten\n",
        ["row 2 (line 3)", "tau = 'ten'", "number"],
    ),
    "infinite number": ("query_id,tau\na,inf\n", ["tau = 'inf'", "finite"]),
    "too many cells": ("query_id,text\n\na,x,y\n", ["row 1 (line 3)", "3 cells", "2"]),
    "too few cells": ("query_id,text\na\n", ["row 1 (line 2)", "1 cells"]),
    "line of a row after a long one": ('query_id,text\na,"x\ny"\nb,\n', ["row 2 (line 4)", "'b'"]),
    "open quotes": ('query_id,text\na,x\nb,"y\nc,z\n', ["line 3", "CSV", "quotes"]),
    "column twice": ("query_id,text,text\na,x,y\n", ["text: appears twice"]),
    "unnamed columns": ("query_id,text,,\na,x,,\n", ["no name"]),
    "not UTF-8": (b"query_id,text\na,x\nb,caf\xe9\n", ["line 3", "UTF-8", "0xe9"]),
}


@pytest.mark.parametrize("case", BAD_CSV)
def test_bad_csv_is_named(tmp_path, case):
    content, fragments = BAD_CSV[case]
    message = refusal(put(tmp_path, "q.csv", content))
    for fragment in fragments:
        assert fragment in message


@pytest.mark.parametrize(
    ("columns", "fragments"),
    [
        ({"query_id": ["a", "b"], "tau": [1.0, math.nan]}, ["row 2", "'b'", "tau = nan"]),
        ({"query_id": ["a", "b"], "tau": ["1", "2"]}, ["row 1", "tau = '1'"]),
        ({"query_id": ["a", None], "text": ["x", "y"]}, ["row 2", "query_id", "missing"]),
        ({"query_id": [1.0, 2.0], "text": ["x", "y"]}, ["row 1", "query_id = 1.0"]),
    ],
)
def test_bad_parquet_rows_are_named(tmp_path, columns, fragments):
    path = tmp_path / "q.parquet"
    pq.write_table(pa.table(columns), path)
    message = refusal(path)
    for fragment in fragments:
        assert fragment in message


@pytest.mark.parametrize(
    ("name", "fragment"),
    [("none.csv", "No such file"), ("folder.csv", "folder"), ("q.txt", ".parquet"), ("q", ".csv")],
)
def test_files_that_cannot_be_read(tmp_path, name, fragment):
    (tmp_path / "folder.csv").mkdir()
    assert fragment in refusal(tmp_path / name)


def test_a_file_without_permission(tmp_path, monkeypatch):
    path = put(tmp_path, "q.csv", "query_id,text\n")

    def denied(self):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(type(path), "read_bytes", denied)
    assert "Permission denied" in refusal(path)


def test_a_file_that_is_not_parquet(tmp_path):
    assert "Parquet" in refusal(put(tmp_path, "q.parquet", "query_id,text\n"))


def test_errors_are_of_the_package_and_carry_their_place(tmp_path):
    path = put(tmp_path, "q.csv", "query_id,tau\na,-1\n")
    with pytest.raises(ClearOptError) as caught:
        read_queries(path)
    error = caught.value
    assert isinstance(error, InvalidInputError)
    assert (error.path, error.location, error.query_id) == (path, "row 1 (line 2)", "a")
    assert (error.column, error.value) == ("tau", "-1")


def test_floor_and_ceiling_without_a_whole_block_name_the_row(tmp_path):
    path = put(tmp_path, "q.csv", "query_id,tau,height,width,ceiling\na,1,1,1,\nb,1,1,1,9\n")
    table = read_queries(path, floor=7)
    with pytest.raises(TableError, match=r"q\.csv, row 2 \(line 3\), query_id 'b'.*blocks of 10"):
        table.problem(table.curves, 100, block=10)
    with pytest.raises(InvalidInputError, match="budget"):
        table.problem(table.curves, -1.0)


def test_floor_option_above_ceiling_option(tmp_path):
    with pytest.raises(InvalidInputError, match="ceiling = 3"):
        read_queries(tmp_path / "none.csv", floor=4, ceiling=3)


def test_texts_are_missed_where_only_they_count(tmp_path):
    assert "'text'" in refusal(put(tmp_path, "c.csv", "query_id,tau\na,1\n"), text_only=True)

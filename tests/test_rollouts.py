import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from clear_opt.errors import InvalidInputError, MissingExtraError
from clear_opt.rollouts import Rollouts, read_rollouts

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"
needs_shared = pytest.mark.skipif(not SHARED.is_dir(), reason=f"no rollouts at {SHARED}")

GOOD = {
    "query_id": ["b", "a", "b", "c"],
    "n_tokens": [90, 120, 300, 0],
    "correct": [True, False, True, False],
    "text": ["two", "one", "two", ""],
    "model": ["m2", "m1", "m1", "m1"],
    "sample": [0, 0, 0, 1],
    "truncated": [False, True, False, False],
    "source": ["s", "s", "s", "t"],
}


@pytest.fixture
def write(tmp_path):
    def write(columns):
        path = tmp_path / "rollouts.parquet"
        pq.write_table(pa.table(columns), path)
        return path

    return write


def test_a_parquet_file_becomes_checked_arrays(write):
    rollouts = read_rollouts(write({**GOOD, "unknown": [1, 2, 3, 4]}))
    assert repr(rollouts) == "Rollouts(rows=4, queries=3, models=2, features=1, accuracy=0.500)"
    assert rollouts.n_tokens.dtype == np.int64
    assert rollouts.correct.dtype == np.float64
    assert rollouts.truncated.tolist() == GOOD["truncated"]
    assert rollouts.models == ("m1", "m2")
    assert rollouts.sources == ("s", "t")


def test_required_columns_are_enough(write):
    rollouts = read_rollouts(write({k: GOOD[k] for k in ("query_id", "n_tokens", "correct")}))
    assert rollouts.models == ()
    assert rollouts.sources == ()
    with pytest.raises(InvalidInputError, match="text: is missing"):
        rollouts.texts()
    with pytest.raises(InvalidInputError, match="no model column"):
        rollouts.for_model("m1")


def test_queries_keep_their_first_order():
    rollouts = Rollouts(**GOOD)
    assert rollouts.query_ids.tolist() == ["b", "a", "c"]
    assert rollouts.texts() == ["two", "one", ""]
    assert rollouts.index_of(["c", "b", "c"]).tolist() == [2, 0, 2]


def test_rows_of_a_model_and_of_queries(write):
    one = read_rollouts(write(GOOD), model="m1")
    assert one.query_id.tolist() == ["a", "b", "c"]
    assert one.for_queries(["c", "a"]).n_tokens.tolist() == [120, 0]
    with pytest.raises(InvalidInputError, match=r"model = m3: has no rollouts; models here: m1"):
        one.for_model("m3")
    with pytest.raises(InvalidInputError, match="row 1, query_id = z: has no rollouts"):
        one.for_queries(["a", "z"])


def test_two_texts_for_one_query_are_refused():
    with pytest.raises(InvalidInputError, match=r"row 2, text: differs .* query 'b'"):
        Rollouts(**{**GOOD, "text": ["two", "one", "TWO", ""]}).texts()


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("query_id", None, "row 2, query_id = null: is missing"),
        ("n_tokens", None, "row 2, n_tokens = null: is missing"),
        ("n_tokens", -1, "row 2, n_tokens = -1: must be a whole number >= 0"),
        ("n_tokens", 1.5, "row 2, n_tokens = 1.5: must be a whole number >= 0"),
        ("n_tokens", float("nan"), "row 2, n_tokens = nan: must be"),
        ("n_tokens", float("inf"), "row 2, n_tokens = inf: must be"),
        ("correct", 1.01, r"row 2, correct = 1.01: lies outside \[0, 1\]"),
        ("correct", -0.5, r"row 2, correct = -0.5: lies outside \[0, 1\]"),
        ("correct", float("nan"), r"row 2, correct = nan: lies outside \[0, 1\]"),
        ("correct", None, "row 2, correct = null: is missing"),
        ("text", None, "row 2, text = null: is missing; give an empty text"),
        ("model", None, "row 2, model = null: is missing"),
        ("sample", 0.5, "row 2, sample = 0.5: must be a whole number"),
        ("truncated", 2, "row 2, truncated = 2: must be true or false"),
    ],
)
def test_a_bad_entry_is_named(write, column, value, message):
    values = list(GOOD[column])
    if isinstance(value, float):
        values = [float(v) for v in values]
    elif column in ("truncated", "correct") and value is not None:
        values = [int(v) for v in values]
    values[2] = value
    with pytest.raises(InvalidInputError, match=message) as caught:
        read_rollouts(write({**GOOD, column: values}))
    assert (caught.value.row, caught.value.column) == (2, column)
    assert caught.value.remedy


@pytest.mark.parametrize(
    ("column", "values", "message"),
    [
        ("n_tokens", [1, 2, "many", 3], "row 2, n_tokens = many: is not a number"),
        ("query_id", ["a", 7, "b", "c"], "row 1, query_id = 7: is not text"),
        ("correct", [1, 0], "correct: has 2 entries where query_id has 4"),
        ("n_tokens", np.zeros((4, 2)), r"n_tokens: has shape \(4, 2\)"),
    ],
)
def test_wrong_arrays_are_refused(column, values, message):
    with pytest.raises(InvalidInputError, match=message):
        Rollouts(**{**GOOD, column: values})


@pytest.mark.parametrize("column", ["query_id", "n_tokens", "correct"])
def test_a_missing_column_is_named(write, column):
    columns = {name: values for name, values in GOOD.items() if name != column}
    with pytest.raises(InvalidInputError, match=f"{column}: is missing; .* has the columns"):
        read_rollouts(write(columns))


def test_files_that_are_no_parquet_are_refused(tmp_path):
    with pytest.raises(InvalidInputError, match="cannot be read"):
        read_rollouts(tmp_path / "absent.parquet")
    (tmp_path / "text.parquet").write_text("query_id,n_tokens,correct\n")
    with pytest.raises(InvalidInputError, match=r"cannot be read: .*; give a Parquet file"):
        read_rollouts(tmp_path / "text.parquet")


def test_without_pyarrow_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(MissingExtraError, match=r"clear-opt\[tables\]"):
        read_rollouts("rollouts.parquet")


def test_an_empty_table_is_a_table():
    empty = Rollouts([], [], [])
    assert len(empty.query_ids) == 0
    assert repr(empty) == "Rollouts(rows=0, queries=0)"


@needs_shared
def test_the_shared_tables_are_read_whole():
    zeroeval = read_rollouts(SHARED / "zeroeval_rollouts.parquet")
    assert (len(zeroeval), len(zeroeval.query_ids), len(zeroeval.models)) == (19_293, 1_412, 14)
    assert len(zeroeval.texts()) == 1_412
    aime = read_rollouts(SHARED / "aime_rollouts.parquet")
    assert (len(aime), len(aime.query_ids)) == (2_902, 370)

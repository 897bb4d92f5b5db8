"""Parquet files whose values Python cannot make: told or left alone, in used columns or not."""

from contextlib import suppress

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from clear_opt.inputs import read_queries
from clear_opt.io import TableError, read_parquet, read_records
from clear_opt.rollouts import read_rollouts

BROKEN = pa.Array.from_buffers(
    pa.string(), 2, [None, pa.py_buffer(np.array([0, 1, 2], np.int32)), pa.py_buffer(b"a\xff")]
)
UNREADABLE = {
    "unknown time zone": pa.array([0, 1], pa.timestamp("us", tz="Nowhere/Town")),
    "time out of range": pa.array([2**62, None], pa.timestamp("ms")),
    "date out of range": pa.array([2**30, 0], pa.date32()),
    "span out of range": pa.array([2**62, 0], pa.duration("s")),
    "bytes": pa.array([b"\xff", b"a"]),
}


def table(**more):
    columns = {"query_id": ["a", "b"], "n_tokens": [9, 8], "correct": [1, 0], "text": ["x", "y"]}
    return pa.table({**columns, **more})


def put(folder, found):
    pq.write_table(found, folder / "t.parquet", store_schema=True)
    return folder / "t.parquet"


@pytest.mark.parametrize("case", UNREADABLE)
def test_a_column_that_python_cannot_hold_disturbs_only_who_uses_it(tmp_path, case):
    path = put(tmp_path, table(when=UNREADABLE[case]))
    assert read_queries(path).texts == ("x", "y")
    assert read_rollouts(path, features=[]).query_id.tolist() == ["a", "b"]
    for read in (
        lambda: read_rollouts(path),
        lambda: read_rollouts(path, columns={"text": "when"}),
        lambda: read_queries(path).labels("when"),
        lambda: read_queries(path).queries(["when"]),
    ):
        with pytest.raises(TableError, match=r"t\.parquet.*when.*; ") as caught:
            read()
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "column",
    [BROKEN, BROKEN.dictionary_encode(), pa.ListArray.from_arrays([0, 1, 2], BROKEN),
     pa.StructArray.from_arrays([BROKEN], ["inner"])],
)  # fmt: skip
def test_text_that_is_not_utf8_is_refused_in_any_column(tmp_path, column):
    path = put(tmp_path, table(unused=column))
    for read in (read_records, read_parquet, read_rollouts, read_queries):
        with pytest.raises(TableError, match="unused: holds what a column of type"):
            read(path)


@pytest.mark.parametrize("nested", [
    pa.array([[0], [1]], pa.list_(pa.timestamp("us", tz="Nowhere/Town"))),
    pa.array([{"when": 2**30}, None], pa.struct([("when", pa.date32())])),
])  # fmt: skip
def test_lists_and_objects_that_python_cannot_hold_are_named(tmp_path, nested):
    path = put(tmp_path, table(nested=nested))
    with pytest.raises(TableError, match=r"nested: of type .* cannot be read: .*; leave"):
        read_queries(path)
    assert len(read_rollouts(path, features=[])) == 2


def test_any_damage_to_a_file_is_an_error_of_the_table(tmp_path):
    whole = put(tmp_path, table(level=[1.5, 2.5])).read_bytes()
    rng = np.random.default_rng(0)
    path = tmp_path / "damaged.parquet"
    for _ in range(80):
        damaged = bytearray(whole)
        for place in rng.integers(0, len(whole), 3):
            damaged[place] = rng.integers(256)
        path.write_bytes(damaged[: rng.integers(1, len(whole))] if rng.random() < 0.2 else damaged)
        for read in (read_rollouts, read_queries):
            with suppress(TableError):
                read(path)

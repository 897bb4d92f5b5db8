"""Query tables: the three formats agree, bad rows are named, files are whole or not written."""

import csv
import decimal
import errno
import json
import math
import os

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from clear_opt import ShiftedSurge
from clear_opt.inputs import curve_table, read_queries
from clear_opt.io import (
    TableError,
    check_folder,
    check_output,
    make_folder,
    read_records,
    replacing,
    write,
    write_table,
)

ENDINGS = (".jsonl", ".ndjson", ".csv", ".parquet")
AWKWARD = [
    "plain",
    'comma, "quotes" and \\ backslash',
    "two\nlines and\r\nthree",
    "line separator \u2028 and next line \x85 inside",
    "数学题 求和 🧮",
    "  leading and trailing  ",
    "007",
    "NaN",
]


def put(folder, name, content):
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def names_in(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("ending", ENDINGS)
def test_texts_survive_each_format(tmp_path, ending):
    ids = [f"q{i}" for i in range(len(AWKWARD))]
    path = tmp_path / f"queries{ending}"
    write_table(pa.table({"query_id": ids, "text": AWKWARD}), path)
    table = read_queries(path)
    assert table.query_ids == tuple(ids)
    assert table.texts == tuple(AWKWARD)
    assert table.curves is None
    assert table.unused_columns == ()
    assert table.weight.tolist() == [1.0] * len(AWKWARD)
    assert table.floor.tolist() == [0.0] * len(AWKWARD)
    assert np.isposinf(table.ceiling).all()


@pytest.mark.parametrize("ending", ENDINGS)
def test_curves_survive_each_format_to_the_last_bit(tmp_path, ending):
    tau, alpha, beta = [0.0, 1e-3, 1e7], [math.e / 3, 0.012345678901234567, 1e-9], [0.5, 0.1, 1e-8]
    path = tmp_path / f"curves{ending}"
    write_table(curve_table(["a", "b", "c"], ShiftedSurge(tau, alpha, beta)), path)
    table = read_queries(path)
    assert table.texts is None
    assert np.asarray(table.curves.tau).tolist() == tau
    assert np.asarray(table.curves.alpha).tolist() == alpha
    assert np.asarray(table.curves.beta).tolist() == beta


def test_curves_from_height_and_width(tmp_path):
    path = put(tmp_path, "q.csv", "query_id,tau,height,width\na,100,0.5,50\nb,0,1,0.25\n")
    curves = read_queries(path).curves
    np.testing.assert_allclose(curves.peak, [150, 0.25], rtol=1e-14)
    np.testing.assert_allclose(curves.height, [0.5, 1.0], rtol=1e-14)
    # U at half the way to the peak is h * 0.5 * exp(0.5), by hand from the definition.
    np.testing.assert_allclose(
        curves.value(np.array([125.0, 0.125])), np.array([0.5, 1.0]) * 0.5 * math.exp(0.5)
    )


def test_rows_may_describe_their_curves_differently(tmp_path):
    path = put(
        tmp_path,
        "q.jsonl",
        '{"query_id": "a", "tau": 10, "height": 0.5, "width": 20}\n'
        f'{{"query_id": "b", "tau": 10, "alpha": {0.5 * math.e / 20}, "beta": 0.05}}\n',
    )
    curves = read_queries(path).curves
    np.testing.assert_allclose(curves.alpha[0], curves.alpha[1], rtol=1e-14)
    np.testing.assert_allclose(curves.beta[0], curves.beta[1], rtol=1e-14)


def test_names_may_be_numbers_and_keep_their_zeros(tmp_path):
    typed = put(
        tmp_path, "q.jsonl", '{"query_id": 7, "text": "x"}\n{"query_id": "007", "text": "y"}'
    )
    untyped = put(tmp_path, "q.csv", "query_id,text\n7,x\n007,y\n")
    assert read_queries(typed).query_ids == read_queries(untyped).query_ids == ("7", "007")
    pq.write_table(pa.table({"query_id": [1, 2], "text": ["x", "y"]}), tmp_path / "q.parquet")
    assert read_queries(tmp_path / "q.parquet").query_ids == ("1", "2")


def test_limits_and_weights_by_row_with_defaults(tmp_path):
    path = put(
        tmp_path,
        "q.csv",
        "query_id,text,weight,floor,ceiling\na,x,2.5,,\nb,y,,7,\nc,z, ,,9\n",
    )
    table = read_queries(path, floor=3, ceiling=50)
    assert table.weight.tolist() == [2.5, 1.0, 1.0]
    assert table.floor.tolist() == [3.0, 7.0, 3.0]
    assert table.ceiling.tolist() == [50.0, 50.0, 9.0]
    nulls = put(
        tmp_path, "q.jsonl", '{"query_id": "a", "text": "x", "weight": null, "floor": null}'
    )
    assert read_queries(nulls).weight.tolist() == [1.0]


def test_byte_order_mark_blank_lines_and_carriage_returns(tmp_path):
    text = '\ufeff\r\n{"query_id": "a", "text": "x"}\r\n\r\n{"query_id": "b", "text": "y"}\r\n\r\n'
    assert read_queries(put(tmp_path, "q.jsonl", text)).texts == ("x", "y")
    text = "\ufeffquery_id, text \r\na,x\r\n\r\nb,y\r\n\r\n"
    assert read_queries(put(tmp_path, "q.csv", text)).texts == ("x", "y")


def test_a_cell_longer_than_the_standard_limit(tmp_path):
    before = csv.field_size_limit()
    long = "word " * 100_000
    assert read_queries(put(tmp_path, "q.csv", f"query_id,text\na,{long}\n")).texts == (long,)
    assert csv.field_size_limit() == before


def test_curves_win_over_texts_and_what_is_not_used_is_told(tmp_path):
    path = put(
        tmp_path, "q.csv", "query_id,text,tau,height,width,topic\na,x,1,0.5,2,t\nb,,1,0.5,2,u\n"
    )
    table = read_queries(path)
    assert table.curves is not None
    assert table.texts is None
    assert table.unused_columns == ("text", "topic")


def test_without_tau_other_curve_columns_are_the_users_own(tmp_path):
    path = put(tmp_path, "q.csv", "query_id,text,height\na,x,0.5\n")
    table = read_queries(path)
    assert table.texts == ("x",)
    assert table.unused_columns == ("height",)


def test_text_only_ignores_curves_and_limits(tmp_path):
    path = put(tmp_path, "q.csv", "query_id,text,tau,weight\na,x,oops,3\n")
    table = read_queries(path, text_only=True)
    assert table.texts == ("x",)
    assert table.unused_columns == ("tau", "weight")


@pytest.mark.parametrize(
    ("name", "content"),
    [("q.csv", "query_id,text\n"), ("q.csv", "query_id,tau,height,width\n"), ("q.jsonl", "\n")],
)
def test_a_table_without_rows_is_an_empty_batch(tmp_path, name, content):
    table = read_queries(put(tmp_path, name, content))
    assert len(table) == 0
    assert table.unused_columns == ()
    assert len(table.problem(table.curves, 10.0)) == 0


def test_parquet_numbers_of_other_widths(tmp_path):
    path = tmp_path / "q.parquet"
    columns = {
        "query_id": pa.array([1, 2], pa.uint8()),
        "tau": pa.array([1, 2], pa.int16()),
        "height": pa.array([0.5, 0.25], pa.float32()),
        "width": pa.array([decimal.Decimal("1.5"), decimal.Decimal("2.5")]),
    }
    pq.write_table(pa.table(columns), path)
    np.testing.assert_allclose(read_queries(path).curves.peak, [2.5, 4.5])


def test_a_parquet_file_in_a_folder_named_like_a_partition(tmp_path):
    folder = make_folder(tmp_path / "tau=5")
    pq.write_table(pa.table({"query_id": ["a"], "text": ["x"]}), folder / "q.parquet")
    assert read_queries(folder / "q.parquet").texts == ("x",)


def test_reprs_are_one_line(tmp_path):
    path = put(tmp_path, "q.csv", "query_id,text\na,x\n")
    assert repr(read_queries(path)) == f"QueryTable({str(path)!r}, n=1, texts)"
    assert repr(read_records(path)) == f"Records({str(path)!r}, rows=1, columns=2)"


TABLE = pa.table({"query_id": ["a", "b"], "max_tokens": [1, 2], "funded": [True, False]})


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_failure_while_writing_keeps_the_old_file(tmp_path, ending, monkeypatch):
    path = put(tmp_path, f"out{ending}", "old")

    def half(table, file):
        file.write(b"half of")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setitem(write._WRITERS, ending, half)
    with pytest.raises(TableError, match="No space left"):
        write_table(TABLE, path)
    assert path.read_bytes() == b"old"
    assert names_in(tmp_path) == [path.name]


def test_any_failure_while_writing_leaves_nothing(tmp_path):
    def interrupted():
        with replacing(tmp_path / "out.png") as file:
            file.write(b"half of")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert names_in(tmp_path) == []


def test_the_file_appears_only_when_it_is_whole(tmp_path):
    path = tmp_path / "out.bin"
    with replacing(path) as file:
        file.write(b"whole")
        assert not path.exists()
    assert path.read_bytes() == b"whole"
    assert names_in(tmp_path) == ["out.bin"]


def test_written_files_have_the_usual_permissions(tmp_path):
    (tmp_path / "plain").write_text("")
    write_table(TABLE, tmp_path / "out.csv")
    assert (tmp_path / "out.csv").stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_a_link_keeps_pointing_where_it_points(tmp_path):
    (tmp_path / "real.jsonl").write_text("old")
    (tmp_path / "link.jsonl").symlink_to("real.jsonl")
    write_table(TABLE, tmp_path / "link.jsonl")
    assert (tmp_path / "link.jsonl").is_symlink()
    rows = [json.loads(line) for line in (tmp_path / "real.jsonl").read_text().splitlines()]
    assert rows == TABLE.to_pylist()


@pytest.mark.parametrize(
    ("name", "fragment"),
    [("out.txt", ".parquet"), ("out", ".csv"), ("no/out.csv", "folder"), ("dir.csv", "folder"),
     ("file/out.csv", "folder"), ("in.csv", "input itself")],
)  # fmt: skip
def test_outputs_are_refused_beforehand(tmp_path, name, fragment):
    (tmp_path / "dir.csv").mkdir()
    (tmp_path / "file").write_text("")
    (tmp_path / "in.csv").write_text("query_id,text\n")
    with pytest.raises(TableError, match=fragment):
        check_output(tmp_path / name, source=tmp_path / "in.csv")


@pytest.mark.parametrize("name", ["x" * 260, "loop", "nu\0ll", "a/" * 3000 + "x"])
def test_places_where_nothing_can_be_are_refused_beforehand(tmp_path, name):
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "loop.csv").symlink_to("loop.csv")
    for check in (check_folder, lambda path: check_output(f"{path}.csv")):
        with pytest.raises(TableError, match=r"cannot be written: .*; name another place"):
            check(tmp_path / name)


def test_json_lines_hold_json_whatever_the_numbers(tmp_path):
    table = pa.table({"x": [math.inf, -math.inf, math.nan, None, 2.5], "n": [1, 2, 3, 4, 5]})
    write_table(table, tmp_path / "t.jsonl")
    lines = (tmp_path / "t.jsonl").read_text().splitlines()
    rows = [json.loads(line, parse_constant=pytest.fail) for line in lines]
    assert [row["x"] for row in rows] == [None, None, None, None, 2.5]


def test_what_is_no_regular_file_is_never_replaced(tmp_path):
    os.mkfifo(tmp_path / "pipe.csv")
    (tmp_path / "link.csv").symlink_to("/dev/null")
    for name in ("pipe.csv", "link.csv"):
        with pytest.raises(TableError, match="pipe, socket or device; name a regular file"):
            write_table(TABLE, tmp_path / name)
        with pytest.raises(TableError, match="is a file; name a folder"):
            check_folder(tmp_path / name / "below")
    assert names_in(tmp_path) == ["link.csv", "pipe.csv"]


def test_a_place_that_takes_no_file_is_refused_beforehand(tmp_path):
    for check in (check_folder, check_output, make_folder):
        with pytest.raises(TableError, match="name another place"):
            check("/proc/out.csv")
    assert check_folder(tmp_path / "new" / "folder") == tmp_path / "new" / "folder"
    assert check_output(tmp_path / f"{'x' * 251}.csv").name.startswith("x")
    write_table(TABLE, tmp_path / f"{'x' * 251}.csv")  # as long a name as there can be
    assert len(names_in(tmp_path)) == 1


def test_a_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(TableError, match="folder cannot be made"):
        make_folder(tmp_path / "file")
    with pytest.raises(TableError, match="cannot be written"), replacing(tmp_path / "file" / "x"):
        pass


# --- lengths and labels


def test_lengths_beside_curves(tmp_path):
    path = put(
        tmp_path,
        "q.csv",
        "query_id,tau,height,width,length_median,length_spread\na,1,0.5,5,20,0.3\nb,2,0.5,5,9,1\n",
    )
    table = read_queries(path)
    assert table.lengths.median.tolist() == [20, 9]
    assert table.lengths.sigma.tolist() == [0.3, 1]
    assert table.unused_columns == ()
    assert (
        read_queries(put(tmp_path, "n.csv", "query_id,tau,height,width\na,1,1,1")).lengths is None
    )


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("b,2,0.5,5,,0.3", "query_id 'b', length_median: is missing; give every row"),
        ("b,2,0.5,5,,", "query_id 'b', length_median: is missing; give every row"),
        ("b,2,0.5,5,0,0.3", "length_median = '0'"),
        ("b,2,0.5,5,20,30", "length_spread = '30'"),
    ],
)
def test_lengths_are_given_to_all_or_none(tmp_path, row, message):
    header = "query_id,tau,height,width,length_median,length_spread"
    path = put(tmp_path, "q.csv", f"{header}\na,1,0.5,5,20,0.3\n{row}\n")
    with pytest.raises(TableError, match=message):
        read_queries(path)


def test_a_column_of_names(tmp_path):
    path = put(
        tmp_path,
        "q.jsonl",
        '{"query_id": 1, "text": "x", "tenant": "a"}\n{"query_id": 2, "text": "y", "tenant": 7}\n',
    )
    table = read_queries(path)
    assert table.labels("tenant").tolist() == ["a", "7"]
    with pytest.raises(TableError, match="team: is missing; columns found: query_id, text, tenant"):
        table.labels("team")
    path.write_text('{"query_id": 1, "text": "x", "tenant": " "}\n')
    with pytest.raises(TableError, match=r"line 1.*tenant = ' ': is not a name"):
        read_queries(path).labels("tenant")
    path.write_text('{"query_id": 1, "text": "x", "tenant": null}\n')
    with pytest.raises(TableError, match="query_id '1', tenant: is missing; give every query"):
        read_queries(path).labels("tenant")

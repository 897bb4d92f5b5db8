"""Columns that only number the rows, as pandas and R write them, never describe a query."""

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from clear_opt.inputs import read_queries
from clear_opt.io import TableError, read_records
from clear_opt.rollouts import read_rollouts
from clear_opt.rollouts.importers.grades import read_grades


def frame():
    rows = {"query_id": list("abc"), "n_tokens": [90, 120, 300], "correct": [1, 0, 1]}
    return pd.DataFrame({**rows, "level": [1.0, 3.0, 5.0]}).iloc[[2, 0, 1]]


def put(folder, name, text):
    path = folder / name
    path.write_text(text)
    return path


def written(folder):
    """The same table by every writer that adds labels of its own."""
    table = frame()
    table.to_parquet(folder / "unnamed.parquet")
    table.rename_axis("row").to_parquet(folder / "named.parquet")
    table.set_index("query_id").to_parquet(folder / "by query.parquet")
    table.set_index(["query_id", pd.Index([7, 8, 9])]).to_parquet(folder / "levels.parquet")
    table.to_csv(folder / "unnamed.csv")
    table.set_index([pd.Index([7, 8, 9]), pd.Index([0, 0, 0])]).to_csv(folder / "levels.csv")
    table.reset_index().to_csv(folder / "reset.csv", index=False)
    pd.read_csv(folder / "unnamed.csv").to_csv(folder / "twice.csv")
    table.reset_index().to_json(folder / "reset.jsonl", orient="records", lines=True)
    put(folder, "write.csv", '"","query_id","n_tokens","correct","level"\n'
        '"3","c",300,TRUE,5\n"1","a",90,TRUE,1\n"2","b",120,FALSE,3\n')  # fmt: skip
    put(folder, "write.table.csv", '"query_id","n_tokens","correct","level"\n'
        '"third","c",300,TRUE,5\n"first","a",90,TRUE,1\n"second","b",120,FALSE,3\n')  # fmt: skip
    put(folder, "unquoted.csv", "query_id,n_tokens,correct,level\n"
        "3,c,300,TRUE,5\n1,a,90,TRUE,1\n2,b,120,FALSE,3\n")  # fmt: skip
    put(folder, "read.csv", "X,query_id,n_tokens,correct,level\n"
        "3,c,300,TRUE,5\n1,a,90,TRUE,1\n2,b,120,FALSE,3\n")  # fmt: skip
    return sorted(path.name for path in folder.iterdir())


def test_row_labels_of_every_writer_are_no_features(tmp_path):
    for name in written(tmp_path):
        rollouts = read_rollouts(tmp_path / name)
        assert rollouts.query_id.tolist() == ["c", "a", "b"], name
        assert rollouts.n_tokens.tolist() == [300, 90, 120], name
        assert rollouts.correct.tolist() == [1, 1, 0], name
        assert {k: v.tolist() for k, v in rollouts.features.items()} == {"level": [5, 1, 3]}, name
        queries = read_queries(tmp_path / name)
        assert queries.query_ids == ("c", "a", "b"), name
        assert queries.unused_columns == ("n_tokens", "correct", "level"), name
        assert queries.queries(["level"])["level"].tolist() == [5, 1, 3], name
        graded = read_grades(tmp_path / name, None, ["level"])
        assert [key[0] for key in graded.grades] == ["c", "a", "b"], name


def test_a_named_index_that_counts_is_a_column(tmp_path):
    table = frame().drop(columns="query_id").reset_index(drop=True).rename_axis("query_id")
    table.to_parquet(tmp_path / "r.parquet")
    assert "query_id" not in pq.read_schema(tmp_path / "r.parquet").names
    assert read_rollouts(tmp_path / "r.parquet").query_id.tolist() == ["0", "1", "2"]


def test_an_index_can_be_asked_for_by_name(tmp_path):
    table = frame().set_index("query_id").rename_axis("problem")
    table.to_parquet(tmp_path / "r.parquet")
    table.rename_axis(None).to_csv(tmp_path / "r.csv")
    for name, theirs in (("r.parquet", "problem"), ("r.csv", "Unnamed: 0")):
        rollouts = read_rollouts(tmp_path / name, columns={"query_id": theirs})
        assert rollouts.query_id.tolist() == ["c", "a", "b"]
    assert list(read_rollouts(
        tmp_path / "r.csv", columns={"query_id": "level"}, features=["Unnamed: 0"]
    ).features) == ["Unnamed: 0"]  # fmt: skip
    with pytest.raises(TableError, match=r"query_id: is missing; columns found: 'Unnamed: 0'"):
        read_queries(tmp_path / "r.csv")


def test_an_index_of_data_stays_a_feature(tmp_path):
    path = put(tmp_path, "r.csv", "index,query_id,n_tokens,correct\n5,a,9,1\n5,b,8,0\n7,c,7,1\n")
    assert read_rollouts(path).features["index"].tolist() == [5, 5, 7]


@pytest.mark.parametrize(
    "text",
    [
        "query_id,text\n1,Add 1, then 2\n2,Take 3, then 4\n",  # a comma in every text
        'query_id,text\n1,"x",y\n1,"x",z\n',  # names that are not told apart
        "query_id,text\na,x,y\n",
        "query_id,text,\na,x,y\n",  # a name is missing at the end
        "query_id,,text\na,x,y\n",
    ],
)
def test_rows_that_only_look_like_row_names_are_refused(tmp_path, text):
    with pytest.raises(TableError, match=r"cells where the header has 2|no name"):
        read_records(put(tmp_path, "q.csv", text))


@pytest.mark.parametrize("metadata", [b"[", b"[1]", b"{}", b'{"index_columns": 3}', b"\xff",
    b'{"index_columns": [{"kind": "range", "name": "x", "start": 0, "stop": 9, "step": 0}, 3]}',
    b'{"index_columns": [{"kind": "range", "name": "x", "start": 0, "stop": 1e9, "step": 1}]}',
])  # fmt: skip
def test_metadata_that_pandas_did_not_write_is_left_alone(tmp_path, metadata):
    frame().to_parquet(tmp_path / "r.parquet", index=False)
    table = pq.read_table(tmp_path / "r.parquet").replace_schema_metadata({"pandas": metadata})
    pq.write_table(table, tmp_path / "r.parquet")
    rollouts = read_rollouts(tmp_path / "r.parquet")
    assert list(rollouts.features) == ["level"]
    assert np.array_equal(rollouts.features["level"], [5, 1, 3])

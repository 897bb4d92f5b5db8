"""Rollouts in files: three formats, column mapping, every bad row named with its line."""

import decimal

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clear_opt.io import TableError
from clear_opt.rollouts import Rollouts, read_rollouts, write_rollouts
from tests.effort import effort

ENDINGS = (".parquet", ".csv", ".jsonl", ".ndjson")
AWKWARD = ['comma, "quotes"', "two\nlines\r\n", "line separator \u2028", "数学题 🧮", "", "NaN"]

CSV = """\
query_id,n_tokens,correct,text,level,kind
a,90,true,one,3,x
a,120,no,one,3,x
"b, c",300,0.25,"two
lines",,
d,0,1,,1.5,y
"""


def put(folder, name, content):
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def refusal(path, **options):
    with pytest.raises(TableError) as caught:
        read_rollouts(path, **options)
    message = str(caught.value)
    assert path.name in message
    assert "\n" not in message
    assert len(message) < 500
    return message


def same(one, other):
    ours, theirs = one.columns(), other.columns()
    assert list(ours) == list(theirs)
    assert list(one.features) == list(other.features)
    for name, values in {**ours, **one.features}.items():
        again = {**theirs, **other.features}[name]
        assert again.dtype == values.dtype, name
        np.testing.assert_array_equal(again, values, err_msg=name)


def full(texts):
    n = len(texts)
    return Rollouts(
        query_id=[f"q{i}" for i in range(n)],
        n_tokens=np.arange(n) * 7,
        correct=np.linspace(0, 1, n),
        text=texts,
        model=["m/1"] * n,
        sample=np.arange(n),
        truncated=[True] + [False] * (n - 1),
        source=texts,
        cap=[7 * n] * n,
        features={"level": [None, *range(1, n)], "kind": ["x", None, *"abcdefghij"[: n - 2]]},
    )


@pytest.mark.parametrize("ending", ENDINGS)
def test_what_is_written_is_read_back(tmp_path, ending):
    rollouts = full(AWKWARD)
    write_rollouts(rollouts, tmp_path / f"r{ending}")
    same(read_rollouts(tmp_path / f"r{ending}"), rollouts)
    assert [path.name for path in tmp_path.iterdir()] == [f"r{ending}"]


def test_right_and_wrong_are_written_as_such(tmp_path):
    write_rollouts(Rollouts(["a", "b"], [1, 2], [1, 0]), tmp_path / "r.csv")
    assert "true" in (tmp_path / "r.csv").read_text()
    write_rollouts(Rollouts(["a", "b"], [1, 2], [1, 0.5]), tmp_path / "r.csv")
    assert "0.5" in (tmp_path / "r.csv").read_text()


def test_an_unknown_ending_is_refused_and_nothing_written(tmp_path):
    with pytest.raises(TableError, match=r"\.parquet"):
        write_rollouts(full(AWKWARD), tmp_path / "r.xlsx")
    assert not list(tmp_path.iterdir())


word = st.text(st.characters(codec="utf-8"), max_size=8)
name = word.filter(lambda text: text.strip())
number = st.none() | st.floats(allow_nan=False, allow_infinity=False)


@st.composite
def tables(draw):
    n = draw(st.integers(1, 6))

    def column(values):
        return draw(st.lists(values, min_size=n, max_size=n))

    tokens = column(st.integers(0, 2**52))
    truncated = column(st.booleans())
    correct = [0.0 if cut else draw(st.floats(0, 1)) for cut in truncated]
    optional = {
        "text": column(word),
        "model": column(name),
        "sample": column(st.integers(-(2**53), 2**53)),
        "truncated": truncated,
        "source": column(word),
        "cap": [max(count, 1) + draw(st.integers(0, 9)) for count in tokens],
    }
    used = draw(st.sets(st.sampled_from(sorted(optional))))
    # A column without any value says nothing of its type in JSON Lines.
    features = {
        "level": [1.0, *column(number)[1:]],
        "kind": ["x", *column(st.none() | word)[1:]],
    }
    chosen = draw(st.sets(st.sampled_from(sorted(features))))
    return Rollouts(
        column(name), tokens, correct,
        **{key: values for key, values in optional.items() if key in used},
        features={key: features[key] for key in sorted(chosen)},
    )  # fmt: skip


@settings(max_examples=effort(60))
@given(rollouts=tables(), ending=st.sampled_from((".parquet", ".jsonl")))
def test_any_table_survives_a_file(tmp_path_factory, rollouts, ending):
    path = tmp_path_factory.getbasetemp() / f"any{ending}"
    write_rollouts(rollouts, path)
    same(read_rollouts(path), rollouts)


@given(rollouts=tables())
def test_numbers_survive_a_csv(tmp_path_factory, rollouts):
    path = tmp_path_factory.getbasetemp() / "any.csv"
    write_rollouts(rollouts, path)
    again = read_rollouts(path)
    for column in {"n_tokens", "correct", "sample", "truncated", "cap"} & set(rollouts.columns()):
        np.testing.assert_array_equal(getattr(again, column), getattr(rollouts, column))
    assert again.query_id.tolist() == rollouts.query_id.tolist()
    if "level" in rollouts.features:
        np.testing.assert_array_equal(again.features["level"], rollouts.features["level"])


def test_a_message_is_one_line_whatever_columns_are_called(tmp_path):
    assert "n tokens" in refusal(put(tmp_path, "r.csv", '"n\ntokens",query_id\n9,x\n'))


def test_a_csv_is_typed_with_care(tmp_path):
    rollouts = read_rollouts(put(tmp_path, "r.csv", CSV))
    assert rollouts.query_id.tolist() == ["a", "a", "b, c", "d"]
    assert rollouts.n_tokens.tolist() == [90, 120, 300, 0]
    assert rollouts.correct.tolist() == [1, 0, 0.25, 1]
    assert rollouts.text.tolist() == ["one", "one", "two\nlines", ""]
    np.testing.assert_array_equal(rollouts.features["level"], [3, 3, np.nan, 1.5])
    assert rollouts.features["kind"].tolist() == ["x", "x", None, "y"]
    mixed = read_rollouts(put(tmp_path, "m.csv", "query_id,n_tokens,correct,f\na,1,1,3\nb,1,0,z\n"))
    assert mixed.features["f"].tolist() == ["3", "z"]


@pytest.mark.parametrize(
    ("cells", "wanted"),
    [
        (["true", "FALSE", "Yes", "no"], [1, 0, 1, 0]),
        (["1", "0", "1.0", "0.25"], [1, 0, 1, 0.25]),
        ([" true ", "0", "1", "yes"], [1, 0, 1, 1]),
    ],
)
def test_right_and_wrong_may_be_spelled(tmp_path, cells, wanted):
    lines = [f"q{i},1,{cell}" for i, cell in enumerate(cells)]
    path = put(tmp_path, "r.csv", "\n".join(["query_id,n_tokens,correct", *lines]))
    assert read_rollouts(path).correct.tolist() == wanted


def test_columns_of_other_names_and_chosen_features(tmp_path):
    path = put(
        tmp_path,
        "r.jsonl",
        '{"problem": 7, "usage": 90, "ok": true, "text": "kept", "level": 3, "tags": ["x"]}\n'
        '{"problem": "007", "usage": 80, "ok": 0.5, "text": "kept", "level": null, "tags": []}\n',
    )
    columns = {"query_id": "problem", "n_tokens": "usage", "correct": "ok"}
    rollouts = read_rollouts(path, columns=columns, features=["level"])
    assert rollouts.query_id.tolist() == ["7", "007"]
    assert list(rollouts.features) == ["level"]
    assert list(read_rollouts(path, columns=columns, features=[]).features) == []
    other = read_rollouts(path, columns={**columns, "text": "problem", "query_id": "text"},
                          features=[])  # fmt: skip
    assert other.text.tolist() == ["7", "007"]
    assert "tags: holds a list" in refusal(path, columns=columns)
    assert "features=" in refusal(path, columns=columns)
    message = refusal(path, columns=columns, features=["levl"])
    assert "'levl'" in message
    assert "columns that can be features: level, tags" in message
    message = refusal(path, columns={"query_id": "item"})
    assert "no column 'item', which is to be query_id; columns found: problem, usage" in message


def test_a_mapped_column_takes_the_place_of_one_of_that_name(tmp_path):
    path = put(tmp_path, "r.csv", "query_id,n_tokens,correct,grade\na,1,0,1\n")
    rollouts = read_rollouts(path, columns={"correct": "grade"})
    assert rollouts.correct.tolist() == [1]
    assert not rollouts.features


def test_one_model_of_several(tmp_path):
    path = put(tmp_path, "r.csv", "query_id,n_tokens,correct,model\na,1,0,x\na,2,0,y\n")
    assert read_rollouts(path, "y").n_tokens.tolist() == [2]


BAD_LINES = {
    "no count": ("a,,1,m", ["row 2 (line 3)", "query_id 'a'", "n_tokens: is missing", "count"]),
    "words for a count": ("a,ten,1,m", ["row 2 (line 3)", "n_tokens = 'ten'", "not a number"]),
    "underscores": ("a,1_0,1,m", ["n_tokens = '1_0'", "not a number"]),
    "negative": ("a,-1,1,m", ["n_tokens = -1.0", "whole number >= 0"]),
    "fraction": ("a,1.5,1,m", ["n_tokens = 1.5", "whole number"]),
    "infinite": ("a,inf,1,m", ["n_tokens = inf", "whole number"]),
    "not a grade": ("a,1,maybe,m", ["correct = 'maybe'", "not a number", "true or false"]),
    "grade above one": ("a,1,2,m", ["correct = 2.0", "[0, 1]"]),
    "no grade": ("a,1, ,m", ["correct: is missing"]),
    "no name": (",1,1,m", ["row 2 (line 3)", "query_id: is missing", "name every query"]),
    "no model": ("a,1,1,", ["model: is missing", "name the model"]),
    "a cell too many": ("a,1,1,m,x", ["row 2 (line 3)", "5 cells"]),
}


@pytest.mark.parametrize("case", BAD_LINES)
def test_bad_rows_of_a_csv_are_named(tmp_path, case):
    line, fragments = BAD_LINES[case]
    text = f"query_id,n_tokens,correct,model\nz,1,1,m\n{line}\n"
    message = refusal(put(tmp_path, "r.csv", text))
    for fragment in fragments:
        assert fragment in message


def test_bad_rows_under_their_own_names(tmp_path):
    path = put(tmp_path, "r.csv", "id,usage,correct\na,1,1\n\nb,x,1\n")
    message = refusal(path, columns={"query_id": "id", "n_tokens": "usage"})
    assert "row 2 (line 4), query_id 'b', usage = 'x': is not a number" in message


BAD_PARQUET = [
    ({"n_tokens": [1, None]}, ["row 2, query_id 'b', n_tokens: is missing"]),
    ({"n_tokens": [1.0, float("nan")]}, ["row 2", "n_tokens = nan"]),
    ({"n_tokens": ["1", "2"]}, ["row 1", "n_tokens = '1'", "not a number"]),
    ({"query_id": [1.5, 2.5]}, ["row 1, query_id = 1.5: is not text"]),
    ({"truncated": [False, True]}, ["row 2", "correct", "truncated row"]),
    ({"cap": [5, 1]}, ["row 2", "n_tokens = 2: exceeds the row's cap"]),
    ({"level": [1.0, float("inf")]}, ["row 2", "level = inf: must be finite"]),
    ({"tags": [["x"], []]}, ["tags: has the type list", "leave the column out"]),
    ({"when": pa.array([0, 1], pa.timestamp("s"))}, ["when: has the type timestamp"]),
]


@pytest.mark.parametrize(("columns", "fragments"), BAD_PARQUET)
def test_bad_rows_of_a_parquet_are_named(tmp_path, columns, fragments):
    good = {"query_id": ["a", "b"], "n_tokens": [1, 2], "correct": [True, True]}
    path = tmp_path / "r.parquet"
    pq.write_table(pa.table({**good, **columns}), path)
    message = refusal(path)
    for fragment in fragments:
        assert fragment in message


def test_parquet_types_of_many_kinds(tmp_path):
    columns = {
        "query_id": pa.array([1, 2], pa.uint8()),
        "n_tokens": pa.array([3, 4], pa.int16()),
        "correct": pa.array(["Yes", "false"]),
        "model": pa.array(["m", "m"]).dictionary_encode(),
        "level": pa.array([1, None], pa.int32()),
        "price": [decimal.Decimal("1.5"), None],
        "flag": [True, None],
        "kind": pa.array(["x", None], pa.large_string()),
        "nothing": pa.nulls(2),
    }
    path = tmp_path / "r.parquet"
    pq.write_table(pa.table(columns), path)
    rollouts = read_rollouts(path)
    assert rollouts.query_id.tolist() == ["1", "2"]
    assert rollouts.correct.tolist() == [1, 0]
    assert rollouts.models == ("m",)
    for feature, wanted in (("level", 1), ("price", 1.5), ("flag", 1)):
        np.testing.assert_array_equal(rollouts.features[feature], [wanted, np.nan])
    assert rollouts.features["kind"].tolist() == ["x", None]
    assert rollouts.features["nothing"].tolist() == [None, None]


@pytest.mark.parametrize("column", ["query_id", "n_tokens", "correct"])
def test_a_missing_column_is_named(tmp_path, column):
    header = [name for name in ("query_id", "n_tokens", "correct") if name != column]
    message = refusal(put(tmp_path, "r.csv", ",".join(header) + "\na,1\n"))
    assert f"{column}: is missing; say which column it is" in message
    assert f"columns found: {', '.join(header)}" in message


def test_files_that_cannot_be_read(tmp_path):
    assert "No such file" in refusal(tmp_path / "absent.parquet")
    assert "Parquet" in refusal(put(tmp_path, "text.parquet", "query_id,n_tokens,correct\n"))
    assert "JSON" in refusal(put(tmp_path, "r.jsonl", "query_id,n_tokens"))
    assert ".parquet" in refusal(put(tmp_path, "r.txt", ""))
    (tmp_path / "folder.parquet").mkdir()
    assert "folder" in refusal(tmp_path / "folder.parquet")


def test_the_real_tables_are_read_whole(shared_data):
    zeroeval = read_rollouts(shared_data / "zeroeval_rollouts.parquet")
    assert (len(zeroeval), len(zeroeval.query_ids), len(zeroeval.models)) == (19_293, 1_412, 14)
    assert len(zeroeval.texts()) == 1_412
    aime = read_rollouts(shared_data / "aime_rollouts.parquet")
    assert (len(aime), len(aime.query_ids)) == (2_902, 370)
    levels = aime.queries()["level"]
    assert (levels.min(), levels.max(), levels.isna().any()) == (1, 15, False)
    # Fourteen generations were cut off at 16,000 tokens: all that is known is that they went on.
    assert aime.truncated.sum() == 14
    assert set(aime.n_tokens[aime.truncated]) == {16_000}

"""A feature is numbers or texts by all of its rows, and the same in training and prediction."""

import datetime
import decimal
import fractions
import json

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from clear_opt.errors import InvalidInputError
from clear_opt.inputs import read_queries
from clear_opt.io import TableError
from clear_opt.predictors import SurgePredictor, as_table
from clear_opt.rollouts import Rollouts, read_rollouts
from clear_opt.rollouts.importers import import_table
from tests.made_queries import QUICK, same_curves

D = decimal.Decimal
NUMBERS = {
    "decimals": [D("1.5"), D(2), None],
    "decimals among floats": [1.5, D(2), D("NaN")],
    "fractions": [fractions.Fraction(3, 2), 2, None],
    "numpy scalars": [np.float32(1.5), np.int8(2), np.nan],
    "categories": pd.Categorical([1.5, 2, None]),
    "nullable": pd.array([1.5, 2, None], dtype="Float64"),
    "pandas' NA": [1.5, 2, pd.NA],
    "Arrow": pd.array([1.5, 2, None], dtype="float64[pyarrow]"),
    "Arrow decimals": pd.array([D("1.5"), D(2), None], dtype=pd.ArrowDtype(pa.decimal128(5, 2))),
}
OTHERS = {
    "complex": np.array([1j, 2, 3]),
    "times": np.array(["2024", "2025", "2026"], dtype="M8[D]"),
    "spans": np.array([1, 2, 3], dtype="m8[s]"),
    "dates": [datetime.date(2024, 1, 1)] * 3,
    "times with zones": pd.date_range("2024", periods=3, tz="UTC"),
    "bytes": [b"a", b"b", b"c"],
    "objects": np.zeros(3, dtype=[("a", float)]),
    "complex scalars": [np.complex128(1), 2.0, 3.0],
    "span scalars": [np.timedelta64(1, "s"), 2, 3],
}


def rollouts(**features):
    return Rollouts(list("abc"), [9, 8, 7], [1, 0, 1], features=features)


@pytest.mark.parametrize("case", NUMBERS)
def test_numbers_of_every_kind_are_numbers_in_training_and_prediction(case):
    expected = [1.5, 2.0, np.nan]
    np.testing.assert_array_equal(rollouts(x=NUMBERS[case]).features["x"], expected)
    np.testing.assert_array_equal(as_table(pd.DataFrame({"x": NUMBERS[case]}))["x"], expected)


@pytest.mark.parametrize("case", OTHERS)
def test_what_is_neither_number_nor_text_is_refused_everywhere(case):
    message = r"row 0, x = .*: is neither a number nor text"
    with pytest.raises(InvalidInputError, match=message):
        rollouts(x=OTHERS[case])
    with pytest.raises(InvalidInputError, match=message):
        as_table(pd.DataFrame({"x": OTHERS[case]}))
    for column in ("n_tokens", "correct", "query_id"):
        given = {"query_id": list("abc"), "n_tokens": [9, 8, 7], "correct": [1, 0, 1]}
        with pytest.raises(InvalidInputError, match=f"row 0, {column} = .*: is not"):
            Rollouts(**{**given, column: OTHERS[case]})


@pytest.mark.parametrize("column", ["n_tokens", "correct", "cap", "text", "x"])
def test_masks_are_never_lost(column):
    masked = np.ma.array([1.0, 1, 1], mask=[0, 1, 0])
    given = {"query_id": list("abc"), "n_tokens": [1, 1, 1], "correct": [1, 0, 1]}
    own = {"features": {"x": masked}} if column == "x" else {column: masked}
    with pytest.raises(InvalidInputError, match=f"{column}: is a masked array.*fill it"):
        Rollouts(**{**given, **own})


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (["x", 1, 2], "row 0, x = .*x.*: is not a number like the other rows"),
        ([1, "a", "b"], "row 0, x = 1: is not text like the other rows"),
        ([None, "a", 1, 2, [3]], r"row 4, x = \[3\]: is neither a number nor text"),
        ([True, "a", "b"], "row 0, x = True: is not text like the other rows"),
        (["a", 1], "row 1, x = 1: is not text like the other rows"),  # a tie: as the first
    ],
)
def test_the_rows_of_the_minority_are_at_fault(values, message):
    names = [f"q{k}" for k in range(len(values))]
    with pytest.raises(InvalidInputError, match=message):
        Rollouts(names, range(len(names)), [1] * len(names), features={"x": values})
    with pytest.raises(InvalidInputError, match=message):
        as_table(pd.DataFrame({"x": values}))


def write_rows(path, values, **more):
    rows = [
        {"query_id": f"q{k}", "n_tokens": 9 + k, "correct": k % 2, "x": value, **more}
        for k, value in enumerate(values)
    ]
    path.write_text("\n".join(map(json.dumps, rows)))
    return path


def test_a_bad_first_row_costs_no_other(tmp_path):
    found = import_table(write_rows(tmp_path / "r.jsonl", ["unknown", *range(9)]))
    assert [refusal.location for refusal in found.refused] == ["row 1 (line 1)"]
    assert found.rollouts.features["x"].tolist() == list(range(9))


@pytest.fixture(scope="module")
def predictor():
    level, kind = np.tile([1.0, 2.0, 3.0], 20), np.tile(["1", "2", "x", "y"], 15)
    table = Rollouts(
        [f"q{k}" for k in range(60)], np.rint(100 * level + np.arange(60) % 7), [1, 1, 0] * 20,
        features={"level": level, "kind": kind},
    )  # fmt: skip
    return SurgePredictor(learner=QUICK).fit(table.queries(), table)


def asked(path, predictor):
    return read_queries(path).queries(predictor.columns_, predictor.range_.categories_)


def test_files_of_every_kind_give_a_predictor_the_same_columns(tmp_path, predictor):
    (tmp_path / "q.csv").write_text("query_id,level,kind\na,1,1\nb,NA,2\nc,,2\n")
    rows = [("a", 1, "1"), ("b", None, "2"), ("c", None, "2")]
    (tmp_path / "q.jsonl").write_text(
        "\n".join(
            json.dumps(dict(zip(["query_id", "level", "kind"], r, strict=True))) for r in rows
        )
    )
    level = pa.array([D(1), None, None], pa.decimal128(3, 1)).dictionary_encode()
    kind = pa.array([1, 2, 2], pa.int8()).dictionary_encode()
    pq.write_table(pa.table({"query_id": list("abc"), "level": level, "kind": kind}),
                   tmp_path / "q.parquet")  # fmt: skip
    expected = pd.DataFrame({"level": [1, np.nan, np.nan], "kind": ["1", "2", "2"]})
    for name in ("q.csv", "q.jsonl", "q.parquet"):
        found = asked(tmp_path / name, predictor)
        assert found["level"].tolist()[0] == 1
        assert found["level"].isna().tolist() == [False, True, True]
        assert found["kind"].tolist() == ["1", "2", "2"]
        assert same_curves(predictor.predict(found), predictor.predict(expected))
    assert same_curves(
        predictor.predict(expected.assign(kind=pd.Categorical([1, 2, 2]))),
        predictor.predict(expected),
    )


@pytest.mark.parametrize(
    ("name", "text", "fragments"),
    [
        ("q.csv", "query_id,level,kind\na,1,x\nb,often,y\n", ["row 2 (line 3)", "'b'", "often"]),
        ("q.jsonl", '{"query_id": "a", "level": 1, "kind": "x"}\n'
                    '{"query_id": "b", "level": 2, "kind": 3}', ["row 2 (line 2)", "'b'", "kind"]),
        ("q.jsonl", '{"query_id": "a", "level": "1", "kind": "x"}', ["row 1 (line 1)", "level"]),
    ],
)  # fmt: skip
def test_a_query_of_another_kind_is_named_in_its_file(tmp_path, predictor, name, text, fragments):
    (tmp_path / name).write_text(text)
    with pytest.raises(TableError) as caught:
        asked(tmp_path / name, predictor)
    assert all(fragment in str(caught.value) for fragment in [name, *fragments])


def test_a_csv_of_words_and_numbers_is_refused_at_the_word(predictor, tmp_path):
    path = tmp_path / "r.csv"
    path.write_text("query_id,n_tokens,correct,level,kind\na,9,1,3,x\nb,9,1,many,x\n")
    with pytest.raises(InvalidInputError, match="row 1, level = many: is text"):
        predictor.predict(read_rollouts(path).queries())

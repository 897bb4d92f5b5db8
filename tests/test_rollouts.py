"""The table of rollouts: what it holds, what it gives, which rows it refuses."""

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from clear_opt.errors import InvalidInputError, MissingExtraError
from clear_opt.rollouts import Rollouts
from tests.growth import growth

GOOD = {
    "query_id": ["b", "a", "b", "c"],
    "n_tokens": [90, 120, 300, 0],
    "correct": [True, False, True, False],
    "text": ["two", "one", "two", ""],
    "model": ["m2", "m1", "m1", "m1"],
    "sample": [0, 0, 0, 1],
    "truncated": [False, True, False, False],
    "source": ["s", "s", "s", "t"],
    "cap": [400, 120, 300, 400],
}
FEATURES = {"level": [3, None, 3, 1.5], "kind": ["x", "y", "x", None]}


def test_columns_become_checked_arrays():
    rollouts = Rollouts(**GOOD, features=FEATURES)
    assert repr(rollouts) == "Rollouts(rows=4, queries=3, models=2, features=2, accuracy=0.500)"
    assert {name: values.dtype.name for name, values in rollouts.columns().items()} == {
        "query_id": "object", "n_tokens": "int64", "correct": "float64", "text": "object",
        "model": "object", "sample": "int64", "truncated": "bool", "source": "object",
        "cap": "int64",
    }  # fmt: skip
    assert rollouts.truncated.tolist() == GOOD["truncated"]
    assert rollouts.models == ("m1", "m2")
    assert rollouts.sources == ("s", "t")
    np.testing.assert_array_equal(rollouts.features["level"], [3, np.nan, 3, 1.5])
    assert rollouts.features["kind"].tolist() == FEATURES["kind"]


def test_required_columns_are_enough():
    rollouts = Rollouts(*(GOOD[k] for k in ("query_id", "n_tokens", "correct")))
    assert rollouts.models == ()
    assert rollouts.sources == ()
    assert rollouts.truncated is None
    assert rollouts.queries().shape == (3, 0)
    with pytest.raises(InvalidInputError, match="text: is missing"):
        rollouts.texts()
    with pytest.raises(InvalidInputError, match="no model column"):
        rollouts.for_model("m1")


def test_queries_keep_their_first_order():
    rollouts = Rollouts(**GOOD, features=FEATURES)
    assert rollouts.query_ids.tolist() == ["b", "a", "c"]
    assert rollouts.texts() == ["two", "one", ""]
    assert rollouts.index_of(["c", "b", "c"]).tolist() == [2, 0, 2]
    assert rollouts.index_of(rollouts.query_id).tolist() == [0, 1, 0, 2]


def test_queries_are_a_frame_of_texts_and_features():
    frame = Rollouts(**GOOD, features=FEATURES).queries()
    wanted = pd.DataFrame(
        {
            "text": pd.Series(["two", "one", ""], dtype=object),
            "level": [3.0, np.nan, 1.5],
            "kind": pd.Series(["x", "y", None], dtype=object),
        }
    ).set_index(pd.Index(["b", "a", "c"], dtype=object, name="query_id"))
    pd.testing.assert_frame_equal(frame, wanted)
    assert frame["kind"].tolist() == ["x", "y", None]


def test_rows_of_a_model_and_of_queries_bring_their_features():
    one = Rollouts(**GOOD, features=FEATURES).for_model("m1")
    assert one.query_id.tolist() == ["a", "b", "c"]
    assert one.cap.tolist() == [120, 300, 400]
    some = one.for_queries(["c", "a"])
    assert some.n_tokens.tolist() == [120, 0]
    assert some.features["kind"].tolist() == ["y", None]
    assert some.query_ids.tolist() == ["a", "c"]
    only = some.take([1])
    assert only.features["kind"].dtype == object  # a text column stays one without a text
    assert only.features["level"].tolist() == [1.5]
    with pytest.raises(InvalidInputError, match=r"model = m3: has no rollouts; models here: m1"):
        one.for_model("m3")
    with pytest.raises(InvalidInputError, match="row 1, query_id = z: has no rollouts"):
        one.for_queries(["a", "z"])


def test_samples_of_queries_come_in_the_order_asked_for():
    place, row = Rollouts(**GOOD).samples_of(["c", "b", "c"])
    assert place.tolist() == [0, 1, 1, 2]
    assert row.tolist() == [3, 0, 2, 3]


def test_a_query_is_one_text_and_one_value_of_each_feature():
    texts = Rollouts(**{**GOOD, "text": ["two", "one", "TWO", ""]})
    with pytest.raises(InvalidInputError, match=r"row 2, text: differs .* query 'b'"):
        texts.texts()
    with pytest.raises(InvalidInputError, match=r"row 2, text: differs .* query 'b'"):
        texts.queries()
    features = Rollouts(**GOOD, features={"level": [1, 1, 2, 1], "same": [7, None, 7, None]})
    with pytest.raises(InvalidInputError, match=r"row 2, level = 2.0: differs .* leave this"):
        features.queries()
    assert texts.varying() == ["text"]
    assert features.varying() == ["level"]
    gap = Rollouts(**GOOD, features={"level": [None, 1.0, 2, 1]})
    assert gap.varying() == ["level"]  # known on one row, missing on another


def test_a_row_at_its_cap_without_an_answer_is_truncated():
    columns = {"query_id": list("abcd"), "n_tokens": [9, 10, 10, 9], "cap": [10, 10, 10, 9]}
    found = Rollouts(**columns, correct=[0, 0, 0.5, 1]).truncated
    assert found.tolist() == [False, True, False, False]
    said = Rollouts(**columns, correct=[0, 0, 0.5, 1], truncated=[False] * 4).truncated
    assert not said.any()


BAD_ENTRIES = [
    ("query_id", None, "row 2, query_id: is missing"),
    ("query_id", 7, "row 2, query_id = 7: is not text"),
    ("query_id", " ", "row 2, query_id =  : is blank"),
    ("query_id", "\ud83d", "half of a surrogate pair"),
    ("n_tokens", None, "row 2, n_tokens: is missing; count"),
    ("n_tokens", -1, "row 2, n_tokens = -1: must be a whole number >= 0"),
    ("n_tokens", 1.5, "row 2, n_tokens = 1.5: must be a whole number >= 0"),
    ("n_tokens", float("nan"), "row 2, n_tokens = nan: must be"),
    ("n_tokens", float("inf"), "row 2, n_tokens = inf: must be"),
    ("n_tokens", 10**400, "row 2, n_tokens = 1000.*: must be"),
    ("n_tokens", "many", "row 2, n_tokens = many: is not a number"),
    ("n_tokens", "90", "row 2, n_tokens = 90: is not a number"),
    ("n_tokens", [90], r"row 2, n_tokens = \[90\]: is not a number"),
    ("n_tokens", 301, "row 2, n_tokens = 301: exceeds the row's cap; correct the count"),
    ("correct", 1.01, r"row 2, correct = 1.01: lies outside \[0, 1\]"),
    ("correct", -0.5, r"row 2, correct = -0.5: lies outside \[0, 1\]"),
    ("correct", float("nan"), r"row 2, correct = nan: lies outside \[0, 1\]"),
    ("correct", None, "row 2, correct: is missing"),
    ("text", None, "row 2, text: is missing; give an empty text"),
    ("model", None, "row 2, model: is missing"),
    ("model", "", "row 2, model = : is blank; name the model"),
    ("sample", 0.5, "row 2, sample = 0.5: must be a whole number"),
    ("truncated", 2, "row 2, truncated = 2: must be true or false"),
    ("truncated", True, "row 2, correct = True: is above 0 on a truncated row"),
    ("cap", 0, "row 2, cap = 0: must be a whole number >= 1"),
    ("cap", None, "row 2, cap: is missing"),
]


@pytest.mark.parametrize(("column", "value", "message"), BAD_ENTRIES)
def test_a_bad_entry_is_named(column, value, message):
    values = list(GOOD[column])
    values[2] = value
    with pytest.raises(InvalidInputError, match=message) as caught:
        Rollouts(**{**GOOD, column: values})
    assert caught.value.row == 2
    assert caught.value.remedy


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([1, 2, "x", 3], "row 2, level = x: is not a number like the other rows"),
        (["x", None, 3, "y"], "row 2, level = 3: is not text like the other rows"),
        ([None, None, [1], "y"], "row 2, level = .*: is neither a number nor text"),
        ([1, 2, float("inf"), 3], "row 2, level = inf: must be finite"),
        (["x", "y", "\ud83d", "z"], "row 2, level = .*: holds half of a surrogate pair"),
        ([1, 2, 10**400, None], "row 2, level = 1.*: must be finite"),
    ],
)
def test_a_bad_entry_of_a_feature_is_named(values, message):
    with pytest.raises(InvalidInputError, match=message) as caught:
        Rollouts(**GOOD, features={"level": values})
    assert (caught.value.row, caught.value.column) == (2, "level")


@pytest.mark.parametrize("name", ["query_id", "cap", " ", 3])
def test_a_feature_has_a_name_of_its_own(name):
    with pytest.raises(InvalidInputError, match="cannot be the name of a feature"):
        Rollouts(**GOOD, features={name: [1, 2, 3, 4]})


@pytest.mark.parametrize(
    ("column", "values", "message"),
    [
        ("correct", [1, 0], "correct: has 2 entries where query_id has 4"),
        ("n_tokens", np.zeros((4, 2)), r"n_tokens: has shape \(4, 2\)"),
    ],
)
def test_wrong_arrays_are_refused(column, values, message):
    with pytest.raises(InvalidInputError, match=message):
        Rollouts(**{**GOOD, column: values})


def test_an_empty_table_is_a_table():
    empty = Rollouts([], [], [], features={"level": []})
    assert len(empty.query_ids) == 0
    assert repr(empty) == "Rollouts(rows=0, queries=0, features=1)"
    assert len(empty.queries()) == 0
    assert empty.samples_of([])[0].shape == (0,)


def test_without_an_extra_its_name_is_told(monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(MissingExtraError, match=r"clear-opt\[learn\]"):
        Rollouts(**GOOD).queries()
    code = (
        "import sys\nsys.modules.update(pyarrow=None, pandas=None)\n"
        "from clear_opt.errors import MissingExtraError\n"
        "from clear_opt.rollouts import Rollouts, read_rollouts, write_rollouts\n"
        "for call in (lambda: read_rollouts('r.csv'), lambda: write_rollouts(None, 'r.csv')):\n"
        "    try: call()\n"
        "    except MissingExtraError as error: print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.count("clear-opt[tables]") == 2


def test_a_table_is_checked_in_time_proportional_to_its_rows():
    def table(rows):
        number = np.arange(rows)
        names = np.array([f"q{i}" for i in range(rows // 8)], dtype=object)[number // 8]
        ones = {"cap": np.full(rows, 900), "features": {"i": number // 8}}
        return names, number % 900, number % 2, names, ones

    def build(columns):
        names, lengths, correct, texts, more = columns
        return len(Rollouts(names, lengths, correct, texts, **more).queries())

    few, many = table(20_000), table(200_000)
    assert build(many) == 25_000
    assert growth(build, few, many) < 40

"""Queries as tables: texts, numbers and categories, what is missing, and features of one's own."""

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler

from clear_opt.errors import InvalidInputError
from clear_opt.predictors import (
    BoostedLearner,
    LinearLearner,
    SurgePredictor,
    TextFeatures,
    as_table,
    query_features,
)
from clear_opt.rollouts import Rollouts
from tests.made_queries import LEARNERS, QUICK, same_curves

TINY = BoostedLearner(n_estimators=20, residual_n_estimators=4)


def mixed(queries=240, seed=0):
    """Rollouts whose lengths follow a number and whose success follows a category."""
    rng = np.random.default_rng(seed)
    level = rng.integers(1, 6, queries).astype(float)
    topic = np.array(["algebra", "geometry", "proof"], dtype=object)[rng.integers(0, 3, queries)]
    length = np.round(100 * level * np.exp(0.2 * rng.standard_normal(queries)))
    right = rng.random(queries) < np.where(topic == "proof", 0.2, 0.9)
    level[::40], topic[7::40] = np.nan, None
    rollouts = Rollouts(
        [f"q{k}" for k in range(queries)],
        length,
        right,
        [f"Question {k}" for k in range(queries)],
        features={"level": level, "topic": topic},
    )
    table = rollouts.queries()
    table["drawn"] = rng.random(queries) < 0.5
    return table, rollouts


@pytest.fixture(scope="module")
def table_and_rollouts():
    return mixed()


@pytest.fixture(scope="module", params=LEARNERS)
def predictor(request, table_and_rollouts):
    return SurgePredictor(learner=LEARNERS[request.param]).fit(*table_and_rollouts)


@pytest.fixture
def some():
    return pd.DataFrame(
        {
            "text": ["Question 1", "Question 2", "Question 3"],
            "level": [1.0, 3.0, 5.0],
            "topic": ["algebra", "proof", "geometry"],
            "drawn": [True, False, True],
        },
        index=["x", "y", "y"],
    )


# --- tables


def test_columns_become_texts_numbers_and_categories():
    table = as_table(
        pd.DataFrame(
            {
                "text": pd.Series(["a", "b"], dtype="string"),
                "whole": pd.array([1, None], dtype="Int64"),
                "flag": [True, False],
                "maybe": pd.array([True, None], dtype="boolean"),
                "held as objects": pd.Series([2.5, None], dtype=object),
                "topic": ["x", None],
                "kind": pd.Categorical(["u", None]),
                7: [1, 2],
            }
        ).set_index(pd.Index([5, 5]))
    )
    expected = {
        "text": ["a", "b"],
        "whole": [1.0, np.nan],
        "flag": [1.0, 0.0],
        "maybe": [1.0, np.nan],
        "held as objects": [2.5, np.nan],
        "topic": ["x", ""],
        "kind": ["u", ""],
        "7": [1.0, 2.0],
    }
    pd.testing.assert_frame_equal(
        table.astype(object), pd.DataFrame(expected).astype(object), check_column_type=False
    )
    numbers = [name for name in table if table[name].dtype == np.float64]
    assert numbers == ["whole", "flag", "maybe", "held as objects", "7"]


@pytest.mark.parametrize("texts", [["a", ""], ("a", ""), np.array(["a", ""]), pd.Series(["a", ""])])
def test_a_sequence_of_texts_is_a_table_of_one_column(texts):
    assert as_table(texts).to_dict("list") == {"text": ["a", ""]}


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"text": ["a", None]}, r"row 1, text = .*: is not text"),
        ({"text": [1, 2]}, r"row 0, text = 1: is not text"),
        ({"level": [1.0, np.inf]}, r"row 1, level = inf: is infinite"),
        ({"level": [1.0, -np.inf]}, r"row 1, level = -inf: is infinite"),
        ({"level": [1j, 2j]}, r"row 0, level = 1j: is neither a number nor text"),
        ({"mixed": ["a", 3.0]}, r"row 1, mixed = 3.0: is not text like the other rows"),
        ({"when": pd.to_datetime(["2020", "2021"])}, r"row 0, when = .*: is neither a number"),
    ],
)
def test_what_a_column_cannot_hold_is_named(columns, message):
    with pytest.raises(InvalidInputError, match=message):
        as_table(pd.DataFrame(columns))


def test_a_column_named_twice_is_refused():
    with pytest.raises(InvalidInputError, match="level: occurs twice"):
        as_table(pd.DataFrame([[1, 2]], columns=["level", "level"]))


# --- default features


def test_default_features_of_each_kind_of_column():
    table = as_table(
        pd.DataFrame(
            {
                "level": [1.0, 2.0, 6.0, np.nan] * 5,
                "topic": ["often"] * 12 + ["also"] * 6 + ["rare"] * 2,
            }
        )
    )
    features = query_features(table).fit(table)
    new = as_table(pd.DataFrame({"level": [4.0, None], "topic": ["often", "never seen"]}))
    # The number, 2 where it is missing, and a column that says so; also, often, and the rest.
    assert features.transform(new).tolist() == [[4, 0, 0, 1, 0], [2, 1, 0, 0, 1]]


def test_default_features_of_texts_are_text_features():
    texts = ["Add 1 and 2.", "Add 3 and 4.", "Add 5 and 6."]
    table = as_table(texts)
    columns = query_features(table, random_state=3).fit_transform(table)
    assert np.array_equal(columns, TextFeatures(random_state=3).fit(texts).transform(texts))


# --- prediction


def test_numbers_and_categories_are_learned_from(predictor, some):
    success, median, _ = predictor.predict_completion(some)
    assert success[1] < 0.45
    assert min(success[0], success[2]) > 0.75
    assert median == pytest.approx([100, 300, 500], rel=0.35)


def changed(table, **columns):
    return table.assign(**{k: pd.Series(v, index=table.index) for k, v in columns.items()})


def test_order_index_and_further_columns_do_not_matter(predictor, some):
    expected = predictor.predict(some)
    shuffled = some[["drawn", "topic", "text", "level"]].assign(more=1).reset_index(drop=True)
    assert same_curves(predictor.predict(shuffled), expected)
    assert same_curves(predictor.predict(changed(some, drawn=[1, 0, 1])), expected)
    assert same_curves(predictor.predict(some.astype({"level": "Int64"})), expected)
    assert same_curves(predictor.predict(some.astype({"topic": "category"})), expected)


@pytest.mark.parametrize("column", ["level", "topic", "drawn"])
@pytest.mark.parametrize("nothing", [np.nan, None])
def test_a_column_may_be_empty(predictor, some, column, nothing):
    empty = changed(some, **{column: [nothing] * 3})
    one_by_one = predictor.predict(
        changed(some, **{column: pd.Series([nothing] * 3, dtype=object)})
    )
    assert same_curves(predictor.predict(empty), one_by_one)
    assert np.isfinite(one_by_one.tau).all()
    assert len(predictor.out_of_distribution(empty)) == 3


def test_unseen_and_rare_categories_are_the_same(table_and_rollouts, some):
    table, rollouts = table_and_rollouts
    rare = table.assign(topic=table["topic"].where(np.arange(len(table)) != 3, "rare"))
    predictor = SurgePredictor(learner=TINY).fit(rare, rollouts)
    curves = predictor.predict(changed(some, topic=["rare", "unseen", "other"]))
    assert (curves.height > 0).all()
    first, second = (changed(some, topic=[name] * 3) for name in ("rare", "unseen"))
    assert same_curves(predictor.predict(first), predictor.predict(second))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t.drop(columns="topic"), "topic: is missing; the predictor was trained on text"),
        (lambda t: t["text"].tolist(), "level: is missing; .* the queries have text"),
        (lambda t: changed(t, level=["1", "2", "3"]), "row 0, level = 1: is text, but in training"),
        (lambda t: changed(t, topic=[np.nan, 2, 3]), "row 1, topic = 2.0: is a number, but in"),
        (lambda t: changed(t, level=[1, 2, np.inf]), "row 2, level = inf: is infinite"),
        (lambda t: changed(t, text=["a", "b", None]), "row 2, text = .*: is not text"),
    ],
)
def test_queries_unlike_the_table_of_training_are_refused(predictor, some, change, message):
    for use in (predictor.predict, predictor.out_of_distribution, predictor.predict_distribution):
        with pytest.raises(InvalidInputError, match=message):
            use(change(some))


@pytest.mark.parametrize("learner", LEARNERS)
def test_numbers_far_out_still_give_legal_curves(learner):
    rng = np.random.default_rng(0)
    level = rng.uniform(0, 10, 100)
    rollouts = Rollouts(
        [f"q{k}" for k in range(100)],
        np.round(50 + 30 * level),
        np.ones(100),
        features={"level": level},
    )
    predictor = SurgePredictor(learner=LEARNERS[learner]).fit(rollouts.queries(), rollouts)
    curves = predictor.predict(pd.DataFrame({"level": [1e6, -1e6, 1e100]}))
    for values in (curves.tau, curves.alpha, curves.beta, curves.value(500.0)):
        assert np.isfinite(values).all()


def test_queries_without_texts_need_none():
    table, rollouts = mixed()
    predictor = SurgePredictor(learner=QUICK).fit(table[["level"]], rollouts)
    assert predictor.columns_ == ["level"]
    median = predictor.predict_completion(pd.DataFrame({"level": [1, 5]})).median
    assert median[1] > 3 * median[0]
    with pytest.raises(InvalidInputError, match="level: is missing"):
        predictor.predict(["a text"])


def test_queries_without_any_column_are_refused():
    rollouts = Rollouts(["a", "b"], [10, 20], [1, 1])
    with pytest.raises(InvalidInputError, match="queries: has no column; add the queries' texts"):
        SurgePredictor().fit(rollouts.queries(), rollouts)


# --- features of one's own


def own_features(kind):
    number = make_pipeline(SimpleImputer(), StandardScaler())
    steps = {
        "numbers alone": [("number", number, ["level"])],
        "sparse": [("text", TfidfVectorizer(), "text"), ("topic", OneHotEncoder(), ["topic"])],
        "a table": [("number", number, ["level"]), ("drawn", "passthrough", ["drawn"])],
        "text and numbers": [("text", TextFeatures(2), "text"), ("number", number, ["level"])],
    }[kind]
    features = ColumnTransformer(steps, sparse_threshold=1.0 if kind == "sparse" else 0.0)
    return features.set_output(transform="pandas") if kind == "a table" else features


@pytest.mark.parametrize("kind", ["numbers alone", "sparse", "a table", "text and numbers"])
@pytest.mark.parametrize("learner", [TINY, LinearLearner()], ids=["boosted", "linear"])
def test_features_of_ones_own_are_used(table_and_rollouts, some, kind, learner):
    features = own_features(kind)
    predictor = SurgePredictor(features, learner).fit(*table_and_rollouts)
    assert predictor.features is features
    assert not hasattr(features, "transformers_")  # a copy is fitted, as in any scikit-learn tool
    median = predictor.predict_completion(some).median
    if kind != "sparse":
        assert median[2] > 2 * median[0]
    other = changed(some, level=[5, 5, 5])  # only what the features use matters
    same = same_curves(predictor.predict(other), predictor.predict(some))
    assert same == (kind == "sparse")


def test_a_function_makes_features(table_and_rollouts, some):
    def squares(table):
        return table[["level"]].fillna(3.0).to_numpy() ** 2

    predictor = SurgePredictor(FunctionTransformer(squares), TINY).fit(*table_and_rollouts)
    median = predictor.predict_completion(some).median
    assert median[2] > 2 * median[0]

"""Queries as a table of columns, and the features taken from it unless others are given."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from pandas.api import types
from scipy.sparse import issparse
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.preprocessing import OneHotEncoder

from clear_opt.errors import InvalidInputError
from clear_opt.predictors.text_features import TextFeatures
from clear_opt.predictors.texts import check_texts
from clear_opt.rollouts.kinds import feature_column, one_axis

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

TEXT = "text"
"""Name of the column that holds a query's text."""

_FEWEST = 5  # queries of a category that gets a column of its own


def as_table(queries: pd.DataFrame | Sequence[str]) -> pd.DataFrame:
    """Return queries as a table: a text column, columns of numbers, columns of categories.

    Parameters
    ----------
    queries : DataFrame or sequence of str, shape (n,)
        One row, or text, per query.

    Returns
    -------
    pandas.DataFrame
        ``text`` holds strings, numbers are float64 with NaN where missing, every other column is
        a category: a string, empty where missing.

    Raises
    ------
    InvalidInputError
        Naming the row of a text that is none, of a number that is infinite, or the column that
        holds something else or occurs twice.
    """
    if not isinstance(queries, pd.DataFrame):
        return pd.DataFrame({TEXT: _objects(check_texts(queries))})
    table = {}
    for place, name in enumerate(map(str, queries.columns)):
        values: Any = queries.iloc[:, place]
        if name in table:
            raise InvalidInputError("occurs twice", column=name, remedy="name every column once")
        if name == TEXT:
            table[name] = _objects(check_texts(values))
        else:
            table[name] = _typed(name, values)
    return pd.DataFrame(table, index=range(len(queries)))


def _objects(texts: list[str]) -> pd.Series:
    # Without a dtype pandas makes Arrow strings, which refuse half of a surrogate pair.
    return pd.Series(texts, dtype=object)


def query_features(table: pd.DataFrame, random_state: int = 0) -> ColumnTransformer:
    """Return the default features of a table, not yet fitted.

    Texts become `TextFeatures`; numbers stay, with the median where one is missing and a column
    that says so; categories become indicators, those seen rarely or never in training none.

    Parameters
    ----------
    table : pandas.DataFrame
        As returned by `as_table`.
    random_state : int
        Of the text features.

    Examples
    --------
    >>> table = as_table(["Add 1 and 2.", "Prove it."])
    >>> query_features(table).fit_transform(table).shape[0]
    2
    """
    names = [name for name in table.columns if name != TEXT]
    numbers = [name for name in names if types.is_numeric_dtype(table[name])]
    categories = [name for name in names if name not in numbers]
    steps: list[tuple[str, Any, Any]] = []
    if TEXT in table.columns:
        steps.append(("text", TextFeatures(random_state=random_state), TEXT))
    if numbers:
        filled = SimpleImputer(strategy="median", add_indicator=True, keep_empty_features=True)
        steps.append(("numbers", filled, numbers))
    if categories:
        indicators = OneHotEncoder(
            handle_unknown="infrequent_if_exist", min_frequency=_FEWEST, sparse_output=False
        )
        steps.append(("categories", indicators, categories))
    return ColumnTransformer(steps, sparse_threshold=0.0)


def as_matrix(features: Any) -> np.ndarray:
    """Return the output of a transformer, which may be sparse or a table, as a float64 array."""
    return np.asarray(features.toarray() if issparse(features) else features, dtype=np.float64)


def check_columns(
    table: pd.DataFrame, needed: Sequence[str], categories: Mapping[str, Collection[str]]
) -> pd.DataFrame:
    """Return the columns a predictor was trained on, in its order.

    A column without a single entry says nothing of its kind, so it may stand for either. Numbers
    count as categories where each spells one of training: a table of few rows may have no other.

    Parameters
    ----------
    table : pandas.DataFrame
        As returned by `as_table`.
    needed : sequence of str
        The columns of training.
    categories : mapping
        Those of them that held categories, with the categories.

    Raises
    ------
    InvalidInputError
        Naming the first that is missing, or that holds categories where training had numbers, or
        numbers where it had categories.
    """
    for name in needed:
        if name not in table.columns:
            raise InvalidInputError(
                "is missing",
                column=name,
                remedy=f"the predictor was trained on {', '.join(needed)}; "
                f"the queries have {', '.join(map(str, table.columns)) or 'no column'}",
            )
    known = {
        name: table[name] if name == TEXT else _as_trained(table[name], categories.get(name))
        for name in needed
    }
    return pd.DataFrame(known, index=table.index)


def _as_trained(values: Any, categories: Collection[str] | None) -> Any:
    """Return a column in its kind of training if it holds nothing of the other kind."""
    numbers = types.is_numeric_dtype(values)
    if numbers == (categories is None):
        return values
    if categories is not None:
        spelled = ["" if value != value else f"{value:.15g}" for value in values]
        strange = np.flatnonzero([word not in categories and word != "" for word in spelled])
        if strange.size:
            problem = "is a number, but in training the column held categories"
            raise _not_trained(values, int(strange[0]), problem)
        return _objects(spelled)
    entries = np.flatnonzero(values != "")
    if entries.size:
        # The entry at fault is the one that is no number, where the others only look like text.
        row = next((row for row in entries if not _spells_number(values.iloc[row])), entries[0])
        raise _not_trained(values, int(row), "is text, but in training the column held numbers")
    return np.full(len(values), np.nan)


def _not_trained(values: pd.Series, row: int, problem: str) -> InvalidInputError:
    return InvalidInputError(
        problem,
        column=str(values.name),
        row=row,
        value=values.iloc[row],
        remedy="give the column as it was in training",
    )


def _spells_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _typed(name: str, values: pd.Series) -> np.ndarray | pd.Series:
    column = feature_column(one_axis(values, name, len(values)))
    for rows, problem, remedy in column.wrong:
        raise _refused(name, values, rows, problem, remedy)
    if column.values.dtype == object:
        return _objects(["" if value is None else str(value) for value in column.values])
    infinite = np.flatnonzero(np.isinf(column.values))
    if infinite.size:
        remedy = "leave it empty where it is unknown"
        raise _refused(name, values, infinite, "is infinite", remedy)
    return column.values


def _refused(
    name: str, values: pd.Series, rows: np.ndarray, problem: str, remedy: str
) -> InvalidInputError:
    row = int(rows[0])
    value = values.iloc[row]
    shown = repr(value) if isinstance(value, str) else value
    return InvalidInputError(problem, column=name, row=row, value=shown, remedy=remedy)

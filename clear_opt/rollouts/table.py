"""Rollouts: what models did on queries, one row per generation, checked row by row."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from clear_opt.errors import InvalidInputError, MissingExtraError
from clear_opt.rollouts.checks import OPTIONAL, REQUIRED, check

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd


@dataclass(frozen=True, eq=False, repr=False)
class Rollouts:
    """A table of generations: row r is one answer of one model to one query.

    All arrays have shape (rows,). They are checked when the table is built; a row that cannot be
    used is an error, never dropped.

    A truncated row is censored: its generation was cut off, so its length is at least
    ``n_tokens``, and that no right answer was seen says nothing about larger caps.

    Parameters
    ----------
    query_id : array-like, shape (rows,)
        Which query, text. Rows of one query may be several samples or several models.
    n_tokens : array-like, shape (rows,)
        Length of the completion in whole tokens, >= 0.
    correct : array-like, shape (rows,)
        Whether the answer was right, or the probability that it was, in [0, 1]; 0 on truncated
        rows.
    text : array-like, shape (rows,), optional
        The query's text, the same on every row of a query.
    model : array-like, shape (rows,), optional
        Which model answered.
    sample : array-like, shape (rows,), optional
        Number of the sample among those of one query and model.
    truncated : array-like, shape (rows,), optional
        Whether the generation was cut off, so that ``n_tokens`` is only a lower bound. If it is
        not given but ``cap`` is, rows with ``n_tokens == cap`` and ``correct == 0`` are truncated.
    source : array-like, shape (rows,), optional
        Where the query comes from, e.g. the name of a benchmark.
    cap : array-like, shape (rows,), optional
        The most tokens the generation could use, whole, >= 1; ``n_tokens`` does not exceed it.
    features : mapping of str to array-like, optional
        Anything else known about the queries: name to values. Numbers become float64, with NaN
        where one is missing; texts become objects, with None where one is missing.

    Raises
    ------
    InvalidInputError
        Naming row, column and value of the first entry that cannot be used.

    Examples
    --------
    >>> Rollouts(query_id=["a", "a", "b"], n_tokens=[90, 120, 300], correct=[1, 0, 0.5])
    Rollouts(rows=3, queries=2, accuracy=0.500)
    >>> Rollouts(["a", "b"], [90, 500], [1, 0], cap=[500, 500]).truncated
    array([False,  True])
    """

    query_id: Any
    n_tokens: Any
    correct: Any
    text: Any = None
    model: Any = None
    sample: Any = None
    truncated: Any = None
    source: Any = None
    cap: Any = None
    features: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        given = self.columns()
        columns, features, violations = check(given, self.features)
        if violations:
            column, rows, problem, remedy = violations[0]
            row = int(rows[0])
            value = {**given, **self.features}[column][row]
            raise InvalidInputError(
                problem,
                column=column,
                row=row,
                value=value if value is None or isinstance(value, (int, float)) else str(value),
                remedy=remedy,
            )
        for name, values in columns.items():
            object.__setattr__(self, name, values)
        object.__setattr__(self, "features", features)

    def columns(self) -> dict[str, np.ndarray]:
        """Return the columns the table has, by name, without the features."""
        names = REQUIRED + OPTIONAL
        return {name: getattr(self, name) for name in names if getattr(self, name) is not None}

    @property
    def query_ids(self) -> np.ndarray:
        """The queries, each once, in the order in which they first appear; shape (queries,)."""
        return self.query_id[self._first_rows]

    @cached_property
    def _places(self) -> dict[str, int]:
        return {name: position for position, name in enumerate(dict.fromkeys(self.query_id))}

    @cached_property
    def _owner(self) -> np.ndarray:
        """Place of each row's query in `query_ids`, shape (rows,)."""
        rows = len(self)
        return np.fromiter(map(self._places.__getitem__, self.query_id), np.int64, count=rows)

    @cached_property
    def _first_rows(self) -> np.ndarray:
        return np.sort(np.unique(self._owner, return_index=True)[1])

    @property
    def models(self) -> tuple[str, ...]:
        """The models, each once, in alphabetical order; empty where no model is named."""
        return () if self.model is None else tuple(sorted(set(self.model)))

    @property
    def sources(self) -> tuple[str, ...]:
        """The sources, each once, in alphabetical order; empty where none is named."""
        return () if self.source is None else tuple(sorted(set(self.source)))

    def take(self, rows: Any) -> Rollouts:
        """Return some of the rows: ``rows`` is an index array, a mask or a slice."""
        some = object.__new__(Rollouts)  # sound rows stay sound: nothing to check again
        for column in fields(self):
            object.__setattr__(some, column.name, None)
        for name, values in self.columns().items():
            object.__setattr__(some, name, values[rows])
        features = {name: values[rows] for name, values in self.features.items()}
        object.__setattr__(some, "features", features)
        return some

    def with_features(self, names: Sequence[str]) -> Rollouts:
        """Return the same rows with some of the features.

        Raises
        ------
        InvalidInputError
            Naming the first feature that the table does not have.
        """
        for name in names:
            if name not in self.features:
                raise InvalidInputError(
                    "is not a feature of the rollouts",
                    column="features",
                    value=name,
                    remedy=f"features here: {', '.join(self.features) or 'none'}",
                )
        some = self.take(slice(None))
        kept = {name: values for name, values in self.features.items() if name in names}
        object.__setattr__(some, "features", kept)
        return some

    def for_model(self, name: str) -> Rollouts:
        """Return the rows of one model.

        Raises
        ------
        InvalidInputError
            If the table has no row of this model; the message lists those it has.
        """
        if name not in self.models:
            known = ", ".join(self.models) or "none, the table has no model column"
            raise InvalidInputError(
                "has no rollouts", column="model", value=name, remedy=f"models here: {known}"
            )
        return self.take(self.model == name)

    def for_queries(self, query_ids: Sequence[str] | np.ndarray) -> Rollouts:
        """Return the rows of some queries, in the table's order.

        Raises
        ------
        InvalidInputError
            If one of the queries has no row.
        """
        wanted = np.zeros(len(self._places), dtype=bool)
        wanted[self.index_of(query_ids)] = True
        return self.take(wanted[self._owner])

    def index_of(self, query_ids: Sequence[str] | np.ndarray) -> np.ndarray:
        """Return the position of each named query in `query_ids`, integers, one for each.

        Raises
        ------
        InvalidInputError
            Naming the first query, and its row in the argument, that has no rollout.
        """
        if query_ids is self.query_id:
            return self._owner.copy()
        try:
            found = [self._places[name] for name in query_ids]
        except KeyError:
            row, name = next((i, q) for i, q in enumerate(query_ids) if q not in self._places)
            raise InvalidInputError(
                "has no rollouts",
                column="query_id",
                row=row,
                value=name,
                remedy="leave the query out, or add its rollouts",
            ) from None
        return np.array(found, dtype=np.int64)

    def samples_of(self, query_ids: Sequence[str] | np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return all samples of some queries: pairs of a position in ``query_ids`` and a row.

        Parameters
        ----------
        query_ids : sequence of str
            The queries, n of them; one may occur several times.

        Returns
        -------
        Positions and rows, each of shape (number of samples,), ordered by position.

        Raises
        ------
        InvalidInputError
            Naming the first query that has no rollout.
        """
        known = self.index_of(query_ids)
        owner = self._owner
        rows = np.argsort(owner, kind="stable")
        count = np.bincount(owner, minlength=len(self._places))
        first = np.cumsum(count) - count
        position = np.repeat(np.arange(len(known)), count[known])
        nth = np.arange(len(position)) - np.repeat(
            np.cumsum(count[known]) - count[known], count[known]
        )
        return position, rows[np.repeat(first[known], count[known]) + nth]

    def texts(self) -> list[str]:
        """Return the text of each query, in the order of `query_ids`.

        Raises
        ------
        InvalidInputError
            If the table has no texts, or if two rows of one query differ in their text.
        """
        if self.text is None:
            raise InvalidInputError("is missing", column="text", remedy="add the queries' texts")
        return self._per_query("text", self.text).tolist()

    def queries(self) -> pd.DataFrame:
        """Return what is known about each query before it is answered: its text and its features.

        Returns
        -------
        pandas.DataFrame
            One row per query, in the order of `query_ids`; the index holds the names and is named
            ``query_id``. The columns are ``text``, if the table has texts, and the features:
            float64 with NaN, or objects (texts) with None.

        Raises
        ------
        InvalidInputError
            Naming the first row whose text or feature differs from an earlier row of its query.
        MissingExtraError
            If pandas is not installed.

        Examples
        --------
        >>> rows = Rollouts(["a", "a", "b"], [9, 8, 7], [1, 1, 0], features={"level": [3, 3, 5]})
        >>> rows.queries()["level"].to_dict()
        {'a': 3.0, 'b': 5.0}
        """
        try:
            import pandas as pd
        except ImportError:
            raise MissingExtraError("pandas", "learn") from None
        known = {} if self.text is None else {"text": self.text}
        columns = {
            name: self._per_query(name, values)
            for name, values in {**known, **self.features}.items()
        }
        index = pd.Index(self.query_ids, dtype=object, name="query_id")
        return pd.DataFrame(
            {
                name: pd.Series(values, index=index, dtype=values.dtype)
                for name, values in columns.items()
            },
            index=index,
        )

    def varying(self) -> list[str]:
        """Name the columns of `queries` that differ between two rows of a query."""
        known = {} if self.text is None else {"text": self.text}
        columns = {**known, **self.features}
        return [name for name, values in columns.items() if self._unlike(values).size]

    def _unlike(self, values: np.ndarray) -> np.ndarray:
        """Rows that differ from the first row of their query."""
        first = values[self._first_rows][self._owner]
        same = values == first
        if values.dtype == np.float64:
            same |= np.isnan(values) & np.isnan(first)
        return np.flatnonzero(~same.astype(bool))

    def _per_query(self, name: str, values: np.ndarray) -> np.ndarray:
        unlike = self._unlike(values)
        if unlike.size:
            row = int(unlike[0])
            raise InvalidInputError(
                f"differs from the {name} of an earlier row of query {self.query_id[row]!r}",
                column=name,
                row=row,
                value=None if name == "text" else values[row],
                remedy="give every text its own query_id"
                if name == "text"
                else "a feature says the same on all rows of a query; leave this column out",
            )
        return values[self._first_rows]

    def __len__(self) -> int:
        return len(self.query_id)

    def __repr__(self) -> str:
        parts = [f"rows={len(self)}", f"queries={len(self.query_ids)}"]
        if self.model is not None:
            parts.append(f"models={len(self.models)}")
        if self.features:
            parts.append(f"features={len(self.features)}")
        if len(self):
            parts.append(f"accuracy={self.correct.mean():.3f}")
        return f"Rollouts({', '.join(parts)})"

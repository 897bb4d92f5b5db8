"""The table that a predictor is fitted to, checked against the rollouts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from clear_opt.errors import InvalidInputError
from clear_opt.predictors.head_fitting import TYPICAL
from clear_opt.predictors.queries import as_table

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from clear_opt.rollouts import Rollouts


def training_table(queries: pd.DataFrame | Sequence[str], rollouts: Rollouts) -> pd.DataFrame:
    """Return the queries as a table, one row for each of ``rollouts.query_ids``.

    Raises
    ------
    InvalidInputError
        If there is not one row per query or not one column, if no rollout is correct, or if a model
        is called like the head that stands for none.
    """
    table = as_table(queries)
    if len(table) != len(rollouts.query_ids):
        raise InvalidInputError(
            f"has {len(table)} rows for the {len(rollouts.query_ids)} queries of the rollouts",
            column="queries",
            remedy="give one for each of rollouts.query_ids, in that order",
        )
    if not (rollouts.correct > 0).any():
        raise InvalidInputError(
            "has no correct rollout", column="correct", remedy="lengths need a few successes"
        )
    if not len(table.columns):
        raise InvalidInputError(
            "has no column", column="queries", remedy="add the queries' texts or features"
        )
    if TYPICAL in rollouts.models:
        raise InvalidInputError(
            "is the name of the head that stands for no model",
            column="model",
            value=TYPICAL,
            remedy="call the model something else",
        )
    return table

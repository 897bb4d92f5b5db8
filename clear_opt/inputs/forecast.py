"""What is known of an offer's answers beforehand: curves, lengths, and how far off they may be."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import numpy as np

from clear_opt.curves import Curve
from clear_opt.inputs.query_table import QueryTable
from clear_opt.io import TableError
from clear_opt.lengths import Lengths, SurgeLengths
from clear_opt.problem.program import Basis


class Forecast(NamedTuple):
    """What one offer would do with each of n queries."""

    curves: Curve
    """Utility of n queries."""
    lengths: Lengths | None = None
    """Completion length of each; needed in the expected basis."""
    spend_error: float = 0.0
    """Relative error that all its predicted spend shares, one standard error."""

    @staticmethod
    def joined(parts: Sequence[Forecast]) -> Forecast:
        """Put forecasts of one predictor for parts of the queries together, in their order."""
        pairs = [(part.curves, part.lengths) for part in parts]
        # Curves and lengths are pytrees of arrays over queries.
        curves, lengths = jax.tree_util.tree_map(lambda *part: np.concatenate(part), *pairs)
        return Forecast(curves, lengths, parts[0].spend_error)


def forecast(
    predictor: Any, queries: Any, model: str | None = None, basis: Basis = "reserved"
) -> Forecast:
    """Predict what a basis needs to know.

    Parameters
    ----------
    predictor : SurgePredictor
        A fitted `clear_opt.predictors.SurgePredictor`.
    queries : DataFrame
        Texts, or a table with the columns of training.
    model : str, optional
        Whose answers; ``None`` for a typical model.
    basis : {"reserved", "expected"}, default="reserved"
        In the reserved basis a surge says where to stop. In the expected basis a cap that is not
        used costs nothing, so the completion curve itself is given, and the lengths beside it.

    Returns
    -------
    Forecast
        With the predictor's ``spend_error_`` for the model.
    """
    if basis == "reserved":
        return Forecast(predictor.predict(queries, model))
    known = predictor.spend_error_
    return Forecast(
        predictor.predict_completion_curves(queries, model),
        predictor.predict_lengths(queries, model),
        known.get(model, known["typical"]),
    )


def forecast_from_columns(table: QueryTable, query_ids: Sequence[str] | None = None) -> Forecast:
    """Return the curves and lengths that a table has in its columns.

    Parameters
    ----------
    table : QueryTable
        As `clear_opt.inputs.read_queries` reads it. Where it has no lengths, answers are taken to
        end where their curves rise (`SurgeLengths`), right or wrong.
    query_ids : sequence of str, optional
        The queries wanted, in order; all of the table by default.

    Raises
    ------
    TableError
        If the table gives texts, or naming the first query that it does not have.
    """
    if table.curves is None:
        raise TableError(
            "gives no curves",
            path=table.path,
            remedy="add tau with height and width, e.g. by clear-opt predict",
        )
    lengths = SurgeLengths(table.curves) if table.lengths is None else table.lengths
    if query_ids is None or tuple(query_ids) == table.query_ids:
        return Forecast(table.curves, lengths)
    row_of = {name: k for k, name in enumerate(table.query_ids)}
    for query_id in query_ids:
        if query_id not in row_of:
            raise TableError(
                "has no curve",
                path=table.path,
                query_id=query_id,
                remedy="give every query a row, or leave the query out",
            )
    order = np.array([row_of[query_id] for query_id in query_ids], dtype=np.int64)
    pair = (table.curves, lengths)
    return Forecast(*jax.tree_util.tree_map(lambda column: column[order], pair))

"""From a file of queries to the problem that ``allocate``, ``path`` and ``cheapest`` share."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from clear_opt.cli.steps import (
    DEFAULT_PREDICTOR,
    ModelName,
    TrackingUri,
    note,
    note_unused,
    predict_table,
    working,
)
from clear_opt.defaults import MOST_TOKENS

if TYPE_CHECKING:
    from clear_opt.curves import ShiftedSurge
    from clear_opt.problem import AllocationProblem
    from clear_opt.tables import QueryTable

__all__ = [
    "Block",
    "Ceiling",
    "Floor",
    "ModelName",
    "Predictor",
    "Queries",
    "TrackingUri",
    "read_problem",
]

Queries = Annotated[
    Path,
    typer.Argument(
        help="JSONL, CSV or Parquet with query_id and text; or with tau and (height, width) "
        "or (alpha, beta). Optional columns: weight, floor, ceiling.",
        show_default=False,
    ),
]
"""The argument QUERIES."""

Predictor = Annotated[
    str | None,
    typer.Option(
        help="Predictor for texts: a name, a folder, or models:/NAME@ALIAS.",
        show_default=DEFAULT_PREDICTOR,
    ),
]
"""The option --predictor."""

Floor = Annotated[
    int,
    typer.Option(
        min=0, max=MOST_TOKENS, help="Tokens every query gets, unless its row says otherwise."
    ),
]
"""The option --floor."""

Ceiling = Annotated[
    int | None,
    typer.Option(
        min=0,
        max=MOST_TOKENS,
        help="Most tokens a query may get, unless its row says otherwise.",
        show_default="none",
    ),
]
"""The option --ceiling."""

Block = Annotated[
    int, typer.Option(min=1, max=MOST_TOKENS, help="Caps are multiples of this many tokens.")
]
"""The option --block."""


def read_problem(
    queries: Path,
    budget: float,
    *,
    predictor: str | None,
    model: str | None,
    tracking_uri: str | None,
    floor: int,
    ceiling: int | None,
    block: int,
) -> tuple[QueryTable, AllocationProblem]:
    """Read a file of queries, predict curves where it has none, and set the problem up.

    Parameters
    ----------
    queries
        The file.
    budget
        Tokens for all queries together.
    predictor, model, tracking_uri
        Where curves come from if the file gives texts; see `predict_table`.
    floor, ceiling, block
        Limits for every query whose row does not say otherwise; block size of caps.
    """
    from clear_opt.tables import read_queries

    with working("Reading queries"):
        table = read_queries(queries, floor=floor, ceiling=ceiling)
    curves = _curves(table, predictor, model, tracking_uri)
    return table, table.problem(curves, budget, block=block)


def _curves(
    table: QueryTable, predictor: str | None, model: str | None, tracking_uri: str | None
) -> ShiftedSurge:
    if table.curves is None:
        return predict_table(table, predictor or DEFAULT_PREDICTOR, model, tracking_uri)
    note_unused(table)
    if predictor is not None or model is not None:
        note(f"predictor not used: {table.path} gives the curves")
    return table.curves

"""``clear-opt predict``: the curve parameters alone."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from clear_opt.cli.common import predict_table, working
from clear_opt.cli.option_types import DEFAULT_PREDICTOR, ModelName, TrackingUri


def predict(
    queries: Annotated[
        Path,
        typer.Argument(
            help="JSONL, CSV or Parquet with query_id and what the predictor needs, such as text.",
            show_default=False,
        ),
    ],
    out: Annotated[
        Path,
        typer.Option(help="Where to write: .jsonl, .csv or .parquet.", show_default=False),
    ],
    predictor: Annotated[
        str, typer.Option(help="A name, a folder, or models:/NAME@ALIAS.")
    ] = DEFAULT_PREDICTOR,
    model: ModelName = None,
    tracking_uri: TrackingUri = None,
) -> None:
    """Predict each query's utility curve from its text and other columns.

    Writes query_id, tau, alpha, beta, height, width; `clear-opt allocate` reads that file.

    **Example**

    `clear-opt predict queries.jsonl --out curves.parquet`
    """
    from clear_opt.inputs import curve_table, read_queries
    from clear_opt.io import check_output, write_table

    check_output(out, source=queries)
    with working("Reading queries"):
        table = read_queries(queries, text_only=True)
    curves = predict_table(table, predictor, model, tracking_uri)
    write_table(curve_table(table.query_ids, curves), out)
    typer.echo(f"wrote {out} ({len(table):,} rows)")

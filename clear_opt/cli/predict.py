"""``clear-opt predict``: the curve parameters alone."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from clear_opt.cli.steps import DEFAULT_PREDICTOR, TrackingUri, note_unused, predict_curves, working


def predict(
    queries: Annotated[
        Path,
        typer.Argument(help="JSONL, CSV or Parquet with query_id and text.", show_default=False),
    ],
    out: Annotated[
        Path,
        typer.Option(help="Where to write: .jsonl, .csv or .parquet.", show_default=False),
    ],
    predictor: Annotated[
        str, typer.Option(help="A name, a folder, or models:/NAME@ALIAS.")
    ] = DEFAULT_PREDICTOR,
    tracking_uri: TrackingUri = None,
) -> None:
    """Predict each query's utility curve from its text.

    Writes query_id, tau, alpha, beta, height, width; `clear-opt allocate` reads that file.

    **Example**

    `clear-opt predict queries.jsonl --out curves.parquet`
    """
    from clear_opt.files import check_output, write_table
    from clear_opt.tables import curve_table, read_queries

    check_output(out, source=queries)
    with working("Reading queries"):
        table = read_queries(queries, text_only=True)
    note_unused(table)
    curves = predict_curves(table.texts or (), predictor, tracking_uri)
    write_table(curve_table(table.query_ids, curves), out)
    typer.echo(f"wrote {out} ({len(table):,} rows)")

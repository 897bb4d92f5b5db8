"""``clear-opt cheapest``: the smallest budget that reaches a target."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from clear_opt.cli.problems import (
    Block,
    Ceiling,
    Floor,
    ModelName,
    Predictor,
    Queries,
    TrackingUri,
    read_problem,
)
from clear_opt.cli.steps import working

if TYPE_CHECKING:
    from clear_opt.whatif import CheapestBudget


def cheapest(
    queries: Queries,
    target: Annotated[
        float,
        typer.Option(
            min=0,
            max=1,
            help="Mean chance of a right answer (by weight), from 0 to 1.",
            show_default=False,
        ),
    ],
    share: Annotated[
        bool, typer.Option("--share", help="The target is a share of the most there is to reach.")
    ] = False,
    predictor: Predictor = None,
    model: ModelName = None,
    tracking_uri: TrackingUri = None,
    floor: Floor = 0,
    ceiling: Ceiling = None,
    block: Block = 1,
    out: Annotated[
        Path | None,
        typer.Option(
            help="Write one row per query, with its cap: .jsonl, .csv or .parquet.",
            show_default=False,
        ),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object instead of a summary.")
    ] = False,
) -> None:
    """Find the cheapest budget that reaches a target, and prove that none much smaller does.

    **Examples**

    `clear-opt cheapest queries.jsonl --target 0.6`

    `clear-opt cheapest curves.csv --target 0.9 --share --out caps.csv`
    """
    from clear_opt.files import check_output, write_table
    from clear_opt.whatif import cheapest_budget

    if out is not None:
        check_output(out, source=queries)
    table, problem = read_problem(
        queries,
        0.0,
        predictor=predictor,
        model=model,
        tracking_uri=tracking_uri,
        floor=floor,
        ceiling=ceiling,
        block=block,
    )
    begun = time.perf_counter()
    with working("Solving"):
        found = cheapest_budget(problem, target, "share" if share else "accuracy")
    seconds = time.perf_counter() - begun
    if out is not None:
        write_table(found.allocation.to_table(list(table.query_ids)), out)
    if as_json:
        from clear_opt.cli.report import allocation_as_json

        summary = {
            "target": found.target,
            "measure": found.measure,
            "reached": found.reached,
            "budget": found.budget,
            "at_least": found.at_least,
            "solves": found.solves,
            "seconds": seconds,
            "allocation": allocation_as_json(found.allocation),
        }
        typer.echo(json.dumps(summary, allow_nan=False))
    else:
        _print(found)
    if out is not None:
        typer.echo(f"wrote {out} ({len(table):,} rows)", err=as_json)


def _print(found: CheapestBudget) -> None:
    from rich.console import Console

    from clear_opt.cli.report import labelled, price_in_words

    allocation = found.allocation
    of = "of the most there is to reach" if found.measure == "share" else "accuracy"
    Console(highlight=False).print(
        labelled(
            target=f"{found.target:.6g} {of}",
            budget=f"{found.budget:,} tokens ({found.budget / len(allocation):,.1f} per query)",
            reached=f"{found.reached:.6g}",
            proof=f"no budget below {found.at_least:,} tokens reaches it",
            funded=f"{allocation.n_funded:,}, abandoned {allocation.n_abandoned:,}",
            price=price_in_words(allocation.price),
        )
    )

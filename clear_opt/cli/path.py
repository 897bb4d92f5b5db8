"""``clear-opt path``: what each of many budgets buys."""

from __future__ import annotations

import json
import math
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

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
from clear_opt.defaults import MOST_TOKENS

if TYPE_CHECKING:
    from clear_opt.whatif import BudgetPath

_POINTS = 20


def path(
    queries: Queries,
    budgets: Annotated[
        str | None,
        typer.Option(
            help="Tokens for all queries together, as --budget of allocate; several, with commas "
            "between them.",
            show_default="a sweep from scarce to ample",
        ),
    ] = None,
    points: Annotated[
        int | None,
        typer.Option(min=1, max=100_000, help="Budgets of the sweep.", show_default=str(_POINTS)),
    ] = None,
    predictor: Predictor = None,
    model: ModelName = None,
    tracking_uri: TrackingUri = None,
    floor: Floor = 0,
    ceiling: Ceiling = None,
    block: Block = 1,
    out: Annotated[
        Path | None,
        typer.Option(
            help="Write one row per budget: .jsonl, .csv or .parquet.", show_default=False
        ),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object instead of a table.")
    ] = False,
) -> None:
    """Say what each of many budgets buys: price, right answers, and how many queries are funded.

    All budgets together cost a few solves. Budgets are totals, not tokens per query.

    **Examples**

    `clear-opt path queries.jsonl --budgets 10000,20000,40000`

    `clear-opt path curves.parquet --points 50 --out path.csv`
    """
    from clear_opt.files import check_output, write_table
    from clear_opt.whatif import budget_path, budget_sweep

    if budgets is not None and points is not None:
        raise typer.BadParameter("--budgets and --points exclude each other: give one of them")
    asked = None if budgets is None else _read(budgets)
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
        found = budget_path(
            problem, budget_sweep(problem, points or _POINTS) if asked is None else asked
        )
    seconds = time.perf_counter() - begun
    if out is not None:
        write_table(found.to_table(), out)
    if as_json:
        typer.echo(json.dumps(_as_json(found, len(table), seconds), allow_nan=False))
    else:
        _print(found, weighted=bool((table.weight != 1).any()))
    if out is not None:
        typer.echo(f"wrote {out} ({len(found):,} rows)", err=as_json)


def _read(given: str) -> list[float]:
    amounts = []
    for part in given.split(","):
        try:
            amount = float(part)
        except ValueError:
            amount = math.nan
        if not 0 <= amount <= MOST_TOKENS:
            raise typer.BadParameter(
                f"--budgets: {part.strip()!r} is not a number from 0 to {MOST_TOKENS:,}; give "
                "tokens for all queries together with commas between them, e.g. 10000,20000"
            )
        amounts.append(amount)
    return amounts


def _as_json(found: BudgetPath, n_queries: int, seconds: float) -> dict[str, Any]:
    rows = found.to_table().to_pylist()
    for row in rows:
        row["budget"] = int(row["budget"]) if row["budget"].is_integer() else row["budget"]
    return {"n_queries": n_queries, "points": rows, "seconds": seconds}


def _print(found: BudgetPath, *, weighted: bool) -> None:
    from rich.box import SIMPLE
    from rich.console import Console
    from rich.table import Table

    table = Table(box=SIMPLE)
    headings = ("budget", "price", "tokens per right answer", "right answers", "accuracy")
    for heading in (*headings, "gap", "funded"):
        table.add_column(heading, justify="right", overflow="fold")
    gap = found.gap
    for k, row in enumerate(found.to_table().to_pylist()):
        price = row["price"]
        table.add_row(
            f"{row['budget']:,.0f}",
            f"{price:.4g}",
            f"{1 / price:,.0f}" if price > 0 else "",
            f"{row['expected_utility']:,.2f}",
            f"{row['accuracy']:.1%}",
            f"{gap[k] / row['dual_bound']:.2%}" if gap[k] > 0 else "0",
            f"{row['funded']:,}",
        )
    console = Console(highlight=False)
    console.print(table)
    if weighted:
        console.print("Right answers count by their weights.")

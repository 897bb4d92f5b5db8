"""``clear-opt allocate``: queries in, one token cap for each out."""

from __future__ import annotations

import json
from enum import StrEnum
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
from clear_opt.defaults import MOST_TOKENS

if TYPE_CHECKING:
    from clear_opt.allocation import Allocation
    from clear_opt.problem import AllocationProblem
    from clear_opt.solvers import CrossCheck


class SolverOption(StrEnum):
    """What --solver takes."""

    AUTO = "auto"
    DUAL = "dual"
    CONIC = "conic"
    BOTH = "both"


class LeftoverOption(StrEnum):
    """What --leftover takes."""

    KEEP = "keep"
    SPREAD = "spread"


def allocate(
    queries: Queries,
    budget: Annotated[
        int,
        typer.Option(
            min=0,
            max=MOST_TOKENS,
            help="Tokens to spend on all queries together.",
            show_default=False,
        ),
    ],
    predictor: Predictor = None,
    model: ModelName = None,
    tracking_uri: TrackingUri = None,
    solver: Annotated[
        SolverOption, typer.Option(help="'both' solves twice and compares.")
    ] = SolverOption.AUTO,
    floor: Floor = 0,
    ceiling: Ceiling = None,
    block: Block = 1,
    leftover: Annotated[
        LeftoverOption,
        typer.Option(
            help="Tokens that no curve asks for: 'keep' them, or 'spread' them over the funded "
            "queries in proportion to their caps."
        ),
    ] = LeftoverOption.KEEP,
    out: Annotated[
        Path | None,
        typer.Option(help="Write one row per query: .jsonl, .csv or .parquet.", show_default=False),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object instead of a summary.")
    ] = False,
) -> None:
    """Give every query a token cap, so that the batch gets the most right answers for its budget.

    Prints the shadow price, who was abandoned and why, and a proof of how good the answer is.

    **Examples**

    `clear-opt allocate queries.jsonl --budget 30000`

    `clear-opt allocate queries.csv --budget 30000 --floor 20 --ceiling 4000 --out caps.csv`

    `clear-opt allocate curves.parquet --budget 30000 --solver both --json`
    """
    from clear_opt.files import check_output, write_table
    from clear_opt.policies import spread_leftover

    if out is not None:
        check_output(out, source=queries)
    table, problem = read_problem(
        queries,
        budget,
        predictor=predictor,
        model=model,
        tracking_uri=tracking_uri,
        floor=floor,
        ceiling=ceiling,
        block=block,
    )
    with working("Solving"):
        allocation, check = _solve(problem, solver)
        if leftover is LeftoverOption.SPREAD:
            allocation = spread_leftover(problem, allocation)
    if out is not None:
        write_table(allocation.to_table(list(table.query_ids)), out)
    if as_json:
        from clear_opt.cli.report import allocation_as_json

        typer.echo(json.dumps(allocation_as_json(allocation, check), allow_nan=False))
    else:
        from clear_opt.cli.report import print_allocation

        weighted = bool((table.weight != 1).any())
        print_allocation(allocation, table.query_ids, check, weighted=weighted)
    if out is not None:
        typer.echo(f"wrote {out} ({len(allocation):,} rows)", err=as_json)


def _solve(
    problem: AllocationProblem, solver: SolverOption
) -> tuple[Allocation, CrossCheck | None]:
    """Give the answer; of two solvers' answers the better one, with the comparison."""
    from clear_opt.solvers import cross_check, solve

    if solver is not SolverOption.BOTH:
        return solve(problem, solver.value), None
    check = cross_check(problem)
    return max(check.dual, check.conic, key=lambda answer: answer.expected_utility), check

"""``clear-opt path``: what each of many budgets buys."""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING, Annotated, Any

import typer

from clear_opt._numerics.formatting import written
from clear_opt.cli.common import working
from clear_opt.cli.options import Asked, deliver, with_shared_options
from clear_opt.cli.problems import Posed, read_problem
from clear_opt.defaults import MOST_TOKENS

if TYPE_CHECKING:
    from clear_opt.sensitivity import BudgetPath

_POINTS = 20


@with_shared_options
def path(
    asked: Asked,
    budgets: Annotated[
        str | None,
        typer.Option(
            help="Tokens for all queries together, as --budget of allocate (of a plan, units of "
            "its first limit); several, with commas between them.",
            show_default="a sweep from scarce to ample",
        ),
    ] = None,
    points: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=100_000,
            help=f"Budgets of the sweep; a plan and --basis expected sweep {_POINTS}.",
            show_default=str(_POINTS),
        ),
    ] = None,
) -> None:
    """Show what each of many budgets buys: price, right answers, and how many queries are funded.

    Budgets share the work; of a plan or of expected spend each is a solve. Budgets are totals, not
    tokens per query. Of a plan the first limit varies.

    **Examples**

    `clear-opt path queries.jsonl --budgets 10000,20000,40000`

    `clear-opt path curves.parquet --points 50 --out path.csv`

    `clear-opt path queries.jsonl --plan plan.toml --budgets 0.5,1,2`
    """
    if budgets is not None and points is not None:
        raise typer.BadParameter("--budgets and --points exclude each other: give one of them")
    if points is not None and asked.counts_otherwise:
        raise typer.BadParameter(
            f"--points: a plan and --basis expected sweep {_POINTS} budgets; give --budgets for "
            "others"
        )
    amounts = None if budgets is None else _read(budgets)
    posed = read_problem(asked, None, varies=True)
    begun = time.perf_counter()
    with working("Solving"):
        found = _path(posed, amounts, points or _POINTS)
    seconds = time.perf_counter() - begun
    deliver(
        asked,
        found.to_table,
        lambda: _as_json(found, posed, seconds),
        lambda: _print(found, posed),
    )


def _path(posed: Posed, budgets: list[float] | None, points: int) -> BudgetPath:
    from clear_opt.problem import AllocationProblem
    from clear_opt.sensitivity import budget_path, budget_sweep

    if budgets is None and isinstance(posed.problem, AllocationProblem):
        return budget_path(posed.problem, budget_sweep(posed.problem, points))
    return budget_path(posed.problem, budgets)


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


def _as_json(found: BudgetPath, posed: Posed, seconds: float) -> dict[str, Any]:
    from clear_opt.cli.allocation_report import whole

    rows = found.to_table().to_pylist()
    for row in rows:
        row["budget"] = whole(row["budget"])
    summary: dict[str, Any] = {"n_queries": len(posed.table), "points": rows, "seconds": seconds}
    if posed.plan is not None:
        summary |= {"basis": posed.plan.basis, "unit": posed.unit}
    return summary


def _print(found: BudgetPath, posed: Posed) -> None:
    from rich.box import SIMPLE
    from rich.console import Console
    from rich.table import Table

    table = Table(box=SIMPLE)
    unit = posed.unit
    headings = ("budget", "price", f"{unit} per right answer", "right answers", "accuracy")
    for heading in (*headings, "gap", "funded"):
        table.add_column(heading, justify="right", overflow="fold")
    gap = found.gap
    for k, row in enumerate(found.to_table().to_pylist()):
        price, budget = row["price"], row["budget"]
        table.add_row(
            f"{budget:,.0f}" if unit == "tokens" else written(budget),
            f"{price:.4g}",
            _each(price, unit),
            f"{row['expected_utility']:,.2f}",
            f"{row['accuracy']:.1%}",
            f"{gap[k] / row['dual_bound']:.2%}" if gap[k] > 0 else "0",
            f"{row['funded']:,}",
        )
    console = Console(highlight=False)
    console.print(table)
    if posed.weighted:
        console.print("Right answers count by their weights.")


def _each(price: float, unit: str) -> str:
    """Return what one more right answer costs, where anything does."""
    if price == 0:
        return ""
    return f"{1 / price:,.0f}" if unit == "tokens" else written(1 / price, 4)

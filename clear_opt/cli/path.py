"""``clear-opt path``: what each of many budgets buys."""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING, Annotated, Any

import typer

from clear_opt._numerics.formatting import format_amount
from clear_opt.cli.common import working
from clear_opt.cli.options import SharedOptions, emit, with_shared_options
from clear_opt.cli.problems import ParsedProblem, read_problem
from clear_opt.defaults import MOST_TOKENS

if TYPE_CHECKING:
    from clear_opt.sensitivity import BudgetPath

_POINTS = 20


@with_shared_options
def path(
    options: SharedOptions,
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
    if points is not None and options.uses_program:
        raise typer.BadParameter(
            f"--points: a plan and --basis expected sweep {_POINTS} budgets; give --budgets for "
            "others"
        )
    amounts = None if budgets is None else _parse(budgets)
    parsed = read_problem(options, None, varies=True)
    begun = time.perf_counter()
    with working("Solving"):
        found = _path(parsed, amounts, points or _POINTS)
    seconds = time.perf_counter() - begun
    emit(
        options,
        found.to_table,
        lambda: _as_json(found, parsed, seconds),
        lambda: _print(found, parsed),
    )


def _path(parsed: ParsedProblem, budgets: list[float] | None, points: int) -> BudgetPath:
    from clear_opt.problem import AllocationProblem
    from clear_opt.sensitivity import budget_path, budget_sweep

    if budgets is None and isinstance(parsed.problem, AllocationProblem):
        return budget_path(parsed.problem, budget_sweep(parsed.problem, points))
    return budget_path(parsed.problem, budgets)


def _parse(text: str) -> list[float]:
    amounts = []
    for part in text.split(","):
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


def _as_json(found: BudgetPath, parsed: ParsedProblem, seconds: float) -> dict[str, Any]:
    from clear_opt.cli.allocation_report import whole

    rows = found.to_table().to_pylist()
    for row in rows:
        row["budget"] = whole(row["budget"])
    summary: dict[str, Any] = {"n_queries": len(parsed.table), "points": rows, "seconds": seconds}
    if parsed.plan is not None:
        summary |= {"basis": parsed.plan.basis, "unit": parsed.unit}
    return summary


def _print(found: BudgetPath, parsed: ParsedProblem) -> None:
    from rich.box import SIMPLE
    from rich.console import Console
    from rich.table import Table

    table = Table(box=SIMPLE)
    unit = parsed.unit
    headings = ("budget", "price", f"{unit} per right answer", "right answers", "accuracy")
    for heading in (*headings, "gap", "funded"):
        table.add_column(heading, justify="right", overflow="fold")
    gap = found.gap
    for k, row in enumerate(found.to_table().to_pylist()):
        price, budget = row["price"], row["budget"]
        table.add_row(
            f"{budget:,.0f}" if unit == "tokens" else format_amount(budget),
            f"{price:.4g}",
            _cost_per_answer(price, unit),
            f"{row['expected_utility']:,.2f}",
            f"{row['accuracy']:.1%}",
            f"{gap[k] / row['dual_bound']:.2%}" if gap[k] > 0 else "0",
            f"{row['funded']:,}",
        )
    console = Console(highlight=False)
    console.print(table)
    if parsed.weighted:
        console.print("Right answers count by their weights.")


def _cost_per_answer(price: float, unit: str) -> str:
    """Return what one more right answer costs, where anything does."""
    if price == 0:
        return ""
    return f"{1 / price:,.0f}" if unit == "tokens" else format_amount(1 / price, 4)

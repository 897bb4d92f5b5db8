"""``clear-opt cheapest``: the smallest budget that reaches a target."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated, Any

import typer

from clear_opt._numerics.formatting import format_amount
from clear_opt.cli.common import working
from clear_opt.cli.options import SharedOptions, emit, with_shared_options
from clear_opt.cli.problems import ParsedProblem, read_problem

if TYPE_CHECKING:
    from clear_opt.sensitivity import CheapestBudget


@with_shared_options
def cheapest(
    options: SharedOptions,
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
) -> None:
    """Find the cheapest budget that reaches a target, and prove that none much smaller does.

    Of a plan the first limit is what is to be cheap; that takes about twenty solves, as with
    --basis expected.

    **Examples**

    `clear-opt cheapest queries.jsonl --target 0.6`

    `clear-opt cheapest curves.csv --target 0.9 --share --out caps.csv`

    `clear-opt cheapest queries.jsonl --plan plan.toml --target 0.6`
    """
    from clear_opt.sensitivity import cheapest_budget

    parsed = read_problem(options, None, varies=True)
    begun = time.perf_counter()
    with working("Solving"):
        found = cheapest_budget(parsed.problem, target, "share" if share else "accuracy")
    seconds = time.perf_counter() - begun
    emit(
        options,
        lambda: parsed.rows(found.allocation),
        lambda: _as_json(found, parsed, seconds),
        lambda: _print(found, parsed),
    )


def _as_json(found: CheapestBudget, parsed: ParsedProblem, seconds: float) -> dict[str, Any]:
    from clear_opt.cli.allocation_report import allocation_as_json

    return {
        "target": found.target,
        "measure": found.measure,
        "reached": found.reached,
        "budget": found.budget,
        "at_least": found.at_least,
        "solves": found.solves,
        "seconds": seconds,
        "allocation": allocation_as_json(found.allocation, plan=parsed.plan),
    }


def _print(found: CheapestBudget, parsed: ParsedProblem) -> None:
    from rich.console import Console

    from clear_opt.cli.allocation_report import labelled, price_in_words
    from clear_opt.cli.program_report import offers_in_words, prices_in_words, spending_in_words

    allocation, unit = found.allocation, parsed.unit
    of = "of the most there is to reach" if found.measure == "share" else "accuracy"
    plain = parsed.plan is None
    each = found.budget / len(allocation)
    more = {} if parsed.plan is None else spending_in_words(allocation, parsed.plan)
    more.pop("budget", None)
    Console(highlight=False).print(
        labelled(
            target=f"{found.target:.6g} {of}",
            budget=f"{format_amount(found.budget)} {unit} "
            f"({f'{each:,.1f}' if unit == 'tokens' else format_amount(each, 4)} per query)",
            reached=f"{found.reached:.6g}",
            proof=f"no budget below {format_amount(found.at_least)} {unit} reaches it",
            **more,
            funded=f"{allocation.n_funded:,}, abandoned {allocation.n_abandoned:,}",
            **({} if plain else offers_in_words(allocation)),
            price=price_in_words(allocation.price) if plain else prices_in_words(allocation),
        )
    )

"""``clear-opt cheapest``: the smallest budget that reaches a target."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated, Any

import typer

from clear_opt._numerics.formatting import written
from clear_opt.cli.common import working
from clear_opt.cli.options import Asked, deliver, with_shared_options
from clear_opt.cli.problems import Posed, read_problem

if TYPE_CHECKING:
    from clear_opt.sensitivity import CheapestBudget


@with_shared_options
def cheapest(
    asked: Asked,
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

    posed = read_problem(asked, None, varies=True)
    begun = time.perf_counter()
    with working("Solving"):
        found = cheapest_budget(posed.problem, target, "share" if share else "accuracy")
    seconds = time.perf_counter() - begun
    deliver(
        asked,
        lambda: posed.rows(found.allocation),
        lambda: _as_json(found, posed, seconds),
        lambda: _print(found, posed),
    )


def _as_json(found: CheapestBudget, posed: Posed, seconds: float) -> dict[str, Any]:
    from clear_opt.cli.allocation_report import allocation_as_json

    return {
        "target": found.target,
        "measure": found.measure,
        "reached": found.reached,
        "budget": found.budget,
        "at_least": found.at_least,
        "solves": found.solves,
        "seconds": seconds,
        "allocation": allocation_as_json(found.allocation, plan=posed.plan),
    }


def _print(found: CheapestBudget, posed: Posed) -> None:
    from rich.console import Console

    from clear_opt.cli.allocation_report import labelled, price_in_words
    from clear_opt.cli.program_report import offers_in_words, prices_in_words, spending_in_words

    allocation, unit = found.allocation, posed.unit
    of = "of the most there is to reach" if found.measure == "share" else "accuracy"
    plain = posed.plan is None
    each = found.budget / len(allocation)
    more = {} if posed.plan is None else spending_in_words(allocation, posed.plan)
    more.pop("budget", None)
    Console(highlight=False).print(
        labelled(
            target=f"{found.target:.6g} {of}",
            budget=f"{written(found.budget)} {unit} "
            f"({f'{each:,.1f}' if unit == 'tokens' else written(each, 4)} per query)",
            reached=f"{found.reached:.6g}",
            proof=f"no budget below {written(found.at_least)} {unit} reaches it",
            **more,
            funded=f"{allocation.n_funded:,}, abandoned {allocation.n_abandoned:,}",
            **({} if plain else offers_in_words(allocation)),
            price=price_in_words(allocation.price) if plain else prices_in_words(allocation),
        )
    )

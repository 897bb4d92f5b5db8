"""``clear-opt allocate``: queries in, one token cap for each out."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from clear_opt.cli.common import working
from clear_opt.cli.options import SharedOptions, emit, with_shared_options
from clear_opt.cli.problems import read_problem
from clear_opt.defaults import MOST_TOKENS

if TYPE_CHECKING:
    from clear_opt.problem import AllocationProblem, Program
    from clear_opt.problem.allocation import Allocation
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


@with_shared_options
def allocate(
    options: SharedOptions,
    budget: Annotated[
        int | None,
        typer.Option(
            min=0,
            max=MOST_TOKENS,
            help="Tokens to spend on all queries together; needed unless a plan has limits.",
            show_default=False,
        ),
    ] = None,
    solver: Annotated[
        SolverOption, typer.Option(help="'both' solves twice and compares.")
    ] = SolverOption.AUTO,
    leftover: Annotated[
        LeftoverOption,
        typer.Option(
            help="Tokens that no curve asks for: 'keep' them, or 'spread' them over the funded "
            "queries in proportion to their caps. With caps of one offer against one budget only."
        ),
    ] = LeftoverOption.KEEP,
) -> None:
    """Give every query a token cap, so that the batch gets the most right answers for its budget.

    Prints the shadow price, who was abandoned and why, and a proof of how good the answer is. A
    plan has several offers and limits; each limit gets a price.

    **Examples**

    `clear-opt allocate queries.jsonl --budget 30000`

    `clear-opt allocate queries.csv --budget 30000 --floor 20 --ceiling 4000 --out caps.csv`

    `clear-opt allocate queries.jsonl --budget 30000 --basis expected --overrun-probability 0.01`

    `clear-opt allocate queries.jsonl --plan plan.toml --out caps.csv`
    """
    from clear_opt.cli.allocation_report import allocation_as_json, print_allocation

    if leftover is LeftoverOption.SPREAD and options.uses_program:
        raise typer.BadParameter(
            "--leftover spread is for caps of one offer against one budget, without a plan and "
            "--basis expected"
        )
    parsed = read_problem(options, budget)
    with working("Solving"):
        allocation, check = _solve(parsed.problem, solver)
        if leftover is LeftoverOption.SPREAD:
            allocation = _spread(parsed.problem, allocation)
    emit(
        options,
        lambda: parsed.rows(allocation),
        lambda: allocation_as_json(allocation, check, parsed.plan),
        lambda: print_allocation(
            allocation, parsed.table.query_ids, check, weighted=parsed.weighted, plan=parsed.plan
        ),
    )


def _solve(
    problem: AllocationProblem | Program, solver: SolverOption
) -> tuple[Allocation, CrossCheck | None]:
    """Return the answer; of two solvers' answers the better one, with the comparison."""
    if solver is not SolverOption.BOTH:
        from clear_opt.solvers import solve

        return solve(problem, solver.value), None
    from clear_opt.solvers import cross_check  # loads cvxpy, which takes its time

    check = cross_check(problem)
    return max(check.dual, check.conic, key=lambda answer: answer.expected_utility), check


def _spread(problem: AllocationProblem | Program, allocation: Allocation) -> Allocation:
    from clear_opt.policies import spread_leftover
    from clear_opt.problem import AllocationProblem

    assert isinstance(problem, AllocationProblem)
    return spread_leftover(problem, allocation)

"""From a file of queries, and perhaps a plan, to the problem that a command solves."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import typer

from clear_opt.cli.common import note, note_unused, predict_table, working
from clear_opt.cli.option_types import DEFAULT_PREDICTOR
from clear_opt.cli.options import SharedOptions

if TYPE_CHECKING:
    import pyarrow as pa

    from clear_opt.curves import ShiftedSurge
    from clear_opt.inputs import Plan, QueryTable
    from clear_opt.problem import AllocationProblem, Program
    from clear_opt.problem.allocation import Allocation

BUDGET = "budget"
"""Name of the limit that --budget sets."""


class ParsedProblem(NamedTuple):
    """The problem that the options and files describe."""

    table: QueryTable
    problem: AllocationProblem | Program
    plan: Plan | None
    """``None`` where caps of one offer count against one budget."""

    @property
    def unit(self) -> str:
        """Unit of the budget."""
        from clear_opt.problem import Program

        one = self.problem
        return one.budget.resource if isinstance(one, Program) else "tokens"

    @property
    def weighted(self) -> bool:
        """Whether weights differ from one."""
        return bool((self.table.weight != 1).any())

    def rows(self, allocation: Allocation) -> pa.Table:
        """Return an allocation as a table, with the offers where there is a choice of them."""
        found = allocation.to_table(list(self.table.query_ids))
        chosen = self.plan is not None and self.plan.offers
        return found if chosen or "offer" not in found.column_names else found.drop(["offer"])


def read_problem(
    options: SharedOptions, budget: float | None, *, varies: bool = False
) -> ParsedProblem:
    """Read the queries, predict what the file does not give, and build the problem.

    Parameters
    ----------
    options : SharedOptions
        The shared options.
    budget : float or None
        Tokens for all queries together; ``None`` if the plan has the limits.
    varies : bool, default=False
        Whether the budget is what is asked for: then any will do, and the first limit varies.
    """
    from clear_opt.inputs import read_queries

    plan = _plan(options, budget, varies)
    if plan is None and budget is None and not varies:
        raise typer.BadParameter("--budget is missing: give the tokens for all queries together")
    with working("Reading queries"):
        table = read_queries(options.queries, floor=options.floor, ceiling=options.ceiling)
    if plan is None:
        problem = table.problem(_curves(table, options), budget or 0.0, block=options.block)
        return ParsedProblem(table, problem, None)
    return ParsedProblem(table, _program(plan, table, options), plan)


def _plan(options: SharedOptions, budget: float | None, varies: bool) -> Plan | None:
    """Return the plan with the changes that the options make."""
    if not options.uses_program:
        return None
    from clear_opt.inputs import Plan, PlannedLimit, read_plan

    plan = Plan() if options.plan is None else read_plan(options.plan)
    if plan.offers and options.model is not None:
        raise typer.BadParameter(
            f"--model: the offers of {options.plan} say whose answers they are"
        )
    if budget is None and not plan.limits:
        if not varies:
            lacking = "" if options.plan is None else f", for {options.plan} has no limits"
            raise typer.BadParameter(
                f"--budget is missing: give the tokens for all queries together{lacking}"
            )
        budget = 0.0
    limits = None
    if budget is not None:
        for number, limit in enumerate(plan.limits, start=1):
            if limit.resource == "tokens" and limit.tenant is None:
                raise typer.BadParameter(
                    f"--budget: limit {number} of {options.plan} is on the tokens of all queries "
                    "already; give one of the two"
                )
        limits = (PlannedLimit(amount=float(budget), name=BUDGET), *plan.limits)
    basis = None if options.basis is None else options.basis.value
    return plan.changed(limits=limits, basis=basis, overrun_probability=options.overrun_probability)


def _program(plan: Plan, table: QueryTable, options: SharedOptions) -> Program:
    """Return the program of a plan for the queries of a file."""
    from clear_opt.cli.forecasts import offer_forecasts

    tenants = table.labels(plan.tenant_column) if plan.tenants else None
    absent = () if tenants is None else [one for one in plan.tenants if one not in tenants]
    if absent and len(table):
        note(f"no query of {table.path} belongs to {', '.join(absent)} of the plan")
    forecasts = offer_forecasts(plan, table, options)
    with table.locating_errors(), _with_plan_path(options.plan):
        return plan.program(
            forecasts,
            tenants,
            floor=table.floor,
            ceiling=table.ceiling,
            weight=table.weight,
            block=options.block,
        )


@contextmanager
def _with_plan_path(path: Path | None) -> Iterator[None]:
    """Add the plan's path to errors that are not about a single query."""
    from clear_opt.errors import InvalidInputError
    from clear_opt.io import TableError

    try:
        yield
    except InvalidInputError as error:
        if path is None or error.row is not None:
            raise
        raise TableError(
            error.problem, path=path, column=error.column, value=error.value, remedy=error.remedy
        ) from None


def _curves(table: QueryTable, options: SharedOptions) -> ShiftedSurge:
    if table.curves is None:
        name = options.predictor or DEFAULT_PREDICTOR
        return predict_table(table, name, options.model, options.tracking_uri)
    note_unused(table)
    if options.predictor is not None or options.model is not None:
        note(f"predictor not used: {table.path} gives the curves")
    return table.curves

"""From a file of queries, and perhaps a plan, to what ``allocate``, ``path`` and the rest solve."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import typer

from clear_opt.cli.common import DEFAULT_PREDICTOR, note, note_unused, predict_table, working
from clear_opt.cli.options import Asked

if TYPE_CHECKING:
    import pyarrow as pa

    from clear_opt.curves import ShiftedSurge
    from clear_opt.inputs import Plan, QueryTable
    from clear_opt.problem import AllocationProblem, Program
    from clear_opt.problem.allocation import Allocation

BUDGET = "budget"
"""Name of the limit that --budget sets."""


class Posed(NamedTuple):
    """What was asked, set up."""

    table: QueryTable
    problem: AllocationProblem | Program
    plan: Plan | None
    """``None`` where caps of one offer count against one budget."""

    @property
    def unit(self) -> str:
        """What the budget counts."""
        from clear_opt.problem import Program

        one = self.problem
        return one.budget.resource if isinstance(one, Program) else "tokens"

    @property
    def weighted(self) -> bool:
        """Whether some right answers are worth more than others."""
        return bool((self.table.weight != 1).any())

    def rows(self, allocation: Allocation) -> pa.Table:
        """Return an answer as a table, with the offers where there was a choice of them."""
        found = allocation.to_table(list(self.table.query_ids))
        chosen = self.plan is not None and self.plan.offers
        return found if chosen or "offer" not in found.column_names else found.drop(["offer"])


def read_problem(asked: Asked, budget: float | None, *, varies: bool = False) -> Posed:
    """Read the queries, predict what the file does not give, and set the problem up.

    Parameters
    ----------
    asked
        The shared options.
    budget
        Tokens for all queries together; ``None`` where the plan's limits are to do.
    varies
        Whether the budget is what is asked for: then any will do, and the first limit varies.
    """
    from clear_opt.inputs import read_queries

    plan = _plan(asked, budget, varies)
    if plan is None and budget is None and not varies:
        raise typer.BadParameter("--budget is missing: give the tokens for all queries together")
    with working("Reading queries"):
        table = read_queries(asked.queries, floor=asked.floor, ceiling=asked.ceiling)
    if plan is None:
        problem = table.problem(_curves(table, asked), budget or 0.0, block=asked.block)
        return Posed(table, problem, None)
    return Posed(table, _program(plan, table, asked), plan)


def _plan(asked: Asked, budget: float | None, varies: bool) -> Plan | None:
    """Return the plan with what the options change of it."""
    if not asked.counts_otherwise:
        return None
    from clear_opt.inputs import Plan, PlannedLimit, read_plan

    plan = Plan() if asked.plan is None else read_plan(asked.plan)
    if plan.offers and asked.model is not None:
        raise typer.BadParameter(f"--model: the offers of {asked.plan} say whose answers they are")
    if budget is None and not plan.limits:
        if not varies:
            lacking = "" if asked.plan is None else f", for {asked.plan} has no limits"
            raise typer.BadParameter(
                f"--budget is missing: give the tokens for all queries together{lacking}"
            )
        budget = 0.0
    limits = None
    if budget is not None:
        for number, limit in enumerate(plan.limits, start=1):
            if limit.resource == "tokens" and limit.tenant is None:
                raise typer.BadParameter(
                    f"--budget: limit {number} of {asked.plan} is on the tokens of all queries "
                    "already; give one of the two"
                )
        limits = (PlannedLimit(amount=float(budget), name=BUDGET), *plan.limits)
    basis = None if asked.basis is None else asked.basis.value
    return plan.changed(limits=limits, basis=basis, overrun_probability=asked.overrun_probability)


def _program(plan: Plan, table: QueryTable, asked: Asked) -> Program:
    """Return the program of a plan for the queries of a file."""
    from clear_opt.cli.forecasts import forecasts_of

    tenants = table.labels(plan.tenant_column) if plan.tenants else None
    absent = () if tenants is None else [one for one in plan.tenants if one not in tenants]
    if absent and len(table):
        note(f"no query of {table.path} belongs to {', '.join(absent)} of the plan")
    forecasts = forecasts_of(plan, table, asked)
    with table.placing_errors(), _naming(asked.plan):
        return plan.program(
            forecasts,
            tenants,
            floor=table.floor,
            ceiling=table.ceiling,
            weight=table.weight,
            block=asked.block,
        )


@contextmanager
def _naming(path: Path | None) -> Iterator[None]:
    """Name the plan in errors that are about no query."""
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


def _curves(table: QueryTable, asked: Asked) -> ShiftedSurge:
    if table.curves is None:
        name = asked.predictor or DEFAULT_PREDICTOR
        return predict_table(table, name, asked.model, asked.tracking_uri)
    note_unused(table)
    if asked.predictor is not None or asked.model is not None:
        note(f"predictor not used: {table.path} gives the curves")
    return table.curves

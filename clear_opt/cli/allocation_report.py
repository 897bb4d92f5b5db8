"""How an allocation reads in a terminal, and as JSON."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table
from rich.text import Text

from clear_opt.cli.program_report import (
    offers_in_words,
    prices_in_words,
    program_as_json,
    spending_in_words,
)

if TYPE_CHECKING:
    from clear_opt.inputs import Plan
    from clear_opt.problem.allocation import Allocation
    from clear_opt.solvers import CrossCheck

_FIRST = 8  # queries shown of an allocation
_EXAMPLES = 5  # abandoned queries shown by the demo
_SNIPPET = 72  # characters of a text or a name
_LABEL = 11  # columns, so that tables one below the other line up


def allocation_as_json(
    allocation: Allocation, check: CrossCheck | None = None, plan: Plan | None = None
) -> dict[str, Any]:
    """Return the numbers of an allocation, in plain Python types; those of a plan have more."""
    summary: dict[str, Any] = {
        "n_queries": len(allocation),
        "budget": whole(allocation.budget),
        "spent": allocation.spent,
        "funded": allocation.n_funded,
        "abandoned": allocation.n_abandoned,
        "price": _finite(allocation.price),
        "expected_utility": _finite(allocation.expected_utility),
        "dual_bound": _finite(allocation.dual_bound),
        "gap": _finite(allocation.gap),
        "relative_gap": _finite(allocation.relative_gap),
        "status": allocation.status.name.lower(),
        "solver": allocation.solver,
        "seconds": allocation.build_seconds + allocation.solve_seconds,
    }
    if plan is not None:
        summary |= program_as_json(allocation, plan)
    if check is not None:
        summary["cross_check"] = {
            "dual_bound_difference": check.bound_difference,
            "price_difference": check.price_difference,
            "agrees": check.agrees(),
            "unique_prices": check.unique,
            "value_difference": check.value_difference,
            **{
                answer.solver: {
                    "expected_utility": answer.expected_utility,
                    "dual_bound": answer.dual_bound,
                    "price": answer.price,
                    "seconds": answer.build_seconds + answer.solve_seconds,
                }
                for answer in (check.dual, check.conic)
            },
        }
    return summary


def whole(amount: float) -> float:
    """Return a whole number as such: 50, not 50.0."""
    return int(amount) if amount == int(amount) else amount


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def print_allocation(
    allocation: Allocation,
    query_ids: Sequence[str],
    check: CrossCheck | None = None,
    *,
    weighted: bool = False,
    plan: Plan | None = None,
) -> None:
    """Print the summary and the first few queries on stdout."""
    console = Console(highlight=False)
    n = len(allocation)
    if n == 0:
        console.print(allocation.status.value)
        return
    per_query = allocation.budget / n
    share = allocation.expected_utility / n
    if plan is None:
        spending = {
            "budget": f"{allocation.budget:,.0f} tokens ({per_query:,.1f} per query)",
            "spent": f"{allocation.spent:,} tokens",
        }
    else:
        spending = spending_in_words(allocation, plan)
    console.print(
        labelled(
            queries=f"{n:,}",
            **spending,
            funded=f"{allocation.n_funded:,}, abandoned {allocation.n_abandoned:,}",
            **({} if plan is None else offers_in_words(allocation)),
            expected=f"{allocation.expected_utility:,.2f} right answers, times their weights"
            if weighted
            else f"{allocation.expected_utility:,.2f} right answers ({share:.1%})",
        )
    )
    prices = price_in_words(allocation.price) if plan is None else prices_in_words(allocation)
    console.print(facts(allocation, check, prices))
    console.print(_first_queries(allocation, query_ids))


def facts(allocation: Allocation, check: CrossCheck | None, prices: str = "") -> Table:
    """Tabulate price, proof and status."""
    seconds = allocation.build_seconds + allocation.solve_seconds
    return labelled(
        price=prices or price_in_words(allocation.price),
        proof=proof_in_words(allocation),
        cross_check=cross_check_in_words(check) if check is not None else "",
        solver=f"{allocation.solver}, {seconds:.2f} s",
        status=allocation.status.value,
    )


def labelled(**facts: str) -> Table:
    """Tabulate facts, one a line with its label; empty ones are left out."""
    table = Table.grid(padding=(0, 2))
    for label, text in facts.items():
        if text:
            label = label.replace("_", "-").ljust(_LABEL)
            table.add_row(Text(label, "bold"), Text(text, overflow="fold"))
    return table


def policies(answers: Mapping[str, Allocation]) -> Table:
    """Tabulate what each policy makes of one budget; the solver's own answer is the last."""
    *_, own = answers.values()
    table = Table(box=SIMPLE)
    table.add_column("policy")
    for heading in ("expected accuracy", "of dual bound", "spent", "funded"):
        table.add_column(heading, justify="right", no_wrap=True)
    for name, answer in answers.items():
        share = answer.expected_utility / own.dual_bound if own.dual_bound > 0 else 1.0
        table.add_row(
            "CLEAR (shadow price)" if answer is own else name.replace("_", " "),
            f"{answer.expected_utility / len(answer):.1%}",
            f"{share:.2%}",
            f"{answer.spent:,}",
            f"{answer.n_funded:,}",
            style="bold" if answer is own else None,
        )
    return table


def abandoned(queries: Sequence[tuple[str, str]], allocation: Allocation) -> Table:
    """Tabulate a few abandoned queries, from the one nearest to being funded to the farthest."""
    prices = allocation.abandonment_price
    given_up = sorted(
        (i for i in range(len(queries)) if not allocation.funded[i]), key=lambda i: -prices[i]
    )
    step = max((len(given_up) - 1) // (_EXAMPLES - 1), 1)
    shown = given_up[::step][:_EXAMPLES]
    table = Table(
        box=SIMPLE,
        title=f"abandoned: {len(given_up):,} of {len(queries):,}"
        + (", for instance" if len(shown) < len(given_up) else ""),
        title_justify="left",
        show_header=bool(shown),
    )
    table.add_column("query_id", no_wrap=True)
    table.add_column("text", ratio=1)
    table.add_column("reason", ratio=1)
    for i in shown:
        query_id, text = queries[i]
        table.add_row(Text(query_id), Text(printable(text, _SNIPPET)), Text(allocation.reasons[i]))
    return table


def _first_queries(allocation: Allocation, query_ids: Sequence[str]) -> Table:
    shown = min(len(allocation), _FIRST)
    rest = len(allocation) - shown
    table = Table(box=SIMPLE, caption=f"and {rest:,} more" if rest else None)
    table.add_column("query_id", overflow="fold", max_width=24)
    table.add_column("max_tokens", justify="right", no_wrap=True)
    if allocation.spend is not None:
        table.add_column("expected tokens", justify="right", max_width=8)
    table.add_column("expected", justify="right", no_wrap=True)
    table.add_column("reason", overflow="fold")
    for index in range(shown):
        spend = [] if allocation.spend is None else [f"{allocation.spend[index]:,.1f}"]
        table.add_row(
            Text(printable(query_ids[index], _SNIPPET)),
            f"{allocation.tokens[index]:,}",
            *spend,
            f"{allocation.utility[index]:.3f}",
            Text(allocation.reasons[index]),
        )
    return table


def price_in_words(price: float) -> str:
    """Return what a shadow price means."""
    if price <= 0:
        return "0: tokens are not scarce, one more would be worth nothing"
    return (
        f"{price:.4g} right answers per token: one more right answer costs "
        f"{1 / price:,.0f} tokens at the margin"
    )


def proof_in_words(allocation: Allocation) -> str:
    """Return what the dual bound and the gap prove."""
    return (
        f"no allocation within the budget is worth more than {allocation.dual_bound:,.4f}; "
        f"this one is at most {allocation.gap:.2g} ({100 * allocation.relative_gap:.2g} %) below"
    )


def cross_check_in_words(check: CrossCheck) -> str:
    """Return in one line how far two solvers are apart."""
    return (
        f"the conic solver's dual bound differs by {check.bound_difference:.1e}, its price by "
        f"{check.price_difference:.1e} (relative)" + (f"; {check.note}" if check.note else "")
    )


def printable(text: str, longest: int) -> str:
    """Shorten a text to one line that no control character can spoil."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return line if len(line) <= longest else f"{line[: longest - 1]}…"

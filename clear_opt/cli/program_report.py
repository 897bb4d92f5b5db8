"""How the answer to a plan reads: its offers, its limits and their prices, caps beside spend."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from clear_opt._numerics.formatting import format_amount
from clear_opt.problem.allocation import row_in_words

if TYPE_CHECKING:
    from clear_opt.inputs import Plan
    from clear_opt.problem.allocation import Allocation


def program_as_json(allocation: Allocation, plan: Plan) -> dict[str, Any]:
    """Return what an answer to a plan has beside the numbers of every allocation."""
    return {
        "basis": plan.basis,
        "overrun_probability": plan.overrun_probability,
        "expected_spend": None if allocation.spend is None else allocation.expected_spend,
        "offers": answered_by(allocation) if plan.offers else {},
        "limits": [
            {
                "name": row.name,
                "unit": row.unit,
                "at_most": row.at_most,
                "amount": row.amount,
                "used": row.used,
                "reserve": row.reserve,
                "price": row.price,
                "meaning": row_in_words(row),
            }
            for row in allocation.rows
        ],
    }


def answered_by(allocation: Allocation) -> dict[str, int]:
    """Count the funded queries that each offer answers."""
    if allocation.offer_codes is None:
        return {}
    codes = allocation.offer_codes[allocation.funded]
    return {name: int((codes == k).sum()) for k, name in enumerate(allocation.offer_names)}


def offers_in_words(allocation: Allocation) -> dict[str, str]:
    """Return which offer answers how many queries, where there are several."""
    counts = answered_by(allocation)
    if len(counts) < 2:
        return {}
    return {"answered_by": ", ".join(f"{name} {count:,}" for name, count in counts.items())}


def prices_in_words(allocation: Allocation) -> str:
    """Return what each constraint's price means, one a line."""
    return "\n".join(map(row_in_words, allocation.rows))


def spending_in_words(allocation: Allocation, plan: Plan) -> dict[str, str]:
    """Return what caps allow, what is expected to be spent, and what limits are for."""
    first = allocation.rows[0]
    found = {
        "budget": f"{format_amount(first.amount)} {first.unit} "
        f"({format_amount(first.amount / len(allocation), 4)} per query)",
        "caps": f"{allocation.spent:,} tokens",
    }
    if allocation.spend is not None:
        found["spend"] = f"{allocation.expected_spend:,.1f} tokens are expected"
    if plan.overrun_probability is not None:
        kept = ", ".join(
            f"{format_amount(row.reserve, 4)} {row.unit} of {row.name}"
            for row in allocation.rows
            if row.reserve
        )
        found["chance_reserve"] = (
            f"{kept or 'nothing'}, so that a limit is exceeded "
            f"{100 * plan.overrun_probability:.4g} % of the time at most"
        )
    return found

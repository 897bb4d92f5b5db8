"""What each part of a conflict asks for, how much too much that is, and how to relax it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from clear_opt._numerics.formatting import format_amount
from clear_opt.problem.constraints import FundedShare, Guarantee, Limit
from clear_opt.problem.program import Program, unit_of
from clear_opt.solvers.infeasibility.column_generation import FeasibilityRelaxation
from clear_opt.solvers.infeasibility.state_families import AVAILABILITY, CEILINGS, FLOORS, PINS

_SHOWN = 3  # rows of queries that a message names
_ROUND = 1e-6  # relative; what the search for a shortfall leaves open


@dataclass(frozen=True)
class ConflictMember:
    """One of the constraints that contradict each other.

    Attributes
    ----------
    name
        Of the row, or what is no row: ``"floors"``, ``"ceilings"``, ``"pinned queries"``,
        ``"availability of offers"``.
    numbers
        What it asks for.
    remedy
        How to relax it, and how far.
    shortfall
        Units by which the row, relaxed alone, would mend the conflict; ``None`` where it is no row.
    gap
        The shortfall in words.
    """

    name: str
    numbers: str
    remedy: str
    shortfall: float | None = None
    gap: str = ""

    def __str__(self) -> str:
        title = self.name if self.shortfall is None else repr(self.name)
        return f"{title} ({self.numbers})"


def remedies(parts: Sequence[ConflictMember]) -> str:
    """Join what can be done.

    Examples
    --------
    >>> remedies([ConflictMember("a", "", "lower a"), ConflictMember("b", "", "raise b")])
    'lower a, or raise b'
    """
    shown = [part.remedy for part in parts if part.remedy]
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])}, or {shown[-1]}"


def asks_and_limits(program: Program) -> str:
    """Name what a program asks for and what it limits.

    Examples
    --------
    >>> from clear_opt import Guarantee, Limit, Offer, Program, ShiftedSurge
    >>> offer = Offer("small", ShiftedSurge.from_height([80, 90], 0.9, 60))
    >>> rules = [Limit(300), Guarantee(90, group=[0], name="A")]
    >>> asks_and_limits(Program(offer, rules, pinned=[1]))
    "'A' and pinned queries within 'tokens'"
    """
    rows = program.constraints
    asked = [repr(str(row.name)) for row in rows if not isinstance(row, Limit)]
    asked += ["pinned queries"] if program.pinned.any() else []
    asked += ["floors"] if (program.floor > 0).any() else []
    limits = [repr(str(row.name)) for row in rows if isinstance(row, Limit)]
    return f"{_listed(asked)} within {_listed(limits)}"


def _listed(names: Sequence[str]) -> str:
    return f"{', '.join(names[:-1])} and {names[-1]}" if len(names) > 1 else "".join(names)


def members_of_conflict(
    relaxation: FeasibilityRelaxation, rows: tuple[int, ...], rules: int
) -> tuple[ConflictMember, ...]:
    """Describe the rows and rules of a conflict, those that ask for something first.

    Parameters
    ----------
    relaxation
        With all states, those that break rules too.
    rows
        Indices of the rows.
    rules
        Mask of the rules.
    """
    if not rows:
        return _without_state(relaxation, rules)
    program = relaxation.dual.program
    asking = [index for index in rows if not isinstance(program.constraints[index], Limit)]
    limits = [index for index in rows if index not in asking]
    gaps = {
        index: relaxation.least_violation(index, tuple(r for r in rows if r != index), rules)
        for index in rows
    }
    concerned = np.any(program.members[list(rows)], axis=0, keepdims=False)
    shown = [_asking(relaxation, index, gaps[index]) for index in asking]
    if rules & FLOORS:
        shown.append(_floors(relaxation, limits, gaps, concerned))
    if rules & PINS:
        pinned = program.pinned & concerned
        shown.append(ConflictMember("pinned queries", _rows(pinned), "unpin queries"))
    shown += [_limit(relaxation, index, gaps[index], rules) for index in limits]
    if rules & CEILINGS:
        bounded = np.isfinite(_highest_ceiling(program)) & concerned
        shown.append(ConflictMember("ceilings", _rows(bounded), "raise ceilings"))
    if rules & AVAILABILITY:
        shown.append(_availability(program, concerned))
    return tuple(shown)


def _asking(relaxation: FeasibilityRelaxation, index: int, gap: float) -> ConflictMember:
    """Describe a guarantee or a share."""
    dual, row = relaxation.dual, relaxation.dual.rows[index]
    amount, name = float(dual.amount[index]), repr(str(row.name))
    if isinstance(row, FundedShare):
        members = int(dual.program.members[index].sum())
        left = max(np.floor(amount - gap + _ROUND), 0.0)
        numbers = f"at least {amount:,.0f} of {members:,} queries funded"
        remedy = f"lower {name} to {left:,.0f} of {members:,} queries"
        short = _amount(amount - left, "queries")
        return ConflictMember(str(row.name), numbers, remedy, gap, short)
    assert isinstance(row, Guarantee)
    unit = unit_of(row)
    numbers = f"at least {_stated(amount, unit)}"
    if amount < row.amount:
        numbers += f", all that its queries can use of {float(row.amount):,.12g}"
    remedy = f"lower {name} to {_amount(max(amount - gap, 0.0), unit, up=False)}"
    return ConflictMember(str(row.name), numbers, remedy, gap, _amount(gap, unit))


def _limit(relaxation: FeasibilityRelaxation, index: int, gap: float, rules: int) -> ConflictMember:
    row = relaxation.dual.rows[index]
    amount, unit = float(row.amount), unit_of(row)
    numbers = f"at most {_stated(amount, unit)}"
    program = relaxation.dual.program
    if program.overrun_probability is not None:
        kept = _amount(relaxation.reserve(index, rules), unit)
        numbers += f", {kept} of them kept back against overruns"
    # What predictions share grows with the limit: of what it is raised by, a part is kept back too.
    of_more = 1.0 - float(program.chance_reserve(replace(row, amount=1.0), np.zeros(())))
    if of_more > 0:
        remedy = f"raise {str(row.name)!r} to {_amount(amount + gap / of_more, unit)}"
    else:
        remedy = f"lower spend_error = {program.spend_error:g}, which keeps back any limit whole"
    return ConflictMember(str(row.name), numbers, remedy, gap, _amount(gap, unit))


def _floors(
    relaxation: FeasibilityRelaxation,
    limits: list[int],
    gaps: dict[int, float],
    concerned: np.ndarray,
) -> ConflictMember:
    program = relaxation.dual.program
    for index in limits:
        concerned = concerned & program.members[index]
    floored = (program.floor > 0) & concerned
    tokens = _amount(float(program.floor[floored].sum()), "tokens")
    numbers = f"{tokens} for {_rows(floored)}"
    remedy = "lower floors"
    if limits:
        index = limits[0]
        unit = unit_of(program.constraints[index])
        # Only those with floors use anything where nothing else is asked for.
        used = _amount(relaxation.least_use(index, FLOORS), unit)
        if used != tokens:
            numbers += f", which use {used}"
        elif program.basis == "reserved":
            remedy += f" by {_amount(gaps[index], unit)} together"
    return ConflictMember("floors", numbers, remedy)


def _availability(program: Program, concerned: np.ndarray) -> ConflictMember:
    lacking = [
        f"no {offer.name!r} for {_rows(~offer.available & concerned)}"
        for offer in program.offers
        if (~offer.available & concerned).any()
    ]
    return ConflictMember("availability of offers", "; ".join(lacking), "make offers available")


def _without_state(relaxation: FeasibilityRelaxation, rules: int) -> tuple[ConflictMember, ...]:
    """Describe rules that leave a query nothing that may be done with it."""
    program = relaxation.dual.program
    stuck = relaxation.infeasible_queries(rules)
    row = int(np.argmax(stuck))
    shown = []
    if rules & FLOORS:
        floor = _amount(program.floor[row], "tokens")
        shown.append(ConflictMember("floors", f"{floor} for {_rows(stuck)}", "lower floors"))
    if rules & PINS:
        numbers, remedy = _rows(stuck), "unpin queries"
        if rules == PINS:
            numbers += ", which no offer gains anything for at any cap"
        elif rules == PINS | CEILINGS:
            needs = min(float(np.asarray(o.curves.threshold)[row]) for o in program.offers)
            numbers += f", which gains nothing up to {_amount(needs, 'tokens')}"
        shown.append(ConflictMember("pinned queries", numbers, remedy))
    if rules & CEILINGS:
        ceiling = _amount(float(_highest_ceiling(program)[row]), "tokens", up=False)
        shown.append(ConflictMember("ceilings", f"{ceiling} for row {row}", "raise ceilings"))
    if rules & AVAILABILITY:
        shown.append(_availability(program, stuck))
    return tuple(shown)


def _highest_ceiling(program: Program) -> np.ndarray:
    """Return the most tokens that any available offer may spend on each query, shape (n,)."""
    own = [np.where(offer.available, offer.ceiling, 0.0) for offer in program.offers]
    return np.minimum(program.ceiling, np.max(own, axis=0))


def _rows(chosen: np.ndarray) -> str:
    """Name the first queries and count the rest.

    Examples
    --------
    >>> _rows(np.array([False, True, True, False])), _rows(np.ones(50, dtype=bool))
    ('rows 1 and 2', 'rows 0, 1, 2 and 47 more')
    """
    rows = np.flatnonzero(chosen).tolist()
    if len(rows) == 1:
        return f"row {rows[0]}"
    if len(rows) <= _SHOWN:
        return f"rows {', '.join(map(str, rows[:-1]))} and {rows[-1]}" if rows else "no row"
    return f"rows {', '.join(map(str, rows[:_SHOWN]))} and {len(rows) - _SHOWN:,} more"


def _stated(value: float, unit: str) -> str:
    """Write an amount as it was given.

    Examples
    --------
    >>> _stated(1234.5, "tokens"), _stated(1.0, "tokens")
    ('1,234.5 tokens', '1 token')
    """
    one = {"tokens": "token", "queries": "query"}.get(unit, unit) if value == 1 else unit
    return f"{value:,.12g} {one}"


def _amount(value: float, unit: str, *, up: bool = True) -> str:
    """Write an amount that was found, rounded to the side on which it suffices.

    Examples
    --------
    >>> _amount(1234.00001, "tokens"), _amount(1.2, "queries"), _amount(0.25, "dollars")
    ('1,234 tokens', '2 queries', '0.25 dollars')
    """
    if unit not in ("tokens", "queries"):
        # Six digits, the last one rounded to the side on which it suffices.
        step = 10.0 ** (np.floor(np.log10(value)) - 5) if value > 0 else 1.0
        count = value / step
        count = np.ceil(count - _ROUND) if up else np.floor(count + _ROUND)
        return f"{format_amount(count * step)} {unit}"
    slack = _ROUND * max(abs(value), 1.0)
    whole = int(np.ceil(value - slack) if up else np.floor(value + slack))
    one = {"tokens": "token", "queries": "query"}[unit] if whole == 1 else unit
    return f"{whole:,} {one}"

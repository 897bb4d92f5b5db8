"""Constraints that contradict each other are named: the smallest set, with its numbers.

The truth is enumeration of whole caps for a handful of queries, with break-even caps from a dense
grid, or plain arithmetic where it is one sum against another.
"""

from dataclasses import replace

import numpy as np
import pytest

from clear_opt import (
    FundedShare,
    Guarantee,
    Limit,
    Offer,
    Program,
    ShiftedSurge,
    per_tenant,
)
from clear_opt.program import find_conflict

BLOCK, LARGEST = 10, 250
CURVES = ShiftedSurge.from_height([80.0, 90.0, 100.0], 0.9, 60.0)
SMALL = Offer("small", CURVES, rate={"cents": 0.01}, fixed={"cents": 0.5})
LARGE = Offer("large", ShiftedSurge.from_height([60.0, 70.0, 80.0], 0.95, 50.0), {"cents": 0.1})


def program_of(constraints, *, offers=SMALL, **more):
    more.setdefault("ceiling", LARGEST)
    return Program(offers, constraints, block=BLOCK, **more)


def break_even(curves, query, floor, caps):
    """Give the first cap at or above the steepest chord from the floor, found token by token."""
    fine = np.arange(floor, caps[-1] + 1)
    value = np.asarray(curves.take(np.full(len(fine), query)).value(fine))
    gain = value[1:] - value[0]
    if not (gain > 0).any():
        return np.inf
    steepest = fine[1:][np.argmax(gain / (fine[1:] - floor))]
    return caps[np.searchsorted(caps, steepest)]


def options_of(program, query):
    """List what one query may do: (offer, cap, funded), None for an offer where it is not asked."""
    floor, found = program.floor[query], []
    pinned = program.pinned[query]
    if floor == 0 and not pinned:
        found.append((None, 0.0, False))
    for offer in program.offers:
        if not offer.available[query]:
            continue
        top = min(program.ceiling[query], offer.ceiling[query], 400)
        caps = np.arange(floor, top // BLOCK * BLOCK + 1, BLOCK)
        if not len(caps):
            continue
        entry = break_even(offer.curves, query, floor, caps)
        past = floor > 0 and floor > float(np.asarray(offer.curves.threshold)[query])
        if floor > 0 and (past or not pinned):
            found.append((offer, floor, past))
        funded = [(offer, cap, bool(cap >= entry)) for cap in caps if cap > floor]
        found += [option for option in funded if option[2] or not pinned]
    return found


def possible(program):
    """Whether some choice of whole caps keeps every constraint, by trying all of them."""
    n = len(program)
    options = [options_of(program, query) for query in range(n)]
    if not all(options):
        return False
    total = np.zeros([len(program.constraints)] + [len(own) for own in options])
    for index, row in enumerate(program.constraints):
        for query, own in enumerate(options):
            used = [_use(row, option, query) for option in own]
            shape = [1] * n
            shape[query] = len(own)
            if program.members[index, query]:
                total[index] += np.reshape(used, shape)
    kept = np.ones(total.shape[1:], dtype=bool)
    for index, row in enumerate(program.constraints):
        if isinstance(row, Limit):
            kept &= total[index] <= row.amount + 1e-9
        elif isinstance(row, Guarantee):
            most = sum(
                max(_use(row, option, query) for option in options[query])
                for query in np.flatnonzero(program.members[index])
            )
            kept &= total[index] >= min(row.amount, most) - 1e-9
        else:
            kept &= total[index] >= np.ceil(row.share * program.members[index].sum() - 1e-9)
    return bool(kept.any())


def _use(row, option, query):
    offer, cap, funded = option
    if isinstance(row, FundedShare):
        return float(funded)
    if offer is None:
        return 0.0
    return float(cap * offer.rate_of(row.resource)[query] + offer.fixed_of(row.resource)[query])


def without(program, name):
    """Give the program without one of its constraints, a row or a rule."""
    if name == "floors":
        return replace(program, floor=0)
    if name == "ceilings":
        return replace(
            program, ceiling=None, offers=[replace(o, ceiling=None) for o in program.offers]
        )
    if name == "pinned queries":
        return replace(program, pinned=None)
    if name == "availability of offers":
        return replace(program, offers=[replace(o, available=None) for o in program.offers])
    rows = [row for row in program.constraints if row.name not in (name, "no limit")]
    return replace(program, constraints=[*rows, Limit(1e9, name="no limit")])


def only(program, names):
    """Give the program with these constraints and no others."""
    every = {str(row.name) for row in program.constraints} | {
        "floors",
        "ceilings",
        "pinned queries",
        "availability of offers",
    }
    for name in sorted(every - set(names)):
        program = without(program, name)
    return program


A, B, C = [0], [1], [2]
CASES = {
    "floors above the budget": (
        program_of([Limit(200), Limit(1e6, "cents")], floor=100),
        {"floors", "tokens"},
        ["300 tokens for rows 0, 1 and 2", "at most 200 tokens", "by 100 tokens", "to 300 tokens"],
    ),
    "two guarantees above the budget": (
        program_of(
            [
                Limit(100),
                Guarantee(90, group=A, name="team A's guaranteed tokens"),
                Guarantee(40, group=B, name="team B's guaranteed tokens"),
            ]
        ),
        {"team A's guaranteed tokens", "team B's guaranteed tokens", "tokens"},
        ["at least 90 tokens", "at least 40 tokens", "at most 100 tokens", "by 30 tokens"],
    ),
    "a guarantee above the tenant's own budget": (
        program_of([Limit(700), *per_tenant([*"abb"], budget={"a": 50}, guarantee={"a": 80})]),
        {"a's tokens", "a's guaranteed tokens"},
        ["at least 80 tokens", "at most 50 tokens", "by 30 tokens"],
    ),
    "a funded share that the money cannot pay": (
        # Break-even caps are 120, 140 and 150: with the fixed cost 1.7, 1.9 and 2 cents.
        program_of([Limit(700), Limit(3.2, "cents"), FundedShare(0.6, name="most of them")]),
        {"most of them", "cents"},
        ["at least 2 of 3 queries funded", "at most 3.2 cents", "to 1 of 3", "to 3.6 cents"],
    ),
    "a pin with a ceiling below its threshold": (
        program_of(Limit(700), ceiling=[LARGEST, 50, LARGEST], pinned=B),
        {"pinned queries", "ceilings"},
        ["row 1", "nothing up to 90 tokens", "50 tokens for row 1"],
    ),
    "pins above a tenant's budget": (
        program_of([Limit(700), *per_tenant([*"aab"], budget={"a": 200})], pinned=[0, 1]),
        {"pinned queries", "a's tokens"},
        ["rows 0 and 1", "at most 200 tokens", "by 60 tokens", "to 260 tokens"],
    ),
    "a floor above every offer's ceiling": (
        program_of(
            [Limit(700), Limit(1e6, "cents")],
            offers=[replace(SMALL, ceiling=60), replace(LARGE, ceiling=[100, 70, 100])],
            floor=[0, 80, 0],
        ),
        {"floors", "ceilings"},
        ["80 tokens for row 1", "70 tokens for row 1"],
    ),
    "a share of a group whose offers are unavailable": (
        program_of(
            [Limit(700), FundedShare(1.0, group=[0, 1], name="students")],
            offers=[
                replace(SMALL, available=[True, False, True]),
                replace(LARGE, available=[True, False, False]),
            ],
        ),
        {"students", "availability of offers"},
        ["2 of 2 queries", "no 'small' for row 1", "no 'large' for row 1", "to 1 of 2"],
    ),
    "floors of one tenant above its budget": (
        program_of([Limit(700), *per_tenant([*"aab"], budget={"a": 90})], floor=50),
        {"floors", "a's tokens"},
        ["100 tokens for rows 0 and 1", "at most 90 tokens", "by 10 tokens"],
    ),
    "guarantee, floors and limit, no two of which conflict": (
        program_of(
            [
                Limit(200),
                *per_tenant([*"abb"], guarantee={"a": 120}, budget={"b": 150}),
            ],
            floor=[0, 50, 50],
        ),
        {"a's guaranteed tokens", "floors", "tokens"},
        ["at least 120 tokens", "100 tokens for rows 1 and 2", "by 20 tokens"],
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_conflicts_are_named_with_their_numbers(case):
    program, names, numbers = CASES[case]
    conflict = find_conflict(program)
    assert conflict is not None
    assert set(conflict.names) == names
    assert conflict.smallest
    for number in numbers:
        assert number in str(conflict), str(conflict)


@pytest.mark.parametrize("case", CASES)
def test_the_named_constraints_are_the_smallest_conflict_in_truth(case):
    program, names, _ = CASES[case]
    assert not possible(program)
    assert not possible(only(program, names))
    for name in names:
        assert possible(without(program, name)), f"still impossible without {name}"

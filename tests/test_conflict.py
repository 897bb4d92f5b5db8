"""Constraints that contradict each other are named: the smallest set, with its numbers.

The truth is enumeration of whole caps for a handful of queries, with break-even caps from a dense
grid, or plain arithmetic where it is one sum against another.
"""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

import clear_opt.solvers.infeasibility.conflict as conflict_module
from clear_opt import (
    AllocationProblem,
    FundedShare,
    Guarantee,
    InfeasibleError,
    Limit,
    LogNormalLengths,
    Offer,
    Program,
    ShiftedSurge,
    SolverError,
    Status,
    TabularCurve,
    cross_check,
    per_tenant,
    solve,
)
from clear_opt.problem.chance_constraints import overrun_margin
from clear_opt.solvers.infeasibility import find_conflict
from tests.effort import effort
from tests.enumerated import only, options_of, possible, use_of, useful, without

BLOCK, LARGEST = 10, 250
CURVES = ShiftedSurge.from_height([80.0, 90.0, 100.0], 0.9, 60.0)
SMALL = Offer("small", CURVES, rate={"cents": 0.01}, fixed={"cents": 0.5})
LARGE = Offer("large", ShiftedSurge.from_height([60.0, 70.0, 80.0], 0.95, 50.0), {"cents": 0.1})


def program_of(constraints, *, offers=SMALL, **more):
    more.setdefault("ceiling", LARGEST)
    return Program(offers, constraints, block=BLOCK, **more)


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


def test_an_expected_budget_conflicts_with_floors_and_what_is_kept_back():
    lengths = LogNormalLengths(np.array([80.0, 90.0, 100.0]), np.full(3, 0.5))
    offer = Offer("small", CURVES, lengths=lengths)
    spend = float(np.sum(lengths.expected_spend(np.full(3, 100.0))))
    variance = float(np.sum(lengths.spend_variance(np.full(3, 100.0))))
    reserve = overrun_margin(variance, 0.05)
    assert reserve > 10

    def program(budget, chance=0.05):
        limit = Limit(budget, name="budget")
        return Program(offer, limit, floor=100, basis="expected", overrun_probability=chance)

    conflict = find_conflict(program(spend + reserve - 1))
    assert set(conflict.names) == {"floors", "budget"}
    assert conflict.shortfall["budget"] == pytest.approx(1.0, rel=1e-6)
    told = str(conflict)
    assert "300 tokens for rows 0, 1 and 2" in told
    assert f"which use {np.ceil(spend):.0f} tokens" in told
    assert f"{np.ceil(reserve):.0f} tokens of them kept back against overruns" in told
    # Without the chance bound, with a little more money, or without the floors, there is room.
    assert find_conflict(program(spend + reserve - 1, chance=None)) is None
    assert find_conflict(program(spend + 0.1, chance=None)) is None
    assert find_conflict(program(spend - 0.1, chance=None)) is not None
    assert find_conflict(program(spend + reserve + 0.1)) is None
    assert find_conflict(replace(program(spend + reserve - 1), floor=0)) is None


BREAK_EVEN = (120, 140, 150)  # of CURVES, in whole blocks; see the test below
NEAR_MISSES = {
    "floors equal to the budget": program_of([Limit(300), Limit(1e6, "cents")], floor=100),
    "guarantees equal to the budget": program_of(
        [Limit(300), Guarantee(140, group=A, name="a"), Guarantee(160, group=B, name="b")]
    ),
    "a guarantee of all that can be used": program_of(
        [Limit(700), Guarantee(1e6, group=A, name="a")]
    ),
    "a guarantee equal to the tenant's own budget": program_of(
        [Limit(700), *per_tenant([*"abb"], budget={"a": 150}, guarantee={"a": 150})]
    ),
    "a share that the money just pays": program_of(
        [Limit(700), Limit(0.01 * (120 + 140) + 2 * 0.5, "cents"), FundedShare(0.6)]
    ),
    "pins at their break-even caps": program_of(
        [Limit(sum(BREAK_EVEN)), Limit(1e6, "cents")], pinned=[0, 1, 2]
    ),
    "a pin that another offer carries": program_of(
        Limit(700),
        offers=[replace(SMALL, available=[True, False, True]), replace(LARGE, ceiling=100)],
        pinned=B,
    ),
    "a floor above one offer's ceiling": program_of(
        [Limit(700)], offers=[replace(SMALL, ceiling=40), LARGE], floor=80
    ),
    "a floor past the threshold counts as funded": program_of(
        [Limit(330), FundedShare(1.0)], floor=110
    ),
    "a limit of nothing": program_of([Limit(0), Limit(0, "cents")]),
}


def test_break_even_caps_are_as_used_above():
    assert [useful(CURVES, query, 0.0, 250.0)[1] for query in range(3)] == [*BREAK_EVEN]


@pytest.mark.parametrize("case", NEAR_MISSES)
def test_what_just_fits_is_no_conflict_and_is_solved(case):
    program = NEAR_MISSES[case]
    assert possible(program)
    assert find_conflict(program) is None
    answer = solve(program)
    assert answer.status.ok
    assert all(row.slack >= -1e-9 * max(row.amount, 1.0) for row in answer.rows)


@pytest.mark.parametrize("solver", ["dual", "conic"])
def test_solvers_raise_or_report_the_same_sentence(solver):
    program, _, numbers = CASES["guarantee, floors and limit, no two of which conflict"]
    with pytest.raises(InfeasibleError, match=r"^infeasible: ") as raised:
        solve(program, solver)
    answer = solve(program, solver, throw=False)
    assert (answer.status, answer.solver) == (Status.INFEASIBLE, solver)
    assert str(raised.value) == f"infeasible: {answer.detail}"
    assert answer.detail == str(find_conflict(program))
    assert all(number in answer.summary() for number in numbers)
    # Nothing in it can be taken for an answer.
    assert not answer.status.ok
    assert (answer.spent, answer.n_funded, answer.expected_utility) == (0, 0, -np.inf)
    assert answer.price == np.inf
    assert answer.offered == (None,) * 3
    assert [row.name for row in answer.rows] == ["tokens", "b's tokens", "a's guaranteed tokens"]
    assert len(answer.reasons) == 3
    with pytest.raises(InfeasibleError):
        cross_check(program)


def test_a_plain_problem_says_it_in_its_detail():
    problem = AllocationProblem(CURVES, budget=200, floor=100)
    answer = solve(problem, throw=False)
    assert "sum to 300 tokens, 100 more than the budget of 200" in answer.detail
    assert answer.detail in answer.summary()
    assert solve(Program(SMALL, Limit(200), floor=100), throw=False).status is Status.INFEASIBLE


@pytest.mark.parametrize(
    ("program", "names", "told"),
    [
        (
            program_of(
                Limit(700),
                offers=Offer("flat", TabularCurve([100, 200], [[0.2, 0.8], [0.0, 0.0]])),
                pinned=[1],
            ),
            ("pinned queries",),
            "row 1, which no offer gains anything for at any cap",
        ),
        (
            program_of(
                Limit(700), offers=replace(SMALL, available=[False, True, True]), pinned=[0]
            ),
            ("pinned queries", "availability of offers"),
            "no 'small' for row 0",
        ),
        (
            program_of(Limit(700), offers=replace(SMALL, available=[True, True, False]), floor=50),
            ("floors", "availability of offers"),
            "50 tokens for row 2",
        ),
        (
            # At 50 tokens nothing is gained, so one of three cannot be funded.
            program_of([Limit(700), FundedShare(1.0, name="all")], ceiling=[LARGEST, 50, LARGEST]),
            ("all", "ceilings"),
            "lower 'all' to 2 of 3 queries, or raise ceilings",
        ),
    ],
)
def test_conflicts_without_a_limit(program, names, told):
    conflict = find_conflict(program)
    assert conflict.names == names
    assert conflict.smallest
    assert told in str(conflict)
    assert not possible(program)
    for name in names:
        assert possible(without(program, name))


def test_large_batches_are_counted_and_not_listed():
    n = 5_000
    offer = Offer("small", ShiftedSurge.from_height(np.full(n, 80.0), 0.9, 60.0))
    tenants = np.where(np.arange(n) % 2 == 0, "a", "b")
    rules = [Limit(n * 100), *per_tenant(tenants, budget={"a": 100_000})]
    conflict = find_conflict(Program(offer, rules, floor=50))
    assert set(conflict.names) == {"floors", "a's tokens"}
    assert conflict.shortfall == {"a's tokens": 25_000.0}
    assert "125,000 tokens for rows 0, 2, 4 and 2,497 more" in str(conflict)


def test_a_long_conflict_is_told_by_its_ends():
    n = 40
    offer = Offer("small", ShiftedSurge.from_height(np.full(n, 80.0), 0.9, 60.0))
    promises = [Guarantee(100, group=[k], name=f"promise {k}") for k in range(n)]
    # Any 39 promises fit into the budget, so all 40 are needed.
    conflict = find_conflict(Program(offer, [Limit(3_999, name="budget"), *promises]))
    assert set(conflict.names) == {"budget", *(row.name for row in promises)}
    assert conflict.shortfall == pytest.approx(dict.fromkeys(conflict.names, 1.0))
    told = str(conflict)
    assert "'promise 2' (at least 100 tokens), 35 more (names has all), 'promise 38'" in told
    assert "contradict each other by 1 token" in told
    assert len(told) < 500
    assert find_conflict(Program(offer, [Limit(4_000, name="budget"), *promises])) is None


def test_nobody_is_asked_where_resting_does(monkeypatch):
    def refuse(*_, **__):
        raise AssertionError("a linear program was solved")

    monkeypatch.setattr("scipy.optimize.linprog", refuse)
    assert find_conflict(program_of([Limit(200), Limit(3, "cents")], floor=50)) is None


@pytest.mark.parametrize("case", CASES)
def test_a_set_that_is_not_proven_smallest_says_so_and_needs_each_part(case, monkeypatch):
    monkeypatch.setattr(conflict_module, "_CANDIDATES", 0)
    program = CASES[case][0]
    conflict = find_conflict(program)
    assert not conflict.smallest
    assert "there may be a smaller set" in str(conflict)
    assert not possible(only(program, conflict.names))
    for name in conflict.names:
        assert possible(without(only(program, conflict.names), name))


def test_amounts_are_rounded_to_the_side_on_which_they_suffice():
    rules = [Guarantee(90, group=A, name="first"), Guarantee(40, group=B, name="second")]
    told = str(find_conflict(program_of([Limit(100.5), *rules])))
    assert "at most 100.5 tokens" in told
    assert "by 30 tokens" in told  # 29.5
    assert "lower 'first' to 60 tokens" in told  # 60.5
    assert "raise 'tokens' to 130 tokens" in told
    # A share is lowered by whole queries, money to six digits.
    told = str(find_conflict(program_of([Limit(3.2000001, "cents"), FundedShare(0.6)])))
    assert "at most 3.2000001 cents" in told
    assert "by 0.4 cents" in told
    assert "lower 'funded share' to 1 of 3 queries, or raise 'cents' to 3.6 cents" in told


def test_a_smaller_conflict_is_found_behind_a_larger_one():
    # Rows come in an order in which dropping them one by one leaves the larger set.
    rows = [
        Limit(60, group=A, name="own budget"),
        Guarantee(80, group=A, name="own guarantee"),
        Limit(150, name="budget"),
        Guarantee(70, group=B, name="second"),
        Guarantee(85, group=C, name="third"),
        FundedShare(1.0, group=C, name="share"),
    ]
    for order in (rows, rows[::-1], rows[2:] + rows[:2]):
        conflict = find_conflict(program_of(order))
        assert len(conflict.names) == 2
        assert conflict.smallest


@st.composite
def disjoint_demands(draw):
    """Give a program in which tenants ask for tokens apart from each other, and what each asks.

    Each query belongs to one tenant, and a tenant has a guarantee, a share, floors or pins. What
    the tenants take together is then a sum, and so is what any of their constraints take.
    """
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    n = draw(st.sampled_from([8, 12]))  # compiled once for each size
    tenant = rng.integers(0, 5, n)
    tau = rng.uniform(40, 200, (2, n))
    height, width = rng.uniform(0.3, 0.9, (2, n)), rng.uniform(20, 100, (2, n))
    offers = [
        Offer(f"offer {k}", ShiftedSurge.from_height(tau[k], height[k], width[k]))
        for k in range(draw(st.integers(1, 2)))
    ]
    entry = np.min(
        [[useful(o.curves, query, 0.0, 600.0)[1] for query in range(n)] for o in offers], axis=0
    )
    rows, demand = [], {}
    floor = np.where(tenant == 2, rng.integers(1, 4, n) * BLOCK, 0)
    if floor.any():
        demand["floors"] = float(floor.sum())
    for who in (0, 4):
        if (mine := tenant == who).any():
            amount = float(rng.integers(20, 100) * mine.sum())
            rows.append(Guarantee(amount, group=mine, name=f"guarantee {who}"))
            demand[f"guarantee {who}"] = amount
    if (mine := tenant == 1).any():
        share = float(rng.uniform(0.2, 1.0))
        rows.append(FundedShare(share, group=mine, name="share"))
        demand["share"] = np.sort(entry[mine])[: int(np.ceil(share * mine.sum()))].sum()
    pinned = tenant == 3
    if pinned.any():
        demand["pinned queries"] = entry[pinned].sum()
    loose = [Limit(1e9, name="loose"), Limit(1e9, name="also loose", group=tenant < 2)]
    return offers, [*rows, *loose], floor, pinned, {k: v for k, v in demand.items() if v > 0}


def tight(offers, rows, floor, pinned, budget):
    limit = Limit(budget, name="budget")
    return Program(offers, [limit, *rows], floor=floor, pinned=pinned, ceiling=600, block=BLOCK)


@settings(max_examples=effort(15))
@given(disjoint_demands(), st.floats(0.02, 0.99))
def test_the_smallest_set_of_demands_above_a_budget_is_found(made, share):
    *parts, demand = made
    if not demand:
        return
    total = sum(demand.values())
    assert find_conflict(tight(*parts, total)) is None
    budget = share * total
    program = tight(*parts, budget)
    conflict = find_conflict(program)
    # As few demands as together exceed the budget: the largest ones.
    fewest = 1 + int(np.argmax(np.cumsum(sorted(demand.values(), reverse=True)) > budget))
    assert len(conflict.names) == fewest + 1
    assert conflict.names[-1] == "budget"
    asked = sum(demand[name] for name in conflict.names[:-1])
    assert conflict.shortfall["budget"] == pytest.approx(asked - budget, rel=1e-6, abs=1e-6)
    assert conflict.smallest
    for name in conflict.names:
        assert find_conflict(without(only(program, conflict.names), name)) is None
    with pytest.raises(InfeasibleError, match="'budget'"):
        solve(program)


def all_states(program):
    """Write down every state of a program in the relaxation: (query, use of each row)."""
    found = []
    for query in range(len(program)):
        for option in options_of(program, query):
            offer, cap, funded = option
            if funded or offer is None or cap == program.floor[query]:
                use = [use_of(row, option, query) for row in program.constraints]
                found.append((query, use * program.members[:, query]))
    return found


@pytest.mark.parametrize("seed", range(effort(30)))
def test_crossing_groups_are_judged_as_by_the_whole_linear_program(seed):
    rng = np.random.default_rng(seed)
    n = 12 if seed % 3 else 90
    offers = [
        Offer(
            f"offer {k}",
            ShiftedSurge.from_height(
                rng.uniform(30, 90, n), rng.uniform(0.3, 0.9, n), rng.uniform(20, 50, n)
            ),
            rate={"cents": rng.uniform(0.5, 2.0)},
            available=rng.random(n) < 0.8,
        )
        for k in range(2)
    ]
    group = [rng.random(n) < 0.5 for _ in range(8)]
    rows = [
        Limit(rng.uniform(20, 80) * n),
        Limit(rng.uniform(20, 60) * n, "cents"),
        Limit(rng.uniform(15, 30) * n, group=group[0], name="first"),
        Limit(rng.uniform(15, 30) * n, "cents", group=group[1], name="second"),
        Guarantee(rng.uniform(10, 30) * n, group=group[2], name="third"),
        Guarantee(rng.uniform(10, 30) * n, "cents", group=group[3], name="fourth"),
        FundedShare(rng.uniform(0.1, 0.6), group=group[4], name="fifth"),
        FundedShare(rng.uniform(0.1, 0.6), group=group[5], name="sixth"),
    ]
    program = Program(offers, rows, ceiling=LARGEST, block=BLOCK)
    states = all_states(program)
    use = np.array([used for _, used in states]).T
    owner = (np.array([query for query, _ in states])[None, :] == np.arange(n)[:, None]).astype(
        float
    )
    sign = np.array([1.0 if isinstance(row, Limit) else -1.0 for row in rows])
    amount = []
    for index, row in enumerate(rows):
        most = sum(
            max(use_of(row, option, query) for option in options_of(program, query))
            for query in np.flatnonzero(program.members[index])
        )
        if isinstance(row, FundedShare):
            amount.append(np.ceil(row.share * program.members[index].sum() - 1e-9))
        else:
            amount.append(min(row.amount, most) if isinstance(row, Guarantee) else row.amount)
    truth = linprog(
        np.zeros(len(states)),
        A_ub=sign[:, None] * use,
        b_ub=sign * np.array(amount),
        A_eq=owner,
        b_eq=np.ones(n),
        bounds=(0, None),
    )
    conflict = find_conflict(program)
    assert (conflict is None) == (truth.status == 0)
    if conflict is not None:
        assert conflict.smallest
        assert find_conflict(only(program, conflict.names)) is not None
        for name in conflict.names:
            assert find_conflict(without(only(program, conflict.names), name)) is None


def tight_program(seed, spare):
    """Make a program that some choice of whole caps keeps with little to spare."""
    rng = np.random.default_rng(seed)
    n = int(rng.integers(3, 5))
    offers = [
        Offer(
            f"offer {k}",
            ShiftedSurge.from_height(
                rng.uniform(30, 90, n), rng.uniform(0.3, 0.9, n), rng.uniform(15, 40, n)
            ),
            rate={"cents": float(rng.uniform(0.5, 2.0))},
            fixed={"cents": float(rng.choice([0.0, 10.0]))},
        )
        for k in range(int(rng.integers(1, 3)))
    ]
    floor = np.where(rng.random(n) < 0.3, BLOCK * rng.integers(1, 4, n), 0)
    pinned = rng.random(n) < 0.3
    shared = {"floor": floor, "pinned": pinned, "ceiling": 200, "block": BLOCK}
    free = Program(offers, Limit(1e6), **shared)
    options = [options_of(free, query) for query in range(n)]
    chosen = [own[rng.integers(len(own))] for own in options]
    tokens, cents = Limit(1), Limit(1, "cents")
    spent, paid = (
        np.array([use_of(row, option, query) for query, option in enumerate(chosen)])
        for row in (tokens, cents)
    )
    group = rng.random(n) < 0.6
    group[0] |= not group.any()
    rows = [
        Limit(spent.sum() + spare),
        Limit(paid.sum() + spare + 1e-6, "cents"),
        Guarantee(max(spent[group].sum() - spare, 0.0), group=group, name="guarantee"),
        FundedShare(np.mean([funded for _, _, funded in chosen]), name="share"),
    ]
    kept = rng.random(4) < 0.8
    return Program(offers, [row for k, row in enumerate(rows) if k == 0 or kept[k]], **shared)


@pytest.mark.parametrize("spare", [0, BLOCK])
def test_whole_caps_are_found_where_there_are_some(spare):
    for seed in range(8):
        program = tight_program(seed, spare)
        assert possible(program)
        assert find_conflict(program) is None
        answer = solve(program, throw=False)
        # With nothing to spare prices can be without bound, and are then reported as unsettled.
        settled = answer.status in (Status.SOLVED, Status.BUDGET_SLACK)
        assert settled or (spare == 0 and answer.status is Status.NOT_CONVERGED)
        assert all(row.slack >= -1e-9 * max(row.amount, 1.0) for row in answer.rows)
        assert (answer.tokens >= program.floor).all()
        assert answer.funded[program.pinned].all()


def test_whole_caps_that_do_not_exist_are_no_conflict_but_not_found():
    # Break-even caps are 120 and 140 tokens. Of 135, all guaranteed, no choice of whole blocks uses
    # just as much; shares of queries do.
    group = [True, True, False]
    program = program_of([Limit(135), Guarantee(135, group=group, name="a"), FundedShare(0.3)])
    assert not possible(program)
    assert find_conflict(program) is None
    assert solve(program, throw=False).status is Status.UNROUNDED
    with pytest.raises(SolverError, match=r"named .* query: 'a' and 'funded share' within"):
        solve(program)

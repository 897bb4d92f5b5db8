"""Limits that hold with a probability: bounds and caps against every choice of whole caps."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clear_opt import (
    Guarantee,
    Limit,
    LogNormalLengths,
    Offer,
    Program,
    ShiftedSurge,
    Status,
    solve,
)
from clear_opt.solvers.program import LagrangianDual
from clear_opt.solvers.program.reserve_lines import chords, reserves, tangents
from tests.effort import effort, large

BLOCK = 20


def draw(seed, n, bound, limits=2):
    """Draw one or two offers with few useful caps, and tight limits."""
    rng = np.random.default_rng([seed, 9])
    offers = []
    for k in range(1 + seed % 2):
        tau, width = rng.uniform(0, 80, n), rng.uniform(10, 60, n)
        median = (tau + width) * 10 ** rng.uniform(-0.5, 0.3, n)
        offers.append(
            Offer(
                f"offer {k}",
                ShiftedSurge.from_height(tau, rng.uniform(0.1, 1.0, n), width),
                rate={"money": 0.5 + k},
                fixed={"money": rng.uniform(0.0, 2.0, n)},
                lengths=LogNormalLengths(median, rng.uniform(0.1, 1.0, n)),
            )
        )
    scale = 100.0 * n * 10 ** rng.uniform(-1.0, 0.3)
    rows = [Limit(scale), Limit(0.8 * scale, "money"), Limit(0.5 * scale, group=[0], name="first")]
    return Program(
        offers,
        rows[:limits],
        block=BLOCK,
        basis="expected",
        overrun_probability=(0.3, 0.05)[seed % 2],
        overrun_bound=bound,
        spend_error=(0.0, 0.1)[seed // 2 % 2],
    )


def states_of(program, query):
    """List what a query may do: its value, and for each limit what it uses and by how much."""
    found = [(0.0, *np.zeros(2 * len(program.constraints)))]
    for offer in program.offers:
        peak = float(np.asarray(offer.curves.peak)[query])
        caps = np.arange(BLOCK, peak + BLOCK, BLOCK)
        rows = np.full(len(caps), query)
        value = np.asarray(offer.curves.take(rows).value(caps))
        spend = offer.lengths.take(rows).expected_spend(caps)
        variance = offer.lengths.take(rows).spend_variance(caps)
        use = []
        for row, members in zip(program.constraints, program.members, strict=True):
            rate = members[query] * offer.rate_of(row.resource)[query]
            once = members[query] * offer.fixed_of(row.resource)[query]
            use += [rate * spend + once, rate**2 * variance]
        found += list(zip(value, *use, strict=True))
    return found


def best_of_all(program):
    """Give the value of the best choice of whole caps that keeps every limit."""
    every = np.array(list(product(*[states_of(program, i) for i in range(len(program))])))
    total = every.sum(axis=1).T
    largest, kept = (
        LagrangianDual.of(program).compiled.largest_excess,
        np.ones(len(every), dtype=bool),
    )
    for index, row in enumerate(program.constraints):
        mean, variance = total[1 + 2 * index : 3 + 2 * index]
        kept &= mean + program.chance_reserve(row, variance, largest[index]) <= row.amount + 1e-9
    return total[0][kept].max()


@pytest.mark.parametrize("bound", ["normal", "bernstein"])
@pytest.mark.parametrize(("n", "limits"), [(1, 1), (2, 2), pytest.param(3, 3, marks=large)])
def test_no_caps_that_keep_the_limits_are_worth_more_than_the_bound_or_the_answer(n, limits, bound):
    worth = 0
    for seed in range(effort(8)):
        program = draw(seed, n, bound, limits)
        best, answer = best_of_all(program), solve(program)
        assert answer.dual_bound >= best - 1e-12, seed
        assert answer.expected_utility == pytest.approx(best, abs=1e-9), seed
        worth += best > 0
    assert worth >= 1  # most limits leave no room for one query alone


@pytest.mark.parametrize("solver", ["dual", "conic"])
def test_both_solvers_bound_what_is_possible(solver):
    for seed in range(4):
        program = draw(seed, 2, "normal")
        assert solve(program, solver).dual_bound >= best_of_all(program) - 1e-9


def test_what_a_row_uses_is_what_is_expected_and_what_its_own_variance_keeps_back():
    program = draw(2, 3, "normal", 1)
    answer = solve(program)
    spend = program.offers[0].lengths.expected_spend(1.0 * answer.tokens)
    variance = program.offers[0].lengths.spend_variance(1.0 * answer.tokens).sum()
    row = answer.rows[0]
    assert answer.funded.any()
    assert row.reserve == pytest.approx(float(program.chance_reserve(program.budget, variance)))
    assert row.used == pytest.approx(spend.sum() + row.reserve)
    assert row.slack >= 0


@pytest.mark.parametrize("bound", ["normal", "bernstein"])
def test_floors_alone_are_an_answer_where_no_query_fits(bound):
    for n in (1, 2, 40):
        program = draw(3, n, bound, 3)
        answer = solve(program.with_budget(1.0))
        assert answer.tokens.tolist() == [0] * n
        assert answer.status.ok
        assert answer.dual_bound >= 0


def test_a_limit_without_room_for_variance_leaves_its_own_members_idle_and_no_others():
    # Bernstein's margin of any variance is more than the first limit.
    n = 30
    curves = ShiftedSurge.from_height(np.full(n, 60.0), 0.8, 40.0)
    offer = Offer("m", curves, lengths=LogNormalLengths(np.full(n, 70.0), 0.5))
    rows = [Limit(1500), Limit(60, group=range(15), name="half")]
    program = Program(
        offer, rows, basis="expected", overrun_probability=0.05, overrun_bound="bernstein"
    )
    answer = solve(program)
    assert answer.tokens[:15].sum() == 0
    assert answer.n_funded >= 10
    assert answer.relative_gap < 0.1


def test_in_a_large_batch_the_bound_is_tight():
    rng, n = np.random.default_rng(0), 600
    tau, width = rng.uniform(20, 300, n), rng.uniform(20, 200, n)
    curves = ShiftedSurge.from_height(tau, rng.uniform(0.05, 1.0, n), width)
    lengths = LogNormalLengths(rng.uniform(50, 300, n), rng.uniform(0.2, 0.8, n))
    answer = solve(
        Program(
            Offer("m", curves, lengths=lengths),
            Limit(40.0 * n),
            basis="expected",
            overrun_probability=0.05,
        )
    )
    assert answer.rows[0].reserve > 200
    assert answer.relative_gap < 1e-4


def test_what_was_not_found_is_told_by_the_constraints_that_are_there():
    # Of 135 tokens, all granted, no choice of whole blocks spends just as much.
    curves = ShiftedSurge.from_height([100.0, 120.0], 0.9, 30.0)
    rows = [Limit(135), Guarantee(134.9, group=[0, 1], name="granted")]
    answer = solve(Program(Offer("m", curves), rows, block=100), throw=False)
    assert answer.status in (Status.UNROUNDED, Status.INFEASIBLE)
    assert "'granted'" in answer.detail
    assert "pin" not in answer.detail
    assert "share" not in answer.detail


@settings(derandomize=True, max_examples=effort(30), deadline=None)
@given(ends=st.tuples(st.floats(0, 1e4), st.floats(0, 1e4)), share=st.floats(0, 1))
def test_chords_lie_below_what_is_kept_back_and_tangents_above(ends, share):
    for bound in ("normal", "bernstein"):
        dual = LagrangianDual.of(draw(0, 2, bound))
        low, high = np.full(2, min(ends)), np.full(2, max(ends))
        between = low + share * (high - low)
        kept = reserves(dual, between)
        assert (chords(dual, low, high).at(between) <= kept * (1 + 1e-9) + 1e-9).all()
        if low.all():  # at zero the tangent is vertical
            assert (tangents(dual, low).at(between) >= kept * (1 - 1e-9) - 1e-9).all()

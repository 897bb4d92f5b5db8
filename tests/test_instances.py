"""The named instances: every stored number found again without the solvers, then the solvers."""

import math
import re
from dataclasses import replace
from itertools import combinations

import cvxpy as cp
import numpy as np
import pytest
from scipy.special import ndtri

from clear_opt import (
    AllocationProblem,
    ConicSolver,
    DualSolver,
    InvalidInputError,
    Program,
    cross_check,
    solve,
)
from clear_opt.datasets import INSTANCES, Instance, named_instance
from clear_opt.policies import index_policy, uniform
from clear_opt.solvers.reduction import SingleBudget
from tests.instance_truth import SmoothDual, best_whole, names, relaxed, unique_prices

DIGITS = 2e-10  # stored values and bounds have ten decimals
PRICE = 1e-8  # stored prices have nine digits


def plain_of(problem):
    if isinstance(problem, AllocationProblem):
        return problem
    reduction = SingleBudget.apply(problem)
    return None if reduction is None else reduction.problem


PLAIN = [name for name in INSTANCES if plain_of(named_instance(name).problem) is not None]
IN_BLOCKS = [name for name in PLAIN if plain_of(named_instance(name).problem).block > 1]
MARGIN = -float(ndtri(0.05))
"""Standard deviations between a mean and its 95 % quantile."""


def within_chance(use, variance):
    return use[0] + MARGIN * np.sqrt(variance) <= 1000


@pytest.mark.parametrize("name", INSTANCES)
def test_no_choice_of_whole_caps_is_worth_more_than_the_stored_value(name):
    found = named_instance(name)
    fits = within_chance if name == "chance-bound" else None
    assert best_whole(found.problem, fits) == pytest.approx(found.value, abs=DIGITS)


@pytest.mark.parametrize("name", sorted(set(PLAIN) - set(IN_BLOCKS)))
def test_bound_and_price_of_a_batch_by_maximising_cap_by_cap(name):
    found = named_instance(name)
    dual = SmoothDual(plain_of(found.problem))
    price = dual.clearing_price()
    assert dual.bound(price) == pytest.approx(found.bound, abs=DIGITS)
    assert list(found.prices.values()) == pytest.approx([price], rel=PRICE, abs=1e-12)
    # Only one price is optimal: on either side of it the bound is higher.
    for other in (price * 0.99 - 1e-6, price * 1.01 + 1e-6):
        if other >= 0:
            assert dual.bound(other) > found.bound + 1e-9


@pytest.mark.parametrize("name", IN_BLOCKS)
def test_bound_and_price_in_whole_blocks_by_a_linear_program_over_all_of_them(name):
    found = named_instance(name)
    whole = replace(found.problem, budget=1.0 * found.problem.spendable)
    assert relaxed(whole)[0] == pytest.approx(found.bound, abs=DIGITS)
    assert list(found.prices.values()) == pytest.approx(unique_prices(whole), rel=PRICE)


@pytest.mark.parametrize("name", sorted(set(INSTANCES) - {*PLAIN, "chance-bound"}))
def test_bound_and_prices_of_a_program_by_a_linear_program_over_all_caps(name):
    found = named_instance(name)
    assert relaxed(found.problem)[0] == pytest.approx(found.bound, abs=DIGITS)
    known = zip(names(found.problem), unique_prices(found.problem), strict=True)
    unique = {row: price for row, price in known if price is not None}
    assert found.prices == pytest.approx(unique, rel=PRICE, abs=1e-12)


def test_the_chance_bound_in_closed_form():
    """A share x of identical queries: c x + z sqrt(v x) = budget, for mean c and variance v."""
    mean, variance, budget = 150.0, 100.0**2 / 12, 1000.0
    spread = MARGIN * math.sqrt(variance)
    root = (math.sqrt(spread**2 + 4 * mean * budget) - spread) / (2 * mean)
    found = named_instance("chance-bound")
    assert found.bound == pytest.approx(0.8 * root**2, abs=DIGITS)
    assert found.value == pytest.approx(0.8 * math.floor(root**2), abs=DIGITS)
    assert 0.8 * math.floor(budget / mean) > found.value  # what an average alone would allow


@pytest.mark.parametrize("name", INSTANCES)
def test_the_dual_solver_finds_value_bound_and_prices(name):
    judge(named_instance(name), DualSolver(), bound_digits=1e-9, price_digits=1e-6)


@pytest.mark.parametrize("name", INSTANCES)
def test_the_conic_solver_finds_value_bound_and_prices(name):
    judge(named_instance(name), ConicSolver(), bound_digits=1e-6, price_digits=1e-4)


@pytest.mark.parametrize("name", sorted(set(INSTANCES) - {"chance-bound"}))
def test_the_convex_program_reaches_the_bound_by_its_own_account(name):
    found = named_instance(name)
    checked = cross_check(found.problem)
    assert checked.agrees()
    assert checked.relaxed_value == pytest.approx(found.bound, rel=1e-6)


def judge(found, solver, bound_digits, price_digits):
    got = solve(found.problem, solver)
    assert got.expected_utility == pytest.approx(found.value, abs=DIGITS)
    assert all(row.slack >= -1e-9 for row in got.rows)
    for row, price in found.prices.items():
        assert got.prices[row] == pytest.approx(price, rel=price_digits, abs=1e-9)
    if found.name == "chance-bound":
        # Chords lie below what is kept back: the bound they give is a little above the optimum of
        # the relaxed program, by a tenth at most of what that is above the best whole caps.
        above = 0.1 * (found.bound - found.value)
        assert found.bound - DIGITS <= got.dual_bound <= found.bound + above
    else:
        assert got.dual_bound == pytest.approx(found.bound, rel=bound_digits, abs=DIGITS)


def test_every_kind_of_problem_is_there():
    problems = {name: named_instance(name).problem for name in INSTANCES}
    programs = [problem for problem in problems.values() if isinstance(problem, Program)]
    families = {type(p.curves).__name__ for p in problems.values() if not isinstance(p, Program)}
    assert families == {
        "ShiftedSurge",
        "Quadratic",
        "Triangular",
        "Hill",
        "Logistic",
        "TabularCurve",
    }
    assert {p.basis for p in programs} == {"reserved", "expected"}
    assert any(len(p.offers) > 1 for p in programs)
    assert any(p.overrun_probability for p in programs)
    assert any(p.pinned.any() for p in programs)
    kinds = {type(row).__name__ for p in programs for row in p.constraints}
    assert kinds == {"Limit", "Guarantee", "FundedShare"}
    assert 15 <= len(INSTANCES) <= 30
    assert all(re.fullmatch(r"[a-z-]+", name) for name in INSTANCES)


def test_an_instance_says_what_it_is():
    found = named_instance("wide-gap")
    assert isinstance(found, Instance)
    assert repr(found) == "Instance('wide-gap', n=2, value=0.36, bound=0.72)"
    assert all(named_instance(name).why.endswith(".") for name in INSTANCES)
    with pytest.raises(InvalidInputError, match=r"nobody.*surge.*chance-bound"):
        named_instance("nobody")


# What each trap teaches.


def rescaled_bisection(problem, steps=60):
    """The wrong method: demand is made to fit the budget before it is compared with it."""
    envelope = problem.envelope
    low, high = 0.0, float(envelope.abandonment_price.max())
    caps = np.zeros(len(problem))
    for _ in range(steps):
        price = 0.5 * (low + high)
        demand = envelope.response(price)
        caps = demand * min(1.0, problem.budget / demand.sum()) if demand.any() else demand
        low, high = (price, high) if caps.sum() > problem.budget * (1 + 1e-9) else (low, price)
    return price, np.floor(caps)


def test_rescaling_demand_inside_the_bisection_answers_nobody():
    found = named_instance("rescaled-demand")
    price, caps = rescaled_bisection(found.problem)
    assert price < 1e-12  # the price never binds
    assert caps.sum() <= found.problem.budget
    assert np.ptp(caps / found.problem.curves.peak) < 0.01  # all get the same share
    assert found.problem.utility(caps).sum() == 0.0
    assert found.value == pytest.approx(1.6)


def test_without_q_at_most_z_a_tiny_slope_sells_tokens():
    found = named_instance("tiny-slope")
    honest, wrong = (exponential_program(found.problem, bound) for bound in (True, False))
    assert honest == pytest.approx(found.bound, rel=1e-7)
    assert wrong > found.bound + 0.01


def exponential_program(problem, q_at_most_z):
    """The convex program of the shifted surge, with or without its easily forgotten row."""
    curves, n = problem.curves, len(problem)
    z, q = cp.Variable(n, nonneg=True), cp.Variable(n, nonneg=True)
    beyond = cp.multiply(1 / curves.beta, cp.rel_entr(z, q))
    rows = [z <= 1, curves.tau @ z + cp.sum(beyond) <= problem.budget]
    worth = cp.sum(cp.multiply(curves.alpha / curves.beta, -cp.rel_entr(q, z)))
    program = cp.Problem(cp.Maximize(worth), rows + ([q <= z] if q_at_most_z else []))
    program.solve(solver="CLARABEL")
    return program.value


def test_the_shared_shape_makes_a_prefix_with_one_slack():
    found = named_instance("shared-shape-prefix")
    tau, budget = found.problem.curves.tau, found.problem.budget
    # Every set of queries, its tokens beyond the thresholds dealt out evenly.
    best, chosen = 0.0, ()
    for size in range(1, len(tau) + 1):
        for members in map(list, combinations(range(len(tau)), size)):
            slack = (budget - tau[members].sum()) / size
            y = min(max(slack, 0.0) / 200.0, 1.0)
            value = size * 0.8 * y * math.exp(1 - y)
            best, chosen = max((best, chosen), (value, tuple(members)))
    assert chosen == (0, 1, 2)
    assert best == pytest.approx(found.value, abs=DIGITS)
    tokens = solve(found.problem).tokens
    assert (tokens[:3] - tau[:3]).tolist() == [180, 180, 180]


def test_uniform_is_far_from_optimal_there():
    found = named_instance("uniform-wasteful")
    assert uniform(found.problem).expected_utility == pytest.approx(0.9)
    assert found.value == pytest.approx(2.75)


def test_the_same_batch_is_worth_more_where_spend_counts_and_an_index_finds_it():
    reserved, expected = (named_instance(f"same-batch-{b}") for b in ("reserved", "expected"))
    assert expected.value > 1.25 * reserved.value
    offer = expected.problem.offers[0]
    caps = index_policy(offer.curves, offer.lengths, budget=300)
    assert offer.curves.value(caps).sum() == pytest.approx(expected.value)
    tails = named_instance("long-tails").problem
    offer = tails.offers[0]
    by_index = offer.curves.value(index_policy(offer.curves, offer.lengths, budget=280)).sum()
    assert by_index < named_instance("long-tails").value - 0.1


def test_one_price_of_money_decides_model_and_cap():
    found = named_instance("routing")
    problem, price = found.problem, found.prices["cents"]
    allocation = solve(problem)
    assert set(allocation.offered) == {"small", "large"}
    # The bound is what each query gains most at the price, whichever offer that takes.
    gains = [
        max(
            max(offer.curves.take([query]).value(cap)[0] - price * rate * cap, 0.0)
            for offer, rate in zip(problem.offers, (0.01, 0.05), strict=True)
            for cap in range(0, 301, 50)
        )
        for query in range(len(problem))
    ]
    assert price * 18 + sum(gains) == pytest.approx(found.bound, abs=1e-8)

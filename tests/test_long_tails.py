"""Curves that rise for ever: no answer may depend on how far, and none may take for ever."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from clear_opt import (
    AllocationProblem,
    Curve,
    Guarantee,
    Hill,
    Limit,
    Logistic,
    Offer,
    Program,
    ShiftedSurge,
    TabularCurve,
    TabularLengths,
    budget_path,
    cheapest_budget,
    entry_budgets,
    solve,
    what_would_fund,
)
from clear_opt._numerics.array_namespace import namespace
from clear_opt.curves.base import broadcast_fields
from clear_opt.defaults import MOST_TOKENS
from clear_opt.envelopes.spend_frontier import cap_grid
from clear_opt.solvers.infeasibility import find_conflict
from tests.effort import large
from tests.reference import best_in_whole_tokens


@dataclass(frozen=True, eq=False)
class Endless(Curve):
    """U(b) = height * b / (b + half), whose peak is infinitely far."""

    half: Any
    height: Any

    def __post_init__(self):
        broadcast_fields(self)

    def value(self, tokens):
        return self.height * tokens / (tokens + self.half)

    def marginal(self, tokens):
        return self.height * self.half / (tokens + self.half) ** 2

    def response(self, price):
        xp = namespace(self.half, price)
        positive = xp.where(price > 0, price, 1.0)
        wanted = xp.sqrt(self.height * self.half / positive) - self.half
        return xp.where(price > 0, xp.maximum(wanted, 0.0), xp.inf)

    def tangent(self, start):
        return start + 0.0 * self.half

    @property
    def threshold(self):
        return 0.0 * self.half

    @property
    def peak(self):
        return np.inf + self.half


HALF, HEIGHT = np.array([60.0, 100.0, 140.0, 90.0]), np.array([0.9, 0.5, 0.8, 0.7])
TAILS = {
    "hill, concave": Hill(HALF, 1.0, HEIGHT),
    "hill, nearly concave": Hill(HALF, 1.05, HEIGHT),
    "hill": Hill(HALF, 2.0, HEIGHT),
    "logistic": Logistic(10.0, 1e3 * HALF, HEIGHT),
    "endless": Endless(HALF, HEIGHT),
    "tabular": TabularCurve([0.0, 50.0, 90.0, 1e18], np.outer(HEIGHT, [0.0, 0.5, 0.6, 1.0])),
    "surge": ShiftedSurge.from_height(0.0, HEIGHT, 1e16 * HALF),
}
tails = pytest.mark.parametrize("curves", TAILS.values(), ids=TAILS)


@tails
def test_no_cap_lies_beyond_the_largest_budget(curves):
    envelope = AllocationProblem(curves, 100).envelope
    assert (envelope.end <= MOST_TOKENS).all()
    assert (cap_grid(curves) <= MOST_TOKENS).all()
    assert np.isfinite(envelope.value(envelope.end)).all()
    assert solve(AllocationProblem(curves, MOST_TOKENS)).spent <= MOST_TOKENS


@tails
def test_a_long_tail_is_answered_as_in_whole_tokens(curves):
    problem = AllocationProblem(curves, 250)
    best = best_in_whole_tokens(problem)
    answer = solve(problem)
    assert answer.expected_utility == pytest.approx(best, rel=1e-6)
    assert answer.dual_bound >= best
    assert budget_path(problem, [250]).dual_bound[0] >= best
    if curves is not TAILS["surge"]:  # worth next to nothing at any budget that is looked at here
        found = cheapest_budget(problem, best / 4)
        assert found.budget == pytest.approx(250, abs=1)
        assert found.at_least <= 250


def test_the_cheapest_budget_of_a_long_tail_is_where_the_curve_meets_the_target():
    problem = AllocationProblem(Hill([100.0], 1.1, 0.9), 1_000)
    assert cheapest_budget(problem, 0.5).budget == np.ceil(100 * 1.25 ** (1 / 1.1))
    assert cheapest_budget(problem, 0.0).budget == 0
    assert cheapest_budget(problem, 1.0, "share").budget <= MOST_TOKENS


@tails
@pytest.mark.parametrize("amount", [60, 150])
def test_a_guarantee_beside_a_long_tail_is_met_and_the_bound_holds(curves, amount):
    program = Program(Offer("m", curves), [Limit(250), Guarantee(amount, group=[0, 1])])
    answer = solve(program)
    assert answer.tokens[:2].sum() >= amount
    parts = [[0, 1], [2, 3]]
    inner, outer = (
        [best_in_whole_tokens(AllocationProblem(curves.take(part), b)) for b in range(0, 251, 5)]
        for part in parts
    )
    best = max(inner[k] + outer[50 - k] for k in range(amount // 5, 51))
    assert answer.dual_bound >= best * (1 - 1e-12)
    assert answer.expected_utility >= best * (1 - 5e-3)


def test_the_value_under_a_guarantee_is_that_of_the_closed_form():
    """Six equal concave curves share 1,000 tokens evenly, which is more than the guarantee."""
    program = Program(
        Offer("m", Hill([100.0] * 6, 1.0, 0.9)), [Limit(1_000), Guarantee(200, group=[0, 1])]
    )
    answer = solve(program)
    assert answer.dual_bound == pytest.approx(3.375, rel=1e-7)
    assert answer.expected_utility == pytest.approx(3.375, rel=1e-5)
    assert find_conflict(program) is None


@tails
def test_a_conflict_is_told_however_long_the_tail(curves):
    rules = [Limit(1_000), Guarantee(1_500, group=[0, 1])]
    conflict = find_conflict(Program(Offer("m", curves), rules))
    assert conflict is not None
    assert set(conflict.shortfall.values()) == {500.0}
    assert find_conflict(Program(Offer("m", curves), [Limit(1_500), *rules[1:]])) is None


def test_a_limit_that_is_none_does_not_overflow():
    offer = Offer("m", Hill([100.0] * 3, 2.0, 0.9))
    rows = [Limit(1e300, name="none"), Limit(500, group=[0, 1])]
    answer = solve(Program(offer, rows))
    assert answer.tokens[:2].tolist() == [250, 250]
    assert answer.expected_utility == pytest.approx(0.9 * (1 + 2 * 6.25 / 7.25), rel=1e-9)


@pytest.mark.parametrize("shape", [pytest.param(1.0, marks=large), 4.0])
def test_what_if_of_a_program_looks_no_farther_than_anything_is_gained(shape):
    curves = Hill([100.0] * 6, shape, 0.9)
    program = Program(Offer("m", curves), [Limit(1_000), Guarantee(200, group=[0, 1])])
    even = solve(AllocationProblem(curves, 3_000)).expected_utility / 6
    assert cheapest_budget(program, even).budget == pytest.approx(3_000, abs=3)
    path = budget_path(program)
    assert path.accuracy[-1] == pytest.approx(0.9, rel=2e-3)
    assert path.accuracy[0] < 0.899 or shape == 1.0


def test_lengths_that_may_never_end_are_priced_like_any_others():
    """A tenth of the answers never ends: expected spend grows with the cap without end."""
    lengths = TabularLengths([0.0, 200.0], [[1.0, 0.1]] * 3)
    curves = Hill([60.0, 100.0, 140.0], 1.0, [0.9, 0.5, 0.8])
    program = Program(Offer("m", curves, lengths=lengths), Limit(240), basis="expected")
    answer = solve(program)
    caps = np.arange(0.0, 1_201.0, 4.0)
    spend = lengths.take([0]).expected_spend(caps[None])[0]
    worth = [curves.take([row]).value(caps) for row in range(3)]
    pairs = spend[:, None] + spend
    value = worth[0][:, None] + worth[1]
    best = max(
        float(np.where(pairs + used <= 240, value + third, 0.0).max())
        for used, third in zip(spend, worth[2], strict=True)
    )
    assert answer.expected_utility == pytest.approx(best, rel=5e-3)


@pytest.mark.parametrize("curves", [TAILS["hill"], TAILS["endless"]], ids=["hill", "endless"])
def test_entry_budgets_of_long_tails_are_small_numbers(curves):
    problem = AllocationProblem(curves, 100)
    assert (entry_budgets(problem) < 2_000).all()
    assert what_would_fund(problem, 1) < 2_000


@tails
def test_pictures_of_long_tails_are_drawn(curves):
    plots = pytest.importorskip("clear_opt.plots", reason="matplotlib is not installed")
    problem = AllocationProblem(curves, 250)
    answer = solve(problem)
    assert plots.plot_funded(problem, answer).axes
    assert plots.plot_demand(problem).axes
    assert plots.plot_curve(curves).axes

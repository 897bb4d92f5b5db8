"""What if, for programs: every answer is held against solves of its own."""

import numpy as np
import pytest

from clear_opt import (
    AllocationProblem,
    InfeasibleError,
    InvalidInputError,
    ShiftedSurge,
    budget_path,
    cheapest_budget,
    entry_budgets,
    what_would_fund,
)
from clear_opt.problem import Guarantee, Limit, Offer, Program
from clear_opt.solvers.program import solve_program

# Hundreds of solves of lines that other tests run too: counting each would double their time.
pytestmark = pytest.mark.no_cover

SMALL = ShiftedSurge.from_height(
    tau=[80, 90, 300, 150], height=[0.7, 0.6, 0.2, 0.4], width=[60, 70, 200, 90]
)
LARGE = ShiftedSurge.from_height(
    tau=[90, 100, 250, 160], height=[0.9, 0.9, 0.8, 0.7], width=[80, 60, 150, 80]
)
OFFERS = [Offer("small", SMALL, {"dollars": 1e-5}), Offer("large", LARGE, {"dollars": 1e-4})]


def money():
    return Program(OFFERS, [Limit(0.04, "dollars"), Limit(700)])


def shared():
    return Program(OFFERS[0], [Guarantee(150, group=[2, 3], name="b"), Limit(500)])


@pytest.mark.parametrize(
    ("program", "budgets"),
    [(money(), [0.05, 0.02, 0.035, 0.05]), (shared(), [600, 300, 450])],
    ids=["dollars", "tokens"],
)
def test_path_is_that_of_fresh_solves_in_any_order(program, budgets):
    path = budget_path(program, budgets)
    np.testing.assert_array_equal(path.budgets, budgets)
    for k, budget in enumerate(budgets):
        fresh = solve_program(program.with_budget(budget))
        assert path.price[k] == pytest.approx(fresh.price, rel=1e-6)
        assert path.dual_bound[k] == pytest.approx(fresh.dual_bound, rel=1e-6)
        assert path.value[k] >= fresh.expected_utility - 1e-9
    assert np.shape(path.offer_codes) == path.tokens.shape == (len(budgets), 4)


def test_more_money_never_buys_less_and_caps_keep_to_it():
    program = money()
    path = budget_path(program, np.linspace(0.0, 0.06, 6))
    assert (np.diff(path.value) >= 0).all()
    assert path.value[-1] > path.value[0]
    cost = np.array([1e-5, 1e-4, 0.0])[path.offer_codes] * path.tokens
    assert (cost.sum(axis=1) <= path.budgets + 1e-12).all()


def test_path_names_the_budget_that_cannot_be():
    with pytest.raises(InfeasibleError, match=r"budget 20 \(number 1\).*leave that budget out"):
        budget_path(shared(), [500, 20])


def test_sweep_runs_from_feasible_to_ample():
    path = budget_path(shared())
    assert 2 <= len(path) <= 20
    assert path.budgets[0] >= 150
    ample = solve_program(shared().with_budget(1e6))
    assert path.value[-1] == pytest.approx(ample.expected_utility, rel=1e-3)


@pytest.mark.parametrize("program", [money(), shared()], ids=["dollars", "tokens"])
def test_cheapest_budget_reaches_and_less_cannot(program):
    target = 0.35
    found = cheapest_budget(program, target)
    again = solve_program(program.with_budget(found.budget))
    assert again.expected_utility >= target * 4 * (1 - 1e-9)
    assert 0 < found.at_least <= found.budget
    below = solve_program(program.with_budget(0.99 * found.at_least))
    assert below.dual_bound < target * 4
    there = solve_program(program.with_budget(found.at_least))  # rounded up by at most a token
    assert there.dual_bound == pytest.approx(target * 4, rel=1e-2)


def test_share_and_unreachable_targets():
    found = cheapest_budget(shared(), 0.8, "share")
    assert isinstance(found.budget, int)
    assert found.reached >= 0.8 * (1 - 1e-9)
    with pytest.raises(InvalidInputError, match=r"target = 0\.9.*cannot be reached"):
        cheapest_budget(shared(), 0.9)


@pytest.mark.parametrize("program", [money(), shared()], ids=["dollars", "tokens"])
def test_what_would_fund_funds(program):
    needed = what_would_fund(program, 1)
    assert 0 < needed < np.inf
    assert solve_program(program.with_budget(needed)).funded[1]
    step = 1.0 if program.budget.resource == "tokens" else 1e-5
    low = solve_program(program.with_budget(needed - step), throw=False)
    assert not low.funded[1]


def test_a_query_without_hope_is_never_funded():
    none = Offer("small", SMALL, {"dollars": 1e-5}, available=[True, True, True, False])
    program = Program(none, Limit(0.01, "dollars"))
    entry = entry_budgets(program, [0, 3])
    assert solve_program(program.with_budget(entry[0])).funded[0]
    assert entry[1] == np.inf
    with pytest.raises(InvalidInputError, match="there are 4 rows"):
        what_would_fund(program, 4)


def test_a_plain_program_answers_as_its_problem():
    problem, program = AllocationProblem(SMALL, 300), Program(OFFERS[0], Limit(300))
    mine, theirs = budget_path(program, [100, 400]), budget_path(problem, [100, 400])
    np.testing.assert_array_equal(mine.tokens, theirs.tokens)
    np.testing.assert_array_equal(mine.price, theirs.price)
    one, other = cheapest_budget(program, 0.3), cheapest_budget(problem, 0.3)
    assert (one.budget, one.at_least) == (other.budget, other.at_least)
    assert one.allocation.offer_names == ("small",)
    np.testing.assert_array_equal(entry_budgets(program), entry_budgets(problem))
    assert what_would_fund(program, 2) == what_would_fund(problem, 2)

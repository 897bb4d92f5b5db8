"""The solvers on edge cases, against brute force and known optima, and how they report."""

import numpy as np
import pytest

from clear_opt import (
    AllocationProblem,
    ConicSolver,
    DualSolver,
    InfeasibleError,
    InvalidInputError,
    Logistic,
    Reason,
    ShiftedSurge,
    SolverError,
    Status,
    Triangular,
    choose_solver,
    cross_check,
    solve,
)
from clear_opt.datasets import FAMILIES, random_problem
from clear_opt.solvers.budget.rounding import round_to_blocks
from tests.effort import effort
from tests.reference import (
    best_in_whole_tokens,
    best_on_grid,
    clear_by_bisection,
    largest_envelope_error,
)
from tests.units import in_parts_of_tokens

SOLVERS = ("dual", "conic")


def surges(tau, height, width):
    return ShiftedSurge.from_height(np.asarray(tau, dtype=float), height, width)


@pytest.mark.parametrize("solver", SOLVERS)
class TestEdgeCases:
    def test_empty_batch(self, solver):
        answer = solve(AllocationProblem(surges([], [], []), budget=100), solver)
        assert answer.status is Status.EMPTY
        assert (len(answer), answer.spent, answer.price, answer.gap) == (0, 0, 0.0, 0.0)
        assert answer.to_table().num_rows == 0

    def test_one_query_is_funded_to_its_peak(self, solver):
        answer = solve(AllocationProblem(surges([100], 0.8, 50), budget=1000), solver)
        assert answer.tokens.tolist() == [150]
        assert answer.status is Status.BUDGET_SLACK
        assert (answer.price, answer.unspent) == (0.0, 850)
        assert answer.expected_utility == pytest.approx(0.8)
        assert "tokens to spare" in answer.summary()

    def test_one_query_that_cannot_be_reached(self, solver):
        problem = AllocationProblem(surges([500], 0.8, 50), budget=400)
        answer = solve(problem, solver)
        assert answer.tokens.tolist() == [0]
        assert Reason(answer.reason_codes[0]) is Reason.NO_ROOM
        assert answer.price == pytest.approx(problem.envelope.abandonment_price[0], rel=1e-6)
        assert "unspent" in answer.summary()

    def test_one_query_that_needs_the_whole_budget(self, solver):
        curves = surges([900, 50], [1.0, 0.05], [100, 40])
        answer = solve(AllocationProblem(curves, budget=1000), solver)
        assert answer.tokens.tolist() == [1000, 0]
        assert answer.funded.tolist() == [True, False]

    def test_budget_zero(self, solver):
        problem = AllocationProblem(surges([100, 0], 0.8, 50), budget=0)
        answer = solve(problem, solver)
        assert answer.tokens.tolist() == [0, 0]
        assert answer.expected_utility == 0
        assert answer.gap == pytest.approx(0, abs=1e-9)
        assert answer.price >= problem.envelope.abandonment_price.max() * (1 - 1e-6)

    def test_budget_beyond_all_peaks(self, solver):
        curves = surges([100, 300], [0.5, 0.7], [50.0, 50.5])
        answer = solve(AllocationProblem(curves, budget=10_000), solver)
        assert answer.tokens.tolist() == [150, 351]
        assert answer.price == 0.0
        assert answer.status is Status.BUDGET_SLACK
        assert answer.gap == pytest.approx(0, abs=1e-12)

    def test_identical_queries_are_funded_one_after_the_other(self, solver):
        # Each breaks even at its tangent point, 100 (1 + golden) = 161.8 tokens.
        curves = surges([100] * 20, 0.5, 100)
        answer = solve(AllocationProblem(curves, budget=1000), solver)
        assert answer.n_funded == 6
        assert answer.spent == 1000
        assert set(answer.tokens[answer.funded]) <= {166, 167}
        assert answer.expected_utility == pytest.approx(best_equal_split(1000, 6), rel=1e-4)

    def test_floors_beyond_the_budget_name_the_numbers(self, solver):
        problem = AllocationProblem(surges([100, 200], 0.5, 50), budget=100, floor=[30, 80])
        with pytest.raises(InfeasibleError, match=r"sum to 110 tokens, 10 more than .* 100"):
            solve(problem, solver)
        answer = solve(problem, solver, throw=False)
        assert answer.status is Status.INFEASIBLE
        assert not answer.status.ok
        assert answer.expected_utility == -np.inf
        assert "infeasible" in answer.summary()

    def test_floors_that_use_the_budget_up(self, solver):
        problem = AllocationProblem(surges([100, 200], 0.5, 50), budget=110, floor=[30, 80])
        assert solve(problem, solver).tokens.tolist() == [30, 80]

    def test_thresholds_from_one_to_ten_million_tokens(self, solver):
        curves = surges(10.0 ** np.arange(8), 0.9, 10.0 ** np.arange(8) / 2)
        for budget in (2, 200, 20_000, 2_000_000, 2e7):
            answer = solve(AllocationProblem(curves, budget), solver)
            assert answer.spent <= budget
            assert answer.relative_gap < 0.3
            assert answer.status is not Status.NOT_CONVERGED

    def test_pinned_query(self, solver):
        problem = AllocationProblem(
            surges([100, 100], 0.9, 50), budget=300, floor=[120, 0], ceiling=[120, np.inf]
        )
        answer = solve(problem, solver)
        assert answer.tokens[0] == 120
        assert answer.tokens[1] == 150

    def test_weights_decide_who_is_funded(self, solver):
        curves = surges([100, 100], 0.5, 50)
        heavy_last = AllocationProblem(curves, budget=150, weight=[1.0, 3.0])
        assert solve(heavy_last, solver).tokens.tolist() == [0, 150]

    def test_blocks(self, solver):
        problem = AllocationProblem(surges([100, 130], 0.9, 60), budget=333, block=16)
        answer = solve(problem, solver)
        assert (answer.tokens % 16 == 0).all()
        assert answer.spent == 320
        assert answer.funded.all()

    def test_fractional_budget_is_never_exceeded(self, solver):
        assert solve(AllocationProblem(surges([10], 0.9, 9), budget=17.9), solver).spent == 17


def best_equal_split(budget, k):
    y = (budget / k - 100) / 100
    return k * 0.5 * y * np.exp(1 - y)


def test_shared_shape_gives_a_prefix_with_equal_slack():
    # The paper's case: alpha and beta shared, only tau differs.
    rng = np.random.default_rng(0)
    tau = rng.uniform(50, 800, 200)
    answer = solve(AllocationProblem(surges(tau, 0.6, 80.0), budget=20_000))
    order = np.argsort(tau)
    funded = answer.funded[order]
    assert funded[: funded.sum()].all()
    slack = (answer.tokens - tau)[answer.funded]
    assert np.ptp(slack) <= 1.0


@pytest.mark.parametrize("seed", range(effort(10)))
def test_price_is_the_papers_bisection(seed):
    problem = in_parts_of_tokens(random_problem("surge", seed=seed, n=300))
    curves = problem.curves
    exact = clear_by_bisection(curves.tau, curves.alpha, curves.beta, problem.budget)
    assert solve(problem).price == pytest.approx(exact, rel=1e-9, abs=1e-300)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("bounded", [False, True])
def test_small_problems_against_every_combination_on_a_grid(family, bounded):
    for seed in range(effort(25)):
        problem = random_problem(family, seed=[seed, 77], n=1 + seed % 3, bounded=bounded)
        answer = solve(problem)
        best = best_on_grid(problem)
        assert answer.dual_bound >= best * (1 - 1e-12)
        assert answer.expected_utility >= best * (1 - 1e-6)
        assert answer.expected_utility >= best - largest_envelope_error(problem) - 1e-9


@pytest.mark.parametrize("family", FAMILIES)
def test_four_queries_are_solved_as_well_as_any_combination_on_a_grid(family):
    for seed in range(4):
        problem = random_problem(family, seed=[seed, 5], n=4)
        best = best_on_grid(problem, points=31)
        assert solve(problem).expected_utility >= best * (1 - 1e-6)


@pytest.mark.parametrize("seed", range(effort(12)))
def test_tens_of_queries_get_the_exact_optimum_in_whole_tokens(seed):
    rng = np.random.default_rng(seed)
    n = 9 + 2 * seed
    curves = surges(rng.uniform(20, 150, n), rng.uniform(0.1, 1, n), rng.uniform(5, 60, n))
    problem = AllocationProblem(curves, budget=int(0.3 * curves.peak.sum()))
    best = best_in_whole_tokens(problem)
    assert solve(problem).expected_utility == pytest.approx(best, rel=1e-9)


@pytest.mark.parametrize("family", FAMILIES)
def test_gap_is_at_most_the_largest_envelope_error(family):
    for seed in range(effort(20)):
        problem = random_problem(family, seed=[seed, 3], bounded=seed % 2 == 1)
        answer = solve(problem)
        assert 0 <= answer.gap <= largest_envelope_error(problem) + 1e-12 * answer.dual_bound


def test_price_is_what_one_more_token_is_worth():
    problem = random_problem("surge", seed=8, n=200)
    step = 10.0
    more = AllocationProblem(problem.curves, problem.budget + step)
    gained = solve(more).dual_bound - solve(problem).dual_bound
    assert gained / step == pytest.approx(solve(problem).price, rel=1e-3)


def test_same_problem_gives_the_same_answer():
    first, second = (solve(random_problem("surge", seed=4)) for _ in range(2))
    np.testing.assert_array_equal(first.tokens, second.tokens)
    assert first.price == second.price


def test_choice_of_solver_can_be_asked():
    problem = random_problem("logistic", seed=0, n=5)
    choice = choose_solver(problem)
    assert choice.solver.name == solve(problem).solver == "dual"
    assert choice.reason
    assert solve(problem, ConicSolver()).solver == "conic"
    with pytest.raises(InvalidInputError, match="use 'auto', 'dual' or 'conic'"):
        solve(problem, "simplex")


def test_a_failed_solve_is_a_value_first_and_an_exception_when_asked():
    problem = random_problem("logistic", seed=1, n=20)
    hopeless = ConicSolver(backend="OSQP")  # no cones, loose tolerances
    surge = random_problem("surge", seed=1, n=20)
    answer = hopeless.solve(surge, throw=False)
    assert answer.status is Status.NOT_CONVERGED
    assert answer.spent <= surge.budget
    assert answer.dual_bound >= solve(surge).expected_utility
    with pytest.raises(SolverError, match="try the other solver"):
        hopeless.solve(surge)
    assert solve(problem, "conic").status.ok


def test_reasons_speak_of_each_query():
    curves = surges([100, 100, 150, 5000, 100], [0.9, 0.5, 0.4, 0.1, 0.5], 50)
    problem = AllocationProblem(
        curves, budget=560, floor=[0, 0, 0, 0, 140], ceiling=[130, np.inf, 160, np.inf, 140]
    )
    answer = solve(problem)
    codes = [Reason(code) for code in answer.reason_codes]
    assert codes[0] is Reason.CEILING
    assert codes[3] is Reason.ABANDONED
    assert codes[4] is Reason.FLOOR
    assert answer.funded[4]
    assert "abandoned: pays at most" in answer.reasons[3]
    assert "ceiling" in answer.reasons[0]


def test_hopeless_queries_are_told_apart():
    problem = AllocationProblem(surges([100, 50], 0.9, 50), budget=500, ceiling=[80, 200])
    answer = solve(problem)
    assert Reason(answer.reason_codes[0]) is Reason.HOPELESS
    assert answer.tokens.tolist() == [0, 100]


def test_allocation_as_table_and_text():
    answer = solve(AllocationProblem(surges([100, 400], [0.9, 0.5], [50, 200]), budget=300))
    table = answer.to_table(["a", "b"])
    assert table.column_names == [
        "query_id",
        "max_tokens",
        "funded",
        "expected_utility",
        "abandonment_price",
        "surplus",
        "reason",
    ]
    assert table.to_pylist()[0]["query_id"] == "a"
    assert table["max_tokens"].to_pylist() == answer.tokens.tolist()
    assert "2 queries" in answer.summary()
    assert "Allocation(n=2, budget=300" in repr(answer)
    assert repr(answer.certificate).startswith("Certificate(value=")


def test_cross_check_reports_both_answers():
    check = cross_check(random_problem("surge", seed=2, n=50))
    assert check.agrees()
    assert "difference" in check.summary()
    assert check.dual.solver == "dual"
    assert check.conic.solver == "conic"
    assert "CrossCheck(" in repr(check)
    assert cross_check(AllocationProblem(surges([], [], []), budget=1)).agrees()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"budget": -1}, "budget = -1: must be a number from 0"),
        ({"budget": np.nan}, "budget"),
        ({"budget": "many"}, "budget = many"),
        ({"budget": 10**400}, "budget"),
        ({"budget": 10, "block": 0}, "block = 0"),
        ({"budget": 10, "block": 1.5}, "block = 1.5"),
        ({"budget": 10, "floor": [0, -2]}, "row 1, floor = -2"),
        ({"budget": 10, "floor": [0, 5], "ceiling": [9, 4]}, "row 1, floor = 5.0: exceeds"),
        ({"budget": 10, "ceiling": [9, np.nan]}, "row 1, ceiling = nan"),
        ({"budget": 10, "weight": [1, 0]}, "row 1, weight = 0"),
        ({"budget": 10, "weight": [1, 2, 3]}, "cannot be read as 2 numbers"),
        ({"budget": 10, "floor": 3, "ceiling": 15, "block": 16}, "whole blocks of 16"),
    ],
)
def test_illegal_problems_are_refused_by_name(arguments, words):
    with pytest.raises(InvalidInputError) as caught:
        AllocationProblem(surges([1, 2], 0.5, 3), **arguments)
    assert words in str(caught.value)


def test_certificate_bounds_any_allocation_at_any_price():
    problem = random_problem("surge", seed=6, n=3)
    best = best_on_grid(problem)
    for price in (0.0, 1e-6, 1e-3, 1.0):
        certificate = problem.certify(np.zeros(3), price)
        assert certificate.dual_bound >= best
        assert certificate.gap == pytest.approx(certificate.dual_bound)
    overspent = problem.certify(np.full(3, problem.budget), 1e-6)
    assert overspent.primal_residual == pytest.approx(2 * problem.budget)


def test_dual_solver_takes_curves_that_start_above_zero_value():
    # A table may be worth something with no tokens at all.
    from clear_opt import TabularCurve

    curves = TabularCurve([0, 100, 200], [[0.3, 0.3, 0.9], [0.2, 0.25, 0.3]])
    answer = solve(AllocationProblem(curves, budget=200))
    assert answer.expected_utility == pytest.approx(1.1)
    assert cross_check(AllocationProblem(curves, budget=150)).agrees()


def test_dual_solver_objects_are_equal_by_value():
    assert DualSolver() == DualSolver()
    assert ConicSolver() != ConicSolver(backend="SCS")


def test_curves_may_mix_extreme_scales_in_other_families():
    curves = Logistic(midpoint=[1.0, 1e6], scale=[0.1, 1e5], height=[0.5, 1.0])
    assert cross_check(AllocationProblem(curves, budget=1_000_000)).agrees()
    straight = Triangular.from_height([1.0, 1e6], 0.5, [0.1, 1e5])
    assert cross_check(AllocationProblem(straight, budget=1_000_000)).agrees()


def test_caps_that_overspend_give_back_where_it_costs_least():
    # Fractional caps may exceed a large budget by rounding error; whole ones never do.
    problem = AllocationProblem(surges([100, 100], [0.9, 0.1], 50), budget=290)
    caps = round_to_blocks(problem, np.array([150.0, 143.0]))
    best = max(([150 - k, 140 + k] for k in range(11)), key=lambda c: problem.utility(c).sum())
    assert caps.tolist() == best


def test_tokens_left_over_fund_a_query_that_fits():
    problem = AllocationProblem(surges([500, 40], 0.9, [100, 20]), budget=655)
    caps = round_to_blocks(problem, np.array([600.0, 0.0]))
    assert caps.sum() == 655
    assert caps[1] > 40


def test_tokens_that_bought_nothing_are_spent_again_to_the_last():
    problem = AllocationProblem(surges([500, 500, 40], 0.9, [100, 100, 20]), budget=660)
    assert round_to_blocks(problem, np.array([600.0, 60.0, 0.0])).tolist() == [600, 0, 60]

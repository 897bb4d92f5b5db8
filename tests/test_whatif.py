"""What-if questions, against solving each budget anew, brute force, and SciPy's root finder."""

import sys
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import brentq
from scipy.special import lambertw

from benchmarks.peers import make_instance
from clear_opt import (
    AllocationProblem,
    InfeasibleError,
    InvalidInputError,
    ShiftedSurge,
    TabularCurve,
    budget_path,
    cheapest_budget,
    entry_budgets,
    solve,
    what_would_fund,
)
from clear_opt.datasets import FAMILIES, random_problem
from clear_opt.sensitivity import BudgetPath, budget_sweep, path_caps
from tests.effort import effort
from tests.reference import clear_by_bisection
from tests.units import curves_in_parts, in_parts_of_tokens

problems = st.builds(
    random_problem,
    st.sampled_from(sorted(FAMILIES)),
    seed=st.integers(0, 2**32 - 1),
    n=st.integers(1, 30),
    bounded=st.booleans(),
)


def surges(tau, height, width):
    return ShiftedSurge.from_height(np.asarray(tau, dtype=float), height, width)


def some_budgets(problem, seed=0, count=4):
    shares = np.random.default_rng(seed).uniform(0.0, 2.0, count)
    return np.floor(problem.floor_total + shares * (problem.budget - problem.floor_total))


def small_batch(seed, n=8):
    rng = np.random.default_rng(seed)
    return surges(rng.uniform(20, 150, n), rng.uniform(0.1, 1, n), rng.uniform(5, 60, n))


def best_by_budget(curves, most):
    """Exact optimum in whole tokens at budgets 0 to ``most``, by dynamic programming."""
    best = np.zeros(most + 1)
    for query in range(len(curves)):
        utility = curves.take([query]).value(np.arange(most + 1.0))
        best = np.array([(best[: b + 1] + utility[b::-1]).max() for b in range(most + 1)])
    return best


class Surges:
    """The relaxed problem of shifted surges, from the definitions and SciPy alone."""

    def __init__(self, curves):
        self.tau, self.alpha, self.beta = curves.tau, curves.alpha, curves.beta
        self.ceded = np.array([self._abandonment_price(i) for i in range(len(self.tau))])

    def caps(self, price, rows=slice(None)):
        share = np.minimum(np.e * price / self.alpha[rows], np.e)
        return self.tau[rows] + (1 - lambertw(share).real) / self.beta[rows]

    def value(self, tokens, rows=slice(None)):
        x = np.maximum(tokens - self.tau[rows], 0.0)
        return self.alpha[rows] * x * np.exp(-self.beta[rows] * x)

    def _abandonment_price(self, i):
        def surplus(price):
            cap = self.caps(price, [i])
            return float((self.value(cap, [i]) - price * cap)[0])

        return brentq(surplus, 1e-12 * self.alpha[i], self.alpha[i], xtol=1e-26, rtol=1e-14)

    def demand(self, price):
        return self.caps(price)[self.ceded >= price * (1 - 1e-12)].sum()

    def best_value(self, price):
        return self.value(self.caps(price))[self.ceded >= price * (1 - 1e-12)].sum()


class TestPath:
    @pytest.mark.parametrize("family", FAMILIES)
    @pytest.mark.parametrize("bounded", [False, True])
    def test_prices_and_bounds_are_those_of_solving_each_budget_anew(self, family, bounded):
        for seed in (0, 3):  # `solve` compiles for every size, so there are two
            problem = random_problem(family, seed=[seed, 9], n=1 + 9 * seed, bounded=bounded)
            budgets = some_budgets(problem, seed, count=3)
            path = budget_path(problem, budgets)
            for k, budget in enumerate(budgets):
                alone = solve(replace(problem, budget=budget))
                assert path.price[k] == pytest.approx(alone.price, rel=1e-9, abs=1e-300)
                assert path.dual_bound[k] == pytest.approx(alone.dual_bound, rel=1e-9)

    def test_prices_are_those_of_the_papers_bisection(self):
        problem = in_parts_of_tokens(random_problem("surge", seed=3, n=400))
        curves = problem.curves
        budgets = np.floor(np.linspace(0.01, 0.99, 25) * curves.peak.sum())
        exact = [clear_by_bisection(curves.tau, curves.alpha, curves.beta, b) for b in budgets]
        assert budget_path(problem, budgets).price == pytest.approx(exact, rel=1e-9)

    @given(problems, st.sampled_from([1, 7, 64]))
    @settings(max_examples=effort(25))
    def test_caps_are_feasible_and_worth_what_is_claimed(self, problem, block):
        ceiling = np.maximum(problem.ceiling, np.ceil(problem.floor / block) * block)
        problem = replace(problem, block=block, ceiling=ceiling)
        problem = replace(problem, budget=max(problem.budget, problem.floor_total))
        path = budget_path(problem, some_budgets(problem))
        assert (path.spent <= path.budgets).all()
        assert (path.tokens >= problem.floor).all()
        assert (path.tokens <= problem.ceiling).all()
        assert (path.tokens % block == 0).all()
        assert (path.value <= path.dual_bound).all()
        for k, tokens in enumerate(path.tokens):
            assert path.value[k] == pytest.approx(problem.utility(tokens).sum(), rel=1e-12)
            proof = replace(problem, budget=path.budgets[k]).certify(tokens, path.price[k])
            assert path.dual_bound[k] == pytest.approx(proof.dual_bound, rel=1e-9)

    @given(problems)
    @settings(max_examples=effort(20))
    def test_more_tokens_never_buy_less_and_never_cost_more(self, problem):
        budgets = np.sort(some_budgets(problem, count=12))
        path = budget_path(problem, budgets)
        assert (np.diff(path.value) >= 0).all()
        assert (np.diff(path.price) <= 1e-9 * path.price[:-1]).all()
        slack = 1e-9 * path.dual_bound[-1]
        gained, more = np.diff(path.dual_bound), np.diff(budgets)
        assert (gained >= -slack).all()
        # The bound is concave in the budget with the price as its slope.
        assert (gained <= path.price[:-1] * more + slack).all()
        assert (gained >= path.price[1:] * more - slack).all()

    @given(problems, st.randoms(use_true_random=False))
    @settings(max_examples=effort(10))
    def test_order_and_repetition_of_budgets_do_not_matter(self, problem, random):
        budgets = some_budgets(problem, count=6)
        path = budget_path(problem, budgets)
        order = random.choices(range(6), k=9)
        shuffled = budget_path(problem, budgets[order])
        for name in ("price", "dual_bound", "value", "spent", "n_funded", "accuracy"):
            found, expected = getattr(shuffled, name), getattr(path, name)[order]
            np.testing.assert_allclose(found, expected, rtol=1e-2 if "_" in name else 1e-9)

    def test_order_of_queries_does_not_matter(self):
        problem = random_problem("surge", seed=5, n=60, bounded=True)
        order = np.random.default_rng(0).permutation(60)
        moved = AllocationProblem(
            problem.curves.take(order),
            problem.budget,
            problem.floor[order],
            problem.ceiling[order],
            problem.weight[order],
        )
        budgets = some_budgets(problem)
        path, other = budget_path(problem, budgets), budget_path(moved, budgets)
        assert other.price == pytest.approx(path.price, rel=1e-9)
        assert other.value == pytest.approx(path.value, rel=1e-9)
        np.testing.assert_array_equal(other.funded, path.funded[:, order])

    def test_the_unit_of_tokens_does_not_matter(self):
        curves = small_batch(1, n=40)
        budgets = np.floor(np.linspace(0.1, 1.1, 9) * curves.peak.sum())
        path = budget_path(AllocationProblem(curves, 0), budgets)
        scaled = surges(1000 * curves.tau, curves.height, 1000 / curves.beta)
        other = budget_path(AllocationProblem(scaled, 0, block=1000), 1000 * budgets)
        assert 1000 * other.price == pytest.approx(path.price, rel=1e-9)
        assert other.dual_bound == pytest.approx(path.dual_bound, rel=1e-9)
        assert other.value == pytest.approx(path.value, rel=1e-6)

    @pytest.mark.parametrize("seed", range(6))
    def test_small_batches_come_near_the_exact_optimum(self, seed):
        curves = small_batch(seed, n=5 + 3 * seed)
        budgets = np.floor(np.array([0.08, 0.25, 0.6, 0.95]) * curves.peak.sum())
        path = budget_path(AllocationProblem(curves, 0), budgets)
        best = best_by_budget(curves, int(budgets[-1]))[budgets.astype(int)]
        assert (path.value <= best * (1 + 1e-12)).all()
        assert (path.value >= best * 0.99).all()
        assert (path.dual_bound >= best * (1 - 1e-12)).all()

    def test_large_batches_reach_the_bound(self):
        batch = make_instance(3000, 0, 1.0)
        path = budget_path(batch.problem(), np.linspace(0.05, 1.0, 30) * batch.budget)
        assert (path.gap <= 1e-4 * path.dual_bound).all()

    def test_a_hundred_budgets_take_few_evaluations_and_no_solve(self, monkeypatch):
        counted = []
        response = ShiftedSurge.response
        monkeypatch.setattr(
            ShiftedSurge, "response", lambda self, p: counted.append(len(self)) or response(self, p)
        )
        monkeypatch.setattr(path_caps, "recover", pytest.fail)
        batch = make_instance(5000, 1, 1.0)
        path = budget_path(batch.problem(), np.linspace(0.01, 1.0, 100) * batch.budget)
        assert len(counted) <= 450
        assert path.evaluations <= len(counted) <= path.evaluations + 5
        # Only the queries that are funded are looked at.
        assert np.mean(counted) < 0.7 * 5000

    def test_a_single_search_takes_few_evaluations(self):
        worst = max(
            budget_path(make_instance(2000, seed, share).problem(), [share * 1e5]).evaluations
            for seed in range(10)
            for share in (0.1, 1.0, 3.0)
        )
        assert worst <= 24

    def test_scarce_and_ample_budgets(self):
        problem = AllocationProblem(surges([100, 300], [0.5, 0.7], [50.0, 50.5]), budget=77)
        path = budget_path(problem, [0, 150, 10_000])
        assert path.tokens.tolist() == [[0, 0], [150, 0], [150, 351]]
        assert path.funded.tolist() == [[False, False], [True, False], [True, True]]
        assert path.price[-1] == 0.0
        assert path.value == pytest.approx([0.0, 0.5, 1.2])
        assert path.accuracy == pytest.approx([0.0, 0.25, 0.6])

    def test_a_smaller_budgets_caps_are_kept_where_they_are_worth_more(self, monkeypatch):
        problem = AllocationProblem(small_batch(2, n=20), budget=0)
        honest = path_caps.point_at

        def careless(table, budget):  # spends nothing of the larger budget
            point = honest(table, budget)
            return point if budget < 900 else point._replace(tokens=0 * point.tokens, value=0.0)

        # In the package the module's name is that of its function.
        module = sys.modules["clear_opt.sensitivity.paths"]
        monkeypatch.setattr(module, "point_at", careless)
        path = budget_path(problem, [1000, 800])
        assert path.value[0] == path.value[1] > 0
        assert (path.tokens[0] == path.tokens[1]).all()

    def test_floors_past_the_threshold_count_as_funded(self):
        problem = AllocationProblem(surges([10, 500], 0.5, 50), budget=0, floor=[30, 30])
        path = budget_path(problem, [60])
        assert path.tokens.tolist() == [[30, 30]]
        assert path.funded.tolist() == [[True, False]]

    def test_hopeless_queries_get_nothing(self):
        path = budget_path(AllocationProblem(surges([100] * 3, 0.5, 50), 0, ceiling=90), [0, 500])
        assert (path.tokens == 0).all()
        assert (path.price == 0).all()
        assert (path.dual_bound == 0).all()

    def test_identical_queries_come_in_one_after_the_other(self):
        # Each breaks even at its tangent point, 100 (1 + golden) = 161.8 tokens.
        problem = AllocationProblem(surges([100] * 20, 0.5, 100), budget=0)
        budgets = np.arange(100, 4000, 130)
        path = budget_path(problem, budgets)
        assert (path.n_funded >= np.minimum(budgets // 162, 20)).all()
        for k, budget in enumerate(budgets):
            assert path.value[k] == pytest.approx(
                solve(replace(problem, budget=budget)).expected_utility, rel=1e-2
            )

    def test_nothing_to_ask_for(self):
        problem = AllocationProblem(surges([100], 0.5, 50), budget=10)
        assert len(budget_path(problem, [])) == 0
        assert "no budgets" in repr(budget_path(problem, []))
        empty = budget_path(AllocationProblem(surges([], [], []), budget=10), [5, 7])
        assert empty.tokens.shape == (2, 0)
        assert empty.accuracy.tolist() == [0, 0]

    def test_a_path_says_what_matters(self):
        problem = AllocationProblem(surges([100, 300], [0.5, 0.7], [50, 50]), budget=0)
        path = budget_path(problem, [500, 150])
        assert "n=2, 2 budgets 150 to 500, accuracy 0.25 to 0.6" in repr(path)
        table = path.to_table()
        assert table.column("budget").to_pylist() == [500, 150]
        assert table.column("expected_utility").to_pylist() == pytest.approx([1.2, 0.5])

    @pytest.mark.parametrize("family", FAMILIES)
    def test_a_sweep_runs_from_scarce_to_ample(self, family):
        problem = random_problem(family, seed=11, n=30, bounded=True)
        path = budget_path(problem)
        assert (np.diff(path.budgets) > 0).all()
        assert len(path) <= 20
        most = budget_path(problem, [2**53]).value[0]
        least = problem.utility(problem.floor).sum()
        assert path.value[-1] - least >= 0.99 * (most - least)
        assert path.value[0] < path.value[-1]
        assert np.ptp(np.diff(path.budgets)) <= problem.block

    def test_floors_beyond_a_budget_name_it(self):
        problem = AllocationProblem(surges([100, 200], 0.5, 50), budget=0, floor=[30, 80])
        with pytest.raises(InfeasibleError, match=r"budget 100 \(number 1\).* sum to 110 tokens"):
            budget_path(problem, [110, 100])

    @pytest.mark.parametrize(
        ("budgets", "message"),
        [
            ([1, -2], "row 1, budgets = -2.0"),
            ([float("nan")], "row 0, budgets = nan"),
            ([2.0**60], "must be a number from 0 to"),
            ("many", "budgets = many: is not a number"),
            ([[1, 2]], r"has shape \(1, 2\)"),
        ],
    )
    def test_what_is_no_budget_is_named(self, budgets, message):
        problem = AllocationProblem(surges([100], 0.5, 50), budget=0)
        with pytest.raises(InvalidInputError, match=message):
            budget_path(problem, budgets)

    def test_a_sweep_has_a_whole_number_of_points(self):
        problem = AllocationProblem(surges([100], 0.5, 50), budget=0)
        with pytest.raises(InvalidInputError, match="points = 0"):
            budget_sweep(problem, 0)


class TestEntry:
    def test_entry_is_the_demand_at_the_abandonment_price(self):
        curves = curves_in_parts(random_problem("surge", seed=6, n=120).curves)
        truth = Surges(curves)
        expected = [truth.demand(price) for price in truth.ceded]
        found = entry_budgets(AllocationProblem(curves, budget=1))
        assert found == pytest.approx(expected, rel=1e-9)

    @pytest.mark.parametrize("family", FAMILIES)
    def test_at_its_entry_budget_the_price_is_a_querys_own(self, family):
        problem = random_problem(family, seed=[7, 7], n=25, bounded=True)
        entry = entry_budgets(problem)
        for row in np.flatnonzero(np.isfinite(entry) & (problem.floor == 0)):
            # A hair less, lest rounding takes it past a jump after which demand is flat.
            price = solve(replace(problem, budget=entry[row] * (1 - 1e-12))).price
            own = problem.envelope.abandonment_price[row]
            assert price == pytest.approx(own, rel=1e-6)

    def test_who_has_entered_is_who_is_funded(self):
        problem = AllocationProblem(small_batch(4, n=200), budget=8000)
        entry = entry_budgets(problem)
        wrong = (entry <= problem.budget) != solve(problem).funded
        assert wrong.sum() <= 1
        assert (np.abs(entry[wrong] - problem.budget) < 210).all()

    def test_equal_queries_enter_by_their_row(self):
        problem = AllocationProblem(surges([100] * 4, 0.5, 100), budget=0)
        golden = 50 * (1 + np.sqrt(5))
        assert entry_budgets(problem) == pytest.approx(golden * np.arange(1, 5))

    def test_a_tabulated_query_enters_at_its_first_corner(self):
        curves = TabularCurve([100.0, 200.0], [[0.5, 0.6], [0.1, 0.8], [0.4, 0.44]])
        # Slopes: 0.005 then 0.001; 0.004 all the way to 200; 0.004 then 0.0004.
        assert entry_budgets(AllocationProblem(curves, budget=0)).tolist() == [100, 300, 400]

    def test_hopeless_and_paid_for(self):
        problem = AllocationProblem(
            surges([100, 10, 300], 0.5, 50), 0, floor=[0, 20, 0], ceiling=[90, 40, np.inf]
        )
        entry = entry_budgets(problem)
        assert entry[0] == np.inf
        assert entry[1] == 20
        assert np.isfinite(entry[2])
        assert what_would_fund(problem, 0) == np.inf
        assert what_would_fund(problem, 1) == 20

    def test_some_queries_only(self):
        problem = random_problem("hill", seed=1, n=40)
        every = entry_budgets(problem)
        np.testing.assert_array_equal(entry_budgets(problem, [7, 3, 7]), every[[7, 3, 7]])
        mask = every < np.median(every)
        np.testing.assert_array_equal(entry_budgets(problem, mask), every[mask])
        assert entry_budgets(problem, []).shape == (0,)
        assert entry_budgets(AllocationProblem(surges([], [], []), 0)).shape == (0,)

    @pytest.mark.parametrize("queries", [[40], [-1], [0.5], "first", [[1]]])
    def test_queries_that_do_not_exist(self, queries):
        problem = random_problem("hill", seed=1, n=40)
        with pytest.raises(InvalidInputError, match="queries"):
            entry_budgets(problem, queries)

    @given(problems, st.floats(0, 1))
    @settings(max_examples=effort(6))
    def test_what_would_fund_is_true_of_solve(self, problem, share):
        query = int(share * (len(problem) - 1))
        budget = what_would_fund(problem, query)
        if budget == np.inf:
            assert not np.isfinite(entry_budgets(problem, [query]))
            return
        assert solve(replace(problem, budget=budget)).funded[query]
        if budget >= problem.floor_total + 1:
            assert not solve(replace(problem, budget=budget - 1)).funded[query]

    def test_well_below_what_would_fund_it_a_query_is_left_out(self):
        batch = make_instance(300, 2, 0.5)
        problem = batch.problem()
        entry = entry_budgets(problem)
        for query in np.argsort(entry)[[60, 150, 240]]:
            needed = what_would_fund(problem, int(query))
            assert needed == pytest.approx(entry[query], abs=600)
            for share in (0.5, 0.8, 0.95):
                below = replace(problem, budget=np.floor(share * needed))
                assert not solve(below).funded[query]

    def test_small_batches_against_solving_every_budget(self):
        curves = surges([20, 35, 50], [0.5, 0.7, 0.9], [20, 15, 30])
        problem = AllocationProblem(curves, budget=0)
        funded = np.array([solve(replace(problem, budget=b)).funded for b in range(180)])
        entry = entry_budgets(problem)
        for query in range(3):
            needed = int(what_would_fund(problem, query))
            starts = np.flatnonzero(funded[1:, query] & ~funded[:-1, query]) + 1
            assert needed in starts
            assert needed <= entry[query] + 1

    def test_whole_blocks(self):
        problem = AllocationProblem(small_batch(3, n=5), budget=0, block=16)
        needed = what_would_fund(problem, 2)
        assert needed % 16 == 0
        assert solve(replace(problem, budget=needed)).funded[2]


class TestCheapest:
    @pytest.mark.parametrize("seed", range(5))
    def test_the_smallest_whole_budget_lies_between_bound_and_answer(self, seed):
        curves = small_batch(seed, n=4 + 2 * seed)
        best = best_by_budget(curves, 700)
        for target in (0.1, 0.25):
            exact = int(np.argmax(best >= target * len(curves)))
            found = cheapest_budget(AllocationProblem(curves, 0), target)
            assert found.at_least <= exact <= found.budget
            assert found.budget <= exact + 1

    def test_the_lower_bound_is_where_the_relaxed_value_meets_the_target(self):
        curves = curves_in_parts(random_problem("surge", seed=8, n=80).curves)
        truth = Surges(curves)
        for share in (0.2, 0.5, 0.9):
            target = share * curves.height.mean()
            wanted = target * 80

            def excess(log_price, wanted=wanted):
                return truth.best_value(np.exp(log_price)) - wanted

            price = np.exp(brentq(excess, np.log(1e-15), np.log(truth.ceded.max()), xtol=1e-14))
            # At a jump the root finder stops at either side; the price leads back to the target.
            paid, tokens = truth.best_value(price), truth.demand(price)
            exact = tokens + (wanted - paid) / price
            found = cheapest_budget(AllocationProblem(curves, 0), target)
            assert found.at_least == pytest.approx(exact, abs=1.001)

    @given(problems, st.floats(0, 1), st.sampled_from([1, 16]))
    @settings(max_examples=effort(15))
    def test_targets_are_reached_and_bounds_hold(self, problem, share, block):
        ceiling = np.maximum(problem.ceiling, np.ceil(problem.floor / block) * block)
        problem = replace(problem, block=block, ceiling=ceiling)
        found = cheapest_budget(problem, share, "share")
        most = solve(replace(problem, budget=2**53)).expected_utility
        value = problem.utility(found.allocation.tokens).sum()
        assert value >= share * most * (1 - 1e-9)
        assert found.reached >= share * (1 - 1e-9)
        assert found.allocation.spent <= found.budget
        assert found.budget % block == found.at_least % block == 0
        if found.at_least >= problem.floor_total + block:
            less = replace(problem, budget=found.at_least - block)
            assert solve(less).dual_bound <= share * most * (1 + 1e-9)

    def test_bound_and_answer_are_close_in_a_large_batch(self):
        problem = make_instance(1000, 0, 0.5).problem()
        for target in (0.1, 0.3, 0.5):
            found = cheapest_budget(problem, target)
            assert found.reached == pytest.approx(target, rel=1e-3)
            assert found.budget <= found.at_least * (1 + 1e-3)
            assert found.solves <= 12

    def test_it_inverts_the_path(self):
        problem = random_problem("logistic", seed=2, n=150)
        path = budget_path(problem, [problem.budget / 4, problem.budget / 2])
        for k in range(2):
            found = cheapest_budget(problem, path.accuracy[k])
            assert found.at_least <= path.budgets[k]
            assert found.budget <= path.budgets[k] * 1.01

    def test_weights_count(self):
        curves = surges([100, 100], [0.5, 0.5], [50, 50])
        heavy = cheapest_budget(AllocationProblem(curves, 0, weight=[1.0, 9.0]), 0.45)
        assert heavy.budget == heavy.at_least == 150
        assert heavy.allocation.tokens.tolist() == [0, 150]

    def test_a_target_that_the_floors_reach_costs_the_floors(self):
        problem = AllocationProblem(surges([10, 10], 0.5, 20), 0, floor=30)
        for target in (0.0, 0.3, 0.5):
            found = cheapest_budget(problem, target)
            assert found.budget == found.at_least == 60

    def test_an_unreachable_target_says_what_is_the_most(self):
        problem = AllocationProblem(surges([10, 90], [0.7, 1 / 3], [20, 40]), 0)
        with pytest.raises(
            InvalidInputError, match=r"target = 0.6.*any budget reaches is 0.516666"
        ):
            cheapest_budget(problem, 0.6)
        assert cheapest_budget(problem, 0.516666).budget == 160

    def test_everything_there_is_to_reach(self):
        found = cheapest_budget(AllocationProblem(surges([10, 90], 0.5, [20, 40]), 0), 1, "share")
        assert found.budget == found.at_least == 160
        assert repr(found) == "CheapestBudget(budget=160, at_least=160, share=1, target=1)"

    @pytest.mark.parametrize("target", [-0.1, 1.1, float("nan"), "much", None])
    def test_targets_are_shares(self, target):
        with pytest.raises(InvalidInputError, match=r"target.*must be a number from 0 to 1"):
            cheapest_budget(AllocationProblem(surges([10], 0.5, 20), 0), target)

    def test_measures_have_names(self):
        problem = AllocationProblem(surges([10], 0.5, 20), 0)
        with pytest.raises(InvalidInputError, match="use 'accuracy' or 'share'"):
            cheapest_budget(problem, 0.5, "utility")

    def test_no_queries_have_no_accuracy(self):
        with pytest.raises(InvalidInputError, match="no queries"):
            cheapest_budget(AllocationProblem(surges([], [], []), 0), 0.5)


@pytest.mark.parametrize(
    ("question", "arguments"),
    [
        (budget_path, ([1],)),
        (entry_budgets, ()),
        (what_would_fund, (0,)),
        (cheapest_budget, (0.5,)),
    ],
)
def test_other_kinds_of_problem_are_refused(question, arguments):
    with pytest.raises(InvalidInputError, match="give an AllocationProblem"):
        question("a problem", *arguments)


def test_another_kind_of_problem_can_bring_its_own_answer():
    class Other:
        pass

    nothing = BudgetPath(*(np.zeros(0) for _ in range(4)), np.zeros((0, 0)), np.zeros((0, 0)), 0, 0)
    budget_path.register(Other, lambda problem, budgets=None: nothing)
    assert budget_path(Other(), [1]) is nothing

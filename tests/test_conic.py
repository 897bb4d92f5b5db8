"""The convex program: compiled once per shape, honest about what its backend could not do."""

import cvxpy as cp
import numpy as np
import pytest

from clear_opt import AllocationProblem, ConicSolver, ShiftedSurge, SolverError, solve
from clear_opt.datasets import FAMILIES, random_problem
from clear_opt.solvers.conic import presolve, solver
from clear_opt.solvers.conic.cvxpy_terms import dual_of, numbers
from clear_opt.solvers.conic.presolve import presolved, spread_sample
from tests.units import in_parts_of_tokens


def count_compilations(monkeypatch):
    """Count how often cvxpy builds a problem into a cone program from scratch."""
    from cvxpy.reductions.solvers.solving_chain import SolvingChain

    calls = []
    original = SolvingChain.apply

    def counted(self, problem, *args, **kwargs):
        calls.append(problem)
        return original(self, problem, *args, **kwargs)

    monkeypatch.setattr(SolvingChain, "apply", counted)
    return calls


@pytest.mark.parametrize("family", FAMILIES)
def test_a_second_solve_of_the_same_shape_does_not_compile_again(family, monkeypatch):
    solver._compiled.cache_clear()
    solver._compiled_cuts.cache_clear()
    calls = count_compilations(monkeypatch)
    ConicSolver().relax(random_problem(family, seed=1, n=17))
    first = len(calls)
    assert 1 <= first <= 2  # a form, and cuts where an interior point stalled
    ConicSolver().relax(random_problem(family, seed=2, n=17, bounded=True))
    assert len(calls) <= max(first, 2)
    again = len(calls)
    ConicSolver().relax(random_problem(family, seed=3, n=17))
    assert len(calls) == again


def test_another_backend_gives_the_same_price():
    curves = ShiftedSurge.from_height([80.0, 150.0, 300.0], [0.9, 0.7, 0.5], [60.0, 90.0, 100.0])
    problem = AllocationProblem(curves, budget=350)
    clarabel, scs = ConicSolver().solve(problem), ConicSolver(backend="SCS").relax(problem)
    assert scs.price == pytest.approx(clarabel.price, rel=1e-2)


def test_without_a_price_the_caps_are_feasible_and_the_bound_still_holds(monkeypatch):
    def fail(self, **options):
        raise cp.SolverError("no licence")

    monkeypatch.setattr(cp.Problem, "solve", fail)
    for family in ("surge", "logistic"):
        problem = random_problem(family, seed=3, n=30)
        with pytest.raises(SolverError, match="try the other solver"):
            ConicSolver().solve(problem)
        answer = ConicSolver().solve(problem, throw=False)
        assert not answer.status.ok
        assert answer.spent <= problem.budget
        assert answer.dual_bound >= solve(problem, "dual").expected_utility


def test_unsolved_programs_are_not_mistaken_for_numbers():
    with pytest.raises(SolverError, match="no solution"):
        numbers(cp.Variable(3))
    with pytest.raises(SolverError, match="no dual"):
        dual_of(cp.Variable() <= 1)


def test_price_is_exactly_zero_with_tokens_to_spare():
    for family in FAMILIES:
        problem = random_problem(family, seed=5, n=20)
        end = np.minimum(problem.envelope.end, 1e12)
        rich = AllocationProblem(problem.curves.take(end < 1e12), budget=2 * end.sum())
        assert ConicSolver().solve(rich).price == pytest.approx(0.0, abs=1e-15)


def test_floor_and_threshold_in_every_order():
    curves = ShiftedSurge.from_height(np.full(4, 100.0), 0.8, 50.0)
    problem = AllocationProblem(
        curves, budget=500, floor=[0, 60, 120, 180], ceiling=[np.inf, 140, np.inf, np.inf]
    )
    relaxation = ConicSolver().relax(problem)
    assert relaxation.value == pytest.approx(solve(problem).dual_bound, rel=1e-7)


def test_a_stalled_price_is_kept_where_it_cannot_be_refined(monkeypatch):
    monkeypatch.setattr(solver, "_TOLERANCES", (1e-30, 1e-9))
    monkeypatch.setattr(solver.Window, "holds", lambda *_: False)
    monkeypatch.setattr(ConicSolver, "_refine", lambda _, problem, window: (window.high, np.inf))
    problem = random_problem("surge", seed=4, n=40)
    answer = ConicSolver().solve(problem)
    assert answer.dual_bound == pytest.approx(solve(problem).dual_bound, rel=1e-6)


def test_an_answer_does_not_depend_on_what_was_solved_before():
    first, other = (random_problem("surge", seed=seed, n=30) for seed in (1, 2))
    alone = ConicSolver().relax(first)
    ConicSolver().relax(other)
    again = ConicSolver().relax(first)
    assert (again.price, again.value) == (alone.price, alone.value)


LARGE = [(family, seed) for family in ("surge", "quadratic") for seed in (0, 1, 2, 4)]


@pytest.mark.parametrize(("family", "seed"), LARGE)
def test_a_large_batch_with_fewer_cones_has_the_whole_programs_optimum(family, seed):
    problem = random_problem(family, seed=seed, n=600, bounded=seed % 2 == 1)
    fewer, whole = ConicSolver().relax(problem), ConicSolver(presolve=False).relax(problem)
    truth = solve(problem, "dual")
    assert fewer.converged
    assert fewer.value == pytest.approx(whole.value, rel=1e-6)
    assert fewer.value == pytest.approx(truth.dual_bound, rel=1e-6)
    assert fewer.price == pytest.approx(truth.price, rel=1e-4, abs=1e-15)


def sizes_and_readings(monkeypatch):
    """Note how many variables each program has that cvxpy solves, and which it builds anew."""
    sizes, solve_program = [], cp.Problem.solve

    def noted(self, *args, **options):
        sizes.append(sum(variable.size for variable in self.variables()))
        return solve_program(self, *args, **options)

    monkeypatch.setattr(cp.Problem, "solve", noted)
    return sizes, count_compilations(monkeypatch)


def test_a_large_batch_takes_one_small_program_and_one_reading(monkeypatch):
    problems = (random_problem("surge", seed=seed, n=600) for seed in (0, 6))
    first, second = map(in_parts_of_tokens, problems)
    ConicSolver().relax(first)
    sizes, readings = sizes_and_readings(monkeypatch)
    ConicSolver().relax(second)
    assert len(sizes) == 2
    assert len(readings) == 1  # the sample's program is kept, what is left of a batch is read
    unpriced = second.envelope.abandonment_price < 0.5 * solve(second, "dual").price
    assert sizes[1] <= 4 * (600 - unpriced.sum())


@pytest.mark.parametrize("times", [0.0, 1e-9, 0.3, 0.9, 1.0, 1.2, 50.0, np.inf])
@pytest.mark.parametrize("seed", range(4))
def test_whatever_the_guess_the_decisions_are_right(times, seed):
    problem = random_problem("surge", seed=seed, n=80, bounded=seed % 2 == 1)
    truth = solve(problem, "dual")
    left = presolved(problem, times * truth.price if truth.price else times)
    assert left.proven(truth.price)
    assert len(left.problem) > left.sure
    rest = solve(left.problem, "dual")
    assert rest.dual_bound + left.at_rest == pytest.approx(truth.dual_bound, rel=1e-9)
    assert rest.price == pytest.approx(truth.price, rel=1e-6)


def test_a_spread_sample_knows_about_where_the_price_is():
    rng = np.random.default_rng(3)
    curves = ShiftedSurge.from_height(
        200 * np.exp(rng.normal(0, 0.7, 2000)),
        rng.uniform(0.05, 1, 2000),
        rng.uniform(50, 200, 2000),
    )
    problem = AllocationProblem(curves, budget=150_000, floor=rng.integers(0, 10, 2000))
    sample = spread_sample(problem, 200)
    assert len(sample) == 200
    assert solve(sample, "dual").price == pytest.approx(solve(problem, "dual").price, rel=0.1)


@pytest.mark.parametrize("window", [(0.0, 0.5), (2.0, np.inf)])
def test_wrong_decisions_are_found_out(window, monkeypatch):
    problem = random_problem("surge", seed=4, n=600)
    truth = solve(problem, "dual")
    wrong = tuple(truth.price * edge for edge in window)
    monkeypatch.setattr(presolve, "_window", lambda *_: wrong)
    relaxation = ConicSolver().relax(problem)
    assert relaxation.converged
    assert relaxation.price == pytest.approx(truth.price, rel=1e-4)
    assert relaxation.value == pytest.approx(truth.dual_bound, rel=1e-6)

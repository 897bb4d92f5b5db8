"""The convex program: compiled once per shape, honest about what its backend could not do."""

import cvxpy as cp
import numpy as np
import pytest

from clear_opt import AllocationProblem, ConicSolver, ShiftedSurge, SolverError, solve
from clear_opt.instances import FAMILIES, random_problem
from clear_opt.solvers import conic
from clear_opt.solvers.cvxpy_terms import dual_of, numbers


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
    conic._compiled.cache_clear()
    conic._compiled_cuts.cache_clear()
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
    monkeypatch.setattr(conic, "_TOLERANCES", (1e-30, 1e-9))
    monkeypatch.setattr(conic.Window, "holds", lambda *_: False)
    monkeypatch.setattr(ConicSolver, "_refine", lambda _, problem, window: (window.high, np.inf))
    problem = random_problem("surge", seed=4, n=40)
    answer = ConicSolver().solve(problem)
    assert answer.dual_bound == pytest.approx(solve(problem).dual_bound, rel=1e-6)

"""The convex-program solver: the exact hull of the problem in cvxpy, a second opinion on the price.

`cone_forms` states the programs; families without a conic form use `tangent_cuts`. Programs are
compiled once per shape and kept, so a second solve of the same shape only changes numbers. Cone
programs of more than `clear_opt.defaults.DPP_LIMIT` queries, which says why, are read anew each
time; before that `presolve` decides most of their queries with the help of a small program
that is kept.
"""

from __future__ import annotations

import threading
import time
import warnings
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from typing import NamedTuple

import cvxpy as cp
import numpy as np

from clear_opt._numerics.array_namespace import saturating
from clear_opt.defaults import (
    CONIC_TOLERANCE,
    CUT_ROUNDS,
    CUT_TOLERANCE,
    CUT_WINDOW,
    CUTS_PER_QUERY,
    DPP_LIMIT,
    PRESOLVE_SAMPLE,
)
from clear_opt.problem import AllocationProblem, Program
from clear_opt.problem.allocation import Allocation
from clear_opt.solvers.base import BaseSolver, build_allocation
from clear_opt.solvers.budget.primal_recovery import recover
from clear_opt.solvers.conic.cone_forms import ConicForm, PointsForm, ThresholdForm, form_of
from clear_opt.solvers.conic.presolve import presolved, spread_sample
from clear_opt.solvers.conic.program import solve_by_cones
from clear_opt.solvers.conic.tangent_cuts import CutProgram, Window

_LOCK = threading.RLock()  # compiled programs hold their numbers, so one solve at a time
_TOLERANCES = (1e-12, 1e-9)  # the second where an interior point breaks down short of the first
_ROUGH_TOLERANCES = (1e-6, 1e-9)  # enough to say about where a price is

# With the queries gone that no price would fund, Clarabel's simpler scaling from the first short
# step on saves a third of the iterations. With tight ceilings it can fail: then the usual one.
_FEW_TRIES = (
    ((1e-10,), {"min_switch_step_length": 0.8}),
    ((1e-10, 1e-9), {}),
)


class _Outcome(Enum):
    EXACT = "the backend reached its tightest tolerance"
    ROUGH = "the backend stopped short of it"
    FAILED = "the backend found no solution"


class Relaxation(NamedTuple):
    """Optimum of the convex program."""

    price: float
    """Dual of the token row, weighted success per token, >= 0."""
    value: float
    """Optimal value, weighted success, recomputed from the recovered variables."""
    converged: bool
    """Whether the value meets the dual bound at the price."""
    build_seconds: float
    solve_seconds: float


@dataclass(frozen=True)
class ConicSolver(BaseSolver):
    """Solve the convex hull of the problem by cvxpy, then recover whole tokens.

    Shifted surges become exponential cones, quadratics second-order cones, triangular and tabular
    curves a linear program: all exact. Other families are cut by tangents until the certified
    relative error is below ``tolerance``.

    Parameters
    ----------
    backend
        Any cvxpy solver that handles the cones; Clarabel by default.
    tolerance
        Certified relative error at which tangent cuts stop.
    presolve
        Whether large batches are made smaller first (`clear_opt.solvers.conic.presolve`): several
        times faster and as exact, but decided with the abandonment prices that the dual solver
        uses too. `cross_check` goes without.

    Examples
    --------
    >>> from clear_opt import AllocationProblem, ShiftedSurge
    >>> curves = ShiftedSurge.from_height(tau=[100, 400], height=[0.9, 0.5], width=[50, 200])
    >>> ConicSolver().solve(AllocationProblem(curves, budget=300)).tokens
    array([150,   0])
    """

    backend: str = "CLARABEL"
    tolerance: float = CUT_TOLERANCE
    presolve: bool = True

    @property
    def name(self) -> str:
        """Name in results and messages."""
        return "conic"

    def solve_budget(self, problem: AllocationProblem) -> Allocation:
        """Solve a feasible problem of n >= 1 queries."""
        return self.finish(problem, self.relax(problem))

    def solve_program(self, program: Program, *, throw: bool) -> Allocation:
        """Solve a program that is more than one budget of tokens."""
        return solve_by_cones(program, self.backend, throw=throw)

    def finish(self, problem: AllocationProblem, relaxation: Relaxation) -> Allocation:
        """Turn the relaxation's price into whole tokens and certify them."""
        begun = time.perf_counter()
        tokens = recover(problem, relaxation.price)
        return build_allocation(
            problem,
            tokens,
            relaxation.price,
            solver=self.name,
            converged=relaxation.converged,
            build_seconds=relaxation.build_seconds,
            solve_seconds=relaxation.solve_seconds + time.perf_counter() - begun,
        )

    @saturating
    def relax(self, problem: AllocationProblem) -> Relaxation:
        """Solve the convex hull of a feasible problem of n >= 1 queries."""
        if problem.spendable <= problem.floor_total:
            # Nothing can be bought: every price from the dearest query's on is optimal.
            dearest = problem.envelope.max_breakeven_price
            at_floor = float(problem.utility(problem.floor).sum())
            return Relaxation(dearest, at_floor, True, 0.0, 0.0)
        found = form_of(problem)
        with _LOCK:
            if found is None:
                return self._by_cuts(problem)
            form, points = found
            if self.presolve and issubclass(form, ThresholdForm) and len(problem) > DPP_LIMIT:
                relaxation = self._by_fewer_cones(problem, form)
                if relaxation is not None:
                    return relaxation
            return self._by_form(problem, form, points)

    def _by_fewer_cones(
        self, problem: AllocationProblem, form: type[ThresholdForm]
    ) -> Relaxation | None:
        """Solve with most queries decided; ``None`` where that could not be proven right."""
        begun = time.perf_counter()
        sample = _compiled(form, PRESOLVE_SAMPLE, 0)
        sample.load(spread_sample(problem, PRESOLVE_SAMPLE))
        if self._run(sample.program, _ROUGH_TOLERANCES) is _Outcome.FAILED:
            return None
        left = presolved(problem, sample.price)
        few = form(len(left.problem), left.sure)
        few.load(left.problem)
        built = time.perf_counter()
        for tolerances, extra in _FEW_TRIES:
            outcome = self._run(few.program, tolerances, keep_compiled=False, **extra)
            if outcome is _Outcome.FAILED:
                continue
            price, value = few.price, few.relaxed_value(left.problem) + left.at_rest
            if price > 0 and outcome is _Outcome.ROUGH:
                price = self._settle(problem, price)
            if left.proven(price) and _certified(problem, price, value):
                return Relaxation(price, value, True, built - begun, time.perf_counter() - built)
        return None

    def _by_form(
        self, problem: AllocationProblem, form: type[ConicForm], points: int
    ) -> Relaxation:
        begun = time.perf_counter()
        compiled = _compiled(form, len(problem), points)
        compiled.load(problem)
        built = time.perf_counter()
        keep = form is PointsForm or len(problem) <= DPP_LIMIT
        outcome = self._run(compiled.program, keep_compiled=keep)
        if outcome is _Outcome.FAILED:
            return self._by_cuts(problem)
        price, value = compiled.price, compiled.relaxed_value(problem)
        if price > 0 and outcome is _Outcome.ROUGH:
            price = self._settle(problem, price)
        converged = _certified(problem, price, value)
        return Relaxation(price, value, converged, built - begun, time.perf_counter() - built)

    def _by_cuts(self, problem: AllocationProblem) -> Relaxation:
        begun = time.perf_counter()
        dearest = problem.envelope.max_breakeven_price
        if dearest > 0:
            price, value = self._refine(problem, Window(0.0, dearest))
        else:
            price, value = 0.0, float(problem.utility(problem.floor).sum())
        converged = _certified(problem, price, value)
        return Relaxation(price, value, converged, 0.0, time.perf_counter() - begun)

    def _settle(self, problem: AllocationProblem, price: float) -> float:
        """Settle the last digits of a price that an interior point left open when it stalled."""
        widths = (CUT_WINDOW, 1e-3, 1e-2, 1e-1, 0.5)
        windows = [Window(price * (1 - width), price * (1 + width)) for width in widths]
        whole = Window(0.0, problem.envelope.max_breakeven_price)
        held = (w for w in windows if w.holds(problem.envelope, problem.spendable))
        window = next(held, whole)
        if window == windows[0]:
            return price
        settled, bound = self._refine(problem, window)
        return settled if np.isfinite(bound) else price

    def _refine(self, problem: AllocationProblem, window: Window) -> tuple[float, float]:
        """Close in on the price within a window by tangent cuts: price and upper bound."""
        cuts = _compiled_cuts(len(problem), CUTS_PER_QUERY)
        dearest = problem.envelope.max_breakeven_price
        price, value = window.high, np.inf
        for _ in range(CUT_ROUNDS):
            cuts.load(problem, window)
            if self._run(cuts.program) is _Outcome.FAILED:
                break
            price = cuts.price
            value, reached = cuts.bounds(problem)
            narrower = window.around(price, CUTS_PER_QUERY)
            exact = value - reached <= self.tolerance * max(value, 1e-300)
            narrow = window.high - window.low <= CUT_WINDOW * window.high
            negligible = window.high <= 1e-14 * dearest
            held = narrower.holds(problem.envelope, problem.spendable)
            if (exact and (narrow or negligible)) or not held:
                break
            window = narrower
        return price, value

    def _run(
        self,
        program: cp.Problem,
        tolerances: tuple[float, ...] | None = None,
        *,
        keep_compiled: bool = True,
        **extra: float,
    ) -> _Outcome:
        tolerances = tolerances or _TOLERANCES
        for tolerance in tolerances:
            options = {}
            if self.backend == "CLARABEL":
                names = ("tol_gap_abs", "tol_gap_rel", "tol_feas")
                options = {**dict.fromkeys(names, tolerance), "max_iter": 400, **extra}
            with warnings.catch_warnings():
                # What an inaccurate solution is worth is judged by the certificate.
                warnings.simplefilter("ignore")
                try:
                    # cvxpy would go on with the last solve's scaling and options: an answer must
                    # not depend on what was solved before.
                    program.solve(
                        solver=self.backend,
                        ignore_dpp=not keep_compiled,
                        warm_start=False,
                        **options,
                    )
                except cp.SolverError:
                    continue
            if program.status == cp.OPTIMAL and tolerance == tolerances[0]:
                return _Outcome.EXACT
            if program.status in (cp.OPTIMAL, cp.OPTIMAL_INACCURATE):
                return _Outcome.ROUGH
        return _Outcome.FAILED


def _certified(problem: AllocationProblem, price: float, value: float) -> bool:
    """Return whether the program's value meets the dual bound at its own price."""
    bound = problem.certify(problem.floor, price).dual_bound
    return abs(bound - value) <= CONIC_TOLERANCE * max(abs(bound), 1e-300)


@lru_cache(maxsize=8)
def _compiled(form: type[ConicForm], n: int, points: int) -> ConicForm:
    return form(n, points)


@lru_cache(maxsize=8)
def _compiled_cuts(n: int, k: int) -> CutProgram:
    return CutProgram(n, k)

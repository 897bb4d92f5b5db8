"""Two solvers, one problem: how far their answers are apart."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace

import numpy as np

from clear_opt.problem import AllocationProblem, Program
from clear_opt.problem.allocation import Allocation
from clear_opt.problem.certificate import Row
from clear_opt.solvers.budget.clearing_price import MarketClearing
from clear_opt.solvers.budget.demand import demand_curve
from clear_opt.solvers.budget.dual import DualSolver
from clear_opt.solvers.conic.program import relax_program
from clear_opt.solvers.conic.solver import ConicSolver
from clear_opt.solvers.program import LagrangianDual, solve_program
from clear_opt.solvers.program.solver import priced, round_and_certify, whole_caps
from clear_opt.solvers.program.unfunded import bound_of
from clear_opt.solvers.reduction import SingleBudget

_NEGLIGIBLE = 1e-6  # prices below this share of the mean success per unit count as zero
_FLAT = 1e-9  # relative; dual bounds that differ by no more are the same
_SAME_PRICE = 1e-4  # relative; below, nobody asks why prices differ
_SAME_DEMAND = 1e-9  # relative; demand this close to the budget meets it
_WORTHLESS = 1e-9  # weighted success; values that far below one answer are rounding


@dataclass(frozen=True, repr=False)
class CrossCheck:
    """The answers of the dual and the conic solver to one problem.

    Attributes
    ----------
    dual, conic
        The two allocations, each with its own price and certificate.
    relaxed_value
        Optimum of the convex program as the conic solver found it, weighted success: it shares no
        formula with the dual bounds, which both come from the envelopes.
    bound_between
        Dual bound at the mean of the two solvers' prices.
    optimal_prices
        Least and greatest optimal price of a problem with one row: between them demand is what the
        budget holds, and the dual bound the same. Infinity where a budget buys nothing at all.
        ``None`` for several rows.
    """

    dual: Allocation
    conic: Allocation
    relaxed_value: float
    bound_between: float
    optimal_prices: tuple[float, float] | None = None

    @property
    def value_difference(self) -> float:
        """Relative difference of the primal values."""
        return _relative(self.dual.expected_utility, self.conic.expected_utility)

    @property
    def bound_difference(self) -> float:
        """Relative difference of the dual bounds, each at its solver's own price."""
        return _relative(self.dual.dual_bound, self.conic.dual_bound, _WORTHLESS)

    @property
    def relaxation_difference(self) -> float:
        """Relative difference of the dual solver's bound and the convex program's optimum."""
        return _relative(self.dual.dual_bound, self.relaxed_value, _WORTHLESS)

    @property
    def price_difference(self) -> float:
        """Relative difference of the prices, the largest of `price_differences`.

        Where demand is flat at the budget a whole interval of prices is optimal, and the solvers
        may pick different ones: `flat` tells.
        """
        return max(self.price_differences.values())

    @property
    def price_differences(self) -> dict[str, float]:
        """Relative difference of each row's prices by its name.

        Prices that are negligible beside the mean success per unit count as zero.
        """
        return {
            one.name: _relative(one.price, other.price, scale=self._negligible(one))
            for one, other in zip(self.dual.rows, self.conic.rows, strict=True)
        }

    def _negligible(self, row: Row) -> float:
        amount = row.amount if self.optimal_prices is None else max(row.amount, 1.0)
        return _NEGLIGIBLE * abs(self.dual.dual_bound) / amount if amount > 0 else 0.0

    @property
    def flat(self) -> bool:
        """Whether both solvers' prices are optimal, and all between: none is more right.

        That is so if they give the same dual bound to 1e-9, and the price half-way too: the bound
        is convex in the prices. With one row demand tells as well (`optimal_prices`).
        """
        bounds = self.dual.dual_bound, self.conic.dual_bound, self.bound_between
        if max(bounds) - min(bounds) <= _FLAT * max(map(abs, bounds)):
            return True
        if self.optimal_prices is None:
            return False
        low, high = self.optimal_prices
        prices = self.dual.price, self.conic.price
        return low * (1 - _SAME_PRICE) <= min(prices) and max(prices) <= high * (1 + _SAME_PRICE)

    @property
    def unique(self) -> bool:
        """Whether there is one optimal price for each row, as far as is known."""
        if self.optimal_prices is not None:
            low, high = self.optimal_prices
            return bool(high <= low * (1 + _SAME_PRICE) + self._negligible(self.dual.rows[0]))
        return not (self.flat and self.price_difference > _SAME_PRICE)

    def agrees(self, bound_tolerance: float = 1e-6, price_tolerance: float = 1e-4) -> bool:
        """Whether bounds, relaxation and prices agree to the given relative tolerances.

        Prices that are not unique are not held to agree, if both are optimal (`flat`).
        """
        return (
            self.bound_difference <= bound_tolerance
            and self.relaxation_difference <= bound_tolerance
            and (self.price_difference <= price_tolerance or self.flat)
        )

    def summary(self) -> str:
        """Return a few lines of text with both answers and their differences."""
        dual, conic = self.dual, self.conic
        rows = [
            ("value", dual.expected_utility, conic.expected_utility, self.value_difference),
            ("bound", dual.dual_bound, conic.dual_bound, self.bound_difference),
        ]
        several = len(dual.rows) > 1
        rows += [
            (f"price of {name}" if several else "price", price, conic.prices[name], difference)
            for (name, price), difference in zip(
                dual.prices.items(), self.price_differences.values(), strict=True
            )
        ]
        wide = max(len(label) for label, *_ in rows) + 3
        lines = [f"{'':{wide}}{'dual':>16}{'conic':>16}{'difference':>14}"]
        lines += [f"{label:{wide}}{a:16.9g}{b:16.9g}{apart:14.1e}" for label, a, b, apart in rows]
        return "\n".join([*lines, *filter(None, [self.note])])

    @property
    def note(self) -> str:
        """What to know about prices that differ though none is wrong; empty where there is none."""
        if not self.flat or self.price_difference <= _SAME_PRICE:
            return ""
        if self.unique or self.optimal_prices is None:
            return "prices are not unique: both solvers' give the same bound, as all between"
        low, high = self.optimal_prices
        to = f"to {high:.6g}" if np.isfinite(high) else "on"
        return f"prices are not unique: any from {low:.6g} {to} gives the same bound"

    def __repr__(self) -> str:
        return (
            f"CrossCheck(bound_difference={self.bound_difference:.1e}, "
            f"price_difference={self.price_difference:.1e}, "
            f"value_difference={self.value_difference:.1e})"
        )


def cross_check(problem: AllocationProblem | Program) -> CrossCheck:
    """Solve a problem by both solvers and compare.

    Parameters
    ----------
    problem
        What to allocate. Where limits hold with a probability, both solvers are given the lines
        that the dual solver settled on, and its caps.

    Raises
    ------
    InfeasibleError
        If the floors exceed the budget, or the constraints of a program contradict each other.
    InvalidInputError
        If curves of a program have no exact convex program.

    Examples
    --------
    >>> from clear_opt import AllocationProblem, ShiftedSurge
    >>> curves = ShiftedSurge.from_height(tau=[100, 400], height=[0.9, 0.5], width=[50, 200])
    >>> cross_check(AllocationProblem(curves, budget=300)).agrees()
    True
    """
    if isinstance(problem, Program):
        return _check_program(problem)
    dual = DualSolver().solve(problem)
    solver = ConicSolver(presolve=False)  # shares no decision with the dual solver
    if len(problem) == 0:
        return CrossCheck(dual, solver.solve(problem), 0.0, 0.0, (0.0, 0.0))
    relaxation = solver.relax(problem)
    between = problem.certify(problem.floor, 0.5 * (dual.price + relaxation.price)).dual_bound
    conic = solver.finish(problem, relaxation)
    return CrossCheck(dual, conic, relaxation.value, between, _optimal_prices(problem))


def _optimal_prices(problem: AllocationProblem) -> tuple[float, float]:
    """Return the least and greatest price at which a feasible problem's demand meets its budget."""
    demand, budget = demand_curve(problem), problem.spendable
    table, less = MarketClearing(demand), budget * (1 - _SAME_DEMAND)
    low = table.clear(budget * (1 + _SAME_DEMAND)).price
    return low, table.clear(less).price if less > demand.demand_min else np.inf


def _check_program(program: Program) -> CrossCheck:
    reduction = SingleBudget.apply(program)
    if reduction is not None:
        check = cross_check(reduction.problem)
        dual, conic = map(reduction.invert, (check.dual, check.conic))
        return replace(check, dual=dual, conic=conic)
    rows = LagrangianDual.of(program)
    dual = solve_program(program, dual=rows)
    if len(program) == 0:
        return CrossCheck(dual, ConicSolver().solve(program), 0.0, 0.0)
    rows, _, caps = priced(rows)
    begun = time.perf_counter()
    found = relax_program(rows)
    if program.overrun_probability is None:
        caps = whole_caps(rows, found.prices)
    conic = round_and_certify(
        rows,
        found.prices,
        caps,
        solver=ConicSolver().name,
        converged=found.converged,
        throw=True,
        build_seconds=0.0,
        begun=begun,
    )
    prices = np.array([dual.prices[str(row.name)] for row in program.constraints])
    between = bound_of(rows, 0.5 * (prices + found.prices))
    # The convex program has no caps below break-even, which bounds under chance limits allow for.
    below = bound_of(rows, found.prices) - rows.bound(found.prices)
    return CrossCheck(dual, conic, found.value + below, between)


def _relative(a: float, b: float, scale: float = 0.0) -> float:
    size = max(abs(a), abs(b), scale)
    return abs(a - b) / size if size > 0 else 0.0

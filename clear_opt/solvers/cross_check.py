"""Two solvers, one problem: how far their answers are apart."""

from __future__ import annotations

from dataclasses import dataclass

from clear_opt.allocation import Allocation
from clear_opt.problem import AllocationProblem
from clear_opt.solvers.conic import ConicSolver
from clear_opt.solvers.dual import DualSolver

_NEGLIGIBLE = 1e-6  # prices below this share of the mean success per token count as zero


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
    """

    dual: Allocation
    conic: Allocation
    relaxed_value: float

    @property
    def value_difference(self) -> float:
        """Relative difference of the primal values."""
        return _relative(self.dual.expected_utility, self.conic.expected_utility)

    @property
    def bound_difference(self) -> float:
        """Relative difference of the dual bounds, each at its solver's own price."""
        return _relative(self.dual.dual_bound, self.conic.dual_bound)

    @property
    def relaxation_difference(self) -> float:
        """Relative difference of the dual solver's bound and the convex program's optimum."""
        return _relative(self.dual.dual_bound, self.relaxed_value)

    @property
    def price_difference(self) -> float:
        """Relative difference of the prices.

        Where demand is flat at the budget a whole interval of prices is optimal, and the solvers
        may pick different ones. Prices that are negligible beside the mean success per token
        count as zero.
        """
        mean = self.dual.dual_bound / max(self.dual.budget, 1.0)
        return _relative(self.dual.price, self.conic.price, scale=_NEGLIGIBLE * mean)

    def agrees(self, bound_tolerance: float = 1e-6, price_tolerance: float = 1e-4) -> bool:
        """Whether bounds, relaxation and prices agree to the given relative tolerances."""
        return (
            self.bound_difference <= bound_tolerance
            and self.relaxation_difference <= bound_tolerance
            and self.price_difference <= price_tolerance
        )

    def summary(self) -> str:
        """Give a few lines of text with both answers and their differences."""
        rows = (
            ("value", self.dual.expected_utility, self.conic.expected_utility),
            ("bound", self.dual.dual_bound, self.conic.dual_bound),
            ("price", self.dual.price, self.conic.price),
        )
        lines = [f"{'':8}{'dual':>16}{'conic':>16}{'difference':>14}"]
        lines += [
            f"{label:8}{a:16.9g}{b:16.9g}{difference:14.1e}"
            for (label, a, b), difference in zip(
                rows,
                (self.value_difference, self.bound_difference, self.price_difference),
                strict=True,
            )
        ]
        return "\n".join(lines)

    def __repr__(self) -> str:
        return (
            f"CrossCheck(bound_difference={self.bound_difference:.1e}, "
            f"price_difference={self.price_difference:.1e}, "
            f"value_difference={self.value_difference:.1e})"
        )


def cross_check(problem: AllocationProblem) -> CrossCheck:
    """Solve a problem by both solvers and compare.

    Parameters
    ----------
    problem
        What to allocate.

    Raises
    ------
    InfeasibleError
        If the floors exceed the budget.

    Examples
    --------
    >>> from clear_opt import AllocationProblem, ShiftedSurge
    >>> curves = ShiftedSurge.from_height(tau=[100, 400], height=[0.9, 0.5], width=[50, 200])
    >>> cross_check(AllocationProblem(curves, budget=300)).agrees()
    True
    """
    dual = DualSolver().solve(problem)
    solver = ConicSolver()
    if len(problem) == 0:
        return CrossCheck(dual, solver.solve(problem), 0.0)
    relaxation = solver.relax(problem)
    return CrossCheck(dual, solver.finish(problem, relaxation), relaxation.value)


def _relative(a: float, b: float, scale: float = 0.0) -> float:
    size = max(abs(a), abs(b), scale)
    return abs(a - b) / size if size > 0 else 0.0

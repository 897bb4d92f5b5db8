"""What solvers share: their interface, and the one way to turn caps and a price into an answer."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Protocol

import numpy as np

from clear_opt._numerics.array_namespace import Array, namespace, saturating
from clear_opt._numerics.chunked import map_chunked
from clear_opt.envelopes.concave import Envelope
from clear_opt.errors import InfeasibleError, InvalidInputError, SolverError
from clear_opt.problem import AllocationProblem, Program
from clear_opt.problem.allocation import Allocation, Reason, Status
from clear_opt.problem.certificate import Certificate, Row
from clear_opt.solvers.classify import BREAK_EVEN, Facts, classify
from clear_opt.solvers.reduction import SingleBudget


class Solver(Protocol):
    """Anything with a name that allocates; `clear_opt.solve` takes one in place of a name."""

    @property
    def name(self) -> str:
        """Name in results and messages."""
        ...

    def solve(self, problem: AllocationProblem | Program, *, throw: bool = True) -> Allocation:
        """Allocate the budget; see `clear_opt.solve` for ``throw``."""
        ...


class BaseSolver(ABC):
    """A solver to derive from: it reduces what it can to one budget, and refuses what it must.

    A solver has a ``name`` and `solve_budget`; one that takes programs has `solve_program` too.
    """

    @property
    @abstractmethod
    def name(self) -> str:
        """Name in results and messages."""

    @saturating
    def solve(self, problem: AllocationProblem | Program, *, throw: bool = True) -> Allocation:
        """Allocate the budget.

        Parameters
        ----------
        problem : AllocationProblem or Program
            What to allocate.
        throw : bool
            Whether an infeasible problem or a failed solve raises; else its status says so.

        Returns
        -------
        Allocation

        Raises
        ------
        InfeasibleError
            If the floors exceed the budget, or a program's constraints contradict each other.
        InvalidInputError
            If the solver does not take these curves.
        SolverError
            If the solver did not reach the precision it promises.
        """
        if isinstance(problem, Program):
            reduction = SingleBudget.apply(problem)
            if reduction is None:
                return self.solve_program(problem, throw=throw)
            return reduction.invert(self.solve(reduction.problem, throw=throw))
        trivial = trivial_allocation(problem, solver=self.name, throw=throw)
        if trivial is not None:
            return trivial
        return raise_for_status(self.solve_budget(problem), throw=throw)

    @abstractmethod
    def solve_budget(self, problem: AllocationProblem) -> Allocation:
        """Solve a feasible problem of n >= 1 queries; `build_allocation` certifies the caps."""

    def solve_program(self, program: Program, *, throw: bool) -> Allocation:
        """Solve a program that is more than one budget of tokens; refused unless overridden."""
        raise InvalidInputError(
            "takes one offer and one budget of tokens",
            column=f"solver {self.name!r}",
            remedy="use solver='dual' or 'conic' for programs",
        )


def build_allocation(
    problem: AllocationProblem,
    tokens: np.ndarray,
    price: float,
    *,
    solver: str,
    converged: bool = True,
    policy: bool = False,
    build_seconds: float = 0.0,
    solve_seconds: float = 0.0,
) -> Allocation:
    """Certify caps at a price and say for every query why it got its cap.

    Parameters
    ----------
    problem : AllocationProblem
        A feasible problem.
    tokens : np.ndarray, shape (n,)
        Whole-token caps.
    price : float
        Weighted success per token; the bound holds for any, the clearing price is the best.
    solver : str
        Name of what produced the caps.
    converged : bool
        Whether the price is as exact as the solver promises.
    policy : bool
        Whether the caps come from a simple rule that follows no price.
    build_seconds, solve_seconds : float
        Wall time.
    """
    tokens = np.asarray(tokens, dtype=np.int64)
    utility, surplus, certificate = problem.account(tokens, price)
    envelope = problem.envelope
    queries = tokens, problem.floor, problem.ceiling, problem.curves.threshold, envelope
    funded, codes = map_chunked(_classify, queries, certificate.price, problem.block)
    if len(problem) == 0:
        status = Status.EMPTY
    elif policy:
        status, codes = Status.POLICY, np.full_like(codes, Reason.POLICY)
    elif not converged:
        status = Status.NOT_CONVERGED
    else:
        status = Status.BUDGET_SLACK if _slack(problem, tokens, price) else Status.SOLVED
    return Allocation(
        tokens=tokens,
        funded=funded,
        price=certificate.price,
        utility=utility,
        abandonment_price=np.asarray(envelope.abandonment_price),
        surplus=surplus,
        reason_codes=codes,
        certificate=certificate,
        status=status,
        solver=solver,
        budget=problem.budget,
        build_seconds=build_seconds,
        solve_seconds=solve_seconds,
    )


def _slack(problem: AllocationProblem, tokens: np.ndarray, price: float) -> bool:
    return price == 0.0 and problem.spendable - tokens.sum() >= problem.block


def _classify(
    queries: tuple[Array, Array, Array, Array, Envelope], price: Array, block: Array
) -> tuple[Array, Array]:
    """Say who is funded, and why each query got its cap."""
    tokens, floor, ceiling, threshold, envelope = queries
    abandonment_price, xp = envelope.abandonment_price, namespace(tokens)
    floor_funds = (floor > 0) & (floor > threshold)
    bought = tokens > floor
    pays = price <= abandonment_price * (1 + BREAK_EVEN)
    facts = Facts(
        bought=bought,
        at_ceiling=tokens >= ceiling,
        at_peak=tokens >= envelope.end - 1e-9,
        marginal=bought & (~pays | (tokens < envelope.tangent - block)),
        obliged=xp.zeros_like(bought),
        floor_funds=floor_funds,
        hopeless=abandonment_price <= 0,
        pays=pays,
    )
    return bought | floor_funds, classify(facts, xp)


def trivial_allocation(
    problem: AllocationProblem, *, solver: str, throw: bool
) -> Allocation | None:
    """Return the answer where nothing needs solving: no query, or floors beyond the budget.

    Raises
    ------
    InfeasibleError
        If ``throw`` and the floors exceed the budget.
    """
    if len(problem) == 0:
        return build_allocation(problem, np.zeros(0, dtype=np.int64), 0.0, solver=solver)
    if problem.feasible:
        return None
    detail = (
        f"the floors of {len(problem)} queries sum to {problem.floor_total:,} tokens, "
        f"{problem.floor_total - problem.budget:,.0f} more than the budget of "
        f"{problem.budget:,.0f}; lower the floors, raise the budget, or leave out queries"
    )
    return infeasible_allocation(
        detail,
        (Row("budget", np.inf, problem.budget, problem.floor_total),),
        np.asarray(problem.envelope.abandonment_price),
        budget=problem.budget,
        solver=solver,
        throw=throw,
    )


def infeasible_allocation(
    detail: str,
    rows: tuple[Row, ...],
    abandonment_price: np.ndarray,
    *,
    budget: float,
    solver: str,
    throw: bool,
    offer_codes: np.ndarray | None = None,
    offer_names: tuple[str, ...] = (),
) -> Allocation:
    """Return the answer to a problem that no caps satisfy.

    Parameters
    ----------
    detail : str
        What contradicts what.
    rows : tuple of Row
        The constraints, each at an infinite price.
    abandonment_price : np.ndarray, shape (n,)
    budget, solver, offer_codes, offer_names
        As in `Allocation`.
    throw : bool
        Whether to raise instead.

    Raises
    ------
    InfeasibleError
        If ``throw``.
    """
    if throw:
        raise InfeasibleError(f"infeasible: {detail}")
    n = len(abandonment_price)
    nothing = np.zeros(n)
    return Allocation(
        tokens=nothing.astype(np.int64),
        funded=nothing.astype(bool),
        price=np.inf,
        utility=nothing,
        abandonment_price=abandonment_price,
        surplus=np.full(n, -np.inf),
        reason_codes=np.full(n, int(Reason.NO_ROOM)),
        certificate=Certificate(-np.inf, -np.inf, rows, shortfall=nothing, bound_violation=0.0),
        status=Status.INFEASIBLE,
        solver=solver,
        budget=budget,
        build_seconds=0.0,
        solve_seconds=0.0,
        offer_codes=offer_codes,
        offer_names=offer_names,
        detail=detail,
    )


def raise_for_status(allocation: Allocation, *, throw: bool = True) -> Allocation:
    """Return the allocation, or raise what its status says."""
    if throw and not allocation.status.ok:
        detail = ": ".join(filter(None, (allocation.status.value, allocation.detail)))
        raise SolverError(f"solver {allocation.solver!r}: {detail}")
    return allocation

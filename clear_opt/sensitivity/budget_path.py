"""Many budgets of one problem, for a fraction of the work of solving each."""

from __future__ import annotations

from dataclasses import dataclass
from functools import singledispatch
from typing import TYPE_CHECKING, Any

import numpy as np

from clear_opt import defaults
from clear_opt._numerics.arrays import as_numbers
from clear_opt._numerics.blocks import ceil_to_block
from clear_opt.errors import InfeasibleError, InvalidInputError, MissingExtraError
from clear_opt.problem import AllocationProblem
from clear_opt.sensitivity.path_caps import floor_funds, point_at
from clear_opt.solvers.budget.clearing_price import MarketClearing
from clear_opt.solvers.budget.demand import demand_curve

if TYPE_CHECKING:
    import pyarrow as pa

REACHED = 0.999  # a sweep ends where the relaxed problem has this share of all it can get


@dataclass(frozen=True, eq=False, repr=False)
class BudgetPath:
    """What each budget of a sweep buys; m budgets, in the order given, for n queries.

    Attributes
    ----------
    budgets
        Tokens, shape (m,).
    price
        Shadow price at each budget, weighted success per token, >= 0, shape (m,): that of
        `clear_opt.solve` to rounding. (Within a token of what all queries can use it is next to
        zero, and its last digits are as uncertain as those of the sum of the peaks.)
    dual_bound
        No allocation within the budget is worth more, weighted success, shape (m,).
    value
        Expected weighted number of right answers of the caps in ``tokens``, shape (m,). It never
        falls as the budget grows, and lies at most ``gap`` below the best there is.
    tokens
        Caps within each budget, whole tokens, int64, shape (m, n). `clear_opt.solve` takes more
        care with the last few tokens; its caps may be worth a little more.
    funded
        Whether a query got tokens beyond its floor, or its floor passes its threshold, (m, n).
    total_weight
        What it would be worth if every answer were right: the sum of the weights.
    evaluations
        Demand evaluations that all prices and caps together took; solves, for a program.
    offer_codes
        For a program, the offer of each query by its place, -1 for none, shape (m, n).

    For a `Program` budgets and price are in the unit of its first limit.
    """

    budgets: np.ndarray
    price: np.ndarray
    dual_bound: np.ndarray
    value: np.ndarray
    tokens: np.ndarray
    funded: np.ndarray
    total_weight: float
    evaluations: int
    offer_codes: np.ndarray | None = None

    @property
    def n_funded(self) -> np.ndarray:
        """Number of funded queries, shape (m,)."""
        return self.funded.sum(axis=1)

    @property
    def spent(self) -> np.ndarray:
        """Sum of the caps, whole tokens, shape (m,)."""
        return self.tokens.sum(axis=1)

    @property
    def gap(self) -> np.ndarray:
        """What the caps miss at most, weighted success, >= 0, shape (m,)."""
        return self.dual_bound - self.value

    @property
    def accuracy(self) -> np.ndarray:
        """Weighted mean chance of a right answer, in [0, 1], shape (m,); 0 without queries."""
        return self.value / self.total_weight if self.total_weight > 0 else 0.0 * self.value

    def to_table(self) -> pa.Table:
        """Return the path as a pyarrow table, one row per budget.

        Returns
        -------
        pyarrow.Table
            Columns ``budget, price, expected_utility, accuracy, dual_bound, gap, spent, funded``.

        Raises
        ------
        MissingExtraError
            If pyarrow is not installed.
        """
        try:
            import pyarrow as pa
        except ImportError:
            raise MissingExtraError("pyarrow", "tables") from None
        return pa.table(
            {
                "budget": self.budgets,
                "price": self.price,
                "expected_utility": self.value,
                "accuracy": self.accuracy,
                "dual_bound": self.dual_bound,
                "gap": self.gap,
                "spent": self.spent,
                "funded": self.n_funded,
            }
        )

    def __len__(self) -> int:
        return len(self.budgets)

    def __repr__(self) -> str:
        m, n = self.tokens.shape
        if m == 0:
            return f"BudgetPath(n={n}, no budgets)"
        low, high = int(np.argmin(self.budgets)), int(np.argmax(self.budgets))
        return (
            f"BudgetPath(n={n}, {m} budgets {self.budgets[low]:g} to {self.budgets[high]:g}, "
            f"accuracy {self.accuracy[low]:.3g} to {self.accuracy[high]:.3g}, "
            f"price {self.price[low]:.3g} to {self.price[high]:.3g})"
        )


@singledispatch
def budget_path(problem: Any, budgets: Any = None) -> BudgetPath:
    """Return what each of many budgets buys, for a fraction of the work of solving each.

    Parameters
    ----------
    problem
        An `AllocationProblem`, or a `Program`, whose first limit varies and where each budget takes
        a solve; its own budget plays no part.
    budgets
        Tokens (or units of the program's first limit), shape (m,), in any order; the same one may
        come twice. ``None`` takes the twenty of `budget_sweep`.

    Returns
    -------
    BudgetPath
        Price, value, bound, caps and funded queries for each budget, in the order given. It holds
        m x n caps: for a million queries, ask for a few budgets at a time.

    Raises
    ------
    InvalidInputError
        Naming the first budget that is no number from 0 to 2^53.
    InfeasibleError
        If the floors exceed one of the budgets, or a program's constraints contradict each other
        at one.

    Examples
    --------
    >>> from clear_opt import AllocationProblem, ShiftedSurge
    >>> tau, height, width = [80, 90, 900], [0.9, 0.7, 0.2], [60, 70, 500]
    >>> curves = ShiftedSurge.from_height(tau, height, width)
    >>> path = budget_path(AllocationProblem(curves, budget=0), [100, 270, 2000])
    >>> path.value.round(3), path.n_funded
    (array([0.584, 1.552, 1.8  ]), array([1, 2, 3]))
    >>> path.tokens[1]
    array([129, 141,   0])

    Notes
    -----
    Demand is a demand of steps, one per abandonment price, and smooth in between
    (`clear_opt.solvers.budget.demand`). One table of demand at some of the breakpoints serves all
    budgets; each then takes about two more evaluations to have its price exact to rounding. Caps
    are those of the queries above the price, rounded, with the remainder where it gains most; those
    of a smaller budget are kept where they are worth more.
    """
    raise InvalidInputError(
        "has no budget path",
        column="problem",
        value=problem,
        remedy="give an AllocationProblem or a Program",
    )


@budget_path.register
def _(problem: AllocationProblem, budgets: Any = None) -> BudgetPath:
    asked = budget_sweep(problem) if budgets is None else as_budgets(budgets)
    if (short := asked < problem.floor_total).any():
        index = int(np.argmax(short))
        raise InfeasibleError(
            f"infeasible: budget {asked[index]:,.0f} (number {index}) is less than the floors of "
            f"{len(problem)} queries, which sum to {problem.floor_total:,} tokens; leave that "
            "budget out, or lower the floors"
        )
    rising, place = np.unique(asked, return_inverse=True)
    m, n = len(rising), len(problem)
    price, value, bound = np.zeros(m), np.zeros(m), np.zeros(m)
    tokens = np.zeros((m, n), dtype=np.int64)
    evaluations = 0
    if n:
        table = MarketClearing(demand_curve(problem), entries=m // 3)
        for k, budget in enumerate(rising.tolist()):
            point = point_at(table, budget)
            price[k], value[k], bound[k] = point.price, point.value, point.bound
            tokens[k] = point.tokens
            if k and value[k - 1] > value[k]:  # what a smaller budget buys, this one buys too
                value[k], tokens[k] = value[k - 1], tokens[k - 1]
        evaluations = table.demand.evaluations
    return BudgetPath(
        budgets=asked,
        price=price[place],
        dual_bound=np.maximum(bound, value)[place],
        value=value[place],
        tokens=tokens[place],
        funded=((tokens > problem.floor) | floor_funds(problem))[place],
        total_weight=float(problem.weight.sum()),
        evaluations=evaluations,
    )


def budget_sweep(problem: AllocationProblem, points: int = 20) -> np.ndarray:
    """Return budgets from scarce to ample, evenly spaced, in whole blocks.

    Parameters
    ----------
    problem
        Its own budget plays no part.
    points
        How many, >= 1; fewer come back where there are not so many whole blocks.

    Returns
    -------
    Budgets, tokens, shape (points,), rising. The last one reaches 99.9 % of what can be reached.

    Examples
    --------
    >>> from clear_opt import AllocationProblem, ShiftedSurge
    >>> curves = ShiftedSurge.from_height(tau=[80, 90], height=[0.9, 0.7], width=[60, 70])
    >>> budget_sweep(AllocationProblem(curves, budget=0), points=3)
    array([ 99., 197., 295.])
    """
    if not (isinstance(points, int | np.integer) and points >= 1):
        raise InvalidInputError("must be a whole number >= 1", column="points", value=points)
    if len(problem) == 0:
        return np.zeros(1)
    demand, block = demand_curve(problem), problem.block
    reached = demand.value_min + REACHED * (demand.value_max - demand.value_min)
    at = MarketClearing(demand, "value").clear(reached)
    ample = demand.tokens(at.upto, at.price)
    share = np.arange(1, points + 1) / points
    budgets = ceil_to_block(demand.demand_min + share * (ample - demand.demand_min), block)
    return np.unique(np.minimum(budgets, defaults.MOST_TOKENS))


def as_budgets(budgets: Any) -> np.ndarray:
    """Read budgets, tokens; float64, shape (m,)."""
    read = np.atleast_1d(as_numbers(budgets, "budgets"))
    if read.ndim != 1:
        raise InvalidInputError(
            f"has shape {read.shape}", column="budgets", remedy="give one list of numbers"
        )
    if (wrong := ~((read >= 0) & (read <= defaults.MOST_TOKENS))).any():
        index = int(np.argmax(wrong))
        raise InvalidInputError(
            f"must be a number from 0 to {defaults.MOST_TOKENS:,}",
            column="budgets",
            row=index,
            value=float(read[index]),
            remedy="tokens for all queries together",
        )
    return read

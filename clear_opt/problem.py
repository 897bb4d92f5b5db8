"""What is to be allocated: curves, one budget, floors, ceilings, weights, block size."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from clear_opt import defaults
from clear_opt.certificate import Certificate, Row
from clear_opt.curves import Curve
from clear_opt.curves.base import require
from clear_opt.envelope import Envelope, concave_envelope
from clear_opt.errors import InvalidInputError


@dataclass(frozen=True, eq=False, repr=False)
class AllocationProblem:
    """Maximise sum_i w_i U_i(b_i) subject to sum_i b_i <= B and l_i <= b_i <= u_i, b_i whole.

    Parameters
    ----------
    curves
        One utility curve per query (`clear_opt.curves`), n queries.
    budget
        B, tokens, from 0 to 2^53 (the whole numbers float64 can count).
    floor
        Tokens every query gets, >= 0, scalar or shape (n,). Rounded up to whole blocks.
    ceiling
        Most tokens a query may get, scalar or shape (n,); ``None`` or infinity for no limit.
        Rounded down to whole blocks.
    weight
        What a right answer is worth (or an error costs), > 0, scalar or shape (n,).
    block
        Caps are multiples of this many tokens, a whole number >= 1.

    Raises
    ------
    InvalidInputError
        Naming row, column and value of what cannot be used. Floors that exceed the budget are a
        property of the problem, not an input error: solvers report them as infeasible.

    Examples
    --------
    >>> from clear_opt import AllocationProblem, ShiftedSurge
    >>> curves = ShiftedSurge.from_height(tau=[100, 400], height=[0.9, 0.5], width=[50, 200])
    >>> AllocationProblem(curves, budget=300)
    AllocationProblem(ShiftedSurge, n=2, budget=300)
    """

    curves: Curve
    budget: float
    floor: Any = defaults.FLOOR
    ceiling: Any = None
    weight: Any = 1.0
    block: int = defaults.BLOCK

    def __post_init__(self) -> None:
        budget, block = self.budget, self.block
        if not (isinstance(block, int | np.integer) and block >= 1):
            raise InvalidInputError(
                "must be a whole number >= 1", column="block", value=block, remedy="tokens"
            )
        budget = _as_number(budget)
        if not 0 <= budget <= defaults.MOST_TOKENS:
            raise InvalidInputError(
                f"must be a number from 0 to {defaults.MOST_TOKENS:,}",
                column="budget",
                value=self.budget,
                remedy="tokens; beyond that float64 no longer counts them one by one",
            )
        floor = self._per_query("floor", self.floor)
        require("floor", floor, lambda v: v >= 0, "must be a number >= 0", "floors are tokens")
        ceiling = self._per_query("ceiling", np.inf if self.ceiling is None else self.ceiling)
        bounded = np.where(np.isposinf(ceiling), 0.0, ceiling)
        require("ceiling", bounded, lambda v: v >= 0, "must be a number >= 0", "use inf for none")
        weight = self._per_query("weight", self.weight)
        require("weight", weight, lambda v: v > 0, "must be a number > 0", "leave out idle queries")
        floor = np.ceil(floor / block) * block
        ceiling = np.floor(ceiling / block) * block
        if (conflict := floor > ceiling).any():
            row = int(np.argmax(conflict))
            raise InvalidInputError(
                f"exceeds the ceiling of {ceiling[row]:g} (both in whole blocks of {block})",
                column="floor",
                row=row,
                value=floor[row],
                remedy="lower the floor or raise the ceiling",
            )
        for name, value in (("floor", floor), ("ceiling", ceiling), ("weight", weight)):
            object.__setattr__(self, name, value)
        object.__setattr__(self, "budget", budget)
        object.__setattr__(self, "block", int(block))

    def _per_query(self, name: str, value: Any) -> np.ndarray:
        try:
            return np.broadcast_to(np.asarray(value, dtype=np.float64), (len(self.curves),)).copy()
        except (TypeError, ValueError):
            raise InvalidInputError(
                f"cannot be read as {len(self.curves)} numbers",
                column=name,
                remedy="give a number, or one number per query",
            ) from None

    def __len__(self) -> int:
        return len(self.curves)

    @cached_property
    def envelope(self) -> Envelope:
        """Concave envelope of the weighted curves between floors and ceilings."""
        return concave_envelope(self.curves, self.floor, self.ceiling, self.weight)

    @property
    def spendable(self) -> int:
        """Tokens of the budget that whole blocks can use."""
        return int(self.budget // self.block) * self.block

    @property
    def floor_total(self) -> int:
        """Tokens that the floors alone take."""
        return int(self.floor.sum())

    @property
    def feasible(self) -> bool:
        """Whether the floors fit into the budget."""
        return self.floor_total <= self.budget

    def utility(self, tokens: Any) -> np.ndarray:
        """Give the weighted success w_i U_i(b_i), shape (n,), of caps ``tokens``, shape (n,)."""
        return self.weight * np.asarray(self.curves.value(np.asarray(tokens, dtype=np.float64)))

    def best_response(self, price: float) -> np.ndarray:
        """Give each query's best cap if it must be funded at ``price``, tokens, shape (n,)."""
        envelope = self.envelope
        return np.maximum(envelope.committed(price), envelope.tangent)

    def surplus(self, price: float) -> np.ndarray:
        """Give what funding a query beyond its floor gains net of its tokens' price, shape (n,).

        Negative: the query is insolvent at this price and rationally abandoned.
        """
        best, floor = self.best_response(price), self.floor
        return self.utility(best) - self.utility(floor) - price * (best - floor)

    def certify(self, tokens: Any, price: float) -> Certificate:
        """Bound how far any allocation ``tokens``, shape (n,), is from the best one.

        Parameters
        ----------
        tokens
            Caps, shape (n,).
        price
            Any price >= 0 gives a valid bound; the clearing price gives the tightest.

        Returns
        -------
        Certificate
            Computed from the curves alone, whatever produced the tokens and the price.
        """
        tokens = np.asarray(tokens, dtype=np.float64)
        price = max(float(price), 0.0)
        utility = self.utility(tokens)
        at_floor = self.utility(self.floor) - price * self.floor
        conjugate = at_floor + np.maximum(self.surplus(price), 0.0)
        shortfall = np.maximum(conjugate - (utility - price * tokens), 0.0)
        value = float(utility.sum())
        slack = self.budget - float(tokens.sum())
        # The same sum as price * B + conjugates, term by term free of cancellation.
        bound = value + float(shortfall.sum()) + price * slack if self.feasible else -np.inf
        violation = np.maximum(self.floor - tokens, tokens - self.ceiling)
        return Certificate(
            primal_value=value if self.feasible else -np.inf,
            dual_bound=bound,
            rows=(Row("budget", price, self.budget, float(tokens.sum())),),
            shortfall=shortfall,
            bound_violation=float(np.maximum(violation, 0.0).max(initial=0.0)),
        )

    def __repr__(self) -> str:
        return (
            f"AllocationProblem({type(self.curves).__name__}, n={len(self)}, "
            f"budget={self.budget:g}"
            + (f", floors={self.floor_total}" if self.floor_total else "")
            + (f", block={self.block}" if self.block > 1 else "")
            + ")"
        )


def _as_number(value: Any) -> float:
    """Give a float, NaN for what is no number."""
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        return float("nan")

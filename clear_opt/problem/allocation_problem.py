"""What is to be allocated: curves, one budget, floors, ceilings, weights, block size."""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any, NamedTuple

import jax
import numpy as np

from clear_opt import defaults
from clear_opt._numerics.array_namespace import Array, namespace, saturating
from clear_opt._numerics.arrays import (
    as_number,
    as_numbers,
    once,
    per_query,
    read_only,
    refuse_missing,
    repeated,
)
from clear_opt._numerics.batched import owned
from clear_opt._numerics.blocks import ceil_to_block, floor_to_block
from clear_opt._numerics.chunked import map_chunked, max_chunked
from clear_opt.curves import Curve
from clear_opt.curves.base import require
from clear_opt.envelopes.block_envelope import envelope_on_blocks
from clear_opt.envelopes.concave import CurveEnvelope, Envelope
from clear_opt.errors import InvalidInputError
from clear_opt.problem.certificate import Certificate, Row


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
        Naming row, column and value of what cannot be used, also inside a JAX transformation, where
        numbers are not known (`optimal_value` is for that). Floors that exceed the budget are a
        property of the problem, not an input error: solvers report them as infeasible.

    Notes
    -----
    A problem keeps its data in read-only float64 NumPy arrays, curves of JAX arrays included, so
    that changes to the caller's own arrays do not reach it. Arrays that are already read-only are
    shared, not copied.

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
        block = self.block
        if not (isinstance(block, int | np.integer) and block >= 1):
            raise InvalidInputError(
                "must be a whole number >= 1", column="block", value=block, remedy="tokens"
            )
        budget = as_budget(self.budget)
        n = len(self.curves)
        curves = owned(self.curves, "curves")
        floor = once(per_query("floor", self.floor, n))
        require("floor", floor, lambda v: v >= 0, "must be a number >= 0", "floors are tokens")
        ceiling = once(per_query("ceiling", np.inf if self.ceiling is None else self.ceiling, n))
        require_ceiling("ceiling", ceiling)
        weight = once(per_query("weight", self.weight, n))
        require("weight", weight, lambda v: v > 0, "must be a number > 0", "leave out idle queries")
        floor = ceil_to_block(floor, block)
        ceiling = floor_to_block(ceiling, block)
        if (conflict := floor > ceiling).any():
            row = int(np.argmax(conflict))
            raise InvalidInputError(
                f"exceeds the ceiling of {ceiling[min(row, len(ceiling) - 1)]:g} "
                f"(both in whole blocks of {block})",
                column="floor",
                row=row,
                value=floor[min(row, len(floor) - 1)],
                remedy="lower the floor or raise the ceiling",
            )
        object.__setattr__(self, "curves", curves)
        for name, value in (("floor", floor), ("ceiling", ceiling), ("weight", weight)):
            # One number for all queries stays one number in memory: a view with a stride of zero.
            object.__setattr__(self, name, np.broadcast_to(read_only(value), (n,)))
        object.__setattr__(self, "budget", budget)
        object.__setattr__(self, "block", int(block))

    def __len__(self) -> int:
        return len(self.curves)

    @cached_property
    def envelope(self) -> Envelope:
        """Concave envelope of the weighted curves between floors and ceilings, read-only.

        It is that of whole blocks, unless these are narrow beside the curves' rise.
        """
        limits = self.floor, self.ceiling, self.weight
        envelope = envelope_on_blocks(self.curves, *limits, self.block)
        for leaf in jax.tree_util.tree_leaves(envelope):
            if isinstance(leaf, np.ndarray):
                leaf.flags.writeable = False
        return envelope

    def part(self, rows: Any, budget: float) -> AllocationProblem:
        """Return some of the queries with a budget of their own, and the envelopes they have here.

        Parameters
        ----------
        rows
            Index array, mask or slice.
        budget
            Tokens.
        """
        return self._derived(
            budget=as_budget(budget),
            curves=self.curves.take(rows),
            floor=self.floor[rows],
            ceiling=self.ceiling[rows],
            weight=self.weight[rows],
            envelope=self.envelope.take(rows),
        )

    def with_budget(self, budget: float) -> AllocationProblem:
        """Return the same problem with another budget, tokens; the envelope is built once."""
        return self._derived(budget=as_budget(budget), envelope=self.envelope)

    def _derived(self, **changed: Any) -> AllocationProblem:
        """Return a problem with some attributes changed, none of which needs to be checked."""
        other = object.__new__(AllocationProblem)
        kept = {field.name: getattr(self, field.name) for field in fields(self)}
        for name, value in {**kept, **changed}.items():
            object.__setattr__(other, name, value)
        return other

    @property
    def spendable(self) -> int:
        """Tokens of the budget that whole blocks can use: what prices and bounds are about."""
        return int(self.budget // self.block) * self.block

    @property
    def floor_total(self) -> int:
        """Tokens that the floors alone take."""
        return int(self.floor.sum())

    @property
    def feasible(self) -> bool:
        """Whether the floors fit into the budget."""
        return self.floor_total <= self.budget

    @saturating
    def utility(self, tokens: Any) -> np.ndarray:
        """Return the weighted success w_i U_i(b_i), shape (n,), of caps ``tokens``, shape (n,)."""
        return map_chunked(_utility, (self.curves, self.weight, self._caps(tokens)))

    @saturating
    def surplus(self, price: float) -> np.ndarray:
        """Return what funding a query beyond its floor gains net of its tokens' price, shape (n,).

        Negative: the query is insolvent at this price and rationally abandoned.
        """
        return map_chunked(
            _surplus, (self._curves_beside_envelope, self.weight, self.envelope), price
        )

    @saturating
    def account(self, tokens: Any, price: float) -> Account:
        """Return what an allocation is worth at a price, query by query, and certify it.

        Parameters
        ----------
        tokens
            Caps, shape (n,).
        price
            Any price >= 0 gives a valid bound; the clearing price gives the tightest.
        """
        tokens, price = self._caps(tokens), max(float(price), 0.0)
        queries = (self._curves_beside_envelope, self.weight, self.envelope, tokens)
        utility, surplus, shortfall = map_chunked(_account, queries, price)
        value = float(utility.sum())
        spent = float(tokens.sum())
        # The same sum as price * B + conjugates, term by term free of cancellation.
        bound = (
            value + float(shortfall.sum()) + price * (self.spendable - spent)
            if self.feasible
            else -np.inf
        )
        broken = max_chunked(_violation, (tokens, self.floor, self.ceiling)) if len(self) else 0.0
        certificate = Certificate(
            primal_value=value if self.feasible else -np.inf,
            dual_bound=bound if self.feasible else -np.inf,
            rows=(Row("budget", price, float(self.spendable), spent),),
            shortfall=shortfall,
            bound_violation=max(broken, 0.0),
        )
        return Account(utility, surplus, certificate)

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
        tokens = self._caps(tokens)
        refuse_missing(tokens, "tokens")
        return self.account(tokens, price).certificate

    def _caps(self, tokens: Any) -> np.ndarray:
        """Return caps as an array of shape (n,); whole ones are not copied."""
        if not (type(tokens) is np.ndarray and tokens.dtype.kind in "iu"):
            tokens = as_numbers(tokens, "tokens")
        shape = (len(self),)
        return tokens if tokens.shape == shape else repeated("tokens", tokens, len(self))

    @property
    def _curves_beside_envelope(self) -> Curve | None:
        """Curves where the envelope does not hold them itself: nothing is read twice."""
        return None if isinstance(self.envelope, CurveEnvelope) else self.curves

    def __repr__(self) -> str:
        return (
            f"AllocationProblem({type(self.curves).__name__}, n={len(self)}, "
            f"budget={self.budget:g}"
            + (f", floors={self.floor_total}" if self.floor_total else "")
            + (f", block={self.block}" if self.block > 1 else "")
            + ")"
        )


class Account(NamedTuple):
    """What an allocation is worth at a price; arrays have shape (n,)."""

    utility: np.ndarray
    """Weighted success at each cap."""
    surplus: np.ndarray
    """What funding each query gains net of its tokens' price; see `AllocationProblem.surplus`."""
    certificate: Certificate


def _utility(queries: tuple[Curve, Array, Array]) -> Array:
    curves, weight, tokens = queries
    return weight * curves.value(tokens)


def _curves(curves: Curve | None, envelope: Envelope) -> Curve:
    if curves is not None:
        return curves
    assert isinstance(envelope, CurveEnvelope)
    return envelope.curves


def _best_response(envelope: Envelope, price: Array) -> Array:
    return namespace(envelope.tangent, price).maximum(
        envelope.response_if_funded(price), envelope.tangent
    )


def _surplus(queries: tuple[Curve | None, Array, Envelope], price: Array) -> Array:
    curves, weight, envelope = queries
    best = _best_response(envelope, price)
    worth = _utility((_curves(curves, envelope), weight, best))
    return worth - envelope.start_value - price * (best - envelope.start)


def _violation(queries: tuple[Array, Array, Array]) -> Array:
    tokens, floor, ceiling = queries
    return namespace(tokens).maximum(floor - tokens, tokens - ceiling)


def _account(queries: tuple[Curve | None, Array, Envelope, Array], price: Array) -> tuple:
    curves, weight, envelope, tokens = queries
    xp = namespace(tokens)
    utility = _utility((_curves(curves, envelope), weight, tokens))
    surplus = _surplus((curves, weight, envelope), price)
    # In excess of the floor, so that nothing large cancels.
    reached = utility - envelope.start_value - price * (tokens - envelope.start)
    return utility, surplus, xp.maximum(xp.maximum(surplus, 0.0) - reached, 0.0)


def as_budget(value: Any) -> float:
    """Read a budget, tokens, or say what is wrong with it."""
    number = as_number(value, "budget")
    if not 0 <= number <= defaults.MOST_TOKENS:
        raise InvalidInputError(
            f"must be a number from 0 to {defaults.MOST_TOKENS:,}",
            column="budget",
            value=value if isinstance(value, int) else number,
            remedy="tokens; beyond that float64 no longer counts them one by one",
        )
    return number


def require_ceiling(column: str, ceiling: np.ndarray) -> None:
    """Refuse the first ceiling, of an array of shape (n,), that is neither >= 0 nor infinite."""
    bounded = np.where(np.isposinf(ceiling), 0.0, ceiling)
    require(column, bounded, lambda v: v >= 0, "must be a number >= 0", "use inf for none")

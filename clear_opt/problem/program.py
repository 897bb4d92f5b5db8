"""The modelling language: offers, limits, guarantees, shares, pins, and what counts as spent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Literal, get_args

import numpy as np

from clear_opt import defaults
from clear_opt._numerics.arrays import as_number, read_only
from clear_opt.curves.base import require
from clear_opt.errors import InvalidInputError
from clear_opt.problem.allocation_problem import AllocationProblem
from clear_opt.problem.chance_constraints import (
    LinearMargin,
    OverrunBound,
    linearised_margin,
    overrun_margin,
)
from clear_opt.problem.constraints import (
    QUERIES,
    Constraint,
    FundedShare,
    Limit,
    as_members,
    members_of,
)
from clear_opt.problem.offers import Offer

Basis = Literal["reserved", "expected"]


@dataclass(frozen=True, eq=False, repr=False)
class Program:
    """Maximise the expected weighted number of right answers under several constraints.

    Each of n queries is answered by at most one of several offers, at a cap in whole blocks.
    `AllocationProblem` is the special case of one offer and one limit on the sum of caps.

    Parameters
    ----------
    offers
        An `Offer`, or several with different names, over the same n queries.
    constraints
        A `Limit`, or several constraints with different names; at least one `Limit`. The first
        limit is the budget that "what if" questions vary.
    floor
        Tokens every query gets from one of its offers, >= 0, scalar or shape (n,). Rounded up to
        whole blocks.
    ceiling
        Most tokens a query may get, scalar or shape (n,); ``None`` or infinity for no limit.
        Rounded down to whole blocks. A floor equal to the ceiling fixes a cap.
    weight
        What a right answer is worth (or an error costs), > 0, scalar or shape (n,).
    block
        Caps are multiples of this many tokens, a whole number >= 1.
    pinned
        Queries that must be funded whatever the price, booleans or indices.
    basis
        ``"reserved"``: limits and guarantees count caps, so no realisation can exceed a limit.
        ``"expected"``: they count E min(L, cap) with each offer's ``lengths``; caps are then taken
        from a grid for each query (`clear_opt.envelopes.spend_frontier.cap_grid`).
    overrun_probability
        In the expected basis: each limit is kept with at least this probability short of one,
        for independent completions. ``None`` keeps it on average only. The dual bound then holds
        for all caps that keep the limits so.
    overrun_bound
        ``"normal"`` takes the total as normal, good for many queries. ``"bernstein"`` holds for
        every number of queries and keeps more back.
    spend_error
        Relative standard error that all predicted spend shares, >= 0, e.g. 0.03: a predictor's
        ``spend_error_``. With an overrun probability p, limits are kept with that probability even
        where spend is under-predicted by as much as happens with probability p: `chance_reserve`.

    Raises
    ------
    InvalidInputError
        Naming row, column and value of what cannot be used. Constraints that contradict each
        other are a property of the program: solvers report them as infeasible.

    Examples
    --------
    >>> from clear_opt import Limit, Offer, Program, ShiftedSurge, solve
    >>> small = ShiftedSurge.from_height(tau=[80, 300], height=[0.7, 0.2], width=[60, 200])
    >>> large = ShiftedSurge.from_height(tau=[90, 250], height=[0.9, 0.8], width=[80, 150])
    >>> offers = [Offer("small", small, {"cents": 0.01}), Offer("large", large, {"cents": 0.1})]
    >>> solve(Program(offers, Limit(45, "cents"))).offered
    ('small', 'large')
    """

    offers: Any
    constraints: Any
    floor: Any = defaults.FLOOR
    ceiling: Any = None
    weight: Any = 1.0
    block: int = defaults.BLOCK
    pinned: Any = None
    basis: Basis = "reserved"
    overrun_probability: float | None = None
    overrun_bound: OverrunBound = "normal"
    spend_error: float = 0.0

    def __post_init__(self) -> None:
        offers = (self.offers,) if isinstance(self.offers, Offer) else tuple(self.offers)
        single = isinstance(self.constraints, Constraint)
        constraints = (self.constraints,) if single else tuple(self.constraints)
        _check_offers(offers)
        n = len(offers[0])
        _check_constraints(constraints, offers, n)
        # The one-offer problem checks and rounds what both have in common.
        plain = AllocationProblem(
            offers[0].curves, 0, self.floor, self.ceiling, self.weight, self.block
        )
        settled = {
            "offers": offers,
            "constraints": constraints,
            "floor": plain.floor,
            "ceiling": plain.ceiling,
            "weight": plain.weight,
            "block": plain.block,
            "pinned": as_members(() if self.pinned is None else self.pinned, "pinned", n),
        }
        for name, value in settled.items():
            object.__setattr__(self, name, value)
        self._check_basis()

    def _check_basis(self) -> None:
        for name, known in (("basis", Basis), ("overrun_bound", OverrunBound)):
            if getattr(self, name) not in get_args(known):
                raise InvalidInputError(
                    "is not known",
                    column=name,
                    value=getattr(self, name),
                    remedy=f"use one of {', '.join(map(repr, get_args(known)))}",
                )
        error = np.array([as_number(self.spend_error, "spend_error")])
        require("spend_error", error, lambda v: v >= 0, "must be a number >= 0", "e.g. 0.03")
        chance = self.overrun_probability
        if self.basis == "reserved":
            if chance is not None:
                raise InvalidInputError(
                    "belongs to the expected basis",
                    column="overrun_probability",
                    value=chance,
                    remedy="caps that are reserved cannot be overrun; use basis='expected'",
                )
            return
        if chance is not None and not 0 < chance < 0.5:
            raise InvalidInputError(
                "lies outside (0, 1/2)",
                column="overrun_probability",
                value=chance,
                remedy="say how often a limit may be exceeded, e.g. 0.05",
            )
        for offer in self.offers:
            if offer.lengths is None:
                raise InvalidInputError(
                    "has no lengths",
                    column="offer",
                    value=offer.name,
                    remedy="expected spend needs Offer(..., lengths=...), "
                    "e.g. SurgePredictor.predict_lengths",
                )

    def __len__(self) -> int:
        return len(self.floor)

    @property
    def budget(self) -> Limit:
        """The first limit: what "what if" questions vary."""
        return next(row for row in self.constraints if isinstance(row, Limit))

    def with_budget(self, amount: float) -> Program:
        """Return the same program with another amount of the first limit."""
        rows = tuple(
            replace(row, amount=amount) if row is self.budget else row for row in self.constraints
        )
        return replace(self, constraints=rows)

    def chance_reserve(
        self, limit: Limit, variance: np.ndarray, max_excess: float = 0.0
    ) -> np.ndarray:
        """Return what is kept back of a limit so that it holds with the overrun probability.

        Parameters
        ----------
        limit
            One of the limits.
        variance
            Of what its members spend together, in its units squared, an array of any shape.
        max_excess
            The most by which one member can exceed its expected spend, for Bernstein's bound.

        Returns
        -------
        np.ndarray
            Units >= 0: `overrun_margin`, with ``spend_error`` of the limit as systematic error.
            Zeros without an overrun probability.

        Examples
        --------
        >>> from clear_opt import Limit, LogNormalLengths, Offer, Program, ShiftedSurge
        >>> curves = ShiftedSurge.from_height(tau=[80, 300], height=[0.7, 0.2], width=[60, 200])
        >>> offer = Offer("m", curves, lengths=LogNormalLengths([100, 350], 0.3))
        >>> chance = {"basis": "expected", "overrun_probability": 0.05, "spend_error": 0.02}
        >>> program = Program(offer, Limit(1000), **chance)
        >>> program.chance_reserve(program.budget, np.array([0.0, 900.0])).round(1)
        array([32.9, 82.2])
        """
        if self.overrun_probability is None:
            return np.zeros_like(variance)
        return overrun_margin(np.asarray(variance), *self._chance(limit, max_excess))

    def chance_reserve_tangent(
        self, limit: Limit, variance: float, max_excess: float = 0.0
    ) -> LinearMargin:
        """Return the tangent to `chance_reserve` at a variance; where nothing varies it is flat."""
        if self.overrun_probability is None or not variance > 0:
            return LinearMargin(0.0, float(self.chance_reserve(limit, np.zeros(()), max_excess)))
        return linearised_margin(variance, *self._chance(limit, max_excess))

    def _chance(self, limit: Limit, max_excess: float) -> tuple[float, OverrunBound, float, float]:
        """Return the arguments of `overrun_margin` after the variance."""
        assert self.overrun_probability is not None
        # Of a limit that holds no more than its amount is expected to be spent.
        systematic_error = self.spend_error * float(limit.amount)
        return self.overrun_probability, self.overrun_bound, max_excess, systematic_error

    @cached_property
    def members(self) -> np.ndarray:
        """Group of each constraint, booleans of shape (constraints, n)."""
        return read_only(np.stack([members_of(row, len(self)) for row in self.constraints]))

    def __repr__(self) -> str:
        names = ", ".join(offer.name for offer in self.offers)
        rows = ", ".join(map(repr, self.constraints[:3]))
        more = f", and {len(self.constraints) - 3} more" if len(self.constraints) > 3 else ""
        return f"Program(n={len(self)}, offers=[{names}], {rows}{more}, basis={self.basis!r})"


def _check_offers(offers: Sequence[Offer]) -> None:
    if not offers or not all(isinstance(offer, Offer) for offer in offers):
        raise InvalidInputError(
            "must be an Offer, or several", column="offers", remedy="e.g. Offer('small', curves)"
        )
    names = [offer.name for offer in offers]
    _check_unique(names, "offer")
    sizes = {offer.name: len(offer) for offer in offers}
    if len(set(sizes.values())) > 1:
        raise InvalidInputError(
            f"have different numbers of queries: {sizes}",
            column="offers",
            remedy="give each one curve for every query; use available for those it cannot take",
        )


def _check_constraints(rows: Sequence[Constraint], offers: Sequence[Offer], n: int) -> None:
    if not any(isinstance(row, Limit) for row in rows) or not all(
        isinstance(row, Constraint) for row in rows
    ):
        raise InvalidInputError(
            "must hold at least one Limit, and Guarantee or FundedShare besides",
            column="constraints",
            remedy="e.g. Limit(30_000)",
        )
    _check_unique([str(row.name) for row in rows], "constraint")
    known = set().union(*(offer.resources for offer in offers))
    for row in rows:
        members_of(row, n)
        if not isinstance(row, FundedShare) and row.resource not in known:
            raise InvalidInputError(
                "is used by no offer",
                column=f"resource of {row.name!r}",
                value=row.resource,
                remedy=f"resources are {', '.join(sorted(known))}",
            )


def _check_unique(names: Sequence[str], what: str) -> None:
    for name in names:
        if names.count(name) > 1:
            raise InvalidInputError(
                "is the name of two", column=what, value=name, remedy="give each its own name"
            )


def units_over(units: np.ndarray, rate: np.ndarray) -> np.ndarray:
    """Return the spend at which a rate uses so many units; infinity where it uses none."""
    with np.errstate(over="ignore"):  # a rate next to nothing
        return np.where(rate > 0, units / np.where(rate > 0, rate, 1.0), np.inf)


def unit_of(row: Constraint) -> str:
    """Return the unit in which a constraint counts."""
    return QUERIES if isinstance(row, FundedShare) else row.resource

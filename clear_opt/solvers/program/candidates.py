"""Caps worth trying for each query, in one table: what they are worth and what they use.

A search over whole caps asks the same of the same states many times. Here they are asked once for
all queries and caps together, and choosing a state is an index from then on.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from clear_opt.solvers.program.assignment import IDLE, Assignment, use_of
from clear_opt.solvers.program.lagrangian import LagrangianDual
from clear_opt.solvers.program.offer_responses import OfferChoices

_SIZES = ((3, 40), (12, 16), (1000, 7), (np.inf, 1))
"""Up to so many queries, so many sizes of steps between caps."""
_SMALL = 12  # queries of a batch in which all states of a table are compared


class Candidates(NamedTuple):
    """States of n queries, s of each.

    The first 2 K are those of `LagrangianDual` in its order, the next 3 K a few salient caps.
    """

    offer: np.ndarray
    """Index of the offer, `IDLE` for none, shape (s, n)."""
    caps: np.ndarray
    """Tokens, shape (s, n)."""
    value: np.ndarray
    """Weighted success, shape (s, n); ``-inf`` for states that do not exist."""
    use: np.ndarray
    """What is used of each row, sign-normalised, shape (m, s, n)."""

    def assignment(self, dual: LagrangianDual, state: np.ndarray) -> Assignment:
        """Return the assignment of chosen states, shape (n,)."""
        query = np.arange(len(state))
        return Assignment(dual, self.offer[state, query], self.caps[state, query])


def neighbourhood(
    dual: LagrangianDual,
    centres: list[np.ndarray],
    others: list[np.ndarray] | None = None,
    sizes: int | None = None,
) -> Candidates:
    """List rests, break-even caps, and caps around given ones in every offer.

    Parameters
    ----------
    dual
        A program of n >= 1 queries.
    centres
        Of each offer, the cap of each query around which others are tried, shape (n,): taken for
        the funded state of the offer itself.
    others
        Of each offer, one more cap of each query to try, shape (n,).
    sizes
        Of steps between caps, how many; by default the fewer, the more queries there are.
    """
    program, free = dual.program, dual.free_choices
    floored, n = program.floor > 0, len(program)
    sizes = sizes or next(size for most, size in _SIZES if n <= most)
    offers, caps, values, uses = [], [], [], []

    def add(offer: np.ndarray, cap: np.ndarray, k: int, exists: np.ndarray) -> None:
        exists = np.broadcast_to(exists, cap.shape)
        value = free[k].utility_at(cap)
        offers.append(np.broadcast_to(offer, cap.shape))
        caps.append(cap)
        values.append(np.where(exists, value, -np.inf))
        uses.append(np.where(exists, use_of(dual, k, cap), 0.0))

    for k, (offered, centre) in enumerate(zip(free, centres, strict=True)):
        add(np.full(n, k), centre[None], k, _can_have(dual, offered, centre[None]))
    for k in range(len(free)):
        # Without a floor all rests are one: nothing is asked, and nothing used.
        cap = program.floor[None]
        add(np.where(floored, k, IDLE), cap, k, dual.can_idle[k])
        values[-1] = np.where(dual.can_idle[k], dual.idle_value[k], -np.inf)[None]
        uses[-1] = np.where(floored & dual.can_idle[k], uses[-1], 0.0)
    for k, offered in enumerate(free):
        other = centres[k] if others is None else others[k]
        rungs = np.stack([offered.breakeven_cap, offered.saturation_cap, other])
        add(np.full(n, k), rungs, k, _can_have(dual, offered, rungs))
    for k, (offered, centre) in enumerate(zip(free, centres, strict=True)):
        rungs = offered.neighbours(centre, sizes)
        # The top is among the salient caps already.
        add(
            np.full(n, k),
            rungs,
            k,
            _can_have(dual, offered, rungs) & (rungs < offered.saturation_cap),
        )
    return Candidates(
        np.concatenate(offers),
        np.concatenate(caps),
        np.concatenate(values),
        np.concatenate(uses, axis=1),
    )


def _can_have(dual: LagrangianDual, offered: OfferChoices, caps: np.ndarray) -> np.ndarray:
    """Return which caps above the floor may be set: below break-even only where not pinned."""
    program = dual.program
    return offered.can_fund & (
        (caps >= offered.breakeven_cap) | (~program.pinned & (caps > program.floor))
    )


def core_states(table: Candidates, dual: LagrangianDual) -> np.ndarray:
    """Return the states that a small integer program chooses from: in small batches all, (r,)."""
    salient = 5 * len(dual.free_choices)
    return np.arange(len(table.value) if len(dual.program) <= _SMALL else salient)


def responses(dual: LagrangianDual, prices: np.ndarray) -> list[np.ndarray]:
    """Return the whole cap nearest below each offer's best at prices, (n,) each."""
    funded = dual.price_states(prices).funded
    return [
        np.maximum(offered.cap_at(state.spend), offered.breakeven_cap)
        for offered, state in zip(dual.choices, funded, strict=True)
    ]


def incumbents(assignment: Assignment, others: list[np.ndarray]) -> list[np.ndarray]:
    """Return the caps that queries have, and other caps where they have another offer."""
    bought = assignment.caps > assignment.dual.program.floor
    return [
        np.where((assignment.offer == k) & bought, assignment.caps, cap)
        for k, cap in enumerate(others)
    ]


def max_feasible_caps(assignment: Assignment) -> list[np.ndarray]:
    """Return the largest cap of each query in each offer if all others keep theirs, (n,) each."""
    dual = assignment.dual
    use = assignment.use()
    left = dual.limits - use.sum(axis=1)
    found = []
    for k, offered in enumerate(dual.free_choices):
        spend = offered.most.copy()
        for row in np.flatnonzero(dual.sign > 0):
            rate = dual.rate[row, k]
            free = left[row] + use[row] - dual.fixed[row, k]
            spend = np.where(
                rate > 0, np.minimum(spend, free / np.where(rate > 0, rate, 1.0)), spend
            )
        found.append(
            np.minimum(offered.cap_at(np.maximum(spend, offered.start)), offered.saturation_cap)
        )
    return found


def states_of(assignment: Assignment) -> np.ndarray:
    """Return the state of each query as an index into the 2 K states of the dual, shape (n,)."""
    dual = assignment.dual
    program = dual.program
    funded = (assignment.offer != IDLE) & (assignment.caps > program.floor)
    # Without a floor all rests are one, that of the first offer.
    rests = np.where(program.floor > 0, np.maximum(assignment.offer, 0), 0)
    return np.where(funded, assignment.offer, len(dual.free_choices) + rests)


def states_in(assignment: Assignment, table: Candidates) -> np.ndarray:
    """Find an assignment in a table around it, shape (n,)."""
    same = (table.offer == assignment.offer) & (table.caps == assignment.caps)
    return np.argmax(same & np.isfinite(table.value), axis=0)

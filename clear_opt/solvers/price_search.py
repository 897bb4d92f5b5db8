"""The price search of section 1.4, compiled by JAX: bracket, then safeguarded Newton.

Two questions are answered here, both by the price at which demand meets a budget:
`clearing_price` lets every query decide at the price whether it pays (the dual optimum), and
`spend_on` funds given sets of queries and spends the budget on them (primal recovery).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp

from clear_opt.defaults import PRICE_STEPS
from clear_opt.envelope import Envelope

_EPS = float(jnp.finfo(jnp.float64).eps)
_TINY = 1e-300  # prices below are zero
_SETTLED = 1e-12  # a Newton step in log price this small lands within rounding of the root


class ClearingPrice(NamedTuple):
    """Answer of a price search."""

    price: jax.Array
    """Shadow price, weighted success per token, scalar >= 0."""
    evaluations: jax.Array
    """Demand evaluations it took."""
    converged: jax.Array
    """Whether the price is exact to float64 rounding."""


class _Bracket(NamedTuple):
    low: jax.Array  # demand above the budget
    high: jax.Array  # demand within the budget
    price: jax.Array
    stride: jax.Array  # size of the last step in log price
    steps: jax.Array
    done: jax.Array
    met: jax.Array  # demand meets the budget at the price, no jump in between


def _newton(
    demand: Callable, budget: jax.Array, low: jax.Array, high: jax.Array, guess: jax.Array
) -> _Bracket:
    """Solve demand(price) = budget for falling demand, in log price.

    A Newton step that leaves the bracket, or does not halve the last stride, gives way to
    bisection: smooth demand takes a handful of steps, a jump is closed in on to rounding.
    """

    def step(state: _Bracket) -> _Bracket:
        asked, slope = jax.jvp(demand, (state.price,), (jnp.ones_like(state.price),))
        excess = asked - budget
        low = jnp.where(excess > 0, state.price, state.low)
        high = jnp.where(excess > 0, state.high, state.price)
        per_log = slope * state.price
        falling = per_log < 0
        stride = jnp.where(falling, excess / jnp.where(falling, -per_log, 1.0), jnp.inf)
        target = state.price * jnp.exp(jnp.clip(stride, -40.0, 40.0))
        inside = (target >= low) & (target <= high)
        middle = jnp.where(low > 0, jnp.sqrt(low) * jnp.sqrt(high), 1e-3 * high)
        trusted = inside & (jnp.abs(stride) <= 0.5 * state.stride)
        met = inside & (jnp.abs(stride) <= _SETTLED)
        closed = (high - low <= 4 * _EPS * high) | (high <= _TINY)
        price = jnp.where(met | trusted, target, middle)
        taken = jnp.where(trusted, jnp.abs(stride), jnp.abs(jnp.log(price / state.price)))
        return _Bracket(low, high, price, taken, state.steps + 1, met | closed, met)

    empty = high <= _TINY
    first, none = jnp.clip(guess, low, high), jnp.asarray(0)
    start = _Bracket(low, high, first, jnp.full_like(high, jnp.inf), none, empty, empty)
    return jax.lax.while_loop(lambda s: ~s.done & (s.steps < PRICE_STEPS), step, start)


@jax.jit
def clearing_price(envelope: Envelope, budget: jax.Array) -> ClearingPrice:
    """Find the price that minimises the dual bound.

    Demand falls in the price and jumps at the envelope's breakpoints. The breakpoints are
    bisected first; if demand meets the budget inside a jump, that breakpoint is the price, else
    Newton's method finds it between two of them.

    Parameters
    ----------
    envelope
        Of n queries.
    budget
        Tokens, scalar, at least the sum of the floors.
    """
    prices = jnp.sort(envelope.breakpoints)

    def above(price: jax.Array) -> jax.Array:  # demand just above a price
        return envelope.response(price, inclusive=False).sum()

    def upto(price: jax.Array) -> jax.Array:  # demand at, or just below, a price
        return envelope.response(price, inclusive=True).sum()

    def halve(state: tuple) -> tuple:
        low, high, evaluations = state
        middle = (low + high) // 2
        within = above(prices[middle]) <= budget
        low, high = jnp.where(within, low, middle), jnp.where(within, middle, high)
        return low, high, evaluations + 1

    # Above the dearest breakpoint demand is the floors alone, so the last index always qualifies.
    low, high, evaluations = jax.lax.while_loop(
        lambda state: state[1] - state[0] > 1,
        halve,
        (jnp.asarray(-1), jnp.asarray(len(prices) - 1), jnp.asarray(0)),
    )
    jump = prices[high]
    below = jnp.where(low < 0, 0.0, prices[jnp.maximum(low, 0)])
    unspent = upto(jnp.zeros(())) <= budget
    in_jump = upto(jump) >= budget
    skip = unspent | in_jump
    top = jnp.where(skip, 0.0, jump)
    found = _newton(upto, budget, jnp.where(skip, 0.0, below), top, top)
    price = jnp.where(unspent, 0.0, jnp.where(in_jump, jump, found.price))
    return ClearingPrice(price, evaluations + 2 + found.steps, skip | found.done)


@jax.jit
def spend_on(
    envelope: Envelope, funded: jax.Array, budget: jax.Array, guess: jax.Array
) -> tuple[jax.Array, jax.Array]:
    """Spend a budget as well as possible on given sets of queries.

    Within a set every curve is concave, so one price per set settles it. Where the price stops
    inside a jump the remainder goes to the queries concerned, one after the other.

    Parameters
    ----------
    envelope
        Of n queries.
    funded
        Sets to try, boolean, shape (p, n).
    budget
        Tokens, scalar.
    guess
        A price to start from, e.g. the clearing price; it changes the work, not the answer.

    Returns
    -------
    Caps with the remainder handed out and caps without, each of shape (p, n), in fractions of
    tokens; they differ only where a price stops inside a jump. A set whose least tokens exceed
    the budget gets those all the same: its row spends more than the budget, and the caller drops
    it.
    """

    def one(members: jax.Array) -> tuple[jax.Array, jax.Array]:
        def caps(price: jax.Array) -> jax.Array:
            return jnp.where(members, envelope.committed(price), envelope.start)

        def demand(price: jax.Array) -> jax.Array:
            return caps(price).sum()

        dearest = 2.0 * jnp.where(members, envelope.steepest, 0.0).max()
        unspent = demand(jnp.zeros(())) <= budget
        top = jnp.where(unspent, 0.0, dearest)
        found = _newton(demand, budget, jnp.zeros(()), top, guess)
        settled = caps(jnp.where(found.met, found.price, found.high))
        more = jnp.where(found.met, 0.0, caps(found.low) - settled)
        before = settled.sum() + jnp.cumsum(more) - more
        return settled + jnp.clip(budget - before, 0.0, more), settled

    return jax.vmap(one)(funded)

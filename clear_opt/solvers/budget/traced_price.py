"""The price search in plain form (the mathematics, section 5): bracket, then safeguarded Newton.

Gradients need a search that runs inside a JAX transformation, and tests a reference; a solve takes
the quicker way of `clear_opt.solvers.budget.clearing_price`, to the same price.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp

from clear_opt._numerics.root_finding import EPS, TINY, middle_price
from clear_opt.defaults import PRICE_STEPS
from clear_opt.envelopes.concave import Envelope

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
        middle = middle_price(low, high)
        trusted = inside & (jnp.abs(stride) <= 0.5 * state.stride)
        met = inside & (jnp.abs(stride) <= _SETTLED)
        closed = (high - low <= 4 * EPS * high) | (high <= TINY)
        price = jnp.where(met | trusted, target, middle)
        taken = jnp.where(trusted, jnp.abs(stride), jnp.abs(jnp.log(price / state.price)))
        return _Bracket(low, high, price, taken, state.steps + 1, met | closed, met)

    empty = high <= TINY
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

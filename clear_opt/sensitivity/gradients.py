"""The optimum as a differentiable function: its value, its price, and what moves them.

The relaxed optimum (the dual bound) and its clearing price become JAX functions of curve
parameters, budget, floors, ceilings and weights. Their derivatives are not those of the search that
finds the price. They follow from what the optimum satisfies: the envelope theorem gives those of
the value, the implicit function theorem those of the price. docs/gradients.md has the proofs.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, cast

import jax
import jax.numpy as jnp
import numpy as np

from clear_opt._numerics.array_namespace import Array, namespace
from clear_opt._numerics.arrays import as_number, as_numbers, refuse_missing, repeated
from clear_opt._numerics.precision import own_settings, refuse_fork
from clear_opt.curves import Curve
from clear_opt.envelopes.concave import CurveEnvelope, Envelope, concave_envelope
from clear_opt.solvers.budget.traced_price import clearing_price

_ROUNDING = 32  # units in the last place within which two prices count as one
_LEAST_PRICE = 1e-30  # stands for zero in responses, whose formulas take its logarithm


def optimal_value(
    curves: Curve,
    budget: Array,
    floor: Array = 0.0,
    ceiling: Array | None = None,
    weight: Array = 1.0,
) -> Array:
    """Return the optimum of the relaxed problem, which is its dual bound.

    Parameters
    ----------
    curves
        One curve per query, of any family, n queries. Its parameters may be JAX arrays.
    budget
        Tokens, scalar.
    floor
        Tokens every query gets, >= 0, scalar or shape (n,).
    ceiling
        Most tokens a query may get, at least the floor, scalar or shape (n,); ``None`` or infinity
        for no limit.
    weight
        Factor on a query's success probability, > 0, scalar or shape (n,).

    Returns
    -------
    Array
        Scalar, weighted success: ``solve(problem).certificate.dual_bound`` of the same problem.
        Minus infinity where the floors exceed the budget.

    Examples
    --------
    >>> import jax
    >>> import numpy as np
    >>> from clear_opt import ShiftedSurge, double_precision
    >>> curves = ShiftedSurge.from_height(tau=[80, 90, 900], height=[0.9, 0.7, 0.2], width=60)
    >>> print(optimal_value(curves, 270.0).round(4))
    1.5755
    >>> with double_precision():
    ...     of_curves, of_budget = jax.grad(optimal_value, argnums=(0, 1))(curves, 270.0)
    >>> print(np.round(of_curves.tau, 5), np.round(of_budget, 5))
    [-0.00259 -0.00259  0.     ] 0.00259

    Notes
    -----
    Differentiable by ``jax.grad`` and ``jax.jacobian``, under ``jit`` and ``vmap``, in all
    parameters of the curves (grid and values of a `TabularCurve` too), the budget, the bounds and
    the weights; and twice, unless the curves are of the family `Hill`. The derivative in the
    budget is the price. At a kink (the value is piecewise smooth) one of the one-sided derivatives,
    or a mean of them, is given; queries with equal abandonment prices share alike.

    Where all inputs are NumPy arrays or numbers it computes in 64 bits and gives a NumPy number.
    With JAX arrays, as inside any transformation, the precision is the one JAX is set to: put the
    transformation into ``with double_precision():``. In 32 bits, JAX's default, the value is right
    to about five digits. But a budget of ten million tokens is known to one token there, so that
    another query may be taken for the one that is split: its gradient, and the price, are then
    off. A first call compiles for its number of queries; further ones are quick.

    Bounds are taken as they are, not rounded to whole tokens as `AllocationProblem` does.
    """
    return _answer(curves, budget, floor, ceiling, weight).value


def optimal_price(
    curves: Curve,
    budget: Array,
    floor: Array = 0.0,
    ceiling: Array | None = None,
    weight: Array = 1.0,
) -> Array:
    """Return the clearing price of the relaxed problem.

    The parameters are those of `optimal_value`.

    Returns
    -------
    Array
        Scalar, weighted success per token, >= 0: ``solve(problem).price`` of the same problem.
        Zero where tokens are to spare, infinite where the floors exceed the budget.

    Examples
    --------
    >>> import jax
    >>> from clear_opt import ShiftedSurge, double_precision
    >>> curves = ShiftedSurge.from_height(tau=[80, 90, 900], height=[0.9, 0.7, 0.2], width=60)
    >>> with double_precision():
    ...     price, slope = jax.value_and_grad(optimal_price, argnums=1)(curves, 270.0)
    >>> print(f"{price:.5f} {slope:.2e}")
    0.00259 -1.51e-04

    Notes
    -----
    Three cases, told apart at the price itself:

    - Demand is smooth there: its derivative is ``-(dD/dtheta) / (dD/dlambda)``.
    - The price sits in a jump of demand: it is the abandonment price of the query that is split
      (of a tabular curve, the slope of one segment of its hull), and moves with that alone. The
      budget does not move it. Where several queries share the jump their mean is given.
    - Tokens are to spare: zero, with all derivatives zero.

    Precision is that of `optimal_value`. Second derivatives are right for families whose response
    to a price has a closed form: for all but `Hill`.
    """
    return _answer(curves, budget, floor, ceiling, weight).price


class _Optimum(NamedTuple):
    value: Array
    price: Array


class _Choice(NamedTuple):
    """What each query takes at a price, and what that is worth; shape (n,)."""

    tokens: jax.Array
    utility: jax.Array


class _Sides(NamedTuple):
    """Who is funded just above the price and just below it; nothing here is differentiated.

    For hulls these are the numbers of segments taken.
    """

    above: jax.Array
    below: jax.Array


def _answer(
    curves: Curve, budget: Array, floor: Array, ceiling: Array | None, weight: Array
) -> _Optimum:
    """Compute in 64 bits where all is NumPy, else as JAX is set."""
    refuse_fork("optimal_value, like optimal_price,")
    named = {"budget": budget, "floor": floor, "ceiling": ceiling, "weight": weight}
    arrays = [
        value if value is None or isinstance(value, jax.Array) else _known(value, name, len(curves))
        for name, value in named.items()
    ]
    if namespace(*jax.tree_util.tree_leaves((curves, arrays))) is jnp:
        with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
            return _optimum(curves, *arrays)
    with own_settings():
        return _Optimum(*map(np.float64, _optimum(curves, *arrays)))


def _known(value: Any, name: str, n: int) -> np.ndarray:
    numbers = np.asarray(as_number(value, name)) if name == "budget" else as_numbers(value, name)
    repeated(name, numbers, n)  # refuses another number of them
    refuse_missing(numbers, name)
    return numbers


@jax.jit
def _optimum(
    curves: Curve, budget: Array, floor: Array, ceiling: Array | None, weight: Array
) -> _Optimum:
    if len(curves) == 0:
        return _Optimum(0.0 * budget, 0.0 * budget)
    envelope = concave_envelope(curves, floor, ceiling, weight)
    # What the search decides is constant: which queries are funded, and where the price is.
    fixed, amount = jax.lax.stop_gradient((envelope, budget))
    found = clearing_price(fixed, amount).price
    sides = _sides(fixed, found)
    jump = (_at(fixed, found, sides.below).tokens - _at(fixed, found, sides.above).tokens).sum()
    price = _price(envelope, budget, found, sides, jump > 0)
    value = _value(envelope, budget, price, sides)
    feasible = fixed.start.sum() <= amount
    return _Optimum(jnp.where(feasible, value, -jnp.inf), jnp.where(feasible, price, jnp.inf))


def _sides(envelope: Envelope, price: jax.Array) -> _Sides:
    """Tell who is funded on both sides of a price, in spite of its last digits."""
    margin = _ROUNDING * jnp.finfo(price.dtype).eps * price
    hull = envelope.vertices()
    if hull is not None:
        slopes = hull.slopes
        taken = (slopes > price + margin), (slopes >= price - margin) & (slopes > 0)
        return _Sides(*(side.sum(axis=1) for side in taken))
    ceded = envelope.abandonment_price
    return _Sides(ceded > price + margin, (ceded >= price - margin) & (ceded > 0))


def _at(envelope: Envelope, price: jax.Array, funded: jax.Array) -> _Choice:
    """Return the choice of each query once it is settled who is funded."""
    hull, curves = envelope.vertices(), envelope.own_curves()
    if hull is not None:
        vertex = funded[:, None]
        return _Choice(
            jnp.take_along_axis(hull.tokens, vertex, axis=1)[:, 0],
            jnp.take_along_axis(hull.values, vertex, axis=1)[:, 0],
        )
    assert curves is not None
    weight = cast(CurveEnvelope, envelope).weight
    # Nobody asks the abandoned. They see a price at which every response has a finite slope, lest
    # an infinite one times zero become NaN.
    harmless = 0.5 * jax.lax.stop_gradient(envelope.abandonment_price)
    asked = jnp.maximum(jnp.where(funded, price, harmless), _LEAST_PRICE)
    wanted = curves.response(asked / weight)
    tokens = jnp.where(funded, jnp.clip(wanted, envelope.tangent, envelope.end), envelope.start)
    return _Choice(tokens, weight * curves.value(tokens))


def _price(
    envelope: Envelope, budget: jax.Array, found: jax.Array, sides: _Sides, in_jump: jax.Array
) -> jax.Array:
    """Return the price that was found, with the derivatives it has."""

    def excess(price: jax.Array) -> jax.Array:
        return _at(envelope, price, sides.below).tokens.sum() - budget

    def divide(slope: Callable, rise: jax.Array) -> jax.Array:
        per_price = slope(jnp.ones_like(rise))
        return rise / jnp.where(per_price < 0, per_price, -jnp.inf)

    smooth = jax.lax.custom_root(excess, found, lambda _, start: start, divide)
    return jnp.where(found > 0, jnp.where(in_jump, _split_slope(envelope, sides), smooth), 0.0)


def _split_slope(envelope: Envelope, sides: _Sides) -> jax.Array:
    """Return the slope at which the split query breaks even; the mean, if there are several."""
    hull = envelope.vertices()
    if hull is not None:
        slopes = hull.slopes
        segment = jnp.arange(slopes.shape[1])
        split = (segment >= sides.above[:, None]) & (segment < sides.below[:, None])
    else:
        slopes = envelope.abandonment_price
        split = sides.below & ~sides.above
    return jnp.where(split, slopes, 0.0).sum() / jnp.maximum(split.sum(), 1)


def _value(envelope: Envelope, budget: jax.Array, price: jax.Array, sides: _Sides) -> jax.Array:
    """Return the dual function at the price.

    It is stationary in the tokens everywhere, and in the price where demand is smooth, so that
    their own derivatives are multiplied by zero: the envelope theorem. At a jump its slope in the
    price is what is demanded beyond the budget, and the price brings in the split query's share.
    """
    below = _at(envelope, price, sides.below)
    return below.utility.sum() + price * (budget - below.tokens.sum())

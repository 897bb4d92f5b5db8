"""Root finding: every bracketing search of the package.

- `increasing_root`: safeguarded Newton for arrays, traced by JAX as well; derivatives are implicit.
- `decreasing_root`, `decreasing_roots`: bracketed secant without derivatives, for one price and for
  many at once. As in Dekker's method (Brent 1973, chapter 4) a step that leaves the bracket, or
  does not halve the one before, is replaced by a bisection, here of the prices' logarithms.
- `bisect`: where a monotone property begins to hold, elementwise, to a number of halvings.
- `first_integer`: the same over the integers.
"""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

from clear_opt._numerics.array_namespace import Array, namespace, repeat
from clear_opt.defaults import PRICE_STEPS

EPS = float(np.finfo(np.float64).eps)

TINY = 1e-300
"""Prices at or below are zero: next to the least positive normal float64."""

_CLOSED = 4 * EPS  # relative width at which a bracket holds no other float64 worth telling apart
_SETTLED = 1e-10  # a secant step this small, relative to the root, lands far closer than that
_FROM_ZERO = 1e-3  # of the upper end: where a bracket that reaches down to zero is cut


def increasing_root(function: Callable, low: Array, high: Array, steps: int) -> Array:
    """Find the root of a function that rises through zero between ``low`` and ``high``.

    Safeguarded Newton, elementwise: a step that leaves the bracket is replaced by bisection. The
    last step is taken outside the loop from a constant, which makes the derivative of the result
    the implicit one.

    Parameters
    ----------
    function : callable
        Maps points of shape (n,) to a pair: values and slopes, each of shape (n,).
    low, high : array_like, shape (n,)
        Bracket: the function is at most zero at ``low``, at least zero at ``high``.
    steps : int
        Number of steps.
    """
    xp = namespace(low, high)
    if xp is jnp:  # its loops keep shapes: of all queries, even if their brackets are one
        shape = jax.eval_shape(function, low)[0].shape
        low, high = jnp.broadcast_to(low, shape), jnp.broadcast_to(high, shape)

    def newton(point: Array) -> tuple[Array, Array]:
        value, slope = function(point)
        flat = slope <= 0
        return value, point - xp.where(flat, 0.0, value) / xp.where(flat, 1.0, slope)

    def step(state: tuple[Array, Array, Array]) -> tuple[Array, Array, Array]:
        low, high, point = state
        value, proposal = newton(point)
        low, high = xp.where(value <= 0, point, low), xp.where(value > 0, point, high)
        inside = (proposal > low) & (proposal < high)
        return low, high, xp.where(inside, proposal, 0.5 * (low + high))

    _, _, point = repeat(step, (low, high, 0.5 * (low + high)), steps, low, high)
    if xp is jnp:
        point = jax.lax.stop_gradient(point)
    return xp.clip(newton(point)[1], low, high)


def decreasing_root(
    excess: Callable[[float], float], low: float, high: float, at_low: float, at_high: float
) -> float:
    """Find where a falling function of a price crosses zero, for one price.

    Parameters
    ----------
    excess : callable
        Function of the price.
    low, high : float
        Bracket, >= 0.
    at_low, at_high : float
        Its values there: above zero, and at most zero.

    Returns
    -------
    float
        The root to rounding; where the function jumps across zero, the price just above the jump.
    """
    before, at_before, price, at_price, stride = low, at_low, high, at_high, np.inf
    for _ in range(PRICE_STEPS):
        rise = at_price - at_before
        target = price - at_price * (price - before) / rise if rise != 0 else np.inf
        step = abs(target - price)
        inside = low <= target <= high
        if inside and step <= _SETTLED * price and np.isfinite(stride):  # not the first, wide one
            return target
        if high - low <= _CLOSED * high or high <= TINY:
            break
        if not (inside and step <= 0.5 * stride):
            target = middle_price(low, high)
        stride = abs(target - price)
        before, at_before = price, at_price
        price, at_price = float(target), excess(float(target))
        if at_price > 0:
            low = price
        else:
            high = price
    return high


def decreasing_roots(
    excess: Callable[[np.ndarray], np.ndarray],
    high: np.ndarray,
    guess: float,
    tolerance: float,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Find where falling functions of a price cross zero, p of them at once.

    Parameters
    ----------
    excess : callable
        Maps p prices to p values.
    high : np.ndarray, shape (p,)
        Prices at which the values are at most zero; below, the brackets reach down to zero.
    guess : float
        A price to start from; it changes the work, not the answer.
    tolerance : float
        Values as small as this are zero.

    Returns
    -------
    low, high : np.ndarray, shape (p,)
        What is left of the brackets. Where a value within the tolerance was met, both are its
        price.
    met : np.ndarray
        Whether it was, boolean, shape (p,).
    """
    low = np.zeros(len(high))
    before, at_before = low, excess(low)
    high = np.where(at_before <= 0, 0.0, high)
    price, stride = np.clip(guess, low, high), np.full(len(high), np.inf)
    met = np.zeros(len(high), dtype=bool)
    for _ in range(PRICE_STEPS):
        searched = ~met & (high - low > _CLOSED * high) & (high > TINY)
        if not searched.any():
            break
        value = excess(price)
        met |= searched & (np.abs(value) <= tolerance)
        low = np.where(searched & (value > 0), price, low)
        high = np.where(searched & (value <= 0), price, high)
        fallen, run = at_before - value, price - before
        falling = fallen * run > 0
        with np.errstate(over="ignore"):  # a slope next to nothing: the step leaves the bracket
            change = value * run / np.where(falling, fallen, 1.0)
        target = np.where(falling, price + change, np.inf)
        step = np.abs(target - price)
        trusted = (target >= low) & (target <= high) & (step <= 0.5 * stride)
        following = np.where(met, price, np.where(trusted, target, middle_price(low, high)))
        before, at_before = price, value
        price, stride = following, np.abs(following - price)
    return np.where(met, price, low), np.where(met, price, high), met


def middle_price(low: Array, high: Array) -> Array:
    """Return where to cut a bracket of prices: their geometric mean, or close to zero from zero."""
    xp = namespace(low, high)
    return xp.where(low > 0, xp.sqrt(low) * xp.sqrt(high), _FROM_ZERO * high)


def bisect(
    holds: Callable[[Array], Array], low: Array, high: Array, halvings: int, *, ratio: bool = False
) -> tuple[Array, Array]:
    """Narrow brackets of where a property begins to hold, elementwise.

    Parameters
    ----------
    holds : callable
        Maps points to booleans; monotone, false at ``low`` (or it does not matter), true at
        ``high``.
    low, high : array_like
        Brackets, of any one shape.
    halvings : int
        Most steps; on NumPy arrays it ends once none changes anything.
    ratio : bool
        Whether to halve by ratio, for ``low > 0``, instead of by difference.

    Returns
    -------
    low, high : array_like
        The property holds at ``high``.
    """
    xp = namespace(low, high)

    def halve(ends: tuple[Array, Array]) -> tuple[Array, Array]:
        left, right = ends
        middle = left * xp.sqrt(right / left) if ratio else 0.5 * (left + right)
        enough = holds(middle)
        return xp.where(enough, left, middle), xp.where(enough, middle, right)

    return repeat(halve, (xp.asarray(low), xp.asarray(high)), halvings, low, high)


def first_integer(holds: Callable[[int], bool], low: int, high: int) -> int:
    """Return the least integer in (low, high] at which a monotone property holds.

    It holds at ``high`` and does not at ``low``, neither of which is tried.

    Examples
    --------
    >>> first_integer(lambda k: k * k >= 200, 0, 100)
    15
    """
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if holds(middle) else (middle, high)
    return high

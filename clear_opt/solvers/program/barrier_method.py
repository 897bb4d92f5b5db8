"""The prices of a program: minimise its Lagrangian dual by a barrier method.

The dual is a sum of maxima over each query's states (`LagrangianDual`): convex, with kinks. Each
maximum is smoothed to T log sum exp(. / T) (Nesterov 2005), and a log barrier -T log y keeps each
price positive (Boyd and Vandenberghe 2004, chapter 11). Newton's method follows the minimum as T
falls. A handful of steps per temperature suffice, whatever the number of queries, since each
query's maximum has a closed form.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from clear_opt.solvers.program.lagrangian import LagrangianDual

_HOTTEST = 0.01  # of the greatest success of a query: the temperature to begin with
_WARM = 1e-4  # the same where prices of a similar program are known
_COOLING = 0.2  # the next temperature as a share of the last
_FASTEST = 1e-3  # the same where the path is straight
_NEARBY = 1e-6  # of the same: a temperature that will do to choose caps by
_FEW = 4  # Newton steps that a straight path takes at most
_SHORT = 0.9  # of what a price would be that falls as fast as the temperature
COLDEST = 1e-11  # of the greatest success of a query: prices are then exact to about 1e-9
_COLD = 1e-9  # of the same: prices of such a temperature can be vouched for
_STEPS = 60  # most Newton steps per temperature; three or four are the rule
_LINE_STEPS = 40
_CLOSE = 1e-3  # Newton decrement, in units of the temperature, at which to cool further
_LAST_CLOSE = 1e-9
_NEAR, _LEAST = 1e-15, 1e-200  # of the farthest price: how close rounding may come to a barrier
_DIGITS = 1e-9  # relative; how exactly the least of equally good prices is found
_LITTLE = 1e-4  # of the greatest success; below, payoffs of that size are known too coarsely
_FAR = 1e5  # no price is sought beyond this many times what a first unit can be worth


class CoupledPrices(NamedTuple):
    """Prices of a program's constraints."""

    prices: np.ndarray
    """Weighted success per unit, >= 0, shape (m,)."""
    converged: bool
    """Whether the coldest minimum was reached."""
    evaluations: int
    """How often all queries were asked."""


def coupled_prices(
    dual: LagrangianDual,
    start: np.ndarray | None = None,
    *,
    warm: float = _WARM,
    coldest: float = COLDEST,
    enough: float = -np.inf,
) -> CoupledPrices:
    """Find the prices that minimise the dual bound of a feasible program.

    Parameters
    ----------
    dual
        The program, n >= 1 queries.
    start
        Prices to start from, e.g. of a similar program, shape (m,); they change the work, not the
        answer.
    warm
        Temperature at which to begin from ``start``, as a share of the greatest success of a query.
    coldest
        Temperature at which to end, as a share of the greatest success of a query, or of the bound
        where that is less.
    enough
        Dual bound, weighted success, below which nobody asks how low it can be.
    """
    scale = float(max(offered.utility_top for offered in dual.free_choices))
    if scale == 0:  # nothing can be gained: no unit of anything is worth a price
        return CoupledPrices(np.zeros(dual.m), True, 0)
    far = _FAR * price_scale(dual)
    temperature, worth = _HOTTEST * scale, scale
    prices = far / _FAR
    if start is not None:
        temperature = warm * scale
        prices = np.clip(start, 1e-9 * far / _FAR, 0.5 * far)
    evaluations, converged = 0, False
    last_prices, last_temperature, cooling = prices, np.inf, _COOLING
    while True:
        last = temperature <= coldest * worth
        if last and worth == scale:
            # Where limits are so tight that little can be reached, it is that little that counts.
            worth = min(scale, max(dual.bound(prices), _LITTLE * scale))
            last = temperature <= coldest * worth
        found, steps, settled = _minimise(
            dual, prices, temperature, far, _LAST_CLOSE if last else _CLOSE
        )
        evaluations += steps
        if converged and not settled and temperature <= _COLD * scale:
            prices = last_prices  # differences drown in rounding from here on
            break
        prices, converged = found, settled
        if last or (enough > -np.inf and dual.bound(prices) <= enough):
            break
        # The path is nearly straight once it is known who is at a tie: then strides can grow.
        cooling = max(cooling * _COOLING, _FASTEST) if steps <= _FEW else _COOLING
        cooler = max(cooling * temperature, coldest * worth)
        ahead = (temperature - cooler) / (last_temperature - temperature)
        guess = found + ahead * (found - last_prices)
        last_prices, last_temperature = found, temperature
        prices = np.clip(guess, cooler / temperature * _SHORT * found, 0.5 * (found + far))
        temperature = cooler
    return CoupledPrices(_without_traces(dual, prices), converged, evaluations)


def nearby_prices(dual: LagrangianDual, start: np.ndarray) -> np.ndarray:
    """Find prices to choose caps by, from those of a similar dual: not exact ones, but quickly.

    Parameters
    ----------
    dual
        The program, n >= 1 queries; often with few of its states allowed.
    start
        Prices of the similar dual, shape (m,).

    Returns
    -------
    Shape (m,), >= 0: any prices >= 0 bound the program, these a little less tightly.
    """
    scale = float(max(offered.utility_top for offered in dual.free_choices))
    if scale == 0:
        return np.zeros(dual.m)
    usual = price_scale(dual)
    far = _FAR * usual
    temperature = _NEARBY * scale
    # A row with room to spare has the price at which the barrier holds it there.
    room = dual.smooth(np.clip(start, 0.0, 0.5 * far), temperature).gradient
    held = temperature / np.maximum(np.abs(room), temperature / usual)
    prices = np.clip(np.maximum(start, held), _LEAST * far, 0.5 * far)
    return _minimise(dual, prices, temperature, far, _CLOSE)[0]


def price_scale(dual: LagrangianDual) -> np.ndarray:
    """Return what a first unit of each row can be worth, weighted success per unit, shape (m,)."""
    scale = np.zeros(dual.m)
    for index in range(dual.m):
        for k, offered in enumerate(dual.free_choices):
            run = np.where(offered.least > offered.start, offered.least - offered.start, 1.0)
            gain, use = (
                offered.breakeven_price * run,
                dual.rate[index, k] * run + dual.fixed[index, k],
            )
            member = (use > 0) & offered.can_fund
            worth = np.where(member, gain / np.where(member, use, 1.0), 0.0)
            scale[index] = max(scale[index], worth.max(initial=0.0))
    usual = scale.max(initial=0.0)
    return np.where(scale > 0, scale, usual if usual > 0 else 1.0)


@np.errstate(all="ignore")
def _minimise(
    dual: LagrangianDual, prices: np.ndarray, temperature: float, far: np.ndarray, close: float
) -> tuple[np.ndarray, int, bool]:
    """Minimise the smoothed dual with barriers at one temperature, from ``prices``.

    At the edges of float64 a step can end in no number: it is not taken.
    """
    value, gradient, hessian = _with_barrier(dual, prices, temperature, far)
    for step in range(1, _STEPS + 1):
        direction = _newton_direction(gradient, hessian)
        slope = float(gradient @ direction)
        if -slope <= close * temperature:
            return prices, step, True
        reach = _longest(prices, direction, far)
        for _ in range(_LINE_STEPS):
            trial = np.clip(prices + reach * direction, _LEAST * far, (1.0 - _NEAR) * far)
            found = _with_barrier(dual, trial, temperature, far)
            # The sum of many maxima is only known to rounding.
            noise = 1e-15 * abs(value) * np.sqrt(len(dual.program))
            if found[0] <= value + 1e-4 * reach * slope + noise:
                break
            reach *= 0.4
        else:
            return prices, step, False
        if np.allclose(trial, prices, rtol=1e-14, atol=0.0):
            return trial, step, True
        prices, (value, gradient, hessian) = trial, found
    return prices, _STEPS, False


def _with_barrier(
    dual: LagrangianDual, prices: np.ndarray, temperature: float, far: np.ndarray
) -> tuple[float, np.ndarray, np.ndarray]:
    value, gradient, hessian = dual.smooth(prices, temperature)
    room = far - prices  # never zero: steps stop short of both barriers
    value -= temperature * float(np.log(prices / far).sum() + np.log(room / far).sum())
    gradient = gradient - temperature / prices + temperature / room
    hessian = hessian + np.diag(temperature / prices**2 + temperature / room**2)
    return value, gradient, hessian


def _newton_direction(gradient: np.ndarray, hessian: np.ndarray) -> np.ndarray:
    """Solve in units in which the Hessian's diagonal is one; it is positive definite."""
    unit = 1.0 / np.sqrt(np.maximum(np.diag(hessian), 1e-300))
    scaled = hessian * unit[:, None] * unit[None, :]
    scaled[np.diag_indices_from(scaled)] += 1e-14
    try:
        return -unit * np.linalg.solve(scaled, unit * gradient)
    except np.linalg.LinAlgError:
        return -unit * unit * gradient


def _longest(prices: np.ndarray, direction: np.ndarray, far: np.ndarray) -> float:
    """Return the longest step, at most 1, that stays clear of the barriers."""
    with np.errstate(divide="ignore", invalid="ignore"):
        low = np.where(direction < 0, -prices / direction, np.inf)
        high = np.where(direction > 0, (far - prices) / direction, np.inf)
    return float(min(1.0, 0.95 * min(low.min(), high.min())))


def _without_traces(dual: LagrangianDual, prices: np.ndarray) -> np.ndarray:
    """Take off prices what only the barriers keep there: the bound must not rise.

    Close to zero that is a trace. Far above what a first unit can be worth it is a stretch of
    prices that are all as good, because a row leaves no choice: the least of them is what one unit
    more would gain.
    """
    prices, bound = prices.copy(), dual.bound(prices)
    usual = price_scale(dual)
    for index in np.argsort(prices * np.abs(dual.amount)):
        found = _lowered(dual, prices, bound, index, 0.0)
        if found is not None:
            prices[index], bound = 0.0, min(found, bound)
        elif prices[index] > usual[index]:
            low = 0.0
            while prices[index] - low > _DIGITS * prices[index]:
                middle = 0.5 * (low + float(prices[index]))
                found = _lowered(dual, prices, bound, index, middle)
                if found is None:
                    low = middle
                else:
                    prices[index], bound = middle, found
    return prices


def _lowered(
    dual: LagrangianDual, prices: np.ndarray, bound: float, index: int, price: float
) -> float | None:
    """Return the bound at a lower price of one row, ``None`` if it rises."""
    other = prices.copy()
    other[index] = price
    found = dual.bound(other)
    # What large prices add and take away again is only known to its own rounding.
    noise = 1e-12 * abs(bound) + 1e-14 * float(prices @ np.abs(dual.limits))
    return found if found <= bound + noise else None

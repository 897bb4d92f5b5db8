"""The demand of a large batch: only the steps around the clearing price are sorted.

A random sample of the queries knows the price to a fraction of a percent, and how demand moves
around it. One look at the whole batch corrects it; then the price is known to lie in a window so
narrow that a few thousand of ten million queries have their step in it. All dearer steps are taken
for sure. What they ask for changes smoothly across the window: it is evaluated at both ends and
where the price seems to be, and interpolated in between.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from clear_opt._numerics.array_namespace import Array, namespace
from clear_opt._numerics.chunked import Formula, fits_in_chunk, sum_chunked
from clear_opt._numerics.root_finding import TINY
from clear_opt.defaults import BLOCK_QUERIES
from clear_opt.envelopes.concave import CurveEnvelope
from clear_opt.problem import AllocationProblem
from clear_opt.solvers.budget.clearing_price import MarketClearing
from clear_opt.solvers.budget.demand import DemandCurve, TangentDemand, demand_curve

_SAMPLE = 1 << 14  # queries
_SEED = 0  # of the sample, which decides how much work is done but not what comes out
_STEP = 1e-2  # relative step in price over which the sample's slope of demand is taken
_EXACT = 1e-13  # relative: two prices this close are the same
_SHARE = 0.25  # half width of the window, as a share of the correction to the sample's price
_NARROW = 1e-6  # least half width, relative to the price
_WIDEN = 4.0  # factor, where a window turns out not to hold the price
_WIDEST = 0.1  # half width beyond which all steps are sorted after all
_LOOKS = 6  # evaluations inside the window; two are the rule


class SampledBracket(TangentDemand):
    """The steps between two prices, on top of all dearer ones.

    Attributes
    ----------
    looks
        How often the whole batch was evaluated.
    """

    def __init__(self, problem: AllocationProblem, bottom: float, top: float) -> None:
        envelope = problem.envelope
        self._top, self.price_min, self.looks = top, bottom, 0
        self._logs: list[float] = []
        self._asked: list[float] = []
        self._base: tuple[float, float, float] | None = None
        super().__init__(problem, _between(envelope.abandonment_price, bottom, top))

    def holds(self, budget: float) -> bool:
        """Look at both ends, and say whether the price that clears the budget is in between."""
        if len(self.prices) == 0:
            return False
        ends = float(self.prices[0]), self.price_min
        for end, asked in zip(ends, self._ask(_asked_twice, *ends), strict=True):
            self._remember(end, asked)
        self.demand_min = self._asked[0]
        self.demand_max = self._tokens(len(self.item), self.price_min)
        return self.demand_min <= budget < self.demand_max

    def base(self, price: float) -> tuple[float, float]:
        """Return tokens and weighted success of all queries, the dearer steps taken."""
        if self._base is None or self._base[0] != price:
            tokens, value = self._ask(_settled, price)
            self._base = price, tokens, value
            if price > 0:
                self._remember(price, tokens)
        return self._base[1:]

    def _ask(self, formula: Formula, *prices: float) -> tuple[float, float]:
        self.looks += 1
        return sum_chunked(formula, self.problem.envelope, *prices, self._top)

    def _remember(self, price: float, asked: float) -> None:
        if float(np.log(price)) not in self._logs:
            self._logs.append(float(np.log(price)))
            self._asked.append(asked)

    def first_funded(self, count: int) -> np.ndarray:
        """Return which queries the dearer steps and the first ``count`` fund, boolean, (n,)."""
        funded = np.asarray(self.problem.envelope.abandonment_price) > self._top
        funded[self.item[:count]] = True
        return funded

    def _tokens(self, count: int, price: float) -> float:
        more = self._taken(count, price).tokens - self.ranked.start[:count]
        return self._interpolated(float(np.log(price))) + float(more.sum())

    def _interpolated(self, log: float) -> float:
        """Return what the dearer steps ask for: the parabola through the three nearest looks."""
        near = np.argsort(np.abs(np.array(self._logs) - log), kind="stable")[:3]
        logs, asked = np.array(self._logs)[near], np.array(self._asked)[near]
        found = 0.0
        for k, at in enumerate(logs):
            others = np.delete(logs, k)
            found += asked[k] * float(np.prod((log - others) / (at - others)))
        return found


def clear(problem: AllocationProblem) -> tuple[DemandCurve, float]:
    """Return a feasible problem's demand and its clearing price, exact to rounding.

    Parameters
    ----------
    problem
        Of n >= 1 queries. Of a large batch of curves the demand is a `SampledBracket`.
    """
    envelope = problem.envelope
    if fits_in_chunk(len(problem)) or envelope.vertices() is not None:
        demand = demand_curve(problem)
        return demand, MarketClearing(demand).clear(problem.spendable).price
    window = _window(problem, envelope)
    if window is None and sum_chunked(_most, envelope) <= problem.spendable:
        return SampledBracket(problem, 0.0, 0.0), 0.0
    price = np.inf
    for _ in range(_LOOKS if window is not None else 0):
        assert window is not None
        before, price = price, MarketClearing(window).clear(problem.spendable).price
        if abs(price - before) <= _EXACT * price:
            return window, price  # it was looked at itself
        window.base(price)
    demand = demand_curve(problem)  # next to no price, or demand too ragged to interpolate
    return demand, MarketClearing(demand).clear(problem.spendable).price


def _window(problem: AllocationProblem, envelope: Any) -> SampledBracket | None:
    """Find a narrow window that holds the clearing price; ``None`` where that is next to zero."""
    n, budget = len(problem), problem.spendable
    rows = np.random.default_rng(_SEED).integers(0, n, _SAMPLE)
    sample = problem.part(rows, budget * len(rows) / n)
    if not sample.feasible:
        return None
    demand = TangentDemand(sample)
    table = MarketClearing(demand)
    guess = table.clear(sample.spendable).price
    if guess <= 0.0:
        return None
    asked = sum_chunked(_asked, envelope, guess, float(np.nextafter(guess, 0.0)))
    near = [guess * (1 - _STEP), guess * (1 + _STEP)]
    cheap, dear = (demand.tokens(demand.dearer_than(price), price) for price in near)
    elasticity = max(cheap - dear, TINY) * (n / len(rows)) / (2 * _STEP)
    correction = float(np.clip((asked - budget) / elasticity, -_WIDEST, _WIDEST))
    price, half = guess * np.exp(correction), max(_SHARE * abs(correction), _NARROW)
    while half < _WIDEST:
        window = SampledBracket(problem, price * (1 - half), price * (1 + half))
        if window.holds(budget):
            return window
        half *= _WIDEN
    return None


def _between(prices: np.ndarray, bottom: float, top: float) -> np.ndarray:
    """Return the rows whose price lies between two prices, both included, and is above zero."""
    found = []
    for first in range(0, len(prices), BLOCK_QUERIES):  # a block at a time stays in cache
        part = prices[first : first + BLOCK_QUERIES]
        found.append(first + np.flatnonzero((part >= bottom) & (part <= top) & (part > 0)))
    return np.concatenate(found)


def _most(envelope: CurveEnvelope) -> Array:
    return envelope.end


def _asked(envelope: CurveEnvelope, price: Array, top: Array) -> Array:
    """Return the tokens of every query, those whose step is dearer than ``top`` funded."""
    xp = namespace(envelope.start, price)
    return xp.where(envelope.abandonment_price > top, envelope.funded_caps(price), envelope.start)


def _asked_twice(
    envelope: CurveEnvelope, price: Array, other: Array, top: Array
) -> tuple[Array, Array]:
    """Return them at two prices, for one reading of the batch."""
    return _asked(envelope, price, top), _asked(envelope, other, top)


def _settled(envelope: CurveEnvelope, price: Array, top: Array) -> tuple[Array, Array]:
    """Return the same tokens, and the weighted success they buy."""
    tokens = _asked(envelope, price, top)
    return tokens, envelope.weight * envelope.curves.value(tokens)

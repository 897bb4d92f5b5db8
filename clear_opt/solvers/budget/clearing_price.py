"""Which price clears a budget, asked many times of one demand.

Demand at a few breakpoints is kept in a table that all searches share and add to. Between two
entries of it the steps are known without looking, and only the smooth growth of what was taken
before is not; it is assumed to be linear, which says almost exactly where a budget falls. One or
two evaluations then prove it.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import Literal, NamedTuple

import numpy as np

from clear_opt._numerics.root_finding import decreasing_root, middle_price
from clear_opt.solvers.budget.demand import LISTED, BlockDemand, DemandCurve

Measure = Literal["tokens", "value"]

_PATIENCE = 4  # evaluations after which a bracket must have halved, or is halved


class Clearing(NamedTuple):
    """Where a level of tokens, or of value, falls on a demand."""

    price: float
    """The clearing price, weighted success per token, >= 0."""
    above: int
    """Steps taken in full: those dearer than the price."""
    upto: int
    """Those and the ones at the price itself, which the level need not pay for in full."""


class MarketClearing:
    """Clearing prices of many levels of one demand.

    Parameters
    ----------
    demand
        Of any problem.
    measure
        Whether levels count tokens, or the relaxed problem's value (weighted success).
    entries
        Breakpoints to tabulate before the first search; more of them pay off for many searches.
    """

    def __init__(self, demand: DemandCurve, measure: Measure = "tokens", entries: int = 0) -> None:
        self.demand = demand
        tokens = measure == "tokens"
        self._amount = demand.tokens if tokens else demand.value
        step = demand.d_tokens if tokens else demand.d_value
        groups = len(demand.prices)
        climbed = np.concatenate([[0.0], np.cumsum(step)])
        self._jumps = climbed[demand.counts]  # of all steps dearer than each price
        self._least = demand.demand_min if tokens else demand.value_min
        self._most = demand.demand_max if tokens else demand.value_max
        # Above the dearest step are the floors alone; below the cheapest, at no price, is it all.
        self._known, self._above = [0, groups], [self._least, self._most]
        if entries:
            for group in np.unique(np.linspace(0, groups, entries + 2).astype(int)[1:-1]):
                if 0 < group < groups:
                    self._tabulate(int(group))

    def clear(self, level: float) -> Clearing:
        """Find the price at which the demand meets a level, at least that of the floors.

        Where a range of prices does, it is the lowest of them: the choice of `clear_opt.solve`.
        """
        demand = self.demand
        if self._most <= level or not len(demand.prices):
            return Clearing(0.0, len(demand.item), len(demand.item))
        group, beyond, above, most = self._bracket(level)
        upto = above + self._jump(group)
        price = float(demand.prices[group])
        if upto >= level:
            return Clearing(price, int(demand.counts[group]), int(demand.counts[group + 1]))
        count = int(demand.counts[group + 1])
        bracket = self._price(beyond), price, most - level, upto - level
        return Clearing(self._price_at(level, count, *bracket), count, count)

    def price_for_level(self, level: float, count: int, price: float) -> float:
        """Find the price, at most the one given, at which some steps alone meet a level.

        The first ``count`` steps are taken and no others; they ask for less than the level at the
        price given. Where they never meet it, the answer is zero.
        """
        at_none = self._amount(count, 0.0) - level
        at_price = self._amount(count, price) - level
        if at_none <= 0 or at_price >= 0:
            return 0.0 if at_none <= 0 else price
        return self._price_at(level, count, 0.0, price, at_none, at_price)

    def _price_at(
        self, level: float, count: int, low: float, high: float, at_low: float, at_high: float
    ) -> float:
        """Find the lowest price at which the first ``count`` steps ask for no more than a level."""
        if isinstance(self.demand, BlockDemand):
            return self._block_price(self.demand, level, count, low, high)
        return decreasing_root(lambda p: self._amount(count, p) - level, low, high, at_low, at_high)

    def _block_price(
        self, demand: BlockDemand, level: float, count: int, low: float, high: float
    ) -> float:
        """Narrow the bracket until its blocks can be listed; one of them is the first too many."""
        asked = demand.tokens(count, low), demand.tokens(count, high)
        while asked[0] - asked[1] > LISTED * demand.block:
            middle = float(middle_price(low, high))
            if not low < middle < high:
                return high
            within = self._amount(count, middle) <= level
            low, high = (low, middle) if within else (middle, high)
            asked = demand.tokens(count, low), demand.tokens(count, high)
        blocks = demand.blocks_between(count, low, high)
        step = demand.block if self._amount == demand.tokens else blocks.rise
        reached = self._amount(count, high) + np.cumsum(np.broadcast_to(step, blocks.rise.shape))
        beyond = np.flatnonzero(reached > level)
        return float(blocks.prices[beyond[0]]) if len(beyond) else low

    def _bracket(self, level: float) -> tuple[int, int, float, float]:
        """Find the cheapest price above which the level is not exceeded, and the next one."""
        known, tries, width = self._known, 0, np.inf
        while True:
            place = bisect_right(self._above, level) - 1
            low, high = known[place], known[place + 1]
            above, most = self._above[place], self._above[place + 1]
            if high - low == 1 or above + self._jump(low) > level:
                return low, high, above, most
            if high - low <= 0.5 * width:
                tries, width = 0, high - low
            tries += 1
            middle = (low + high) // 2
            self._tabulate(
                self._interpolate(level, low, high, above, most) if tries <= _PATIENCE else middle
            )

    def _interpolate(self, level: float, low: int, high: int, above: float, most: float) -> int:
        """Return at which breakpoint of a bracket the level falls by quadratic interpolation.

        It goes through the entries at both ends and the nearest one beyond them.
        """
        between = slice(low + 1, high)
        upto = above + self._jump(low)
        jumps = self._jumps[between] - self._jumps[low + 1]
        grown = most - upto - self._cumulative_jump(low + 1, high)
        fallen = self._price(low) - self.demand.prices[between]
        whole = self._price(low) - self._price(high)
        smooth = grown * fallen / whole
        place = bisect_right(self._known, low) - 1
        if place > 0:
            before = self._known[place - 1]
            risen = self._price(before) - self._price(low)
            rate = (above - self._above[place - 1] - self._cumulative_jump(before, low)) / risen
            # Newton's form: the chord of the bracket, bent so that it meets the entry before.
            smooth = smooth - fallen * (whole - fallen) * (grown / whole - rate) / (whole + risen)
        expected = upto + jumps + np.clip(smooth, 0.0, max(grown, 0.0))
        beyond = int(np.argmax(expected > level))
        if expected[beyond] <= level:
            return high - 1
        return low + max(beyond, 1)

    def _tabulate(self, group: int) -> None:
        amount = self._amount(int(self.demand.counts[group]), float(self.demand.prices[group]))
        place = bisect_right(self._known, group)
        self._known.insert(place, group)
        # Kept rising whatever the last digits of sums of different length say.
        amount = min(max(amount, self._above[place - 1]), self._above[place])
        self._above.insert(place, amount)

    def _jump(self, group: int) -> float:
        return self._cumulative_jump(group, group + 1)

    def _cumulative_jump(self, group: int, other: int) -> float:
        return float(self._jumps[other] - self._jumps[group])

    def _price(self, group: int) -> float:
        prices = self.demand.prices
        return float(prices[group]) if group < len(prices) else self.demand.price_min

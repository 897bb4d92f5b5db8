"""Whole caps around the break item: which of the queries near it are funded, and at what price.

At the clearing price every choice is settled but for the queries that break even there. The value
of a funded set follows from the price to second order: the tokens it leaves over (or lacks) move
the price by their number over the slope of demand. So all sets that differ around the break item
are compared by a few sums, and only the best are spent and rounded.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from clear_opt._numerics.array_namespace import Array, namespace
from clear_opt._numerics.blocks import NEARLY, floor_to_block
from clear_opt._numerics.chunked import fits_in_chunk, map_chunked
from clear_opt.defaults import EXACT_PATTERNS, NEGLIGIBLE_GAP
from clear_opt.envelopes.concave import CurveEnvelope
from clear_opt.problem import AllocationProblem
from clear_opt.solvers.budget.demand import TangentDemand

_TRIED = 2  # sets spent and rounded: the best by the estimate is nearly always the best
_QUANTILES = 1 << 14  # gains of a sample that tells about where the last one chosen lies
_PATTERNS = ((np.arange(1 << EXACT_PATTERNS)[:, None] >> np.arange(EXACT_PATTERNS)) & 1) * 1.0


class PrimalCandidate(NamedTuple):
    """Caps and what is known about them."""

    tokens: np.ndarray
    """Whole-block caps within the budget, int64, shape (n,)."""
    value: float
    """Their weighted success; of a large batch, what it would be but for whole blocks."""
    bound: float
    """The dual bound at the price: no allocation within the budget is worth more."""

    @property
    def good_enough(self) -> bool:
        """Whether a longer search is not worth its while."""
        return self.bound - self.value <= NEGLIGIBLE_GAP * self.bound


class _ActiveSets(NamedTuple):
    """Funded sets that differ around the margin, the most promising first."""

    first: int
    """Steps of the demand that belong to every set."""
    on: np.ndarray
    """Which of the steps after them are funded, boolean, shape (p, k)."""
    price: np.ndarray
    """Price at which each spends the budget, shape (p,)."""
    value: np.ndarray
    """What each is worth then, shape (p,)."""
    bound: float
    """The dual bound at the price."""


def round_near_break_item(
    problem: AllocationProblem, demand: TangentDemand, price: float
) -> PrimalCandidate | None:
    """Spend the budget on the best funded sets around the margin.

    Parameters
    ----------
    problem
        A feasible problem of n >= 1 queries.
    demand
        Of the problem, or of the same one with another budget.
    price
        Clearing price, weighted success per token, >= 0.

    Returns
    -------
    PrimalCandidate, or ``None`` where rounding down leaves more than a block for each funded query.
    """
    sets = _compare(problem, demand, price)
    best: PrimalCandidate | None = None
    for k in range(len(sets.value)):
        if best is not None and best.good_enough:
            break
        funded = _funded(demand, sets.first, sets.on[k])
        tokens = _rounded(problem, funded, float(sets.price[k]))
        if tokens is not None:
            value = float(sets.value[k])
            if fits_in_chunk(len(problem)):
                value = float(problem.utility(tokens).sum())
            if best is None or value > best.value:
                best = PrimalCandidate(tokens, value, max(sets.bound, value))
    return best


def _compare(problem: AllocationProblem, demand: TangentDemand, price: float) -> _ActiveSets:
    """Rank the funded sets by what they are worth once the budget is spent."""
    steps, above = len(demand.item), demand.dearer_than(price)
    first = max(min(above - EXACT_PATTERNS // 2, steps - EXACT_PATTERNS), 0)
    if price == 0.0:  # everybody is funded, and nobody is at a margin
        first = steps
    stop = min(first + EXACT_PATTERNS, steps)
    base, base_value = demand.base(price)
    taken, ranked = demand.taken(stop, price), demand.ranked
    more = taken.tokens - ranked.start[:stop]
    gained = demand.utility(taken, taken.tokens) - ranked.start_value[:stop]
    settled, worth = base + float(more[:first].sum()), base_value + float(gained[:first].sum())
    more, gained = more[first:], gained[first:]
    on = _PATTERNS[: 1 << len(more), : len(more)]
    left = problem.spendable - settled - on @ more
    respent = demand.respend(first, price, settled, left)
    value = worth + on @ gained + respent.worth
    pays = np.maximum(gained - price * more, 0.0).sum()
    order = np.argsort(-value, kind="stable")[:_TRIED]
    bound = worth + float(pays) + price * (problem.spendable - settled)
    return _ActiveSets(first, on[order] > 0, respent.price[order], value[order], bound)


def _funded(demand: TangentDemand, first: int, on: np.ndarray) -> np.ndarray:
    """Return which queries a set funds, boolean, shape (n,)."""
    funded = demand.first_funded(first)
    funded[demand.item[first : first + len(on)][on]] = True
    return funded


def _rounded(problem: AllocationProblem, funded: np.ndarray, price: float) -> np.ndarray | None:
    """Fund a set at a price, in whole blocks that spend the budget."""
    block = problem.block
    queries = (problem.envelope, problem.floor, problem.ceiling, funded)
    caps, gain = map_chunked(_whole_caps, queries, price, block, block)
    left = int((problem.spendable - int(caps.sum())) // block)
    if left < 0:
        caps, gain = map_chunked(_whole_caps, queries, price, block, -block)
        if -left > np.count_nonzero(gain > -np.inf):
            return None
    elif left > np.count_nonzero(funded) and price > 0:
        return None
    moved = _top_k_mask(gain, abs(left), -np.inf if left < 0 else 0.0)
    np.add(caps, block if left > 0 else -block, out=caps, where=moved)
    return caps


def _top_k_mask(gain: np.ndarray, count: int, least: float) -> np.ndarray:
    """Return which gains are the ``count`` greatest of those above ``least``, boolean, (n,)."""
    worthy = gain > least
    if count >= (most := np.count_nonzero(worthy)):
        return worthy
    if count == 0:
        return np.zeros_like(worthy)
    above, between = 0, gain[:0]
    if not fits_in_chunk(len(gain)):
        above, between = _near_the_last(gain, count / most, least)
    if not above < count <= above + len(between):
        above, between = 0, gain[worthy]
    place = len(between) - (count - above)
    last = np.partition(between, place)[place]
    chosen = gain >= last
    if (beyond := np.count_nonzero(chosen) - count) > 0:  # of equal gains the first are chosen
        chosen[np.flatnonzero(gain == last)[-beyond:]] = False
    return chosen


def _near_the_last(gain: np.ndarray, share: float, least: float) -> tuple[int, np.ndarray]:
    """Return the gains among which the last chosen one is, and how many are above them.

    It lies between two quantiles of a sample, so that few of millions need to be sorted.
    """
    sample = gain[:: max(len(gain) // _QUANTILES, 1)]
    sample = np.sort(sample[sample > least])
    place, spread = len(sample) * (1 - share), 4 * np.sqrt(len(sample))
    low = sample[int(place - spread)] if 0 < place - spread < len(sample) else least
    high = sample[int(place + spread)] if place + spread < len(sample) else np.inf
    return int(np.count_nonzero(gain > high)), gain[(gain > low) & (gain <= high)]


def _whole_caps(
    queries: tuple[CurveEnvelope, Array, Array, Array], price: Array, block: Array, step: Array
) -> tuple[Array, Array]:
    """Return caps in whole blocks, and what a step from there gains where it can be taken."""
    envelope, floor, ceiling, funded = queries
    xp = namespace(floor, funded)
    caps = floor_to_block(envelope.response_if_funded(price), block, NEARLY)
    caps = xp.where(funded, xp.clip(caps, floor, ceiling), floor)
    moved = xp.clip(caps + step, floor, ceiling)
    gain = envelope.weight * (envelope.curves.value(moved) - envelope.curves.value(caps))
    return caps.astype(xp.int64), xp.where(funded & (moved != caps), gain, -xp.inf)

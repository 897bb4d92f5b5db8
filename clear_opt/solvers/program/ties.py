"""The best state of each query at prices, and which one where several are equally good.

Of identical queries all have the same best state, and all of them in it use far more or far less
than the rows allow. Those at a tie are shared out by a vertex of the relaxed program, where at most
as many are split as there are rows (Shapley-Folkman; the mathematics, section 10).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from clear_opt.solvers.program.branch_and_bound import relaxed_choice
from clear_opt.solvers.program.lagrangian import LagrangianDual, ReducedValues

_TIE = 1e-7  # of the greatest success; states closer than this count as tied
_FEW = 8  # tied queries of which all choices are tried anyway
_MANY = 2_000  # tied queries beyond which the linear program takes longer than all else
_ROOM = 1e-6  # by how much rows may be exceeded, relative: responses are exact to the prices only


class BestStates(NamedTuple):
    """The best two states of each query, indices into the 2 K states of its dual, shape (n,)."""

    first: np.ndarray
    second: np.ndarray
    loss: np.ndarray
    """Success net of prices that the second costs, ``inf`` where there is none, shape (n,)."""
    use: np.ndarray
    """What every state uses of each row, sign-normalised, shape (m, 2 K, n)."""
    give: np.ndarray
    """How fast the use of each row falls in its price, shape (m,): what others can give."""

    def nearest(self, count: int) -> np.ndarray:
        """Return the queries whose choice costs least to change, at most ``count``.

        Of those at a tie all kinds come first, and then again: what many of one kind can do, few
        of them can.
        """
        tied, rank = np.flatnonzero(self.loss == 0), np.zeros(len(self.loss), dtype=np.int64)
        if len(tied) > 1:
            first, second = self.first[tied], self.second[tied]
            change = self.use[:, second, tied] - self.use[:, first, tied]
            kinds = np.stack([first, second, *change])
            order = np.lexsort(kinds)
            starts = (np.diff(kinds[:, order], axis=1) != 0).any(axis=0)
            begin = np.maximum.accumulate(np.append(0, starts * np.arange(1, len(tied))))
            rank[tied[order]] = np.arange(len(tied)) - begin
        order = np.lexsort((rank, self.loss))[:count]
        return order[np.isfinite(self.loss[order])]


def best_choice(dual: LagrangianDual, prices: np.ndarray) -> BestStates:
    """Return the best two states of each query at prices; of many tied ones a vertex's.

    Parameters
    ----------
    dual
        A program whose relaxation is feasible, n >= 1 queries.
    prices
        Of its rows, shape (m,).
    """
    priced = dual.price_states(prices)
    payoff, query = priced.payoff, np.arange(priced.payoff.shape[1])
    use = np.concatenate([dual.funded_use(priced.funded), dual.idle_use], axis=1)
    first = _shared_out(dual, prices, priced, use)
    others = payoff.copy()
    others[first, query] = -np.inf
    second = others.argmax(axis=0)
    loss = payoff[first, query] - others[second, query]
    tie = _TIE * max(offered.utility_top for offered in dual.free_choices)
    give = np.zeros(dual.m)
    for k, state in enumerate(dual.decided().price_states(prices).funded):
        give += (dual.rate[:, k] ** 2) @ np.where(first == k, state.curvature[0], 0.0)
    return BestStates(first, second, np.where(loss <= tie, 0.0, loss), use, give)


def _shared_out(
    dual: LagrangianDual, prices: np.ndarray, priced: ReducedValues, use: np.ndarray
) -> np.ndarray:
    """Return the best state of each query, those at a tie as in a vertex of the relaxed program."""
    payoff, best = priced.payoff, priced.payoff.argmax(axis=0)
    top = payoff.max(axis=0)
    tied = payoff >= top - _TIE * max(offered.utility_top for offered in dual.free_choices)
    among = np.flatnonzero(tied.sum(axis=0) > 1)
    if not _FEW < len(among) <= _MANY:
        return best
    owner, state = np.nonzero(tied[:, among].T)
    alone = np.flatnonzero(tied.sum(axis=0) == 1)
    left = dual.limits - use[:, best[alone], alone].sum(axis=1)
    uses = use[:, state, among[owner]]
    worth = payoff[state, among[owner]] + prices @ uses
    found = relaxed_choice(worth, uses, left, owner, room=_ROOM)
    if found is None:
        return best
    # The largest share of each query, which comes last where shares rise.
    order = np.lexsort((found[1], owner))
    last = order[np.searchsorted(owner[order], np.arange(len(among)), side="right") - 1]
    best = best.copy()
    best[among] = state[last]
    return best

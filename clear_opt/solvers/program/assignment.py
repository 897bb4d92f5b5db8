"""Whole caps for a program: which offer each query takes, at what cap, and what that uses."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from clear_opt.problem.allocation import IDLE
from clear_opt.problem.constraints import FundedShare, Guarantee
from clear_opt.solvers.program.lagrangian import LagrangianDual
from clear_opt.solvers.program.offer_responses import OfferChoices
from clear_opt.solvers.program.reserve_lines import reserves

_WITHIN = 1e-12  # relative; what a sum of fractions of money may exceed a limit by in rounding


@dataclass(frozen=True, eq=False)
class Assignment:
    """One offer and one cap for each query.

    Attributes
    ----------
    dual
        The program's rows and states.
    offer
        Index of the offer, `IDLE` for none, int64, shape (n,).
    caps
        Tokens, shape (n,): at least the floor; 0 where idle.
    """

    dual: LagrangianDual
    offer: np.ndarray
    caps: np.ndarray

    def utility(self) -> np.ndarray:
        """Return the weighted success of each query, shape (n,)."""
        found = np.zeros(len(self.offer))
        for k, offered in enumerate(self.dual.free_choices):
            here = self.offer == k
            if here.any():
                found[here] = offered.utility_at(self.caps)[here]
        # An idle query has what no tokens bring, by its first offer.
        idle = self.offer == IDLE
        found[idle] = self.dual.idle_value[0][idle]
        return found

    def funded(self) -> np.ndarray:
        """Return which queries have at least their break-even cap, if only as a floor, (n,)."""
        found = np.zeros(len(self.offer), dtype=bool)
        for k, offered in enumerate(self.dual.free_choices):
            found |= (self.offer == k) & _funded(offered, self.caps)
        return found

    def use(self) -> np.ndarray:
        """Return what each query uses of each row, sign-normalised, shape (m, n)."""
        found = np.zeros((self.dual.m, len(self.offer)))
        for k in range(len(self.dual.free_choices)):
            here = self.offer == k
            if here.any():
                found = np.where(here, use_of(self.dual, k, self.caps), found)
        return found

    def variance(self) -> np.ndarray:
        """Return the variance of what is used of each row, in squared units, shape (m,)."""
        dual, found = self.dual, np.zeros(self.dual.m)
        for k, offered in enumerate(dual.free_choices):
            own = np.where(self.offer == k, offered.variance_at(self.caps), 0.0)
            found += (dual.rate[:, k] ** 2) @ own
        return found

    def slack(self) -> np.ndarray:
        """Return how much of each row is left, in its units; negative where it is broken; (m,).

        What chance bounds keep back is counted as it is, whatever line the dual has for it.
        """
        left = self.dual.limits - self.use().sum(axis=1)
        if self.dual.program.overrun_probability is not None:
            left += self.charged() - self.reserve()
        return left

    def reserve(self) -> np.ndarray:
        """Return what chance bounds keep back of each row, in its units, shape (m,)."""
        return reserves(self.dual, self.variance())

    def charged(self) -> np.ndarray:
        """Return what the dual's line keeps back of each row instead, shape (m,)."""
        margin = self.dual.reserve
        return np.zeros(self.dual.m) if margin is None else margin.at(self.variance())

    def keeps_all_rows(self) -> bool:
        """Whether every row holds, up to the rounding of sums of fractions."""
        return bool((self.slack() >= -_WITHIN * np.abs(self.dual.limits)).all())


def best_of(found: Iterable[Assignment | None]) -> Assignment | None:
    """Return the assignment of greatest success; ``None`` where there is none."""
    there = [one for one in found if one is not None]
    return max(there, key=lambda one: one.utility().sum(), default=None)


def use_of(dual: LagrangianDual, k: int, caps: np.ndarray) -> np.ndarray:
    """Return what queries use of each row at caps in one offer, sign-normalised.

    What a guarantee grants counts as far as it can be used: no tokens past a peak that lies within
    a block, and a part only of the fixed use where a cap is below break-even. Else whole caps could
    grant more than any mixture of states, and the dual bound would be none.

    Parameters
    ----------
    dual
        The program's rows.
    k
        Index of the offer.
    caps
        Tokens, shape (..., n).

    Returns
    -------
    Shape (m, ..., n).
    """
    offered, found = dual.free_choices[k], np.empty((dual.m, *caps.shape))
    spend = offered.spend_at(caps)
    for index, row in enumerate(dual.rows):
        rate, fixed = dual.rate[index, k], dual.fixed[index, k]
        if isinstance(row, FundedShare):
            found[index] = _funded(offered, caps) * fixed
        elif isinstance(row, Guarantee):
            found[index] = rate * np.minimum(spend, offered.most)
            found[index] += fixed * _begun(dual, offered, spend)
        else:
            found[index] = rate * spend + fixed
            if dual.reserve is not None:
                found[index] += dual.variance_rate[index, k] * offered.variance_at(caps)
        found[index] *= dual.sign[index]
    return found


def _funded(offered: OfferChoices, caps: np.ndarray) -> np.ndarray:
    return (offered.can_fund & (caps >= offered.breakeven_cap)) | offered.floor_funds


def _begun(dual: LagrangianDual, offered: OfferChoices, spend: np.ndarray) -> np.ndarray:
    """Return the part of the way to break-even, at most 1; 1 for those with a floor, (..., n)."""
    way = offered.least - offered.start
    part = np.where(way > 0, (spend - offered.start) / np.where(way > 0, way, 1.0), 1.0)
    return np.where(dual.program.floor > 0, 1.0, np.clip(part, 0.0, 1.0))

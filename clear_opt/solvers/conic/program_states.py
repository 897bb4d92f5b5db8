"""The states of a program's queries in cvxpy: how much of each query is in which state.

A query is spread over its states (`LagrangianDual`): idle, or funded by an offer. Each block below
holds the shares of many states at once and says what they use of each row and what they are worth.
Of finitely many states a share each is all there is; with a surge or a quadratic a funded share
comes with its rise above the threshold, and the perspective of `cone_forms` makes it exact.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, NamedTuple, cast

import cvxpy as cp
import numpy as np
from scipy.sparse import csr_matrix

from clear_opt.curves.threshold import ThresholdCurve
from clear_opt.errors import InvalidInputError
from clear_opt.solvers.conic.cone_forms import cone_form
from clear_opt.solvers.conic.cvxpy_terms import at_most, numbers
from clear_opt.solvers.program.lagrangian import LagrangianDual
from clear_opt.solvers.program.offer_responses import ContinuousChoices, OfferChoices


class Units(NamedTuple):
    """What counts as one inside the convex program."""

    rows: np.ndarray
    """Units of each row, shape (m,)."""
    value: float
    """Weighted success."""


class StateShares(ABC):
    """Shares of many states of one kind.

    Attributes
    ----------
    query
        Whose state each is, shape (states,).
    share
        The shares, a variable of shape (states,).
    use
        What they use of each row together, scaled, shape (m,).
    value
        What they are worth together, scaled.
    constraints
        What ties the block's own variables to each other.
    """

    query: np.ndarray
    share: cp.Variable
    use: cp.Expression
    value: cp.Expression
    constraints: list[cp.Constraint]

    def owner(self, n: int) -> csr_matrix:
        """Return which state is whose, ones in shape (n, states)."""
        size = len(self.query)
        return csr_matrix((np.ones(size), (self.query, np.arange(size))), (n, size))

    @abstractmethod
    def reached(self) -> float:
        """Return the solved block's value in weighted success, recomputed from its variables."""


class FixedStates(StateShares):
    """States with one use and one value each: rests, and points.

    Parameters
    ----------
    query
        Whose state each is, shape (states,).
    use
        What a whole share uses of each row, sign-normalised, shape (m, states).
    worth
        Weighted success of a whole share, shape (states,).
    """

    def __init__(self, query: np.ndarray, use: np.ndarray, worth: np.ndarray, unit: Units) -> None:
        self.query, self.worth = query, worth
        self.share = cp.Variable(len(query), nonneg=True)
        self.use = (use / unit.rows[:, None]) @ self.share
        self.value = (worth / unit.value) @ self.share
        self.constraints = []

    def reached(self) -> float:
        """Return the worth of the shares found."""
        return float(self.worth @ np.clip(numbers(self.share), 0.0, 1.0))


class RisingStates(StateShares):
    """Funded states of an offer whose curve is a surge or a quadratic: a share and a rise each.

    The rise is the share times the distance above the threshold in widths, y = beta (b - tau). It
    stays between what the offer's least and most spend allow: where a guarantee or a funded share
    pays queries to be funded, nothing else would.
    """

    def __init__(
        self, dual: LagrangianDual, k: int, offered: ContinuousChoices, unit: Units
    ) -> None:
        curves, model = cast(ThresholdCurve, offered.curves), cone_form(offered.curves)
        assert model is not None
        self.query = query = np.flatnonzero(offered.can_fund)
        tau, beta = (np.asarray(part)[query] for part in (curves.tau, curves.beta))
        least = np.clip(beta * (offered.least[query] - tau), 0.0, 1.0)
        self.most = np.clip(beta * (offered.most[query] - tau), 0.0, 1.0)
        self.height = offered.weight[query] * np.asarray(curves.height)[query]
        self.share = cp.Variable(len(query), nonneg=True)
        self.rise = cp.Variable(len(query), nonneg=True)
        self._shape = model.value
        gain, shape = model.constrain(self.share, self.rise, model.bound(least))
        sign = dual.sign[:, None] / unit.rows[:, None]
        rate, fixed = sign * dual.rate[:, k, query], sign * dual.fixed[:, k, query]
        self.use = (rate * tau + fixed) @ self.share + (rate / beta) @ self.rise
        self.value = (self.height / unit.value) @ gain
        self.constraints = [at_most(self.rise, cp.multiply(self.most, self.share)), *shape]

    def reached(self) -> float:
        """Return the worth of the shares and rises found."""
        share = np.clip(numbers(self.share), 1e-300, 1.0)
        rise = np.clip(numbers(self.rise), 0.0, self.most * share)
        return float(self.height @ self._shape(share, rise))


def blocks_of(dual: LagrangianDual, unit: Units) -> list[StateShares]:
    """Return all states of all queries.

    Raises
    ------
    InvalidInputError
        Naming the family that has no convex program, and what to do.
    """
    choices: Any = dual.free_choices
    found: list[StateShares] = [_rests(dual, unit)]
    for k, offered in enumerate(choices):
        if offered.table is None and not offered.curves.piecewise_linear:
            found.append(RisingStates(dual, k, offered, unit))
        else:
            found.append(_points(dual, k, offered, unit))
    return [block for block in found if len(block.query)]


def check_families(dual: LagrangianDual) -> None:
    """Refuse curves without a convex program.

    Raises
    ------
    InvalidInputError
        Naming the offer, the family and the remedy.
    """
    for offer, offered in zip(dual.program.offers, dual.free_choices, strict=True):
        if not _is_exact(offered):
            raise InvalidInputError(
                f"{type(offer.curves).__name__} has no exact convex program where caps count",
                column=f"curves of {offer.name!r}",
                remedy="use solver='dual', which takes every family, or tabulate the curve as a "
                "TabularCurve",
            )


def _is_exact(offered: Any) -> bool:
    if offered.table is not None or offered.curves.piecewise_linear:
        return True
    return cone_form(offered.curves) is not None


def _rests(dual: LagrangianDual, unit: Units) -> StateShares:
    offered, query = np.nonzero(dual.can_idle)
    return FixedStates(
        query, dual.idle_use[:, offered, query], dual.idle_value[offered, query], unit
    )


def _points(dual: LagrangianDual, k: int, offered: OfferChoices, unit: Units) -> StateShares:
    """Return the funded states of an offer that has finitely many that matter."""
    if offered.table is not None:
        _, spend, variance, value, usable = offered.table
        # A point may be named twice; once is enough.
        same = [np.diff(table, axis=1) == 0 for table in (spend, variance, value)]
        again = np.logical_and.reduce(same) & usable[:, :-1]
        usable = np.concatenate([usable[:, :1], usable[:, 1:] & ~again], axis=1)
    else:
        # A line from the threshold to its peak: funded is funded fully.
        spend, variance = offered.most[:, None], np.zeros((len(offered.most), 1))
        value, usable = offered.utility_at(offered.most)[:, None], offered.can_fund[:, None]
    query, column = np.nonzero(usable)
    use = (
        dual.rate[:, k, query] * spend[query, column]
        + dual.variance_rate[:, k, query] * variance[query, column]
        + dual.fixed[:, k, query]
    )
    return FixedStates(query, dual.sign[:, None] * use, value[query, column], unit)

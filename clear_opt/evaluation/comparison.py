"""Compare the shadow price with what people do without one, on rollouts held out of training."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from clear_opt.errors import InvalidInputError
from clear_opt.evaluation.replay_data import ReplayData
from clear_opt.policies import oracle, proportional, spread_leftover, uniform
from clear_opt.problem import AllocationProblem
from clear_opt.solvers import solve

if TYPE_CHECKING:
    from clear_opt.curves import Curve
    from clear_opt.rollouts import Rollouts


@dataclass(frozen=True, eq=False, repr=False)
class Comparison:
    """What each way to spend one budget brings on recorded answers.

    Attributes
    ----------
    budget : float
        Tokens for all caps together.
    answered : mapping of str to array, shape (n,)
        For each policy of `POLICY_NAMES` the share of every query's samples that are correct
        within its cap, in [0, 1].
    spend : mapping of str to array, shape (n,)
        For each policy the tokens each query would really have used, shape (n,): answers stop
        before their caps.
    price : float
        Shadow price of the learned allocation, success per token.
    abandoned : float
        Share of the queries it does not fund, in [0, 1].
    gap : float
        Its certified duality gap, as a share of the dual bound.
    """

    budget: float
    answered: Mapping[str, np.ndarray]
    spend: Mapping[str, np.ndarray]
    price: float
    abandoned: float
    gap: float

    @property
    def n(self) -> int:
        """Number of queries."""
        return len(self.answered["learned"])

    @property
    def uniform(self) -> float:
        """Accuracy of equal caps, in [0, 1]."""
        return self.accuracy("uniform")

    @property
    def proportional(self) -> float:
        """Accuracy of caps in proportion to predicted thresholds, in [0, 1]."""
        return self.accuracy("proportional")

    @property
    def learned(self) -> float:
        """Accuracy of the shadow price on the predicted curves, in [0, 1]."""
        return self.accuracy("learned")

    @property
    def informed(self) -> float:
        """Accuracy of the shadow price on the curves that were replay_data, in [0, 1]."""
        return self.accuracy("informed")

    @property
    def oracle(self) -> float:
        """Accuracy of the best that could have been done: see `clear_opt.policies.oracle`."""
        return self.accuracy("oracle")

    def accuracy(self, policy: str) -> float:
        """Return a policy's mean of `answered` over the queries; 0 for an empty batch."""
        return float(self.answered[policy].mean()) if self.n else 0.0

    def __repr__(self) -> str:
        scores = ", ".join(
            f"{name}={self.accuracy(name):.3f}"
            for name in ("uniform", "proportional", "learned", "oracle")
        )
        return f"Comparison(n={self.n}, budget={self.budget:g}, {scores})"


POLICY_NAMES = ("uniform", "proportional", "learned", "informed", "oracle")
"""What is compared: two simple rules, the shadow price on predicted curves, the shadow price on
the curves that were replay_data, and the oracle."""


def compare_policies(
    curves: Curve, query_ids: Sequence[str] | np.ndarray, rollouts: Rollouts, budget: float
) -> Comparison:
    """Allocate a budget by each policy on predicted curves, and replay the caps.

    The learned policy spends what the predicted curves leave over, as uniform caps do too: see
    `clear_opt.policies.spread_leftover`.

    Parameters
    ----------
    curves : Curve
        Predicted curves of the queries, n of them, learned without these queries.
    query_ids : sequence of str
        The queries, shape (n,), n >= 1.
    rollouts : Rollouts
        What happened, of one model.
    budget : float
        Tokens for all queries together, >= 0.

    Raises
    ------
    InvalidInputError
        If a query has no rollout, or if there is not one curve for each query.

    Examples
    --------
    >>> from clear_opt import ShiftedSurge
    >>> from clear_opt.rollouts import Rollouts
    >>> rollouts = Rollouts(["a", "b"], n_tokens=[120, 700], correct=[1, 0])
    >>> curves = ShiftedSurge.from_height(tau=[90, 400], height=[0.9, 0.3], width=[60, 300])
    >>> compare_policies(curves, ["a", "b"], rollouts, budget=200)
    Comparison(n=2, budget=200, uniform=0.000, proportional=0.000, learned=0.500, oracle=0.500)
    """
    return compare_budgets(curves, ReplayData(query_ids, rollouts), [budget])[0]


def compare_budgets(
    curves: Curve, replay_data: ReplayData, budgets: Iterable[float]
) -> list[Comparison]:
    """Compare the policies at several budgets: `compare_policies`, with shared preparation.

    Parameters
    ----------
    curves : Curve
        Predicted curves of the queries, n of them.
    replay_data : ReplayData
        What happened to them.
    budgets : iterable of float
        Each in tokens for all queries together, >= 0.
    """
    if len(curves) != len(replay_data):
        raise InvalidInputError(
            f"has {len(curves)} curves for {len(replay_data)} queries", column="curves"
        )
    true_curves = replay_data.curves()
    return [_compare(curves, true_curves, replay_data, budget) for budget in budgets]


def _compare(
    curves: Curve, true_curves: Curve, replay_data: ReplayData, budget: float
) -> Comparison:
    problem = AllocationProblem(curves, budget=budget)
    learned = solve(problem)
    caps = {
        "uniform": uniform(problem).tokens,
        "proportional": proportional(problem).tokens,
        "learned": spread_leftover(problem, learned).tokens,
        "informed": solve(AllocationProblem(true_curves, budget=budget)).tokens,
        "oracle": oracle(replay_data.query_ids, replay_data.rollouts, budget),
    }
    return Comparison(
        budget=budget,
        answered={name: replay_data.answered(caps[name]) for name in POLICY_NAMES},
        spend={name: replay_data.spend(caps[name]) for name in POLICY_NAMES},
        price=learned.price,
        abandoned=float(np.mean(~learned.funded)),
        gap=learned.relative_gap,
    )


def query_folds(query_ids: Sequence[str] | np.ndarray, k: int, seed: int = 0) -> list[np.ndarray]:
    """Deal the queries at random into ``k`` folds of nearly equal size.

    Folds are of queries, never of rows: rollouts of one query must not stand on both sides.

    Parameters
    ----------
    query_ids : sequence of str
        The queries, each once.
    k : int
        Number of folds, between 2 and the number of queries.
    seed : int, default=0
        The same seed and queries give the same folds.

    Raises
    ------
    InvalidInputError
        If ``k`` does not fit the number of queries.

    Examples
    --------
    >>> [fold.tolist() for fold in query_folds(["a", "b", "c", "d", "e"], k=2)]
    [['c', 'd', 'e'], ['a', 'b']]
    """
    names = np.asarray(query_ids, dtype=object)
    if not 2 <= k <= len(names):
        raise InvalidInputError(
            f"must lie between 2 and the number of queries, {len(names)}", column="k", value=k
        )
    order = np.random.default_rng(seed).permutation(len(names))
    return [names[np.sort(part)] for part in np.array_split(order, k)]

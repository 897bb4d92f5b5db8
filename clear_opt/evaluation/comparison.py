"""Compare the shadow price with what people do without one, on rollouts held out of training."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from clear_opt.errors import InvalidInputError
from clear_opt.evaluation.replay import replay
from clear_opt.policies import oracle, proportional, uniform
from clear_opt.problem import AllocationProblem
from clear_opt.solvers import solve

if TYPE_CHECKING:
    from collections.abc import Sequence

    from clear_opt.curves import Curve
    from clear_opt.rollouts import Rollouts


@dataclass(frozen=True, repr=False)
class Comparison:
    """Replayed accuracy of each way to spend one budget, in [0, 1].

    Attributes
    ----------
    n
        Number of queries.
    budget
        Tokens for all caps together.
    uniform, proportional
        The simple policies: equal caps, and caps in proportion to predicted thresholds.
    learned
        The shadow price on the predicted curves.
    oracle
        The best that could have been done: see `clear_opt.policies.oracle`.
    price
        Shadow price of the learned allocation, success per token.
    abandoned
        Share of the queries it does not fund, in [0, 1].
    """

    n: int
    budget: float
    uniform: float
    proportional: float
    learned: float
    oracle: float
    price: float
    abandoned: float

    def __repr__(self) -> str:
        scores = ", ".join(
            f"{name}={getattr(self, name):.3f}"
            for name in ("uniform", "proportional", "learned", "oracle")
        )
        return f"Comparison(n={self.n}, budget={self.budget:g}, {scores})"


def compare_policies(
    curves: Curve, query_ids: Sequence[str] | np.ndarray, rollouts: Rollouts, budget: float
) -> Comparison:
    """Allocate a budget by each policy on predicted curves, and replay the caps.

    Parameters
    ----------
    curves
        Predicted curves of the queries, n of them, learned without these queries.
    query_ids
        The queries, shape (n,), n >= 1.
    rollouts
        What happened, of one model.
    budget
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
    if len(curves) != len(query_ids):
        raise InvalidInputError(
            f"has {len(curves)} curves for {len(query_ids)} queries", column="curves"
        )
    problem = AllocationProblem(curves, budget=budget)
    learned = solve(problem)
    accuracy = {
        name: replay(tokens, query_ids, rollouts).accuracy
        for name, tokens in {
            "uniform": uniform(problem).tokens,
            "proportional": proportional(problem).tokens,
            "learned": learned.tokens,
            "oracle": oracle(query_ids, rollouts, budget),
        }.items()
    }
    return Comparison(
        n=len(query_ids),
        budget=budget,
        price=learned.price,
        abandoned=float(np.mean(~learned.funded)),
        **accuracy,
    )


def query_folds(query_ids: Sequence[str] | np.ndarray, k: int, seed: int = 0) -> list[np.ndarray]:
    """Deal the queries at random into ``k`` folds of nearly equal size.

    Folds are of queries, never of rows: rollouts of one query must not stand on both sides.

    Parameters
    ----------
    query_ids
        The queries, each once.
    k
        Number of folds, between 2 and the number of queries.
    seed
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

"""Score caps on recorded rollouts, without calling a model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from clear_opt.errors import InvalidInputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike

    from clear_opt.rollouts import Rollouts


@dataclass(frozen=True, eq=False, repr=False)
class Replay:
    """What caps would have brought on recorded rollouts.

    Attributes
    ----------
    accuracy
        Mean over queries of the share of samples that are correct within the cap, in [0, 1].
    spend
        Tokens each query would have used, ``min(n_tokens, cap)`` averaged over its samples;
        shape (n,).
    n
        Number of queries.
    """

    accuracy: float
    spend: np.ndarray
    n: int

    def __repr__(self) -> str:
        mean = self.spend.mean() if self.n else 0.0
        return f"Replay(n={self.n}, accuracy={self.accuracy:.4f}, mean_spend={mean:.1f})"


def replay(tokens: ArrayLike, query_ids: Sequence[str] | np.ndarray, rollouts: Rollouts) -> Replay:
    """Score one cap per query: a rollout answers if it is correct and no longer than the cap.

    Parameters
    ----------
    tokens
        Caps in tokens, >= 0, shape (n,).
    query_ids
        The queries the caps belong to, n of them; one may occur several times.
    rollouts
        What happened, of one model: see ``Rollouts.for_model``. Several rows of a query count as
        samples.

    Raises
    ------
    InvalidInputError
        If a query has no rollout, or if there is not one cap >= 0 for each query.

    Examples
    --------
    >>> from clear_opt.rollouts import Rollouts
    >>> rollouts = Rollouts(["a", "a", "b"], n_tokens=[90, 120, 300], correct=[1, 1, 1])
    >>> replay([100, 200], ["a", "b"], rollouts)
    Replay(n=2, accuracy=0.2500, mean_spend=147.5)
    """
    tokens = np.asarray(tokens)
    if tokens.shape != (len(query_ids),):
        raise InvalidInputError(
            f"has shape {tokens.shape} for {len(query_ids)} queries", column="tokens"
        )
    negative = np.flatnonzero(~(tokens >= 0))
    if negative.size:
        row = int(negative[0])
        raise InvalidInputError("must be >= 0", column="tokens", row=row, value=tokens[row])
    place, row = _samples(query_ids, rollouts)
    length, cap = rollouts.n_tokens[row], tokens[place]
    answered = rollouts.correct[row] * (length <= cap)
    count = np.bincount(place, minlength=len(tokens))
    # An empty batch answers nothing and needs no mean.
    accuracy = np.mean(np.bincount(place, weights=answered) / count) if len(tokens) else 0.0
    spend = np.bincount(place, weights=np.minimum(length, cap), minlength=len(tokens)) / count
    return Replay(accuracy=float(accuracy), spend=spend, n=len(tokens))


def oracle_tokens(
    query_ids: Sequence[str] | np.ndarray, rollouts: Rollouts, budget: float
) -> np.ndarray:
    """Give the caps of someone who knows every rollout: the yardstick for all policies.

    With one sample per query, right or wrong, the shortest correct rollouts are funded until the
    budget is spent, which is exactly the best replayed accuracy. With several samples, a query
    climbs the upper hull of its own completion curve, and steps of all queries are bought in
    order of accuracy per token; a step too dear for what is left is passed over, and with it the
    query's later ones. That is exact whenever the budget runs out between two steps, and short of
    the best by less than the accuracy of one step otherwise.

    Parameters
    ----------
    query_ids
        The queries to fund, n of them.
    rollouts
        What happened, of one model.
    budget
        Tokens for all caps together, >= 0.

    Returns
    -------
    np.ndarray
        Caps in tokens, integers of shape (n,), with a sum of at most ``budget``.

    Raises
    ------
    InvalidInputError
        If a query has no rollout, or if the budget is negative.

    Examples
    --------
    >>> from clear_opt.rollouts import Rollouts
    >>> rollouts = Rollouts(["a", "b", "c"], n_tokens=[90, 40, 300], correct=[1, 0, 1])
    >>> oracle_tokens(["a", "b", "c"], rollouts, budget=200)
    array([90,  0,  0])
    """
    if not budget >= 0:
        raise InvalidInputError("must be >= 0", column="budget", value=budget)
    place, row = _samples(query_ids, rollouts)
    steps = [
        (*step, query)
        for query, samples in enumerate(np.split(row, np.flatnonzero(np.diff(place)) + 1))
        if samples.size
        for step in _hull_steps(rollouts.n_tokens[samples], rollouts.correct[samples])
    ]
    caps = np.zeros(len(query_ids), dtype=np.int64)
    left, closed = float(budget), set()
    # The sort keeps a query's steps in order: on a hull their slopes fall.
    for _, start, end, query in sorted(steps, key=lambda step: -step[0]):
        if query in closed or end - start > left:
            closed.add(query)
            continue
        left -= end - start
        caps[query] = end
    return caps


def _samples(
    query_ids: Sequence[str] | np.ndarray, rollouts: Rollouts
) -> tuple[np.ndarray, np.ndarray]:
    """Give pairs of a place in ``query_ids`` and a row of the rollouts, ordered by place."""
    known = rollouts.index_of(query_ids)
    owner = rollouts.index_of(rollouts.query_id)
    rows = np.argsort(owner, kind="stable")
    count = np.bincount(owner)
    first = np.cumsum(count) - count
    place = np.repeat(np.arange(len(known)), count[known])
    nth = np.arange(len(place)) - np.repeat(np.cumsum(count[known]) - count[known], count[known])
    return place, rows[np.repeat(first[known], count[known]) + nth]


def _hull_steps(length: np.ndarray, correct: np.ndarray) -> list[tuple[float, int, int]]:
    """Give the steps (slope, start, end) of the hull of one query's completion curve."""
    order = np.argsort(length, kind="stable")
    ends, value = length[order], np.cumsum(correct[order]) / len(order)
    steps, start, level, steepest = [], 0, 0.0, np.inf
    while (gain := value - level).max(initial=0.0) > 0:
        with np.errstate(divide="ignore", invalid="ignore"):
            slope = np.where(gain > 0, gain / (ends - start), 0.0)
        # Of equal slopes the furthest, so that no step is split in two.
        best = len(slope) - 1 - int(np.argmax(slope[::-1]))
        # Slopes fall along a hull; rounding must not put a later step before an earlier one.
        steepest = min(steepest, float(slope[best]))
        steps.append((steepest, start, int(ends[best])))
        start, level = int(ends[best]), float(value[best])
    return steps

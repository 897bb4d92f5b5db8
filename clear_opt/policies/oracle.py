"""The best that could have been done, in hindsight: the yardstick of every replay."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from clear_opt.errors import InvalidInputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from clear_opt.rollouts import Rollouts


def oracle(query_ids: Sequence[str] | np.ndarray, rollouts: Rollouts, budget: float) -> np.ndarray:
    """Return the caps of someone who knows every rollout: the yardstick for all policies.

    With one sample per query, right or wrong, the shortest correct rollouts are funded until the
    budget is spent, which is exactly the best replayed accuracy. With several samples, a query
    climbs the upper hull of its own completion curve, and steps of all queries are bought in
    order of accuracy per token; a step too dear for what is left is passed over, and with it the
    query's later ones. That is exact whenever the budget runs out between two steps, and short of
    the best by less than the accuracy of one step otherwise.

    Parameters
    ----------
    query_ids : sequence of str
        The queries to fund, n of them.
    rollouts : Rollouts
        What happened, of one model.
    budget : float
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
    >>> oracle(["a", "b", "c"], rollouts, budget=200)
    array([90,  0,  0])
    """
    if not budget >= 0:
        raise InvalidInputError("must be >= 0", column="budget", value=budget)
    query_index, row = rollouts.samples_of(query_ids)
    steps = [
        (*step, query)
        for query, samples in enumerate(np.split(row, np.flatnonzero(np.diff(query_index)) + 1))
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


def _hull_steps(length: np.ndarray, correct: np.ndarray) -> list[tuple[float, int, int]]:
    """Return the steps (slope, start, end) of the hull of one query's completion curve."""
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

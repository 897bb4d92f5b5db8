"""What happened to the queries of a batch, laid out so that many caps are scored quickly."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from clear_opt.curves import TabularCurve

if TYPE_CHECKING:
    from collections.abc import Sequence

    from clear_opt.rollouts import Rollouts


class ReplayData:
    """The recorded answers to a batch of queries, for scoring one set of caps after another.

    Parameters
    ----------
    query_ids : sequence of str
        The queries, n of them; one may occur several times.
    rollouts : Rollouts
        What happened, of one model: see ``Rollouts.for_model``. Several rows of a query count as
        samples.

    Raises
    ------
    InvalidInputError
        Naming the first query that has no rollout.

    Notes
    -----
    A truncated rollout counts as not answered at every cap. Beyond the length at which it was cut
    that is a lower bound: nobody knows how it would have ended.

    Examples
    --------
    >>> from clear_opt.rollouts import Rollouts
    >>> rollouts = Rollouts(["a", "a", "b"], n_tokens=[90, 120, 300], correct=[1, 1, 1])
    >>> replay_data = ReplayData(["a", "b"], rollouts)
    >>> replay_data.answered([100, 200]), replay_data.spend([100, 200])
    (array([0.5, 0. ]), array([ 95., 200.]))
    """

    def __init__(self, query_ids: Sequence[str] | np.ndarray, rollouts: Rollouts) -> None:
        self.query_ids = query_ids
        self.rollouts = rollouts
        self.query_index, self.row = rollouts.samples_of(query_ids)
        self.count = np.bincount(self.query_index, minlength=len(query_ids))
        self.length = rollouts.n_tokens[self.row]
        self.correct = rollouts.correct[self.row]

    def answered(self, tokens: Any) -> np.ndarray:
        """Return each query's share of samples that are correct within its cap, shape (n,)."""
        within = self.correct * (self.length <= np.asarray(tokens)[self.query_index])
        return self._mean(within)

    def spend(self, tokens: Any) -> np.ndarray:
        """Return the tokens each query would have used, averaged over its samples, shape (n,)."""
        return self._mean(np.minimum(self.length, np.asarray(tokens)[self.query_index]))

    def curves(self) -> TabularCurve:
        """Return the completion curves that were recorded: `answered` at every whole-token cap.

        Each rises by a step where one of its samples is correct. Between two whole caps the step
        is a straight line, so the curves are right wherever a cap can lie.
        """
        most = int(self.count.max(initial=0))
        grid = np.zeros((len(self.count), 2 * most + 1))
        value = np.zeros_like(grid)
        ends = np.cumsum(self.count)
        for query, (start, end) in enumerate(zip(ends - self.count, ends, strict=True)):
            length, inverse = np.unique(self.length[start:end], return_inverse=True)
            level = np.cumsum(np.bincount(inverse, weights=self.correct[start:end]))
            # Rounding must not lift a share above one.
            level = np.minimum(level / self.count[query], 1.0)
            points = _step_points(length, level)
            # Points beyond the last step fill the row; the curve is flat there.
            short = grid.shape[1] - len(points)
            last, top = points[-1]
            points += [(last + k, top) for k in range(1, short + 1)]
            grid[query], value[query] = zip(*points, strict=True)
        return TabularCurve(grid, value)

    def _mean(self, values: np.ndarray) -> np.ndarray:
        return np.bincount(self.query_index, weights=values, minlength=len(self.count)) / self.count

    def __len__(self) -> int:
        return len(self.count)

    def __repr__(self) -> str:
        return f"ReplayData(n={len(self)}, samples={len(self.row)})"


def _step_points(length: np.ndarray, level: np.ndarray) -> list[tuple[float, float]]:
    """Return the corners of a staircase: for each step the cap before it and the cap at it."""
    points: list[tuple[float, float]] = [(0.0, 0.0)]
    for end, height in zip(length.tolist(), level.tolist(), strict=True):
        last, before = points[-1]
        if end - 1 > last:
            points.append((end - 1.0, before))
        if end == last:  # an answer of no tokens
            points[-1] = (end, height)
        else:
            points.append((float(end), height))
    return points

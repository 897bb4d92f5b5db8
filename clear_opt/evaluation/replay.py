"""Score caps on recorded rollouts, without calling a model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from clear_opt.errors import InvalidInputError
from clear_opt.evaluation.replay_data import ReplayData

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike

    from clear_opt.rollouts import Rollouts


@dataclass(frozen=True, eq=False, repr=False)
class Replay:
    """What caps would have brought on recorded rollouts.

    Attributes
    ----------
    answered : array, shape (n,)
        Share of each query's samples that are correct within its cap, in [0, 1].
    spend : array, shape (n,)
        Tokens each query would have used, ``min(n_tokens, cap)`` averaged over its samples;
        shape (n,).
    """

    answered: np.ndarray
    spend: np.ndarray

    @property
    def n(self) -> int:
        """Number of queries."""
        return len(self.answered)

    @property
    def accuracy(self) -> float:
        """Mean of `answered` over the queries, in [0, 1]; 0 for an empty batch."""
        return float(self.answered.mean()) if self.n else 0.0

    def __repr__(self) -> str:
        mean = self.spend.mean() if self.n else 0.0
        return f"Replay(n={self.n}, accuracy={self.accuracy:.4f}, mean_spend={mean:.1f})"


def replay(tokens: ArrayLike, query_ids: Sequence[str] | np.ndarray, rollouts: Rollouts) -> Replay:
    """Score one cap per query: a rollout answers if it is correct and no longer than the cap.

    Parameters
    ----------
    tokens : array-like, shape (n,)
        Caps in tokens, >= 0.
    query_ids : sequence of str
        The queries the caps belong to, n of them; one may occur several times.
    rollouts : Rollouts
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
    replay_data = ReplayData(query_ids, rollouts)
    return Replay(answered=replay_data.answered(tokens), spend=replay_data.spend(tokens))

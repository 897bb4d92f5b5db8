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
    place, row = rollouts.samples_of(query_ids)
    length, cap = rollouts.n_tokens[row], tokens[place]
    answered = rollouts.correct[row] * (length <= cap)
    count = np.bincount(place, minlength=len(tokens))
    # An empty batch answers nothing and needs no mean.
    accuracy = np.mean(np.bincount(place, weights=answered) / count) if len(tokens) else 0.0
    spend = np.bincount(place, weights=np.minimum(length, cap), minlength=len(tokens)) / count
    return Replay(accuracy=float(accuracy), spend=spend, n=len(tokens))

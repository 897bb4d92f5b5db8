"""Accuracy against tokens really spent: what caps cost once answers have stopped before them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from clear_opt.errors import InvalidInputError
from clear_opt.evaluation.replay_data import ReplayData

if TYPE_CHECKING:
    from numpy.typing import ArrayLike


@dataclass(frozen=True, eq=False, repr=False)
class ActualSpendFrontier:
    """What a rule that was swept over budgets got for what it spent.

    Attributes
    ----------
    spend : array, shape (m,)
        Tokens spent per query, ascending.
    accuracy : array, shape (m,)
        Share of right answers at each, in [0, 1].
    """

    spend: np.ndarray
    accuracy: np.ndarray

    def at(self, targets: ArrayLike) -> np.ndarray:
        """Return the accuracy at given spends per query: see `accuracy_at_spend`."""
        return accuracy_at_spend(self.spend, self.accuracy, targets)

    def __repr__(self) -> str:
        low, high = (self.spend[0], self.spend[-1]) if len(self.spend) else (0.0, 0.0)
        return (
            f"ActualSpendFrontier({len(self.spend)} budgets, "
            f"{low:.1f} to {high:.1f} tokens spent per query)"
        )


def accuracy_at_spend(
    spend_per_query: ArrayLike, accuracy: ArrayLike, targets: ArrayLike
) -> np.ndarray:
    """Read a frontier that was swept over budgets at given spends.

    Rules are comparable at equal spend only, and which budget leads to which spend is known
    afterwards. Between two budgets the line is straight, as for who mixes the two; it starts at
    nothing for nothing, never falls (who may spend more need not), and is flat beyond the last.

    Parameters
    ----------
    spend_per_query : array-like, shape (m,)
        Tokens really spent per query at each budget, >= 0, shape (m,), in any order.
    accuracy : array-like, shape (m,)
        Share of right answers at each.
    targets : array-like, shape (k,)
        Spends per query, >= 0.

    Returns
    -------
    np.ndarray
        Accuracy at each target, shape (k,).

    Raises
    ------
    InvalidInputError
        If a spend is negative or no number, or the shapes differ.

    Examples
    --------
    >>> accuracy_at_spend([80, 40], [0.5, 0.4], [20, 60, 200])
    array([0.2 , 0.45, 0.5 ])
    """
    spend = _spends(spend_per_query, "spend_per_query")
    reached = np.asarray(accuracy, dtype=np.float64)
    if reached.shape != spend.shape:
        raise InvalidInputError(
            f"has shape {reached.shape} for {len(spend)} spends", column="accuracy"
        )
    order = np.argsort(spend, kind="stable")
    spend, reached = spend[order], np.maximum.accumulate(np.append(0.0, reached[order]))[1:]
    # Of equal spends the last has the best accuracy of them all.
    last = np.append(np.diff(spend) > 0, True)[: len(spend)]
    return np.interp(
        _spends(targets, "targets"), np.append(0.0, spend[last]), np.append(0.0, reached[last])
    )


def actual_spend_frontier(caps: Iterable[Any], replay_data: ReplayData) -> ActualSpendFrontier:
    """Replay one set of caps after another, and note what each spent and reached.

    Parameters
    ----------
    caps : iterable of array-like, shape (n,)
        For each budget one cap per query, tokens.
    replay_data : ReplayData
        What happened to the n queries.

    Examples
    --------
    >>> from clear_opt.rollouts import Rollouts
    >>> rollouts = Rollouts(["a", "b"], n_tokens=[90, 300], correct=[1, 1])
    >>> found = actual_spend_frontier([[100, 0], [100, 300]], ReplayData(["a", "b"], rollouts))
    >>> found, found.at([45, 120])
    (ActualSpendFrontier(2 budgets, 45.0 to 195.0 tokens spent per query), array([0.5 , 0.75]))
    """
    points = [(_mean(replay_data.spend(own)), _mean(replay_data.answered(own))) for own in caps]
    return _frontier(*np.array(points, dtype=np.float64).reshape(-1, 2).T)


def uniform_spend_frontier(replay_data: ReplayData) -> ActualSpendFrontier:
    """Return the frontier of one cap for all queries, at every cap that matters.

    Examples
    --------
    >>> from clear_opt.rollouts import Rollouts
    >>> rollouts = Rollouts(["a", "b"], n_tokens=[90, 300], correct=[1, 1])
    >>> uniform_spend_frontier(ReplayData(["a", "b"], rollouts)).at([90, 195])
    array([0.5, 1. ])
    """
    weight = _sample_weight(replay_data)
    order = np.argsort(replay_data.length, kind="stable")
    length, weight = replay_data.length[order].astype(np.float64), weight[order]
    right = np.cumsum(weight * replay_data.correct[order])
    # Under a cap of one of the lengths, those up to it end by themselves, the others at the cap.
    spend = np.cumsum(weight * length) + length * (weight.sum() - np.cumsum(weight))
    return _frontier(spend, right)


def oracle_spend_frontier(replay_data: ReplayData) -> ActualSpendFrontier:
    """Return the frontier of who knows every rollout, pays for right ones alone, shortest first.

    It bounds every rule at every spend: a rule pays at least the length of each right answer.

    Examples
    --------
    >>> from clear_opt.rollouts import Rollouts
    >>> rollouts = Rollouts(["a", "b", "c"], n_tokens=[90, 40, 300], correct=[1, 0, 1])
    >>> oracle_spend_frontier(ReplayData(["a", "b", "c"], rollouts)).at([30, 80, 130])
    array([0.33333333, 0.5       , 0.66666667])
    """
    right = replay_data.correct > 0
    weight, share = _sample_weight(replay_data)[right], replay_data.correct[right]
    length = replay_data.length[right].astype(np.float64)
    order = np.argsort(length / share, kind="stable")
    return _frontier(np.cumsum((weight * length)[order]), np.cumsum((weight * share)[order]))


def _sample_weight(replay_data: ReplayData) -> np.ndarray:
    """Weigh samples so that each query counts once and all together one, shape (samples,)."""
    return 1.0 / replay_data.count[replay_data.query_index] / max(len(replay_data), 1)


def _frontier(spend: np.ndarray, accuracy: np.ndarray) -> ActualSpendFrontier:
    order = np.argsort(spend, kind="stable")
    return ActualSpendFrontier(spend[order], accuracy[order])


def _mean(values: np.ndarray) -> float:
    return float(values.mean()) if len(values) else 0.0


def _spends(values: ArrayLike, column: str) -> np.ndarray:
    spends = np.atleast_1d(np.asarray(values, dtype=np.float64))
    wrong = np.flatnonzero(~(np.isfinite(spends) & (spends >= 0)))
    if spends.ndim != 1 or wrong.size:
        raise InvalidInputError(
            "must be tokens >= 0, one list of them",
            column=column,
            row=int(wrong[0]) if wrong.size else None,
            value=spends[wrong[0]] if wrong.size else spends.shape,
        )
    return spends

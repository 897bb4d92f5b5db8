"""What was predicted of each rollout beside what happened, rollout by rollout."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.special import ndtr

from clear_opt.evaluation.replay_data import ReplayData

if TYPE_CHECKING:
    from clear_opt.evaluation.cross_validation import Batch

_MIN_SIGMA = 1e-9  # of log lengths: a prediction with sigma = 0 is a step


@dataclass(frozen=True, eq=False, repr=False)
class Forecasts:
    """Predictions and outcomes of r rollouts.

    The samples of a query weigh 1 together. Where rollouts of a model were cut off, whatever is
    asked of it is asked within the greatest length at which one was: its horizon. What would
    have happened beyond is not known.

    Attributes
    ----------
    success, median, sigma : array, shape (r,)
        Predicted probability of a right answer, median length of right answers, log-std.
    curve : array, shape (r, caps)
        Value of the predicted utility curve at each cap.
    correct, length : array, shape (r,)
        What happened.
    weight : array, shape (r,)
        One over the number of the query's samples.
    truncated : array, shape (r,)
        Whether the rollout was cut off.
    horizon : array, shape (r,)
        Greatest length at which a rollout of the model was cut off, tokens; infinite where none
        was.
    group : array, shape (r,)
        Number of the model.
    caps : tuple of float
        Tokens, ascending.
    """

    success: np.ndarray
    median: np.ndarray
    sigma: np.ndarray
    curve: np.ndarray
    correct: np.ndarray
    length: np.ndarray
    weight: np.ndarray
    truncated: np.ndarray
    horizon: np.ndarray
    group: np.ndarray
    caps: tuple[float, ...]

    @classmethod
    def from_batches(cls, batches: Sequence[Batch], caps: Sequence[float]) -> Forecasts | None:
        """Lay out one model's batches; ``None`` where one has no predicted completion."""
        parts = [_of_batch(batch, caps) for batch in batches if batch.completion is not None]
        if not parts or len(parts) < len(batches):
            return None
        whole = Forecasts.concatenate(parts)
        horizon = whole.length[whole.truncated].max(initial=0.0) or np.inf
        return replace(whole, horizon=np.full(len(whole), horizon))

    @classmethod
    def concatenate(cls, parts: Sequence[Forecasts]) -> Forecasts:
        """Put forecasts of the same caps one below the other."""
        arrays = {
            field.name: np.concatenate([getattr(part, field.name) for part in parts])
            for field in fields(cls)
            if field.name != "caps"
        }
        return cls(**arrays, caps=parts[0].caps)

    def take(self, rows: Any) -> Forecasts:
        """Return some of the rollouts."""
        arrays = {
            field.name: getattr(self, field.name)[rows]
            for field in fields(self)
            if field.name != "caps"
        }
        return Forecasts(**arrays, caps=self.caps)

    def with_group(self, group: int) -> Forecasts:
        """Return the same forecasts, marked as one group among several."""
        return replace(self, group=np.full(len(self), group))

    @property
    def known(self) -> np.ndarray:
        """Whether it is known what happened within the horizon, shape (r,)."""
        return ~self.truncated | (self.length >= self.horizon)

    def success_within(self, cap: float) -> np.ndarray:
        """Return the predicted probability of a right answer within a cap, tokens."""
        return self.success * self._length_cdf(np.minimum(cap, self.horizon))

    def correct_within(self, cap: float) -> np.ndarray:
        """Return what happened: the right answers within a cap, tokens."""
        return self.correct * (self.length <= np.minimum(cap, self.horizon))

    def length_pit(self) -> np.ndarray:
        """Return the probability integral transform of each length, given the horizon, (r,)."""
        seen = np.maximum(self._length_cdf(self.horizon), np.finfo(np.float64).tiny)
        return np.minimum(self._length_cdf(self.length) / seen, 1.0)

    def _length_cdf(self, tokens: Any) -> np.ndarray:
        with np.errstate(divide="ignore"):  # no tokens: a chance of zero
            distance = np.log(np.asarray(tokens, dtype=np.float64)) - np.log(self.median)
        return ndtr(distance / np.maximum(self.sigma, _MIN_SIGMA))

    def __len__(self) -> int:
        return len(self.correct)

    def __repr__(self) -> str:
        return f"Forecasts(rollouts={len(self)}, caps={len(self.caps)})"


def _of_batch(batch: Batch, caps: Sequence[float]) -> Forecasts:
    replay_data = ReplayData(batch.rollouts.query_ids, batch.rollouts)
    query_index, row = replay_data.query_index, replay_data.row
    assert batch.completion is not None
    success, median, sigma = (
        np.asarray(part, dtype=np.float64)[query_index]
        for part in (batch.completion.success, batch.completion.median, batch.completion.sigma)
    )
    cut = batch.rollouts.truncated
    curve = np.stack([np.asarray(batch.curves.value(cap)) for cap in caps], axis=1)
    return Forecasts(
        success=success,
        median=median,
        sigma=sigma,
        curve=curve[query_index],
        correct=replay_data.correct,
        length=replay_data.length.astype(np.float64),
        weight=1.0 / replay_data.count[query_index],
        truncated=np.zeros(len(row), dtype=bool) if cut is None else np.asarray(cut[row], bool),
        horizon=np.full(len(row), np.inf),
        group=np.zeros(len(row), dtype=np.int64),
        caps=tuple(caps),
    )

"""Paired bootstrap over queries: how much of a difference is the luck of these queries."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from clear_opt.evaluation.scores import fraction_of_oracle

if TYPE_CHECKING:
    from clear_opt.evaluation.scores import ModelScores

DRAWS = 2_000
"""Resamples: the ends of a 95 % interval are then themselves known to about 3 % of its width."""

LEVEL = 0.95
"""Share of the resamples that an interval holds."""

_ELEMENTS = 4_000_000  # draws x queries held at once: 32 MB

_COMPARED = ("uniform", "proportional", "learned", "oracle")


@dataclass(frozen=True, eq=False, repr=False)
class ModelIntervals:
    """Intervals of one model's figures, low and high end on the last axis; m budgets.

    Attributes
    ----------
    accuracy : mapping of str to array, shape (m, 2)
        Of each policy's accuracy.
    difference : array, shape (m, 2)
        Of learned minus uniform.
    oracle_fraction : array, shape (2,)
        Of the fraction of oracle accuracy that the learned policy reaches.
    """

    accuracy: Mapping[str, np.ndarray]
    difference: np.ndarray
    oracle_fraction: np.ndarray

    @property
    def significantly_below_uniform(self) -> np.ndarray:
        """Whether learned minus uniform is below zero throughout the interval, shape (m,)."""
        return self.difference[:, 1] < 0


@dataclass(frozen=True, eq=False, repr=False)
class Intervals:
    """Bootstrap intervals of an evaluation.

    Attributes
    ----------
    models : mapping of str to ModelIntervals
        Of each model.
    mean : ModelIntervals
        Of the means over the models.
    level : float
        Share of the resamples that an interval holds.
    draws, seed : int
        Number of resamples and seed.
    """

    models: Mapping[str, ModelIntervals]
    mean: ModelIntervals
    level: float
    draws: int
    seed: int

    def __repr__(self) -> str:
        low, high = self.mean.oracle_fraction
        return f"Intervals(oracle_fraction=[{low:.4f}, {high:.4f}], draws={self.draws})"


def bootstrap(
    models: Mapping[str, ModelScores], *, draws: int = DRAWS, level: float = LEVEL, seed: int = 0
) -> Intervals:
    """Resample the queries, keeping together all that belongs to one.

    A draw takes as many queries as there are, with replacement. Each query comes with its outcomes
    under every policy, budget and model, so differences between policies are paired and means over
    models keep the models' likeness. Intervals are percentiles of the draws.

    Parameters
    ----------
    models : mapping of str to ModelScores
        Scores by model. A query is one and the same wherever it has the same name.
    draws : int, optional
        Number of resamples.
    level : float, optional
        Share of the draws that an interval holds, in (0, 1).
    seed : int, default=0
        The same seed gives the same intervals.

    Notes
    -----
    What varies is which queries were asked. The caps stay as they were computed for the original
    batch, and so do the predictor and its training set: their own luck is not covered. A draw
    without any query of a model (in tables of a few queries) does not count for that model.
    """
    names = sorted(set().union(*(scores.query_ids for scores in models.values())))
    position = {name: k for k, name in enumerate(names)}
    positions = {
        model: np.array([position[name] for name in scores.query_ids], dtype=np.int64)
        for model, scores in models.items()
    }
    rng = np.random.default_rng(seed)
    step = max(_ELEMENTS // max(len(names), 1), 1)
    parts: dict[str, list[np.ndarray]] = {model: [] for model in models}
    for start in range(0, draws, step):
        size = min(step, draws - start)
        times = rng.multinomial(len(names), np.full(len(names), 1 / len(names)), size=size)
        for model, scores in models.items():
            parts[model].append(_resampled(times[:, positions[model]], scores))
    drawn = {model: np.concatenate(found) for model, found in parts.items()}
    tails = (0.5 * (1 - level), 0.5 * (1 + level))
    return Intervals(
        models={model: _intervals(values, tails) for model, values in drawn.items()},
        mean=_mean_intervals(list(drawn.values()), tails),
        level=level,
        draws=draws,
        seed=seed,
    )


def _resampled(times: np.ndarray, scores: ModelScores) -> np.ndarray:
    """Return each draw's accuracies, shape (draws, policies, budgets)."""
    answered = np.stack([scores.answered[policy] for policy in _COMPARED], axis=1)
    n, policies, budgets = answered.shape
    total = times.astype(np.float64) @ answered.reshape(n, policies * budgets)
    with np.errstate(invalid="ignore"):
        mean = total / times.sum(axis=1)[:, None]
    return mean.reshape(-1, policies, budgets)


def _intervals(drawn: np.ndarray, tails: tuple[float, float]) -> ModelIntervals:
    return _summary(drawn, _oracle_fractions(drawn), tails)


def _mean_intervals(drawn: list[np.ndarray], tails: tuple[float, float]) -> ModelIntervals:
    """Average over models within each draw, then look at the draws."""
    return _summary(
        np.mean(drawn, axis=0), np.mean([_oracle_fractions(part) for part in drawn], axis=0), tails
    )


def _oracle_fractions(drawn: np.ndarray) -> np.ndarray:
    """Return the fraction of oracle accuracy in each draw, averaged over budgets, (draws,)."""
    learned, oracle = (drawn[:, _COMPARED.index(policy)] for policy in ("learned", "oracle"))
    return fraction_of_oracle(learned, oracle).mean(axis=1)


def _summary(
    accuracy: np.ndarray, fractions: np.ndarray, tails: tuple[float, float]
) -> ModelIntervals:
    counted = np.isfinite(fractions)
    accuracy, fractions = accuracy[counted], fractions[counted]
    by_policy = dict(zip(_COMPARED, np.moveaxis(accuracy, 1, 0), strict=True))
    return ModelIntervals(
        accuracy={
            policy: np.quantile(values, tails, axis=0).T for policy, values in by_policy.items()
        },
        difference=np.quantile(by_policy["learned"] - by_policy["uniform"], tails, axis=0).T,
        oracle_fraction=np.quantile(fractions, tails),
    )

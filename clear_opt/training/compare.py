"""Compare two predictors on the same rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from clear_opt.defaults import BUDGETS
from clear_opt.evaluation import Evaluation, ModelScores, predicted, score
from clear_opt.evaluation.provenance import columns_for
from clear_opt.evaluation.resampling import DRAWS, LEVEL
from clear_opt.evaluation.scores import fraction_of_oracle
from clear_opt.rollouts import Rollouts

_ELEMENTS = 4_000_000  # draws x queries held at once: 32 MB


@dataclass(frozen=True)
class PredictorComparison:
    """Two predictors' triage efficiencies on the same queries.

    Attributes
    ----------
    new, old : float
        Triage efficiency of each: the mean over models and budgets of accuracy / oracle's.
    low, high : float
        Ends of the paired bootstrap interval of ``difference``.
    n_queries : int
        Number of queries both were scored on.
    """

    new: float
    old: float
    low: float
    high: float
    n_queries: int

    @property
    def difference(self) -> float:
        """New minus old."""
        return self.new - self.old

    def __str__(self) -> str:
        return (
            f"triage efficiency {self.new:.4f} against {self.old:.4f} on {self.n_queries:,} "
            f"queries that neither has seen, a difference of {self.difference:+.4f} "
            f"({LEVEL:.0%} interval {self.low:+.4f} to {self.high:+.4f})"
        )


def compare_predictors(
    rollouts: Rollouts,
    new: Any,
    old: Any,
    *,
    budgets: Sequence[float] = BUDGETS,
    draws: int = DRAWS,
    seed: int = 0,
) -> PredictorComparison:
    """Compare two predictors by replaying the same budgets over the same queries.

    The interval is a paired percentile bootstrap over queries [1]_: a draw takes as many queries as
    there are, with replacement, and each comes with its outcomes under both predictors.

    Parameters
    ----------
    rollouts : Rollouts
        Recorded answers to queries that neither predictor was trained on (see `unseen`).
    new, old : estimator
        Fitted predictors.
    budgets : sequence of float
        Tokens per query, > 0.
    draws, seed : int
        Of the bootstrap.

    References
    ----------
    .. [1] B. Efron and R. J. Tibshirani (1993). An introduction to the bootstrap. Chapman & Hall.
    """
    found = [_scored(rollouts, predictor, budgets) for predictor in (new, old)]
    low, high = _interval(found[0].models, found[1].models, draws, seed)
    return PredictorComparison(
        found[0].oracle_fraction,
        found[1].oracle_fraction,
        float(low),
        float(high),
        len(rollouts.query_ids),
    )


def _scored(rollouts: Rollouts, predictor: Any, budgets: Sequence[float]) -> Evaluation:
    own = columns_for(rollouts, predictor, None, None).rollouts
    return score(predicted(own, predictor), budgets, draws=2)  # its own intervals go unused


def _interval(
    new: Mapping[str, ModelScores], old: Mapping[str, ModelScores], draws: int, seed: int
) -> np.ndarray:
    names = sorted(set().union(*(scores.query_ids for scores in new.values())))
    place = {name: k for k, name in enumerate(names)}
    places = {model: [place[name] for name in scores.query_ids] for model, scores in new.items()}
    rng = np.random.default_rng(seed)
    step = max(_ELEMENTS // len(names), 1)
    drawn = []
    for start in range(0, draws, step):
        size = min(step, draws - start)
        times = rng.multinomial(len(names), np.full(len(names), 1 / len(names)), size=size)
        gains = [
            _efficiencies(times[:, places[model]], new[model])
            - _efficiencies(times[:, places[model]], old[model])
            for model in new
        ]
        drawn.append(np.mean(gains, axis=0))
    whole = np.concatenate(drawn)
    # In a small table a draw may have no query of a model: it says nothing.
    tails = (0.5 * (1 - LEVEL), 0.5 * (1 + LEVEL))
    return np.quantile(whole[np.isfinite(whole)], tails)


def _efficiencies(times: np.ndarray, scores: ModelScores) -> np.ndarray:
    """Return the triage efficiency of each draw, shape (draws,)."""
    with np.errstate(invalid="ignore"):
        learned, oracle = (
            (times @ scores.answered[policy]) / times.sum(axis=1)[:, None]
            for policy in ("learned", "oracle")
        )
    return fraction_of_oracle(learned, oracle).mean(axis=1)

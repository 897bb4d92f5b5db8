"""The result of an evaluation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from clear_opt.evaluation.calibration import Calibration
from clear_opt.evaluation.resampling import Intervals
from clear_opt.evaluation.scores import ModelScores, Regret


class Cell(NamedTuple):
    """One model at one budget."""

    model: str
    """Its name."""
    budget: float
    """Tokens per query."""
    difference: float
    """Accuracy learned minus uniform."""
    low: float
    """Lower end of the difference's interval."""
    high: float
    """Upper end of the difference's interval."""


@dataclass(frozen=True, eq=False, repr=False)
class Evaluation:
    """What a predictor is worth: every model, every budget, every policy; m budgets.

    Attributes
    ----------
    models : mapping of str to ModelScores
        Scores by model, in alphabetical order.
    budgets : array, shape (m,)
        Tokens per query, ascending.
    calibration : Calibration or None
        Of the predictions for all models together; ``None`` where the predictor predicts curves
        alone.
    intervals : Intervals
        Bootstrap intervals over the queries.
    settings : mapping of str to Any
        How the evaluation was made.
    data : mapping of str to Any
        What it was made on: see `clear_opt.evaluation.describe`.
    notes : tuple of str, optional
        What a reader must know besides, in sentences.
    """

    models: Mapping[str, ModelScores]
    budgets: np.ndarray
    calibration: Calibration | None
    intervals: Intervals
    settings: Mapping[str, Any]
    data: Mapping[str, Any]
    notes: tuple[str, ...] = ()

    @property
    def oracle_fraction(self) -> float:
        """Fraction of oracle accuracy that the learned policy reaches.

        The mean over budgets, then over models; ``triage_efficiency`` in JSON and metrics.
        """
        return self.mean_oracle_fraction("learned")

    def mean_oracle_fraction(self, policy: str) -> float:
        """Return a policy's fraction of oracle accuracy: the mean over budgets and models."""
        return float(np.mean([scores.oracle_fractions(policy) for scores in self.models.values()]))

    def accuracy(self, policy: str) -> np.ndarray:
        """Return a policy's accuracy at each budget, averaged over the models, shape (m,)."""
        return self._mean([scores.accuracy(policy) for scores in self.models.values()])

    def spend(self, policy: str) -> np.ndarray:
        """Return a policy's tokens really spent per query, averaged over the models, shape (m,)."""
        return self._mean([scores.spend(policy) for scores in self.models.values()])

    def oracle_fractions(self, policy: str = "learned") -> np.ndarray:
        """Return a policy's fraction of oracle accuracy at each budget, model mean, shape (m,)."""
        return self._mean([scores.oracle_fractions(policy) for scores in self.models.values()])

    @property
    def price(self) -> np.ndarray:
        """Shadow price at each budget, averaged over the models, shape (m,)."""
        return self._mean([scores.price for scores in self.models.values()])

    @property
    def abandoned(self) -> np.ndarray:
        """Share of queries not funded at each budget, averaged over the models, shape (m,)."""
        return self._mean([scores.abandoned for scores in self.models.values()])

    @property
    def gap(self) -> np.ndarray:
        """Certified relative gap at each budget, the widest of the models, shape (m,)."""
        return np.max([scores.gap for scores in self.models.values()], axis=0)

    @property
    def regret(self) -> Regret:
        """What is lost against the oracle, averaged over the models."""
        parts = [scores.regret for scores in self.models.values()]
        return Regret(
            *(
                self._mean([getattr(part, name) for part in parts])
                for name in ("total", "allocation", "prediction")
            )
        )

    def cells(self) -> list[Cell]:
        """Return every model at every budget, from the worst against uniform to the best."""
        found = [
            Cell(model, budget, difference, low, high)
            for model, scores in self.models.items()
            for budget, difference, (low, high) in zip(
                self.budgets.tolist(),
                scores.difference.tolist(),
                self.intervals.models[model].difference.tolist(),
                strict=True,
            )
        ]
        return sorted(found, key=lambda cell: cell.difference)

    @property
    def worst(self) -> Cell:
        """The model and budget at which the learned policy is worst against uniform."""
        return self.cells()[0]

    @property
    def n_significantly_below_uniform(self) -> int:
        """Number of cells in which learned minus uniform is below zero all through its interval."""
        return sum(cell.high < 0 for cell in self.cells())

    @staticmethod
    def _mean(values: list[np.ndarray]) -> np.ndarray:
        return np.mean(values, axis=0)

    def __repr__(self) -> str:
        return (
            f"Evaluation(models={len(self.models)}, budgets={len(self.budgets)}, "
            f"oracle_fraction={self.oracle_fraction:.4f}, "
            f"worst_vs_uniform={self.worst.difference:+.4f})"
        )

"""What the policies brought to one model's queries, budget by budget."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from clear_opt.evaluation.comparison import POLICY_NAMES

if TYPE_CHECKING:
    from clear_opt.evaluation.calibration import Calibration
    from clear_opt.evaluation.comparison import Comparison


def fraction_of_oracle(accuracy: np.ndarray, oracle: np.ndarray) -> np.ndarray:
    """Return accuracy / oracle accuracy; 1 where the oracle itself gets nothing, NaN stays NaN.

    Examples
    --------
    >>> fraction_of_oracle(np.array([0.3, 0.0]), np.array([0.6, 0.0]))
    array([0.5, 1. ])
    """
    nothing = oracle == 0
    return np.where(nothing, 1.0, accuracy / np.where(nothing, 1.0, oracle))


@dataclass(frozen=True, eq=False, repr=False)
class Regret:
    """Accuracy lost against the oracle, and to what: ``total = allocation + prediction``.

    Attributes
    ----------
    total : array, shape (m,)
        Oracle minus learned, shape (m,) for m budgets.
    allocation : array, shape (m,)
        Oracle minus the shadow price on the curves that were recorded: what the solver loses
        though it is told everything. With several samples per query the oracle itself is exact
        only up to one step, so this may be a trifle below zero.
    prediction : array, shape (m,)
        The shadow price on the recorded curves minus learned: what not knowing them costs.
    """

    total: np.ndarray
    allocation: np.ndarray
    prediction: np.ndarray

    def __repr__(self) -> str:
        return (
            f"Regret(total={self.total.mean():.4f}, allocation={self.allocation.mean():.4f}, "
            f"prediction={self.prediction.mean():.4f})"
        )


@dataclass(frozen=True, eq=False, repr=False)
class ModelScores:
    """One model's queries under every policy and budget; n queries, m budgets.

    Attributes
    ----------
    query_ids : array, shape (n,)
        The queries, shape (n,), in the order in which they were scored.
    budgets : array, shape (m,)
        Tokens per query, ascending.
    answered : mapping of str to array, shape (n, m)
        For each of `POLICY_NAMES` the share of each query's samples that are correct within its
        cap.
    spent : mapping of str to array, shape (n, m)
        For each policy the tokens each query would really have used.
    price, abandoned : array, shape (m,)
        Shadow price of the learned allocation and share of queries it does not fund, averaged
        over the batches by their number of queries.
    gap : array, shape (m,)
        Certified duality gap of the learned allocation as a share of its dual bound, the widest
        of the batches.
    calibration : Calibration, optional
        Of the predictions; ``None`` where the predictor predicts curves alone.
    """

    query_ids: np.ndarray
    budgets: np.ndarray
    answered: Mapping[str, np.ndarray]
    spent: Mapping[str, np.ndarray]
    price: np.ndarray
    abandoned: np.ndarray
    gap: np.ndarray
    calibration: Calibration | None = None

    @property
    def n(self) -> int:
        """Number of queries."""
        return len(self.query_ids)

    def accuracy(self, policy: str) -> np.ndarray:
        """Return a policy's accuracy at each budget: the mean over the queries, shape (m,)."""
        return self.answered[policy].mean(axis=0)

    def spend(self, policy: str) -> np.ndarray:
        """Return a policy's tokens really spent per query at each budget, shape (m,)."""
        return self.spent[policy].mean(axis=0)

    def oracle_fractions(self, policy: str = "learned") -> np.ndarray:
        """Return a policy's accuracy as a fraction of the oracle's at each budget, shape (m,)."""
        return fraction_of_oracle(self.accuracy(policy), self.accuracy("oracle"))

    @property
    def oracle_fraction(self) -> float:
        """Fraction of oracle accuracy that the learned policy reaches, averaged over budgets."""
        return float(self.oracle_fractions().mean())

    @property
    def difference(self) -> np.ndarray:
        """Accuracy learned minus uniform, shape (m,)."""
        return self.accuracy("learned") - self.accuracy("uniform")

    @property
    def regret(self) -> Regret:
        """What is lost against the oracle, split by its cause."""
        learned, informed, oracle = (
            self.accuracy(policy) for policy in ("learned", "informed", "oracle")
        )
        return Regret(oracle - learned, oracle - informed, informed - learned)

    def __repr__(self) -> str:
        return f"ModelScores(n={self.n}, oracle_fraction={self.oracle_fraction:.4f})"


def join_batches(
    parts: Sequence[tuple[np.ndarray, Sequence[Comparison]]],
    budgets: Iterable[float],
    calibration: Calibration | None,
) -> ModelScores:
    """Put a model's batches together.

    Parameters
    ----------
    parts : sequence of (array, sequence of Comparison)
        For each batch its query ids and one comparison per budget.
    budgets : iterable of float
        Tokens per query, ascending.
    calibration : Calibration or None
        Of the predictions over all batches.
    """
    size = np.array([len(ids) for ids, _ in parts], dtype=np.float64)
    answered, spent = (
        {
            policy: np.concatenate(
                [np.stack([getattr(c, name)[policy] for c in found], axis=1) for _, found in parts]
            )
            for policy in POLICY_NAMES
        }
        for name in ("answered", "spend")
    )
    price, abandoned, gap = (
        np.array([[getattr(c, name) for c in found] for _, found in parts])
        for name in ("price", "abandoned", "gap")
    )
    return ModelScores(
        query_ids=np.concatenate([ids for ids, _ in parts]),
        budgets=np.asarray(list(budgets), dtype=np.float64),
        answered=answered,
        spent=spent,
        price=np.average(price, axis=0, weights=size),
        abandoned=np.average(abandoned, axis=0, weights=size),
        gap=gap.max(axis=0),
        calibration=calibration,
    )

"""What a predictor is worth where tokens really spent are paid for, not caps."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from clear_opt.defaults import BUDGETS, MOST_TOKENS
from clear_opt.evaluation.actual_spend import (
    ActualSpendFrontier,
    actual_spend_frontier,
    oracle_spend_frontier,
    uniform_spend_frontier,
)
from clear_opt.evaluation.cross_validation import Batch, CurvePredictor, pooled_over_folds
from clear_opt.evaluation.predictions import Step, check_budgets, make_predictions, no_rollouts
from clear_opt.evaluation.replay_data import ReplayData
from clear_opt.problem import Limit, Offer, Program
from clear_opt.solvers.program import LagrangianDual, caps_at_prices

if TYPE_CHECKING:
    from clear_opt.rollouts import Rollouts

SPEND_POLICIES = ("uniform", "reserved", "expected", "oracle")
"""Ways to spend that are compared at equal tokens really spent."""

_PRICES = 250  # prices of a token, geometric, from the highest that any query pays
_LOWEST_PRICE = 1e-5  # where the sweep ends, as a fraction of the highest price


@dataclass(frozen=True, eq=False, repr=False)
class SpendEvaluation:
    """Accuracy at equal tokens really spent: every model, every policy, m spends.

    Attributes
    ----------
    budgets : array, shape (m,)
        Tokens really spent per query, ascending.
    frontiers : mapping of str to mapping of str to ActualSpendFrontier
        For each model, by name, the `ActualSpendFrontier` of each of `SPEND_POLICIES`.
    queries : mapping of str to int
        Number of queries of each model.
    settings, data : mapping of str to Any
        How it was made, and on what.
    notes : tuple of str
        Caveats, in sentences.
    """

    budgets: np.ndarray
    frontiers: Mapping[str, Mapping[str, ActualSpendFrontier]]
    queries: Mapping[str, int]
    settings: Mapping[str, Any]
    data: Mapping[str, Any]
    notes: tuple[str, ...] = ()

    def accuracy(self, policy: str, model: str | None = None) -> np.ndarray:
        """Return a policy's accuracy at each spend, of one model or their mean, shape (m,)."""
        models = self.frontiers if model is None else (model,)
        return np.mean([self.frontiers[name][policy].at(self.budgets) for name in models], axis=0)

    def as_json(self) -> dict[str, Any]:
        """Return all figures in types that JSON knows.

        Returns
        -------
        dict
            ``rows``: one for each model and spend, with ``model``, ``tokens`` and the accuracy of
            each policy; ``mean``: the same averaged over the models; ``queries``, ``settings``,
            ``data``, ``notes``.
        """
        return {
            "rows": [row for model in self.frontiers for row in self._rows(model)],
            "mean": self._rows(None),
            "queries": dict(self.queries),
            "settings": dict(self.settings),
            "data": dict(self.data),
            "notes": list(self.notes),
        }

    def _rows(self, model: str | None) -> list[dict[str, Any]]:
        columns = {policy: self.accuracy(policy, model).tolist() for policy in SPEND_POLICIES}
        return [
            {
                **({} if model is None else {"model": model}),
                "tokens": int(budget) if budget.is_integer() else budget,
                **{policy: column[k] for policy, column in columns.items()},
            }
            for k, budget in enumerate(self.budgets.tolist())
        ]

    def __repr__(self) -> str:
        gain = self.accuracy("expected") - self.accuracy("reserved")
        return (
            f"SpendEvaluation(models={len(self.frontiers)}, budgets={len(self.budgets)}, "
            f"expected_minus_reserved={gain.mean():+.4f})"
        )


def evaluate_spend(
    rollouts: Rollouts,
    predictor: CurvePredictor,
    *,
    budgets: Sequence[float] = BUDGETS,
    folds: int | None = 5,
    models: Sequence[str] | None = None,
    per_model: bool = False,
    features: Sequence[str] | None = None,
    seed: int = 0,
    on_step: Step | None = None,
) -> SpendEvaluation:
    """Compare ways to spend at equal tokens really spent, on recorded rollouts.

    Uniform caps; the allocation with caps counted (reserved) and with expected spend counted
    (expected), each swept over prices of a token; and the oracle, who pays for right answers alone.
    Recorded answers are replayed under the caps, and frontiers are read at the spends asked for.

    Parameters
    ----------
    rollouts : Rollouts
        As for `evaluate`.
    predictor : CurvePredictor
        As for `evaluate`; it must have ``predict_lengths`` and ``predict_completion_curves``.
    budgets : sequence of float, optional
        Tokens really spent per query, > 0.
    folds, models, per_model, features, seed, on_step : optional
        As for `evaluate`.

    Raises
    ------
    InvalidInputError
        As for `evaluate`, or if the predictor predicts no lengths.

    Examples
    --------
    >>> from clear_opt.predictors import SurgePredictor
    >>> from clear_opt.rollouts import Rollouts
    >>> ids = [f"q{k}" for k in range(12)]
    >>> texts = [f"Add {k} and {k + 1}." for k in range(12)]
    >>> rollouts = Rollouts(ids, [80, 95, 100, 90] * 3, [1, 1, 0, 1] * 3, texts)
    >>> evaluate_spend(rollouts, SurgePredictor(), budgets=[60, 120], folds=3)
    ... # doctest: +ELLIPSIS
    SpendEvaluation(models=1, budgets=2, expected_minus_reserved=...)
    """
    amounts = check_budgets(budgets)
    made = make_predictions(
        rollouts,
        predictor,
        folds=folds,
        models=models,
        per_model=per_model,
        features=features,
        seed=seed,
        spend=True,
    )
    frontiers, queries = {}, {}
    for done, batch in enumerate(pooled_over_folds(made.batches, made.rollouts), start=1):
        frontiers[batch.model] = _frontiers(batch)
        queries[batch.model] = len(batch.curves)
        if on_step is not None:
            on_step(done, len(made.models))
    if not frontiers:
        raise no_rollouts()
    return SpendEvaluation(
        budgets=np.array(amounts),
        frontiers=dict(sorted(frontiers.items())),
        queries=dict(sorted(queries.items())),
        settings={"basis": "expected", **made.settings},
        data=made.data,
        notes=made.notes,
    )


def _frontiers(batch: Batch) -> dict[str, ActualSpendFrontier]:
    replay_data = ReplayData(batch.rollouts.query_ids, batch.rollouts)
    assert batch.completion_curves is not None
    # Where caps count, a surge's peak says where to stop; where spend counts, a cap that is not
    # used costs nothing and the whole completion curve is wanted.
    reserved = Program(Offer("model", batch.curves), Limit(MOST_TOKENS))
    offer = Offer("model", batch.completion_curves, lengths=batch.lengths)
    expected = Program(offer, Limit(MOST_TOKENS), basis="expected")
    return {
        "uniform": uniform_spend_frontier(replay_data),
        "reserved": actual_spend_frontier(_sweep_prices(reserved), replay_data),
        "expected": actual_spend_frontier(_sweep_prices(expected), replay_data),
        "oracle": oracle_spend_frontier(replay_data),
    }


def _sweep_prices(program: Program) -> Iterable[np.ndarray]:
    """Return the caps at each price of a token: the best answer to whatever budget they use."""
    dual = LagrangianDual.of(program)
    highest = float(dual.compiled.abandonment_price.max(initial=0.0))
    if highest <= 0:
        return
    for price in np.geomspace(highest, _LOWEST_PRICE * highest, _PRICES):
        yield caps_at_prices(dual, [price]).tokens

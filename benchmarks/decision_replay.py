"""Replay of many variants of predictions on one table of rollouts, quickly."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy.special import logit

from benchmarks.decision_losses import Outcomes
from benchmarks.held_out_states import as_completion
from clear_opt import AllocationProblem, ShiftedSurge, solve
from clear_opt.curves import Curve
from clear_opt.envelopes.concave import concave_envelope
from clear_opt.fitting import surge_shape
from clear_opt.policies import oracle, spread_leftover
from clear_opt.rollouts import Rollouts

_DRAWS = 2_000
_HALVINGS = 40
_DEAREST = 0.1  # success per token: no answer of fewer than ten tokens is worth funding


class Replays:
    """One rollout of each query and model, n rollouts, m models, and k budgets.

    Parameters
    ----------
    rollouts
        The table.
    budgets
        Tokens per query.

    Raises
    ------
    ValueError
        If a query has several rollouts of one model, or the table names no models.
    """

    def __init__(self, rollouts: Rollouts, budgets: Sequence[float]) -> None:
        if rollouts.model is None:
            raise ValueError("the rollouts name no models")
        self.rollouts = rollouts
        self.budgets = np.asarray(budgets, dtype=np.float64)
        self.model = np.searchsorted(rollouts.models, rollouts.model.astype(str))
        self.models = len(rollouts.models)
        self.query = rollouts.index_of(rollouts.query_id)
        if len(np.unique(self.query * self.models + self.model)) < len(rollouts):
            raise ValueError("a query has several rollouts of one model")
        self.length = rollouts.n_tokens.astype(np.float64)
        self.correct = rollouts.correct.astype(np.float64)
        self._oracle = self._best()

    def answered(self, curves: Curve, claims: np.ndarray | None = None) -> np.ndarray:
        """Allocate among each model's queries by `solve`; give right answers, shape (n, k).

        ``claims`` say how tokens left over are shared: see `spread_leftover`.
        """
        found = np.zeros((len(self.model), len(self.budgets)))
        for model in range(self.models):
            rows = np.flatnonzero(self.model == model)
            own, claim = curves.take(rows), None if claims is None else claims[rows]
            for k, budget in enumerate(self.budgets):
                problem = AllocationProblem(own, budget=budget * len(rows))
                caps = spread_leftover(problem, solve(problem), claims=claim).tokens
                found[rows, k] = self.correct[rows] * (self.length[rows] <= caps)
        return found

    def compared(self, answered: np.ndarray, base: np.ndarray, seed: int = 0) -> dict[str, Any]:
        """Sum answers up, and compare them with others by a paired bootstrap over the queries."""
        queries = int(self.query.max()) + 1
        rng = np.random.default_rng(seed)
        times = rng.multinomial(queries, np.full(queries, 1.0 / queries), size=_DRAWS)
        ours, theirs = self._efficiencies(answered, times), self._efficiencies(base, times)
        low, high = np.quantile(ours - theirs, [0.025, 0.975])
        whole = np.ones((1, queries))
        efficiency = float(self._efficiencies(answered, whole)[0])
        return {
            "efficiency": efficiency,
            "accuracy": self._by_model(answered, whole)[0].mean(axis=0).tolist(),
            "difference": efficiency - float(self._efficiencies(base, whole)[0]),
            "low": float(low),
            "high": float(high),
        }

    def efficiency(self, state: np.ndarray, rows: np.ndarray) -> float:
        """Give the triage efficiency of predicted states of some rows, (len(rows), 3), quickly.

        As `answered`, but caps are read off the price alone and not repaired to the last token.
        """
        rows = np.flatnonzero(rows)
        caps, _ = self._caps(state, rows)
        right = self.correct[rows] * (self.length[rows] <= np.floor(caps))
        accuracy = self._per_model(right, rows) / self._count(rows)
        best = self._per_model(self._oracle[rows].T, rows) / self._count(rows)
        return float(np.mean(accuracy / np.maximum(best, 1e-12)))

    def outcomes(self, state: np.ndarray, rows: np.ndarray) -> Outcomes:
        """Give what happened, at the prices of each model and budget on states (n, 3).

        A price counts by the inverse of the oracle's accuracy, as in the triage efficiency, and
        not at all where it is zero: there no decision costs anything.
        """
        rows = np.flatnonzero(rows)
        _, price = self._caps(state[rows], rows)
        best = self._per_model(self._oracle[rows].T, rows) / self._count(rows)
        weight = (price > 0) / (np.maximum(best, 1e-12) * len(self.budgets))
        own = self.model[rows]
        return Outcomes(
            self.correct[rows],
            self.length[rows],
            np.maximum(price, 1e-6).T[own],
            weight.T[own],
        )

    def usual_states(self, rows: np.ndarray) -> np.ndarray:
        """Give each model's mean state on some rows, shape (m, 3)."""
        found = np.zeros((self.models, 3))
        for model in range(self.models):
            own = rows & (self.model == model)
            right = np.log(self.length[own & (self.correct > 0)])
            chance = np.clip(self.correct[own].mean(), 0.01, 0.99)
            found[model] = logit(chance), right.mean(), np.log(max(right.std(), 0.05))
        return found

    def _caps(self, state: np.ndarray, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Give caps (k, len(rows)) and prices (k, m), by bisection for all at once."""
        success, median, sigma = as_completion(np.tile(state, (len(self.budgets), 1)))
        shape = surge_shape(sigma)
        envelope = concave_envelope(
            ShiftedSurge.from_height(
                tau=median * shape.tau,
                height=np.clip(success * shape.height, 1e-6, 1.0),
                width=median * shape.width,
            )
        )
        own = self.model[rows]
        budget = self.budgets[:, None] * self._count(rows)

        def demand(price: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
            caps = envelope.response(price[:, own].ravel()).reshape(-1, len(rows))
            return caps, self._per_model(caps, rows)

        low, high = np.zeros_like(budget), np.full_like(budget, _DEAREST)
        for _ in range(_HALVINGS):
            middle = 0.5 * (low + high)
            over = demand(middle)[1] > budget
            low, high = np.where(over, middle, low), np.where(over, high, middle)
        price = np.where(low > 0, high, 0.0)
        caps, spent = demand(price)
        return caps * np.maximum(budget / np.maximum(spent, 1.0), 1.0)[:, own], price

    def _count(self, rows: np.ndarray) -> np.ndarray:
        return np.bincount(self.model[rows], minlength=self.models)

    def _per_model(self, values: np.ndarray, rows: np.ndarray) -> np.ndarray:
        """Add up values (k, len(rows)) by model, shape (k, m)."""
        own = self.model[rows]
        return np.stack([np.bincount(own, weights=v, minlength=self.models) for v in values])

    def _best(self) -> np.ndarray:
        found = np.zeros((len(self.model), len(self.budgets)))
        for model, name in enumerate(self.rollouts.models):
            rows = np.flatnonzero(self.model == model)
            own = self.rollouts.for_model(name)
            for k, budget in enumerate(self.budgets):
                caps = oracle(own.query_id, own, budget * len(rows))
                found[rows, k] = self.correct[rows] * (self.length[rows] <= caps)
        return found

    def _by_model(self, answered: np.ndarray, times: np.ndarray) -> np.ndarray:
        """Give each draw's accuracies, shape (draws, m, k); each query counts ``times`` often."""
        found = []
        for model in range(self.models):
            rows = np.flatnonzero(self.model == model)
            weight = times[:, self.query[rows]].astype(np.float64)
            found.append(weight @ answered[rows] / weight.sum(axis=1)[:, None])
        return np.stack(found, axis=1)

    def _efficiencies(self, answered: np.ndarray, times: np.ndarray) -> np.ndarray:
        """Give the triage efficiency of each draw, shape (draws,)."""
        best = np.maximum(self._by_model(self._oracle, times), 1e-12)
        return (self._by_model(answered, times) / best).mean(axis=(1, 2))

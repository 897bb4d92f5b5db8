"""Predictors that need no learning, and tables drawn from a known truth, for the tests."""

import numpy as np

from clear_opt import ShiftedSurge
from clear_opt.fitting import Completion, surge_shape
from clear_opt.rollouts import Rollouts


class Reads:
    """Reads each query's log-normal completion from its features; remembers its calls."""

    def __init__(self, success_factor=1.0, spread_factor=1.0, seen=None):
        self.success_factor, self.spread_factor = success_factor, spread_factor
        self.calls = [] if seen is None else seen

    def __deepcopy__(self, _):
        return Reads(self.success_factor, self.spread_factor, self.calls)

    def fit(self, queries, rollouts):
        assert list(queries.index) == list(rollouts.query_ids)
        self.learned = frozenset(rollouts.query_ids)
        self.calls.append(("fit", self.learned, rollouts.models))
        return self

    def predict_completion(self, queries, model=None):
        learned = getattr(self, "learned", frozenset())
        self.calls.append(("predict", learned, model, frozenset(queries.index)))
        return Completion(
            np.clip(queries["p"].to_numpy() * self.success_factor, 0, 1),
            queries["median"].to_numpy(),
            queries["spread"].to_numpy() * self.spread_factor,
        )

    def predict(self, queries, model=None):
        success, median, sigma = self.predict_completion(queries, model)
        shape = surge_shape(sigma)
        return ShiftedSurge.from_height(
            median * shape.tau, np.clip(success * shape.height, 1e-6, 1), median * shape.width
        )


def drawn_rollouts(n=300, models=("m",), samples=1, seed=0, cap=None):
    """Draw right and wrong answers of known log-normal lengths; ``cap`` cuts them off."""
    rng = np.random.default_rng(seed)
    p, median, spread = rng.uniform(0.1, 0.95, n), rng.uniform(60, 600, n), rng.uniform(0.2, 0.6, n)
    query = np.tile(np.repeat(np.arange(n), samples), len(models))
    model = np.repeat(np.array(models, dtype=object), n * samples)
    length = np.rint(median[query] * np.exp(spread[query] * rng.standard_normal(len(query))))
    correct = rng.random(len(query)) < p[query]
    truncated = None
    if cap is not None:
        truncated = length > cap
        length, correct = np.minimum(length, cap), correct & ~truncated
    return Rollouts(
        query_id=[f"q{k}" for k in query],
        n_tokens=length.astype(int),
        correct=correct,
        model=model,
        truncated=truncated,
        features={"p": p[query], "median": median[query], "spread": spread[query]},
    )

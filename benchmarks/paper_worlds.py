"""Streams to allocate, simulated and recorded, with what was predicted of their queries.

Whoever predicts has not seen the queries: in the simulated world a predictor learned from other
queries, in the recorded one from the other folds of a cross-validation.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from scipy.optimize import least_squares

from clear_opt import ShiftedSurge, TabularCurve
from clear_opt.datasets import STREAMS, Traffic, draw, simulate, training_set
from clear_opt.evaluation import Batch, cross_validated, pooled_over_folds
from clear_opt.fitting import Completion, surge_shape
from clear_opt.predictors import LinearLearner, SurgePredictor
from clear_opt.rollouts import Rollouts

SIMULATED, RECORDED = "simulated", "recorded"
SELF_ESTIMATE_ERROR = 0.5
"""Standard deviation of the log of the factor by which a model misjudges its own length."""

_TRAINING_QUERIES = 1500
_TRAINING_SAMPLES = 4
_CAPS = np.linspace(0.0, 2048.0, 65)[1:]  # at which the shared surge is fitted
_POOL_OF_SOURCE = {"gsm8k": "easy", "math-level5": "medium"}


class Outcomes(NamedTuple):
    """What happens to n queries without a cap, one answer each, and what was predicted of it."""

    query_ids: np.ndarray
    length: np.ndarray
    correct: np.ndarray
    completion: Completion
    chances: TabularCurve
    """The predicted completion curves themselves: `SurgePredictor.predict_completion_curves`."""

    def take(self, rows: np.ndarray) -> Outcomes:
        """Give some of the queries."""
        completion = Completion(*(column[rows] for column in self.completion))
        return Outcomes(
            self.query_ids[rows],
            self.length[rows],
            self.correct[rows],
            completion,
            self.chances.take(rows),
        )

    @property
    def threshold(self) -> np.ndarray:
        """The predicted emergence threshold, tokens, shape (n,)."""
        return self.completion.median * surge_shape(self.completion.sigma).tau


class Shared(NamedTuple):
    """Height and width of a surge that all queries have in common."""

    height: float
    width: float


class Case(NamedTuple):
    """One stream with one seed."""

    world: str
    stream: str
    seed: int
    outcomes: Outcomes
    shared: Shared
    """Of the paper's curves, fitted to queries that are not in the stream."""
    estimate: np.ndarray
    """The length that the model says it will need, shape (n,)."""


def shared_surge(known: Outcomes) -> Shared:
    """Fit one height and one width to queries whose thresholds are predicted, by least squares.

    The paper shares alpha and beta between queries; the width is 1 / beta, the height
    alpha / (beta e).
    """
    within = known.correct[:, None] * (known.length[:, None] <= _CAPS)
    beyond = np.maximum(_CAPS - known.threshold[:, None], 0.0)

    def residuals(parameters: np.ndarray) -> np.ndarray:
        height, width = parameters
        y = np.minimum(beyond / width, 1.0)
        return (height * y * np.exp(1.0 - y) - within).ravel()

    found = least_squares(
        residuals, [0.5, 300.0], bounds=([1e-6, 1.0], [1.0, np.inf]), x_scale="jac"
    )
    return Shared(*found.x.tolist())


def paper_curves(threshold: np.ndarray, shared: Shared) -> ShiftedSurge:
    """Give the paper's curves: a predicted threshold each, and one alpha and beta for all."""
    return ShiftedSurge.from_height(threshold, shared.height, shared.width)


def simulated_cases(
    seeds: int,
    queries: int,
    predictor: SurgePredictor | None = None,
    training: int = _TRAINING_QUERIES,
) -> Iterator[Case]:
    """Simulate each stream with each seed; the predictor learns once, from other queries."""
    learning = training_set(training, _TRAINING_SAMPLES)
    fitted = (predictor or SurgePredictor()).fit(learning.queries, learning.rollouts)
    shared = shared_surge(_simulated_outcomes(training_set(training, 1, seed=1), fitted))
    for stream in STREAMS:
        for seed in range(seeds):
            outcomes = _simulated_outcomes(simulate(stream, queries, seed), fitted)
            yield Case(SIMULATED, stream, seed, outcomes, shared, _estimate(outcomes, seed))


def _simulated_outcomes(traffic: Traffic, fitted: SurgePredictor) -> Outcomes:
    rows, queries = traffic.rollouts, traffic.queries
    completion = fitted.predict_completion(queries)
    chances = fitted.predict_completion_curves(queries)
    return Outcomes(rows.query_ids, rows.n_tokens, rows.correct, completion, chances)


def recorded_predictions(
    zeroeval: Rollouts, aime: Rollouts, predictor: SurgePredictor | None = None
) -> tuple[list[Batch], Batch]:
    """Predict every query without having seen it: one batch per model, and the AIME problems."""
    learner = predictor or SurgePredictor()
    school = list(pooled_over_folds(cross_validated(zeroeval, learner, spend=True), zeroeval))
    # There is nothing but the problem's number to learn from: a line says it all.
    contest = SurgePredictor(learner=LinearLearner())
    (harder,) = pooled_over_folds(cross_validated(aime, contest, spend=True), aime)
    return school, harder


def recorded_cases(
    school: Sequence[Batch], harder: Batch, seeds: int, queries: int
) -> Iterator[Case]:
    """Draw each stream with each seed from recorded answers.

    The seeds take turns at the models of ``school``. AIME problems have several answers of one
    model of their own; each seed draws one of each. The shared surge is fitted to the model's
    other queries, those that are not in the stream.
    """
    for stream in STREAMS:
        for seed in range(seeds):
            known, source = _recorded_outcomes(school[seed % len(school)], seed)
            hard, _ = _recorded_outcomes(harder, seed)
            pool = np.array([_POOL_OF_SOURCE[name] for name in source], dtype=object)
            pools = {name: known.query_ids[pool == name] for name in _POOL_OF_SOURCE.values()}
            drawn = draw(stream, {**pools, "hard": hard.query_ids}, queries, seed)
            everything = _joined(known, hard)
            place = {name: row for row, name in enumerate(everything.query_ids)}
            outcomes = everything.take(np.array([place[name] for name in drawn.query_ids]))
            rest = known.take(~np.isin(known.query_ids, drawn.query_ids))
            estimate = _estimate(outcomes, seed)
            yield Case(RECORDED, stream, seed, outcomes, shared_surge(rest), estimate)


def _recorded_outcomes(batch: Batch, seed: int) -> tuple[Outcomes, np.ndarray]:
    """Give one answer to each query of a batch, and where the queries come from."""
    rows, names = batch.rollouts, batch.rollouts.query_ids
    assert isinstance(batch.completion_curves, TabularCurve)
    assert batch.completion is not None
    assert rows.source is not None
    place, row = rows.samples_of(names)
    count = np.bincount(place)
    chosen = row[np.cumsum(count) - 1 - np.random.default_rng(seed).integers(count)]
    length, correct = rows.n_tokens[chosen], rows.correct[chosen]
    return Outcomes(names, length, correct, batch.completion, batch.completion_curves), rows.source[
        chosen
    ]


def _joined(one: Outcomes, other: Outcomes) -> Outcomes:
    columns = zip(one.completion, other.completion, strict=True)
    return Outcomes(
        np.concatenate([one.query_ids, other.query_ids]),
        np.concatenate([one.length, other.length]),
        np.concatenate([one.correct, other.correct]),
        Completion(*map(np.concatenate, columns)),
        TabularCurve(
            np.concatenate([one.chances.grid, other.chances.grid]),
            np.concatenate([one.chances.values, other.chances.values]),
        ),
    )


def _estimate(outcomes: Outcomes, seed: int) -> np.ndarray:
    """Misjudge the lengths that the answers will have."""
    n = len(outcomes.length)
    error = np.random.default_rng([seed, n]).standard_normal(n)
    return outcomes.length * np.exp(SELF_ESTIMATE_ERROR * error)

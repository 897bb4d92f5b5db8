"""Losses of decisions, with their gradients from JAX, and boosting on them.

A query's state is logit success, log median and log sigma; its surge is the one that
`SurgePredictor` reads off it. At a price each query decides alone (the mathematics, sections 2 to
4): it takes the cap b that maximises U(b) - price * b, or nothing. What happened says what the best
cap would have been: the length of the recorded answer if it was right and cost less than it was
worth, else 0. Each loss compares the two decisions; none asks how near the predicted length came.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import lightgbm as lgb
import numpy as np
from jax.scipy.special import ndtr

from clear_opt._numerics.precision import double_precision
from clear_opt.curves import ShiftedSurge
from clear_opt.envelopes.concave import concave_envelope
from clear_opt.fitting import surge_shape

SOFTNESS = 0.05
"""Surplus, as success, over which the smoothed regret turns from giving up to funding."""

BLUR = 0.15
"""Log length over which the smoothed regret turns an answer from too long to in time."""

_BUCKET = 4096
_LEAST_HEIGHT = 1e-6
_LEAST_SPREAD, _LARGEST_SPREAD = 0.05, 1.5  # the grid of `surge_shape`
_SPREADS = np.geomspace(_LEAST_SPREAD, _LARGEST_SPREAD, 61)


class Outcomes(NamedTuple):
    """What happened to n queries, and the prices at which they decided; NumPy or JAX arrays."""

    correct: Any
    """Whether the recorded answer is right, in [0, 1], shape (n,)."""
    length: Any
    """Its tokens, shape (n,)."""
    prices: Any
    """Success per token > 0, shape (n, k); each query stands at k prices."""
    weight: Any
    """Of each price, >= 0, shape (n, k)."""

    def take(self, rows: np.ndarray) -> Outcomes:
        """Give some of the rows."""
        return Outcomes(*(values[rows] for values in self))


def surges(state: Any) -> ShiftedSurge:
    """Read the surge off each state, shape (n, 3), so that JAX can differentiate it."""
    at = jnp.clip(state[:, 2], np.log(_LEAST_SPREAD), np.log(_LARGEST_SPREAD))
    tau, width, height = (
        jnp.interp(at, np.log(_SPREADS), values) for values in surge_shape(_SPREADS)
    )
    median = jnp.exp(state[:, 1])
    peak = jnp.clip(jax.nn.sigmoid(state[:, 0]) * height, _LEAST_HEIGHT, 1.0)
    return ShiftedSurge.from_height(tau=median * tau, height=peak, width=median * width)


def _best_cap(correct: Any, length: Any, price: Any) -> Any:
    return jnp.where(correct > price * length, length, 0.0)


def fenchel_young(state: Any, correct: Any, length: Any, price: Any) -> Any:
    """Give V(price) - [U(b*) - price b*] >= 0, shape (n,): zero iff b* is the predicted choice.

    V = max_b U(b) - price b is the query's term of the dual, b* the best cap in hindsight.
    """
    curves = surges(state)
    # V is a maximum: its derivative is that of U at the maximiser, which may be held fixed.
    chosen = jax.lax.stop_gradient(concave_envelope(curves).response(price))
    best = _best_cap(correct, length, price)
    return curves.value(chosen) - price * chosen - (curves.value(best) - price * best)


def spo_plus(state: Any, correct: Any, length: Any, price: Any) -> Any:
    """Give the SPO+ loss, shape (n,): a bound on the regret of the predicted choice.

    max_b [2 (U(b) - price b) - (u(b) - price b)] - 2 (U(b*) - price b*) + u(b*) - price b*,
    where u(b) is ``correct`` from the recorded length on and 0 below.
    """
    curves = surges(state)
    # 2 U(b) - price b is U(b) at half the price, twice.
    wanted = jax.lax.stop_gradient(concave_envelope(curves).response(0.5 * price))
    below, above = jnp.minimum(wanted, length), jnp.maximum(wanted, length)
    most = jnp.maximum(
        jnp.maximum(0.0, 2.0 * curves.value(below) - price * below),
        2.0 * curves.value(above) - price * above - correct,
    )
    best = _best_cap(correct, length, price)
    gained = jnp.where(best > 0, correct, 0.0)
    return most - 2.0 * curves.value(best) + price * best + gained


def smoothed_regret(state: Any, correct: Any, length: Any, price: Any) -> Any:
    """Give the regret of the predicted choice, shape (n,), with its two steps made smooth.

    The query is funded to the degree to which its surplus exceeds 0, and its answer is in time
    to the degree to which the cap exceeds its length.
    """
    curves = surges(state)
    cap = concave_envelope(curves).response_if_funded(price)
    surplus = curves.value(cap) - price * cap
    funded = jax.nn.sigmoid(surplus / SOFTNESS)
    in_time = ndtr((jnp.log(cap) - jnp.log(length)) / BLUR)
    best = _best_cap(correct, length, price)
    hindsight = jnp.where(best > 0, correct - price * best, 0.0)
    return hindsight - funded * (correct * in_time - price * cap)


def likelihood(state: Any, correct: Any, length: Any, price: Any) -> Any:
    """Give the negative log likelihood, shape (n,): the price does not matter."""
    del price
    off = (jnp.log(length) - state[:, 1]) * jnp.exp(-state[:, 2])
    right = -jax.nn.log_sigmoid(state[:, 0]) + 0.5 * off**2 + state[:, 2]
    return correct * right - (1.0 - correct) * jax.nn.log_sigmoid(-state[:, 0])


Loss = Callable[[Any, Any, Any, Any], Any]


def _total(loss: Loss, state: Any, outcomes: Outcomes) -> Any:
    def at(price: Any) -> Any:
        return loss(state, outcomes.correct, outcomes.length, price)

    return (outcomes.weight * jax.vmap(at, in_axes=1, out_axes=1)(outcomes.prices)).sum()


_slopes = jax.jit(jax.value_and_grad(_total, argnums=1), static_argnums=0)


def loss_and_gradient(
    loss: Loss, state: np.ndarray, outcomes: Outcomes
) -> tuple[float, np.ndarray]:
    """Give the loss summed over queries and prices, and its gradient in the state, shape (n, 3)."""
    n = len(state)
    # Copies of the first row, of no weight: batches of similar size share what was compiled.
    rows = np.concatenate([np.arange(n), np.zeros(-n % _BUCKET, dtype=np.int64)])
    padded = outcomes.take(rows)
    padded.weight[n:] = 0.0
    with double_precision():
        value, slope = _slopes(loss, jnp.asarray(state[rows]), Outcomes(*map(jnp.asarray, padded)))
        return float(value), np.asarray(slope)[:n]


@dataclass(frozen=True)
class Boosting:
    """Boost states on a loss of decisions, mixed with the likelihood.

    Attributes
    ----------
    loss : callable
        `fenchel_young`, `spo_plus`, `smoothed_regret` or `likelihood`.
    likelihood_weight : float
        Weight of the likelihood beside the loss.
    learning_rate, num_leaves, min_child_samples, reg_lambda, colsample_bytree
        Of LightGBM.
    """

    loss: Loss
    likelihood_weight: float = 0.0
    learning_rate: float = 0.1
    num_leaves: int = 7
    min_child_samples: int = 50
    reg_lambda: float = 20.0
    colsample_bytree: float = 0.5

    def fit(
        self, columns: np.ndarray, start: np.ndarray, outcomes: Outcomes, rounds: int
    ) -> tuple[lgb.Booster, list[float]]:
        """Boost from the states ``start``, (n, 3); give the trees and the loss before each round.

        The Hessian is the information of the likelihood, which puts the three parts of a state
        on one scale. (A loss of decisions is flat almost everywhere, so its own is of no use.)
        """
        path: list[float] = []

        def objective(raw: np.ndarray, _: lgb.Dataset) -> tuple[np.ndarray, np.ndarray]:
            state = raw.reshape(start.shape)
            value, slope = loss_and_gradient(self.loss, state, outcomes)
            if self.likelihood_weight:
                more, likely = loss_and_gradient(likelihood, state, outcomes)
                value += self.likelihood_weight * more
                slope = slope + self.likelihood_weight * likely
            path.append(value / len(state))
            chance = 1.0 / (1.0 + np.exp(-state[:, 0]))
            precise = chance * np.exp(-2.0 * np.clip(state[:, 2], np.log(0.1), None))
            return slope, np.column_stack([chance * (1.0 - chance), precise, 2.0 * chance]) + 0.01

        data = lgb.Dataset(columns, init_score=start, params={"verbosity": -1})
        settings = {
            "objective": objective,
            "num_class": start.shape[1],
            "learning_rate": self.learning_rate,
            "num_leaves": self.num_leaves,
            "min_data_in_leaf": self.min_child_samples,
            "min_sum_hessian_in_leaf": 1e-3,
            "lambda_l2": self.reg_lambda,
            "feature_fraction": self.colsample_bytree,
            "seed": 0,
            "deterministic": True,
            "force_row_wise": True,
            "num_threads": 1,
            "verbosity": -1,
        }
        return lgb.train(settings, data, num_boost_round=rounds), path


def boosted(booster: lgb.Booster, columns: np.ndarray, start: np.ndarray, rounds: int) -> Any:
    """Give the states after some rounds, shape (n, 3)."""
    if not rounds:
        return start
    found = booster.predict(columns, raw_score=True, num_iteration=rounds, num_threads=1)
    return start + np.asarray(found)

"""A stream of simulated queries: a truth that is hidden, features that hint at it, and answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import logit

from clear_opt.curves import ShiftedSurge
from clear_opt.datasets.pools import POOLS
from clear_opt.datasets.streams import STREAMS, counts, pool_words
from clear_opt.errors import InvalidInputError
from clear_opt.fitting import Completion, surge_shape
from clear_opt.rollouts import Rollouts

if TYPE_CHECKING:
    import pandas as pd

_WRONG_LENGTH = 1.4  # wrong answers are longer than right ones: on recorded rollouts, too
_LEAST_HEIGHT = 1e-6
_TOKENS_PER_STEP = 60.0
_TOKENS_PER_WORD = 8.0
_STEPS_ERROR, _WORDS_ERROR, _LEVEL_ERROR = 0.35, 0.45, 1.2  # of the features, see `_features`
_LEVELS = 10
_TRAINING = len(STREAMS)  # its place after the streams, so that no seed is shared with them


@dataclass(frozen=True, eq=False, repr=False)
class Traffic:
    """Simulated queries and what happens to them; n queries.

    Attributes
    ----------
    stream : str
        Where they come from: a key of `STREAMS`, or ``"training"``.
    rollouts : Rollouts
        What would happen without caps, one row per answer.
    pool : array, shape (n,)
        The pool of each query. Nobody who allocates knows it.
    truth : Completion
        Success, median length and log-std of each query: what the answers are drawn from.
    """

    stream: str
    rollouts: Rollouts
    pool: np.ndarray
    truth: Completion

    @property
    def queries(self) -> pd.DataFrame:
        """What is known of each query beforehand: ``words``, ``steps`` and ``level``."""
        return self.rollouts.queries()

    @property
    def curves(self) -> ShiftedSurge:
        """The surge nearest to each query's true completion curve."""
        shape = surge_shape(self.truth.sigma)
        return ShiftedSurge.from_height(
            tau=self.truth.median * shape.tau,
            height=np.clip(self.truth.success * shape.height, _LEAST_HEIGHT, 1.0),
            width=self.truth.median * shape.width,
        )

    def __len__(self) -> int:
        return len(self.pool)

    def __repr__(self) -> str:
        return f"Traffic({self.stream!r}, n={len(self)}, {pool_words(self.pool)})"


def simulate(
    stream: str, n: int = 500, seed: int | np.random.Generator = 0, *, samples: int = 1
) -> Traffic:
    """Simulate a stream of queries.

    Parameters
    ----------
    stream : str
        A key of `STREAMS`.
    n : int, default=500
        Number of queries, >= 1.
    seed : int or np.random.Generator, default=0
        Seed or generator; the same seed gives the same stream.
    samples : int, default=1
        Answers to each query, >= 1.

    Raises
    ------
    InvalidInputError
        If the stream is not known, or a number is not whole or < 1.

    Examples
    --------
    >>> traffic = simulate("MostlyEasy", n=100, seed=3)
    >>> traffic
    Traffic('MostlyEasy', n=100, easy=75, medium=20, hard=5)
    >>> traffic.rollouts
    Rollouts(rows=100, queries=100, features=3, accuracy=0.630)
    """
    sizes = counts(stream, n)
    return _simulated(stream, sizes, _generator(seed, list(STREAMS).index(stream)), samples)


def training_set(n: int = 1500, samples: int = 4, seed: int | np.random.Generator = 0) -> Traffic:
    """Simulate answers that a predictor can learn from, a third of the queries of each pool.

    The parameters are those of `simulate`. No stream shares a query with it.

    Examples
    --------
    >>> training_set(n=300, samples=2).rollouts
    Rollouts(rows=600, queries=300, features=3, accuracy=0.267)
    """
    return _simulated("training", counts("Balanced", n), _generator(seed, _TRAINING), samples)


def _generator(seed: int | np.random.Generator, place: int) -> np.random.Generator:
    if isinstance(seed, np.random.Generator):
        return seed
    return np.random.default_rng([place, seed])


def _simulated(
    stream: str, sizes: dict[str, int], rng: np.random.Generator, samples: int
) -> Traffic:
    if not (isinstance(samples, int | np.integer) and samples >= 1):
        raise InvalidInputError(
            "must be a whole number >= 1", column="samples", value=samples, remedy="e.g. 4"
        )
    parts = [POOLS[name].truth(count, rng) for name, count in sizes.items()]
    pool = np.repeat(np.array(list(sizes), dtype=object), list(sizes.values()))
    order = rng.permutation(len(pool))
    truth = Completion(*(np.concatenate(column)[order] for column in zip(*parts, strict=True)))
    features = _features(truth, rng)
    right = rng.random((len(pool), samples)) < truth.success[:, None]
    factor = np.exp(truth.sigma[:, None] * rng.standard_normal(right.shape))
    length = np.where(right, 1.0, _WRONG_LENGTH) * truth.median[:, None] * factor
    names = [f"{stream}-{k:04d}" for k in range(len(pool))]
    rollouts = Rollouts(
        np.repeat(names, samples),
        np.maximum(np.ceil(length), 1.0).ravel(),
        right.astype(np.float64).ravel(),
        sample=np.tile(np.arange(samples), len(pool)) if samples > 1 else None,
        features={name: np.repeat(values, samples) for name, values in features.items()},
    )
    return Traffic(stream, rollouts, pool[order], truth)


def _features(truth: Completion, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Return noisy views of the truth, arrays of shape (n,).

    ``words`` and ``steps`` hint at the length of the answer, ``level`` (0 to 10) at how unlikely a
    right one is. Each has an error of its own.
    """
    noise = rng.standard_normal((3, len(truth.median)))
    words = truth.median / _TOKENS_PER_WORD * np.exp(_WORDS_ERROR * noise[0])
    steps = truth.median / _TOKENS_PER_STEP * np.exp(_STEPS_ERROR * noise[1])
    level = 4.0 - logit(truth.success) + _LEVEL_ERROR * noise[2]
    return {
        "words": np.ceil(words),
        "steps": np.ceil(steps),
        "level": np.clip(np.round(level), 0, _LEVELS),
    }

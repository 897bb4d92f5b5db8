"""Queries and rollouts drawn from a known truth, and texts at the edge, for tests of predictors."""

import numpy as np
from scipy.special import expit

from clear_opt.fitting import surge_shape
from clear_opt.predictors import BoostedLearner, LinearLearner
from clear_opt.rollouts import Rollouts

QUICK = BoostedLearner(n_estimators=60, residual_n_estimators=10)
LEARNERS = {"boosted": QUICK, "linear": LinearLearner()}

MEGABYTE = 1_000_000
ODD_TEXTS = {
    "empty": "",
    "blank": " \n\t ",
    "chinese": "小明有三个苹果，又买了五个。他一共有几个苹果？",  # noqa: RUF001
    "arabic": "لدى سارة ٣ تفاحات، ثم اشترت ٥. كم تفاحة لديها؟",  # noqa: RUF001
    "emoji": "🍎🍎🍎 + 🍎 = ?",
    "lone surrogate": "a \ud800 b",
    "nul": "a\x00b",
    "words": "how many apples " * (MEGABYTE // 16),
    "one word": "x" * MEGABYTE,
    "digits": "1" * MEGABYTE,
    "groups": "1," * (MEGABYTE // 2),
    "marks": "!" * MEGABYTE,
    "backslashes": "\\" * MEGABYTE,
}

HARD = "Prove the theorem about {} curves."
EASY = "Add {} and {}."


def two_kinds(seed=0, queries=400, samples=3, spread=0.3, models=(("m", 0.0, 1.0),), rows=None):
    """Two kinds of query whose truth is known: short and sure, long and doubtful.

    Easy ones are right with 0.9 and take 100 tokens, hard ones 0.4 and 1,000. A model is a name,
    what is added to its log odds, and a factor on its lengths; ``rows`` limits the rollouts of
    some models by name.
    """
    rng = np.random.default_rng(seed)
    hard = rng.random(queries) < 0.5
    texts = [HARD.format(k) if h else EASY.format(k, k + 2) for k, h in enumerate(hard)]
    table = {"query": [], "length": [], "right": [], "model": []}
    for name, odds, factor in models:
        query = np.repeat(np.arange(queries), samples)
        query = query[: (rows or {}).get(name, len(query))]
        usual = factor * np.where(hard[query], 1_000.0, 100.0)
        table["query"].append(query)
        table["length"].append(usual * np.exp(spread * rng.standard_normal(len(query))))
        chance = expit(np.where(hard[query], np.log(0.4 / 0.6), np.log(0.9 / 0.1)) + odds)
        table["right"].append(rng.random(len(query)) < chance)
        table["model"].append(np.full(len(query), name, dtype=object))
    query = np.concatenate(table["query"])
    return Rollouts(
        [f"q{k}" for k in query],
        np.round(np.concatenate(table["length"])),
        np.concatenate(table["right"]),
        np.array(texts, dtype=object)[query],
        model=np.concatenate(table["model"]),
    )


def known_states(queries=3_000, samples=6, seed=0):
    """Rollouts whose queries have states of their own around what two numbers tell.

    Log odds of success, log median and log spread have standard deviations 0.7, 0.3 and 0.15
    around it. Also gives each query's own tau, width and height, each of shape (queries,).
    """
    rng = np.random.default_rng(seed)
    a, b = rng.uniform(-1.0, 1.0, (2, queries))
    told = np.column_stack([0.3 + 1.2 * a, np.log(300.0) + 0.6 * b, np.full(queries, np.log(0.3))])
    odds, log_median, log_sigma = (told + rng.standard_normal((queries, 3)) * (0.7, 0.3, 0.15)).T
    chance, median, sigma = expit(odds), np.exp(log_median), np.exp(log_sigma)
    query = np.repeat(np.arange(queries), samples)
    noise = rng.standard_normal(len(query))
    right = rng.random(len(query)) < chance[query]
    length = np.where(right, median[query] * np.exp(sigma[query] * noise), 300.0)
    rollouts = Rollouts(
        [f"q{k}" for k in query],
        np.maximum(np.round(length), 1),
        right,
        features={"a": a[query], "b": b[query]},
    )
    shape = surge_shape(sigma)
    truth = {"tau": median * shape.tau, "width": median * shape.width}
    return rollouts, {**truth, "height": chance * shape.height}


def same_curves(one, other):
    """Say whether two batches of surges are the same, bit for bit."""
    return all(np.array_equal(getattr(one, f), getattr(other, f)) for f in ("tau", "alpha", "beta"))


def files(folder):
    """Give the contents of a folder's files by name."""
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}

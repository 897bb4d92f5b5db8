"""Models as offers: list prices, what was predicted of their answers, what those really took."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np
from sklearn.base import clone

from clear_opt import Allocation, Lengths, Offer, ShiftedSurge, TabularCurve
from clear_opt.evaluation import query_folds
from clear_opt.predictors import SurgePredictor
from clear_opt.problem.program import Basis
from clear_opt.rollouts import Rollouts


class ListPrice(NamedTuple):
    """Dollars per million tokens, as the provider lists them."""

    prompt: float
    completion: float


PRICES = {
    # Google's price list from August 2024, prompts up to 128,000 tokens.
    "gemini-1.5-flash": ListPrice(0.075, 0.30),
    # OpenAI's price list: since July 2024, since August 2024, and at its start in September 2024.
    "gpt-4o-mini-2024-07-18": ListPrice(0.15, 0.60),
    "gpt-4o-2024-08-06": ListPrice(2.50, 10.00),
    "o1-mini-2024-09-12": ListPrice(3.00, 12.00),
}


class Held(NamedTuple):
    """One model: what was predicted of its answers without having seen them, and what they were."""

    surge: ShiftedSurge
    completion: TabularCurve
    lengths: Lengths
    n_tokens: np.ndarray
    correct: np.ndarray


def prompt_tokens(texts: Iterable[str]) -> np.ndarray:
    """Estimate tokens of prompts as the rollouts' lengths are: 1.03 x words and punctuation."""
    return np.array([1.03 * len(re.findall(r"\w+|[^\w\s]", text)) for text in texts])


def held_out(
    rollouts: Rollouts, models: Sequence[str], predictor: SurgePredictor, seed: int, count: int = 5
) -> tuple[np.ndarray, dict[str, Held]]:
    """Predict the queries that all models answered, each by a predictor trained without it.

    Returns
    -------
    Names of the n queries, and a `Held` for each model with its rows in that order.
    """
    shared = set(rollouts.query_ids)
    for model in models:
        shared &= set(rollouts.for_model(model).query_ids)
    rows = np.isin(rollouts.model, models) & np.isin(rollouts.query_id, list(shared))
    rollouts = rollouts.take(rows)
    parts: dict[str, list[Held]] = {model: [] for model in models}
    ids = []
    folds = query_folds(rollouts.query_ids, count, seed)
    for number, fold in enumerate(folds):
        learning = rollouts.for_queries(np.concatenate(folds[:number] + folds[number + 1 :]))
        table = rollouts.for_queries(fold).queries()
        fitted: Any = clone(predictor)
        fitted.fit(learning.queries(), learning)
        ids += list(table.index)
        for model in models:
            own = rollouts.for_model(model).for_queries(fold)
            place = own.index_of(list(table.index))
            parts[model].append(
                Held(
                    fitted.predict(table, model),
                    fitted.predict_completion_curves(table, model),
                    fitted.predict_lengths(table, model),
                    own.n_tokens[place].astype(np.float64),
                    own.correct[place].astype(np.float64),
                )
            )
    # Curves and lengths are pytrees of arrays over queries.
    joined = {
        model: jax.tree_util.tree_map(lambda *part: np.concatenate(part), *found)
        for model, found in parts.items()
    }
    return np.array(ids, dtype=object), joined


def offers_of(held: dict[str, Held], prompts: np.ndarray, basis: Basis) -> list[Offer]:
    """Give an offer per model: in dollars per token, and per prompt."""
    return [
        Offer(
            model,
            # Where caps count, a surge's peak says where to stop; where spend counts, a cap that
            # is not used costs nothing and the whole completion curve is wanted.
            found.surge if basis == "reserved" else found.completion,
            {"dollars": 1e-6 * PRICES[model].completion},
            {"dollars": 1e-6 * PRICES[model].prompt * prompts},
            found.lengths,
        )
        for model, found in held.items()
    ]


def replay(
    allocation: Allocation, offers: Sequence[Offer], held: dict[str, Held]
) -> tuple[np.ndarray, np.ndarray]:
    """Give what each query really costs in dollars and whether it is answered, shape (n,) each."""
    cost, right = np.zeros(len(allocation)), np.zeros(len(allocation))
    assert allocation.offer_codes is not None
    for k, offer in enumerate(offers):
        asked = (allocation.offer_codes == k) & (allocation.tokens > 0)
        found, caps = held[offer.name], allocation.tokens
        used = np.minimum(found.n_tokens, caps) * offer.rate_of("dollars")
        cost += np.where(asked, offer.fixed_of("dollars") + used, 0.0)
        right += np.where(asked, found.correct * (found.n_tokens <= caps), 0.0)
    return cost, right

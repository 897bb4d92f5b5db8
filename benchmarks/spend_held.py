"""Each model's queries, predicted by what has not seen their answers, and priced."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import numpy as np
from sklearn.base import clone

from clear_opt import Lengths, Limit, Offer, Program, ShiftedSurge, TabularCurve
from clear_opt.defaults import MOST_TOKENS
from clear_opt.evaluation import query_folds
from clear_opt.predictors import SurgePredictor
from clear_opt.problem.program import Basis
from clear_opt.rollouts import Rollouts
from clear_opt.solvers.program import LagrangianDual, LinearReserve, caps_at_prices

FOLDS = 5

PRICES = np.geomspace(1e-5, 0.1, 200)
"""Prices of a token that are swept, right answers per token."""


class Held(NamedTuple):
    """What was predicted of one model's answers to n queries."""

    surge: ShiftedSurge
    completion: TabularCurve
    lengths: Lengths
    query_id: np.ndarray


def held_out(
    rollouts: Rollouts, predictor: SurgePredictor, seed: int = 0
) -> tuple[dict[str, Held], dict[str, float]]:
    """Predict every model's queries, each by a predictor trained without it.

    Returns
    -------
    A `Held` for each model, and each model's ``spend_error_``, averaged over the folds.
    """
    models = sorted(set(rollouts.model))
    parts: dict[str, list[Held]] = {model: [] for model in models}
    errors: dict[str, list[float]] = {model: [] for model in models}
    folds = query_folds(rollouts.query_ids, FOLDS, seed)
    for number, fold in enumerate(folds):
        learning = rollouts.for_queries(np.concatenate(folds[:number] + folds[number + 1 :]))
        fitted: Any = clone(predictor)
        fitted.fit(learning.queries(), learning)
        for model in models:
            own = rollouts.for_queries(fold).for_model(model)
            table = own.queries()
            parts[model].append(
                Held(
                    fitted.predict(table, model),
                    fitted.predict_completion_curves(table, model),
                    fitted.predict_lengths(table, model),
                    np.array(table.index, dtype=object),
                )
            )
            known = fitted.spend_error_
            errors[model].append(known.get(model, known["typical"]))
    # Curves and lengths are pytrees of arrays over queries.
    joined = {
        model: jax.tree_util.tree_map(lambda *part: np.concatenate(part), *found)
        for model, found in parts.items()
    }
    return joined, {model: float(np.mean(found)) for model, found in errors.items()}


def program_of(held: Held, budget: float, basis: Basis, **chance: Any) -> Program:
    """Give the program of one model with a limit on its queries' tokens together.

    ``chance`` is what `Program` takes for a limit that holds with a probability.
    """
    # Where caps count, a surge's peak says where to stop; where spend counts, a cap that is not
    # used costs nothing and the whole completion curve is wanted.
    curves = held.surge if basis == "reserved" else held.completion
    offer = Offer("model", curves, lengths=held.lengths)
    return Program(offer, Limit(budget), basis=basis, **chance)


def priced(program: Program, prices: np.ndarray, rate: float = 0.0) -> np.ndarray:
    """Give the caps at each price of a token, shape (prices, n).

    They are the best answer to whatever budget they use, so a sweep of prices needs no solves.
    ``rate`` is what variance costs, tokens per squared token.
    """
    dual = LagrangianDual.of(program.with_budget(MOST_TOKENS))
    if rate:
        dual = dual.under(LinearReserve(rate=np.array([rate]), constant=np.zeros(1)))
    return caps_at_prices(dual, prices[:, None]).tokens

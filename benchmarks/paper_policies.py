"""What each policy of the paper's experiment makes of one stream, at many budgets."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from benchmarks.paper_worlds import Case, Outcomes, paper_curves
from benchmarks.uncertainty import posterior_stretch
from clear_opt import (
    AllocationProblem,
    Quadratic,
    ShiftedSurge,
    TabularCurve,
    Triangular,
    budget_path,
)
from clear_opt.curves import Curve
from clear_opt.curves.threshold import ThresholdCurve
from clear_opt.fitting import Completion, curve_shape
from clear_opt.policies import (
    auction,
    oracle,
    proportional,
    self_estimate,
    spread_leftover,
    threshold_prefix,
    uniform,
)
from clear_opt.rollouts import Rollouts
from clear_opt.solvers.base import build_allocation

UNIFORM, PAPER, SURGE, OURS, ORACLE = "uniform", "paper", "surge", "ours", "oracle"
RULES = (UNIFORM, "proportional", "self_estimate", "threshold_prefix", "auction")
POLICIES = (*RULES, PAPER, SURGE, OURS, ORACLE)
"""Everyone but the oracle sees predictions only."""

ABLATIONS = ("quadratic", "triangular")
"""As ``surge``, with another curve fitted to the same predictions."""

KNOWN = "ours, noise known"
NOISY = (OURS, KNOWN, PAPER)
"""Who is tried with noise on the predicted lengths."""

_LEAST_HEIGHT = 1e-6


class Scored(NamedTuple):
    """What a policy got."""

    accuracy: float
    abandoned: float
    """Share of queries that are worth no token at the price; without a price, those without any."""


def family_curves(completion: Completion, family: type[ThresholdCurve]) -> ThresholdCurve:
    """Give the curve of a family nearest to each predicted completion curve."""
    shape = curve_shape(completion.sigma, family)
    return family.from_height(
        completion.median * shape.tau,
        np.clip(completion.success * shape.height, _LEAST_HEIGHT, 1.0),
        completion.median * shape.width,
    )


def score(case: Case, budgets: Sequence[float]) -> dict[str, list[Scored]]:
    """Give what every policy and ablation gets at each budget per query."""
    outcomes = case.outcomes
    surge = family_curves(outcomes.completion, ShiftedSurge)
    found: dict[str, list[Scored]] = {name: [] for name in (*POLICIES, *ABLATIONS)}
    for tokens in _totals(case, budgets):
        problem = AllocationProblem(surge, tokens)
        answers = {
            UNIFORM: uniform(problem),
            "proportional": proportional(problem),
            "self_estimate": self_estimate(problem, case.estimate),
            "threshold_prefix": threshold_prefix(problem),
            "auction": auction(problem),
        }
        for name, given in answers.items():
            caps = spread_leftover(problem, given).tokens
            found[name].append(Scored(_right(case, caps), float(np.mean(given.tokens == 0))))
        caps = _oracle_caps(outcomes, tokens)
        found[ORACLE].append(Scored(_right(case, caps), float(np.mean(caps == 0))))
    solved: dict[str, Curve] = {
        PAPER: paper_curves(outcomes.threshold, case.shared),
        SURGE: surge,
        OURS: outcomes.chances,
        "quadratic": family_curves(outcomes.completion, Quadratic),
        "triangular": family_curves(outcomes.completion, Triangular),
    }
    return found | {name: priced(case, curves, budgets) for name, curves in solved.items()}


def priced(case: Case, curves: Curve, budgets: Sequence[float]) -> list[Scored]:
    """Give what the shadow price gets at each budget by these curves."""
    base = AllocationProblem(curves, 0)
    path = budget_path(base, _totals(case, budgets))
    abandonment_price = np.asarray(base.envelope.abandonment_price)
    found = []
    for tokens, caps, price in zip(path.budgets, path.tokens, path.price, strict=True):
        if caps.sum() < tokens:  # else there is nothing to hand out
            problem = AllocationProblem(curves, tokens)
            given = build_allocation(problem, caps, float(price), solver="path")
            caps = spread_leftover(problem, given).tokens
        found.append(Scored(_right(case, caps), float(np.mean(price > abandonment_price))))
    return found


def score_noise(
    case: Case, budgets: Sequence[float], noise: Sequence[float]
) -> dict[str, list[list[float]]]:
    """Give the accuracy of `NOISY` with noise on the predicted lengths, by noise and budget.

    Each query's predicted length, and with it its threshold, is multiplied by exp(noise N(0, 1)).
    Who knows how large the noise is allocates by what it leaves possible, as
    `benchmarks.uncertainty` explains.
    """
    outcomes = case.outcomes
    n = len(outcomes.length)
    stretch = np.exp(np.random.default_rng([case.seed, 1]).standard_normal(n))
    found: dict[str, list[list[float]]] = {name: [] for name in NOISY}
    for amount in noise:
        spoilt = stretched(outcomes, stretch**amount)
        curves: dict[str, Curve] = {
            OURS: spoilt.chances,
            KNOWN: careful(spoilt, amount) if amount else spoilt.chances,
            PAPER: paper_curves(spoilt.threshold, case.shared),
        }
        for name, own in curves.items():
            found[name].append([scored.accuracy for scored in priced(case, own, budgets)])
    return found


def stretched(outcomes: Outcomes, factor: np.ndarray) -> Outcomes:
    """Multiply each query's predicted length by a factor, shape (n,)."""
    completion = outcomes.completion._replace(median=outcomes.completion.median * factor)
    chances = TabularCurve(outcomes.chances.grid * factor[:, None], outcomes.chances.values)
    return outcomes._replace(completion=completion, chances=chances)


def careful(spoilt: Outcomes, noise: float) -> TabularCurve:
    """Give the completion curves that a known noise on the predicted lengths leaves to expect.

    What it leaves possible of a query's length is log-normal, and widens the curve about a length
    that is nearer to the usual one.
    """
    possible = np.log(posterior_stretch(spoilt.completion.median, noise))
    shift, doubt = possible.mean(axis=1, keepdims=True), possible.std(axis=1, keepdims=True)
    spread, middle = spoilt.completion.sigma[:, None], np.log(spoilt.completion.median)[:, None]
    # The first column is no token, no answer; it stays.
    away = np.log(spoilt.chances.grid[:, 1:]) - middle
    widened = middle + shift + away * np.sqrt(1.0 + (doubt / spread) ** 2)
    return TabularCurve(np.exp(widened), spoilt.chances.values[:, 1:])


def _oracle_caps(outcomes: Outcomes, tokens: int) -> np.ndarray:
    """Ask the oracle about the queries that are answered at all: it funds no others."""
    right = np.flatnonzero(outcomes.correct > 0)
    names = outcomes.query_ids[right]
    rows = Rollouts(names, outcomes.length[right], outcomes.correct[right])
    caps = np.zeros(len(outcomes.length), dtype=np.int64)
    caps[right] = oracle(names, rows, tokens)
    return caps


def _totals(case: Case, budgets: Sequence[float]) -> list[int]:
    return [round(budget * len(case.outcomes.length)) for budget in budgets]


def _right(case: Case, caps: np.ndarray) -> float:
    """Replay caps on the answers, and give the share that is right within them."""
    return float(np.mean(case.outcomes.correct * (case.outcomes.length <= caps)))

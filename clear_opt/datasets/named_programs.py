"""Named programs: expected spend, offers, money, tenants, shares and pins."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from clear_opt.curves import ShiftedSurge, TabularCurve, Triangular
from clear_opt.lengths import SurgeLengths, TabularLengths
from clear_opt.problem import FundedShare, Limit, Offer, Program, per_tenant


def _same_batch() -> Offer:
    curves = ShiftedSurge.from_height(
        tau=[50, 100, 200], height=[0.9, 0.8, 0.6], width=[200, 150, 100]
    )
    return Offer("model", curves, lengths=SurgeLengths(curves))


def _same_batch_reserved() -> dict[str, Any]:
    return {
        "problem": Program(_same_batch(), Limit(300)),
        "value": 1.2923485845,
        "bound": 1.3091423117,
        "prices": {"tokens": 0.00378114624},
        "why": "Caps count in full; compare with the same batch in the expected basis.",
    }


def _same_batch_expected() -> dict[str, Any]:
    return {
        "problem": Program(_same_batch(), Limit(300), basis="expected", block=50),
        "value": 1.7,
        "bound": 1.8351577261,
        "prices": {"tokens": 0.00262959732},
        "why": "Most answers end before their cap: the same budget buys more, and the best order "
        "is an index, height per expected token at the peak.",
    }


def _long_tails() -> dict[str, Any]:
    grid = [50, 100, 150, 200, 400]
    curves = TabularCurve(
        grid, [[0.0, 0.5, 0.7, 0.75, 0.85], [0.0, 0.0, 0.4, 0.6, 0.7], [0.2, 0.3, 0.35, 0.4, 0.45]]
    )
    lengths = TabularLengths(
        grid, [[1.0, 0.5, 0.3, 0.2, 0.1], [1.0, 1.0, 0.6, 0.4, 0.3], [0.8, 0.7, 0.65, 0.6, 0.5]]
    )
    return {
        "problem": Program(
            Offer("model", curves, lengths=lengths), Limit(280), basis="expected", block=50
        ),
        "value": 1.3,
        "bound": 1.3681818182,
        "prices": {"tokens": 0.00363636364},
        "why": "Whoever has generated for long is unlikely to end: caps in between are best, which "
        "no index order finds.",
    }


def _chance_bound() -> dict[str, Any]:
    n = 12
    curves = Triangular.from_height(tau=[100.0] * n, height=0.8, width=100.0)
    lengths = TabularLengths([100, 200], [[1.0, 0.0]] * n)  # uniform between 100 and 200 tokens
    problem = Program(
        Offer("model", curves, lengths=lengths),
        Limit(1000),
        basis="expected",
        block=100,
        overrun_probability=0.05,
    )
    return {
        "problem": problem,
        "value": 4.0,
        "bound": 4.7183206211,
        "prices": {},
        "why": "On average the budget would do for six queries; that it does in 19 of 20 batches "
        "costs one of them.",
    }


def _routing() -> dict[str, Any]:
    grid = [100, 200, 300]
    small = TabularCurve(
        grid, [[0.6, 0.8, 0.85], [0.2, 0.4, 0.5], [0.0, 0.05, 0.1], [0.3, 0.5, 0.55]]
    )
    large = TabularCurve(
        grid, [[0.7, 0.9, 0.95], [0.5, 0.8, 0.9], [0.1, 0.5, 0.8], [0.5, 0.7, 0.8]]
    )
    offers = [Offer("small", small, {"cents": 0.01}), Offer("large", large, {"cents": 0.05})]
    return {
        "problem": Program(offers, Limit(18, "cents"), block=50),
        "value": 2.35,
        "bound": 2.3866666667,
        "prices": {"cents": 0.0533333333},
        "why": "One price of money decides model and cap together.",
    }


def _routing_prompts() -> dict[str, Any]:
    grid = [100, 200]
    small = TabularCurve(grid, [[0.5, 0.7], [0.5, 0.7], [0.1, 0.2]])
    large = TabularCurve(grid, [[0.8, 0.9], [0.8, 0.9], [0.6, 0.9]])
    offers = [
        Offer("small", small, {"cents": 0.01}, {"cents": [0.5, 3, 1]}),
        Offer("large", large, {"cents": 0.04}, {"cents": [1.0, 6, 2]}),
    ]
    return {
        "problem": Program(offers, Limit(16, "cents"), block=50),
        "value": 2.15,
        "bound": 2.1875,
        "prices": {"cents": 0.075},
        "why": "A long prompt costs before the first token: of two queries alike the one with the "
        "longer prompt is asked last.",
    }


def _tokens_and_money() -> dict[str, Any]:
    grid = [100, 200, 300]
    small = TabularCurve(grid, [[0.3, 0.6, 0.8], [0.2, 0.4, 0.5], [0.1, 0.3, 0.6], [0.2, 0.5, 0.6]])
    large = TabularCurve(
        grid, [[0.7, 0.85, 0.9], [0.6, 0.8, 0.85], [0.4, 0.8, 0.9], [0.6, 0.8, 0.9]]
    )
    offers = [Offer("small", small, {"cents": 0.01}), Offer("large", large, {"cents": 0.05})]
    return {
        "problem": Program(offers, [Limit(700), Limit(19, "cents")], block=50),
        "value": 2.5,
        "bound": 2.6333333333,
        "prices": {"tokens": 0.000916666667, "cents": 0.0416666667},
        "why": "Two resources bind at once, each with its own price; two queries may be split.",
    }


def _tenants() -> dict[str, Any]:
    curves = TabularCurve(
        [100, 200, 300],
        [[0.6, 0.8, 0.9], [0.5, 0.75, 0.9], [0.4, 0.7, 0.8], [0.1, 0.3, 0.45], [0.1, 0.2, 0.4]],
    )
    rows = per_tenant(["a", "a", "a", "b", "b"], budget={"a": 450}, guarantee={"b": 250})
    return {
        "problem": Program(Offer("model", curves), [Limit(800), *rows], block=50),
        "value": 2.425,
        "bound": 2.4416666667,
        "prices": {
            "tokens": 0.00133333333,
            "a's tokens": 0.00116666667,
            "b's guaranteed tokens": 0.0,
        },
        "why": "Tenant a is held back by its own budget, not by what all share.",
    }


def _guarantee() -> dict[str, Any]:
    curves = TabularCurve(
        [100, 200, 300],
        [[0.6, 0.8, 0.9], [0.5, 0.75, 0.9], [0.4, 0.7, 0.8], [0.1, 0.3, 0.45], [0.1, 0.2, 0.4]],
    )
    rows = per_tenant(["a", "a", "a", "b", "b"], guarantee={"b": 250})
    return {
        "problem": Program(Offer("model", curves), [Limit(700), *rows], block=50),
        "value": 2.3,
        "bound": 2.3,
        "prices": {"tokens": 0.0025, "b's guaranteed tokens": 0.001},
        "why": "A guarantee takes tokens from where they would bring more, and its price says how "
        "much more.",
    }


def _fair_share() -> dict[str, Any]:
    curves = Triangular.from_height(
        tau=[50, 50, 100, 150, 200, 200], height=[0.9, 0.8, 0.9, 0.5, 0.4, 0.3], width=50.0
    )
    share = FundedShare(0.5, group=[3, 4, 5], name="hard ones")
    return {
        "problem": Program(Offer("model", curves), [Limit(500), share], block=50),
        "value": 0.9,
        "bound": 1.35,
        "prices": {"tokens": 0.009},
        "why": "At least half of three hard queries means two, rounded up; they displace easier "
        "ones.",
    }


def _pinned() -> dict[str, Any]:
    curves = Triangular.from_height(
        tau=[50, 100, 100, 400], height=[0.9, 0.8, 0.5, 0.1], width=50.0
    )
    return {
        "problem": Program(Offer("model", curves), Limit(650), pinned=[3], block=50),
        "value": 1.0,
        "bound": 1.5333333333,
        "prices": {"tokens": 0.00533333333},
        "why": "A pinned query is funded at a loss, and the others share what is left.",
    }


PROGRAMS: dict[str, Callable[[], dict[str, Any]]] = {
    "same-batch-reserved": _same_batch_reserved,
    "same-batch-expected": _same_batch_expected,
    "long-tails": _long_tails,
    "chance-bound": _chance_bound,
    "routing": _routing,
    "routing-prompts": _routing_prompts,
    "tokens-and-money": _tokens_and_money,
    "tenants": _tenants,
    "guarantee": _guarantee,
    "fair-share": _fair_share,
    "pinned": _pinned,
}

"""Named batches with one budget: every curve family, bounds, weights, blocks, and some traps."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from clear_opt.curves import (
    Hill,
    Logistic,
    Quadratic,
    ShiftedSurge,
    TabularCurve,
    Triangular,
)
from clear_opt.problem import AllocationProblem


def _surge() -> dict[str, Any]:
    curves = ShiftedSurge.from_height(
        tau=[80, 90, 200, 900], height=[0.9, 0.7, 0.6, 0.2], width=[60, 70, 120, 500]
    )
    return {
        "problem": AllocationProblem(curves, budget=400),
        "value": 1.6,
        "bound": 1.8194003578,
        "prices": {"budget": 0.00199628966},
        "why": "One query falls just short of the price and its tokens go to the funded ones.",
    }


def _quadratic() -> dict[str, Any]:
    curves = Quadratic.from_height(
        tau=[50, 120, 200, 60], height=[0.8, 0.9, 0.7, 0.3], width=[100, 150, 200, 300]
    )
    return {
        "problem": AllocationProblem(curves, budget=450),
        "value": 1.7,
        "bound": 1.7892509715,
        "prices": {"budget": 0.00187564435},
        "why": "Parabolas end in a corner-free peak, so caps stop short of it at any price.",
    }


def _triangular() -> dict[str, Any]:
    curves = Triangular.from_height(
        tau=[60, 100, 150, 40], height=[0.9, 0.8, 0.95, 0.2], width=[40, 100, 50, 60]
    )
    return {
        "problem": AllocationProblem(curves, budget=350),
        "value": 1.8833333333,
        "bound": 2.05,
        "prices": {"budget": 0.004},
        "why": "Straight slopes make funding all or nothing: a knapsack whose last tokens are "
        "worth little.",
    }


def _hill() -> dict[str, Any]:
    curves = Hill(half=[100, 150, 400, 80], shape=[4, 2, 8, 1], height=[0.9, 0.8, 0.9, 0.3])
    return {
        "problem": AllocationProblem(curves, budget=600),
        "value": 1.6548760665,
        "bound": 1.7151811837,
        "prices": {"budget": 0.00154366592},
        "why": "Saturating curves never peak; the one of shape 1 is concave and always gets some.",
    }


def _logistic() -> dict[str, Any]:
    curves = Logistic(midpoint=[100, 200, 300], scale=[15, 30, 20], height=[0.9, 0.95, 0.6])
    return {
        "problem": AllocationProblem(curves, budget=420),
        "value": 1.7356442896,
        "bound": 1.7356507352,
        "prices": {"budget": 0.00236762749},
        "why": "No threshold: curves rise from zero on, and yet there is a break-even cap.",
    }


def _tabular() -> dict[str, Any]:
    # Solution recall by cap of GSM8K, MATH-500 and AIME as the paper's figure shows it.
    curves = TabularCurve(
        [128, 256, 512, 1024],
        [[0.03, 0.28, 0.87, 0.97], [0.0, 0.09, 0.52, 0.90], [0.0, 0.0, 0.17, 0.72]],
    )
    return {
        "problem": AllocationProblem(curves, budget=1600),
        "value": 1.7825,
        "bound": 1.815,
        "prices": {"budget": 0.000703125},
        "why": "Corners off the hull (here at 128 and 256 tokens) are never where a solver stops "
        "on purpose.",
    }


def _floors_and_ceilings() -> dict[str, Any]:
    curves = ShiftedSurge.from_height(
        tau=[80, 90, 100, 300], height=[0.9, 0.8, 0.7, 0.9], width=[60, 80, 200, 200]
    )
    problem = AllocationProblem(
        curves, budget=500, floor=[0, 100, 60, 20], ceiling=[110, np.inf, 180, np.inf]
    )
    return {
        "problem": problem,
        "value": 2.0521178359,
        "bound": 2.1072349074,
        "prices": {"budget": 0.00202602087},
        "why": "A floor past a threshold is funded already, one below it is sunk cost, and a "
        "ceiling below the break-even cap raises what a token must bring.",
    }


def _weights() -> dict[str, Any]:
    curves = ShiftedSurge.from_height(tau=[100, 120, 300], height=[0.9, 0.8, 0.5], width=60.0)
    return {
        "problem": AllocationProblem(curves, budget=380, weight=[1, 1, 10]),
        "value": 5.0,
        "bound": 5.1321161482,
        "prices": {"budget": 0.00598886898},
        "why": "An error ten times as dear turns the order of the queries round.",
    }


def _blocks() -> dict[str, Any]:
    curves = ShiftedSurge.from_height(tau=[80, 90, 200], height=[0.9, 0.7, 0.6], width=70.0)
    return {
        "problem": AllocationProblem(curves, budget=400, block=64),
        "value": 1.6,
        "bound": 1.7384093083,
        "prices": {"budget": 0.00229013017},
        "why": "Memory is handed out in blocks of 64 tokens; rounding must not pass the budget.",
    }


def _shared_shape_prefix() -> dict[str, Any]:
    curves = ShiftedSurge.from_height(
        tau=[100, 150, 210, 280, 360, 450, 550], height=0.8, width=200.0
    )
    return {
        "problem": AllocationProblem(curves, budget=1000),
        "value": 2.387169183,
        "bound": 2.4852522643,
        "prices": {"budget": 0.00180090744},
        "why": "The paper's case: with one shape for all, the best set is a prefix by threshold, "
        "and all funded queries get the same slack above it.",
    }


def _tiny_slope() -> dict[str, Any]:
    curves = ShiftedSurge.from_height(
        tau=[100, 120, 900], height=[0.9, 0.8, 1e-4], width=[60, 60, 900]
    )
    return {
        "problem": AllocationProblem(curves, budget=290),
        "value": 1.5048022569,
        "bound": 1.5439606213,
        "prices": {"budget": 0.00467046417},
        "why": "In the convex program without q <= z the query with the tiny slope sells tokens "
        "at a negative slack, and the optimum exceeds every dual bound.",
    }


def _rescaled_demand() -> dict[str, Any]:
    curves = ShiftedSurge.from_height(tau=[100, 100, 140, 140, 180, 180], height=0.8, width=100.0)
    return {
        "problem": AllocationProblem(curves, budget=400),
        "value": 1.6,
        "bound": 1.7288711404,
        "prices": {"budget": 0.00360181488},
        "why": "Who rescales demand to the budget inside the bisection never sees the budget "
        "exceeded: the price falls to zero, all get a like share, and none is answered.",
    }


def _uniform_wasteful() -> dict[str, Any]:
    curves = Triangular.from_height(
        tau=[50, 400, 400, 400, 400], height=[0.9, 0.95, 0.9, 0.85, 0.8], width=50.0
    )
    return {
        "problem": AllocationProblem(curves, budget=1010),
        "value": 2.75,
        "bound": 2.7688888889,
        "prices": {"budget": 0.00188888889},
        "why": "Equal caps answer one query where three could be: far from optimal.",
    }


def _slack_budget() -> dict[str, Any]:
    curves = Quadratic.from_height(tau=[50, 100], height=[0.9, 0.6], width=[50, 100])
    return {
        "problem": AllocationProblem(curves, budget=1000),
        "value": 1.5,
        "bound": 1.5,
        "prices": {"budget": 0.0},
        "why": "More tokens than can be used: the price is zero, and caps stop at the peaks.",
    }


def _identical_queries() -> dict[str, Any]:
    curves = ShiftedSurge.from_height(tau=[100, 100], height=0.8, width=100.0)
    return {
        "problem": AllocationProblem(curves, budget=200),
        "value": 0.8,
        "bound": 0.8954275103,
        "prices": {"budget": 0.00447713755},
        "why": "Two queries alike and tokens for one: demand jumps past the budget at the price, "
        "and who is funded is arbitrary.",
    }


def _wide_gap() -> dict[str, Any]:
    curves = Triangular.from_height(tau=[200, 210], height=[0.9, 0.9], width=100.0)
    return {
        "problem": AllocationProblem(curves, budget=240),
        "value": 0.36,
        "bound": 0.72,
        "prices": {"budget": 0.003},
        "why": "Few queries: the relaxation funds one in part and promises far more than whole "
        "caps can give. The gap is real, no solver can close it.",
    }


PLAIN: dict[str, Callable[[], dict[str, Any]]] = {
    "surge": _surge,
    "quadratic": _quadratic,
    "triangular": _triangular,
    "hill": _hill,
    "logistic": _logistic,
    "tabular": _tabular,
    "floors-and-ceilings": _floors_and_ceilings,
    "weights": _weights,
    "blocks": _blocks,
    "shared-shape-prefix": _shared_shape_prefix,
    "tiny-slope": _tiny_slope,
    "rescaled-demand": _rescaled_demand,
    "uniform-wasteful": _uniform_wasteful,
    "slack-budget": _slack_budget,
    "identical-queries": _identical_queries,
    "wide-gap": _wide_gap,
}

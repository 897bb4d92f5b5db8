"""Our exact cone program beside a piecewise-linear envelope, in the same solver and out of it.

    python -m benchmarks.conic [--n 5000] [--out benchmarks/results/conic.json]

All methods start from a problem's plain arrays and end with a price and the optimum of their convex
program. Times are the least of several repeats on each instance; methods take turns, so that a busy
moment of the machine hits them all. ``ratio`` is our time as a multiple of the method's, the median
over instances. ``value_error`` and ``price_error`` are the largest relative distances from our
price search, which shares neither the program nor its solver.

The envelopes are written in the two ways a good user of cvxpy would: the least of twenty lines per
query, and twenty segments per query that are filled best first. Both take the same lines: the chord
to the tangent point and tangents in equal ratios of slope down to the peak. Segments are not given
to HiGHS: its simplex needs two minutes for them.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import cvxpy as cp
import numpy as np
from cvxpy.constraints.nonpos import Inequality
from cvxpy.reductions.solvers.solving_chain import SolvingChain
from scipy.special import lambertw

from benchmarks.peers.instances import Instance, make_instance
from benchmarks.report import machine_facts, markdown_table, write_report
from clear_opt import ConicSolver, DualSolver
from clear_opt.solvers.conic.cvxpy_terms import at_most, dual_of, numbers

_RESULT = Path(__file__).parent / "results" / "conic.json"
_SHARE_OF_PEAKS = 0.3
_FLATTEST = 0.01  # of the chord's slope: the last tangent before the level line at the peak


class Optimum(NamedTuple):
    """What a convex program found."""

    value: float
    """Expected number of right answers, of the program."""
    price: float
    """Per token."""


def ours(instance: Instance, *, presolve: bool) -> Optimum:
    """Solve the exponential-cone program."""
    found = ConicSolver(presolve=presolve).relax(instance.problem())
    assert found.converged
    return Optimum(found.value, found.price)


def lines(instance: Instance, *, solver: str, cuts: int) -> Optimum:
    """Maximise the sum of each query's least line."""
    slopes, offsets = _cuts(instance, cuts)
    n = len(instance.tau)
    unit = instance.budget / n
    tokens, value = cp.Variable((n, 1), nonneg=True), cp.Variable((n, 1))
    row = at_most(cp.sum(tokens), n)
    drawn = cp.multiply(slopes * unit, tokens @ np.ones((1, cuts))) + offsets
    below = value @ np.ones((1, cuts)) <= drawn
    return _solved(cp.Problem(cp.Maximize(cp.sum(value)), [row, below]), row, unit, solver)


def segments(instance: Instance, *, solver: str, cuts: int) -> Optimum:
    """Maximise the worth of the segments between two lines' crossings."""
    slopes, offsets = _cuts(instance, cuts)
    n = len(instance.tau)
    unit = instance.budget / n
    ends = np.diff(offsets, axis=1) / (slopes[:, :-1] - slopes[:, 1:]) / unit
    filled = cp.Variable(ends.shape, nonneg=True)
    row = at_most(cp.sum(filled), n)
    worth = cp.sum(cp.multiply(slopes[:, :-1] * unit, filled))
    fits = filled <= np.diff(ends, axis=1, prepend=0.0)
    return _solved(cp.Problem(cp.Maximize(worth), [row, fits]), row, unit, solver)


def _solved(program: cp.Problem, row: Inequality, unit: float, solver: str) -> Optimum:
    program.solve(solver=solver)
    return Optimum(float(numbers(program.objective.expr)), dual_of(row) / unit)


def _cuts(instance: Instance, cuts: int) -> tuple[np.ndarray, np.ndarray]:
    """Give slopes and offsets of lines above each query's envelope, shape (n, cuts)."""
    tau, alpha, beta = (part[:, None] for part in instance[:3])
    gap = tau / beta
    tangent = 2.0 * gap / (tau + np.sqrt(tau**2 + 4.0 * gap))
    chord = alpha * tangent * np.exp(-beta * tangent) / (tau + tangent)
    slopes = chord * np.append(np.geomspace(1.0, _FLATTEST, cuts - 1), 0.0)
    x = (1.0 - lambertw(np.minimum(np.e * slopes / alpha, np.e)).real) / beta
    offsets = alpha * x * np.exp(-beta * x) - slopes * (tau + x)
    offsets[:, 0] = 0.0
    return slopes, offsets


class Method(NamedTuple):
    """A way to find the optimum of the relaxed problem."""

    name: str
    find: Callable[[Instance], Optimum]


def methods(cuts: int) -> list[Method]:
    """Give all methods, ours first."""
    return [
        Method("cones (ours)", lambda one: ours(one, presolve=True)),
        Method("cones, whole program (ours)", lambda one: ours(one, presolve=False)),
        Method(f"{cuts} lines, Clarabel", lambda one: lines(one, solver="CLARABEL", cuts=cuts)),
        Method(
            f"{cuts} segments, Clarabel", lambda one: segments(one, solver="CLARABEL", cuts=cuts)
        ),
        Method(f"{cuts} lines, HiGHS", lambda one: lines(one, solver="HIGHS", cuts=cuts)),
    ]


def run(n: int = 5000, instances: int = 5, repeats: int = 3, cuts: int = 20) -> dict[str, Any]:
    """Compare the methods and give one JSON-ready report.

    Parameters
    ----------
    n
        Queries in each batch.
    instances
        Random batches.
    repeats
        Timed calls of each method on each batch, after one on the first batch that is not timed.
    cuts
        Lines per query of the piecewise-linear envelopes.
    """
    able = methods(cuts)
    batches = [make_instance(n, seed, _SHARE_OF_PEAKS) for seed in range(instances)]
    truth = [DualSolver().solve(batch.problem()) for batch in batches]
    for method in able:
        method.find(batches[0])
    times = np.full((len(able), instances), np.inf)
    errors = np.zeros((len(able), instances, 2))
    for b, batch in enumerate(batches):
        for _ in range(repeats):
            for m, method in enumerate(able):
                begun = time.perf_counter()
                found = method.find(batch)
                times[m, b] = min(times[m, b], time.perf_counter() - begun)
                errors[m, b] = (
                    abs(found.value / truth[b].dual_bound - 1.0),
                    abs(found.price / truth[b].price - 1.0),
                )
    return {
        "benchmark": "conic",
        "settings": {
            "n": n,
            "instances": instances,
            "repeats": repeats,
            "cuts": cuts,
            "budget_as_share_of_peaks": _SHARE_OF_PEAKS,
        },
        "machine": machine_facts(),
        "readings_per_solve": _readings(able[0], batches),
        "rows": [
            {
                "method": method.name,
                "seconds": float(np.median(times[m])),
                "ratio": float(np.median(times[0] / times[m])),
                "largest_ratio": float((times[0] / times[m]).max()),
                "value_error": float(errors[m, :, 0].max()),
                "price_error": float(errors[m, :, 1].max()),
            }
            for m, method in enumerate(able)
        ],
    }


def _readings(method: Method, batches: Sequence[Instance]) -> float:
    """Count how often cvxpy reads a program per solve of a size that was solved before."""
    calls = 0
    apply = SolvingChain.apply

    def counted(self: SolvingChain, *args: Any, **kwargs: Any) -> Any:
        nonlocal calls
        calls += 1
        return apply(self, *args, **kwargs)

    SolvingChain.apply = counted
    try:
        for batch in batches:
            method.find(batch)
    finally:
        SolvingChain.apply = apply
    return calls / len(batches)


def table(report: dict[str, Any]) -> str:
    """Give a report as a Markdown table."""
    rows = [
        (
            row["method"],
            f"{1e3 * row['seconds']:,.0f}",
            f"{row['ratio']:.2f}",
            f"{row['value_error']:.0e}",
            f"{row['price_error']:.0e}",
        )
        for row in report["rows"]
    ]
    return markdown_table(("method", "ms", "ours / it", "value error", "price error"), rows)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the comparison, write the report, print it."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.conic", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--n", type=int, default=5000, help="queries in each batch")
    parser.add_argument("--out", type=Path, default=_RESULT)
    options = parser.parse_args(arguments)
    report = run(options.n)
    write_report(report, options.out)
    print(table(report))
    print(f"wrote {options.out}", file=sys.stderr)


if __name__ == "__main__":
    main()

"""What a sweep of budgets costs, in single solves.

    python -m benchmarks.path [--n 500,5000] [--points 100] [--json] [--out FILE]

`budget_path` over budgets from 1 % to 99 % of what all peaks together cost, beside one `solve` at
each of five budgets spread over the same range. Both start from plain arrays and build their own
envelopes; they take turns, after one run of each that is not timed. The ratio is that of the
medians. Beside it: how far prices and bounds are from those of `solve`, how much of the bound the
caps reach at worst, and how many evaluations of demand one budget took. Where the report goes to
its usual place, the table in docs/benchmarks.md is renewed too.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.peers import Instance, make_instance
from benchmarks.report import machine_facts, markdown_table, quote_text, write_report
from benchmarks.solvers import sizes_of
from clear_opt import AllocationProblem, ShiftedSurge, budget_path, solve

MARKS = ("<!-- path: begin -->", "<!-- path: end -->")
"""Marks around this benchmark's table in docs/benchmarks.md."""

_RESULT = Path(__file__).parent / "results" / "path.json"
_PAGE = Path(__file__).parents[1] / "docs" / "benchmarks.md"
_SHARES = (0.05, 0.2, 0.4, 0.6, 0.8)  # budgets of the single solves, as shares of all peaks


def run(
    sizes: Sequence[int] = (500, 5000), points: int = 100, instances: int = 3, repeats: int = 5
) -> dict[str, Any]:
    """Measure and give one JSON-ready report.

    Parameters
    ----------
    sizes
        Numbers of queries.
    points
        Budgets of a path.
    instances
        Random batches of each size.
    repeats
        Timed turns on each batch.
    """
    return {
        "benchmark": "path",
        "settings": {
            "sizes": list(sizes),
            "points": points,
            "instances": instances,
            "repeats": repeats,
            "single_solves_at_shares_of_peaks": list(_SHARES),
        },
        "machine": machine_facts(),
        "rows": [_row(n, points, instances, repeats) for n in sizes],
    }


def _row(n: int, points: int, instances: int, repeats: int) -> dict[str, Any]:
    paths, solves = [], []
    price_error, bound_error, worst_share, evaluations = 0.0, 0.0, 1.0, []
    for seed in range(instances):
        batch = make_instance(n, seed, 1.0)  # its budget is what all peaks cost
        budgets = np.ceil(np.linspace(0.01, 0.99, points) * batch.budget)
        found = budget_path(_problem(batch, 0.0), budgets)
        each = [solve(_problem(batch, budget)) for budget in budgets]
        price, bound = (np.array([getattr(one, name) for one in each]) for name in _COMPARED)
        price_error = max(price_error, float(np.max(np.abs(found.price / price - 1))))
        bound_error = max(bound_error, float(np.max(np.abs(found.dual_bound / bound - 1))))
        worst_share = min(worst_share, float(np.min(found.value / found.dual_bound)))
        evaluations.append(found.evaluations / points)
        for _ in range(repeats):
            begun = time.perf_counter()
            budget_path(_problem(batch, 0.0), budgets)
            paths.append(time.perf_counter() - begun)
            for share in _SHARES:
                begun = time.perf_counter()
                solve(_problem(batch, share * batch.budget))
                solves.append(time.perf_counter() - begun)
    path_seconds, solve_seconds = float(np.median(paths)), float(np.median(solves))
    return {
        "n": n,
        "ratio": path_seconds / solve_seconds,
        "path_seconds": path_seconds,
        "solve_seconds": solve_seconds,
        "evaluations_per_budget": float(np.mean(evaluations)),
        "price_error": price_error,
        "bound_error": bound_error,
        "worst_share_of_bound": worst_share,
    }


_COMPARED = ("price", "dual_bound")


def _problem(batch: Instance, budget: float) -> AllocationProblem:
    return AllocationProblem(ShiftedSurge(batch.tau, batch.alpha, batch.beta), budget)


def markdown(report: dict[str, Any]) -> str:
    """Give the report as a Markdown table."""
    points = report["settings"]["points"]
    headings = (
        "n",
        f"{points} budgets, in solves",
        f"{points} budgets, ms",
        "one solve, ms",
        "evaluations per budget",
        "price differs by",
        "bound differs by",
        "% of bound, at worst",
    )
    rows = [
        (
            f"{row['n']:,}",
            f"{row['ratio']:.1f}",
            f"{1e3 * row['path_seconds']:.0f}",
            f"{1e3 * row['solve_seconds']:.1f}",
            f"{row['evaluations_per_budget']:.1f}",
            f"{row['price_error']:.0e}",
            f"{row['bound_error']:.0e}",
            f"{100 * row['worst_share_of_bound']:.3f}",
        )
        for row in report["rows"]
    ]
    return markdown_table(headings, rows)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, write the report, print it."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.path", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--n", type=sizes_of, default=(500, 5000), help="numbers of queries")
    parser.add_argument("--points", type=int, default=100, help="budgets of a path")
    parser.add_argument("--json", action="store_true", help="print the report itself")
    parser.add_argument("--out", type=Path, default=_RESULT)
    options = parser.parse_args(arguments)
    report = run(options.n, options.points)
    write_report(report, options.out)
    if options.out == _RESULT and _PAGE.exists():
        quote_text(markdown(report), _PAGE, MARKS)
    print(json.dumps(report, allow_nan=False) if options.json else markdown(report))
    print(f"wrote {options.out}", file=sys.stderr)


if __name__ == "__main__":
    main()

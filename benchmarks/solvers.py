"""Our solvers beside the paper's method and what others do, in one run: ``make bench``.

    python -m benchmarks.solvers [--n 500,5000] [--json] [--out benchmarks/results/solvers.json]

A time is the median over instances and repeats of one call, from plain arrays to whole tokens (ours
include the certificate and a reason for each query). Methods take turns, so that a busy moment of
the machine hits them all. Before timing every method runs once on each instance: imports and
compilation are not in the medians but in ``first_seconds``. Share is the expected number of right
answers as a share of the dual bound, which no allocation can exceed. Where the report goes to its
usual place, the table in docs/benchmarks.md is renewed too.
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

from benchmarks.instances import Instance, make_instance
from benchmarks.methods import METHODS, Answer, Method, dual
from benchmarks.report import machine_facts, print_report, quote, write_report

SHARE_OF_PEAKS = 0.3
"""Budget as a share of what funding every query to its peak would cost."""

_RESULT = Path(__file__).parent / "results" / "solvers.json"
_PAGE = Path(__file__).parents[1] / "docs" / "benchmarks.md"


def run(
    sizes: Sequence[int] = (500, 5000),
    instances: int = 3,
    repeats: int = 3,
    methods: Sequence[Method] = METHODS,
) -> dict[str, Any]:
    """Compare the methods and give one JSON-ready report.

    Parameters
    ----------
    sizes
        Numbers of queries.
    instances
        Random batches of each size.
    repeats
        Timed calls of each method on each batch, after one that is not timed.
    methods
        What to compare; the first is the reference for time ratios.
    """
    report: dict[str, Any] = {
        "benchmark": "solvers",
        "settings": {
            "sizes": list(sizes),
            "instances": instances,
            "repeats": repeats,
            "budget_as_share_of_peaks": SHARE_OF_PEAKS,
        },
        "machine": machine_facts(),
        "rows": [],
        "left_out": [],
    }
    for n in sizes:
        for method in methods:
            if n > method.largest:
                report["left_out"].append({"method": method.name, "n": n, "why": method.why})
        able = [method for method in methods if n <= method.largest]
        batches = [make_instance(n, seed, SHARE_OF_PEAKS) for seed in range(instances)]
        report["rows"] += _rows(able, batches, repeats)
    return report


def _rows(methods: Sequence[Method], batches: list[Instance], repeats: int) -> list[dict]:
    answers: dict[str, list[Answer]] = {}
    first: dict[str, float] = {}
    for method in methods:
        begun = time.perf_counter()
        answers[method.name] = [method.allocate(batches[0])]
        first[method.name] = time.perf_counter() - begun
        answers[method.name] += [method.allocate(batch) for batch in batches[1:]]
    times: dict[str, list[float]] = {method.name: [] for method in methods}
    for batch in batches:
        for _ in range(repeats):
            for method in methods:
                begun = time.perf_counter()
                method.allocate(batch)
                times[method.name].append(time.perf_counter() - begun)
    bounds = [_bound(batch) for batch in batches]
    median = {name: float(np.median(taken)) for name, taken in times.items()}
    return [
        {
            "method": method.name,
            "n": len(batches[0].tau),
            "ratio": median[method.name] / median[methods[0].name],
            "seconds": median[method.name],
            "first_seconds": first[method.name],
            **_quality(answers[method.name], batches, bounds),
        }
        for method in methods
    ]


def _bound(batch: Instance) -> float:
    """Give the least dual bound, recomputed from the curves alone at our solver's price."""
    price = dual(batch).price
    assert price is not None
    return batch.problem().certify(np.zeros(len(batch.tau)), price).dual_bound


def _quality(answers: list[Answer], batches: list[Instance], bounds: list[float]) -> dict[str, Any]:
    shares = [
        float(batch.utility(answer.tokens).sum()) / bound
        for answer, batch, bound in zip(answers, batches, bounds, strict=True)
    ]
    return {
        "share_of_bound": float(np.mean(shares)),
        "worst_share": min(shares),
        "within_budget": all(
            answer.tokens.sum() <= batch.budget
            for answer, batch in zip(answers, batches, strict=True)
        ),
        "prices": [answer.price for answer in answers],
    }


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the comparison, write the report, print it."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.solvers", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--n", type=sizes_of, default=(500, 5000), help="numbers of queries")
    parser.add_argument("--json", action="store_true", help="print the report itself")
    parser.add_argument("--out", type=Path, default=_RESULT)
    options = parser.parse_args(arguments)
    report = run(options.n)
    write_report(report, options.out)
    if options.out == _RESULT and _PAGE.exists():
        quote(report, _PAGE)
    if options.json:
        print(json.dumps(report, allow_nan=False))
    else:
        print_report(report)
        print(f"wrote {options.out}", file=sys.stderr)


def sizes_of(text: str) -> tuple[int, ...]:
    """Read ``500,5000`` from the command line."""
    try:
        sizes = tuple(int(part) for part in text.split(","))
    except ValueError:
        sizes = ()
    if not sizes or min(sizes) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no list of sizes like 500,5000")
    return sizes


if __name__ == "__main__":
    main()

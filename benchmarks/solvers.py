"""Our solvers beside the paper's method and what others do, in one run.

    python -m benchmarks.solvers [--n 500,5000] [--json] [--out benchmarks/results/solvers.json]

A time is the median over instances and repeats of one call, from plain arrays to whole tokens (ours
include the certificate and a reason for each query). Methods take turns, so that a busy moment of
the machine hits them all. Before timing every method runs once on each instance: imports and
compilation are not in the medians but in ``first_seconds``; only where that run takes longer than
`PATIENCE` it is the time. Share is the expected number of right answers as a share of the dual
bound, which no allocation can exceed. Memory is the peak of one call beyond its inputs, in a
process of its own (`benchmarks.peers.memory`). Where the report goes to its usual place, the table
in docs/benchmarks.md is renewed too.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from benchmarks.peers import METHODS, Method, compare
from benchmarks.peers.comparison import PATIENCE, SHARE_OF_PEAKS
from benchmarks.report import machine_facts, print_report, quote, write_report

SIZES = (500, 5_000, 50_000, 500_000, 10_000_000)

_LARGE = 100_000  # queries from which on one batch is as good as several
_RESULT = Path(__file__).parent / "results" / "solvers.json"
_PAGE = Path(__file__).parents[1] / "docs" / "benchmarks.md"


def run(
    sizes: Sequence[int] = SIZES,
    instances: int = 3,
    repeats: int = 3,
    methods: Sequence[Method] = METHODS,
    say: Callable[[str], None] = lambda step: None,
) -> dict[str, Any]:
    """Compare the methods and give one JSON-ready report.

    Parameters
    ----------
    sizes
        Numbers of queries.
    instances
        Random batches of each size; of more than 100,000 queries one.
    repeats
        Timed calls of each method on each batch, after one that is not timed.
    methods
        What to compare; the first is the reference for time ratios.
    say
        Called with the name of each step when it begins.
    """
    report: dict[str, Any] = {
        "benchmark": "solvers",
        "settings": {
            "sizes": list(sizes),
            "instances": instances,
            "instances_of_large_batches": 1,
            "repeats": repeats,
            "patience_seconds": PATIENCE,
            "budget_as_share_of_peaks": SHARE_OF_PEAKS,
        },
        "machine": machine_facts(),
        "rows": [],
        "left_out": [],
    }
    for n in sizes:
        rows, left_out = compare(
            (n,),
            instances=instances if n <= _LARGE else 1,
            repeats=repeats,
            methods=methods,
            say=say,
        )
        report["rows"] += rows
        report["left_out"] += left_out
    return report


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the comparison, write the report, print it."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.solvers", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--n", type=sizes_of, default=SIZES, help="numbers of queries")
    parser.add_argument("--json", action="store_true", help="print the report itself")
    parser.add_argument("--out", type=Path, default=_RESULT)
    options = parser.parse_args(arguments)
    report = run(options.n, say=lambda step: print(step, file=sys.stderr, flush=True))
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

"""A short comparison: our solvers beside what a user would pick instead, on this machine.

    python -m benchmarks.quick [--n 500,5000] [--json]

Our two solvers, the paper's bisection, hull climbs, an integer program, tangent cuts, SLSQP,
uniform and proportional caps, each from plain arrays to whole tokens, on random batches: time,
share of the dual bound, memory. The sizes of the default take about a minute.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from typing import Any

from rich.console import Console

from benchmarks.peers import compare

MOST_QUERIES = 100_000_000
"""Largest batch: ten times as many as what `docs/benchmarks.md` has, and 10 GB of memory."""

KEYS = ("method", "n", "seconds", "share_of_bound", "peak_mb")
"""What a row of the JSON object has."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Compare ways to allocate on random batches, and print a table or one JSON object."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.quick", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument(
        "--n",
        type=_sizes,
        default="500,5000",
        metavar="SIZES",
        help="numbers of queries, with commas between them",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object, not a table")
    asked = parser.parse_args(arguments)
    with Console(stderr=True).status("Comparing ...") as status:
        rows, left_out = compare(asked.n, say=lambda step: status.update(f"{step} ..."))
    if asked.json:
        shown = [{key: row[key] for key in KEYS} for row in rows]
        print(json.dumps({"rows": shown}, allow_nan=False))
    else:
        _print(rows)
    for row in left_out:
        print(
            f"note: {row['method']} is left out at n = {row['n']:,}: {row['why']}", file=sys.stderr
        )


def _sizes(given: str) -> list[int]:
    sizes = []
    for part in given.split(","):
        size = int(part) if part.strip().isdecimal() and len(part) < 100 else 0
        if not 1 <= size <= MOST_QUERIES:
            raise argparse.ArgumentTypeError(
                f"{part.strip()!r} is not a whole number from 1 to {MOST_QUERIES:,}; "
                "give numbers of queries with commas between them, e.g. 500,5000"
            )
        sizes.append(size)
    return sizes


def _print(rows: list[dict[str, Any]]) -> None:
    from rich.box import SIMPLE
    from rich.table import Table

    table = Table(box=SIMPLE)
    table.add_column("method", no_wrap=True)
    for heading in ("n", "x ours", "ms", "% of bound", "peak MB"):
        table.add_column(heading, justify="right", no_wrap=True)
    for number, row in enumerate(rows):
        last = number + 1 == len(rows) or rows[number + 1]["n"] != row["n"]
        table.add_row(
            row["method"],
            f"{row['n']:,}",
            _short(row["ratio"]),
            _short(1e3 * row["seconds"]),
            f"{100 * row['share_of_bound']:.3f}",
            "" if row["peak_mb"] is None else _short(row["peak_mb"]),
            end_section=last,
        )
    console = Console(highlight=False)
    console.print(table)
    console.print(
        "Times are medians of calls after the first; memory is one call's peak beyond its "
        "inputs, in a process of its own."
    )


def _short(value: float) -> str:
    return f"{value:,.0f}" if value >= 10 else f"{value:.2g}"


if __name__ == "__main__":
    main()

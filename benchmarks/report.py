"""How a benchmark's report is stored and shown: JSON, a table in the terminal, one in Markdown."""

from __future__ import annotations

import json
import os
import platform
import secrets
from importlib.metadata import version
from pathlib import Path
from typing import Any

HEADINGS = ("method", "n", "time / ours", "time", "first call", "share of bound", "in budget")

_PACKAGES = ("numpy", "scipy", "jax", "jaxlib", "cvxpy", "clarabel")


def machine_facts() -> dict[str, Any]:
    """Say what the numbers depend on, without naming the machine."""
    return {
        "python": platform.python_version(),
        "system": platform.system(),
        "architecture": platform.machine(),
        "cpus": os.cpu_count(),
        **{name: version(name) for name in _PACKAGES},
    }


def write_report(report: dict[str, Any], path: Path) -> None:
    """Write a report as JSON, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    try:
        beside.write_text(json.dumps(report, indent=1, allow_nan=False) + "\n")
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


def cells(report: dict[str, Any]) -> list[tuple[str, ...]]:
    """Give the table's cells as text, one tuple in the order of ``HEADINGS`` for each row."""
    return [
        (
            row["method"],
            f"{row['n']:,}",
            f"{row['ratio']:.2g}" if row["ratio"] < 100 else f"{row['ratio']:,.0f}",
            _time(row["seconds"]),
            _time(row["first_seconds"]),
            f"{row['share_of_bound']:.3%}",
            "yes" if row["within_budget"] else "NO",
        )
        for row in report["rows"]
    ]


def _time(seconds: float) -> str:
    for unit, scale in (("s", 1.0), ("ms", 1e-3)):
        if seconds >= scale:
            return f"{seconds / scale:.2g} {unit}"
    return f"{seconds * 1e6:.2g} µs"


def markdown(report: dict[str, Any]) -> str:
    """Give a report as a Markdown table."""
    lines = [HEADINGS, ("---", *("---:" for _ in HEADINGS[1:])), *cells(report)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def print_report(report: dict[str, Any]) -> None:
    """Print a report as a table in the terminal."""
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, header_style="bold")
    for heading in HEADINGS:
        table.add_column(heading, justify="left" if heading == "method" else "right", no_wrap=True)
    rows = cells(report)
    for row in rows:
        if table.rows and row[0] == rows[0][0]:
            table.add_row()
        table.add_row(*row)
    console = Console(highlight=False)
    console.print(table)
    for row in report["left_out"]:
        console.print(f"left out: {row['method']} at n = {row['n']:,}: {row['why']}")

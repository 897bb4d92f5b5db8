"""How a benchmark's report is stored and shown: JSON, a table in the terminal, one in Markdown."""

from __future__ import annotations

import json
import os
import platform
import secrets
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

HEADINGS = ("method", "n", "ratio", "ms", "first, ms", "% of bound", "fits", "peak MB")
"""``ratio`` is the time as a multiple of our dual solver's; ``first`` the first call at that size,
compilation included, which ``ms`` leaves out; ``fits`` whether the budget held;
``peak MB`` the memory of one call beyond its inputs."""

BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"
"""Marks around the table that `quote` keeps up to date."""

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
    _replace(path, json.dumps(report, indent=1, allow_nan=False) + "\n")


def quote(report: dict[str, Any], page: Path) -> None:
    """Put a report's table between the two marks of a Markdown page."""
    quote_text(markdown(report), page)


def quote_text(text: str, page: Path, marks: tuple[str, str] = (BEGIN, END)) -> None:
    """Put a text between the two marks of a Markdown page."""
    begin, end = marks
    before, rest = page.read_text(encoding="utf-8").split(begin)
    _, after = rest.split(end)
    _replace(page, f"{before}{begin}\n\n{text}\n\n{end}{after}")


def _replace(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    try:
        beside.write_text(text, encoding="utf-8")
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


def cells(report: dict[str, Any]) -> list[tuple[str, ...]]:
    """Give the table's cells as text, one tuple in the order of ``HEADINGS`` for each row."""
    return [
        (
            row["method"],
            f"{row['n']:,}",
            _two_digits(row["ratio"]),
            _two_digits(1e3 * row["seconds"]),
            _two_digits(1e3 * row["first_seconds"]),
            f"{100 * row['share_of_bound']:.3f}",
            "yes" if row["within_budget"] else "NO",
            _megabytes(row["peak_mb"]),
        )
        for row in report["rows"]
    ]


def _megabytes(value: float | None) -> str:
    if value is None:
        return ""
    return _two_digits(value) if value >= 0.1 else "< 0.1"


def _two_digits(value: float) -> str:
    rounded = float(f"{value:.2g}")
    return f"{rounded:,.0f}" if rounded >= 10 else np.format_float_positional(rounded, trim="-")


def markdown(report: dict[str, Any]) -> str:
    """Give a report as a Markdown table, and below it what was left out."""
    reasons: dict[str, list[str]] = {}
    for row in report["left_out"]:
        reasons.setdefault(f"{row['method']} ({row['why']})", []).append(f"{row['n']:,}")
    lines = [f"- {method}: n = {'; '.join(sizes)}" for method, sizes in reasons.items()]
    table = markdown_table(HEADINGS, cells(report))
    return "\n".join([table, "", "Left out:", "", *lines] if lines else [table])


def markdown_table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Give a Markdown table whose first column is flush left and whose others are flush right."""
    lines = [headings, ("---", *("---:" for _ in headings[1:])), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def print_report(report: dict[str, Any]) -> None:
    """Print a report as a table in the terminal."""
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, header_style="bold")
    table.add_column(HEADINGS[0], no_wrap=True)
    for heading in HEADINGS[1:]:
        table.add_column(heading, justify="right")
    rows = cells(report)
    for row in rows:
        if table.rows and row[0] == rows[0][0]:
            table.add_row()
        table.add_row(*row)
    console = Console(highlight=False)
    console.print(table)
    for row in report["left_out"]:
        console.print(f"left out: {row['method']} at n = {row['n']:,}: {row['why']}")

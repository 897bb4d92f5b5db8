"""How near a solve is to what reading the data and evaluating demand once must cost.

    python -m benchmarks.limit [--n 10000000] [--json] [--out benchmarks/results/limit.json]

In one process, taking turns, medians of

- a streaming pass: reading tau, alpha, beta and the abandonment prices once;
- one fused demand evaluation, by JAX over whole arrays, with Lambert's W started from log1p and
  improved by three Halley steps;
- one demand evaluation as the package does it, in blocks and with its own W;
- `DualSolver.solve` of a problem that holds its curves and nothing else: envelope, price, whole
  tokens, certificate and reasons.

Solves of a tenth of the queries say how time grows. A process of its own says what memory posing
and solving the problem needs at its peak, as a multiple of tau, alpha and beta. Where the report
goes to its usual place, the table in docs/benchmarks.md is renewed too.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.peers import Instance, make_instance, peak_memory
from benchmarks.peers.comparison import SHARE_OF_PEAKS
from benchmarks.report import machine_facts, markdown_table, quote_text, write_report
from clear_opt import DualSolver
from clear_opt._numerics.array_namespace import Array
from clear_opt._numerics.chunked import sum_chunked
from clear_opt._numerics.precision import double_precision
from clear_opt.defaults import BLOCK_QUERIES
from clear_opt.envelopes.concave import Envelope

MARKS = ("<!-- limit: begin -->", "<!-- limit: end -->")
"""Marks around this benchmark's table in docs/benchmarks.md."""

NAMES = {
    "pass": "one pass over four arrays",
    "formula": "one demand evaluation, W by three Halley steps",
    "evaluation": "one demand evaluation of the package",
    "solve": "full solve",
    "smaller": "full solve of a tenth",
}
"""What is timed."""

_RESULT = Path(__file__).parent / "results" / "limit.json"
_PAGE = Path(__file__).parents[1] / "docs" / "benchmarks.md"


def run(n: int = 10_000_000, repeats: int = 5) -> dict[str, Any]:
    """Measure and give one JSON-ready report.

    Parameters
    ----------
    n
        Queries, at least 10.
    repeats
        Timed turns, after one run of each that is not timed.
    """
    big, tenth = (make_instance(size, 0, SHARE_OF_PEAKS) for size in (n, n // 10))
    problem = big.problem()
    price = DualSolver().solve(problem).price
    tasks: dict[str, Callable[[], object]] = {
        "pass": _pass_over(*big[:3], np.asarray(problem.envelope.abandonment_price)),
        "formula": formula_of(big, np.asarray(problem.envelope.abandonment_price), price),
        "evaluation": lambda: sum_chunked(demand, problem.envelope, price),
    }
    asked = {name: _value(tasks[name]()) for name in ("formula", "evaluation")}
    times: dict[str, list[float]] = {name: [] for name in NAMES}
    for turn in range(repeats + 1):
        for name, task in tasks.items():
            _timed(task, times[name])
        for name, batch in (("solve", big), ("smaller", tenth)):
            fresh = batch.problem()
            _timed(lambda fresh=fresh: DualSolver().solve(fresh), times[name])
        if turn == 0:
            times = {name: [] for name in NAMES}
    seconds = {name: float(np.median(taken)) for name, taken in times.items()}
    return {
        "benchmark": "limit",
        "settings": {"n": n, "repeats": repeats, "budget_as_share_of_peaks": SHARE_OF_PEAKS},
        "machine": machine_facts(),
        "seconds": seconds,
        "least_seconds": {name: min(taken) for name, taken in times.items()},
        "solve_in_formulas": seconds["solve"] / seconds["formula"],
        "solve_in_evaluations": seconds["solve"] / seconds["evaluation"],
        "solve_in_passes": seconds["solve"] / seconds["pass"],
        "growth": seconds["solve"] / seconds["smaller"],
        "demand_differs_by": abs(asked["formula"] / asked["evaluation"] - 1.0),
        **_memory(n),
    }


def _timed(task: Callable[[], object], into: list[float]) -> None:
    begun = time.perf_counter()
    task()
    into.append(time.perf_counter() - begun)


def _value(found: Any) -> float:
    return float(np.asarray(found))


def _pass_over(*arrays: np.ndarray) -> Callable[[], float]:
    """Sum arrays in blocks on all cores: nothing that reads them all can take less."""
    parts = [slice(k, k + BLOCK_QUERIES) for k in range(0, len(arrays[0]), BLOCK_QUERIES)]
    pool = ThreadPoolExecutor(os.cpu_count() or 1)

    def read(share: list[slice]) -> float:
        return sum(float(np.add.reduce(array[part])) for part in share for array in arrays)

    shares = [parts[k :: os.cpu_count() or 1] for k in range(os.cpu_count() or 1)]
    return lambda: sum(pool.map(read, shares))


def formula_of(batch: Instance, ceded: np.ndarray, price: float) -> Callable[[], object]:
    """Give the fused evaluation over whole arrays that JAX holds already."""
    with double_precision():
        held = [jnp.asarray(column) for column in (*batch[:3], ceded)]

    def evaluate() -> object:
        with double_precision():
            return _formula(*held, price).block_until_ready()

    return evaluate


@jax.jit
def _formula(tau: jax.Array, alpha: jax.Array, beta: jax.Array, ceded: jax.Array, price: Array):
    x = jnp.minimum(jnp.e * price / alpha, jnp.e)
    w = jnp.log1p(x) * (1.0 - 0.5 * jnp.log1p(jnp.log1p(x)) / (1.0 + jnp.log1p(x)))
    for _ in range(3):
        grown = jnp.exp(w)
        excess = w * grown - x
        slope = grown * (w + 1.0)
        w = w - excess / (slope - (w + 2.0) * excess / (2.0 * w + 2.0))
    return jnp.where(price <= ceded, tau + (1.0 - w) / beta, 0.0).sum()


def demand(envelope: Envelope, price: Array) -> Array:
    """Give what each query asks for at a price, tokens, shape (n,)."""
    return envelope.response(price)


def _memory(n: int) -> dict[str, Any]:
    """Give the peak beyond the inputs as a multiple of them, ``None`` where unknown."""
    large = (n, 0, SHARE_OF_PEAKS)
    small = (min(n, BLOCK_QUERIES + 1), 0, SHARE_OF_PEAKS)
    inputs = 3 * np.dtype(np.float64).itemsize * n
    peak = peak_memory(_pose_and_solve, make_instance, large, small)
    return {"inputs_bytes": inputs, "peak_beyond_inputs": None if peak is None else peak / inputs}


def _pose_and_solve(batch: Instance) -> object:
    return DualSolver().solve(batch.problem())


def markdown(report: dict[str, Any]) -> str:
    """Give the report as a Markdown table and a line on memory."""
    seconds = report["seconds"]
    rows = [
        (name, f"{1e3 * seconds[key]:,.0f}", f"{seconds['solve'] / seconds[key]:.1f}")
        for key, name in NAMES.items()
    ]
    table = markdown_table((f"n = {report['settings']['n']:,}", "ms", "a solve is"), rows)
    if report["peak_beyond_inputs"] is None:
        return table
    return (
        f"{table}\n\nTo pose the problem and solve it takes, at the peak, "
        f"{report['peak_beyond_inputs']:.1f} times the memory of tau, alpha and beta, beside these."
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, write the report, print it."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.limit", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--n", type=int, default=10_000_000, help="queries, at least 10")
    parser.add_argument("--repeats", type=int, default=5, help="timed turns")
    parser.add_argument("--json", action="store_true", help="print the report itself")
    parser.add_argument("--out", type=Path, default=_RESULT)
    options = parser.parse_args(arguments)
    if options.n < 10:
        parser.error(f"--n: {options.n} is below 10; a tenth of the queries is solved too")
    report = run(options.n, options.repeats)
    write_report(report, options.out)
    if options.out == _RESULT and _PAGE.exists():
        quote_text(markdown(report), _PAGE, MARKS)
    print(json.dumps(report, allow_nan=False) if options.json else markdown(report))
    print(f"wrote {options.out}", file=sys.stderr)


if __name__ == "__main__":
    main()

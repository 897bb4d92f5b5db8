"""The same solve on a GPU, for a hundred million queries; says so plainly where there is none.

    python -m benchmarks.gpu [--n 100000000] [--json] [--out benchmarks/results/gpu.json]

Nothing in the package is told about the GPU: JAX computes on it wherever its CUDA build is
installed (`pip install 'jax[cuda13]'`) and finds one. Medians over a few turns, after one that
compiles, of

- one fused demand evaluation on arrays that the device holds already: what it can do;
- one demand evaluation of the package, whose blocks are copied from the host's memory;
- posing the problem from plain arrays and solving it;

and of the last two once more in a process that JAX keeps on the processor. Both processes must find
the same price.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import jax
import numpy as np

from benchmarks.limit import demand, formula_of
from benchmarks.peers import make_instance
from benchmarks.peers.comparison import SHARE_OF_PEAKS
from benchmarks.report import machine_facts, write_report
from clear_opt import DualSolver
from clear_opt._numerics.chunked import sum_chunked

NO_GPU = "no GPU was found: nothing was measured (JAX runs on {backend})"

_RESULT = Path(__file__).parent / "results" / "gpu.json"


def run(n: int = 100_000_000, repeats: int = 3) -> dict[str, Any]:
    """Measure on JAX's default device and on the processor; give one JSON-ready report."""
    with ProcessPoolExecutor(1, get_context("spawn"), initializer=_on_the_processor) as pool:
        processor = pool.submit(measure, n, repeats).result()
    device = measure(n, repeats)
    return {
        "benchmark": "gpu",
        "settings": {"n": n, "repeats": repeats, "budget_as_share_of_peaks": SHARE_OF_PEAKS},
        "machine": {**machine_facts(), "device": jax.devices()[0].device_kind},
        "device": device,
        "processor": processor,
        "processor_in_devices": processor["solve"] / device["solve"],
        "price_differs_by": abs(device["price"] / processor["price"] - 1.0),
    }


def _on_the_processor() -> None:
    # Before the first computation; the variable of this name would reach other processes too.
    jax.config.update("jax_platforms", "cpu")


def measure(n: int, repeats: int) -> dict[str, Any]:
    """Give median seconds on whatever device JAX runs on in this process, and the price."""
    batch = make_instance(n, 0, SHARE_OF_PEAKS)
    problem = batch.problem()
    price = DualSolver().solve(problem).price
    tasks: dict[str, Callable[[], object]] = {
        "formula": formula_of(batch, np.asarray(problem.envelope.abandonment_price), price),
        "evaluation": lambda: sum_chunked(demand, problem.envelope, price),
        "solve": lambda: DualSolver().solve(batch.problem()),
    }
    times: dict[str, list[float]] = {name: [] for name in tasks}
    for turn in range(repeats + 1):
        for name, task in tasks.items():
            begun = time.perf_counter()
            task()
            if turn > 0:
                times[name].append(time.perf_counter() - begun)
    seconds = {name: float(np.median(taken)) for name, taken in times.items()}
    return {"backend": jax.default_backend(), "price": price, **seconds}


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and write the report where there is a GPU; else say that there is none."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gpu", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--n", type=int, default=100_000_000, help="queries")
    parser.add_argument("--json", action="store_true", help="print the report itself")
    parser.add_argument("--out", type=Path, default=_RESULT)
    options = parser.parse_args(arguments)
    if jax.default_backend() == "cpu":
        print(NO_GPU.format(backend=f"{os.cpu_count()} processor cores"))
        return
    report = run(options.n)
    write_report(report, options.out)
    print(json.dumps(report, indent=None if options.json else 1, allow_nan=False))
    print(f"wrote {options.out}", file=sys.stderr)


if __name__ == "__main__":
    main()

"""Time, quality and memory of several methods on the same batches."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import numpy as np

from benchmarks.peers.answers import Answer
from benchmarks.peers.instances import Instance, make_instance
from benchmarks.peers.memory import peak_memory
from benchmarks.peers.methods import METHODS, Method, dual
from clear_opt.defaults import BLOCK_QUERIES

SHARE_OF_PEAKS = 0.3
"""Budget as a share of what funding every query to its peak would cost."""

PATIENCE = 5.0
"""Seconds of a first call up to which a method is called again, in turns with the others."""

_WARM = 50  # queries of the batch that is solved before memory is measured


def compare(
    sizes: Sequence[int],
    *,
    instances: int = 1,
    repeats: int = 3,
    patience: float = PATIENCE,
    methods: Sequence[Method] = METHODS,
    say: Callable[[str], None] = lambda step: None,
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Run every method on the same random batches, in turns.

    Parameters
    ----------
    sizes
        Numbers of queries.
    instances
        Random batches of each size.
    repeats
        Timed turns on each batch, after one call that is not timed.
    patience
        Seconds; where a first call takes longer, the first calls are the times and no turns follow.
    methods
        What to compare; the first is the one that times are compared with.
    say
        Called with the name of each step when it begins.

    Returns
    -------
    rows
        For each size and method: ``method``, ``n``; ``seconds``, the median, and ``ratio``, that as
        a multiple of the first method's; ``calls`` timed; ``first_seconds``, the first call at that
        size, compilation included; ``share_of_bound``, the expected number of right answers as a
        share of the dual bound, averaged over the batches, and ``worst_share``; ``within_budget``;
        ``prices``; ``peak_mb``, memory of one call beyond its inputs in units of 10^6 bytes (see
        `benchmarks.peers.memory`), ``None`` where the system does not tell.
    left_out
        ``method``, ``n`` and ``why`` of each pair that would take too long.

    Examples
    --------
    >>> rows, left_out = compare([50], repeats=1, methods=METHODS[-1:])
    >>> rows[0]["method"], rows[0]["n"]
    ('proportional', 50)
    """
    rows, left_out = [], []
    for n in sizes:
        able = [method for method in methods if n <= method.largest]
        left_out += [
            {"method": method.name, "n": n, "why": method.why}
            for method in methods
            if n > method.largest
        ]
        batches = [make_instance(n, seed, SHARE_OF_PEAKS) for seed in range(instances)]
        found = _timed(able, batches, repeats, patience, say)
        del batches
        say(f"n = {n:,}: memory")
        for row, peak in zip(found, _peaks(able, n), strict=True):
            row["peak_mb"] = None if peak is None else peak / 1e6
        rows += found
    return rows, left_out


def _timed(
    methods: Sequence[Method],
    batches: list[Instance],
    repeats: int,
    patience: float,
    say: Callable[[str], None],
) -> list[dict[str, Any]]:
    n = len(batches[0].tau)
    scores, times = {}, {}
    for method in methods:
        say(f"n = {n:,}: {method.name}")
        called = [_call(method, batch) for batch in batches]
        times[method.name] = [seconds for _, seconds in called]
        # Answers to ten million queries are not kept, their scores are.
        scores[method.name] = [
            _score(answer, batch) for (answer, _), batch in zip(called, batches, strict=True)
        ]
    first = {name: taken[0] for name, taken in times.items()}
    # What the others are compared with is always timed in turns.
    quick = [m for m in methods if m is methods[0] or first[m.name] <= patience]
    for method in quick:
        times[method.name].clear()
    say(f"n = {n:,}: in turns")
    for batch in batches:
        for _ in range(repeats):
            for method in quick:
                times[method.name].append(_call(method, batch)[1])
    median = {name: float(np.median(taken)) for name, taken in times.items()}
    bounds = [_bound(batch) for batch in batches]  # after all: first calls are first
    return [
        {
            "method": method.name,
            "n": n,
            "ratio": median[method.name] / median[methods[0].name],
            "seconds": median[method.name],
            "calls": len(times[method.name]),
            "first_seconds": first[method.name],
            **_quality(scores[method.name], bounds),
        }
        for method in methods
    ]


def _call(method: Method, batch: Instance) -> tuple[Answer, float]:
    begun = time.perf_counter()
    answer = method.allocate(batch)
    return answer, time.perf_counter() - begun


def _bound(batch: Instance) -> float:
    """Give the least dual bound, recomputed from the curves alone at our solver's price."""
    price = dual(batch).price
    assert price is not None
    return batch.problem().certify(np.zeros(len(batch.tau)), price).dual_bound


class _Score(NamedTuple):
    value: float
    fits: bool
    price: float | None


def _score(answer: Answer, batch: Instance) -> _Score:
    value = float(batch.utility(answer.tokens).sum())
    return _Score(value, bool(answer.tokens.sum() <= batch.budget), answer.price)


def _quality(scores: list[_Score], bounds: list[float]) -> dict[str, Any]:
    shares = [score.value / bound for score, bound in zip(scores, bounds, strict=True)]
    return {
        "share_of_bound": float(np.mean(shares)),
        "worst_share": min(shares),
        "within_budget": all(score.fits for score in scores),
        "prices": [score.price for score in scores],
    }


def _peaks(methods: Sequence[Method], n: int) -> list[int | None]:
    """Measure each method in its own process; of small batches several at a time."""
    small = n <= BLOCK_QUERIES
    warm = _WARM if small else BLOCK_QUERIES + 1  # large batches are compiled for

    def peak(method: Method) -> int | None:
        return peak_memory(
            method.allocate, make_instance, (n, 0, SHARE_OF_PEAKS), (warm, 0, SHARE_OF_PEAKS)
        )

    with ThreadPoolExecutor(os.cpu_count() if small else 1) as pool:
        return list(pool.map(peak, methods))

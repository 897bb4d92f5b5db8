"""All cells of the paper's experiment: means over seeds, with intervals, ready for JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from scipy.stats import t

from benchmarks.paper_policies import (
    ABLATIONS,
    NOISY,
    OURS,
    PAPER,
    POLICIES,
    SURGE,
    UNIFORM,
    Scored,
)
from clear_opt.datasets import STREAMS

LEVEL = 0.95
DIFFERENCES = (
    (OURS, UNIFORM),
    (OURS, PAPER),
    (SURGE, UNIFORM),
    (SURGE, PAPER),
    (PAPER, UNIFORM),
)
"""Pairs that are compared seed by seed."""

_DIGITS = 5
_NOBODY = 0.0005  # share abandoned that is written 0.0 %

Scores = Mapping[str, Sequence[Scored]]


def interval(values: np.ndarray) -> dict[str, list[float]]:
    """Give mean and 95 % interval over seeds, the first axis; two-sided Student t."""
    seeds = len(values)
    mean = values.mean(axis=0)
    half = np.zeros_like(mean)
    if seeds > 1:
        half = t.ppf(0.5 + 0.5 * LEVEL, seeds - 1) * values.std(axis=0, ddof=1) / np.sqrt(seeds)
    parts = {"mean": mean, "low": mean - half, "high": mean + half}
    return {name: np.round(part, _DIGITS).tolist() for name, part in parts.items()}


def stream_cells(scores: Sequence[Scores]) -> dict[str, Any]:
    """Sum up one stream: one `Scores` per seed.

    Returns
    -------
    ``accuracy`` (mean, low, high by budget) and ``abandoned`` of each policy, ``difference`` of
    each pair of `DIFFERENCES`, and ``least_times_uniform``: of ours at the smallest budget, the
    least over seeds; ``None`` where equal caps never get an answer.
    """
    accuracy = {name: _column(scores, name, 0) for name in (*POLICIES, *ABLATIONS)}
    return {
        "accuracy": {name: interval(values) for name, values in accuracy.items()},
        "abandoned": {
            name: np.round(_column(scores, name, 1).mean(axis=0), _DIGITS).tolist()
            for name in accuracy
        },
        "difference": {
            f"{one} - {other}": interval(accuracy[one] - accuracy[other])
            for one, other in DIFFERENCES
        },
        "least_times_uniform": _least_times(accuracy[OURS][:, 0], accuracy[UNIFORM][:, 0]),
    }


def noise_cells(found: Mapping[str, Sequence[Mapping[str, Any]]]) -> dict[str, Any]:
    """Sum up the noise, averaged over streams seed by seed: for each stream one entry per seed."""
    return {
        name: interval(
            np.mean([[seed[name] for seed in seeds] for seeds in found.values()], axis=0)
        )
        for name in NOISY
    }


def claims(streams: Mapping[str, Any], budgets: Sequence[float]) -> dict[str, Any]:
    """Say of one world what was to be shown."""
    pairs = [f"{one} - {other}" for one, other in DIFFERENCES]
    first = {
        name: (cells["accuracy"][OURS]["mean"][0], cells["accuracy"][UNIFORM]["mean"][0])
        for name, cells in streams.items()
    }
    return {
        "budget": budgets[0],
        "times_uniform": {
            name: round(ours / equal, 2) if equal > 0 else None
            for name, (ours, equal) in first.items()
        },
        "least_times_uniform": {
            name: cells["least_times_uniform"] for name, cells in streams.items()
        },
        "below": {
            pair: [
                [name, budgets[k]]
                for name, cells in streams.items()
                for k, high in enumerate(cells["difference"][pair]["high"])
                if high < 0
            ]
            for pair in pairs
        },
        "worst": {pair: _worst(streams, budgets, pair) for pair in pairs},
        "none_abandoned": {
            policy: {
                name: _first_below(cells["abandoned"][policy], budgets)
                for name, cells in streams.items()
            }
            for policy in (PAPER, SURGE, OURS)
        },
    }


def _worst(streams: Mapping[str, Any], budgets: Sequence[float], pair: str) -> dict[str, Any]:
    cells = [
        (mean, name, k)
        for name, part in streams.items()
        for k, mean in enumerate(part["difference"][pair]["mean"])
    ]
    mean, name, k = min(cells)
    found = streams[name]["difference"][pair]
    return {
        "stream": name,
        "budget": budgets[k],
        "mean": mean,
        "low": found["low"][k],
        "high": found["high"][k],
    }


def _first_below(abandoned: Sequence[float], budgets: Sequence[float]) -> float | None:
    """Give the first budget from which on nobody is abandoned, to a twentieth of a per cent."""
    some = [k for k, share in enumerate(abandoned) if share >= _NOBODY]
    after = some[-1] + 1 if some else 0
    return budgets[after] if after < len(budgets) else None


def _least_times(ours: np.ndarray, equal: np.ndarray) -> float | None:
    some = equal > 0
    return round(float((ours[some] / equal[some]).min()), 2) if some.any() else None


def _column(scores: Sequence[Scores], name: str, field: int) -> np.ndarray:
    """Give one field by seed and budget."""
    return np.array([[scored[field] for scored in seed[name]] for seed in scores])


def by_stream(cases: Sequence[tuple[str, Any]]) -> dict[str, list[Any]]:
    """Put what belongs to one stream together, streams in their usual order."""
    return {name: [found for stream, found in cases if stream == name] for name in STREAMS}

"""P(correct within b) from a few rollouts, scored on others of the same problem.

    python -m benchmarks.fitting [ROLLOUTS] [--splits 10] [--json] [--out FILE]

The rollouts of each problem are split at random into two halves; curves are fitted to 1, 2 or 4
rollouts of one half and scored on the other, then the other way round. The Brier score is the mean
of (forecast - outcome)^2 over the scored rollouts of a problem, over caps, splits and problems.
Differences carry 95 % intervals from a paired bootstrap over problems. Where the report goes to its
usual place, the tables in docs/fitting.md are renewed too.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from scipy.special import betaln, expit, ndtr

from benchmarks.report import machine_facts, markdown_table, quote_text, write_report
from clear_opt.curves import Curve, Quadratic, TabularCurve, Triangular
from clear_opt.fitting import FittedCurves, fit_curves
from clear_opt.rollouts import Rollouts, read_rollouts

CAPS = (1_000, 2_000, 4_000, 8_000, 16_000)
"""Caps in tokens at which forecasts are scored."""

SAMPLES = (1, 2, 4)
"""Rollouts of a problem to fit on, at most half of those it has."""

OURS = "surge, shrunk (ours)"

_SPLITS = 10
_RESAMPLES = 4_000
_RESULT = Path(__file__).parent / "results" / "fitting.json"
_AIME = Path(__file__).parents[2] / "shared" / "data" / "aime_rollouts.parquet"
_PAGE = Path(__file__).parents[1] / "docs" / "fitting.md"


def forecasts(rollouts: Rollouts) -> dict[str, np.ndarray]:
    """Forecast P(correct within b) of each query by every method, arrays of shape (n, caps)."""
    shrunk, alone = fit_curves(rollouts), fit_curves(rollouts, shrink=False)
    raw = _share_right(rollouts)
    return {
        OURS: _at_caps(shrunk.curves),
        "raw empirical curve": raw,
        "pooled curve": np.broadcast_to(raw.mean(axis=0), raw.shape),
        "surge, not shrunk": _at_caps(alone.curves),
        "quadratic, shrunk": _at_caps(shrunk.curves_as(Quadratic)),
        "triangular, shrunk": _at_caps(shrunk.curves_as(Triangular)),
        "log-normal, shrunk": shrunk.completion_at(CAPS),
        "log-normal, plug-in": _plug_in(shrunk),
        "tabular, shrunk": _at_caps(shrunken_table(rollouts)),
    }


def _at_caps(curves: Curve) -> np.ndarray:
    return np.stack([curves.value(float(cap)) for cap in CAPS], axis=1)


def _plug_in(fitted: FittedCurves) -> np.ndarray:
    """Put the estimated state into the completion curve, as if nothing about it were open."""
    logit, log_median, log_sigma = fitted.estimate.T[:, :, None]
    return expit(logit) * ndtr((np.log(CAPS) - log_median) * np.exp(-log_sigma))


def _answers(rollouts: Rollouts) -> np.ndarray:
    """Give whether each rollout answers within each cap, shape (rows, caps)."""
    return rollouts.correct[:, None] * (rollouts.n_tokens[:, None] <= np.array(CAPS))


def _share_right(rollouts: Rollouts) -> np.ndarray:
    return _mean_by_query(rollouts, _answers(rollouts))


def _mean_by_query(rollouts: Rollouts, rows: np.ndarray) -> np.ndarray:
    query = rollouts.index_of(rollouts.query_id)
    count = np.bincount(query)
    return np.stack([np.bincount(query, weights=column) / count for column in rows.T], axis=1)


def shrunken_table(rollouts: Rollouts) -> TabularCurve:
    """Shrink the share of right answers within each cap towards that of all queries.

    Beta-binomial, one cap at a time. The strength of the shrinkage, in rollouts, is the likeliest
    one under a log-normal prior around 1, for one rollout per query says nothing about it.
    """
    share = _share_right(rollouts)
    count = np.bincount(rollouts.index_of(rollouts.query_id))[:, None]
    mean = np.clip(share.mean(axis=0), 1e-6, 1 - 1e-6)
    strengths = np.geomspace(0.02, 50.0, 60)
    values = np.empty_like(share)
    for j, middle in enumerate(mean):
        a, b = middle * strengths, (1.0 - middle) * strengths
        right = count * share[:, [j]]
        fits = (betaln(right + a, count - right + b) - betaln(a, b)).sum(axis=0)
        strength = strengths[np.argmax(fits - 0.5 * np.log(strengths) ** 2)]
        values[:, [j]] = (right + strength * middle) / (count + strength)
    return TabularCurve(CAPS, np.maximum.accumulate(values, axis=1))


def halves(rollouts: Rollouts, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Split each query's rows at random: the place of each row in its half, and which half.

    The first half has the odd row where there is one.
    """
    query = rollouts.index_of(rollouts.query_id)
    order = np.lexsort([rng.random(len(query)), query])
    count = np.bincount(query)
    rank = np.empty(len(query), dtype=np.int64)
    rank[order] = np.arange(len(query)) - np.repeat(np.cumsum(count) - count, count)
    first = (count[query] + 1) // 2
    return np.where(rank < first, rank, rank - first), rank >= first


def run(
    rollouts: Rollouts,
    splits: int = _SPLITS,
    samples: Sequence[int] = SAMPLES,
    forecast: Callable[[Rollouts], dict[str, np.ndarray]] = forecasts,
    seed: int = 0,
) -> dict[str, Any]:
    """Score every method and give one JSON-ready report.

    Parameters
    ----------
    rollouts
        Of one model, at least two per query.
    splits
        Random splits into halves; each is used in both directions.
    samples
        Most rollouts of a query to fit on.
    forecast
        Gives the forecasts of each method.
    seed
        Of the splits and of the bootstrap.
    """
    rng = np.random.default_rng(seed)
    ids = rollouts.query_ids
    scores: dict[int, dict[str, np.ndarray]] = {k: {} for k in samples}
    for _ in range(splits):
        place, second = halves(rollouts, rng)
        for half in (second, ~second):
            held_out = rollouts.take(half)
            query = held_out.index_of(held_out.query_id)
            for k in samples:
                given = rollouts.take(~half & (place < k))
                # Both tables hold every query, each in an order of its own.
                row = given.index_of(held_out.query_ids)[query]
                for name, chance in forecast(given).items():
                    error = _mean_by_query(held_out, (chance[row] - _answers(held_out)) ** 2)
                    total = scores[k].setdefault(name, np.zeros((len(ids), len(CAPS))))
                    total += error[held_out.index_of(ids)] / (2 * splits)
    draws = rng.integers(len(ids), size=(_RESAMPLES, len(ids)))
    return {
        "settings": {
            "caps": list(CAPS),
            "splits": splits,
            "seed": seed,
            "queries": len(ids),
            "rollouts": len(rollouts),
        },
        "machine": machine_facts(),
        "rows": [
            _row(k, name, score, score - scores[k][OURS], draws)
            for k in samples
            for name, score in scores[k].items()
        ],
    }


def _row(
    k: int, name: str, score: np.ndarray, excess: np.ndarray, draws: np.ndarray
) -> dict[str, Any]:
    """Sum up a method: its score, by cap too, and what it has above ours with its interval."""
    per_query = excess.mean(axis=1)
    low, high = np.quantile(per_query[draws].mean(axis=1), [0.025, 0.975])
    return {
        "samples": k,
        "method": name,
        "brier": float(score.mean()),
        "by_cap": score.mean(axis=0).tolist(),
        "above_ours": float(per_query.mean()),
        "low": float(low),
        "high": float(high),
    }


def markdown(report: dict[str, Any]) -> str:
    """Give the report as two Markdown tables: by number of rollouts, and by cap."""
    rows = report["rows"]
    by_samples: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        by_samples.setdefault(row["method"], []).append(row)
    numbers = list(dict.fromkeys(row["samples"] for row in rows))
    headings = ["Brier score, all caps"]
    for k in numbers:
        headings += [f"{k} rollout{'s' if k > 1 else ''}", "above ours (95 %)"]
    first = [
        [name, *(cell for row in found for cell in (f"{row['brier']:.4f}", _excess(row)))]
        for name, found in by_samples.items()
    ]
    caps = [f"{cap:,}" for cap in report["settings"]["caps"]]
    second = [
        [name, *(f"{score:.4f}" for score in found[-1]["by_cap"])]
        for name, found in by_samples.items()
    ]
    heading = f"{numbers[-1]} rollouts, by cap"
    return f"{markdown_table(headings, first)}\n\n{markdown_table([heading, *caps], second)}"


def _excess(row: dict[str, Any]) -> str:
    if row["method"] == OURS:
        return ""
    return f"{row['above_ours']:+.4f} ({row['low']:+.4f} to {row['high']:+.4f})"


def main(arguments: Sequence[str] | None = None) -> None:
    """Score the methods, write the report, print it."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.fitting", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("rollouts", type=Path, nargs="?", default=_AIME, help="of one model")
    parser.add_argument("--splits", type=int, default=_SPLITS, help="random splits into halves")
    parser.add_argument("--json", action="store_true", help="print the report itself")
    parser.add_argument("--out", type=Path, default=_RESULT)
    options = parser.parse_args(arguments)
    report = run(read_rollouts(options.rollouts), options.splits)
    write_report(report, options.out)
    if options.out == _RESULT and _PAGE.exists():
        quote_text(markdown(report), _PAGE)
    print(json.dumps(report, allow_nan=False) if options.json else markdown(report))
    print(f"wrote {options.out}", file=sys.stderr)


if __name__ == "__main__":
    main()

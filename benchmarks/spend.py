"""Paying for what is spent: accuracy at equal realised tokens, and how often a limit is overrun.

    python -m benchmarks.spend [ROLLOUTS] [--batches 1000] [--json] [--out FILE]

Predictors learn from the rollouts of four fifths of the queries and predict the rest. Each model is
allocated alone. Prices of a token are swept in the reserved basis (a limit on the sum of caps) and
in the expected basis (a limit on expected spend), uniform caps beside them, and the recorded
answers are replayed; policies are compared at equal realised tokens, between two prices in
proportion. The oracle knows every answer beforehand.

Then batches of queries are drawn with replacement, and each gets a limit on its spend with
``overrun_probability=0.05``; counted is how many really spend more than the limit, and what the
margin costs in right answers.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.report import machine_facts, markdown_table, quote_text, write_report
from benchmarks.spend_held import FOLDS, PRICES, Held, held_out, priced, program_of
from benchmarks.spend_overruns import CHANCE, overruns
from clear_opt import solve
from clear_opt.evaluation import (
    ReplayData,
    actual_spend_frontier,
    oracle_spend_frontier,
    uniform_spend_frontier,
)
from clear_opt.predictors import SurgePredictor
from clear_opt.rollouts import Rollouts, read_rollouts

TARGETS = (25.0, 50.0, 75.0, 100.0, 150.0, 200.0)
"""Realised tokens per query at which the policies are compared."""

CHECKED = 100.0
"""Tokens per query at which `solve` is compared with the sweep."""

LIMITS = (50.0, 100.0, 150.0)
"""Limits on spend with a chance bound, tokens per query."""

UNIFORM, RESERVED, EXPECTED, ORACLE = POLICIES = ("uniform", "reserved", "expected", "oracle")
SHOWN_MODEL = "o1-mini-2024-09-12"
SIZE = 200
MARKS = tuple(f"<!-- spend: {end} -->" for end in ("begin", "end"))

_BATCHES = 1_000
_RESULT = Path(__file__).parent / "results" / "spend.json"
_ZEROEVAL = Path(__file__).parents[2] / "shared" / "data" / "zeroeval_rollouts.parquet"
_PAGE = Path(__file__).parents[1] / "docs" / "spend.md"


def frontiers(
    held: Held, own: Rollouts, prices: np.ndarray, targets: Sequence[float], checked: float
) -> tuple[dict[str, list[float]], float]:
    """Give each policy's accuracy at given realised tokens per query, and a check of the prices.

    The check is what `solve` in the expected basis reaches at ``checked`` tokens per query, less
    the frontier at what that spends.
    """
    replays = ReplayData(held.query_id, own)
    expected = program_of(held, checked * len(held.query_id), "expected")
    found = {
        UNIFORM: uniform_spend_frontier(replays),
        RESERVED: actual_spend_frontier(priced(program_of(held, 0, "reserved"), prices), replays),
        EXPECTED: actual_spend_frontier(priced(expected, prices), replays),
        ORACLE: oracle_spend_frontier(replays),
    }
    caps = solve(expected).tokens
    reached, spent = replays.answered(caps).mean(), replays.spend(caps).mean()
    check = float(reached - found[EXPECTED].at([spent])[0])
    return {policy: frontier.at(targets).tolist() for policy, frontier in found.items()}, check


def run(
    rollouts: Rollouts,
    predictor: SurgePredictor | None = None,
    targets: Sequence[float] = TARGETS,
    limits: Sequence[float] = LIMITS,
    batches: int = _BATCHES,
    size: int = SIZE,
    seed: int = 0,
    say: Callable[[str], None] = lambda done: None,
) -> dict[str, Any]:
    """Compare the policies for every model and give one JSON-ready report.

    Parameters
    ----------
    rollouts
        One of each query and model, with texts.
    predictor
        What learns; `SurgePredictor` with its defaults if it is left out.
    targets, limits
        See `TARGETS` and `LIMITS`.
    batches, size
        How many batches are drawn for each model and limit, and of how many queries.
    seed
        Of the folds and the batches.
    say
        Called with the name of each step when it is done.
    """
    predictor = SurgePredictor(random_state=seed) if predictor is None else predictor
    held, errors = held_out(rollouts, predictor, seed)
    say("predictions")
    models = {}
    for name, part in held.items():
        own = rollouts.for_model(name)
        accuracy, check = frontiers(part, own, PRICES, targets, CHECKED)
        models[name] = {
            "queries": len(part.query_id),
            "spend_error": errors[name],
            "accuracy": accuracy,
            "solve_less_sweep": check,
            "overruns": [
                overruns(part, own, limit, errors[name], batches, size, seed) for limit in limits
            ],
        }
        say(name)
    return {
        "settings": {
            "folds": FOLDS,
            "seed": seed,
            "targets": list(targets),
            "limits": list(limits),
            "batches": batches,
            "size": size,
            "overrun_probability": CHANCE,
            "checked": CHECKED,
        },
        "machine": machine_facts(),
        "models": models,
        "mean": {
            policy: np.mean([m["accuracy"][policy] for m in models.values()], axis=0).tolist()
            for policy in POLICIES
        },
    }


def markdown(report: dict[str, Any]) -> str:
    """Give the averages, the model that is looked at closely, each model, and the overruns."""
    targets, models = report["settings"]["targets"], report["models"]
    heads = ["policy", *(f"{target:g}" for target in targets)]
    parts = [f"Mean of {len(models)} models:", _policies(heads, report["mean"])]
    if SHOWN_MODEL in models:
        parts += [f"`{SHOWN_MODEL}`:", _policies(heads, models[SHOWN_MODEL]["accuracy"])]
    rows = [
        [name, *(_differences(m["accuracy"], k) for k in range(len(targets)))]
        for name, m in models.items()
    ]
    parts += ["Expected less reserved / less uniform, points:"]
    parts += [markdown_table(["model", *heads[1:]], rows)]
    settings = report["settings"]
    parts += [
        f"Share of {settings['batches']:,} batches of {settings['size']} that overran their limit "
        f"(allowed: {settings['overrun_probability']:.0%}), and in brackets what they spent of it:",
        _overruns(report),
        "What the margins are, mean of all models:",
        _margins(report),
    ]
    return "\n\n".join(parts)


def _policies(heads: Sequence[str], accuracy: dict[str, list[float]]) -> str:
    rows = [[policy, *(f"{value:.3f}" for value in accuracy[policy])] for policy in POLICIES]
    gain = np.subtract(accuracy[EXPECTED], accuracy[RESERVED])
    return markdown_table(heads, [*rows, ["expected - reserved", *map(_signed, gain)]])


def _differences(accuracy: dict[str, list[float]], k: int) -> str:
    found = [100 * (accuracy[EXPECTED][k] - accuracy[other][k]) for other in (RESERVED, UNIFORM)]
    # Adding zero keeps a rounded -0.0 from being shown with its sign.
    return " / ".join(f"{round(value, 1) + 0.0:+.1f}" for value in found)


def _signed(value: float) -> str:
    return f"{round(value, 3) + 0.0:+.3f}"


def _overruns(report: dict[str, Any]) -> str:
    found = {name: model["overruns"] for name, model in report["models"].items()}
    rows = [
        [name, f"{report['models'][name]['spend_error']:.1%}", *map(_overrun, rows)]
        for name, rows in found.items()
    ]
    means = [
        {key: _mean(column, key) for key in ("overrun", "spent")}
        for column in zip(*found.values(), strict=True)
    ]
    heads = ["model", "spend error", *(f"{limit:g}" for limit in report["settings"]["limits"])]
    return markdown_table(heads, [*rows, ["mean", "", *map(_overrun, means)]])


def _margins(report: dict[str, Any]) -> str:
    columns = list(zip(*(model["overruns"] for model in report["models"].values()), strict=True))
    limits = report["settings"]["limits"]
    tokens = [_mean(c, "margin") * limit for c, limit in zip(columns, limits, strict=True)]
    rows = [["margin, tokens per query", *(f"{value:.1f}" for value in tokens)]]
    for name, key in (("accuracy with it", "right"), ("accuracy without", "right_without")):
        rows.append([name, *(f"{_mean(c, key):.3f}" for c in columns)])
    return markdown_table(["limit", *(f"{limit:g}" for limit in limits)], rows)


def _mean(rows: Sequence[dict[str, float]], key: str) -> float:
    return float(np.mean([row[key] for row in rows]))


def _overrun(row: dict[str, float]) -> str:
    return f"{row['overrun']:.1%} ({row['spent']:.0%})"


def main(arguments: Sequence[str] | None = None) -> None:
    """Compare, write the report, print it."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.spend", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("rollouts", type=Path, nargs="?", default=_ZEROEVAL)
    parser.add_argument("--batches", type=int, default=_BATCHES, help="for each model and limit")
    parser.add_argument("--json", action="store_true", help="print the report itself")
    parser.add_argument("--out", type=Path, default=_RESULT)
    options = parser.parse_args(arguments)
    report = run(
        read_rollouts(options.rollouts),
        batches=options.batches,
        say=lambda done: print(done, file=sys.stderr, flush=True),
    )
    write_report(report, options.out)
    if options.out == _RESULT and _PAGE.exists():
        quote_text(markdown(report), _PAGE, (MARKS[0], MARKS[1]))
    print(json.dumps(report, allow_nan=False) if options.json else markdown(report))
    print(f"wrote {options.out}", file=sys.stderr)


if __name__ == "__main__":
    main()

"""Paying for what is spent: accuracy at equal realised tokens, and how often a limit is overrun.

    python -m benchmarks.spend [ROLLOUTS] [--batches 1000] [--json] [--out FILE]

Predictors learn from the rollouts of four fifths of the queries and predict the rest. Each model is
allocated alone. Budgets are swept for uniform caps, for the reserved basis (a limit on the sum of
caps) and for the expected basis (a limit on expected spend), and the recorded answers are replayed;
policies are compared at equal realised tokens, between two budgets in proportion. The oracle knows
every answer beforehand.

Then batches of queries are drawn with replacement, and each gets a limit on its spend with
``overrun_probability=0.05``; counted is how many really spend more than the limit.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.report import machine_facts, markdown_table, quote_text, write_report
from benchmarks.spend_held import FOLDS, Held, held_out
from clear_opt import Limit, Offer, Program, solve
from clear_opt.evaluation import Recorded, oracle_realised, realised_frontier, uniform_realised
from clear_opt.predictors import SurgePredictor
from clear_opt.program.program import Basis
from clear_opt.rollouts import Rollouts, read_rollouts
from clear_opt.solvers.coupled import solve_program

TARGETS = (25.0, 50.0, 75.0, 100.0, 150.0, 200.0)
"""Realised tokens per query at which the policies are compared."""

SWEEP = tuple(np.geomspace(15, 1200, 24).tolist())
"""Budgets that are solved for, tokens per query."""

LIMITS = (50.0, 100.0, 150.0)
"""Limits on spend with a chance bound, tokens per query."""

UNIFORM, RESERVED, EXPECTED, ORACLE = POLICIES = ("uniform", "reserved", "expected", "oracle")
SHOWN_MODEL = "o1-mini-2024-09-12"
CHANCE = 0.05
SIZE = 200
MARKS = tuple(f"<!-- spend: {end} -->" for end in ("begin", "end"))

_BATCHES = 1_000
_RESULT = Path(__file__).parent / "results" / "spend.json"
_ZEROEVAL = Path(__file__).parents[2] / "shared" / "data" / "zeroeval_rollouts.parquet"
_PAGE = Path(__file__).parents[1] / "docs" / "spend.md"
_KNOWS_ERROR = "spend_error" in {field.name for field in fields(Program)}


def program_of(
    held: Held, budget: float, basis: Basis, chance: float | None = None, error: float = 0.0
) -> Program:
    """Give the program of one model with a limit on its queries' tokens together.

    ``error`` is the relative standard error of the predicted spend that all queries share; it
    matters where there is a ``chance`` to keep.
    """
    # Where caps count, a surge's peak says where to stop; where spend counts, a cap that is not
    # used costs nothing and the whole completion curve is wanted.
    curves = held.surge if basis == "reserved" else held.completion
    offer = Offer("model", curves, lengths=held.lengths)
    more: dict[str, Any] = {"overrun_probability": chance}
    if chance is not None and _KNOWS_ERROR:
        more["spend_error"] = error
    return Program(offer, Limit(budget), basis=basis, **more)


def swept(held: Held, basis: Basis, budgets: Sequence[float]) -> list[np.ndarray]:
    """Give the caps at each budget, tokens per query, shape (n,) each."""
    program = program_of(held, 0.0, basis)
    size = len(held.query_id)
    return [solve(program.with_budget(size * budget)).tokens for budget in budgets]


def frontiers(
    held: Held, own: Rollouts, budgets: Sequence[float], targets: Sequence[float]
) -> dict[str, list[float]]:
    """Give each policy's accuracy at given realised tokens per query."""
    recorded = Recorded(held.query_id, own)
    found = {
        UNIFORM: uniform_realised(recorded),
        RESERVED: realised_frontier(swept(held, "reserved", budgets), recorded),
        EXPECTED: realised_frontier(swept(held, "expected", budgets), recorded),
        ORACLE: oracle_realised(recorded),
    }
    return {policy: frontier.at(targets).tolist() for policy, frontier in found.items()}


def overruns(
    held: Held,
    own: Rollouts,
    limit: float,
    error: float = 0.0,
    batches: int = _BATCHES,
    size: int = SIZE,
    seed: int = 0,
) -> dict[str, float]:
    """Allocate batches drawn with replacement under a chance bound, and replay each.

    Returns
    -------
    The share that spends more than the limit, and the mean realised spend as a share of it.
    """
    rng = np.random.default_rng(seed)
    spent, prices = np.empty(batches), None
    for k in range(batches):
        batch = held.take(rng.integers(len(held.query_id), size=size))
        program = program_of(batch, limit * size, "expected", CHANCE, error)
        # Batches are alike: the last one's prices are a good start for the next one's.
        allocation = solve_program(program, start=prices)
        prices = np.array([allocation.price])
        spent[k] = Recorded(batch.query_id, own).spend(allocation.tokens).sum()
    over = spent > limit * size
    return {
        "limit": limit,
        "overrun": float(over.mean()),
        "spent": float(spent.mean() / (limit * size)),
    }


def run(
    rollouts: Rollouts,
    predictor: SurgePredictor | None = None,
    budgets: Sequence[float] = SWEEP,
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
    budgets, targets, limits
        See `SWEEP`, `TARGETS` and `LIMITS`.
    batches, size
        How many batches are drawn for each model and limit, and of how many queries.
    seed
        Of the folds and the batches.
    say
        Called with the name of each step when it is done.
    """
    predictor = SurgePredictor(seed=seed) if predictor is None else predictor
    held, errors = held_out(rollouts, predictor, seed)
    say("predictions")
    models = {}
    for name, part in held.items():
        own = rollouts.for_model(name)
        models[name] = {
            "queries": len(part.query_id),
            "spend_error": errors[name],
            "accuracy": frontiers(part, own, budgets, targets),
            "overruns": [
                overruns(part, own, limit, errors[name], batches, size, seed) for limit in limits
            ],
        }
        say(name)
    return {
        "settings": {
            "folds": FOLDS,
            "seed": seed,
            "budgets": list(budgets),
            "targets": list(targets),
            "limits": list(limits),
            "batches": batches,
            "size": size,
            "overrun_probability": CHANCE,
            "spend_error": _KNOWS_ERROR,
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
        {key: float(np.mean([row[key] for row in column])) for key in ("overrun", "spent")}
        for column in zip(*found.values(), strict=True)
    ]
    heads = ["model", "spend error", *(f"{limit:g}" for limit in report["settings"]["limits"])]
    return markdown_table(heads, [*rows, ["mean", "", *map(_overrun, means)]])


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

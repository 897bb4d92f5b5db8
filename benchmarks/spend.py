"""Paying for what is spent: accuracy at equal realised tokens, and how often a limit is overrun.

    python -m benchmarks.spend [ROLLOUTS] [--batches 1000] [--json] [--out FILE]

Predictors learn from the rollouts of four fifths of the queries and predict the rest. Each model is
allocated alone. Prices of a token are swept in the reserved basis (a limit on the sum of caps) and
in the expected basis (a limit on expected spend), uniform caps beside them, and the recorded
answers are replayed; policies are compared at equal realised tokens, between two prices in
proportion. The oracle knows every answer beforehand.

Then batches of queries are drawn with replacement, and each gets a limit on its spend with
``overrun_probability=0.05``; counted is how many really spend more than the limit.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from scipy.special import ndtri

from benchmarks.report import machine_facts, markdown_table, quote_text, write_report
from benchmarks.spend_held import FOLDS, Held, held_out
from clear_opt import Limit, Offer, Program, solve
from clear_opt.evaluation import Recorded, oracle_realised, realised_frontier, uniform_realised
from clear_opt.predictors import SurgePredictor
from clear_opt.program.program import Basis
from clear_opt.rollouts import Rollouts, read_rollouts

TARGETS = (25.0, 50.0, 75.0, 100.0, 150.0, 200.0)
"""Realised tokens per query at which the policies are compared."""

PRICES = np.geomspace(1e-5, 0.1, 200)
"""Prices of a token that are swept, right answers per token."""

CHECKED = 100.0
"""Tokens per query at which `solve` is compared with the sweep."""

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


def program_of(held: Held, budget: float, basis: Basis) -> Program:
    """Give the program of one model with a limit on its queries' tokens together."""
    # Where caps count, a surge's peak says where to stop; where spend counts, a cap that is not
    # used costs nothing and the whole completion curve is wanted.
    curves = held.surge if basis == "reserved" else held.completion
    return Program(Offer("model", curves, lengths=held.lengths), Limit(budget), basis=basis)


def priced(program: Program, prices: np.ndarray, rate: float = 0.0) -> np.ndarray:
    """Give the caps at each price of a token, shape (prices, n).

    They are the best answer to whatever budget they use, so a sweep of prices needs no solves.
    ``rate`` is what variance costs, tokens per squared token.
    """
    (lane,), n = program.lanes, len(program)
    caps = np.zeros((len(prices), n))
    for k, price in enumerate(prices):
        found = lane.funded(np.full(n, price), np.full(n, price * rate))
        caps[k] = np.where(found.payoff > 0, lane.cap_at(found.spend), 0.0)
    return caps


def frontiers(
    held: Held, own: Rollouts, prices: np.ndarray, targets: Sequence[float], checked: float
) -> tuple[dict[str, list[float]], float]:
    """Give each policy's accuracy at given realised tokens per query, and a check of the prices.

    The check is what `solve` in the expected basis reaches at ``checked`` tokens per query, less
    the frontier at what that spends.
    """
    recorded = Recorded(held.query_id, own)
    expected = program_of(held, checked * len(held.query_id), "expected")
    found = {
        UNIFORM: uniform_realised(recorded),
        RESERVED: realised_frontier(priced(program_of(held, 0, "reserved"), prices), recorded),
        EXPECTED: realised_frontier(priced(expected, prices), recorded),
        ORACLE: oracle_realised(recorded),
    }
    caps = solve(expected).tokens
    reached, spent = recorded.answered(caps).mean(), recorded.spend(caps).mean()
    check = float(reached - found[EXPECTED].at([spent])[0])
    return {policy: frontier.at(targets).tolist() for policy, frontier in found.items()}, check


def overruns(
    held: Held,
    own: Rollouts,
    limit: float,
    error: float,
    batches: int = _BATCHES,
    size: int = SIZE,
    seed: int = 0,
) -> dict[str, float]:
    """Allocate batches drawn with replacement under a chance bound, and replay each.

    A batch takes the lowest price at which its expected spend and the margin fit the limit, with
    the margin as `Program` has it: a normal quantile, and ``error`` of the limit as a standard
    error that all queries share. Between two prices it takes part of the step, so that nothing is
    left over.

    Returns
    -------
    The share that spends more than the limit, the mean realised spend and the mean expected spend,
    both as shares of the limit.
    """
    program, n = program_of(held, 0.0, "expected"), len(held.query_id)
    amount, weights = limit * size, np.full((1, n), size / n)
    shared = (error * amount) ** 2
    spend, variance, _ = _sums(held, own, priced(program, PRICES), weights)
    place = _first_fit(spend, variance, shared, amount)[0]
    # What variance costs only guides the choice: the margin is that of the caps chosen.
    rate = -ndtri(CHANCE) / (2 * np.sqrt(variance[0, place] + shared))
    prices = PRICES[place] * np.geomspace(1 / 3, 3, 200)
    rng = np.random.default_rng(seed)
    drawn = rng.multinomial(n=size, pvals=np.full(n, 1 / n), size=batches)
    spend, variance, real = _sums(held, own, priced(program, prices, rate), drawn)
    place, row = _first_fit(spend, variance, shared, amount), np.arange(batches)
    need = spend + _margin(variance, shared)
    before = np.maximum(place - 1, 0)
    step = need[row, before] - need[row, place]
    share = np.where(step > 0, (amount - need[row, place]) / np.where(step > 0, step, 1.0), 0.0)
    mixed = [t[row, place] + share * (t[row, before] - t[row, place]) for t in (real, spend)]
    return {
        "limit": limit,
        "overrun": float((mixed[0] > amount).mean()),
        "spent": float(mixed[0].mean() / amount),
        "expected": float(mixed[1].mean() / amount),
    }


def _sums(
    held: Held, own: Rollouts, caps: np.ndarray, weights: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Give batches' expected spend, its variance and the real spend, (batches, prices) each."""
    recorded = Recorded(held.query_id, own)
    spend = np.asarray(held.lengths.expected_spend(caps.T))
    variance = np.asarray(held.lengths.spend_variance(caps.T))
    real = np.stack([recorded.spend(row) for row in caps], axis=1)
    return weights @ spend, weights @ variance, weights @ real


def _margin(variance: np.ndarray, shared: float) -> np.ndarray:
    return -ndtri(CHANCE) * np.sqrt(np.maximum(variance, 0.0) + shared)


def _first_fit(spend: np.ndarray, variance: np.ndarray, shared: float, amount: float) -> np.ndarray:
    fits = spend + _margin(variance, shared) <= amount
    return np.where(fits.any(axis=1), fits.argmax(axis=1), fits.shape[1] - 1)


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
    predictor = SurgePredictor(seed=seed) if predictor is None else predictor
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

"""When does it pay to allocate by uncertain curves? Replay with noise on predicted lengths.

    python -m benchmarks.uncertainty [ROLLOUTS] [--models A,B] [--seeds 5] [--json] [--out FILE]

The predictions that five-fold cross-validation by query makes for a few models are spoilt: each
query's predicted threshold, with its whole curve, is multiplied by exp(noise * N(0, 1)), for noise
from 0 to 100 %. All of a model's queries share a budget, which is allocated

- plainly, by the spoilt curves as if they were exact;
- by the expected curves of draws around the spoilt ones, with that noise;
- by the expected curves of what the spoilt lengths leave possible where one also knows how long
  answers usually are (normal log lengths, as many and as wide as the spoilt ones tell);
- by the conservative curves (level 0.2) of the draws of the second kind;

and is replayed on the recorded answers. Differences to plain carry 95 % intervals from a paired
bootstrap over queries. Beside this, predictions as they are, are compared with draws of the
predictor's own doubt. Where the report goes to its usual place, the tables in docs/uncertain.md
are renewed too.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from scipy.special import ndtri
from sklearn.base import clone

from benchmarks.report import machine_facts, markdown_table, quote_text, write_report
from clear_opt import AllocationProblem, ShiftedSurge, UncertainCurves, solve
from clear_opt.curves import Curve
from clear_opt.evaluation import query_folds
from clear_opt.fitting import Completion, surge_shape
from clear_opt.policies import spread_leftover
from clear_opt.predictors import SurgePredictor
from clear_opt.rollouts import Rollouts, read_rollouts

MODELS = ("o1-mini-2024-09-12", "gpt-4o-mini-2024-07-18", "Yi-1.5-34B-Chat")
BUDGETS = (50, 100, 200)
NOISE = tuple(k / 10 for k in range(11))
LEVEL = 0.2
PLAIN, EXPECTED, USUAL, CONSERVATIVE = "plain", "expected", "expected, usual", "conservative"
METHODS = (PLAIN, EXPECTED, USUAL, CONSERVATIVE)

_FOLDS = 5
_RESAMPLES = 2_000
_DRAWS = ndtri((np.arange(64) + 0.5) / 64)  # evenly spread points of a standard normal
_LEAST_VARIANCE = 1e-3  # of log lengths between queries, where noise explains all of it
_RESULT = Path(__file__).parent / "results" / "uncertainty.json"
_ZEROEVAL = Path(__file__).parents[2] / "shared" / "data" / "zeroeval_rollouts.parquet"
_PAGE = Path(__file__).parents[1] / "docs" / "uncertain.md"


class HeldOut(NamedTuple):
    """One model's queries, each with one rollout, predicted by what has not seen them."""

    query: np.ndarray
    length: np.ndarray
    correct: np.ndarray
    completion: Completion
    own: dict[str, np.ndarray]
    """Draws of the predictor's own doubt: parameters of surges, shape (n, S)."""


def held_out(
    rollouts: Rollouts, predictor: SurgePredictor, models: Sequence[str], seed: int = 0
) -> dict[str, HeldOut]:
    """Predict each model's queries in cross-validation, queries in the order of the folds."""
    parts: dict[str, list[HeldOut]] = {model: [] for model in models}
    folds = query_folds(rollouts.query_ids, _FOLDS, seed)
    for number, fold in enumerate(folds):
        rest = rollouts.for_queries(np.concatenate(folds[:number] + folds[number + 1 :]))
        fresh: Any = clone(predictor)
        fitted = fresh.fit(rest.queries(), rest)
        for model in models:
            asked = rollouts.for_queries(fold).for_model(model)
            table = asked.queries()
            draws = fitted.predict_draws(table, model)
            names = ("tau", "alpha", "beta")
            own = {n: getattr(draws.curves, n).reshape(len(draws), -1) for n in names}
            row = asked.index_of(asked.query_id).argsort()
            parts[model].append(
                HeldOut(
                    rollouts.index_of(asked.query_ids),
                    asked.n_tokens[row].astype(np.float64),
                    asked.correct[row],
                    fitted.predict_completion(table, model),
                    own,
                )
            )
    return {model: _joined(found) for model, found in parts.items()}


def _joined(parts: Sequence[HeldOut]) -> HeldOut:
    completions = zip(*(part.completion for part in parts), strict=True)
    return HeldOut(
        np.concatenate([part.query for part in parts]),
        np.concatenate([part.length for part in parts]),
        np.concatenate([part.correct for part in parts]),
        Completion(*(np.concatenate(column) for column in completions)),
        {name: np.concatenate([part.own[name] for part in parts]) for name in parts[0].own},
    )


def surges(completion: Completion, stretch: np.ndarray | float = 1.0) -> dict[str, Any]:
    """Give the surges of completions whose lengths are stretched, as `SurgePredictor` does.

    ``stretch`` is a scalar, or of shape (n,) or (n, S); the parameters have its shape.
    """
    success, median, sigma = completion
    shape = surge_shape(sigma)
    found = (median * shape.tau, success * shape.height, median * shape.width)
    wide = np.ndim(stretch) == 2
    tau, height, width = (part[:, None] if wide else part for part in found)
    height = np.clip(height, 1e-6, 1.0) * np.ones_like(stretch)
    return {"tau": tau * stretch, "height": height, "width": width * stretch}


def allocated_by(completion: Completion, noise: float) -> dict[str, Curve]:
    """Give each method's curves for a completion whose log lengths have this much noise."""
    around = np.exp(noise * _DRAWS) * np.ones((len(completion.median), 1))
    draws = UncertainCurves.from_arrays(ShiftedSurge.from_height, **surges(completion, around))
    usual = UncertainCurves.from_arrays(
        ShiftedSurge.from_height, **surges(completion, posterior_stretch(completion.median, noise))
    )
    return {
        PLAIN: ShiftedSurge.from_height(**surges(completion)),
        EXPECTED: draws.expected(),
        USUAL: usual.expected(),
        CONSERVATIVE: draws.conservative(LEVEL),
    }


def posterior_stretch(median: np.ndarray, noise: float) -> np.ndarray:
    """Give draws of true over spoilt length, (n, S), given how long answers usually are."""
    log = np.log(median)
    between = max(log.var() - noise**2, _LEAST_VARIANCE)
    trust = between / (between + noise**2)
    best = log.mean() + trust * (log - log.mean())
    return np.exp((best - log)[:, None] + np.sqrt(trust) * noise * _DRAWS)


def answered(curves: Curve, known: HeldOut, budget: float) -> np.ndarray:
    """Allocate as `clear_opt.evaluation` does; say who is right within its cap, shape (n,)."""
    problem = AllocationProblem(curves, budget=budget * len(curves))
    caps = spread_leftover(problem, solve(problem)).tokens
    return known.correct * (known.length <= caps)


def run(
    rollouts: Rollouts,
    predictor: SurgePredictor | None = None,
    models: Sequence[str] = MODELS,
    budgets: Sequence[float] = BUDGETS,
    noise: Sequence[float] = NOISE,
    seeds: int = 5,
    say: Callable[[str], None] = lambda done: None,
) -> dict[str, Any]:
    """Score every method at every noise and give one JSON-ready report.

    Parameters
    ----------
    rollouts
        One of each query and model.
    predictor
        What learns; `SurgePredictor` with its defaults if it is left out.
    models
        Whose queries are allocated; training takes the whole table.
    budgets
        Tokens per query.
    noise
        Standard deviations of the log of the factor on lengths.
    seeds
        Number of times the noise is drawn; results are averaged.
    say
        Called with the name of each step when it is done.
    """
    known = held_out(rollouts, predictor or SurgePredictor(), models)
    queries = len(rollouts.query_ids)
    times = np.random.default_rng(0).multinomial(
        queries, np.full(queries, 1.0 / queries), size=_RESAMPLES
    )
    say("predictions")
    rows = []
    for amount in noise:
        found = _spoilt(known, budgets, amount, seeds if amount else 1)
        rows += [{"noise": amount, **row} for row in _summed(known, budgets, found, times)]
        say(f"noise {amount:g}")
    own = {}
    for model, part in known.items():
        draws = UncertainCurves.from_arrays(ShiftedSurge, weights=None, **part.own)
        own[model] = {
            PLAIN: ShiftedSurge.from_height(**surges(part.completion)),
            EXPECTED: draws.expected(),
            CONSERVATIVE: draws.conservative(LEVEL),
        }
    doubt = {
        (model, method, budget): answered(curves, known[model], budget)
        for model, by in own.items()
        for method, curves in by.items()
        for budget in budgets
    }
    return {
        "settings": {
            "models": list(models),
            "budgets": list(budgets),
            "noise": list(noise),
            "seeds": seeds,
            "level": LEVEL,
            "queries": queries,
            "folds": _FOLDS,
        },
        "machine": machine_facts(),
        "noise": rows,
        "own": _summed(known, budgets, doubt, times),
    }


def _spoilt(
    known: dict[str, HeldOut], budgets: Sequence[float], noise: float, seeds: int
) -> dict[tuple[str, str, float], np.ndarray]:
    """Give for each model, method and budget the answers, averaged over draws of the noise."""
    found: dict[tuple[str, str, float], np.ndarray] = {}
    for number, (model, part) in enumerate(known.items()):
        for seed in range(seeds):
            draw = np.random.default_rng((seed, number)).standard_normal(len(part.length))
            median = part.completion.median * np.exp(noise * draw)
            shown = part.completion._replace(median=median)
            for method, curves in allocated_by(shown, noise).items():
                for budget in budgets:
                    right = answered(curves, part, budget) / seeds
                    key = (model, method, budget)
                    found[key] = found.get(key, 0.0) + right
    return found


def _summed(
    known: dict[str, HeldOut],
    budgets: Sequence[float],
    found: dict[tuple[str, str, float], np.ndarray],
    times: np.ndarray,
) -> list[dict[str, Any]]:
    """Average over the models, and compare each method with plain, one row per budget."""
    methods = list(dict.fromkeys(method for _, method, _ in found))
    rows = []
    for budget in budgets:
        drawn: dict[str, np.ndarray] = {}
        row: dict[str, Any] = {"budget": budget, "methods": {}}
        for method in methods:
            by_model = {model: found[model, method, budget] for model in known}
            shares = {model: float(right.mean()) for model, right in by_model.items()}
            drawn[method] = np.mean(
                [_resampled(right, times[:, known[m].query]) for m, right in by_model.items()],
                axis=0,
            )
            accuracy = float(np.mean(list(shares.values())))
            row["methods"][method] = {"accuracy": accuracy, "models": shares}
            if method != PLAIN:
                gain = accuracy - row["methods"][PLAIN]["accuracy"]
                low, high = np.quantile(drawn[method] - drawn[PLAIN], [0.025, 0.975])
                row["methods"][method] |= {
                    "difference": gain,
                    "low": float(low),
                    "high": float(high),
                }
        rows.append(row)
    return rows


def _resampled(right: np.ndarray, times: np.ndarray) -> np.ndarray:
    return times @ right / times.sum(axis=1)


def markdown(report: dict[str, Any]) -> str:
    """Give the report as Markdown; an arrow says that the interval against plain excludes zero."""
    budgets = report["settings"]["budgets"]
    names = list(report["noise"][0]["methods"])
    table = []
    for noise in report["settings"]["noise"]:
        rows = [row for row in report["noise"] if row["noise"] == noise]
        table.append([f"{noise:.0%}", *(_cell(r["methods"][n]) for r in rows for n in names)])
    heads = [f"{name}, {budget}" for budget in budgets for name in names]
    spoilt = markdown_table(["noise", *heads], table)
    own = report["own"]
    names = list(own[0]["methods"])
    table = [[str(row["budget"]), *(_cell(row["methods"][name]) for name in names)] for row in own]
    return f"{spoilt}\n\n{OWN_WORDS}\n\n{markdown_table(['tokens per query', *names], table)}"


OWN_WORDS = "Predictions as they are, and draws of the predictor's own doubt (`predict_draws`):"


def _cell(found: dict[str, Any]) -> str:
    arrow = ""
    if "low" in found:
        arrow = " ↑" if found["low"] > 0 else " ↓" if found["high"] < 0 else ""
    return f"{found['accuracy']:.3f}{arrow}"


def main(arguments: Sequence[str] | None = None) -> None:
    """Score the methods, write the report, print it."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.uncertainty")
    parser.description = __doc__
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("rollouts", type=Path, nargs="?", default=_ZEROEVAL)
    parser.add_argument("--models", default=",".join(MODELS))
    parser.add_argument("--seeds", type=int, default=5, help="draws of the noise")
    parser.add_argument("--json", action="store_true", help="print the report itself")
    parser.add_argument("--out", type=Path, default=_RESULT)
    options = parser.parse_args(arguments)
    report = run(
        read_rollouts(options.rollouts),
        models=options.models.split(","),
        seeds=options.seeds,
        say=lambda done: print(done, file=sys.stderr, flush=True),
    )
    write_report(report, options.out)
    if options.out == _RESULT and _PAGE.exists():
        quote_text(markdown(report), _PAGE)
    print(json.dumps(report, allow_nan=False) if options.json else markdown(report))
    print(f"wrote {options.out}", file=sys.stderr)


if __name__ == "__main__":
    main()

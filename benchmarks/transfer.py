"""How much data a new model needs: triage efficiency against its own number of rollouts.

    python -m benchmarks.transfer [ROLLOUTS] [--folds-per-model 1] [--json] [--out FILE]

Each model in turn is the new one. A predictor learns from the rollouts of all other models and
from K rollouts of the new one, and allocates for it on held-out queries; beside it a predictor
learns from the same K rollouts alone. With K = 0 the typical head is asked. The queries are dealt
into five folds. Full cross-validation would take hours, so each model is scored on one fold, model
after model on another one: the mean over the models still rests on all queries.
``--folds-per-model 5`` is full cross-validation. Intervals (95 %) are of a paired bootstrap over
queries. Where the report goes to its usual place, the table in docs/benchmarks.md is renewed too.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.base import clone

from benchmarks.report import machine_facts, markdown_table, quote_text, write_report
from clear_opt.defaults import BUDGETS
from clear_opt.errors import InvalidInputError
from clear_opt.evaluation import Batch, Evaluation, predicted, query_folds, score
from clear_opt.evaluation.scores import fraction_of_oracle
from clear_opt.predictors import SurgePredictor
from clear_opt.rollouts import Rollouts, read_rollouts

OWN = (0, 50, 100, 200, 400, None)
"""Rollouts of the new model to learn from; None stands for all of its training queries."""

TOGETHER, ALONE = "together", "alone"
MARKS = ("<!-- transfer: begin -->", "<!-- transfer: end -->")

_FOLDS = 5
_RESAMPLES = 2_000
_RESULT = Path(__file__).parent / "results" / "transfer.json"
_ZEROEVAL = Path(__file__).parents[2] / "shared" / "data" / "zeroeval_rollouts.parquet"
_PAGE = Path(__file__).parents[1] / "docs" / "benchmarks.md"

Arm = tuple[str, int | None]
"""`TOGETHER` or `ALONE`, and the number of own rollouts."""


def training_rows(rollouts: Rollouts, model: str, seed: Sequence[int]) -> tuple[Any, Any]:
    """Give the rows of the other models, and those of ``model`` in random order."""
    own = rollouts.model == model
    return np.flatnonzero(~own), np.random.default_rng(seed).permutation(np.flatnonzero(own))


def arms(
    rollouts: Rollouts,
    predictor: SurgePredictor,
    own: Sequence[int | None],
    folds_per_model: int,
    seed: int,
) -> Iterator[tuple[Arm, Batch]]:
    """Predict the held-out queries of each model in turn by what each arm has learned."""
    parts = query_folds(rollouts.query_ids, _FOLDS, seed)
    whole: dict[int, SurgePredictor] = {}
    for number, model in enumerate(rollouts.models):
        for fold in sorted((number + step) % _FOLDS for step in range(folds_per_model)):
            rest = np.concatenate(parts[:fold] + parts[fold + 1 :])
            learning, testing = rollouts.for_queries(rest), rollouts.for_queries(parts[fold])
            others, mine = training_rows(learning, model, (seed, number, fold))
            for k in own:
                if k is not None and k > len(mine):
                    raise InvalidInputError(
                        f"has {len(mine)} rollouts to learn from",
                        column="own",
                        value=k,
                        remedy=f"ask for fewer of {model}",
                    )
                # Larger samples contain the smaller ones, and rows keep the table's order.
                chosen = mine[:k]
                if k is None:
                    # All rollouts of all models are the same for every model of this fold.
                    if fold not in whole:
                        whole[fold] = _fit(predictor, learning)
                    fitted = whole[fold]
                else:
                    rows = np.sort(np.concatenate([others, chosen]))
                    fitted = _fit(predictor, learning.take(rows))
                yield (TOGETHER, k), _predict(fitted, testing, model)
                if k != 0:
                    fitted = _fit(predictor, learning.take(np.sort(chosen)))
                    yield (ALONE, k), _predict(fitted, testing, model)


def _fit(predictor: SurgePredictor, rollouts: Rollouts) -> SurgePredictor:
    fresh: Any = clone(predictor)
    return fresh.fit(rollouts.queries(), rollouts)


def _predict(fitted: SurgePredictor, testing: Rollouts, model: str) -> Batch:
    """Ask for the model by name, or for a typical one where the predictor does not know it."""
    return next(predicted(testing, fitted, models=[model]))


def run(
    rollouts: Rollouts,
    predictor: SurgePredictor | None = None,
    own: Sequence[int | None] = OWN,
    budgets: Sequence[float] = BUDGETS,
    folds_per_model: int = 1,
    seed: int = 0,
) -> dict[str, Any]:
    """Score every arm and give one JSON-ready report.

    Parameters
    ----------
    rollouts
        Of several models on the same queries.
    predictor
        What learns; `SurgePredictor` with its defaults if it is left out.
    own
        Rollouts of the new model to learn from; None for all.
    budgets
        Tokens per query.
    folds_per_model
        On how many of the five folds each model is scored.
    seed
        Of the folds, of the choice of rollouts and of the bootstrap.
    """
    found: dict[Arm, list[Batch]] = {}
    predictor = SurgePredictor(random_state=seed) if predictor is None else predictor
    for arm, batch in arms(rollouts, predictor, own, folds_per_model, seed):
        found.setdefault(arm, []).append(batch)
    scored = {arm: score(batches, budgets, draws=1) for arm, batches in found.items()}
    times = _resamples(len(rollouts.query_ids), seed)
    drawn = {arm: drawn_efficiency(result, rollouts, times) for arm, result in scored.items()}
    best = (TOGETHER, own[-1])
    return {
        "settings": {
            "budgets": [float(budget) for budget in budgets],
            "folds": _FOLDS,
            "folds_per_model": folds_per_model,
            "seed": seed,
            "models": len(rollouts.models),
            "queries": len(rollouts.query_ids),
            "rollouts": len(rollouts),
        },
        "machine": machine_facts(),
        "uniform": scored[best].mean_oracle_fraction("uniform"),
        "rows": [_row(k, scored, drawn, best) for k in own],
    }


def _resamples(queries: int, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.multinomial(queries, np.full(queries, 1 / queries), size=_RESAMPLES)


def drawn_efficiency(result: Evaluation, rollouts: Rollouts, times: np.ndarray) -> np.ndarray:
    """Give the mean triage efficiency over models in each resample, shape (draws,).

    ``times`` says how often each of ``rollouts.query_ids`` is drawn, shape (draws, queries). The
    same for all arms, it makes their differences paired.
    """
    of_models = []
    for scores in result.models.values():
        drawn = times[:, rollouts.index_of(scores.query_ids)].astype(np.float64)
        learned, best = (drawn @ scores.answered[policy] for policy in ("learned", "oracle"))
        of_models.append(fraction_of_oracle(learned, best).mean(axis=1))
    return np.mean(of_models, axis=0)


def _row(
    k: int | None, scored: dict[Arm, Evaluation], drawn: dict[Arm, np.ndarray], best: Arm
) -> dict[str, Any]:
    """Sum up one number of own rollouts: both arms, and what the differences are."""
    row: dict[str, Any] = {"own": k}
    for name in (TOGETHER, ALONE):
        if (name, k) in scored:
            result = scored[name, k]
            row[name] = {
                **_interval(result.oracle_fraction, drawn[name, k]),
                "models": {
                    model: scores.oracle_fraction for model, scores in result.models.items()
                },
            }
    for name, one, other in (
        ("others_add", (TOGETHER, k), (ALONE, k)),
        ("below_all", best, (TOGETHER, k)),
    ):
        if {one, other} <= scored.keys() and one != other:
            gain = scored[one].oracle_fraction - scored[other].oracle_fraction
            row[name] = _interval(gain, drawn[one] - drawn[other])
    return row


def _interval(value: float, drawn: np.ndarray) -> dict[str, float]:
    low, high = np.quantile(drawn, [0.025, 0.975])
    return {"value": value, "low": float(low), "high": float(high)}


def markdown(report: dict[str, Any]) -> str:
    """Give the report as a Markdown table, one line for each number of own rollouts."""
    headings = (
        "own rollouts",
        "with the other models (95 %)",
        "models, worst to best",
        "own rollouts alone (95 %)",
        "the others add (95 %)",
        "below all own rollouts (95 %)",
    )
    lines = []
    for row in report["rows"]:
        of_models = row[TOGETHER]["models"].values()
        lines.append(
            [
                "all" if row["own"] is None else f"{row['own']:,}",
                _shown(row[TOGETHER]),
                f"{min(of_models):.3f} to {max(of_models):.3f}",
                _shown(row.get(ALONE)),
                _shown(row.get("others_add"), "+"),
                _shown(row.get("below_all"), "+"),
            ]
        )
    return markdown_table(headings, lines)


def _shown(part: dict[str, Any] | None, sign: str = "") -> str:
    if part is None:
        return ""
    # Adding zero keeps a rounded -0.0 from being shown with its sign.
    value, low, high = (
        f"{round(part[name], 3) + 0.0:{sign}.3f}" for name in ("value", "low", "high")
    )
    return f"{value} ({low} to {high})"


def main(arguments: Sequence[str] | None = None) -> None:
    """Score the arms, write the report, print it."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.transfer", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("rollouts", type=Path, nargs="?", default=_ZEROEVAL, help="of many models")
    parser.add_argument(
        "--folds-per-model", type=int, default=1, choices=range(1, _FOLDS + 1), help="of five"
    )
    parser.add_argument("--json", action="store_true", help="print the report itself")
    parser.add_argument("--out", type=Path, default=_RESULT)
    options = parser.parse_args(arguments)
    report = run(read_rollouts(options.rollouts), folds_per_model=options.folds_per_model)
    write_report(report, options.out)
    if options.out == _RESULT and _PAGE.exists() and MARKS[0] in _PAGE.read_text(encoding="utf-8"):
        quote_text(markdown(report), _PAGE, MARKS)
    print(json.dumps(report, allow_nan=False) if options.json else markdown(report))
    print(f"wrote {options.out}", file=sys.stderr)


if __name__ == "__main__":
    main()

"""Routing between three models against money: each alone, the best fixed split, all by one price.

    python -m benchmarks.routing [ROLLOUTS] [--json] [--out FILE]

Predictors learn from the three models' rollouts of four fifths of the queries and predict the
rest (`SurgePredictor.predict_completion_curves`, `predict_lengths`). One `Program` with a limit on
dollars allocates all queries; the same with a single offer is what each model reaches alone. The
answers on record are replayed: a funded query costs its prompt and as many tokens as it really used
within its cap. Budgets are swept and policies compared at equal realised money, between two budgets
in proportion. Intervals (95 %) are of a paired bootstrap over queries.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.frontiers import Frontier, difference, oracle_at, split_at
from benchmarks.report import machine_facts, markdown_table, quote_text, write_report
from benchmarks.routing_offers import PRICES, Held, held_out, offers_of, prompt_tokens, replay
from clear_opt import Limit, Offer, Program, solve
from clear_opt.predictors import SurgePredictor
from clear_opt.problem.program import Basis
from clear_opt.rollouts import Rollouts, read_rollouts

CASES: tuple[tuple[tuple[str, ...], Basis], ...] = (
    (("gemini-1.5-flash", "gpt-4o-mini-2024-07-18", "o1-mini-2024-09-12"), "expected"),
    (("gemini-1.5-flash", "gpt-4o-mini-2024-07-18", "o1-mini-2024-09-12"), "reserved"),
    (("gemini-1.5-flash", "gpt-4o-mini-2024-07-18", "gpt-4o-2024-08-06"), "expected"),
)
"""Models and what the limit counts; the first case is the main one."""

SHOWN = (0.01, 0.02, 0.05, 0.06, 0.07, 0.1, 0.2, 0.5, 1.0, 1.5, 2.0, 3.0)
"""Dollars per 1,000 queries at which the policies are compared."""

SWEEP = tuple(np.geomspace(0.008, 4.0, 20).tolist())
"""Budgets that are solved for, in dollars per 1,000 queries."""

MARKS = ("<!-- routing: begin -->", "<!-- routing: end -->")

_FOLDS = 5
_DRAWS = 1_000
_RESULT = Path(__file__).parent / "results" / "routing.json"
_ZEROEVAL = Path(__file__).parents[2] / "shared" / "data" / "zeroeval_rollouts.parquet"
_PAGE = Path(__file__).parents[1] / "docs" / "routing.md"


def sweep(
    offers: Sequence[Offer], held: dict[str, Held], basis: Basis, budgets: Sequence[float]
) -> tuple[Frontier, list[dict[str, Any]]]:
    """Allocate by one price at each budget, dollars per 1,000 queries, and replay."""
    n, replays, points = len(offers[0]), [], []
    program = Program(offers, Limit(0.0, "dollars"), basis=basis)
    for budget in budgets:
        began = time.perf_counter()
        allocation = solve(program.with_budget(budget * n / 1000))
        seconds = time.perf_counter() - began
        replays.append(replay(allocation, offers, held))
        points.append(
            {
                "budget": float(budget),
                "cost": 1000 * float(replays[-1][0].mean()),
                "accuracy": float(replays[-1][1].mean()),
                "predicted": allocation.expected_utility / n,
                "price": allocation.price / 1000,
                "gap": allocation.relative_gap,
                "seconds": seconds,
                "queries": {
                    offer.name: int((allocation.funded & (allocation.offer_codes == k)).sum())
                    for k, offer in enumerate(offers)
                },
            }
        )
    return Frontier.of(replays), points


def compare(
    held: dict[str, Held],
    prompts: np.ndarray,
    basis: Basis,
    budgets: Sequence[float],
    shown: Sequence[float],
    draws: int,
    seed: int,
) -> dict[str, Any]:
    """Compare joint routing with each model alone and with the best split, at equal cost."""
    offers = offers_of(held, prompts, basis)
    joint, points = sweep(offers, held, basis, budgets)
    alone = {offer.name: sweep([offer], held, basis, budgets) for offer in offers}
    money = np.array(shown) / 1000
    accuracy = {name: frontier.at(money) for name, (frontier, _) in alone.items()}
    best = [max(accuracy, key=lambda name: float(accuracy[name][k])) for k in range(len(money))]
    split = split_at([frontier for frontier, _ in alone.values()], money)
    whole = [
        np.where(found.correct > 0, offer.fixed_of("dollars") + found.n_tokens * rate, np.inf)
        for offer, found in zip(offers, held.values(), strict=True)
        for rate in [offer.rate_of("dollars")]
    ]
    oracle = oracle_at(np.stack(whole), money)
    gains = {
        name: difference(joint, frontier, money, draws, seed)
        for name, (frontier, _) in alone.items()
        if name in best
    }
    reached = joint.at(money)
    rows = [
        {
            "cost": shown[k],
            "alone": {name: float(found[k]) for name, found in accuracy.items()},
            "best": best[k],
            "split": float(split[k]),
            "joint": float(reached[k]),
            "oracle": float(oracle[k]),
            "gain": float(reached[k] - accuracy[best[k]][k]),
            "low": float(gains[best[k]][0][k]),
            "high": float(gains[best[k]][1][k]),
        }
        for k in range(len(shown))
    ]
    return {
        "models": list(held),
        "basis": basis,
        "queries": len(prompts),
        "accuracy": {name: float(found.correct.mean()) for name, found in held.items()},
        "rows": rows,
        "joint": points,
        "alone": {name: found for name, (_, found) in alone.items()},
        "seconds": float(np.median([point["seconds"] for point in points])),
    }


def run(
    rollouts: Rollouts,
    predictor: SurgePredictor | None = None,
    cases: Sequence[tuple[tuple[str, ...], Basis]] = CASES,
    budgets: Sequence[float] = SWEEP,
    shown: Sequence[float] = SHOWN,
    draws: int = _DRAWS,
    seed: int = 0,
) -> dict[str, Any]:
    """Compare in all cases and give one JSON-ready report.

    Parameters
    ----------
    rollouts
        Of all the cases' models, with texts.
    predictor
        What learns; `SurgePredictor` with its defaults if it is left out.
    cases, budgets, shown
        See `CASES`, `SWEEP` and `SHOWN`.
    draws
        Resamples of the bootstrap.
    seed
        Of the folds and the bootstrap.
    """
    predictor = SurgePredictor(random_state=seed) if predictor is None else predictor
    texts = dict(zip(rollouts.query_ids, rollouts.texts(), strict=True))
    known: dict[tuple[str, ...], tuple[np.ndarray, dict[str, Held]]] = {}
    found = []
    for models, basis in cases:
        if models not in known:
            known[models] = held_out(rollouts, models, predictor, seed, _FOLDS)
        ids, held = known[models]
        prompts = prompt_tokens(texts[name] for name in ids)
        found.append(compare(held, prompts, basis, budgets, shown, draws, seed))
    return {
        "settings": {
            "folds": _FOLDS,
            "seed": seed,
            "draws": draws,
            "prices": {m: PRICES[m]._asdict() for models, _ in cases for m in models},
        },
        "machine": machine_facts(),
        "cases": found,
    }


def markdown(report: dict[str, Any]) -> str:
    """Give each case as a Markdown table under a line that says what it is."""
    return "\n\n".join(_table(case) for case in report["cases"])


def _table(case: dict[str, Any]) -> str:
    headings = (
        "$ per 1,000 queries",
        *case["models"],
        "best split",
        "joint",
        "oracle",
        "joint - best model (95 %)",
    )
    lines = [
        [
            f"{row['cost']:g}",
            *(f"{row['alone'][model]:.3f}" for model in case["models"]),
            f"{row['split']:.3f}",
            f"{row['joint']:.3f}",
            f"{row['oracle']:.3f}",
            f"{_signed(row['gain'])} ({_signed(row['low'])} to {_signed(row['high'])})",
        ]
        for row in case["rows"]
    ]
    title = f"{case['queries']:,} queries, {case['basis']} basis:"
    return title + "\n\n" + markdown_table(headings, lines)


def _signed(value: float) -> str:
    # Adding zero keeps a rounded -0.0 from being shown with its sign.
    return f"{round(value, 3) + 0.0:+.3f}"


def main(arguments: Sequence[str] | None = None) -> None:
    """Compare, write the report, print it."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.routing", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("rollouts", type=Path, nargs="?", default=_ZEROEVAL, help="of the models")
    parser.add_argument("--json", action="store_true", help="print the report itself")
    parser.add_argument("--out", type=Path, default=_RESULT)
    options = parser.parse_args(arguments)
    report = run(read_rollouts(options.rollouts))
    write_report(report, options.out)
    if options.out == _RESULT and _PAGE.exists() and MARKS[0] in _PAGE.read_text(encoding="utf-8"):
        quote_text(markdown(report), _PAGE, MARKS)
    print(json.dumps(report, allow_nan=False) if options.json else markdown(report))
    print(f"wrote {options.out}", file=sys.stderr)


if __name__ == "__main__":
    main()

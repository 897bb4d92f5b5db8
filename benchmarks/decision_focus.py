"""Is it worth training on decisions? Boosting on their loss, and other readings of predictions.

    python -m benchmarks.decision_focus [ROLLOUTS] [--seeds 0,1] [--json] [--out FILE]

In five-fold cross-validation by query, the states that `SurgePredictor` predicts (logit success,
log median, log sigma) are boosted further on a loss of decisions, or learned on it from scratch;
and they are read in other ways than by the least-squares surge. All are scored by triage
efficiency, as `clear_opt.evaluation.evaluate` does, and differences to the predictor as it is
carry 95 % intervals from a paired bootstrap over queries. It takes about ten minutes. Where the
report goes to its usual place, the table in docs/decisions.md is renewed too.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from scipy.special import ndtr

from benchmarks.decision_losses import (
    Boosting,
    Loss,
    boosted,
    fenchel_young,
    likelihood,
    smoothed_regret,
    spo_plus,
)
from benchmarks.decision_replay import Replays
from benchmarks.held_out_states import HeldOutStates, as_completion, held_out_states
from benchmarks.report import machine_facts, markdown_table, quote_text, write_report
from clear_opt.curves import Curve, ShiftedSurge, TabularCurve
from clear_opt.defaults import BUDGETS
from clear_opt.fitting import surge_shape
from clear_opt.rollouts import Rollouts, read_rollouts

SHOWN = (50, 100, 200)
"""Budgets whose accuracy the table shows."""

BASE = "likelihood only (the predictor as it is)"

LOSSES: dict[str, Loss] = {
    "Fenchel-Young": fenchel_young,
    "SPO+": spo_plus,
    "smoothed regret": smoothed_regret,
    "likelihood (control)": likelihood,
}

_ROUNDS = (0, 5, 10, 20)  # of fine-tuning; which, is chosen on an inner fold
_SHARES = (0.0, 0.1)  # of the likelihood beside the loss; chosen there too
_SCRATCH_ROUNDS = 100
_SCRATCH_SHARE = 0.1
_GRID = np.linspace(-3.0, 3.0, 41)  # standard deviations of the log length: points of a hull
_TAIL = 1.645  # of them, where 95 % of the right answers are done
_RESULT = Path(__file__).parent / "results" / "decision_focus.json"
_ZEROEVAL = Path(__file__).parents[2] / "shared" / "data" / "zeroeval_rollouts.parquet"
_PAGE = Path(__file__).parents[1] / "docs" / "decisions.md"


def curves_of(state: np.ndarray, power: float = 1.0) -> ShiftedSurge:
    """Read the surges off states (n, 3) as `SurgePredictor` does, heights to a power."""
    success, median, sigma = as_completion(state)
    shape = surge_shape(sigma)
    return ShiftedSurge.from_height(
        tau=median * shape.tau,
        height=np.clip((success * shape.height) ** power, 1e-6, 1.0),
        width=median * shape.width,
    )


def completion_hulls(state: np.ndarray) -> TabularCurve:
    """Take the predicted completion curves themselves, on a grid of caps."""
    success, median, sigma = (values[:, None] for values in as_completion(state))
    return TabularCurve(median * np.exp(sigma * _GRID), success * ndtr(_GRID))


def length_tails(state: np.ndarray) -> np.ndarray:
    """Give the tokens between the median and the 95 % quantile of the length, shape (n,)."""
    _, median, sigma = as_completion(state)
    return median * np.expm1(_TAIL * sigma)


def fine_tuned(
    replays: Replays, states: HeldOutStates, loss: Loss
) -> tuple[np.ndarray, list[dict[str, float]]]:
    """Boost the predicted states on a loss; give the new ones, out of fold, and what was chosen.

    For each fold the number of rounds (maybe none) and the share of the likelihood are those that
    have the best efficiency on the next fold after training on the other three.
    """
    found, chosen = states.own().copy(), []
    folds = len(states.state)
    shares = _SHARES if loss is not likelihood else _SHARES[:1]
    for i in range(folds):
        inner = states.fold == (i + 1) % folds
        known, test = states.fold != i, states.fold == i
        tried: list[tuple[float, float, int]] = []
        for share in shares:
            steps = _boost(replays, states, i, Boosting(loss, share), known & ~inner, inner)
            tried += [(replays.efficiency(new, inner), share, k) for k, new in steps]
        # Of equals the first: the fewest rounds.
        _, share, rounds = max(tried, key=lambda item: item[0])
        steps = dict(_boost(replays, states, i, Boosting(loss, share), known, test))
        found[test] = steps[rounds]
        chosen.append({"likelihood_share": share, "rounds": rounds})
    return found, chosen


def _boost(
    replays: Replays,
    states: HeldOutStates,
    fold: int,
    boosting: Boosting,
    known: np.ndarray,
    asked: np.ndarray,
) -> Iterator[tuple[int, np.ndarray]]:
    """Train on some rows and give the states of others after each number of `_ROUNDS`."""
    start = states.state[fold]
    models = np.eye(replays.models)[replays.model]
    columns = np.hstack([states.columns[fold], start, models])
    outcomes = replays.outcomes(start, known)
    booster, _ = boosting.fit(columns[known], start[known], outcomes, max(_ROUNDS))
    for rounds in _ROUNDS:
        yield rounds, boosted(booster, columns[asked], start[asked], rounds)


def from_scratch(replays: Replays, states: HeldOutStates, loss: Loss) -> np.ndarray:
    """Boost from each model's mean state, from the features alone; all models together."""
    found = states.own().copy()
    share = 0.0 if loss is likelihood else _SCRATCH_SHARE
    # The rates are those that suit each best, to the advantage of the losses of decisions.
    rate = 0.1 if loss is likelihood else 0.2
    boosting = Boosting(loss, share, learning_rate=rate, num_leaves=15, colsample_bytree=0.3)
    for i in range(len(states.state)):
        known, test = states.fold != i, states.fold == i
        start = replays.usual_states(known)[replays.model]
        columns = np.hstack([states.columns[i], start])
        # Prices are those of the predictor: what a token is worth does not depend on the learner.
        outcomes = replays.outcomes(states.state[i], known)
        booster, _ = boosting.fit(columns[known], start[known], outcomes, _SCRATCH_ROUNDS)
        found[test] = boosted(booster, columns[test], start[test], _SCRATCH_ROUNDS)
    return found


def readings(state: np.ndarray) -> dict[str, Curve]:
    """Give other curves for the same predictions."""

    def moved(median: float = 1.0, spread: float = 1.0) -> ShiftedSurge:
        return curves_of(state + np.log([1.0, median, spread]))

    found: dict[str, Curve] = {f"spread x {k}": moved(spread=k) for k in (0.6, 0.8, 1.2, 1.5)}
    found |= {f"height to the power {k}": curves_of(state, k) for k in (0.7, 1.4)}
    found |= {f"median x exp({k:+.1f})": moved(median=np.exp(k)) for k in (-0.1, 0.1)}
    return found | {"log-normal completion curve, its hull": completion_hulls(state)}


def answers(
    replays: Replays, states: HeldOutStates, say: Callable[[str], None] = lambda name: None
) -> Iterator[tuple[str, np.ndarray, Any]]:
    """Give for each method its name, its replayed answers (n, budgets), and what was chosen."""
    state = states.own()
    base = curves_of(state)

    def done(name: str, curves: Curve, chosen: Any = None, claims: Any = None) -> Any:
        say(name)
        return name, replays.answered(curves, claims), chosen

    yield done(BASE, base)
    for name, loss in LOSSES.items():
        new, chosen = fine_tuned(replays, states, loss)
        yield done(f"fine-tuned: {name}", curves_of(new), chosen)
    for name, loss in LOSSES.items():
        yield done(f"from scratch: {name}", curves_of(from_scratch(replays, states, loss)))
    for name, curves in readings(state).items():
        yield done(name, curves)
    yield done("leftover: equal parts", base, claims=np.ones(len(state)))
    yield done("leftover: by the tail of the length", base, claims=length_tails(state))


def run(
    rollouts: Rollouts,
    states: dict[int, HeldOutStates],
    budgets: Sequence[float] = BUDGETS,
    say: Callable[[str], None] = lambda name: None,
) -> dict[str, Any]:
    """Score every method and give one JSON-ready report.

    Parameters
    ----------
    rollouts
        One of each query and model.
    states
        Predictions for them by the seed of the folds: `held_out_states`.
    budgets
        Tokens per query.
    say
        Called with the name of each method when it is ready to be scored.
    """
    replays = Replays(rollouts, budgets)
    rows: dict[str, dict[str, Any]] = {}
    for seed, known in states.items():
        base = None
        for name, answered, chosen in answers(replays, known, say):
            base = answered if base is None else base
            row = rows.setdefault(name, {"method": name, "seeds": []})
            scores = replays.compared(answered, base)
            row["seeds"].append({"seed": seed, "chosen": chosen, **scores})
    return {
        "settings": {
            "budgets": list(budgets),
            "seeds": list(states),
            "queries": len(rollouts.query_ids),
            "models": len(rollouts.models),
            "rounds": list(_ROUNDS),
            "likelihood_shares": list(_SHARES),
            "scratch_rounds": _SCRATCH_ROUNDS,
            "scratch_likelihood_share": _SCRATCH_SHARE,
        },
        "machine": machine_facts(),
        "rows": list(rows.values()),
    }


def markdown(report: dict[str, Any]) -> str:
    """Give the report as a Markdown table; accuracies are means over the seeds of the folds."""
    budgets = report["settings"]["budgets"]
    shown = [budgets.index(budget) for budget in SHOWN if budget in budgets]
    headings = ["method"]
    for seed in report["settings"]["seeds"]:
        headings += [f"efficiency, folds {seed}", "above likelihood only (95 %)"]
    headings += [f"accuracy at {budgets[k]}" for k in shown]
    table = []
    for row in report["rows"]:
        cells = [row["method"]]
        for found in row["seeds"]:
            cells += [f"{found['efficiency']:.4f}", _difference(row["method"], found)]
        mean = np.mean([found["accuracy"] for found in row["seeds"]], axis=0)
        table.append([*cells, *(f"{mean[k]:.3f}" for k in shown)])
    return markdown_table(headings, table)


def _difference(method: str, found: dict[str, Any]) -> str:
    if method == BASE:
        return ""
    return f"{found['difference']:+.4f} ({found['low']:+.4f} to {found['high']:+.4f})"


def main(arguments: Sequence[str] | None = None) -> None:
    """Score the methods, write the report, print it."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.decision_focus")
    parser.description = __doc__
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("rollouts", type=Path, nargs="?", default=_ZEROEVAL)
    parser.add_argument("--seeds", default="0,1", help="of the folds")
    parser.add_argument("--json", action="store_true", help="print the report itself")
    parser.add_argument("--out", type=Path, default=_RESULT)
    options = parser.parse_args(arguments)
    rollouts = read_rollouts(options.rollouts)
    states = {
        seed: held_out_states(rollouts, seed=seed) for seed in map(int, options.seeds.split(","))
    }
    report = run(rollouts, states, say=lambda name: print(name, file=sys.stderr))
    write_report(report, options.out)
    if options.out == _RESULT and _PAGE.exists():
        quote_text(markdown(report), _PAGE)
    print(json.dumps(report, allow_nan=False) if options.json else markdown(report))
    print(f"wrote {options.out}", file=sys.stderr)


if __name__ == "__main__":
    main()

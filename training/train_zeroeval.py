"""Train models/zeroeval-math on all 14 models of the ZeroEval rollouts, and write its card."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from string import Template

import numpy as np

from clear_opt.errors import ClearOptError
from clear_opt.evaluation import Evaluation
from clear_opt.io import replacing
from clear_opt.predictors import SurgePredictor, save_predictor
from clear_opt.rollouts import Rollouts, read_rollouts, table_digest
from clear_opt.training import train

ROOT = Path(__file__).resolve().parents[1]
FOLDS = 5
SHOWN_BUDGET = 100  # tokens per query of the table by model
POLICIES = ("uniform", "proportional", "learned", "oracle")


def main() -> None:
    """Cross-validate, train on everything, save, and write down what was measured."""
    options = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    options.add_argument(
        "--rollouts",
        type=Path,
        default=ROOT.parent / "shared" / "data" / "zeroeval_rollouts.parquet",
        help="table of rollouts with texts and models",
    )
    options.add_argument("--out", type=Path, default=ROOT / "models" / "zeroeval-math")
    options.add_argument("--seed", type=int, default=0, help="of folds and predictor")
    chosen = options.parse_args()
    try:
        rollouts = read_rollouts(chosen.rollouts)
        training = train(
            rollouts, SurgePredictor(random_state=chosen.seed), folds=FOLDS, seed=chosen.seed
        )
        save_predictor(training.predictor, chosen.out)
        with replacing(chosen.out / "README.md") as file:
            file.write(card(training.evaluation, rollouts).encode())
    except ClearOptError as error:
        print(f"{Path(sys.argv[0]).name}: {error}", file=sys.stderr)
        raise SystemExit(2) from None
    print(f"{chosen.out}: triage efficiency {training.evaluation.oracle_fraction:.4f}")


def card(found: Evaluation, rollouts: Rollouts) -> str:
    """Fill in the model card."""
    low, high = found.intervals.mean.oracle_fraction
    worst, calibration = found.worst, found.calibration
    lengths = None if calibration is None else calibration.lengths
    template = Path(__file__).with_name("zeroeval_card.md").read_text(encoding="utf-8")
    return Template(template).substitute(
        queries=f"{len(rollouts.query_ids):,}",
        rollouts=f"{len(rollouts):,}",
        models=len(rollouts.models),
        digest=table_digest(rollouts)[:16],
        accuracy=f"{rollouts.correct.mean():.3f}",
        median_length=f"{np.median(rollouts.n_tokens[rollouts.correct > 0]):.0f}",
        shown=SHOWN_BUDGET,
        folds=FOLDS,
        by_budget=by_budget(found),
        by_model=by_model(found),
        efficiency=f"{found.oracle_fraction:.3f}",
        interval=f"{low:.3f} to {high:.3f}",
        uniform_efficiency=f"{found.mean_oracle_fraction('uniform'):.3f}",
        worst=f"{worst.difference:+.4f} ({worst.model} at {worst.budget:g} tokens)",
        below=found.n_significantly_below_uniform,
        cells=len(found.cells()),
        brier="-" if calibration is None else f"{calibration.success.brier:.3f}",
        brier_constant="-" if calibration is None else f"{calibration.success.brier_constant:.3f}",
        calibration_error=(
            "-" if calibration is None else f"{calibration.success.calibration_error:.3f}"
        ),
        coverage=(
            "-"
            if lengths is None
            else ", ".join(f"{100 * share:.0f} %" for share in lengths.coverage)
        ),
    )


def by_budget(found: Evaluation) -> str:
    """Tabulate accuracy averaged over the models, one row per budget."""
    columns = [found.accuracy(policy) for policy in POLICIES]
    return table(
        ("tokens/query", *POLICIES, "abandoned"),
        [
            (f"{budget:g}", *row)
            for budget, *row in zip(
                found.budgets.tolist(), *columns, found.abandoned.tolist(), strict=True
            )
        ],
    )


def by_model(found: Evaluation) -> str:
    """Tabulate accuracy at one budget and triage efficiency over all, one row per model."""
    at = int(np.argmin(np.abs(found.budgets - SHOWN_BUDGET)))
    return table(
        ("model", *POLICIES, "triage efficiency"),
        [
            (model, *(scores.accuracy(p)[at] for p in POLICIES), scores.oracle_fraction)
            for model, scores in found.models.items()
        ],
    )


def table(head: Sequence[str], rows: Sequence[tuple[str, *tuple[float, ...]]]) -> str:
    """Write a Markdown table of numbers."""
    lines = [f"| {' | '.join(head)} |", "|---" * len(head) + "|"]
    lines += [f"| {name} | {' | '.join(f'{x:.3f}' for x in row)} |" for name, *row in rows]
    return "\n".join(lines)


if __name__ == "__main__":
    main()

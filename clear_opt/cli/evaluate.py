"""``clear-opt evaluate``: what a predictor is worth on recorded rollouts."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from clear_opt.cli.steps import (
    DEFAULT_BUDGETS,
    Budgets,
    TrackingUri,
    evaluation_bar,
    note,
    read_budgets,
    read_table,
    working,
)

if TYPE_CHECKING:
    from clear_opt.evaluation import Evaluation
    from clear_opt.rollouts import Rollouts

_FOLDS = 5


def evaluate(
    rollouts: Annotated[
        Path,
        typer.Argument(
            help="Table of rollouts: query_id, n_tokens, correct; and text, model or features.",
            show_default=False,
        ),
    ],
    budgets: Budgets = DEFAULT_BUDGETS,
    predictor: Annotated[
        str | None,
        typer.Option(
            help="Score this predictor as it is: a name, a folder, or models:/NAME@ALIAS.",
            show_default="cross-validate",
        ),
    ] = None,
    tracking_uri: TrackingUri = None,
    cv: Annotated[
        int | None,
        typer.Option(
            "--cv",
            min=2,
            help="Cross-validate by query in this many folds, training anew in each.",
            show_default=str(_FOLDS),
        ),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(help="Evaluate this model only.", show_default="all in the table"),
    ] = None,
    alone: Annotated[
        bool, typer.Option("--alone", help="Train on each model's rollouts alone.")
    ] = False,
    seed: Annotated[int, typer.Option(min=0, help="Of folds, predictor and bootstrap.")] = 0,
    report: Annotated[
        Path | None,
        typer.Option(help="Write one self-contained HTML file with pictures.", show_default=False),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object instead of tables.")
    ] = False,
) -> None:
    """Say what a predictor is worth: accuracy under a budget, replayed on recorded rollouts.

    Compares uniform caps, caps proportional to predicted thresholds, the learned allocation, and
    an oracle that knows every outcome, with bootstrap intervals, calibration and regret. No model
    is called.

    **Examples**

    `clear-opt evaluate rollouts.parquet --cv 5 --report report.html`

    `clear-opt evaluate rollouts.parquet --predictor zeroeval-math --budgets 50,100,200 --json`

    `clear-opt evaluate rollouts.parquet --model gpt-4o-mini-2024-07-18 --alone`
    """
    amounts = read_budgets(budgets)
    if predictor is not None and cv is not None:
        raise typer.BadParameter("--predictor and --cv exclude each other: give one of them")
    if predictor is not None and alone:
        raise typer.BadParameter("--alone trains anew and takes no --predictor")
    if report is not None:
        from clear_opt.files import check_output
        from clear_opt.report import check_installed

        check_installed()
        check_output(report, source=rollouts, endings=(".html", ".htm"))
    table = read_table(rollouts)
    found = _evaluate(table, amounts, predictor, tracking_uri, cv, model, alone, seed)
    for sentence in found.notes:
        note(sentence)
    if report is not None:
        from clear_opt.report import write_report

        with working("Writing the report"):
            write_report(found, report)
    if os.environ.get("MLFLOW_RUN_ID"):  # `mlflow run training -e evaluate` has begun a run
        from clear_opt.training import log_evaluation

        with working("Logging to MLflow"):
            log_evaluation(found, table, source=str(rollouts))
    if as_json:
        from clear_opt.evaluation import as_json as plain

        typer.echo(json.dumps(plain(found), allow_nan=False))
    else:
        from clear_opt.cli.scores import print_evaluation

        print_evaluation(found)
    if report is not None:
        typer.echo(f"wrote {report}", err=as_json)


def _evaluate(
    table: Rollouts,
    budgets: list[float],
    predictor: str | None,
    tracking_uri: str | None,
    cv: int | None,
    model: str | None,
    alone: bool,
    seed: int,
) -> Evaluation:
    from clear_opt.evaluation import evaluate
    from clear_opt.predictors import SurgePredictor, load_predictor

    learner: Any = (
        SurgePredictor(seed=seed)
        if predictor is None
        else load_predictor(predictor, tracking_uri=tracking_uri)
    )
    with evaluation_bar() as on_step:
        return evaluate(
            table,
            learner,
            budgets=budgets,
            folds=(cv or _FOLDS) if predictor is None else None,
            models=None if model is None else [model],
            alone=alone,
            seed=seed,
            on_step=on_step,
        )

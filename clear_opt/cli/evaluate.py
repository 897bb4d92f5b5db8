"""``clear-opt evaluate``: what a predictor is worth on recorded rollouts."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from clear_opt.cli.common import (
    evaluation_bar,
    note,
    parse_budgets,
    parse_names,
    read_table,
    working,
)
from clear_opt.cli.option_types import (
    DEFAULT_BUDGETS,
    AsJson,
    Budgets,
    Features,
    RolloutTable,
    Seed,
    TrackingUri,
)
from clear_opt.cli.options import BasisOption

if TYPE_CHECKING:
    from clear_opt.predictors import SurgePredictor
    from clear_opt.rollouts import Rollouts

_FOLDS = 5


def evaluate(
    rollouts: RolloutTable,
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
    features: Features = None,
    model: Annotated[
        str | None,
        typer.Option(help="Evaluate this model only.", show_default="all in the table"),
    ] = None,
    per_model: Annotated[
        bool, typer.Option("--alone", help="Train on each model's rollouts separately.")
    ] = False,
    basis: Annotated[
        BasisOption,
        typer.Option(
            help="What --budgets count: caps, or tokens really spent. 'expected' compares uniform "
            "caps, both bases of allocate and an oracle at equal spend."
        ),
    ] = BasisOption.RESERVED,
    seed: Seed = 0,
    report: Annotated[
        Path | None,
        typer.Option(help="Write one self-contained HTML file with pictures.", show_default=False),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Measure what a predictor is worth: accuracy under a budget, replayed on recorded rollouts.

    Compares uniform caps, caps proportional to predicted thresholds, the learned allocation, and
    an oracle that knows every outcome, with bootstrap intervals, calibration and regret. No model
    is called.

    **Examples**

    `clear-opt evaluate rollouts.parquet --cv 5 --report report.html`

    `clear-opt evaluate rollouts.parquet --predictor zeroeval-math --budgets 50,100,200 --json`

    `clear-opt evaluate rollouts.parquet --model gpt-4o-mini-2024-07-18 --alone`

    `clear-opt evaluate rollouts.parquet --basis expected --budgets 50,100`
    """
    amounts = parse_budgets(budgets)
    if predictor is not None and cv is not None:
        raise typer.BadParameter("--predictor and --cv exclude each other: give one of them")
    if predictor is not None and per_model:
        raise typer.BadParameter("--alone trains anew and takes no --predictor")
    if predictor is not None and features is not None:
        raise typer.BadParameter("--predictor reads what it was trained on and takes no --features")
    spend = basis is BasisOption.EXPECTED
    if report is not None and spend:
        raise typer.BadParameter("--report shows the reserved basis only; use --json for figures")
    if report is not None:
        from clear_opt.io import check_output
        from clear_opt.plots.report import check_installed

        check_installed()
        check_output(report, source=rollouts, endings=(".html", ".htm"))
    names = parse_names(features)
    table = read_table(rollouts, names)
    scored = _predictor(predictor, tracking_uri, seed)
    arguments: dict[str, Any] = {
        "budgets": amounts,
        "folds": (cv or _FOLDS) if predictor is None else None,
        "models": None if model is None else [model],
        "per_model": per_model,
        "features": names,
        "seed": seed,
    }
    if spend:
        _compare_spend(table, scored, arguments, as_json=as_json)
        return
    from clear_opt.evaluation import as_json as to_json
    from clear_opt.evaluation import evaluate

    with evaluation_bar() as on_step:
        found = evaluate(table, scored, **arguments, on_step=on_step)
    for sentence in found.notes:
        note(sentence)
    if report is not None:
        from clear_opt.plots.report import write_report

        with working("Writing the report"):
            write_report(found, report)
    if os.environ.get("MLFLOW_RUN_ID"):  # `mlflow run training -e evaluate` has begun a run
        from clear_opt.training import log_evaluation

        with working("Logging to MLflow"):
            log_evaluation(found, table, source=str(rollouts))
    if as_json:
        typer.echo(json.dumps(to_json(found), allow_nan=False))
    else:
        from clear_opt.cli.evaluation_report import print_evaluation

        print_evaluation(found)
    if report is not None:
        typer.echo(f"wrote {report}", err=as_json)


def _predictor(name: str | None, tracking_uri: str | None, seed: int) -> SurgePredictor:
    from clear_opt.predictors import SurgePredictor, load_predictor

    if name is None:
        return SurgePredictor(random_state=seed)
    return load_predictor(name, tracking_uri=tracking_uri)


def _compare_spend(
    table: Rollouts, predictor: SurgePredictor, arguments: dict[str, Any], *, as_json: bool
) -> None:
    from clear_opt.cli.evaluation_report import print_spend
    from clear_opt.evaluation import evaluate_spend

    if os.environ.get("MLFLOW_RUN_ID"):
        note("not logged to MLflow: runs hold evaluations in the reserved basis")
    with evaluation_bar() as on_step:
        found = evaluate_spend(table, predictor, **arguments, on_step=on_step)
    for sentence in found.notes:
        note(sentence)
    if as_json:
        typer.echo(json.dumps(found.as_json(), allow_nan=False))
    else:
        print_spend(found)

"""``clear-opt train``: rollouts in, a predictor with its score out; on request into MLflow."""

from __future__ import annotations

import json
import os
from enum import StrEnum
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
    Experiment,
    Features,
    Force,
    RolloutTable,
    Seed,
)

if TYPE_CHECKING:
    from clear_opt.predictors import SurgePredictor
    from clear_opt.tracking import LoggedRun
    from clear_opt.training import Registration, Training

_INDEX = "predictor.json"


class LearnerOption(StrEnum):
    """What --learner takes."""

    BOOSTED = "boosted"
    LINEAR = "linear"


def train(
    rollouts: RolloutTable,
    out: Annotated[
        Path,
        typer.Option(
            help="Folder for the predictor; an older one is replaced.", show_default=False
        ),
    ],
    learner: Annotated[
        LearnerOption, typer.Option(help="Boosted trees (LightGBM), or ridge and logistic.")
    ] = LearnerOption.BOOSTED,
    held_out: Annotated[
        float | None,
        typer.Option(help="Share of the queries held out for the score.", show_default="0.2"),
    ] = None,
    cv: Annotated[
        int | None,
        typer.Option(
            "--cv",
            min=2,
            help="Score by cross-validation in this many folds instead, then learn from all.",
            show_default="held out",
        ),
    ] = None,
    features: Features = None,
    budgets: Budgets = DEFAULT_BUDGETS,
    seed: Seed = 0,
    tracking_uri: Annotated[
        str | None,
        typer.Option(
            help="Log the run to this MLflow store.",
            show_default="MLFLOW_TRACKING_URI if set; else none, or mlflow.db if one is needed",
        ),
    ] = None,
    experiment: Experiment = None,
    register: Annotated[
        str | None,
        typer.Option(
            help="Register the predictor in MLflow by this name; the alias champion moves to it "
            "only if it beats the present champion.",
            show_default=False,
        ),
    ] = None,
    force: Force = False,
    as_json: AsJson = False,
) -> None:
    """Train a predictor on rollouts, and score it on queries that it has not seen.

    **Examples**

    `clear-opt train rollouts.parquet --out predictors/mine`

    `clear-opt train rollouts.parquet --out predictors/mine --register maths`

    `clear-opt allocate queries.jsonl --budget 30000 --predictor predictors/mine`
    """
    amounts = parse_budgets(budgets)
    if cv is not None and held_out is not None:
        raise typer.BadParameter("--cv and --held-out exclude each other: give one of them")
    if force and register is None:
        raise typer.BadParameter("--force has no meaning without --register")
    _check_folder(out)
    tracked = bool(tracking_uri or experiment or register or os.environ.get("MLFLOW_TRACKING_URI"))
    if tracked:
        from clear_opt.tracking import store_uri

        store_uri(tracking_uri)  # raises for an impossible store, before any work is done
    from clear_opt.predictors import save_predictor
    from clear_opt.training import log_training, register_if_better
    from clear_opt.training import train as train_predictor

    names = parse_names(features)
    table = read_table(rollouts, names)
    with evaluation_bar() as on_step:
        made = train_predictor(
            table,
            _predictor(learner, seed),
            held_out=held_out,
            folds=cv,
            features=names,
            budgets=amounts,
            seed=seed,
            on_step=on_step,
        )
    save_predictor(made.predictor, out)
    logged = registered = None
    if tracked:
        with working("Logging to MLflow"):
            logged = log_training(
                made, tracking_uri=tracking_uri, experiment=experiment, source=str(rollouts)
            )
    if register is not None and logged is not None:
        with working("Comparing with the champion"):
            registered = register_if_better(
                register,
                logged,
                table,
                tracking_uri=tracking_uri,
                budgets=amounts,
                force=force,
                seed=seed,
            )
    print_training(made, logged, registered, as_json=as_json, out=out)


def print_training(
    made: Training | None,
    logged: LoggedRun | None,
    registered: Registration | None,
    *,
    as_json: bool,
    out: Path | None = None,
) -> None:
    """Print the scores, and where everything went."""
    for sentence in made.evaluation.notes if made is not None else ():
        note(sentence)
    if as_json:
        from clear_opt.evaluation import as_json as to_json

        scores = {} if made is None else to_json(made.evaluation)
        summary = {**scores, "training": _training_as_json(made, logged, registered, out)}
        typer.echo(json.dumps(summary, allow_nan=False))
        return
    if made is not None:
        from clear_opt.cli.evaluation_report import print_evaluation

        print_evaluation(made.evaluation)
        typer.echo()
    if out is not None and made is not None and made.learned is not None:
        queries, rows = len(made.learned.query_ids), len(made.learned)
        typer.echo(f"saved {out}: trained on {queries:,} queries, {rows:,} rollouts")
    if logged is not None:
        typer.echo(f"logged run {logged.run_id}, model {logged.model_id} to {logged.tracking_uri}")
    if registered is not None:
        typer.echo(str(registered))


def _training_as_json(
    made: Training | None,
    logged: LoggedRun | None,
    registered: Registration | None,
    out: Path | None,
) -> dict[str, Any]:
    learned = None if made is None else made.learned
    return {
        "settings": None if made is None else made.settings,
        "learned_queries": None if learned is None else len(learned.query_ids),
        "scored_queries": None if made is None else len(made.scored.query_ids),
        "out": None if out is None else str(out),
        "run": None if logged is None else logged._asdict(),
        "registration": None if registered is None else registered.as_json(),
    }


def _predictor(learner: LearnerOption, seed: int) -> SurgePredictor:
    from clear_opt.predictors import BoostedLearner, LinearLearner, SurgePredictor

    made = LinearLearner() if learner is LearnerOption.LINEAR else BoostedLearner()
    return SurgePredictor(learner=made, random_state=seed)


def _check_folder(out: Path) -> None:
    """Raise if the folder holds anything but a predictor, before any work is done."""
    from clear_opt.io import check_folder

    check_folder(out)
    if out.is_dir() and any(out.iterdir()) and not (out / _INDEX).is_file():
        raise typer.BadParameter(
            f"--out: {out} holds something other than a predictor; name a new folder"
        )

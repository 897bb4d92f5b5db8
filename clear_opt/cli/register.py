"""``clear-opt register``: a predictor that exists already, into MLflow's registry."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

import typer

from clear_opt.cli.common import parse_budgets, read_table, working
from clear_opt.cli.option_types import (
    DEFAULT_BUDGETS,
    AsJson,
    Budgets,
    Experiment,
    Force,
    Seed,
    TrackingUri,
)
from clear_opt.cli.train import print_training

_RUN = re.compile(r"[0-9a-f]{32}")


def register(
    predictor: Annotated[
        str,
        typer.Argument(
            help="A run that clear-opt train has logged, or a folder that it has written.",
            show_default=False,
        ),
    ],
    rollouts: Annotated[
        Path,
        typer.Option(
            help="Table of rollouts to compare with the champion on, where neither has seen the "
            "query; the table of training will do.",
            show_default=False,
        ),
    ],
    name: Annotated[str, typer.Option(help="Name of the registered model.", show_default=False)],
    budgets: Budgets = DEFAULT_BUDGETS,
    seed: Seed = 0,
    tracking_uri: TrackingUri = None,
    experiment: Experiment = None,
    force: Force = False,
    as_json: AsJson = False,
) -> None:
    """Register a predictor in MLflow; the alias champion moves to it only if it is better.

    **Examples**

    `clear-opt register predictors/mine --rollouts rollouts.parquet --name maths`

    `clear-opt allocate queries.jsonl --budget 30000 --predictor models:/maths@champion`
    """
    from clear_opt.tracking import check_installed, model_of_run

    amounts = parse_budgets(budgets)
    check_installed()
    from clear_opt.predictors import load_predictor
    from clear_opt.training import log_training, register_if_better, score_predictor

    table = read_table(rollouts)
    made = None
    if _RUN.fullmatch(predictor) and not Path(predictor).is_dir():
        logged = model_of_run(predictor, tracking_uri=tracking_uri)
    else:
        with working("Scoring"):
            fitted = load_predictor(predictor)
            made = score_predictor(table, fitted, budgets=amounts, seed=seed)
        with working("Logging to MLflow"):
            logged = log_training(
                made, tracking_uri=tracking_uri, experiment=experiment, source=str(rollouts)
            )
    with working("Comparing with the champion"):
        registered = register_if_better(
            name,
            logged,
            table,
            tracking_uri=tracking_uri,
            budgets=amounts,
            force=force,
            seed=seed,
        )
    print_training(made, logged, registered, as_json=as_json)

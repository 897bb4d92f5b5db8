"""Options and arguments that several commands take, each written once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from clear_opt.defaults import BUDGETS, MOST_SEED

DEFAULT_BUDGETS = ",".join(f"{budget:g}" for budget in BUDGETS)

DEFAULT_PREDICTOR = "zeroeval-math"
"""The predictor that comes with the package."""

TrackingUri = Annotated[
    str | None,
    typer.Option(
        help="MLflow store, of models:/ predictors and of runs.",
        show_default="MLFLOW_TRACKING_URI, or mlflow.db here",
    ),
]
"""The option --tracking-uri of the commands that load or register a predictor."""

ModelName = Annotated[
    str | None,
    typer.Option(
        "--model",
        help="Whose answers the curves are about, a model of the predictor's training.",
        show_default="a typical one",
    ),
]
"""The option --model of the commands that predict curves."""

RolloutTable = Annotated[
    Path,
    typer.Argument(
        help="Table of rollouts: query_id, n_tokens, correct; and text, model or features.",
        show_default=False,
    ),
]
"""The argument ROLLOUTS of the commands that train."""

Budgets = Annotated[str, typer.Option(help="Tokens per query, with commas between them.")]
"""The option --budgets of the commands that score predictors."""

Features = Annotated[
    str | None,
    typer.Option(
        metavar="NAME,NAME",
        help="Columns to learn from beside the text, whatever they are.",
        show_default="all but those that tell the outcome",
    ),
]
"""The option --features of the commands that train."""

Seed = Annotated[
    int,
    typer.Option(
        min=0, max=MOST_SEED, help="Seed of everything random: splits, predictor, bootstrap."
    ),
]
"""The option --seed of the commands that score predictors."""

Experiment = Annotated[
    str | None,
    typer.Option(help="MLflow experiment that the run is logged to.", show_default="clear_opt"),
]
"""The option --experiment of the commands that log runs."""

Force = Annotated[
    bool, typer.Option("--force", help="Move the alias whatever the comparison says.")
]
"""The option --force of the commands that register."""

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of tables.")]
"""The option --json."""

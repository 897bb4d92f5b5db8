"""What several commands do, with progress on stderr where that is a terminal."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import Progress

if TYPE_CHECKING:
    from clear_opt.curves import ShiftedSurge
    from clear_opt.evaluation.evaluate import Step
    from clear_opt.rollouts import Rollouts
    from clear_opt.tables import QueryTable

TrackingUri = Annotated[
    str | None,
    typer.Option(
        help="MLflow store of a models:/ predictor.",
        show_default="MLFLOW_TRACKING_URI, or mlflow.db here",
    ),
]
"""The option --tracking-uri of the commands that load a predictor."""

DEFAULT_PREDICTOR = "zeroeval-math"
"""The predictor that comes with the package."""

_CHUNK = 512  # texts per step of the progress bar; predictions do not depend on it


def note(message: str) -> None:
    """Tell the user something on stderr, in one line."""
    typer.echo(f"note: {message}", err=True)


@contextmanager
def working(message: str) -> Iterator[None]:
    """Show what goes on for as long as it does."""
    with Console(stderr=True).status(f"{message} ..."):
        yield


def note_unused(table: QueryTable) -> None:
    """Name the columns of the file that nothing was read from."""
    if table.unused_columns:
        note(f"columns not used: {', '.join(table.unused_columns)}")


def predict_curves(
    texts: Sequence[str], predictor: str, tracking_uri: str | None = None
) -> ShiftedSurge:
    """Predict one curve for each text.

    Parameters
    ----------
    texts
        Any number; without any the predictor is not loaded.
    predictor
        Name, folder, or ``models:/`` and the name of a registered one.
    tracking_uri
        The MLflow store of a registered one.
    """
    import numpy as np

    from clear_opt.curves import ShiftedSurge

    if not texts:
        return ShiftedSurge([], [], [])
    with working("Loading the predictor"):
        from clear_opt.predictors import load_predictor

        learned = load_predictor(predictor, tracking_uri=tracking_uri)
    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
        parts = [
            learned.predict(list(texts[start : start + _CHUNK]))
            for start in progress.track(
                range(0, len(texts), _CHUNK), description="Predicting curves"
            )
        ]
    return ShiftedSurge(
        tau=np.concatenate([part.tau for part in parts]),
        alpha=np.concatenate([part.alpha for part in parts]),
        beta=np.concatenate([part.beta for part in parts]),
    )


def read_budgets(given: str) -> list[float]:
    """Read ``50,100``; what is no number above zero is an error of use."""
    amounts = []
    for part in given.split(","):
        try:
            amount = float(part)
        except ValueError:
            amount = math.nan
        if not (math.isfinite(amount) and amount > 0):
            raise typer.BadParameter(
                f"--budgets: {part.strip()!r} is not a number above zero; "
                "give tokens per query with commas between them, e.g. 50,100,200"
            )
        amounts.append(amount)
    return amounts


def read_table(path: Path) -> Rollouts:
    """Read rollouts."""
    from clear_opt.rollouts import read_rollouts

    with working("Reading rollouts"):
        return read_rollouts(path)


@contextmanager
def evaluation_bar() -> Iterator[Step]:
    """Show on stderr how far the evaluation is, where that is a terminal."""
    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("Evaluating", total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total)

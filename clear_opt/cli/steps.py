"""What several commands do, with progress on stderr where that is a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import typer
from rich.console import Console
from rich.progress import Progress

if TYPE_CHECKING:
    from clear_opt.curves import ShiftedSurge
    from clear_opt.tables import QueryTable

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


def predict_curves(texts: Sequence[str], predictor: str) -> ShiftedSurge:
    """Predict one curve for each text.

    Parameters
    ----------
    texts
        Any number; without any the predictor is not loaded.
    predictor
        Name or folder.
    """
    import numpy as np

    from clear_opt.curves import ShiftedSurge

    if not texts:
        return ShiftedSurge([], [], [])
    with working("Loading the predictor"):
        from clear_opt.predictors import load_predictor

        learned = load_predictor(predictor)
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

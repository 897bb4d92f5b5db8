"""What several commands do, with progress on stderr where that is a terminal."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer
from rich.console import Console
from rich.progress import Progress

if TYPE_CHECKING:
    import pandas as pd

    from clear_opt.curves import ShiftedSurge
    from clear_opt.evaluation.predictions import Step
    from clear_opt.inputs import Forecast, QueryTable
    from clear_opt.predictors import SurgePredictor
    from clear_opt.problem.program import Basis
    from clear_opt.rollouts import Rollouts

_CHUNK = 512  # texts per step of the progress bar; predictions do not depend on it


def note(message: str) -> None:
    """Print a note on stderr, in one line."""
    typer.echo(f"note: {message}", err=True)


@contextmanager
def working(message: str) -> Iterator[None]:
    """Show a message for as long as the work takes."""
    with Console(stderr=True).status(f"{message} ..."):
        yield


def note_unused(table: QueryTable, used: Sequence[str] = ()) -> None:
    """Name the columns of the file that nothing was read from."""
    from clear_opt.io import listed

    unused = [name for name in table.unused_columns if name not in used]
    if unused:
        note(f"columns not used: {listed(unused)}")


def predict_table(
    table: QueryTable, predictor: str, model: str | None = None, tracking_uri: str | None = None
) -> ShiftedSurge:
    """Predict one curve for each query of a file, and note what was not used of it.

    Parameters
    ----------
    table : QueryTable
        Any number of queries; without any the predictor is not loaded.
    predictor : str
        Name, folder, or ``models:/`` and the name of a registered one.
    model : str, optional
        Whose answers the curves are about; a typical model by default.
    tracking_uri : str, optional
        The MLflow store of a registered one.
    """
    from clear_opt.curves import ShiftedSurge

    if not len(table):
        return ShiftedSurge([], [], [])
    fitted = load_fitted(predictor, tracking_uri)
    note_unused(table, fitted.columns_)
    return _surges(fitted, predictor_inputs(table, fitted), model)


def predictor_inputs(table: QueryTable, fitted: SurgePredictor) -> pd.DataFrame:
    """Return the columns of the file that a predictor reads, typed as in its training."""
    known = getattr(fitted, "range_", None)
    return table.queries(fitted.columns_, None if known is None else known.categories_)


def predict_texts(texts: Sequence[str], predictor: str) -> ShiftedSurge:
    """Predict one curve for each text; see `predict_table`."""
    import pandas as pd

    return _surges(load_fitted(predictor), pd.DataFrame({"text": list(texts)}), None)


def load_fitted(predictor: str, tracking_uri: str | None = None) -> SurgePredictor:
    """Load a predictor by name, folder, or ``models:/`` and the name of a registered one."""
    with working("Loading the predictor"):
        from clear_opt.predictors import load_predictor

        return load_predictor(predictor, tracking_uri=tracking_uri)


def _surges(fitted: SurgePredictor, queries: pd.DataFrame, model: str | None) -> ShiftedSurge:
    curves: Any = predict_in_chunks(fitted, queries, model, "reserved").curves
    note_out_of_distribution(fitted, queries)
    return curves


def predict_in_chunks(
    fitted: SurgePredictor, queries: pd.DataFrame, model: str | None, basis: Basis
) -> Forecast:
    """Predict what a basis needs, with a progress bar; see `clear_opt.inputs.forecast`."""
    from clear_opt.inputs import Forecast, forecast

    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
        return Forecast.joined(
            [
                forecast(fitted, queries.iloc[start : start + _CHUNK], model, basis)
                for start in progress.track(
                    range(0, len(queries), _CHUNK), description="Predicting curves"
                )
            ]
        )


def note_out_of_distribution(fitted: SurgePredictor, queries: pd.DataFrame) -> None:
    """Print how many of the queries are out of distribution for the predictor."""
    outside = int(fitted.out_of_distribution(queries).sum())
    if outside:
        note(
            f"{outside:,} of {len(queries):,} queries are unlike those the predictor was trained "
            "on: their curves are guesses"
        )


def parse_budgets(text: str) -> list[float]:
    """Parse ``50,100``; anything but numbers above zero is a usage error."""
    amounts = []
    for part in text.split(","):
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


def parse_names(text: str | None) -> list[str] | None:
    """Parse ``level,kind``: names with commas between them."""
    return None if text is None else [name.strip() for name in text.split(",") if name.strip()]


def read_table(path: Path, features: Sequence[str] | None = None) -> Rollouts:
    """Read rollouts, with the features that are named or all."""
    from clear_opt.rollouts import read_rollouts

    with working("Reading rollouts"):
        return read_rollouts(path, features=features)


@contextmanager
def evaluation_bar() -> Iterator[Step]:
    """Show on stderr how far the evaluation is, where that is a terminal."""
    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("Evaluating", total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total)

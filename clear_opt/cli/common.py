"""What several commands do, with progress on stderr where that is a terminal."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.progress import Progress

from clear_opt.defaults import BUDGETS

if TYPE_CHECKING:
    import pandas as pd

    from clear_opt.curves import ShiftedSurge
    from clear_opt.evaluation.evaluate import Step
    from clear_opt.inputs import Forecast, QueryTable
    from clear_opt.predictors import SurgePredictor
    from clear_opt.problem.program import Basis
    from clear_opt.rollouts import Rollouts

TrackingUri = Annotated[
    str | None,
    typer.Option(
        help="MLflow store of a models:/ predictor.",
        show_default="MLFLOW_TRACKING_URI, or mlflow.db here",
    ),
]
"""The option --tracking-uri of the commands that load a predictor."""

ModelName = Annotated[
    str | None,
    typer.Option(
        "--model",
        help="Whose answers the curves are about, a model of the predictor's training.",
        show_default="a typical one",
    ),
]
"""The option --model of the commands that predict curves."""

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

DEFAULT_BUDGETS = ",".join(f"{budget:g}" for budget in BUDGETS)

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
    table
        Any number of queries; without any the predictor is not loaded.
    predictor
        Name, folder, or ``models:/`` and the name of a registered one.
    model
        Whose answers the curves are about; None for a typical one.
    tracking_uri
        The MLflow store of a registered one.
    """
    from clear_opt.curves import ShiftedSurge

    if not len(table):
        return ShiftedSurge([], [], [])
    learned = load_learned(predictor, tracking_uri)
    note_unused(table, learned.columns_)
    return _surges(learned, described_by(table, learned), model)


def described_by(table: QueryTable, learned: SurgePredictor) -> pd.DataFrame:
    """Return the columns of the file that a predictor reads, in their kinds of its training."""
    known = getattr(learned, "range_", None)
    return table.queries(learned.columns_, None if known is None else known.categories_)


def predict_texts(texts: Sequence[str], predictor: str) -> ShiftedSurge:
    """Predict one curve for each text; see `predict_table`."""
    import pandas as pd

    return _surges(load_learned(predictor), pd.DataFrame({"text": list(texts)}), None)


def load_learned(predictor: str, tracking_uri: str | None = None) -> SurgePredictor:
    """Load a predictor by name, folder, or ``models:/`` and the name of a registered one."""
    with working("Loading the predictor"):
        from clear_opt.predictors import load_predictor

        return load_predictor(predictor, tracking_uri=tracking_uri)


def _surges(learned: SurgePredictor, queries: pd.DataFrame, model: str | None) -> ShiftedSurge:
    curves: Any = predict_in_chunks(learned, queries, model, "reserved").curves
    note_outside(learned, queries)
    return curves


def predict_in_chunks(
    learned: SurgePredictor, queries: pd.DataFrame, model: str | None, basis: Basis
) -> Forecast:
    """Predict what a basis needs, with a progress bar; see `clear_opt.inputs.forecast`."""
    from clear_opt.inputs import Forecast, forecast

    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
        return Forecast.joined(
            [
                forecast(learned, queries.iloc[start : start + _CHUNK], model, basis)
                for start in progress.track(
                    range(0, len(queries), _CHUNK), description="Predicting curves"
                )
            ]
        )


def note_outside(learned: SurgePredictor, queries: pd.DataFrame) -> None:
    """Report how many of the queries the predictor can only guess about."""
    outside = int(learned.out_of_distribution(queries).sum())
    if outside:
        note(
            f"{outside:,} of {len(queries):,} queries are unlike those the predictor was trained "
            "on: their curves are guesses"
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


def names_in(given: str | None) -> list[str] | None:
    """Read ``level,kind``: names with commas between them."""
    return None if given is None else [name.strip() for name in given.split(",") if name.strip()]


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

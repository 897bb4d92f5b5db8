"""Records of runs, models and versions as plain values, without MLflow."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from clear_opt.errors import ClearOptError
from clear_opt.tracking.uris import SCHEME

if TYPE_CHECKING:
    import pandas as pd


_LONGEST_DIGEST = 36  # characters that MLflow keeps


class TrackingError(ClearOptError):
    """An MLflow store refused something or cannot be reached; the message says which."""


class Metric(NamedTuple):
    """One number of a run."""

    name: str
    """Letters, digits and ``_-. :/``."""
    value: float
    """Any finite number."""
    step: int = 0
    """For figures at a budget, its tokens per query."""


class DataSet(NamedTuple):
    """A table that a run used."""

    digest: str
    """SHA-256 of its content."""
    context: str
    """What for: ``training`` or ``evaluation``."""
    source: str
    """Where it came from, for the reader; nothing is read from there."""
    columns: Mapping[str, str]
    """MLflow's type of each column."""
    profile: Mapping[str, Any]
    """What it holds, in numbers."""

    def fields(self) -> dict[str, str]:
        """Return its fields as MLflow stores them."""
        columns = [{"name": name, "type": kind} for name, kind in self.columns.items()]
        return {
            "name": "rollouts",
            "digest": self.digest[:_LONGEST_DIGEST],
            "source_type": "local",
            "source": json.dumps({"uri": self.source}),
            "schema": json.dumps({"mlflow_colspec": columns}),
            "profile": json.dumps(dict(self.profile)),
        }


@dataclass(frozen=True)
class ModelFiles:
    """A model to be logged: its own files, and how MLflow's generic loader may serve it.

    Attributes
    ----------
    folder : pathlib.Path
        The files, copied as they are.
    loader_module : str
        Python module whose ``_load_pyfunc(folder)`` returns the served model; nothing is pickled.
    inputs, outputs : mapping
        Columns: name to (MLflow type, whether required).
    params : mapping
        Optional settings of a prediction: name to default text.
    example : pandas.DataFrame
        A few rows of input.
    requirements : sequence of str
        What pip must install to serve it.
    """

    folder: Path
    loader_module: str
    inputs: Mapping[str, tuple[str, bool]]
    outputs: Mapping[str, tuple[str, bool]]
    params: Mapping[str, str]
    example: pd.DataFrame
    requirements: Sequence[str]


@dataclass(frozen=True)
class RunRecord:
    """What one run is to hold.

    Attributes
    ----------
    params, tags : mapping
        Names to texts.
    metrics : sequence of Metric
        Numbers, of the logged model too.
    datasets : sequence of DataSet
        Tables used; the last one is what the metrics were measured on.
    files : pathlib.Path
        Folder whose files become the run's artifacts.
    model : ModelFiles or None
        What was trained; ``None`` where nothing was.
    """

    params: Mapping[str, str]
    metrics: Sequence[Metric]
    datasets: Sequence[DataSet]
    files: Path
    model: ModelFiles | None = None
    tags: Mapping[str, str] = field(default_factory=dict)


class LoggedRun(NamedTuple):
    """Where a run went."""

    run_id: str
    """Of the run."""
    model_id: str
    """Of the logged model: ``models:/`` followed by it loads the predictor; empty without one."""
    tracking_uri: str
    """Of the store."""


class Version(NamedTuple):
    """A version of a registered model."""

    name: str
    """Of the registered model."""
    version: int
    """Counted from 1."""

    @property
    def uri(self) -> str:
        """What `clear_opt.predictors.load_predictor` takes."""
        return f"{SCHEME}{self.name}/{self.version}"

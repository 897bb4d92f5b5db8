"""Tracking by MLflow: runs, logged models and the registry. Needs ``clear-opt[track]``.

`clear_opt.tracking.mlflow_store` is the one module that touches MLflow. `clear_opt.training` says
what is logged, and which version becomes the champion.
"""

from clear_opt.tracking.mlflow_store import (
    EXPERIMENT,
    add_version,
    aliased,
    check_installed,
    fetched,
    log_run,
    model_of_run,
    set_alias,
    store_uri,
)
from clear_opt.tracking.records import (
    DataSet,
    LoggedRun,
    Metric,
    ModelFiles,
    RunRecord,
    TrackingError,
    Version,
)
from clear_opt.tracking.uris import ARTIFACTS, DATABASE, SCHEME

__all__ = [
    "ARTIFACTS",
    "DATABASE",
    "EXPERIMENT",
    "SCHEME",
    "DataSet",
    "LoggedRun",
    "Metric",
    "ModelFiles",
    "RunRecord",
    "TrackingError",
    "Version",
    "add_version",
    "aliased",
    "check_installed",
    "fetched",
    "log_run",
    "model_of_run",
    "set_alias",
    "store_uri",
]

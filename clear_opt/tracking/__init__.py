"""Tracking by MLflow: runs, logged models and the registry. Needs ``clear-opt[track]``.

`clear_opt.tracking.mlflow_store` is the one module that touches MLflow. `clear_opt.training` says
what is logged, and which version becomes the champion.
"""

from clear_opt.tracking.mlflow_store import (
    add_version,
    check_installed,
    download,
    log_run,
    model_of_run,
    set_alias,
    store_uri,
    version_by_alias,
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
from clear_opt.tracking.uris import SCHEME

__all__ = [
    "SCHEME",
    "DataSet",
    "LoggedRun",
    "Metric",
    "ModelFiles",
    "RunRecord",
    "TrackingError",
    "Version",
    "add_version",
    "check_installed",
    "download",
    "log_run",
    "model_of_run",
    "set_alias",
    "store_uri",
    "version_by_alias",
]

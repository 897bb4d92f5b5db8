"""Switch off the warnings, logs and progress bars of MLflow for a while."""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

_LOGGERS = ("mlflow", "alembic")
_BARS = "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR"


@contextmanager
def silence() -> Iterator[None]:
    """Silence MLflow, which must be imported by then, and restore the caller's settings after."""
    loggers = [logging.getLogger(name) for name in _LOGGERS]
    levels = [logger.level for logger in loggers]
    bars = os.environ.get(_BARS)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            for logger in loggers:
                logger.setLevel(logging.CRITICAL)
            os.environ[_BARS] = "false"
            yield
        finally:
            for logger, level in zip(loggers, levels, strict=True):
                logger.setLevel(level)
            os.environ.pop(_BARS)
            os.environ.update({} if bars is None else {_BARS: bars})

"""How stores and models are named, without MLflow."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

from clear_opt.errors import InvalidInputError

SCHEME = "models:/"
"""How the name of a logged or registered model begins."""

DATABASE = "mlflow.db"
"""SQLite store in the working directory, used where nothing else is asked for."""

ARTIFACTS = "mlartifacts"
"""Folder beside a SQLite store that takes the files of its runs."""

_SQLITE = "sqlite:///"
_REGISTERED = re.compile(r"(?P<name>[^/@]+)(?:@(?P<alias>[^/@]+)|/(?P<version>\d+))")
_LOGGED = re.compile(r"m-[0-9a-z]+")
_CREDENTIALS = re.compile(r"//[^/@]*@")


class ModelName(NamedTuple):
    """What a ``models:/`` URI says."""

    name: str = ""
    """Of the registered model; empty for a logged one."""
    alias: str | None = None
    """Such as ``champion``."""
    version: str | None = None
    """Counted from 1."""
    model_id: str | None = None
    """Of a logged model."""


def model_name(uri: str) -> ModelName:
    """Read ``models:/NAME@ALIAS``, ``models:/NAME/VERSION`` or ``models:/MODEL_ID``.

    Raises
    ------
    InvalidInputError
        If it is none of them.

    Examples
    --------
    >>> model_name("models:/maths@champion")
    ModelName(name='maths', alias='champion', version=None, model_id=None)
    """
    wanted = uri.removeprefix(SCHEME)
    if _LOGGED.fullmatch(wanted):
        return ModelName(model_id=wanted)
    if match := _REGISTERED.fullmatch(wanted):
        return ModelName(match["name"], match["alias"], match["version"])
    raise InvalidInputError(
        "does not name a registered predictor",
        column="predictor",
        value=uri,
        remedy="write models:/NAME@ALIAS, models:/NAME/VERSION or models:/MODEL_ID",
    )


def local_store() -> str:
    """Return the URI of `DATABASE` in the working directory."""
    return sqlite_uri(Path.cwd() / DATABASE)


def sqlite_uri(database: Path) -> str:
    """Return the URI of a SQLite store.

    Examples
    --------
    >>> sqlite_uri(Path("/srv/runs.db"))
    'sqlite:////srv/runs.db'
    """
    return f"{_SQLITE}{database.as_posix()}"


def database_file(uri: str) -> Path | None:
    """Return the file of a SQLite store; ``None`` for other stores.

    Examples
    --------
    >>> database_file("sqlite:////srv/runs.db").as_posix()
    '/srv/runs.db'
    >>> database_file("https://runs.example.org")
    """
    path = uri.removeprefix(_SQLITE).partition("?")[0]
    if not uri.startswith(_SQLITE) or path in ("", ":memory:"):
        return None
    return Path(path).absolute()


def shown(uri: str) -> str:
    """Return a URI without the name and password that it may hold, for messages.

    Examples
    --------
    >>> shown("https://ann:secret@runs.example.org")
    'https://runs.example.org'
    """
    return _CREDENTIALS.sub("//", uri)

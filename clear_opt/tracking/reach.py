"""Whether somebody answers where an MLflow store is said to be, and how a new file gets there."""

from __future__ import annotations

import contextlib
import socket
import tempfile
from collections.abc import Callable
from pathlib import Path

from clear_opt.errors import InvalidInputError
from clear_opt.tracking.records import TrackingError
from clear_opt.tracking.uris import database_file, shown, sqlite_uri

ANSWER_SECONDS = 10.0
"""How long a server is waited for before it counts as one that does not answer."""

# Where a database server listens unless its URI says otherwise.
_PORTS = {"postgresql": 5432, "mysql": 3306, "mssql": 1433}


def check_reachable(uri: str) -> None:
    """Check that a store can be reached; of other kinds than files and servers nothing is known.

    Raises
    ------
    InvalidInputError
        If a SQLite store is no file, or its folder does not exist.
    TrackingError
        If a server does not answer within `ANSWER_SECONDS`, a database's driver is not installed,
        or the URI is none.
    """
    database = database_file(uri)
    if database is not None:
        _check_file(uri, database)
    elif uri.startswith(("http://", "https://")):
        _check_server(uri)
    elif uri.partition("://")[0].partition("+")[0] in _PORTS:
        _check_database(uri)


def prepare_file(uri: str, create: bool, make: Callable[[str], object]) -> None:
    """Make the file of a SQLite store where there is none; other stores are left alone.

    It is made elsewhere and put in place as a whole, unless another came first: processes that make
    the tables of one file at the same time spoil it for each other.

    Parameters
    ----------
    uri
        Of the store.
    create
        Whether it may be made.
    make
        Called with the URI of a file in a folder beside it, to make an empty store there.

    Raises
    ------
    TrackingError
        If there is none and none may be made.
    """
    database = database_file(uri)
    if database is None or database.exists():
        return
    if not create:
        raise unusable(uri, "not found; name the store that the model was logged to")
    with tempfile.TemporaryDirectory(dir=database.parent, prefix=f".{database.name}-") as scratch:
        fresh = Path(scratch) / database.name
        make(sqlite_uri(fresh))
        with contextlib.suppress(FileExistsError):
            database.hardlink_to(fresh)


def unusable(uri: str, reason: str) -> TrackingError:
    """Return the error that names a store and, in one line, what is wrong with it."""
    return TrackingError(f"MLflow store {shown(uri)}: {reason.partition(chr(10))[0]}")


def _check_file(uri: str, database: Path) -> None:
    if not database.parent.is_dir():  # MLflow would try for minutes
        raise InvalidInputError(
            "lies in a folder that does not exist",
            column="tracking_uri",
            value=uri,
            remedy="make the folder",
        )
    if database.exists() and not database.is_file():
        raise InvalidInputError(
            "is no file", column="tracking_uri", value=uri, remedy="name a file, such as mlflow.db"
        )


def _check_server(uri: str) -> None:
    """Ask a server once: MLflow would ask seven times, for minutes each."""
    import requests

    try:
        requests.get(uri, timeout=ANSWER_SECONDS, stream=True).close()
    except requests.exceptions.SSLError:
        return  # an answer, and whether it will do is set in MLflow's environment
    except (requests.RequestException, ValueError) as error:
        raise unusable(uri, _why(error)) from error


def _check_database(uri: str) -> None:
    """Load a database's driver, and knock at its server."""
    from sqlalchemy import create_engine
    from sqlalchemy.exc import SQLAlchemyError

    try:
        url = create_engine(uri).url
    except ModuleNotFoundError as error:
        problem = f"its driver {error.name} is not installed; install it, or name another store"
        raise unusable(uri, problem) from error
    except (SQLAlchemyError, ValueError) as error:
        raise unusable(uri, str(error)) from error
    if url.host:
        address = (url.host, url.port or _PORTS[url.get_backend_name()])
        try:
            socket.create_connection(address, timeout=ANSWER_SECONDS).close()
        except (OSError, ValueError) as error:
            raise unusable(uri, _why(error)) from error


def _why(error: Exception) -> str:
    timeout = "timeout" in type(error).__name__.lower()
    how = f"within {ANSWER_SECONDS:g} seconds" if timeout else f"({type(error).__name__})"
    return f"does not answer {how}; check the address, or start the server"

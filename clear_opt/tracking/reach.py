"""Whether an MLflow store can be reached, why a download failed, and how a new file gets there."""

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

_DENIED = ("PERMISSION_DENIED", "UNAUTHENTICATED", "CUSTOMER_UNAUTHORIZED")
_GONE = ("RESOURCE_DOES_NOT_EXIST", "NOT_FOUND")

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
    """Create the file of a SQLite store where there is none; other stores are left alone.

    It is made elsewhere and put in place as a whole, unless another came first: processes that make
    the tables of one file at the same time spoil it for each other.

    Parameters
    ----------
    uri : str
        Of the store.
    create : bool
        Whether it may be created.
    make : callable
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


def download_failed(uri: str, place: str, error: Exception) -> TrackingError:
    """Return the error that names a model whose files cannot be downloaded, the cause and a remedy.

    Parameters
    ----------
    uri : str
        Of the model.
    place : str
        Where its files should be.
    error : Exception
        What the artifact store or its client raised.
    """
    code = str(getattr(error, "error_code", ""))  # of MLflow's exceptions
    status = _http_status(error)
    if isinstance(error, PermissionError) or code in _DENIED or status in (401, 403):
        remedy = "check your permissions and credentials for the artifact store"
    elif isinstance(error, FileNotFoundError) or code in _GONE or status == 404:
        remedy = "they were deleted or moved: restore them, or register the predictor again"
    elif isinstance(error, ImportError):
        remedy = "install the client of the artifact store"
    else:
        remedy = "check the connection to the artifact store, then try again"
    reason = str(error).partition("\n")[0] or "no reason given"
    return TrackingError(
        f"{uri}: its files at {shown(place)} cannot be downloaded "
        f"({type(error).__name__}: {reason}); {remedy}"
    )


def _http_status(error: Exception) -> int | None:
    """Return the HTTP status that an exception of requests or botocore carries, if any."""
    response = getattr(error, "response", None)
    if isinstance(response, dict):
        return response.get("ResponseMetadata", {}).get("HTTPStatusCode")
    return getattr(response, "status_code", None)


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

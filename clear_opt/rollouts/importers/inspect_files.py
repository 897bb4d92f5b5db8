"""Inspect's log files: which there are, and what is wrong with one that its library cannot read."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

from clear_opt.errors import MissingExtraError
from clear_opt.io import TableError, check_input
from clear_opt.rollouts.importers.answers import Unusable

if TYPE_CHECKING:
    from inspect_ai.log import EvalLog

_ENDINGS = (".eval", ".json")
_LONGEST = 160  # characters of a flaw


def log_paths(source: Path) -> list[Path]:
    """Return the logs that a path names: itself, or those in a folder at any depth.

    Raises
    ------
    TableError
        If there is none.
    """
    if source.is_dir():
        found = sorted(p for p in source.rglob("*") if p.suffix in _ENDINGS and not p.is_dir())
        if not found:
            raise TableError("holds no log", path=source, remedy="logs end in .eval or .json")
        return found
    if not source.exists():
        raise TableError("cannot be read: no such file", path=source, remedy="check the path")
    if source.suffix not in _ENDINGS:
        raise TableError("is no Inspect log", path=source, remedy="logs end in .eval or .json")
    return [check_input(source)]


def read_log(path: Path) -> EvalLog:
    """Read a log with Inspect's library.

    Raises
    ------
    Unusable
        If it is no log, or a damaged one; the detail says in one line what is wrong.
    MissingExtraError
        If inspect-ai is not installed.
    """
    try:
        from inspect_ai.log import read_eval_log
    except ImportError:
        raise MissingExtraError("inspect-ai", "inspect") from None
    problem = ""
    if not path.is_file():
        problem = "it is no regular file"
    elif path.suffix == ".eval" and not zipfile.is_zipfile(path):
        problem = "it is no zip archive, or one that is cut off"
    if not problem:
        try:
            return read_eval_log(str(path.resolve()))
        except Exception as error:  # its parsers raise many kinds on foreign and damaged files
            problem = describe_error(error)
    raise Unusable("the file is no Inspect log", problem)


def describe_error(error: Exception) -> str:
    """Return in one line what an error of Inspect or of its parsers says.

    A file of another kind has a flaw for each of its parts: the first is told, with their number.
    """
    from pydantic import ValidationError

    if isinstance(error, KeyError):
        return f"it has no {error}"
    if not isinstance(error, ValidationError):
        return str(error).partition("\n")[0][:_LONGEST] or type(error).__name__
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    location = ".".join(str(part) for part in first["loc"] if "[" not in str(part))
    if not location:
        problem = "it does not hold the parts of a log"
    elif first["type"] == "missing":
        problem = f"{location} is missing"
    else:
        problem = f"{location}: {first['msg']}"
    n_errors = error.error_count()
    return problem[:_LONGEST] + (f" (the first of {n_errors:,} flaws)" if n_errors > 1 else "")

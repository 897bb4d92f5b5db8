"""Writing a whole file or nothing: a reader never sees half of it, a failure keeps the old one."""

from __future__ import annotations

import json
import math
import os
import secrets
import stat
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from clear_opt.io.errors import TableError


def check_output(
    path: str | Path,
    *,
    source: str | Path | None = None,
    endings: Collection[str] | None = None,
) -> Path:
    """Refuse an output file that could not be written, before any work is done for it.

    Parameters
    ----------
    path : str or Path
        The file to be written.
    source : str or Path, optional
        The input file, which must not be overwritten.
    endings : Collection, optional
        Those that will do, in lower case; those of tables by default.

    Raises
    ------
    TableError
        If the ending is not known, the folder does not exist, or the file is a folder or the input.
    """
    path, endings = Path(path), _WRITERS if endings is None else endings
    if path.suffix.lower() not in endings:
        raise TableError(
            f"ending {path.suffix!r} is not known" if path.suffix else "has no file ending",
            path=path,
            remedy=f"use one of {', '.join(endings)}",
        )
    status = _status(path)
    if status is not None and stat.S_ISDIR(status.st_mode):
        raise TableError("is a folder", path=path, remedy="name a file in it")
    if status is not None and not stat.S_ISREG(status.st_mode):
        raise TableError("is a pipe, socket or device", path=path, remedy="name a regular file")
    if not path.parent.is_dir():
        raise TableError(
            "cannot be written: its folder does not exist", path=path, remedy="create the folder"
        )
    if status is not None and source is not None and _same(path, source):
        raise TableError("is the input itself", path=path, remedy="name another file")
    _try_writing(path.resolve().parent, path)
    return path


def check_folder(path: str | Path) -> Path:
    """Refuse a folder for output that could not be made or written to, before any work is done.

    Raises
    ------
    TableError
        If it, or one it would be made in, is a file, has a name that is too long, or cannot be
        written to.
    """
    path = Path(path)
    nearest = path
    # A link that points nowhere ends the search: no folder can be made in its place.
    while (status := _status(nearest)) is None and not nearest.is_symlink():
        nearest = nearest.parent
    if status is None or not stat.S_ISDIR(status.st_mode):
        raise TableError(
            f"folder cannot be made: {nearest} is a file", path=path, remedy="name a folder"
        )
    _try_writing(nearest, path)
    return path


def make_folder(path: str | Path) -> Path:
    """Make a folder for output, with those above it; an existing one is kept as it is.

    Raises
    ------
    TableError
        If it cannot be made, for instance because a file has that name.
    """
    path = check_folder(path)
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise TableError(
            f"folder cannot be made: {error.strerror}", path=path, remedy="name another folder"
        ) from None
    return path


def write_table(table: pa.Table, path: str | Path) -> None:
    """Write a table as a whole or not at all.

    Parameters
    ----------
    table : pa.Table
        What to write.
    path : str or Path
        ``.jsonl`` or ``.ndjson`` (one object per line), ``.csv`` or ``.parquet``. JSON has no
        infinity and no NaN: there they are null.

    Raises
    ------
    TableError
        If the ending is not known or the file cannot be written; what was there before stays.
    """
    path = check_output(path)
    with replacing(path) as file:
        _WRITERS[path.suffix.lower()](table, file)


@contextmanager
def replacing(path: str | Path) -> Iterator[BinaryIO]:
    """Return a binary file that takes the place of ``path`` once it is complete.

    It is written beside the target, so that the last step is one rename. If anything fails it is
    removed, and what was there before stays.

    Raises
    ------
    TableError
        If the file cannot be created, written or put in place.
    """
    # A link keeps pointing where it points: its target is replaced, not the link.
    target = Path(path).resolve()
    beside = target.with_name(_scratch())
    try:
        with beside.open("xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        beside.replace(target)
    except OSError as error:
        raise TableError(
            f"cannot be written: {error.strerror or error}",
            path=path,
            remedy="check the folder's permissions and free space",
        ) from None
    finally:
        with suppress(OSError):  # after the rename there is nothing left to remove
            beside.unlink()


def _scratch() -> str:
    """Return the name of a file for a moment, short, so that it fits wherever the real one does."""
    return f".{secrets.token_hex(6)}.tmp"


def _status(path: Path) -> os.stat_result | None:
    """Look at a path; ``None`` where nothing is, an error where nothing can ever be."""
    try:
        return path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError) as error:  # ValueError: a null character in the path
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise TableError(
            f"cannot be written: {reason}", path=path, remedy="name another place"
        ) from None


def _same(path: Path, source: str | Path) -> bool:
    try:
        return path.samefile(source)
    except (OSError, ValueError):
        return False  # a source that is not there is told when it is read


def _try_writing(folder: Path, path: Path) -> None:
    beside = folder / _scratch()
    try:
        beside.touch(exist_ok=False)
        beside.unlink()
    except OSError as error:
        raise TableError(
            f"cannot be written: {error.strerror}", path=path, remedy="name another place"
        ) from None


def _write_jsonl(table: pa.Table, file: BinaryIO) -> None:
    for batch in table.to_batches(max_chunksize=4096):
        for row in batch.to_pylist():
            known = {name: None if _endless(value) else value for name, value in row.items()}
            file.write(json.dumps(known, ensure_ascii=False, allow_nan=False).encode() + b"\n")


def _endless(value: object) -> bool:
    return isinstance(value, float) and not math.isfinite(value)


def _write_csv(table: pa.Table, file: BinaryIO) -> None:
    pa_csv.write_csv(table, file)


def _write_parquet(table: pa.Table, file: BinaryIO) -> None:
    pq.write_table(table, file)


_WRITERS: dict[str, Callable[[pa.Table, BinaryIO], None]] = {
    ".jsonl": _write_jsonl,
    ".ndjson": _write_jsonl,
    ".csv": _write_csv,
    ".parquet": _write_parquet,
}

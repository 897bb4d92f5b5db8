"""Writing a whole file or nothing: a reader never sees half of it, a failure keeps the old one."""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from clear_opt.files.errors import TableError


def check_output(
    path: str | Path,
    *,
    source: str | Path | None = None,
    endings: Collection[str] | None = None,
) -> Path:
    """Refuse an output file that could not be written, before any work is done for it.

    Parameters
    ----------
    path
        The file to be written.
    source
        The input file, which must not be overwritten.
    endings
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
    if path.is_dir():
        raise TableError("is a folder", path=path, remedy="name a file in it")
    if not path.parent.is_dir():
        raise TableError(
            "cannot be written: its folder does not exist", path=path, remedy="create the folder"
        )
    if source is not None and path.exists() and Path(source).exists() and path.samefile(source):
        raise TableError("is the input itself", path=path, remedy="name another file")
    return path


def make_folder(path: str | Path) -> Path:
    """Make a folder for output, with those above it; an existing one is kept as it is.

    Raises
    ------
    TableError
        If it cannot be made, for instance because a file has that name.
    """
    path = Path(path)
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
    table
        What to write.
    path
        ``.jsonl`` or ``.ndjson`` (one object per line), ``.csv`` or ``.parquet``.

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
    """Give a binary file that takes the place of ``path`` once it is complete.

    It is written beside the target, so that the last step is one rename. If anything fails it is
    removed, and what was there before stays.

    Raises
    ------
    TableError
        If the file cannot be created, written or put in place.
    """
    # A link keeps pointing where it points: its target is replaced, not the link.
    target = Path(path).resolve()
    beside = target.with_name(f".{target.name}.{secrets.token_hex(4)}.tmp")
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


def _write_jsonl(table: pa.Table, file: BinaryIO) -> None:
    for batch in table.to_batches(max_chunksize=4096):
        for row in batch.to_pylist():
            file.write(json.dumps(row, ensure_ascii=False, allow_nan=False).encode() + b"\n")


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

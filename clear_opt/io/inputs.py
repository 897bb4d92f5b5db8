"""Input files: regular ones of a sane size only, so that reading never waits and always ends."""

from __future__ import annotations

import stat
from pathlib import Path

from clear_opt.io.errors import TableError

LARGEST = 2**31
"""Bytes of a text file that is read: Python holds its rows in several times as many."""

_KINDS = {
    stat.S_IFDIR: ("is a folder", "name the file in it"),
    stat.S_IFIFO: ("is a pipe, not a file", "write its content to a file first"),
    stat.S_IFSOCK: ("is a socket, not a file", "name a file"),
    stat.S_IFCHR: ("is a device, not a file", "name a file"),
    stat.S_IFBLK: ("is a device, not a file", "name a file"),
}


def check_input(path: str | Path) -> Path:
    """Return the path of a regular file, without opening it.

    Raises
    ------
    TableError
        If there is nothing, or something else: a folder, pipe, socket or device.
    """
    path = Path(path)
    try:
        mode = path.stat().st_mode
    except (OSError, ValueError) as error:  # ValueError: a null character in the path
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise TableError(f"cannot be read: {reason}", path=path, remedy="check the path") from None
    if not stat.S_ISREG(mode):
        problem, remedy = _KINDS.get(stat.S_IFMT(mode), ("is no file", "name a file"))
        raise TableError(problem, path=path, remedy=remedy)
    return path


def read_bytes(path: str | Path, *, largest: int = LARGEST) -> bytes:
    """Read a regular file as a whole.

    Parameters
    ----------
    path : str or Path
        The file.
    largest : int, optional
        Bytes beyond which it is refused, unread.

    Raises
    ------
    TableError
        If it is missing, no regular file, too large or cannot be read.
    """
    path = check_input(path)
    try:
        size = path.stat().st_size
        if size > largest:
            raise TableError(
                f"has {size:,} bytes, more than the {largest:,} that are read",
                path=path,
                remedy="check that it is the right file; large tables fit better into Parquet",
            )
        # Files in /proc have no size, and what the system makes up on reading may never end.
        return path.read_bytes() if size else b""
    except OSError as error:
        raise TableError(
            f"cannot be read: {error.strerror}", path=path, remedy="check its permissions"
        ) from None


def read_text(path: str | Path, *, largest: int = LARGEST) -> str:
    """Read a file of UTF-8 text, with or without a byte order mark.

    Raises
    ------
    TableError
        As `read_bytes`, and if it is no such text; the line is named.
    """
    data = read_bytes(path, largest=largest)
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise TableError(
            f"is not UTF-8 text (byte 0x{data[error.start]:02x})",
            path=path,
            location=f"line {line}",
            remedy="save the file as UTF-8",
        ) from None

"""The archive that skops writes, looked at before skops reads it: sizes, arrays, references."""

from __future__ import annotations

import io
import math
import zipfile
from typing import Any, NamedTuple

import numpy as np

from clear_opt.errors import InvalidInputError
from clear_opt.io import parse_json

LARGEST_STATE = 2**29
"""Bytes of a predictor, packed or unpacked: the one that ships with the package has 8 million."""

_SCHEMA = "schema.json"
_MOST_FILES = 100_000
_KINDS = "?biufcSUmM"  # of array elements that are plain values
_READ_AHEAD = 2**16  # bytes within which an array's header ends


def check_archive(content: bytes) -> None:
    """Check that an archive unpacks to what its size lets one expect.

    Parameters
    ----------
    content
        A zip file with a ``schema.json`` of nodes, and the arrays that they name.

    Raises
    ------
    InvalidInputError
        If it is no such file, unpacks to more than `LARGEST_STATE` bytes, holds an array of another
        size than its header says, or a node that holds itself.
    zipfile.BadZipFile
        If it is no zip file.
    """
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        _check_members(archive)
        if _SCHEMA not in archive.namelist():
            raise _unusable(f"has no {_SCHEMA}")
        schema = parse_json(archive.read(_SCHEMA).decode(), path=_SCHEMA)
        if not isinstance(schema, dict):
            raise _unusable(f"{_SCHEMA} is no object")
        _check_nodes(schema)
        _check_arrays(archive)


def _check_members(archive: zipfile.ZipFile) -> None:
    members = archive.infolist()
    names = {member.filename for member in members}
    if len(members) > _MOST_FILES or len(names) < len(members):
        raise _unusable(f"has more than {_MOST_FILES:,} files, or two of one name")
    if any(m.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED) for m in members):
        raise _unusable("is packed in a way that is not used here")
    unpacked = sum(member.file_size for member in members)
    if unpacked > LARGEST_STATE:
        raise _unusable(
            f"unpacks to {unpacked:,} bytes, more than the {LARGEST_STATE:,} that are read"
        )


def _check_arrays(archive: zipfile.ZipFile, *, within: bool = False) -> None:
    """Check whatever NumPy would take for an array, or for an archive of some, as sparse ones."""
    for member in archive.infolist():
        with archive.open(member) as file:
            start = file.read(_READ_AHEAD)
        if start.startswith(np.lib.format.MAGIC_PREFIX):
            _check_array(start, member)
        elif start.startswith(b"PK") and not within:
            with zipfile.ZipFile(io.BytesIO(archive.read(member))) as arrays:
                _check_members(arrays)
                _check_arrays(arrays, within=True)


def _check_array(start: bytes, member: zipfile.ZipInfo) -> None:
    """Check that an array in NumPy's format has as many elements as its file has room for."""
    file = io.BytesIO(start)
    version = np.lib.format.read_magic(file)
    read = {
        (1, 0): np.lib.format.read_array_header_1_0,
        (2, 0): np.lib.format.read_array_header_2_0,
    }.get(version)
    if read is None:
        raise _unusable(f"{member.filename} has version {version} of NumPy's format")
    shape, _, dtype = read(file)
    if dtype.kind not in _KINDS or (dtype.itemsize == 0 and math.prod(shape) > 0):
        raise _unusable(f"{member.filename} holds {dtype}, no numbers or text")
    size = math.prod(shape) * dtype.itemsize
    held = member.file_size - file.tell()
    if size != held:
        raise _unusable(f"{member.filename} has {held:,} bytes for an array of {shape}")


class _Subtree(NamedTuple):
    """How much lies in an object or list, with itself."""

    nodes: int
    """Objects and lists, references followed."""
    written: int
    """Those that the file itself spells out."""


def _check_nodes(schema: dict[str, Any]) -> None:
    """Check that no node holds itself, and that references do not multiply what is written."""
    whole = _subtree(schema, {}, set())
    if whole.nodes > 2 * whole.written:
        raise _unusable("its nodes refer to each other over and over")


def _subtree(value: dict[str, Any] | list[Any], known: dict[int, int], above: set[int]) -> _Subtree:
    """Count the objects and lists in one; skops reads some of them as nodes."""
    name = value.get("__id__") if isinstance(value, dict) else None
    if name is not None:
        if not isinstance(name, int):
            raise _unusable(f"names a node {name!r}")
        if name in above:
            raise _unusable(f"node {name} holds itself")
        above.add(name)
    nodes = written = 1
    for part in value.values() if isinstance(value, dict) else value:
        if isinstance(part, dict | list):
            found = _subtree(part, known, above)
            nodes, written = nodes + found.nodes, written + found.written
    if name is not None:
        above.remove(name)
        # A node of a name met before is that one, whatever is written here.
        nodes = known.setdefault(name, nodes)
    return _Subtree(nodes, written)


def _unusable(problem: str) -> InvalidInputError:
    return InvalidInputError(problem, column="predictor.skops")

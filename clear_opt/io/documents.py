"""JSON and TOML, strictly: no key twice, no nesting without end, no number that is lost."""

from __future__ import annotations

import json
import math
import re
import tomllib
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from clear_opt.io.errors import TableError
from clear_opt.io.inputs import read_text

DEEPEST = 100
"""Levels of lists and objects: results and logs nest about ten deep."""

LARGEST_DOCUMENT = 2**26
"""Bytes of a JSON or TOML file: an index of a million queries has a third of it."""

_MEND = "mend it there, or write the file anew"
_KEY = r"""(?:[\w-]+|"[^"\n]*"|'[^'\n]*')"""
# tomllib's time grows with the square of a dotted key's parts, so that a long one must not reach it
_LONG_KEY = re.compile(rf"""(?<![\w"'-])(?:{_KEY}[ \t]*\.[ \t]*){{{DEEPEST}}}""")
_TOML_LINE = re.compile(r" \(at line (\d+), column \d+\)")


class _RefusedError(ValueError):
    """What the parser itself would accept."""


def parse_json(text: str, *, path: str | Path, location: str = "", remedy: str = _MEND) -> Any:
    """Return the value of a JSON text.

    Parameters
    ----------
    text : str
        The text; ``NaN`` and ``Infinity`` are read as Python's own writer spells them.
    path, location
        Where it stands, for messages.
    remedy : str, optional
        What to do about a text that is no JSON.

    Raises
    ------
    TableError
        If it is not JSON, an object has a key twice, lists and objects nest more than `DEEPEST`
        deep, or a number is beyond float64 or has more digits than Python reads.
    """

    def parse() -> Any:
        return json.loads(text, object_pairs_hook=_object, parse_float=_float)

    return _parsed(parse, "JSON", text, path, location, remedy)


def parse_toml(text: str, *, path: str | Path) -> dict[str, Any]:
    """Return the tables of a TOML text.

    Raises
    ------
    TableError
        As `parse_json`; the line is named.
    """

    def parse() -> dict[str, Any]:
        if _LONG_KEY.search(text):
            raise RecursionError
        # With a last line break even an error in the last line is told with its number.
        return tomllib.loads(f"{text}\n", parse_float=_float)

    return _parsed(parse, "TOML", text, path, "", _MEND)


def read_json(path: str | Path) -> Any:
    """Read a JSON file: see `parse_json`.

    Raises
    ------
    TableError
        As `parse_json`, and if there is no regular file of UTF-8 text and of a sane size.
    """
    return parse_json(read_text(path, largest=LARGEST_DOCUMENT), path=path)


def read_toml(path: str | Path) -> dict[str, Any]:
    """Read a TOML file: see `parse_toml`.

    Raises
    ------
    TableError
        As `parse_toml`, and if there is no regular file of UTF-8 text and of a sane size.
    """
    return parse_toml(read_text(path, largest=LARGEST_DOCUMENT), path=path)


def _parsed(
    parse: Callable[[], Any], kind: str, text: str, path: str | Path, location: str, remedy: str
) -> Any:
    try:
        value = parse()
        _check_depth(value, text)
    except RecursionError:
        raise TableError(
            f"is not usable {kind}: it nests more than {DEEPEST} levels deep",
            path=path,
            location=location,
            remedy="write the file anew, flatter",
        ) from None
    except _RefusedError as error:
        raise TableError(str(error), path=path, location=location, remedy=_MEND) from None
    except ValueError as error:
        location, detail = _located(error, text, location)
        raise TableError(
            f"is not {kind}: {detail}", path=path, location=location, remedy=remedy
        ) from None
    return value


def _check_depth(value: Any, text: str) -> None:
    """Raise `RecursionError` where lists and objects nest too deep, without recursion."""
    if text.count("[") + text.count("{") + text.count(".") <= DEEPEST:
        return
    level = [value]
    for _ in range(DEEPEST):
        level = [
            child
            for each in level
            if isinstance(each, (dict, list))
            for child in (each.values() if isinstance(each, dict) else each)
        ]
        if not level:
            return
    raise RecursionError


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) < len(pairs):
        ((twice, _),) = Counter(name for name, _ in pairs).most_common(1)
        raise _RefusedError(f"has the key {twice!r} twice in one object")
    return values


def _float(number: str) -> float:
    value = float(number)
    if math.isinf(value) and "inf" not in number:
        raise _RefusedError(f"holds a number beyond float64: {number[:40]}")
    return value


def _located(error: ValueError, text: str, location: str) -> tuple[str, str]:
    """Return the location of an error, and what it is."""
    if isinstance(error, json.JSONDecodeError):
        if location or "\n" not in text:
            # The parser counts lines within this text: where it is one line, the column will do.
            return location, f"{error.msg} at column {error.colno}"
        return f"line {error.lineno}", f"{error.msg} at column {error.colno}"
    message = str(error)
    if "set_int_max_str_digits" in message:
        return location, "a whole number has more digits than can be read"
    if found := _TOML_LINE.search(message):
        number = int(found[1])
        line = " ".join(text.split("\n")[number - 1].split())
        return f"line {number}", f"{message[: found.start()]} ({line[:60]})"
    return location, message

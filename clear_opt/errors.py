"""The errors clear_opt raises: one base class, every message with its place and its remedy."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from typing import Any

__all__ = [
    "ClearOptError",
    "InfeasibleError",
    "InvalidInputError",
    "MissingExtraError",
    "SolverError",
]


class ClearOptError(Exception):
    """Base class of every error clear_opt raises on purpose.

    Errors of any subclass, whatever it is made from, can be copied and sent to another process with
    all their attributes. An attribute that cannot be sent arrives as its ``repr``.

    Examples
    --------
    >>> import pickle
    >>> pickle.loads(pickle.dumps(MissingExtraError("pyarrow", "tables")))
    MissingExtraError("this needs pyarrow: pip install 'clear-opt[tables]'")
    """

    # BaseException would call the class with the message alone, which fits few signatures.
    def __reduce__(self) -> tuple[Any, ...]:
        """Return what pickle rebuilds the error from."""
        return _received, (type(self), *_each(_sent, self.args, vars(self)))

    def __copy__(self) -> ClearOptError:
        """Return an error with the same attributes."""
        return _rebuilt(type(self), self.args, vars(self))

    def __deepcopy__(self, memo: dict[int, Any]) -> ClearOptError:
        """Return an error with copies of the attributes; one that cannot be copied is shared."""
        return _rebuilt(
            type(self), *_each(lambda value: _copied(value, memo), self.args, vars(self))
        )


def _rebuilt(
    kind: type[ClearOptError], args: tuple[Any, ...], own: dict[str, Any]
) -> ClearOptError:
    """Make an error anew from its message and attributes, whatever its constructor takes."""
    error = kind.__new__(kind, *args)
    super(ClearOptError, error).__init__(*args)
    vars(error).update(own)
    return error


def _received(
    kind: type[ClearOptError], args: tuple[bytes, ...], own: dict[str, bytes]
) -> ClearOptError:
    return _rebuilt(kind, *_each(pickle.loads, args, own))


def _each(
    change: Callable[[Any], Any], args: tuple[Any, ...], own: dict[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    return tuple(map(change, args)), {name: change(value) for name, value in own.items()}


def _sent(value: Any) -> bytes:
    try:
        content = pickle.dumps(value)
        pickle.loads(content)
    except Exception:  # a foreign object may raise anything there
        return pickle.dumps(repr(value))
    return content


def _copied(value: Any, memo: dict[int, Any]) -> Any:
    try:
        return copy.deepcopy(value, memo)
    except Exception:
        return value


class InvalidInputError(ClearOptError, ValueError):
    """A value that cannot be used, named by row, column and value, with what to do about it.

    Parameters
    ----------
    problem
        What is wrong, e.g. ``"must be positive"``.
    column
        The parameter or column that holds the value.
    row
        Zero-based index of the query, or ``None`` where the value is no array.
    value
        The offending value.
    remedy
        What the caller can do.

    Examples
    --------
    >>> print(InvalidInputError("must be positive", column="beta", row=3, value=-1.0))
    row 3, beta = -1.0: must be positive
    """

    def __init__(
        self,
        problem: str,
        *,
        column: str | None = None,
        row: int | None = None,
        value: object = None,
        remedy: str = "",
    ) -> None:
        self.problem, self.remedy = problem, remedy
        self.column, self.row, self.value = column, row, value
        place = ", ".join(
            part
            for part in (
                f"row {row}" if row is not None else "",
                f"{column} = {value}" if column is not None and value is not None else column or "",
            )
            if part
        )
        message = f"{place}: {problem}" if place else problem
        super().__init__(f"{message}; {remedy}" if remedy else message)


class InfeasibleError(ClearOptError):
    """No allocation satisfies the constraints; the message names the numbers that conflict."""


class SolverError(ClearOptError):
    """A solver stopped without an answer it can vouch for; the message says what to try."""


class MissingExtraError(ClearOptError, ImportError):
    """An optional dependency is not installed; the message names the extra that brings it."""

    def __init__(self, package: str, extra: str) -> None:
        self.package, self.extra = package, extra
        super().__init__(f"this needs {package}: pip install 'clear-opt[{extra}]'")

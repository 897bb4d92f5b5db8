"""The errors clear_opt raises: one base class, every message with its place and its remedy."""

from __future__ import annotations


class ClearOptError(Exception):
    """Base class of every error clear_opt raises on purpose."""


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
        super().__init__(f"this needs {package}: pip install 'clear-opt[{extra}]'")

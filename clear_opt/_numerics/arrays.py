"""Arrays as the package takes and keeps them: real numbers, in float64, that nobody can change."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from numbers import Real
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from clear_opt._numerics.precision import own_settings
from clear_opt.errors import InvalidInputError

_NAMED_BY_ENTRY = "Oc"  # objects, text among them, and complex numbers
_TIMES = "Mm"


def as_numbers(values: Any, column: str) -> np.ndarray:
    """Return real numbers as a float64 array, which may be the caller's own.

    Parameters
    ----------
    values : array-like
        A number, or an array, sequence or column of numbers, of any shape. NumPy's and JAX's arrays
        of every width will do, and booleans count as 0 and 1.
    column : str
        Name the user knows the values by.

    Raises
    ------
    InvalidInputError
        For what is no real number or beyond float64: text, dates, complex numbers, missing and
        masked entries, and what a JAX transformation is passing through. It names the row.
    """
    return _as_float64(as_array(values, column), column)


def as_number(value: Any, column: str) -> float:
    """Return one real number as a float; errors as for `as_numbers`."""
    number = as_numbers(value, column)
    if number.ndim:
        raise InvalidInputError(
            f"has shape {number.shape}", column=column, remedy="give one number"
        )
    return float(number)


def own_numbers(values: Any, column: str) -> np.ndarray:
    """Return what `as_numbers` gives as an array that nobody can change.

    It is a copy, unless NumPy lets nobody write to the caller's array: an array of millions that
    was set read-only (``array.flags.writeable = False``) is shared.
    """
    if type(values) is np.ndarray and values.dtype == np.float64:
        return own(values)
    if type(values) is float:
        return read_only(np.array(values))
    read = as_array(values, column)
    numbers = _as_float64(read, column)
    fresh = numbers is not read or isinstance(values, list | tuple | int | float)
    return read_only(numbers) if fresh else own(numbers)


def own(array: np.ndarray) -> np.ndarray:
    """Return an array that nobody can change: itself where nobody can, else a copy.

    One entry that is repeated by a stride of zero stays one entry in memory.
    """
    if not _can_be_changed(array):
        return array
    if is_repeated(array):
        return np.broadcast_to(read_only(array[:1].copy()), array.shape)
    return read_only(array.copy())


def read_only(array: np.ndarray) -> np.ndarray:
    """Make an array that nobody else holds read-only, and give it back."""
    array.flags.writeable = False
    return array


def show_read_only(result: Any) -> None:
    """Put read-only views in the place of a frozen dataclass's arrays."""
    for name, value in vars(result).items():
        if isinstance(value, np.ndarray):
            object.__setattr__(result, name, read_only(value.view()))


def once(array: np.ndarray) -> np.ndarray:
    """Return the one entry, shape (1,), of an array that repeats it; any other as it is."""
    return array[:1] if is_repeated(array) else array


def is_repeated(array: np.ndarray) -> bool:
    """Return whether an array is one entry, repeated by a stride of zero."""
    return array.ndim > 0 and len(array) > 1 and array.strides[0] == 0


def per_query(column: str, values: Any, n: int) -> np.ndarray:
    """Read a number, or one number per query, as a read-only array of shape (n,).

    One number for all queries stays one number in memory: a view with a stride of zero.

    Raises
    ------
    InvalidInputError
        As `as_numbers`, or if there are neither one nor n numbers.
    """
    return repeated(column, own_numbers(values, column), n)


def one_or_each(column: str, values: Any, n: int) -> np.ndarray:
    """Read what `per_query` does as an array of shape (n,), or (1,) for one number for all."""
    numbers = np.atleast_1d(own_numbers(values, column))
    if numbers.shape not in ((1,), (n,)):
        repeated(column, numbers, n)
    return once(numbers)


def repeated(column: str, numbers: np.ndarray, n: int) -> np.ndarray:
    """Return one number, or n of them, as an array of shape (n,)."""
    if numbers.shape == (n,):
        return numbers
    try:
        return np.broadcast_to(numbers, (n,))
    except ValueError:
        raise InvalidInputError(
            f"cannot be read as {n} numbers",
            column=column,
            remedy="give a number, or one number per query",
        ) from None


def on_host(values: jax.Array) -> np.ndarray:
    """Return a JAX array, whose numbers are known, as NumPy's, of the same type."""
    with own_settings():
        return np.asarray(jax.device_get(values))


def refuse_missing(values: np.ndarray, column: str) -> None:
    """Refuse the first NaN of an array of numbers."""
    missing = np.isnan(values)
    if missing.any():
        row = int(np.argwhere(missing)[0][0]) if values.ndim else None
        raise InvalidInputError("is NaN", column=column, row=row, remedy="give a number")


def refuse_traced(parts: Iterable[Any], column: str) -> None:
    """Refuse arrays or numbers if a JAX transformation is passing through one of them."""
    if any(isinstance(part, Tracer) for part in parts):
        raise InvalidInputError(
            "is traced by JAX, so that its numbers are not known yet",
            column=column,
            remedy="call this outside jit, grad and vmap; inside them use optimal_value",
        )


def _can_be_changed(array: Any) -> bool:
    while isinstance(array, np.ndarray):
        if array.flags.writeable:
            return True
        array = array.base
    return False


def parts_of(values: Any) -> list[Any]:
    """Return what a list, or a list of lists, is made of; anything else is one part."""
    return jax.tree_util.tree_leaves(values) if isinstance(values, list | tuple) else [values]


def as_array(values: Any, column: str) -> np.ndarray:
    """Return an array of what was given; whether it holds numbers is another question.

    Raises
    ------
    InvalidInputError
        If entries are masked, traced by JAX, or of different lengths.
    """
    parts = parts_of(values)
    refuse_traced(parts, column)
    for part in parts:
        if isinstance(part, np.ma.MaskedArray) and np.ma.is_masked(part):
            row = int(np.argwhere(np.ma.getmaskarray(part))[0][0]) if part is values else None
            raise InvalidInputError(
                "is masked", column=column, row=row, remedy="fill it, or leave the query out"
            )
    try:
        read = on_host(values) if isinstance(values, jax.Array) else np.asarray(values)
        # Numbers in a list with text become text: which entry is none can be told only before.
        return np.asarray(values, dtype=object) if read.dtype.kind in "SUT" else read
    except (TypeError, ValueError, OverflowError):
        raise InvalidInputError(
            "is not a rectangular array of numbers",
            column=column,
            remedy="give every query one number, or the same number of points",
        ) from None


def _as_float64(read: np.ndarray, column: str) -> np.ndarray:
    kind = read.dtype.kind
    if kind in _NAMED_BY_ENTRY:
        return _from_objects(read, column)
    if not (kind in "fiub" or jnp.issubdtype(read.dtype, jnp.floating)):
        what = "holds dates or spans of time" if kind in _TIMES else f"is of the type {read.dtype}"
        raise InvalidInputError(what, column=column, remedy="give real numbers")
    with np.errstate(over="ignore"):
        numbers = read.astype(np.float64, copy=False)
    if read.dtype.itemsize > numbers.dtype.itemsize:
        beyond = np.argwhere(np.isinf(numbers) & np.isfinite(read))
        if len(beyond):
            raise _beyond(column, beyond[0])
    return numbers


def _from_objects(read: np.ndarray, column: str) -> np.ndarray:
    numbers = np.empty(read.shape)
    for place in np.ndindex(read.shape):
        value = read[place]
        if not isinstance(value, Real | Decimal | np.bool_):
            raise InvalidInputError(
                f"is not a number but {type(value).__name__}",
                column=column,
                row=place[0] if place else None,
                value=str(value),
                remedy="give real numbers, and leave out queries whose number is missing",
            )
        try:
            numbers[place] = float(value)
        except OverflowError:
            raise _beyond(column, place) from None
    return numbers


def _beyond(column: str, place: Any) -> InvalidInputError:
    return InvalidInputError(
        "lies beyond the range of float64",
        column=column,
        row=int(place[0]) if len(place) else None,
        remedy="give numbers below 1.8e308",
    )

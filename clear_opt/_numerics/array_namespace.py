"""Small numerical pieces that run on NumPy and on JAX alike."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from clear_opt._numerics.arrays import own_numbers, parts_of, read_only
from clear_opt.errors import InvalidInputError

_Function = TypeVar("_Function", bound=Callable[..., Any])

Array = Any
"""A NumPy or a JAX array (JAX tracers included)."""


def namespace(*values: Array) -> Any:
    """Return ``jax.numpy`` if any of the values is a JAX array, else ``numpy``.

    Formulas written against the returned module run uncompiled on NumPy arrays (no cost per
    shape) and can be traced, differentiated and compiled on JAX arrays.
    """
    for value in values:
        if type(value) is not np.ndarray and isinstance(value, jax.Array):
            return jnp
    return np


def is_traced(value: Array) -> bool:
    """Return whether a JAX transformation passes through: its numbers cannot be looked at."""
    return isinstance(value, Tracer)


def saturating(function: _Function) -> _Function:
    """Let numbers beyond float64's range become zero or infinite in a function, without a warning.

    That is what its formulas tend to: a query of next to no weight sees an infinite price.
    """
    return np.errstate(over="ignore", under="ignore")(function)


def chosen(array: Array, rows: Any) -> Array:
    """Return the entries ``rows``, an index array, list, mask or slice, of an array's leading axis.

    JAX by itself takes no lists, and the last entry where an index is out of range.
    """
    if namespace(array) is np and (isinstance(rows, np.ndarray | slice) or not is_traced(rows)):
        part = array[rows]
        return part if isinstance(rows, slice) else read_only(part)  # a copy nobody else holds
    known = not (is_traced(rows) or isinstance(rows, slice))
    return jnp.asarray(array)[np.arange(len(array))[rows] if known else rows]


def numbers_or_traced(values: Any, column: str) -> Array:
    """Return known numbers as `own_numbers` does, and as JAX's floats what is traced.

    Raises
    ------
    InvalidInputError
        Naming the column, and the row where it is known.
    """
    if not any(map(is_traced, parts_of(values))):
        return own_numbers(values, column)
    array = jnp.asarray(values)
    if jnp.issubdtype(array.dtype, jnp.complexfloating):
        raise InvalidInputError("holds complex numbers", column=column, remedy="give real numbers")
    return array if jnp.issubdtype(array.dtype, jnp.floating) else array.astype(float)


def as_one_kind(*arrays: Array) -> tuple[Array, ...]:
    """Return JAX arrays if one of them is, so that formulas need to ask one of them only.

    Known numbers stay known, even inside a transformation.
    """
    if namespace(*arrays) is np:
        return arrays
    with jax.ensure_compile_time_eval():
        return tuple(a if isinstance(a, jax.Array) else jnp.asarray(a) for a in arrays)


def select(condition: Array, chosen: Array, other: Array, safe: Array, formula: Callable) -> Array:
    """Evaluate ``formula`` on ``chosen`` where the condition holds, else give ``other``.

    Where it does not hold the formula sees ``safe`` instead, so that neither NumPy warns nor a
    JAX gradient becomes NaN on the branch not taken.
    """
    xp = namespace(condition, chosen, other)
    return xp.where(condition, formula(xp.where(condition, chosen, safe)), other)


def logistic(v: Array) -> Array:
    """Return 1 / (1 + exp(-v)) without overflow, any shape."""
    xp = namespace(v)
    tail = xp.exp(-xp.abs(v))
    return xp.where(v >= 0, 1.0, tail) / (1.0 + tail)


def repeat(step: Callable, state: Any, times: int, *arrays: Array) -> Any:
    """Apply ``state = step(state)`` a number of times, in one XLA loop where traced.

    On NumPy arrays it ends once a step changes nothing: further ones would not either.
    """
    if namespace(*arrays) is np:
        for _ in range(times):
            before, state = state, step(state)
            if all(map(np.array_equal, before, state)):
                break
        return state
    return jax.lax.fori_loop(0, times, lambda _, current: step(current), state)

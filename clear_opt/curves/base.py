"""What every utility family shares: the interface and validation."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from clear_opt._numerics.array_namespace import (
    Array,
    as_one_kind,
    is_traced,
    namespace,
    numbers_or_traced,
)
from clear_opt._numerics.batched import STATIC as STATIC
from clear_opt._numerics.batched import PerQuery, array_fields
from clear_opt.errors import InvalidInputError

_LAST_DIGITS = 1e-6  # by which a height rebuilt from parameters in 32 bits may exceed 1


@dataclass(frozen=True, eq=False)
class Curve(PerQuery, ABC):
    """One utility curve per query: the chance of a right answer within a cap of ``b`` tokens.

    A family is zero or convex up to ``threshold`` and concave from there to ``peak``; this is all
    that envelopes and solvers rely on. Every family also has a ``height``, its greatest value.
    Arrays have a leading query axis, shape (n,); caps and thresholds are in tokens, prices and
    marginals in success per token.

    Subclasses are frozen dataclasses. They become JAX pytrees when they are defined: their array
    fields are leaves, fields with ``metadata=STATIC`` are not. What is known where a curve is built
    is checked, and kept as float64 NumPy arrays that nobody can change; what a JAX transformation
    is passing through is taken as it is.
    """

    @abstractmethod
    def value(self, tokens: Array) -> Array:
        """Return U(b), a probability, at caps ``tokens`` of shape (n,) or a scalar."""

    @abstractmethod
    def marginal(self, tokens: Array) -> Array:
        """Return the right derivative U'(b), success per token, at ``tokens``: (n,) or scalar."""

    @abstractmethod
    def response(self, price: Array) -> Array:
        """Return the caps between threshold and peak that maximise U(b) - price * b.

        ``price`` is success per token, a scalar or of shape (n,), at least zero. The largest
        maximiser, tokens, shape (n,). Whether the query pays its way at all is the envelope's
        question (``clear_opt.envelopes.concave``).
        """

    @abstractmethod
    def tangent(self, start: Array) -> Array:
        """Return the caps at which the chord from (start, U(start)) touches the curve, tokens (n,).

        Where the curve is concave from ``start`` on, the answer is ``start`` itself.
        """

    def line_below(
        self, left: Array, right: Array, at_left: Array, at_right: Array
    ) -> tuple[Array, Array]:
        """Return the ends of a line that stays below the curve between two caps, shape (n,) each.

        Where the curve is concave between them it is the chord, further below the threshold the
        tangent at ``left``. Past its peak a curve is taken to rise no more.

        Parameters
        ----------
        left, right : array, shape (n,)
            Caps, tokens.
        at_left, at_right : array, shape (n,)
            The curve's values there.
        """
        xp = namespace(self.threshold, left, right)
        tangent = at_left + self.marginal(left) * (right - left)
        at_right = xp.where(left < self.threshold, xp.minimum(at_right, tangent), at_right)
        return xp.minimum(at_left, at_right), at_right

    @property
    @abstractmethod
    def threshold(self) -> Array:
        """Emergence threshold (or inflection point) in tokens, shape (n,): concave from here."""

    @property
    @abstractmethod
    def peak(self) -> Array:
        """Smallest cap with the greatest value (in float64), tokens, shape (n,)."""

    @property
    def saturates(self) -> bool:
        """Whether the curve approaches its height without end, so that its peak is rounding's."""
        return False

    @property
    def piecewise_linear(self) -> bool:
        """Whether the curve is straight between its `corners`."""
        return False

    @property
    def corners(self) -> Array:
        """Caps at which the slope may jump before the peak, tokens, shape (n, k)."""
        return self.threshold[:, None]


def broadcast_fields(curve: PerQuery) -> None:
    """Broadcast the array fields of curves (or lengths) being built to one shape (n,).

    For ``__post_init__``: afterwards the fields are float64 arrays that nobody can change.

    Parameters
    ----------
    curve : Curve or Lengths
        What is being built; its fields are replaced.

    Raises
    ------
    InvalidInputError
        Naming the field, and the row where there is one.
    """
    names = array_fields(type(curve))
    for name, value in broadcast_parameters({name: getattr(curve, name) for name in names}).items():
        object.__setattr__(curve, name, value)


def broadcast_parameters(given: Mapping[str, Any]) -> dict[str, Array]:
    """Return parameters, by name, as float64 arrays of one shape (n,) that nobody can change.

    They are NumPy's, whatever was given. Only if a JAX transformation is passing through one of
    them do all become JAX arrays, so that curves can be built inside the transformation.
    """
    read = {name: numbers_or_traced(value, name) for name, value in given.items()}
    read = {name: namespace(value).atleast_1d(value) for name, value in read.items()}
    for name, value in read.items():
        if value.ndim != 1:
            raise InvalidInputError(
                f"has shape {value.shape}",
                column=name,
                remedy="give one value per query, shape (n,)",
            )
    try:
        shape = np.broadcast_shapes(*(value.shape for value in read.values()))
    except ValueError:
        shapes = ", ".join(f"{name} {value.shape}" for name, value in read.items())
        raise InvalidInputError(
            f"the parameters have different lengths: {shapes}",
            remedy="give each one value per query, or a scalar",
        ) from None
    values = (
        value if value.shape == shape else namespace(value).broadcast_to(value, shape)
        for value in read.values()
    )
    return dict(zip(read, as_one_kind(*values), strict=True))


def require(column: str, values: Any, accepted: Any, problem: str, remedy: str) -> None:
    """Refuse the first row that is not ``accepted``; leave JAX tracers alone.

    Parameters
    ----------
    column : str
        Name by which the user knows the values.
    values : array, shape (n,) or (n, m)
        What to check.
    accepted : callable
        Function from values to a boolean array of the same shape; NaN and infinity are refused
        whatever it returns.
    problem, remedy : str
        Text of the message.

    Raises
    ------
    InvalidInputError
        Naming the row, the column and the value.
    """
    if is_traced(values):
        return
    concrete = np.asarray(values)
    with np.errstate(invalid="ignore"):
        wrong = ~(np.isfinite(concrete) & accepted(concrete))
    if wrong.any():
        where = tuple(int(i) for i in np.argwhere(wrong)[0])
        raise InvalidInputError(
            problem, column=column, row=where[0], value=float(concrete[where]), remedy=remedy
        )


def require_height(height: Any, remedy: str = "give a probability") -> None:
    """Refuse the first height, of an array of shape (n,), that is no probability above zero."""
    require("height", height, is_height, "lies outside (0, 1]", remedy)


def is_height(values: np.ndarray) -> np.ndarray:
    """Return which are probabilities above zero, but for the last digits of 32 bits."""
    return (values > 0) & (values <= 1 + _LAST_DIGITS)

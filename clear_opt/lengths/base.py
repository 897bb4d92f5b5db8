"""What every family of completion lengths shares."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import jax
import jax.scipy.special
import numpy as np
import scipy.special

from clear_opt._numerics.array_namespace import Array, namespace
from clear_opt._numerics.batched import PerQuery
from clear_opt.errors import InvalidInputError


@dataclass(frozen=True, eq=False, repr=False)
class Lengths(PerQuery, ABC):
    """One distribution of the completion length L per query, tokens.

    A cap of b tokens stops a generation that would be longer, so what it spends is min(L, b). The
    expected spend rises in the cap and is concave: its slope is the survival function.

    Caps ``tokens`` are a scalar, of shape (n,), or of shape (n, m) for m caps per query; zero and
    infinity are allowed. Answers have shape (n,) or (n, m).
    """

    @abstractmethod
    def survival(self, tokens: Array) -> Array:
        """Return P(L > b), shape (n,) or (n, m): how likely a cap of b tokens stops the answer."""

    @abstractmethod
    def expected_spend(self, tokens: Array) -> Array:
        """Return E min(L, b), tokens, shape (n,) or (n, m); the mean length at an infinite cap."""

    @abstractmethod
    def spend_variance(self, tokens: Array) -> Array:
        """Return Var min(L, b), squared tokens, shape (n,) or (n, m)."""

    @property
    def mean(self) -> Array:
        """Mean completion length without a cap, tokens, shape (n,); infinite where it has none."""
        return self.expected_spend(np.inf)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(n={len(self)})"


def aligned(lengths: Lengths, tokens: Array, *parameters: Array) -> tuple[Any, ...]:
    """Bring caps and parameters to shapes that broadcast.

    Parameters
    ----------
    lengths : Lengths
        Of n queries.
    tokens : array-like, scalar or shape (n,) or (n, m)
        Caps; negative ones count as zero.
    parameters : arrays, shape (n,)
        Of ``lengths``.

    Returns
    -------
    tuple
        The namespace, the caps of shape (n,) or (n, m), and the parameters of shape (n,) or (n, 1).

    Raises
    ------
    InvalidInputError
        If the caps have another shape.
    """
    xp = namespace(tokens, *jax.tree_util.tree_leaves((lengths, parameters)))
    tokens = xp.maximum(xp.asarray(tokens, dtype=float), 0.0)
    n = len(lengths)
    if tokens.ndim > 2 or (tokens.ndim > 0 and tokens.shape[0] != n):
        raise InvalidInputError(
            f"has shape {tokens.shape}",
            column="tokens",
            remedy=f"give one cap, one per query ({n},) or several per query ({n}, m)",
        )
    if tokens.ndim == 2:
        return xp, tokens, *(parameter[:, None] for parameter in parameters)
    return xp, tokens + xp.zeros(n), *parameters


def special(xp: Any) -> ModuleType:
    """Return SciPy's special functions for NumPy, JAX's for ``jax.numpy``."""
    return scipy.special if xp is np else jax.scipy.special

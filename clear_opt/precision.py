"""Double precision for the package's own computations, whatever the user's JAX configuration."""

from __future__ import annotations

from contextlib import AbstractContextManager

import jax


def double_precision() -> AbstractContextManager:
    """Give a context in which JAX computes in float64; on leaving it the user's setting is back.

    Examples
    --------
    >>> import jax.numpy as jnp
    >>> with double_precision():
    ...     print(jnp.ones(1).dtype)
    float64
    """
    return jax.enable_x64(True)

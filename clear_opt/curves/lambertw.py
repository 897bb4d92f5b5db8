"""The principal branch of the Lambert W function on [0, e], where a price search needs it.

JAX has none. On this range W runs over [0, 1] and is well conditioned: log(1 + x) as a start and
three Halley steps reach machine precision (tested against ``scipy.special.lambertw``).
"""

from __future__ import annotations

import jax
import jax.numpy as jnp

from clear_opt.curves.numerics import Array, namespace


def lambertw0(x: Array) -> Array:
    """Solve ``w * exp(w) = x`` for w in [0, 1].

    Parameters
    ----------
    x
        Array with values in [0, e], any shape, dimensionless.

    Returns
    -------
    Array of the same shape, values in [0, 1].

    Examples
    --------
    >>> import numpy as np
    >>> round(float(lambertw0(np.e)), 15)
    1.0
    """
    return _lambertw0_jax(x) if namespace(x) is jnp else _halley(x)


def _halley(x: Array) -> Array:
    xp = namespace(x)
    w = xp.log1p(x)
    for _ in range(3):
        grown = xp.exp(w)
        error = w * grown - x
        w = w - error / (grown * (w + 1.0) - 0.5 * (w + 2.0) * error / (w + 1.0))
    return w


@jax.custom_jvp
def _lambertw0_jax(x: jax.Array) -> jax.Array:
    return _halley(x)


@_lambertw0_jax.defjvp
def _lambertw0_jvp(
    primals: tuple[jax.Array], tangents: tuple[jax.Array]
) -> tuple[jax.Array, jax.Array]:
    # dW/dx = exp(-W) / (1 + W), finite at x = 0 where W / (x (1 + W)) is not.
    w = _lambertw0_jax(primals[0])
    return w, jnp.exp(-w) / (1.0 + w) * tangents[0]

"""The principal branch of the Lambert W function on [0, e], where a price search needs it.

JAX has none. W is analytic in v = sqrt(1 + e x) - 1, on this range of x a short stretch of v
without a singularity, so that one rational function of degree six over six gives it to rounding:
no exponential, no iteration, one division. Its coefficients interpolate W(x) / x at the Chebyshev
nodes of that stretch, solved for in 60 digits; its error is 4e-17, to which rounding adds up to
four units in the last place (tested against ``scipy.special.lambertw``).
"""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp
import numpy as np

from clear_opt._numerics.array_namespace import Array, namespace

_TOP = (
    1.0,
    0.9704884705503062,
    0.319626517134273,
    0.04137754010879204,
    0.0017721519760529841,
    7.820065717072171e-06,
    -5.2486324512323466e-08,
)
"""Coefficients of the numerator, constant first."""

_BOTTOM = (
    1.0,
    1.706247352893198,
    1.130880904251016,
    0.3657461460772412,
    0.05924612436993615,
    0.004373130308915189,
    0.00010740215294054357,
)
"""Coefficients of the denominator, constant first."""

_BOTH = np.array([_TOP, _BOTTOM])
_CACHED = 2048  # points whose powers stay in the processor's cache


def lambertw0(x: Array) -> Array:
    """Solve ``w * exp(w) = x`` for w in [0, 1].

    Parameters
    ----------
    x : array
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
    return _lambertw0_jax(x) if namespace(x) is jnp else _lambertw0_numpy(np.asarray(x))


def _lambertw0_numpy(x: np.ndarray) -> np.ndarray:
    if x.ndim == 1 and len(x) <= _CACHED:
        return _by_powers(x)
    flat = x.reshape(-1)
    w = np.empty(flat.shape)
    for first in range(0, len(flat), _CACHED):
        part = slice(first, first + _CACHED)
        w[part] = _by_powers(flat[part])
    return w.reshape(x.shape)


def _by_powers(x: np.ndarray) -> np.ndarray:
    """Evaluate both polynomials by one product of matrices: NumPy's fixed cost is per call."""
    v = np.sqrt(1.0 + math.e * x) - 1.0
    powers = np.empty((len(_TOP), len(v)))
    powers[0], powers[1] = 1.0, v
    for k in range(2, len(_TOP)):
        np.multiply(powers[k // 2], powers[k - k // 2], out=powers[k])
    top, bottom = _BOTH @ powers
    return np.minimum(x * (top / bottom), 1.0)


@jax.custom_jvp
def _lambertw0_jax(x: jax.Array) -> jax.Array:
    v = jnp.sqrt(1.0 + math.e * x) - 1.0
    top, bottom = _TOP[-1] * v, _BOTTOM[-1] * v
    for above, below in zip(_TOP[-2:0:-1], _BOTTOM[-2:0:-1], strict=True):
        top, bottom = (top + above) * v, (bottom + below) * v
    return jnp.minimum(x * ((top + _TOP[0]) / (bottom + _BOTTOM[0])), 1.0)


@_lambertw0_jax.defjvp
def _lambertw0_jvp(
    primals: tuple[jax.Array], tangents: tuple[jax.Array]
) -> tuple[jax.Array, jax.Array]:
    # dW/dx = exp(-W) / (1 + W), finite at x = 0 where W / (x (1 + W)) is not.
    w = _lambertw0_jax(primals[0])
    return w, jnp.exp(-w) / (1.0 + w) * tangents[0]

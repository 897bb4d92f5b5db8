"""The principal branch of the Lambert W function on [0, e], where a price search needs it.

JAX has none. W is analytic in v = sqrt(1 + e x), on this range of x a short stretch of v without a
singularity, so that one rational function of degree six over six gives it to rounding: no
exponential, no iteration, one division. Its coefficients interpolate W(x) / x at the Chebyshev
nodes of that stretch, solved for in 60 digits; its error is 4e-17, to which rounding adds up to
four units in the last place (tested against ``scipy.special.lambertw``).
"""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp
import numpy as np

from clear_opt.curves.numerics import Array, namespace

_TOP = (
    2.7182819184757263,
    3.9371873178034553,
    1.809535426237766,
    0.30182529334150365,
    0.015212942814945186,
    7.144235295116611e-05,
    -4.609408790143461e-07,
)
"""Coefficients of the numerator, constant first."""

_BOTTOM = (
    1.0,
    2.8626241965839063,
    3.0473842200291363,
    1.4959883864624235,
    0.3424278383151067,
    0.03274602075680527,
    0.00094321793809021,
)
"""Coefficients of the denominator, constant first."""

_BOTH = np.array([_TOP, _BOTTOM]).T[:, :, None]


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
    return _lambertw0_jax(x) if namespace(x) is jnp else _lambertw0_numpy(np.asarray(x))


def _lambertw0_numpy(x: np.ndarray) -> np.ndarray:
    v = np.sqrt(1.0 + math.e * x)
    flat = v.reshape(1, -1)
    ratio = _BOTH[-1] * flat  # both polynomials in one array: half as many calls
    for coefficients in _BOTH[-2:0:-1]:
        ratio += coefficients
        ratio *= flat
    ratio += _BOTH[0]
    return np.minimum(x * (ratio[0] / ratio[1]).reshape(v.shape), 1.0)


@jax.custom_jvp
def _lambertw0_jax(x: jax.Array) -> jax.Array:
    v = jnp.sqrt(1.0 + math.e * x)
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

"""Directions in which texts differ, as opposed to those that rounding leaves of a decomposition."""

from __future__ import annotations

import numpy as np

FARTHER = 0.1
"""How much farther from the directions than any text of training is far, in lengths of a text."""

_ROUNDING = 10.0 * float(np.finfo(np.float32).eps)  # directions, or the vectors, are float32


def significant(singular: np.ndarray, rows: int, length: float = 1.0) -> np.ndarray:
    """Return which directions of a singular value decomposition are more than rounding.

    What rounding leaves in a direction has a standard deviation of about float32's epsilon times
    the length of the vectors. Scaled to one like the others, such a direction would be nothing for
    the vectors of training and count millions of times for one that lies along it.

    Parameters
    ----------
    singular
        Singular values of a matrix of vectors, shape (directions,).
    rows
        Number of vectors.
    length
        Of a vector.

    Returns
    -------
    numpy.ndarray
        Booleans, shape (directions,).

    Examples
    --------
    >>> significant(np.array([8.0, 0.5, 1e-8]), rows=64)
    array([ True,  True, False])
    """
    return singular > _ROUNDING * length * np.sqrt(rows)

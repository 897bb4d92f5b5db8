"""Claims: in what proportion queries share tokens."""

from __future__ import annotations

from typing import Any

import numpy as np

from clear_opt._numerics.arrays import as_numbers
from clear_opt.errors import InvalidInputError


def as_claims(column: str, values: Any, n: int) -> np.ndarray:
    """Read one claim >= 0 for each query, float64, shape (n,).

    Parameters
    ----------
    column
        Name the user knows the claims by.
    values
        What was given.
    n
        Number of queries.

    Raises
    ------
    InvalidInputError
        If there is not one number >= 0 for each query.
    """
    claims = as_numbers(values, column)
    if claims.shape != (n,) or not (np.isfinite(claims) & (claims >= 0)).all():
        raise InvalidInputError(
            "must be one number >= 0 for each query", column=column, remedy=f"give {n} numbers"
        )
    return claims

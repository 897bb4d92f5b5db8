"""Rounding to whole blocks of tokens: the one place where caps are cut to multiples."""

from __future__ import annotations

from clear_opt._numerics.array_namespace import Array, namespace

NEARLY = 1e-9
"""Blocks; caps that miss a multiple by less are that multiple, and rounding has made the rest."""


def floor_to_block(tokens: Array, block: Array, nearly: float = 0.0) -> Array:
    """Return the largest multiples of ``block`` at or below ``tokens``, of the same shape.

    Parameters
    ----------
    tokens : array_like
    block : int or array_like
        Tokens, >= 1.
    nearly : float
        Blocks by which ``tokens`` may miss a multiple and still reach it; `NEARLY` for caps that
        were computed, zero for those that bound others.

    Examples
    --------
    >>> import numpy as np
    >>> floor_to_block(np.array([63.0, 64.0, 127.9999999999]), 64, NEARLY).tolist()
    [0.0, 64.0, 128.0]
    """
    xp = namespace(tokens)
    return xp.floor(tokens / block + nearly) * block


def ceil_to_block(tokens: Array, block: Array) -> Array:
    """Return the smallest multiples of ``block`` at or above ``tokens``, of the same shape."""
    return namespace(tokens).ceil(tokens / block) * block

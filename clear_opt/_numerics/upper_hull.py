"""Upper hulls of point sets, one per query: the concave envelope of anything tabulated."""

from __future__ import annotations

from typing import NamedTuple

import jax
import numpy as np

from clear_opt._numerics.array_namespace import Array, namespace


class Hull(NamedTuple):
    """Vertices of nondecreasing concave hulls, left to right; the last one repeats as padding."""

    tokens: Array
    """Tokens at the vertices, shape (n, v)."""
    values: Array
    """Values at the vertices, shape (n, v)."""
    slopes: Array
    """Slope of the segment ending at each vertex but the first, (n, v - 1); zero on padding."""


def upper_hull(tokens: Array, values: Array) -> Hull:
    """Wrap the points of every row from above, from the first one up to the highest.

    Parameters
    ----------
    tokens, values : array, shape (n, m)
        Points, shape (n, m). The first of a row is its leftmost; the others come in any order and
        may repeat it.

    Returns
    -------
    Hull
        With v <= m vertices (v = m under JAX, whose shapes cannot depend on values).

    Notes
    -----
    Gift wrapping: from a vertex, the next one is the point to its right of greatest slope, the
    farthest of them where several are. Work is O(n m v), a row never costs a Python loop.
    """
    xp = namespace(tokens, values)

    def advance(vertex: tuple[Array, Array]) -> tuple[Array, Array, Array]:
        at, level = vertex
        run, rise = tokens - at[:, None], values - level[:, None]
        right = run > 0
        slope = xp.where(right, rise / xp.where(right, run, 1.0), -xp.inf)
        best = slope.max(axis=1)
        up = best > 0
        reach = xp.where(slope >= best[:, None], run, -xp.inf)
        choice = reach.argmax(axis=1)[:, None]
        nearest = xp.take_along_axis(tokens, choice, axis=1)[:, 0]
        top = xp.take_along_axis(values, choice, axis=1)[:, 0]
        return xp.where(up, nearest, at), xp.where(up, top, level), xp.where(up, best, 0.0)

    first = tokens[:, 0], values[:, 0]
    if xp is np:
        path = [(*first, np.zeros(len(tokens)))]
        for _ in range(tokens.shape[1] - 1):
            step = advance(path[-1][:2])
            if not step[2].any():
                break
            path.append(step)
        at, level, slope = (np.stack(column, axis=1) for column in zip(*path, strict=True))
        return Hull(at, level, slope[:, 1:])

    def body(vertex: tuple[Array, Array], _: None) -> tuple:
        at, level, slope = advance(vertex)
        return (at, level), (at, level, slope)

    _, (at, level, slope) = jax.lax.scan(body, first, length=tokens.shape[1] - 1)
    return Hull(
        xp.concatenate([first[0][:, None], at.T], axis=1),
        xp.concatenate([first[1][:, None], level.T], axis=1),
        slope.T,
    )

"""Formulas over millions of queries, block by block: compiled once, little memory, all cores.

A formula is written once, for NumPy and JAX alike (`clear_opt._numerics.array_namespace`). A batch
of some thousand queries goes through NumPy as it is, which costs no compilation. A large one is cut
into blocks of one size: JAX compiles a formula once whatever the number of queries, fuses it into
one pass over the data, and needs memory for a few blocks only. On an accelerator blocks are larger.
In a forked process, where JAX would wait for ever, blocks go through NumPy.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cache, partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from clear_opt._numerics.precision import forked, own_settings
from clear_opt.defaults import BLOCK_QUERIES, DEVICE_BLOCK_QUERIES

Formula = Callable[..., Any]
"""Takes a pytree of arrays, then numbers; gives a pytree of arrays with one entry per query."""


def fits_in_chunk(n: int) -> bool:
    """Return whether a batch of n queries is small enough for NumPy as it is: half a block."""
    return n <= BLOCK_QUERIES // 2


def map_chunked(formula: Formula, queries: Any, *shared: float) -> Any:
    """Evaluate a formula for every query.

    Parameters
    ----------
    formula : callable
        Function of ``queries`` and the shared numbers, defined at the top of a module.
    queries : pytree of array
        NumPy arrays of shape (n,) or (n, m), curves, envelopes, or a tuple of such. Arrays of shape
        (n,) that repeat one entry by a stride of zero, as `numpy.broadcast_to` makes them, are read
        once and reach the formula of a large batch with shape (1,).
    shared
        Numbers for all queries.

    Returns
    -------
    The formula's pytree; its leaves are NumPy arrays of shape (n,) or (n, m).
    """
    n = _count(queries)
    if fits_in_chunk(n):
        return formula(queries, *shared)
    kernel, size = _kernel(_of_each, formula), _block_size(n)

    def run(part: slice) -> tuple[list[np.ndarray], Any]:
        with own_settings():
            block = kernel(size, _cut(queries, part, size), *shared)
        leaves, tree = jax.tree_util.tree_flatten(block)
        return [np.asarray(leaf)[: part.stop - part.start] for leaf in leaves], tree

    first, *others = _parts(n, size)
    begun, tree = run(first)
    filled = [np.empty((n, *leaf.shape[1:]), leaf.dtype) for leaf in begun]

    def keep(part: slice, leaves: list[np.ndarray]) -> None:
        for full, leaf in zip(filled, leaves, strict=True):
            full[part] = leaf

    keep(first, begun)
    for _ in _in_threads(lambda part: keep(part, run(part)[0]), others):
        pass
    return jax.tree_util.tree_unflatten(tree, filled)


def sum_chunked(formula: Formula, queries: Any, *shared: float) -> Any:
    """Sum a formula over all queries; parameters as for `map_chunked`.

    Returns
    -------
    The formula's pytree, each leaf summed to a float.
    """
    return _reduced(formula, queries, shared, _SUM)


def max_chunked(formula: Formula, queries: Any, *shared: float) -> Any:
    """Return a formula's largest value over all queries (n >= 1); as `sum_chunked` otherwise."""
    return _reduced(formula, queries, shared, _MAX)


class _Reduction(NamedTuple):
    along: str  # name of the method of an array
    neutral: float
    together: Callable[[Any], float]


_SUM = _Reduction("sum", 0.0, math.fsum)
_MAX = _Reduction("max", -math.inf, max)


def _reduced(formula: Formula, queries: Any, shared: tuple, how: _Reduction) -> Any:
    n = _count(queries)
    if fits_in_chunk(n):
        values = formula(queries, *shared)
        return jax.tree_util.tree_map(lambda leaf: float(getattr(leaf, how.along)()), values)
    kernel, size = _kernel(_of_all, formula, how), _block_size(n)

    def run(part: slice) -> Any:
        with own_settings():
            block = _cut(queries, part, size)
            reduced = kernel(size, block, part.stop - part.start, *shared)
        return jax.tree_util.tree_map(float, reduced)

    parts = list(_in_threads(run, _parts(n, size)))
    return jax.tree_util.tree_map(lambda *leaves: how.together(leaves), *parts)


def _block_size(n: int) -> int:
    """Return the queries per block: one size on a processor, few sizes on an accelerator."""
    if _on_processor():
        return BLOCK_QUERIES
    return min(DEVICE_BLOCK_QUERIES, 1 << (n - 1).bit_length())


def _on_processor() -> bool:
    return forked() or jax.default_backend() == "cpu"


def _parts(n: int, size: int) -> list[slice]:
    return [slice(first, min(first + size, n)) for first in range(0, n, size)]


def _cut(queries: Any, part: slice, size: int) -> Any:
    """Cut a block out of the arrays; a last, shorter one is filled up with its last entry."""
    missing = size - (part.stop - part.start)

    def cut(leaf: np.ndarray) -> np.ndarray:
        if leaf.ndim == 1 and leaf.strides[0] == 0:
            return leaf[:1]
        block = leaf[part]
        if missing == 0:
            return block
        return np.concatenate([block, np.repeat(block[-1:], missing, axis=0)])

    return jax.tree_util.tree_map(cut, queries)


def _in_threads(run: Callable[[slice], Any], parts: list[slice]) -> Iterator[Any]:
    """Run all blocks, a few at a time: while one is computed the next is read."""
    workers = min(os.cpu_count() or 1, 8) if _on_processor() else 2
    with ThreadPoolExecutor(workers) as pool:
        yield from pool.map(run, parts)


def _count(queries: Any) -> int:
    """Count the queries; arrays, curves and envelopes know their number."""
    if isinstance(queries, tuple):
        return max(_count(part) for part in queries if part is not None)
    return len(queries)


def _kernel(evaluate: Callable[..., Any], *what: Any) -> Callable[..., Any]:
    """Return what evaluates a formula in one block: compiled, unless JAX's threads are lost."""
    return partial(evaluate, np, *what) if forked() else _compiled(evaluate, *what)


@cache
def _compiled(evaluate: Callable[..., Any], *what: Any) -> Callable[..., Any]:
    return jax.jit(partial(evaluate, jnp, *what), static_argnums=0)


def _of_each(xp: Any, formula: Formula, size: int, queries: Any, *shared: Any) -> Any:
    return jax.tree_util.tree_map(
        lambda leaf: xp.broadcast_to(leaf, (size, *leaf.shape[1:])), formula(queries, *shared)
    )


def _of_all(
    xp: Any, formula: Formula, how: _Reduction, size: int, queries: Any, count: Any, *shared: Any
) -> Any:
    counted = xp.arange(size) < count
    return jax.tree_util.tree_map(
        lambda leaf: getattr(xp.where(counted, leaf, how.neutral), how.along)(),
        formula(queries, *shared),
    )

"""The four streams: how many of their queries are easy, medium and hard."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from clear_opt.errors import InvalidInputError

STREAMS: dict[str, dict[str, float]] = {
    "Balanced": {"easy": 1 / 3, "medium": 1 / 3, "hard": 1 / 3},
    "MostlyEasy": {"easy": 0.75, "medium": 0.20, "hard": 0.05},
    "MostlyHard": {"easy": 0.15, "medium": 0.25, "hard": 0.60},
    "UShaped": {"easy": 0.45, "medium": 0.10, "hard": 0.45},
}
"""Share of each pool in each stream. The names are the paper's; its shares are not known. These are
ours, chosen so that what ample budgets reach resembles the paper's figures (`POOLS`)."""


@dataclass(frozen=True, eq=False, repr=False)
class Drawn:
    """Queries of a stream, drawn from pools of recorded ones.

    Attributes
    ----------
    stream : str
        Which stream.
    query_ids : array, shape (n,)
        Their names, in random order.
    pool : array, shape (n,)
        The pool each comes from.
    """

    stream: str
    query_ids: np.ndarray
    pool: np.ndarray

    def __len__(self) -> int:
        return len(self.query_ids)

    def __repr__(self) -> str:
        return f"Drawn({self.stream!r}, n={len(self)}, {pool_words(self.pool)})"


def draw(
    stream: str,
    pools: Mapping[str, Sequence[str] | np.ndarray],
    n: int = 500,
    seed: int | np.random.Generator = 0,
) -> Drawn:
    """Draw a stream from pools of recorded queries, none of them twice.

    Parameters
    ----------
    stream : str
        A key of `STREAMS`.
    pools : mapping of str to sequence of str
        Names of the queries of each pool: ``easy``, ``medium``, ``hard``.
    n : int, default=500
        Number of queries, >= 1.
    seed : int or np.random.Generator, default=0
        Seed or generator; the same seed gives the same queries.

    Raises
    ------
    InvalidInputError
        If the stream is not known, or a pool is missing or has fewer queries than are to be drawn.

    Examples
    --------
    >>> pools = {name: [f"{name}{k}" for k in range(20)] for name in ("easy", "medium", "hard")}
    >>> draw("UShaped", pools, n=20)
    Drawn('UShaped', n=20, easy=9, medium=2, hard=9)
    """
    rng = np.random.default_rng(seed)
    names, owners = [], []
    for pool, count in counts(stream, n).items():
        known = np.asarray(pools.get(pool, ()), dtype=object)
        if count > len(known):
            raise InvalidInputError(
                f"holds {len(known)} queries where {count} are to be drawn",
                column="pools",
                value=pool,
                remedy="give more queries, or ask for a smaller n",
            )
        names.append(rng.choice(known, size=count, replace=False) if count else known[:0])
        owners += [pool] * count
    order = rng.permutation(n)
    return Drawn(stream, np.concatenate(names)[order], np.array(owners, dtype=object)[order])


def counts(stream: str, n: int) -> dict[str, int]:
    """Return the whole number of queries of each pool, in sum n: largest remainders are rounded up.

    Raises
    ------
    InvalidInputError
        If the stream is not known, or n is no whole number >= 1.
    """
    if stream not in STREAMS:
        raise InvalidInputError(
            "is not known", column="stream", value=stream, remedy=f"use one of {list(STREAMS)}"
        )
    if not (isinstance(n, int | np.integer) and n >= 1):
        raise InvalidInputError(
            "must be a whole number >= 1", column="n", value=n, remedy="the number of queries"
        )
    exact = n * np.array(list(STREAMS[stream].values()))
    whole = np.floor(exact + 1e-9).astype(int)
    whole[np.argsort(whole - exact, kind="stable")[: n - whole.sum()]] += 1
    return dict(zip(STREAMS[stream], whole.tolist(), strict=True))


def pool_words(pool: np.ndarray) -> str:
    """Return how many queries are of each pool."""
    return ", ".join(f"{name}={int((pool == name).sum())}" for name in STREAMS["Balanced"])

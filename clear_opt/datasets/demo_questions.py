"""A few hundred questions of mixed difficulty, made from templates: the demo's own text."""

from __future__ import annotations

from random import Random
from typing import NamedTuple

from clear_opt.datasets.question_templates import load_templates
from clear_opt.errors import InvalidInputError

_SCHOOL_SHARE = 0.6
_TRIES = 50  # to find a text that has not occurred yet


class DemoQuery(NamedTuple):
    """One question."""

    query_id: str
    """Where it comes from and its difficulty, then its number, e.g. ``"school3-017"``."""
    text: str


def make_queries(n: int, seed: int = 0) -> list[DemoQuery]:
    """Make questions: grade-school word problems and competition-style mathematics.

    Parameters
    ----------
    n : int
        Number of questions, >= 1.
    seed : int, default=0
        The same seed gives the same questions.

    Returns
    -------
    list of DemoQuery
        In no order of difficulty. Names are unique; texts are too, as far as templates reach.

    Examples
    --------
    >>> make_queries(2, seed=5) == make_queries(2, seed=5)
    True
    """
    if n < 1:
        raise InvalidInputError("must be at least 1", column="queries", value=n)
    rng = Random(seed)
    seen: set[str] = set()
    queries = []
    for number in range(1, n + 1):
        query = _question(rng, number)
        for _ in range(_TRIES):
            if query.text not in seen:
                break
            query = _question(rng, number)
        seen.add(query.text)
        queries.append(query)
    return queries


def _question(rng: Random, number: int) -> DemoQuery:
    kind = "school" if rng.random() < _SCHOOL_SHARE else "contest"
    levels = load_templates()[kind]
    level = rng.randrange(len(levels))
    text = rng.choice(levels[level]).fill(rng)
    return DemoQuery(f"{kind}{level + 1}-{number:03d}", text)

"""Digests: which queries, and which table, without the queries themselves."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from clear_opt.rollouts.table import Rollouts

_LENGTH = 16  # hexadecimal digits, 64 bits: two of a million queries collide with chance 3e-8


def query_digests(rollouts: Rollouts) -> list[str]:
    """Return a short digest of each query, in the order of ``rollouts.query_ids``.

    It is of the query's text where the table has texts, so that a query is known again under
    another name; else of its name. A predictor that keeps them can tell later what it has seen,
    and nobody can read the queries out of them.

    Returns
    -------
    list of str
        The first 16 hexadecimal digits of a SHA-256, one for each query.

    Examples
    --------
    >>> from clear_opt.rollouts import Rollouts
    >>> query_digests(Rollouts(["a", "b"], [9, 8], [1, 0], text=["2 + 2?", "2 + 2?"]))
    ['70b499c547e0a11f', '70b499c547e0a11f']
    """
    known = rollouts.query_ids.tolist() if rollouts.text is None else rollouts.texts()
    return [_sha256(name)[:_LENGTH] for name in known]


def table_digest(rollouts: Rollouts) -> str:
    """Return a SHA-256 of everything a table holds, whatever the order of its rows and columns.

    Returns
    -------
    str
        64 hexadecimal digits.

    Examples
    --------
    >>> from clear_opt.rollouts import Rollouts
    >>> one, other = Rollouts(["a", "b"], [9, 8], [1, 0]), Rollouts(["b", "a"], [8, 9], [0, 1])
    >>> table_digest(one) == table_digest(other)
    True
    """
    features = {f"feature {name}": values for name, values in rollouts.features.items()}
    columns = dict(sorted({**rollouts.columns(), **features}.items()))
    values = [[_plain(value) for value in column.tolist()] for column in columns.values()]
    rows = sorted(_sha256(json.dumps(row)) for row in zip(*values, strict=True))
    return _sha256(json.dumps([list(columns), rows]))


def _plain(value: Any) -> Any:
    return None if isinstance(value, float) and np.isnan(value) else value


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()

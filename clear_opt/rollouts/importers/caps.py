"""Caps that logs name: kept where they bound every length, left out where they do not."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from clear_opt.defaults import MOST_TOKENS
from clear_opt.rollouts.checks import ABOVE_CAP, REQUIRED, check


def cap_of(options: Mapping[str, Any], names: Iterable[str]) -> int | None:
    """Return the first of some options that is a limit on tokens: whole, and one that can bind."""
    for name in names:
        limit = options.get(name)
        if isinstance(limit, bool) or not isinstance(limit, (int, float)):
            continue
        if 0 < limit <= MOST_TOKENS and limit % 1 == 0:
            return int(limit)
    return None


def fit_caps(
    columns: Mapping[str, np.ndarray], location: Callable[[int], str]
) -> tuple[dict[str, np.ndarray], list[str]]:
    """Return columns of which ``cap`` is known everywhere and not exceeded, or left out.

    A length above its cap shows that the cap bounds something else: another tokenizer's count, or
    the answer without its reasoning. Those rows are the longest answers, so they must not go.
    Before the caps go, they say which rows were cut off, if nothing else does.

    Parameters
    ----------
    columns : mapping of str to array
        As a table has them, before they are checked; a cap is None or NaN where it is not known.
    location : callable
        Maps a row to its location in the source.

    Returns
    -------
    The columns, and what to tell about them, in sentences.
    """
    fitted = dict(columns)
    given = fitted.pop("cap", None)
    if given is None:
        return fitted, []
    caps = given.astype(object)
    unknown = np.fromiter((cap is None or cap != cap for cap in caps), bool, len(caps))
    caps[unknown] = MOST_TOKENS
    checked = check({**{name: columns[name] for name in REQUIRED}, "cap": caps}, {})
    above = [row for v in checked.violations if v.problem == ABOVE_CAP for row in v.rows]
    if not above and not unknown.any():
        return dict(columns), []
    notes = []
    if unknown.any():
        notes.append(f"cap is left out: {unknown.sum():,} of {len(caps):,} rollouts have none")
    if above:
        first = above[0]
        notes.append(
            f"cap is left out: {len(above):,} of {len(caps):,} rollouts are longer than theirs, "
            f"which bounds something else (first: {location(first)}, "
            f"{checked.columns['n_tokens'][first]:,} > {checked.columns['cap'][first]:,})"
        )
    if "truncated" not in fitted and not unknown.all():
        fitted["truncated"] = checked.columns["truncated"]
    return fitted, notes

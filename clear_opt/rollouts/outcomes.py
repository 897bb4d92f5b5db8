"""Features that tell what happened: no query has them before it is answered.

A feature that varies between rollouts of one query is an outcome. One that does not is suspected
where it all but determines the outcomes of one model: answers to one query differ in length by some
twenty per cent, and no description of the query foretells which of them comes, so that what leaves
less open was written down afterwards.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from scipy.stats import rankdata

from clear_opt.rollouts.table import Rollouts

_LENGTH = 0.96  # rank correlation with n_tokens; of all that is known beforehand rarely above 0.9
_RIGHT = 0.9  # Somers' D, of a yes or no: levels from 95 % to 5 % right have about 0.85
_MEAN = 0.999  # rank correlation with a mean over rollouts, which a good feature may come close to
_JOINT = 0.99  # multiple correlation: several honest features may come closer than one
_FEWEST = 10  # queries, of each outcome where there are two: fewer fall in line by chance
_MEMBERS = 5  # queries of a category that counts by itself
_Z = 2.33  # one-sided 1 % of the normal distribution, in Fisher's interval of a correlation

VARIES = "differs between rollouts of one query"


class ChosenFeatures(NamedTuple):
    """A table with the features that may describe a query, and what there is to say about it."""

    rollouts: Rollouts
    left_out: tuple[str, ...]
    """Features that are outcomes, and that nobody asked for."""
    notes: tuple[str, ...]
    """A sentence for each feature that was left out, or kept though it is an outcome."""


class _OutcomeColumn(NamedTuple):
    """One outcome of some rows."""

    name: str
    rows: np.ndarray
    """Indices of rows of the table; or of queries, for a mean over their rollouts."""
    values: np.ndarray
    queries: int
    """Independent ones among the rows: a feature has one value for each."""
    limit: float


def outcome_features(rollouts: Rollouts) -> dict[str, str]:
    """Return the features that are outcomes, or all but determine them, with what they do.

    Compared are `n_tokens` and `correct`, and whether a rollout was cut off: for each model by
    itself, and their means over the rollouts of a query. Measures are Spearman's rank correlation
    and, for outcomes of two values, Somers' D, with categories in the order of their means; and
    the multiple correlation of `n_tokens` with all numbers and the size of the text, as they are
    and as logarithms. A lower bound at 99 % (Fisher's z) must exceed a limit.

    Returns
    -------
    dict
        Name of the feature to a predicate, such as ``"all but determines n_tokens"``.

    Examples
    --------
    >>> tokens = np.arange(100, 500, 10)
    >>> rollouts = Rollouts(
    ...     [f"q{k}" for k in range(40)], tokens, tokens % 30 == 0,
    ...     features={"seconds": tokens / 50, "level": tokens % 7},
    ... )
    >>> outcome_features(rollouts)
    {'seconds': 'all but determines n_tokens'}
    """
    found = dict.fromkeys((name for name in rollouts.varying() if name != "text"), VARIES)
    owner = rollouts.index_of(rollouts.query_id)
    outcomes = list(_outcomes(rollouts, owner))
    first = np.unique(owner, return_index=True)[1]
    for name, values in rollouts.features.items():
        if name in found:
            continue
        known = {"": values, "mean ": values[first]}
        for outcome in outcomes:
            own = known["mean " if outcome.name.startswith("mean ") else ""][outcome.rows]
            if _lower(_association(own, outcome), outcome.queries) > outcome.limit:
                found[name] = f"all but determines {outcome.name}"
                break
    numbers = {
        name: values
        for name, values in rollouts.features.items()
        if values.dtype == np.float64 and name not in found
    }
    together = "all but determines n_tokens together with other columns"
    return {**found, **dict.fromkeys(_jointly(rollouts, numbers, outcomes), together)}


def choose_features(rollouts: Rollouts, features: Sequence[str] | None = None) -> ChosenFeatures:
    """Return a table whose features describe queries: without outcomes, or the features named.

    Parameters
    ----------
    rollouts : Rollouts
        The table.
    features : sequence of str, optional
        The features to keep, whatever they are; by default all that `outcome_features` does not
        find.

    Raises
    ------
    InvalidInputError
        Naming the first feature that the table does not have.
    """
    kept = rollouts if features is None else rollouts.with_features(features)
    found = outcome_features(kept)
    if features is not None:
        return ChosenFeatures(kept, (), tuple(outcome_note(*pair) for pair in found.items()))
    notes = tuple(
        f"{name} {what}: it is left out of the features; if it is known before a query is "
        "answered, name it (--features, features=)"
        for name, what in found.items()
    )
    named = [name for name in rollouts.features if name not in found]
    return ChosenFeatures(rollouts.with_features(named) if found else rollouts, tuple(found), notes)


def outcome_note(feature: str, what: str) -> str:
    """Return what a feature that is used does to the figures."""
    return (
        f"the feature {feature} {what}: unless it is known before a query is answered, figures "
        "are too good and the predictor cannot be used"
    )


def _outcomes(rollouts: Rollouts, owner: np.ndarray) -> Iterator[_OutcomeColumn]:
    columns = {"n_tokens": rollouts.n_tokens, "correct": rollouts.correct}
    if rollouts.truncated is not None:
        columns["truncated"] = rollouts.truncated
    columns = {name: values.astype(np.float64) for name, values in columns.items()}
    groups = [np.arange(len(rollouts))]
    if len(rollouts.models) > 1:
        groups += [np.flatnonzero(rollouts.model == model) for model in rollouts.models]
    for position, rows in enumerate(groups):
        # All models together: of interest are the means.
        several = len(groups) > 1 and position == 0
        own, position, count = np.unique(owner[rows], return_inverse=True, return_counts=True)
        for name, values in columns.items():
            if not several:
                yield _outcome(name, rows, values[rows], position, len(own))
            if count.max(initial=0) > 1:
                means = np.bincount(position, values[rows]) / count
                yield _OutcomeColumn(f"mean {name}", own, means, len(own), _MEAN)


def _outcome(
    name: str, rows: np.ndarray, values: np.ndarray, position: np.ndarray, queries: int
) -> _OutcomeColumn:
    limit = _LENGTH
    if _is_binary(values):
        limit = _RIGHT
        sides = [len(np.unique(position[values == side])) for side in (0.0, 1.0)]
        # As much as is known where both sides have as many queries as the smaller one.
        queries = 2 * min(sides) if min(sides) >= _FEWEST else 0
    return _OutcomeColumn(name, rows, values, queries, limit)


def _is_binary(values: np.ndarray) -> bool:
    return bool(np.isin(values, (0.0, 1.0)).all())


def _association(values: np.ndarray, outcome: _OutcomeColumn) -> float:
    """Return how far a feature orders the rows by their outcome, 0 to 1."""
    if outcome.queries < _FEWEST:
        return 0.0
    if values.dtype == np.float64:
        here = ~np.isnan(values)
        scores = [(values[here], outcome.values[here])]
        codes = np.where(here, values, -np.inf)
    else:
        scores, codes = [], np.array(["" if v is None else v for v in values], dtype=object)
    means = _category_means(codes, outcome.values)
    if means is not None:
        scores.append((means, outcome.values))
    return max((_agreement(*pair) for pair in scores), default=0.0)


def _category_means(codes: np.ndarray, outcome: np.ndarray) -> np.ndarray | None:
    """Return the mean outcome of each row's category, the rare ones as one; ``None`` for one."""
    _, category, count = np.unique(codes, return_inverse=True, return_counts=True)
    category = np.where(count[category] >= _MEMBERS, category + 1, 0)
    count = np.bincount(category)
    if (count > 0).sum() < 2:
        return None
    return (np.bincount(category, outcome) / np.maximum(count, 1))[category]


def _agreement(score: np.ndarray, outcome: np.ndarray) -> float:
    """Return Somers' D of a yes or no, Spearman's correlation of any other outcome; absolute."""
    if len(score) < _FEWEST or np.ptp(score) == 0 or np.ptp(outcome) == 0:
        return 0.0
    rank = rankdata(score)
    if _is_binary(outcome):
        right = outcome == 1
        n, m = int(right.sum()), int((~right).sum())
        return abs(2.0 * (rank[right].sum() - n * (n + 1) / 2) / (n * m) - 1.0)
    return abs(float(np.corrcoef(rank, rankdata(outcome))[0, 1]))


def _lower(correlation: float, queries: int) -> float:
    """Return the lower end of Fisher's interval of a correlation."""
    if queries < _FEWEST:
        return 0.0
    z = np.arctanh(min(correlation, 1.0 - 1e-12))
    return float(np.tanh(z - _Z / np.sqrt(queries - 3)))


def _jointly(
    rollouts: Rollouts, numbers: Mapping[str, np.ndarray], outcomes: Sequence[_OutcomeColumn]
) -> list[str]:
    """Name the numbers without which the others, and the text's size, no longer tell n_tokens."""
    sizes: dict[str, np.ndarray] = {}
    if rollouts.text is not None:
        sizes["characters"] = np.fromiter(map(len, rollouts.text), np.float64, len(rollouts))
        words = (text.count(" ") + 1 for text in rollouts.text)
        sizes["words"] = np.fromiter(words, np.float64, len(rollouts))
    found: list[str] = []
    for outcome in outcomes:
        if outcome.name != "n_tokens" or outcome.queries < _FEWEST or np.ptp(outcome.values) == 0:
            continue
        for logs in (False, True):
            own = {name: values for name, values in numbers.items() if name not in found}
            found += _culprits(own, sizes, outcome, logs)
    return found


def _culprits(
    numbers: Mapping[str, np.ndarray],
    sizes: Mapping[str, np.ndarray],
    outcome: _OutcomeColumn,
    logs: bool,
) -> list[str]:
    rows, target = outcome.rows, outcome.values
    columns = {
        name: column
        for name, values in {**sizes, **numbers}.items()
        if (column := _column(values[rows], logs)) is not None
    }
    if logs:
        target = np.log(np.maximum(target, 0.5))

    def told(names: Sequence[str]) -> float:
        used = [columns[name] for name in names]
        spare = outcome.queries - len(used) - 1
        if spare < _FEWEST:
            return 0.0
        design = np.column_stack([*used, np.ones(len(rows))])
        rest = target - design @ np.linalg.lstsq(design, target, rcond=None)[0]
        left = rest.var() / target.var() * (outcome.queries - 1) / spare
        return _lower(np.sqrt(max(1.0 - left, 0.0)), outcome.queries)

    found: list[str] = []
    others = [name for name in columns if name not in numbers]
    suspects = [name for name in columns if name in numbers]
    while suspects and told([*others, *suspects]) > _JOINT:
        if told(others) > _JOINT:
            break
        without = {name: told([*others, *(s for s in suspects if s != name)]) for name in suspects}
        worst = min(suspects, key=without.__getitem__)
        found.append(worst)
        suspects.remove(worst)
    return found


def _column(values: np.ndarray, logs: bool) -> np.ndarray | None:
    """Return a column for a regression, centred and scaled; ``None`` where it says nothing."""
    known = values[~np.isnan(values)]
    if len(known) <= len(values) / 2 or np.ptp(known) == 0 or (logs and known.min() <= 0):
        return None
    filled = np.where(np.isnan(values), np.median(known), values)
    filled = np.log(filled) if logs else filled
    centred = filled - filled.mean()
    scale = np.abs(centred).max()
    return centred / scale if scale > 0 else None

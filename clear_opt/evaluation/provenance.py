"""What an evaluation says about itself: the data, and what a reader must know besides."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from clear_opt.errors import InvalidInputError
from clear_opt.evaluation.cross_validation import trained_models, trained_on
from clear_opt.rollouts import choose_features, outcome_features, query_digests
from clear_opt.rollouts.outcomes import ChosenFeatures, outcome_note

if TYPE_CHECKING:
    from clear_opt.rollouts import Rollouts


def columns_for(
    rollouts: Rollouts, predictor: Any, folds: int | None, features: Sequence[str] | None
) -> ChosenFeatures:
    """Return the table with the features that are used, and say which of them are outcomes.

    What is trained anew learns from the features that are named, or from all but outcomes: see
    `clear_opt.rollouts.choose_features`. A fitted predictor reads what it was trained on.

    Raises
    ------
    InvalidInputError
        If a feature is not in the table, or features are named for a fitted predictor.
    """
    if folds is not None:
        return choose_features(rollouts, features)
    if features is not None:
        raise InvalidInputError(
            "has no meaning for a predictor that is trained already",
            column="features",
            remedy="leave it out: the predictor reads what it was trained on",
        )
    read = columns_of(predictor)
    if read is not None:
        rollouts = rollouts.with_features([name for name in rollouts.features if name in read])
    found = outcome_features(rollouts)
    return ChosenFeatures(rollouts, (), tuple(outcome_note(*pair) for pair in found.items()))


def columns_of(predictor: Any) -> tuple[str, ...] | None:
    """Return the columns that a fitted predictor says it reads; ``None`` where it does not say."""
    read = getattr(predictor, "columns_", None)
    return None if read is None else tuple(map(str, read))


def provenance(chosen: ChosenFeatures, predictor: Any, folds: int | None) -> dict[str, Any]:
    """Return what a table holds, as `describe` does, and which columns were used of it.

    Returns
    -------
    dict
        That of `describe`, with ``features``, the columns that describe a query, ``text`` among
        them, and ``left_out``, those that were not used because they are outcomes.
    """
    rollouts = chosen.rollouts
    there = [*(["text"] if rollouts.text is not None else []), *rollouts.features]
    read = None if folds is not None else columns_of(predictor)
    used = there if read is None else [name for name in read if name in there]
    return {**describe(rollouts), "features": used, "left_out": list(chosen.left_out)}


def describe(rollouts: Rollouts) -> dict[str, Any]:
    """Return what a table holds, and give a digest of what is scored.

    Returns
    -------
    dict
        ``rows``, ``queries``, ``models``, ``accuracy`` (of the rows), ``truncated`` (rows cut
        off) and ``sha256`` of query ids, models, lengths and correctness, row by row.
    """
    digest = hashlib.sha256()
    model = rollouts.model if rollouts.model is not None else np.full(len(rollouts), "")
    for row in zip(
        rollouts.query_id,
        model,
        rollouts.n_tokens.tolist(),
        rollouts.correct.tolist(),
        strict=True,
    ):
        digest.update(repr(row).encode())
    return {
        "rows": len(rollouts),
        "queries": len(rollouts.query_ids),
        "models": len(rollouts.models) or 1,
        "accuracy": float(rollouts.correct.mean()) if len(rollouts) else 0.0,
        "truncated": 0 if rollouts.truncated is None else int(rollouts.truncated.sum()),
        "sha256": digest.hexdigest(),
    }


def caveats(
    rollouts: Rollouts, predictor: Any, models: Sequence[str], folds: int | None
) -> list[str]:
    """Return what a reader must know to take the figures for what they are."""
    notes = []
    if rollouts.truncated is not None and (cut := int(rollouts.truncated.sum())):
        notes.append(
            f"{cut:,} of {len(rollouts):,} rollouts were cut off; they count as wrong at every "
            "cap, so accuracies at caps beyond their length are lower bounds"
        )
    if folds is not None:
        return notes
    seen = queries_seen(predictor, rollouts)
    if seen:
        notes.append(
            f"the predictor was trained on {seen:,} of the {len(rollouts.query_ids):,} "
            "queries: these figures are too good; cross-validate instead"
        )
    elif seen is None:
        notes.append(
            "the predictor does not say which queries it was trained on: if they are among these, "
            "the figures are too good"
        )
    strangers = [model for model in models if model not in trained_models(predictor)]
    if strangers and rollouts.models:
        notes.append(
            "the predictor was not trained on "
            f"{', '.join(strangers)}: there its curves are those of a typical model"
        )
    return notes


def queries_seen(predictor: Any, rollouts: Rollouts) -> int | None:
    """Count the queries that a predictor says it was trained on; ``None`` where it does not say."""
    said = trained_on(predictor).get("query_digests")
    if said is None:
        return None
    known = set(said)
    return sum(digest in known for digest in query_digests(rollouts))

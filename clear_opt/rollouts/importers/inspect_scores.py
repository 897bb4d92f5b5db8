"""The grade of a sample in an Inspect log."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clear_opt.io import TableError
from clear_opt.rollouts.importers.answers import Unusable

if TYPE_CHECKING:
    from inspect_ai.log import EvalSample

_GRADES = ("C", "I", "P", "N")  # correct, incorrect, partial, no answer
_TRUTH = ("yes", "no", "true", "false")


def grade_of(sample: EvalSample, scorer: str | None, source: Path, location: str) -> float:
    """Return Inspect's own number for a sample's score.

    Parameters
    ----------
    sample : EvalSample
        The sample.
    scorer : str or None
        Whose score counts, where a sample has several.
    source : Path
        The log of the sample.
    location : str
        Location of the sample in it.

    Raises
    ------
    Unusable
        If it has no score, or one that Inspect would only guess to be 0.
    TableError
        If the scorer must be chosen, or the one chosen has not scored it.
    """
    from inspect_ai.scorer import value_to_float

    value = _score(source, location, sample, scorer)
    if value is None:
        raise Unusable("the sample has no score")
    if isinstance(value, str):
        known = value in _GRADES or value.lower() in _TRUTH or _is_number(value)
    else:
        known = isinstance(value, (bool, int, float)) and math.isfinite(value)
    if not known:
        raise Unusable("the score is not a grade", value)
    return value_to_float()(value)


def _score(source: Path, location: str, sample: EvalSample, scorer: str | None) -> Any:
    scores = sample.scores or {}
    if scorer is None and len(scores) > 1:
        raise TableError(
            "has scores of several scorers",
            path=source,
            location=location,
            remedy=f"choose one (scorer=, --scorer): {', '.join(scores)}",
        )
    if scorer is not None and scores and scorer not in scores:
        raise TableError(
            f"has no score of {scorer!r}",
            path=source,
            location=location,
            remedy=f"scorers here: {', '.join(scores)}",
        )
    score = scores.get(scorer) if scorer else next(iter(scores.values()), None)
    return None if score is None else score.value


def _is_number(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False

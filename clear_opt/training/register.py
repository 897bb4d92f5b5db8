"""Register a new version, and decide whether it becomes the champion."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

from clear_opt import tracking
from clear_opt.defaults import BUDGETS
from clear_opt.errors import ClearOptError
from clear_opt.evaluation.provenance import columns_for
from clear_opt.evaluation.resampling import DRAWS
from clear_opt.predictors import load_predictor
from clear_opt.rollouts import Rollouts
from clear_opt.tracking import LoggedRun, Version
from clear_opt.training.compare import PredictorComparison, compare_predictors
from clear_opt.training.split import unseen

CHAMPION = "champion"
"""Alias of the version that is in use."""

FEWEST = 30
"""Queries that neither predictor has seen, below which nothing is decided: the triage efficiency
of thirty queries has a standard error of about 0.05, as much as a good predictor gains."""


class Verdict(Enum):
    """What became of the alias, in the words a user reads."""

    FIRST = "there was no champion: it is the champion now"
    BETTER = "it is better than the champion: the alias moved to it"
    NOT_BETTER = "it is not better than the champion: the alias stays"
    NOT_COMPARED = "it could not be compared with the champion: the alias stays"
    FORCED = "the alias moved to it because that was asked for"


@dataclass(frozen=True)
class Registration:
    """What a registration did.

    Attributes
    ----------
    version : Version
        The new version.
    verdict : Verdict
        What became of the alias.
    champion : Version
        The version that the alias points to now.
    before : Version or None
        The version that it pointed to before; ``None`` where there was none.
    comparison : PredictorComparison or None
        Scores of both; ``None`` where they cannot be compared.
    reason : str
        Why there is no comparison; empty where there is one or none is needed.
    """

    version: Version
    verdict: Verdict
    champion: Version
    before: Version | None = None
    comparison: PredictorComparison | None = None
    reason: str = ""

    def as_json(self) -> dict[str, Any]:
        """Return its fields as JSON types."""
        found = self.comparison
        return {
            "name": self.version.name,
            "version": self.version.version,
            "verdict": self.verdict.name.lower(),
            "champion": self.champion.version,
            "before": None if self.before is None else self.before.version,
            "comparison": None
            if found is None
            else {
                "new": found.new,
                "old": found.old,
                "difference": found.difference,
                "interval": [found.low, found.high],
                "queries": found.n_queries,
            },
            "reason": self.reason,
        }

    def __str__(self) -> str:
        said = f"registered {self.version.name} version {self.version.version}: "
        said += self.verdict.value
        if self.before is not None and self.verdict is not Verdict.FIRST:
            said += f" (champion before: version {self.before.version})"
        details = str(self.comparison) if self.comparison is not None else self.reason
        return f"{said}; {details}" if details else said


def register_if_better(
    name: str,
    logged: LoggedRun,
    rollouts: Rollouts,
    *,
    tracking_uri: str | None = None,
    alias: str = CHAMPION,
    budgets: Sequence[float] = BUDGETS,
    fewest: int = FEWEST,
    force: bool = False,
    draws: int = DRAWS,
    seed: int = 0,
) -> Registration:
    """Register a logged predictor; it becomes the champion only if it beats the present one.

    Both are scored on the same rows: those of the queries that neither was trained on, which the
    digests in their ``trained_on_`` show. The higher triage efficiency on them wins;
    the paired interval of the difference is reported beside it, and a tie leaves the champion in
    place. Where one does not say what it was trained on, or where fewer than ``fewest`` such
    queries are left, nothing can be decided and the alias stays.

    Parameters
    ----------
    name : str
        Of the registered model, created if need be.
    logged : LoggedRun
        What `log_training` returned.
    rollouts : Rollouts
        Where to look for rows that neither has seen; typically the whole table.
    tracking_uri : str, optional
        See `clear_opt.tracking.store_uri`.
    alias : str
        What the champion is called.
    budgets : sequence of float
        Tokens per query, > 0.
    fewest : int
        Queries that a comparison needs.
    force : bool
        Move the alias whatever the comparison says.
    draws, seed : int
        Of the bootstrap.

    Raises
    ------
    TrackingError
        If the store refuses.

    Notes
    -----
    Of two registrations at the same time each may find itself the better one: MLflow cannot move an
    alias only if it still points where it did.
    """
    before = tracking.version_by_alias(name, alias, tracking_uri=tracking_uri)
    comparison, reason = None, ""
    if before is not None:
        try:
            new, old = (
                load_predictor(uri, tracking_uri=tracking_uri)
                for uri in (f"{tracking.SCHEME}{logged.model_id}", before.uri)
            )
            comparison, reason = _compared(rollouts, new, old, budgets, fewest, draws, seed)
        except ClearOptError as error:  # an old champion may need columns that are gone
            reason = f"one of them cannot be scored here: {error}"
    verdict = _verdict(before, comparison, force)
    tags = {"verdict": verdict.value, "reason": reason}
    if comparison is not None:
        tags |= {"comparison": str(comparison)}
    version = tracking.add_version(
        name, logged, tags={k: v for k, v in tags.items() if v}, tracking_uri=tracking_uri
    )
    champion = version
    if before is not None and verdict in (Verdict.NOT_BETTER, Verdict.NOT_COMPARED):
        champion = before
    else:
        tracking.set_alias(version, alias, tracking_uri=tracking_uri)
    return Registration(version, verdict, champion, before, comparison, reason)


def _compared(
    rollouts: Rollouts,
    new: Any,
    old: Any,
    budgets: Sequence[float],
    fewest: int,
    draws: int,
    seed: int,
) -> tuple[PredictorComparison | None, str]:
    fresh = unseen(rollouts, new, old)
    if fresh is None:
        return None, "one of them does not say which queries it was trained on"
    found = len(fresh.query_ids)
    if found < fewest:
        return None, (
            f"only {found} of the {len(rollouts.query_ids):,} queries are new to both, and "
            f"{fewest} are needed; hold some out of training, or give rollouts of new queries"
        )
    for name, predictor in (("the new one", new), ("the champion", old)):
        notes = columns_for(fresh, predictor, None, None).notes
        if notes:
            return None, f"{name} cannot be judged: {notes[0]}"
    return compare_predictors(fresh, new, old, budgets=budgets, draws=draws, seed=seed), ""


def _verdict(
    before: Version | None, comparison: PredictorComparison | None, force: bool
) -> Verdict:
    if before is None:
        return Verdict.FIRST
    if comparison is not None and comparison.difference > 0:
        return Verdict.BETTER
    if force:
        return Verdict.FORCED
    return Verdict.NOT_COMPARED if comparison is None else Verdict.NOT_BETTER

"""What an import found: the rollouts, and what was refused and why."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from clear_opt.io import TableError
from clear_opt.rollouts.checks import OPTIONAL, REQUIRED, check
from clear_opt.rollouts.columns import plain
from clear_opt.rollouts.importers.caps import fit_caps
from clear_opt.rollouts.outcomes import choose_features
from clear_opt.rollouts.table import Rollouts

_LONGEST = 100  # characters of a reason or a detail


class Refusal(NamedTuple):
    """Something of the source that is no usable rollout."""

    location: str
    """Where it stands, as a user counts, e.g. ``"row 3 (line 4)"``."""
    reason: str
    """Why it is refused; many rows share one reason."""
    detail: str = ""
    """What was found there."""


@dataclass(frozen=True, eq=False, repr=False)
class Imported:
    """What an import found.

    Attributes
    ----------
    source : Path
        The file or folder.
    rollouts : Rollouts
        The usable ones, at least one.
    refused : tuple of Refusal, optional
        The others: what was read is ``len(rollouts) + len(refused)``.
    notes : tuple of str, optional
        What was decided on the way and concerns many rows, in sentences.
    """

    source: Path
    rollouts: Rollouts
    refused: tuple[Refusal, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def read(self) -> int:
        """Number of generations that were looked at."""
        return len(self.rollouts) + len(self.refused)

    def reasons(self) -> dict[str, list[Refusal]]:
        """Group what was refused by its reason, the most frequent first."""
        return _by_reason(self.refused)

    def require_all(self) -> None:
        """Raise if anything was refused.

        Raises
        ------
        TableError
            Naming the first refusal.
        """
        if self.refused:
            location, reason, detail = self.refused[0]
            count = len(self.refused)
            raise TableError(
                f"{reason}{f' ({detail})' if detail else ''}; {count:,} refused in all",
                path=self.source,
                location=location,
                remedy="mend or remove what is refused, or import without --strict",
            )

    def __repr__(self) -> str:
        return f"Imported({self.rollouts!r}, refused={len(self.refused)})"


@dataclass
class Collector:
    """Gathers rollouts row by row, with a location for each, and what was refused."""

    source: Path
    rows: list[dict[str, Any]] = field(default_factory=list)
    features: list[Mapping[str, Any]] = field(default_factory=list)
    locations: list[str] = field(default_factory=list)
    refused: list[Refusal] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def add(
        self, location: str, values: dict[str, Any], features: Mapping[str, Any] | None = None
    ) -> None:
        """Keep one rollout; a value of ``None`` is not known."""
        self.locations.append(location)
        self.rows.append(values)
        self.features.append(features or {})

    def refuse(self, location: str, reason: str, detail: object = "") -> None:
        """Keep one refusal."""
        self.refused.append(Refusal(location, _line(reason), _line(detail)))

    def finish(self) -> Imported:
        """Check the rows that were kept, and put the table together.

        Raises
        ------
        TableError
            If there is no usable rollout.
        """
        columns = self._columns()
        self._note_texts(columns)
        names = dict.fromkeys(name for features in self.features for name in features)
        features = {name: _vector([row.get(name) for row in self.features]) for name in names}
        for name, values in features.items():
            if all(value is None for value in values):
                raise TableError(
                    f"has no {name!r} on any rollout", path=self.source, remedy="leave it out"
                )
        if "truncated" in columns:
            self._answered_in_time(columns)
        return build_imported(
            self.source,
            columns,
            features,
            self.locations.__getitem__,
            self.refused,
            self.notes,
            named=list(features),
        )

    def _columns(self) -> dict[str, np.ndarray]:
        columns = {}
        for name in REQUIRED + OPTIONAL:
            values = [row.get(name) for row in self.rows]
            without = sum(value is None for value in values)
            if name == "text" and without < len(values):
                values, without = ["" if value is None else value for value in values], 0
            if name in REQUIRED or not without or (name == "cap" and without < len(values)):
                columns[name] = _vector(values)
            elif without < len(values):
                self.notes.append(
                    f"{name} is left out: {without:,} of {len(values):,} rollouts have none"
                )
        return columns

    def _note_texts(self, columns: dict[str, np.ndarray]) -> None:
        """Note questions without text, and leave the column out if none has any."""
        texts = columns.get("text", ())
        empty = sum(isinstance(text, str) and not text.strip() for text in texts)
        if empty and empty == len(texts):
            del columns["text"]
            self.notes.append("text is left out: no question has any")
        elif empty:
            self.notes.append(
                f"text is empty on {empty:,} of {len(texts):,} rollouts, whose questions have none "
                "(pictures, token ids, templates)"
            )

    def _answered_in_time(self, columns: dict[str, np.ndarray]) -> None:
        right = np.array([isinstance(c, (int, float)) and c > 0 for c in columns["correct"]], bool)
        both = columns["truncated"].astype(bool) & right
        if both.any():
            columns["truncated"] = columns["truncated"].astype(bool) & ~both
            self.notes.append(
                f"{both.sum():,} rollouts were cut off after a right answer: they count as complete"
            )


def build_imported(
    source: Path,
    columns: Mapping[str, np.ndarray],
    features: Mapping[str, np.ndarray],
    location: Callable[[int], str],
    refused: list[Refusal],
    notes: list[str],
    named: Sequence[str] | None = None,
) -> Imported:
    """Check whole columns, refuse the rows that cannot be used, and give the others.

    Features that are outcomes are left out, unless they are among those that were named.

    Raises
    ------
    TableError
        If there is no usable rollout.
    """
    columns, told = fit_caps(columns, location)
    notes = [*notes, *told]
    given = {**columns, **features}
    bad: dict[int, Refusal] = {}
    for column, rows, problem, remedy in check(columns, features).violations if given else []:
        for row in map(int, rows):
            detail = _line(f"{plain(given[column][row])!r}; {remedy}")
            bad.setdefault(row, Refusal(location(row), f"{column} {problem}", detail))
    everything = (*refused, *(bad[row] for row in sorted(bad)))
    good = np.ones(len(columns["query_id"]), dtype=bool)
    good[list(bad)] = False
    if not good.any():
        reasons = "; ".join(
            f"{len(some):,} x {reason}" for reason, some in _by_reason(everything).items()
        )
        raise TableError(
            f"holds no usable rollout (refused: {reasons or 'nothing, it is empty'})",
            path=source,
            remedy="check the format and the options",
        )
    rollouts = Rollouts(
        **{name: values[good] for name, values in columns.items()},
        features={name: values[good] for name, values in features.items()},
    )
    if "text" in rollouts.varying():
        notes.append("text differs between rollouts of one query, so it cannot describe the query")
    chosen = choose_features(rollouts, named)
    return Imported(source, chosen.rollouts, everything, (*notes, *chosen.notes))


def _line(text: object) -> str:
    """Return a text as one line of bounded length."""
    return " ".join(str(text).split())[:_LONGEST]


def _vector(values: list[Any]) -> np.ndarray:
    return np.fromiter(values, dtype=object, count=len(values))


def _by_reason(refused: tuple[Refusal, ...]) -> dict[str, list[Refusal]]:
    groups: dict[str, list[Refusal]] = {}
    for refusal in refused:
        groups.setdefault(refusal.reason, []).append(refusal)
    return dict(sorted(groups.items(), key=lambda group: -len(group[1])))

"""The grades of a batch's answers, each found by its request and number."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from clear_opt.io import TableError, listed, read_records
from clear_opt.rollouts.columns import typed_column

_KNOWN = ("custom_id", "query_id", "correct", "sample", "text", "source", "model")


class Grade(NamedTuple):
    """What a grades file says of one answer."""

    query_id: str
    correct: Any
    sample: int | None
    text: str | None
    source: str | None
    model: str | None
    features: dict[str, Any]


@dataclass
class Grades:
    """The grades of one file, by request and number of the answer."""

    path: Path
    grades: dict[str, dict[int | None, Grade]] = field(default_factory=dict)
    locations: dict[str, dict[int | None, str]] = field(default_factory=dict)
    """Where the grades stand that no answer used yet."""

    def add(self, custom_id: str, grade: Grade, location: str) -> None:
        """Keep a grade.

        Raises
        ------
        TableError
            If the answer has one already.
        """
        grades = self.grades.setdefault(custom_id, {})
        locations = self.locations.setdefault(custom_id, {})
        if grade.sample in grades:
            raise TableError(
                f"grades the same answer as {locations[grade.sample]}",
                path=self.path,
                location=location,
                column="custom_id",
                value=custom_id,
                remedy="give every answer one grade, numbered by 'sample' if there are several",
            )
        grades[grade.sample] = grade
        locations[grade.sample] = location

    def find(self, custom_id: str, index: int, *, alone: bool) -> Grade | None:
        """Return the grade of an answer, which then counts as used."""
        grades = self.grades.get(custom_id, {})
        number: int | None = index
        if index not in grades and alone and grades:
            number = next(iter(grades))  # the only answer has the only grade, whatever its number
        self.locations.get(custom_id, {}).pop(number, None)
        return grades.get(number)

    def used(self, custom_id: str) -> None:
        """Count the grades of a request as used, whose answers are refused for another reason."""
        self.locations.pop(custom_id, None)

    def left(self) -> list[tuple[str, str]]:
        """Return location and custom_id of each grade that no answer used."""
        return [
            (location, name)
            for name, locations in self.locations.items()
            for location in locations.values()
        ]


def read_grades(
    path: str | Path, columns: Mapping[str, str] | None, features: Sequence[str]
) -> Grades:
    """Read a grades file; see `clear_opt.rollouts.importers.import_openai_batch`.

    Raises
    ------
    TableError
        If a column is missing, a row has no name, or an answer is graded twice.
    """
    path = Path(path)
    records = read_records(path)
    theirs = {name: name for name in _KNOWN} | dict(columns or {})
    if theirs["custom_id"] not in records.columns:
        theirs["custom_id"] = theirs["query_id"]
    if theirs["query_id"] not in records.columns:
        theirs["query_id"] = theirs["custom_id"]
    wanted = ["custom_id", "correct", *(columns or {})]
    for name in [theirs.get(name, name) for name in wanted] + list(features):
        if name not in records.columns:
            raise TableError(
                "is missing",
                path=path,
                column=name,
                remedy=f"columns found: {listed(records.columns)}",
            )
    values = {
        name: typed_column(records, theirs[name], name)
        for name in _KNOWN
        if theirs[name] in records.columns
    }
    extra = {name: typed_column(records, name, None) for name in features}
    graded = Grades(path)
    for row, record in enumerate(records.rows):
        one = {name: column[row] for name, column in values.items()}
        grade = Grade(
            query_id=_name(path, record.location, one["query_id"]),
            correct=one["correct"],
            sample=_sample(path, record.location, one),
            text=one.get("text"),
            source=one.get("source"),
            model=one.get("model"),
            features={name: column[row] for name, column in extra.items()},
        )
        graded.add(_name(path, record.location, one["custom_id"]), grade, record.location)
    return graded


def _name(path: Path, location: str, name: Any) -> str:
    if not isinstance(name, str) or not name.strip():
        raise TableError(
            "has no name",
            path=path,
            location=location,
            column="custom_id",
            value=name,
            remedy="name the request",
        )
    return name


def _sample(path: Path, location: str, one: dict[str, Any]) -> int | None:
    sample = one.get("sample")
    if sample is None:
        return None
    if isinstance(sample, bool) or not isinstance(sample, (int, float)) or sample % 1 != 0:
        raise TableError(
            "must be a whole number",
            path=path,
            location=location,
            column="sample",
            value=sample,
            remedy="number the choices of a response from 0",
        )
    return int(sample)

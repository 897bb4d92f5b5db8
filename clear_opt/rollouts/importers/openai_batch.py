"""Rollouts from the output of OpenAI-style batches, joined to a file of grades."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from clear_opt.io import Record, TableError, read_records
from clear_opt.rollouts.importers.answers import Answer, Answers, Unusable, answers_of
from clear_opt.rollouts.importers.caps import cap_of
from clear_opt.rollouts.importers.grades import Grade, Grades, read_grades
from clear_opt.rollouts.importers.imported import Collector, Imported
from clear_opt.rollouts.importers.model_names import ModelNames
from clear_opt.rollouts.importers.stop_reasons import Ending
from clear_opt.rollouts.importers.texts import question_of
from clear_opt.rollouts.importers.usage import Usage, usage_notes

_CAPS = ("max_completion_tokens", "max_tokens", "max_output_tokens")
_QUESTIONS = ("messages", "input", "prompt", "instructions")


def import_openai_batch(
    source: str | Path,
    *,
    grades: str | Path,
    requests: str | Path | None = None,
    columns: Mapping[str, str] | None = None,
    model: str | None = None,
    features: Sequence[str] = (),
) -> Imported:
    """Import the output of a batch of chat completions, completions or responses.

    A rollout is one choice of one response. ``n_tokens`` is the completion's usage with its
    reasoning (`clear_opt.rollouts.importers.usage`), ``truncated`` follows from the stop reason
    (`clear_opt.rollouts.importers.stop_reasons`), and an effort that the request names is part of
    ``model``. The usage of a response with several choices is their sum: a choice that was cut off
    gets the request's limit, if it is known, and the rest is shared out by the length of the texts.

    Parameters
    ----------
    source : str or Path
        The batch's output, JSON Lines with ``custom_id``, ``response`` and ``error``.
    grades : str or Path
        Table with ``custom_id`` and ``correct``; where a response has several choices, one row for
        each with its number in ``sample``, from 0. Optional ``query_id`` (the ``custom_id`` if
        there is none) and ``text``, ``source``, ``model``. A table with ``query_id`` alone means
        that it is the ``custom_id``.
    requests : str or Path, optional
        The batch's input, for texts, caps and efforts.
    columns : mapping of str to str, optional
        What the grades file calls its columns, ours to theirs.
    model : str, optional
        Name of the model, instead of the one in the responses.
    features : sequence of str, optional
        Columns of the grades file to keep as features.

    Raises
    ------
    TableError
        If a file cannot be read, grades contradict one another, or no row can be used.
    """
    source = Path(source)
    graded = read_grades(grades, columns, features)
    asked = None if requests is None else _requests(Path(requests))
    batch = _Batch(Collector(source), graded, asked, ModelNames(model))
    for record in read_records(source).rows:
        batch.read(record)
    return batch.finish()


@dataclass
class _Batch:
    """The rows of a batch's output, on their way to the collector."""

    collector: Collector
    graded: Grades
    asked: dict[str, dict[str, Any]] | None
    names: ModelNames
    graded_names: dict[str, ModelNames] = field(default_factory=dict)
    seen: dict[str, str] = field(default_factory=dict)
    numbers: Counter[tuple[str, str]] = field(default_factory=Counter)
    usages: list[Usage] = field(default_factory=list)
    shared: int = 0
    filtered: int = 0

    def read(self, record: Record) -> None:
        """Keep the answers of one row, or say why not."""
        custom_id = _name(record.values.get("custom_id"))
        if custom_id is None:
            self.collector.refuse(record.location, "the row has no custom_id")
            return
        if self.seen.setdefault(custom_id, record.location) != record.location:
            self.collector.refuse(
                record.location, "the custom_id appears again", self.seen[custom_id]
            )
            return
        try:
            request = self._request(custom_id)
            answers = answers_of(record.values, cap_of(request, _CAPS))
        except Unusable as error:
            self.collector.refuse(record.location, error.reason, error.detail or custom_id)
            self.graded.used(custom_id)
            return
        several = len(answers.choices) > 1
        self.usages.append(answers.usage)
        self.shared += several
        for answer in answers.choices:
            grade = self.graded.find(custom_id, answer.number, alone=not several)
            if answer.stop.problem:
                self.collector.refuse(record.location, answer.stop.problem, custom_id)
            elif grade is None or grade.correct is None:
                self.collector.refuse(record.location, "the answer has no grade", custom_id)
            else:
                self._add(record.location, answer, answers, grade, request)

    def _request(self, custom_id: str) -> dict[str, Any]:
        if self.asked is None:
            return {}
        if custom_id not in self.asked:
            raise Unusable("the custom_id has no request")
        return self.asked[custom_id]

    def _add(
        self, location: str, answer: Answer, answers: Answers, grade: Grade, request: dict[str, Any]
    ) -> None:
        model = self._model(answers, grade, request)
        key = grade.query_id, str(model)
        sample = self.numbers[key] if grade.sample is None else grade.sample
        self.numbers[key] += 1
        self.filtered += answer.stop.ending is Ending.FILTERED
        text = grade.text or _question(request, answer.number, len(answers.choices))
        values = {
            "query_id": grade.query_id,
            "n_tokens": answer.n_tokens,
            "correct": grade.correct,
            "text": grade.text if text is None else text,
            "model": model,
            "sample": sample,
            "truncated": answer.stop.truncated,
            "source": grade.source,
            "cap": answers.cap,
        }
        self.collector.add(location, values, grade.features)

    def _model(self, answers: Answers, grade: Grade, request: dict[str, Any]) -> str | None:
        """Name the model: the user's word for it stands, the server's goes with the effort."""
        names = self.names
        if grade.model and names.given is None:
            names = self.graded_names.setdefault(str(grade.model), ModelNames(grade.model))
        settings = dict(request)
        if answers.effort is not None:
            settings["reasoning"] = {"effort": answers.effort}
        asked = request.get("model")
        model = answers.model or (asked if isinstance(asked, str) else "")
        return names.name(model, settings) or None

    def finish(self) -> Imported:
        """Refuse the grades that are left, and put the table together."""
        grades = self.graded.path.name
        for location, key in self.graded.left():
            self.collector.refuse(f"{grades}, {location}", "the grade has no answer", key)
        notes = self.collector.notes
        if self.shared:
            notes.append(
                f"{self.shared:,} responses have several choices: their usage is shared out among "
                "them"
            )
        if self.filtered:
            notes.append(
                f"the end of {self.filtered:,} rollouts was withheld by a filter: they count as "
                "complete"
            )
        notes += usage_notes(self.usages)
        for names in (self.names, *self.graded_names.values()):
            notes += names.notes()
        return self.collector.finish()


def _name(value: Any) -> str | None:
    """Return a custom_id as text; some servers keep numbers as numbers."""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return value if isinstance(value, str) and value.strip() else None


def _question(request: dict[str, Any], number: int, choices: int) -> str | None:
    """Return what was asked for one choice; a request for plain completions may ask several things.

    Their choices stand in the order of the prompts, ``n`` of each.
    """
    prompt = request.get("prompt")
    if isinstance(prompt, list) and len(prompt) > 1 and choices % len(prompt) == 0:
        each = choices // len(prompt)
        return question_of(prompt[number // each]) if 0 <= number < choices else ""
    asked = [question_of(request[name]) for name in _QUESTIONS if request.get(name) is not None]
    return next(filter(str.strip, asked), "") if asked else None


def _requests(path: Path) -> dict[str, dict[str, Any]]:
    """Read the body of each request, by its custom_id."""
    bodies: dict[str, dict[str, Any]] = {}
    for record in read_records(path).rows:
        custom_id, body = _name(record.values.get("custom_id")), record.values.get("body")
        if custom_id is None or not isinstance(body, dict):
            raise TableError(
                "has no custom_id with a body",
                path=path,
                location=record.location,
                remedy="give the batch's input file",
            )
        if bodies.setdefault(custom_id, body) != body:
            raise TableError(
                "asks for something else under the same custom_id as a row before it",
                path=path,
                location=record.location,
                column="custom_id",
                value=custom_id,
                remedy="give the batch's input file",
            )
    return bodies

"""Rollouts from the output of OpenAI-style batches, joined to a file of grades."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from clear_opt.files import TableError, read_records
from clear_opt.rollouts.importers.answers import Answer, Unusable, answers_of
from clear_opt.rollouts.importers.grades import Grade, read_grades
from clear_opt.rollouts.importers.imported import Collector, Imported
from clear_opt.rollouts.importers.texts import question_of

_CAPS = ("max_completion_tokens", "max_tokens", "max_output_tokens")


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

    A rollout is one choice of one response. ``n_tokens`` is the completion's usage, which counts
    reasoning. The usage of a response with several choices is their sum: a choice that was cut off
    gets the request's limit, if it is known, and the rest is shared out by the length of the texts.

    Parameters
    ----------
    source
        The batch's output, JSON Lines with ``custom_id``, ``response`` and ``error``.
    grades
        Table with ``custom_id`` and ``correct``; where a response has several choices, one row for
        each with its number in ``sample``, from 0. Optional ``query_id`` (the ``custom_id`` if
        there is none) and ``text``, ``source``, ``model``. A table with ``query_id`` alone means
        that it is the ``custom_id``.
    requests
        The batch's input, for texts and caps.
    columns
        What the grades file calls its columns, ours to theirs.
    model
        Name of the model, instead of the one in the responses.
    features
        Columns of the grades file to keep as features.

    Raises
    ------
    TableError
        If a file cannot be read, grades contradict one another, or no row can be used.
    """
    source = Path(source)
    collector = Collector(source)
    graded = read_grades(grades, columns, features)
    asked = None if requests is None else _requests(Path(requests))
    seen: dict[str, str] = {}
    numbers: Counter[tuple[str, str]] = Counter()
    shared = 0
    records = read_records(source)
    for record in records.rows:
        custom_id = record.values.get("custom_id")
        if not isinstance(custom_id, str):
            collector.refuse(record.place, "the row has no custom_id")
            continue
        if seen.setdefault(custom_id, record.place) != record.place:
            collector.refuse(record.place, "the custom_id appears again", seen[custom_id])
            continue
        request = None if asked is None else asked.get(custom_id)
        if asked is not None and request is None:
            collector.refuse(record.place, "the custom_id has no request", custom_id)
            graded.used(custom_id)
            continue
        try:
            answers = answers_of(record.values, _cap(request))
        except Unusable as flaw:
            collector.refuse(record.place, flaw.reason, flaw.detail or custom_id)
            graded.used(custom_id)
            continue
        shared += len(answers) > 1
        for answer in answers:
            grade = graded.find(custom_id, answer.number, alone=len(answers) == 1)
            if grade is None or grade.correct is None:
                collector.refuse(record.place, "the answer has no grade", custom_id)
            else:
                values = _rollout(answer, grade, request, model)
                key = values["query_id"], values["model"]
                if values["sample"] is None:
                    values["sample"] = numbers[key]
                numbers[key] += 1
                collector.add(record.place, values, grade.features)
    for place, key in graded.left():
        collector.refuse(f"{graded.path.name}, {place}", "the grade has no answer", key)
    if shared:
        collector.notes.append(
            f"{shared:,} responses have several choices: their usage is shared out among them"
        )
    return collector.finish()


def _rollout(
    answer: Answer, grade: Grade, request: dict[str, Any] | None, model: str | None
) -> dict[str, Any]:
    text = grade.text
    if text is None and request is not None:
        text = question_of(
            request.get("messages") or request.get("input") or request.get("prompt") or ""
        )
    return {
        "query_id": grade.query_id,
        "n_tokens": answer.n_tokens,
        "correct": grade.correct,
        "text": text,
        "model": model or grade.model or answer.model,
        "sample": grade.sample,
        "truncated": answer.truncated,
        "source": grade.source,
        "cap": answer.cap,
    }


def _cap(request: dict[str, Any] | None) -> int | None:
    limits = ((request or {}).get(name) for name in _CAPS)
    return next((limit for limit in limits if isinstance(limit, int) and limit > 0), None)


def _requests(path: Path) -> dict[str, dict[str, Any]]:
    """Body of each request, by its custom_id."""
    bodies = {}
    for record in read_records(path).rows:
        custom_id, body = record.values.get("custom_id"), record.values.get("body")
        if not isinstance(custom_id, str) or not isinstance(body, dict):
            raise TableError(
                "has no custom_id with a body",
                path=path,
                place=record.place,
                remedy="give the batch's input file",
            )
        bodies[custom_id] = body
    return bodies

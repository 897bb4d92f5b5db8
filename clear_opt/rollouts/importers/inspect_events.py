"""Calls of models in an Inspect transcript, and what each was for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from enum import Enum
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

from clear_opt.rollouts.importers.answers import Unusable
from clear_opt.rollouts.importers.inspect_files import describe_error

if TYPE_CHECKING:
    from inspect_ai.event import Event, ModelEvent
    from inspect_ai.log import EvalSample

_SOLVING, _SCORING = "solvers", frozenset({"scorers", "scorer"})
_TELLING = frozenset({"model", "score", "tool", "subtask"})
_DESERIALIZING = {"deserializing": True}  # as Inspect reads logs: unknown settings are passed over


class Purpose(Enum):
    """What a model was called for."""

    ANSWER = "answer"
    GRADE = "grade"
    OTHER = "other"


class Call(NamedTuple):
    """One call of a model."""

    event: ModelEvent
    purpose: Purpose


def calls_of(sample: EvalSample) -> list[Call]:
    """Return the calls of models in a sample's transcript, in their order.

    A call is part of the answer if it was made by the solvers: inside their span, or outside the
    scorers' spans or steps in a log that marks only those. A scorer that the solvers themselves
    ask, as agents with several attempts do, leaves a score in the transcript but no span. The calls
    before that score are the scorer's, as many of them as the scorer made in the end.

    Raises
    ------
    Unusable
        If an event inside another one cannot be read.
    """
    transcript = _Transcript(sample.events)
    found = list(transcript.walk(sample.events, ()))
    at_the_end = Counter(_scorer(within) for event, within in found if event.event == "model")
    calls: list[Call] = []
    since = 0
    for event, within in found:
        if event.event == "model":
            calls.append(Call(event, transcript.purpose(within)))
        elif event.event == "score":
            asked = at_the_end[event.scorer] if event.scorer and event.intermediate else 0
            for position in range(max(since, len(calls) - asked), len(calls)):
                calls[position] = Call(calls[position].event, Purpose.GRADE)
            since = len(calls)
    return calls


class _Section(NamedTuple):
    """A span, or a step of older logs, that an event lies in."""

    kind: str
    name: str


class _Transcript:
    """What the spans and steps around an event say."""

    def __init__(self, events: Iterable[Event]) -> None:
        self._spans = {event.id: event for event in events if event.event == "span_begin"}
        self._solvers_marked = any(
            (span.type or span.name) == _SOLVING for span in self._spans.values()
        )

    def walk(
        self, events: Iterable[Event], around: tuple[_Section, ...]
    ) -> Iterator[tuple[Event, tuple[_Section, ...]]]:
        """Return calls, scores and what may hold them, each with the sections around it.

        Older logs keep the events of a tool or a subtask inside its own.
        """
        steps: list[_Section] = []
        for event in events:
            if event.event == "step":
                if event.action == "begin":
                    steps.append(_Section(event.type or event.name, event.name))
                elif steps:
                    steps.pop()
            if event.event not in _TELLING:
                continue
            within = (*around, *self._spans_around(event.span_id), *steps)
            yield event, within
            if (event.event == "tool" or event.event == "subtask") and event.events:
                yield from self.walk(_parsed(event.events), within)

    def purpose(self, within: tuple[_Section, ...]) -> Purpose:
        kinds = {section.kind for section in within}
        if kinds & _SCORING:
            return Purpose.GRADE
        solving = _SOLVING in kinds or not self._solvers_marked
        return Purpose.ANSWER if solving else Purpose.OTHER

    def _spans_around(self, span_id: str | None) -> list[_Section]:
        path: dict[str, _Section] = {}
        while span_id in self._spans and span_id not in path:
            span = self._spans[span_id]
            path[span.id] = _Section(span.type or span.name, span.name)
            span_id = span.parent_id
        return list(path.values())


def _scorer(within: tuple[_Section, ...]) -> str | None:
    return next((section.name for section in within if section.kind == "scorer"), None)


def _parsed(events: list[Any]) -> list[Event]:
    from inspect_ai.event import Event
    from pydantic import Field, TypeAdapter, ValidationError

    adapter = TypeAdapter(list[Annotated[Event, Field(discriminator="event")]])
    try:
        return adapter.validate_python(events, context=_DESERIALIZING)
    except ValidationError as error:
        raise Unusable("an event within another cannot be read", describe_error(error)) from None

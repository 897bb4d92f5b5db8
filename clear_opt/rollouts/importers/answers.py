"""What one row of a batch's output holds: its answers with their lengths."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, NamedTuple

from clear_opt.rollouts.importers.caps import cap_of
from clear_opt.rollouts.importers.stop_reasons import StopReason, stop_reason
from clear_opt.rollouts.importers.texts import text_of
from clear_opt.rollouts.importers.token_estimates import estimate_tokens
from clear_opt.rollouts.importers.usage import Usage

_SUCCESS = re.compile(r"2\d\d(\.0)?")


class Answer(NamedTuple):
    """One choice of a response."""

    number: int
    """Its number among the choices, from 0."""
    n_tokens: int
    stop: StopReason


class Answers(NamedTuple):
    """All choices of a response."""

    choices: list[Answer]
    usage: Usage
    """Of all choices together."""
    model: str | None
    cap: int | None
    """The request's limit, or the one that the response itself names."""
    effort: Any
    """The effort that the response itself names."""


class Unusable(Exception):  # noqa: N818 - a finding, not a failure: the row is refused
    """A row without a usable answer."""

    def __init__(self, reason: str, detail: object = "") -> None:
        super().__init__(reason)
        self.reason, self.detail = reason, detail


def answers_of(row: dict[str, Any], cap: int | None) -> Answers:
    """Return the answers in one row of a batch's output.

    Parameters
    ----------
    row : dict of str to Any
        The row, with ``response`` (``status_code`` and ``body``) and ``error``.
    cap : int or None
        Most tokens of one answer, if the request names it.

    Raises
    ------
    Unusable
        If the request failed, or its response has no answer or no sound usage.
    """
    body = _body(row)
    model = body.get("model") if isinstance(body.get("model"), str) else None
    if body.get("object") == "response":
        stop, usage = _ending(body), _usage(body.get("usage"))
        cap = cap or cap_of(body, ("max_output_tokens",))
        effort = _object(body.get("reasoning")).get("effort")
        return Answers([Answer(0, usage.tokens, stop)], usage, model, cap, effort)
    usage = _usage(body.get("usage"))
    choices = body.get("choices")
    if not isinstance(choices, list) or not choices:
        raise Unusable("the response has no choices")
    if not all(isinstance(choice, dict) for choice in choices):
        raise Unusable("the response has a choice that is no object")
    stops = [stop_reason(choice.get("finish_reason")) for choice in choices]
    lengths = [usage.tokens]
    if len(choices) > 1:
        cut_off = [stop.truncated for stop in stops]
        lengths = _shared(usage.tokens, [_text(choice) for choice in choices], cut_off, cap)
    answers = map(Answer, _numbers(choices), lengths, stops)
    return Answers(list(answers), usage, model, cap, None)


def _body(row: dict[str, Any]) -> dict[str, Any]:
    error, response = row.get("error"), row.get("response")
    if error:
        raise _failed(error)
    if not isinstance(response, dict):
        raise Unusable("the row has no response")
    body, status = response.get("body"), response.get("status_code")
    told = body.get("error") if isinstance(body, dict) else None
    if status is not None and not _SUCCESS.fullmatch(str(status).strip()):
        raise _failed(told, f"status {status}")
    if told:
        raise _failed(told)
    if not isinstance(body, dict):
        raise Unusable("the response has no body")
    return body


def _failed(error: Any, status: str = "") -> Unusable:
    """Return the finding of a failed request, with what the server says of it."""
    told = _object(error)
    word = status or told.get("code") or told.get("type")
    detail = told.get("message") if told else error
    return Unusable(f"the request failed: {word}" if word else "the request failed", detail or "")


def _usage(counts: Any) -> Usage:
    """Read the usage of either API; their names are told apart by what is there."""
    counts = _object(counts)
    completion = _count(counts, "completion_tokens", "output_tokens")
    if completion is None:
        raise Unusable("the response has no token usage")
    written = _details(counts, "completion_tokens_details", "output_tokens_details")
    read = _details(counts, "prompt_tokens_details", "input_tokens_details")
    reasoning = _count(written, "reasoning_tokens")
    return Usage(
        completion,
        prompt=_count(counts, "prompt_tokens", "input_tokens"),
        reasoning=_count(counts, "reasoning_tokens") if reasoning is None else reasoning,
        total=_count(counts, "total_tokens"),
        cached=_count(read, "cached_tokens") or 0,
    )


def _details(counts: dict[str, Any], *names: str) -> dict[str, Any]:
    return next((counts[name] for name in names if isinstance(counts.get(name), dict)), {})


def _count(counts: dict[str, Any], *names: str) -> int | None:
    """Return the first count of these that is there."""
    name, value = next(((n, counts[n]) for n in names if counts.get(n) is not None), ("", None))
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float)) or value % 1 != 0:
        raise Unusable("the usage has a count that is no whole number", f"{name} = {value!r}")
    return int(value)


def _ending(body: dict[str, Any]) -> StopReason:
    """Return the stop reason of the Responses API, which has no choices."""
    status = body.get("status")
    if status == "completed":
        return stop_reason(status)
    if status == "incomplete":
        return stop_reason(_object(body.get("incomplete_details")).get("reason"))
    raise Unusable(f"the response is {status}" if status else "the response has no status")


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _numbers(choices: Sequence[dict[str, Any]]) -> list[int]:
    """Return the numbers of the choices: their positions where they do not say."""
    indices = [choice.get("index") for choice in choices]
    numbers = [
        index if isinstance(index, int) and not isinstance(index, bool) else position
        for position, index in enumerate(indices)
    ]
    if len(set(numbers)) < len(numbers):
        raise Unusable("two choices of the response have one number")
    return numbers


def _text(choice: dict[str, Any]) -> str:
    message = choice.get("message")
    return text_of(message if isinstance(message, dict) else choice.get("text"))


def _shared(
    tokens: int, texts: Sequence[str], cut_off: Sequence[bool], cap: int | None
) -> list[int]:
    """Share out the tokens of several choices; the shares add up to what was used.

    A choice that was cut off used its whole limit. The others get the rest by the length of their
    texts, the last of them what rounding leaves.
    """
    known = [cap if cut and cap is not None else None for cut in cut_off]
    rest = tokens - sum(length or 0 for length in known)
    if rest < 0 or all(length is not None for length in known):
        known, rest = [None] * len(texts), tokens  # the usage contradicts the limit
    open_ = [position for position, length in enumerate(known) if length is None]
    weights = [estimate_tokens(texts[position]) + 1 for position in open_]
    lengths = [length or 0 for length in known]
    whole, weight, given = sum(weights), 0, 0
    for position, own in zip(open_, weights, strict=True):
        weight += own
        end = (2 * rest * weight + whole) // (2 * whole)  # rounded; floats would not do for all
        lengths[position], given = end - given, end
    return lengths

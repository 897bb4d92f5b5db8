"""What one row of a batch's output holds: its answers with their lengths."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from clear_opt.rollouts.importers.texts import estimate_tokens


class Answer(NamedTuple):
    """One choice of a response."""

    number: int
    """Its number among the choices, from 0."""
    n_tokens: int
    truncated: bool
    model: str | None
    cap: int | None
    """The request's limit, or the one that the response itself names."""


class Unusable(Exception):  # noqa: N818 - a finding, not a failure: the row is refused
    """A row without a usable answer."""

    def __init__(self, reason: str, detail: object = "") -> None:
        super().__init__(reason)
        self.reason, self.detail = reason, detail


def answers_of(row: dict[str, Any], cap: int | None) -> list[Answer]:
    """Give the answers in one row of a batch's output.

    Parameters
    ----------
    row
        The row, with ``response`` (``status_code`` and ``body``) and ``error``.
    cap
        Most tokens of one answer, if the request names it.

    Raises
    ------
    Unusable
        If the request failed, or its response has no answer or no usage.
    """
    body = _body(row)
    usage = body.get("usage")
    usage = usage if isinstance(usage, dict) else {}
    model = body.get("model") if isinstance(body.get("model"), str) else None
    if body.get("object") == "response":
        return [_response(body, usage, model, cap)]
    tokens = _count(usage.get("completion_tokens"))
    choices = body.get("choices")
    if not isinstance(choices, list) or not choices:
        raise Unusable("the response has no choices")
    if not all(isinstance(choice, dict) for choice in choices):
        raise Unusable("the response has a choice that is no object")
    cut_off = [choice.get("finish_reason") == "length" for choice in choices]
    lengths = [tokens]
    if len(choices) > 1:
        lengths = _shared(tokens, [_text(choice) for choice in choices], cut_off, cap)
    return [
        Answer(_index(choice, place), length, cut, model, cap)
        for place, (choice, length, cut) in enumerate(zip(choices, lengths, cut_off, strict=True))
    ]


def _body(row: dict[str, Any]) -> dict[str, Any]:
    error, response = row.get("error"), row.get("response")
    if isinstance(error, dict) and error:
        raise Unusable(f"the request failed: {error.get('code')}", error.get("message") or "")
    if not isinstance(response, dict):
        raise Unusable("the row has no response")
    body = response.get("body")
    if response.get("status_code") != 200:
        told = body.get("error") if isinstance(body, dict) else None
        detail = told.get("message") if isinstance(told, dict) else ""
        raise Unusable(f"the request failed: status {response.get('status_code')}", detail or "")
    if not isinstance(body, dict):
        raise Unusable("the response has no body")
    return body


def _response(
    body: dict[str, Any], usage: dict[str, Any], model: str | None, cap: int | None
) -> Answer:
    """Give the one answer of the Responses API, which has no choices."""
    status = body.get("status")
    if status not in ("completed", "incomplete"):
        raise Unusable(f"the response is {status}")
    why = body.get("incomplete_details")
    reason = why.get("reason") if isinstance(why, dict) else None
    cap = cap or body.get("max_output_tokens")
    cut_off = status == "incomplete" and reason == "max_output_tokens"
    if status == "incomplete" and not cut_off:
        raise Unusable(f"the response is incomplete: {reason}")
    return Answer(0, _count(usage.get("output_tokens")), cut_off, model, cap)


def _count(tokens: Any) -> int:
    if not isinstance(tokens, int) or isinstance(tokens, bool):
        raise Unusable("the response has no token usage")
    return tokens


def _index(choice: dict[str, Any], place: int) -> int:
    index = choice.get("index")
    return index if isinstance(index, int) else place


def _text(choice: dict[str, Any]) -> str:
    message = choice.get("message")
    content = message.get("content") if isinstance(message, dict) else choice.get("text")
    return content if isinstance(content, str) else ""


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
    open_ = [place for place, length in enumerate(known) if length is None]
    weights = [estimate_tokens(texts[place]) + 1 for place in open_]
    ends = [0, *(round(rest * sum(weights[: k + 1]) / sum(weights)) for k in range(len(weights)))]
    lengths = [length or 0 for length in known]
    for k, place in enumerate(open_):
        lengths[place] = ends[k + 1] - ends[k]
    return lengths

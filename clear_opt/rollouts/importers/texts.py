"""Questions in logs: what the user asked, in the many shapes that servers take requests in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_SPOKEN = ("text", "input_text", "message", None)  # types of what says something without a role


def question_of(messages: Any) -> str:
    """Return what the user asked: a plain prompt, or the user's last messages in a row.

    What follows them, such as the beginning of an answer that the model is to go on with (a
    prefill) or the result of a tool, is no question. Where no user speaks, all that was said to
    the model is: a chat may consist of a system message alone.

    Parameters
    ----------
    messages : Any
        A text, or messages in the manner of a chat request: objects with ``role`` and ``content``,
        the latter a text or a list of parts of which some have a ``text``. A list may also hold
        plain texts. Whatever else stands there, such as token ids or pictures, has no text.

    Examples
    --------
    >>> question_of([{"role": "user", "content": "1+1?"}, {"role": "assistant", "content": "It"}])
    '1+1?'
    >>> question_of([1, 17, 4])
    ''
    """
    if not isinstance(messages, list):
        return text_of([messages] if isinstance(messages, Mapping) else messages)
    asked: list[str] = []
    told: list[str] = []
    answered = False
    for message in messages:
        role, text = _role(message), text_of(message)
        if role == "assistant":
            answered = True
        elif role == "user" and text.strip():
            asked = [text] if answered else [*asked, text]
            answered = False
        elif role in ("system", "developer"):
            told.append(text)
    return "\n\n".join(asked or filter(str.strip, told))


def _role(message: Any) -> Any:
    if not isinstance(message, Mapping):
        return "user"
    return message.get("role", "user" if message.get("type") in _SPOKEN else None)


def text_of(content: Any) -> str:
    """Return the text of a message, of its content or of a part of it."""
    if isinstance(content, str):
        return content
    if isinstance(content, Mapping):
        return text_of(content.get("content", content.get("text")))
    parts = content if isinstance(content, list) else []
    texts = [text_of(part) for part in parts if isinstance(part, (str, Mapping))]
    return "\n".join(text for text in texts if text)

"""What is wrong with what Inspect's library cannot read."""

from __future__ import annotations

_LONGEST = 160  # characters


def flaw_of(error: Exception) -> str:
    """Return in one line what an error of Inspect or of its parsers says.

    A file of another kind has a flaw for each of its parts: the first is told, with their number.
    """
    from pydantic import ValidationError

    if not isinstance(error, ValidationError):
        return str(error).partition("\n")[0][:_LONGEST] or type(error).__name__
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    place = ".".join(str(part) for part in first["loc"] if "[" not in str(part))
    flaw = f"{place or 'the whole'}: {first['msg']}"
    if first["type"] == "missing":
        flaw = f"{place} is missing"
    more = error.error_count() - 1
    return flaw[:_LONGEST] + (f" (the first of {more + 1:,} flaws)" if more else "")

"""How long an answer is, by what a server counted: reasoning is part of it, wherever it stands."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple


class Usage(NamedTuple):
    """Token counts of one answer, or the sums of several calls.

    Most servers count reasoning within the completion. Some count it beside, as xAI does
    (https://docs.x.ai/docs/key-information/consumption-and-rate-limits); the numbers then prove it.

    Examples
    --------
    >>> Usage(completion=3, prompt=40, reasoning=600, total=643).tokens
    603
    >>> Usage(completion=700, prompt=40, reasoning=600, total=740).tokens
    700
    """

    completion: int
    prompt: int | None = None
    reasoning: int | None = None
    total: int | None = None
    cached: int = 0
    """Prompt tokens from or for a cache, which ``prompt`` may or may not count."""
    reasoning_inside: bool = False
    """Whether the completion is known to count reasoning, whatever the numbers say.

    Of Anthropic's models it is. Inspect estimates their reasoning, which may then exceed the
    completion, and some of its versions added it to the total a second time.
    """

    @property
    def tokens(self) -> int:
        """Tokens of the answer, with all reasoning that is known."""
        return self.completion + (self.reasoning or 0 if self.reasoning_beside else 0)

    @property
    def reasoning_beside(self) -> bool:
        """Whether reasoning is proved to stand beside the completion.

        It is more than the completion, or only with it do the parts add up to the total.
        """
        reasoning = self.reasoning or 0
        if self.reasoning_inside or reasoning <= 0:
            return False
        return reasoning > self.completion or (self._adds_up(reasoning) and not self._adds_up(0))

    @property
    def unexplained(self) -> int:
        """Tokens of the total that are in none of its parts; negative if the parts exceed it."""
        if not self.prompt or not self.total or self._adds_up(0):
            return 0
        if self._adds_up(self.reasoning or 0):
            return 0
        return self.total - self.prompt - self.tokens

    def _adds_up(self, beside: int) -> bool:
        if not self.prompt or not self.total:  # some logs write 0 where nothing was counted
            return False
        prompts = (self.prompt, self.prompt + self.cached)
        return any(prompt + self.completion + beside == self.total for prompt in prompts)


def usage_notes(usages: Iterable[Usage]) -> list[str]:
    """Return what to tell about the usage of some answers, in sentences."""
    usages = list(usages)
    beside = sum(usage.reasoning_beside for usage in usages)
    gaps = [usage.unexplained for usage in usages if usage.unexplained]
    notes = []
    if beside:
        notes.append(
            f"{beside:,} of {len(usages):,} answers have their reasoning counted beside the "
            "completion: it is added"
        )
    if gaps:
        notes.append(
            f"{len(gaps):,} of {len(usages):,} answers have a total that is not prompt and "
            f"completion together: up to {max(map(abs, gaps)):,} tokens have no explanation, and "
            "are not counted"
        )
    return notes

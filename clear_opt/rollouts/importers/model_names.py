"""Names of models: one that is told to think harder has other lengths and other chances."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

_LABELS = {
    "effort": "effort",
    "reasoning_effort": "effort",
    "reasoning.effort": "effort",
    "output_config.effort": "effort",
    "thinking_level": "effort",
    "thinking_config.thinking_level": "effort",
    "thinkingConfig.thinkingLevel": "effort",
    "reasoning_tokens": "thinking_tokens",
    "reasoning.max_tokens": "thinking_tokens",
    "thinking.budget_tokens": "thinking_tokens",
    "thinking_budget": "thinking_tokens",
    "thinking_token_budget": "thinking_tokens",
    "thinking_config.thinking_budget": "thinking_tokens",
    "thinkingConfig.thinkingBudget": "thinking_tokens",
    "thinking": "thinking",
    "thinking.type": "thinking",
    "enable_thinking": "thinking",
    "reasoning": "thinking",
    "reasoning.enabled": "thinking",
    "include_reasoning": "thinking",
    "reasoning_mode": "mode",
    "reasoning.mode": "mode",
    "verbosity": "verbosity",
    "text.verbosity": "verbosity",
}
"""Settings of a request, by their path, that make another configuration of a model."""

_AROUND = ("extra_body", "chat_template_kwargs", "generation_config", "generationConfig")
"""What servers wrap settings in."""


class ModelNames:
    """Names models with their effort, and knows what to tell about it.

    Parameters
    ----------
    given : str, optional
        The user's name for every model, which stands as it is.

    Examples
    --------
    >>> names = ModelNames()
    >>> names.name("openai/o3", {"reasoning_effort": "high", "temperature": 1})
    'openai/o3 effort=high'
    >>> names.name("qwen", {"chat_template_kwargs": {"enable_thinking": False}})
    'qwen thinking=off'
    >>> names.notes()
    ['the effort asked for is part of the model: openai/o3 effort=high, qwen thinking=off']
    """

    def __init__(self, given: str | None = None) -> None:
        self.given = given
        self._found: dict[str, bool] = {}

    def name(self, model: str, *settings: Mapping[str, Any]) -> str:
        """Return the name of a model under some settings.

        Parameters
        ----------
        model : str
            Its name in the log.
        settings
            Of the request, as the API takes them; several if it was asked several times.
        """
        told = dict.fromkeys(
            f"{label}={value}" for some in settings for label, value in _efforts(some)
        )
        name = " ".join(filter(None, [model, *sorted(told)]))
        self._found[name] = bool(told)
        return name if self.given is None else self.given

    def notes(self) -> list[str]:
        """Return what to tell the user, in sentences."""
        told = [name for name, with_effort in self._found.items() if with_effort]
        if self.given is None and told:
            return [f"the effort asked for is part of the model: {', '.join(sorted(told))}"]
        if self.given is not None and len(self._found) > 1:
            several = ", ".join(sorted(self._found))
            return [f"{self.given!r} stands for several models or efforts: {several}"]
        return []


def _efforts(settings: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    waiting = [("", settings)]
    for path, some in waiting:
        for key, value in some.items():
            here = f"{path}{key}"
            if isinstance(value, Mapping):
                if key in _AROUND:
                    waiting.append((path, value))
                elif not path:
                    waiting.append((f"{here}.", value))
            elif here in _LABELS and isinstance(value, (str, int, float)) and value != "":
                yield _LABELS[here], _written(value)


def _written(value: str | int | float) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    return "_".join(str(value).lower().split())

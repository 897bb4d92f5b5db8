"""Why a generation ended, in the words of every server: one table for all importers.

The words are those of OpenAI's three APIs, Azure, Anthropic, Gemini and Vertex AI, Bedrock,
Mistral, xAI, DeepSeek, Cohere, GLM, ERNIE, watsonx, vLLM, SGLang, TGI, TensorRT-LLM, LMDeploy,
llama.cpp and Ollama, of routers such as OpenRouter and the AI SDK, and Inspect's own.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import Enum
from typing import Any, NamedTuple


class Ending(Enum):
    """What a stop reason says about a generation."""

    FINISHED = "finished"
    """It ended by itself, or by a rule that a larger cap would not change."""
    TRUNCATED = "truncated"
    """A limit on tokens cut it off: the request's, the model's or the context's."""
    FILTERED = "filtered"
    """A filter or the provider's policy withheld the answer, or the rest of it.

    Such a generation is complete: no cap brings its answer, and who asks again is billed for it
    again. What was left of it is graded like any other answer.
    """
    FAILED = "failed"
    """The server broke it off, or says that it is not over: neither its length nor its grade says
    anything about the model.
    """
    UNKNOWN = "unknown"
    """No server is known to use this word."""


_WORDS = {
    Ending.FINISHED: """
        stop stopped eos eos_token end_of_text endoftext end_turn end_of_turn stop_sequence
        stop_token stop_str stop_word word complete completed finished normal repetition
        tool_calls tool_call tool_use function_call
        """,
    Ending.TRUNCATED: """
        length max_length max_tokens max_token max_output_tokens max_completion_tokens
        max_new_tokens max_len max_context model_length token_limit token_limit_reached limit
        error_limit context_length context_limit context_length_exceeded
        model_context_window_exceeded context_window_exceeded
        """,
    Ending.FILTERED: """
        content_filter content_filtered safety safety_filter refusal recitation blocklist
        prohibited_content spii language model_armor guardrail guardrail_intervened guardrails
        sensitive error_toxic image_safety image_prohibited_content image_recitation
        """,
    Ending.FAILED: """
        abort aborted error network_error server_error insufficient_system_resource cancel
        cancelled canceled user_cancel timeout time_limit pause_turn compaction load unload none
        null unknown other unspecified invalid incomplete in_progress not_finished queued failed
        overloaded rate_limit_exceeded malformed_function_call malformed_response
        malformed_model_output malformed_tool_use unexpected_tool_call too_many_tool_calls
        max_tool_invocations missing_thought_signature invalid_query image_other no_image
        """,
}
_ENDINGS = {word: ending for ending, words in _WORDS.items() for word in words.split()}
_ENUM = re.compile(r"^(?:stop|finish)?_?reason_(?=.)")
_HUMP = re.compile(r"(?<=[a-z])(?=[A-Z])")


class StopReason(NamedTuple):
    """One generation's stop reason."""

    ending: Ending
    word: str
    """As the log has it; empty where it has none."""

    @property
    def truncated(self) -> bool:
        """Whether a limit on tokens cut the generation off."""
        return self.ending is Ending.TRUNCATED

    @property
    def problem(self) -> str:
        """Why the generation is no rollout; empty where it is one."""
        if self.ending is Ending.FAILED:
            return f"the generation did not finish: {self.word or 'no stop reason'}"
        if self.ending is Ending.UNKNOWN:
            return f"the stop reason is not known: {self.word}"
        return ""


def stop_reason(value: Any) -> StopReason:
    """Return what a server's stop reason means.

    Parameters
    ----------
    value : Any
        The word, in any case and spelling of its API, ``None`` where there is none, or an object
        with the word as its ``type``, as SGLang's own logs have it.

    Examples
    --------
    >>> [stop_reason(word).ending.value for word in ("eos", "FinishReason.MAX_TOKENS", "abort")]
    ['finished', 'truncated', 'failed']
    >>> stop_reason("tired").problem
    'the stop reason is not known: tired'
    """
    if isinstance(value, Mapping):
        value = value.get("type")
    if value is None:
        return StopReason(Ending.FAILED, "")
    word = " ".join(str(value).split())
    if not isinstance(value, str):
        return StopReason(Ending.UNKNOWN, word)
    bare = _HUMP.sub("_", word.rpartition(".")[2]).lower()
    bare = _ENUM.sub("", re.sub(r"[\s-]+", "_", bare))
    return StopReason(_ENDINGS.get(bare, Ending.UNKNOWN if bare else Ending.FAILED), word)

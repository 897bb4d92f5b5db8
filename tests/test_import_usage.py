"""Stop reasons and usage: what servers say of an answer means one thing in every importer."""

import pytest

from clear_opt.rollouts.importers.stop_reasons import Ending, stop_reason
from clear_opt.rollouts.importers.usage import Usage, usage_notes

# Each word with the API that documents it.
ENDINGS = {
    Ending.FINISHED: [
        "stop", "tool_calls", "function_call",  # OpenAI
        "end_turn", "stop_sequence", "tool_use",  # Anthropic, Bedrock
        "STOP", "FinishReason.STOP",  # Gemini
        "eos", "eos_token", "REASON_STOP", "COMPLETE", "word", "tool-calls", "repetition",
        {"type": "stop", "matched": 151645},  # SGLang
    ],
    Ending.TRUNCATED: [
        "length", "max_output_tokens", "max_tokens", "MAX_TOKENS", "FinishReason.MAX_TOKENS",
        "model_length", "model_context_window_exceeded", "REASON_MAX_LEN", "REASON_MAX_CONTEXT",
        "limit", "maxTokens", "Length", " length ", "token limit reached", {"type": "length"},
    ],
    Ending.FILTERED: [
        "content_filter", "content-filter", "SAFETY", "RECITATION", "refusal", "contentFilter",
        "guardrail_intervened", "content_filtered", "PROHIBITED_CONTENT", "sensitive",
    ],
    Ending.FAILED: [
        None, "", "null", "abort", "error", "insufficient_system_resource", "ERROR", "cancelled",
        "unknown", "OTHER", "FINISH_REASON_UNSPECIFIED", "pause_turn", "timeout", {"type": "abort"},
        "MALFORMED_FUNCTION_CALL", "load", {},
    ],
    Ending.UNKNOWN: ["tired", "lengthy", 1, 2.5, True, ["stop"], {"type": "tired"}, {"type": 7}],
}  # fmt: skip


@pytest.mark.parametrize("ending", ENDINGS)
def test_every_servers_word_for_the_end_of_a_generation_has_one_meaning(ending):
    for word in ENDINGS[ending]:
        assert stop_reason(word).ending is ending, word


def test_only_limits_of_tokens_truncate_and_what_did_not_finish_is_named():
    assert [stop_reason(word).truncated for word in ("length", "stop", "content_filter")] == [
        True, False, False,
    ]  # fmt: skip
    assert stop_reason("content_filter").problem == stop_reason("MAX_TOKENS").problem == ""
    assert stop_reason("abort").problem == "the generation did not finish: abort"
    assert stop_reason(None).problem == "the generation did not finish: no stop reason"
    assert stop_reason("Ti\nred").problem == "the stop reason is not known: Ti red"


USAGES = {
    "xAI: the parts add up with reasoning": (Usage(700, 40, 600, 1340), 1300, 0),
    "xAI: reasoning exceeds the completion": (Usage(3, reasoning=600), 603, 0),
    "OpenAI: reasoning within the completion": (Usage(700, 40, 600, 740), 700, 0),
    "nothing but the completion": (Usage(50), 50, 0),
    "nothing proved without a total": (Usage(700, 40, 600), 700, 0),
    "Perplexity: reasoning in no sum": (Usage(3, 40, 600, 43), 603, 0),
    "Inspect: Anthropic's counted twice": (
        Usage(700, 40, 600, 1340, reasoning_inside=True), 700, 0,
    ),
    "Inspect: an estimate above Anthropic's output": (
        Usage(500, 40, 504, 540, reasoning_inside=True), 500, 0,
    ),
    "a prompt without what the cache held": (Usage(700, 40, 600, 840, cached=100), 700, 0),
    "the same with reasoning beside": (Usage(700, 40, 600, 1440, cached=100), 1300, 0),
    "thinking that no count shows": (Usage(10, 40, None, 850), 10, 800),
    "a total that is too small": (Usage(10, 40, 4, 45), 10, -5),
    "zeros where nothing was counted": (Usage(10, 0, 0, 850), 10, 0),
}  # fmt: skip


@pytest.mark.parametrize("case", USAGES)
def test_reasoning_beside_the_completion_is_added_where_the_numbers_prove_it(case):
    usage, tokens, unexplained = USAGES[case]
    assert (usage.tokens, usage.unexplained) == (tokens, unexplained)


def test_what_was_added_and_what_nothing_explains_is_told():
    plain = Usage(5, 40, 2, 45)
    assert usage_notes([plain]) == []
    added, gap = usage_notes([plain, Usage(3, 40, 600, 643), Usage(10, 40, None, 850)])
    assert added.startswith("1 of 3 answers have their reasoning counted beside")
    assert "up to 800 tokens have no explanation" in gap

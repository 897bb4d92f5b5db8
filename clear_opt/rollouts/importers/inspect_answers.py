"""How long a sample's answer is, who gave it and under which limit."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from clear_opt.rollouts.importers.answers import Unusable
from clear_opt.rollouts.importers.caps import cap_of
from clear_opt.rollouts.importers.inspect_events import Call, Purpose, calls_of
from clear_opt.rollouts.importers.usage import Usage

if TYPE_CHECKING:
    from inspect_ai.event import ModelEvent
    from inspect_ai.log import EvalLog, EvalSample
    from inspect_ai.model import ChatMessage, ModelConfig, ModelUsage

_CAPS = ("max_tokens",)
_NOTHING_WRITTEN = ("model_length", "content_filter")  # refused before a token was written
_REASONING_INSIDE = ("anthropic", "claude")
"""Models whose output counts reasoning for certain; some versions of Inspect total it twice."""

_UNSEEN = (
    "have no record of each call: what their model wrote as a grader, if it was one, counts as "
    "the answer's"
)
_CHOICES = "have several choices: the usage of all of them counts"
_LAST_CALL = "have neither messages nor a record of each call: the last call alone counts"
_COMPACTED = "had their conversation compacted: what the model wrote for that counts too"
_UNACCOUNTED = "used more tokens of their model than their calls account for: those do not count"


class SampleAnswer(NamedTuple):
    """What the evaluated model did to answer a sample."""

    n_tokens: int
    usages: tuple[Usage, ...]
    """Of each call that counts, or of all together."""
    model: str
    cap: int | None
    """Most tokens of the answer, where one call was all there was."""
    settings: tuple[Mapping[str, Any], ...]
    """What the model was asked with, one entry for each call."""
    remarks: tuple[str, ...]
    """What to tell of such samples, each the end of a sentence about several."""


def answer_of(log: EvalLog, sample: EvalSample) -> SampleAnswer:
    """Return the length of a sample's answer, without what was spent on grading it.

    The calls that the evaluated model got from the solvers count, but not those in a role beside
    its own, such as a critic. Where the log does not record each call, the usage of the output
    counts if the model answered once, else the sample's usage less that of its roles.

    Raises
    ------
    Unusable
        If no usage is known, no model answered, or several did and none is the evaluated one.
    """
    if not sample.model_usage and sample.output.usage is None:
        raise Unusable("the sample has no token usage")
    calls = calls_of(sample)
    own, model = _own_calls(calls, log.eval.model)
    if own and not any(map(_lost, own)):
        return _from_calls(log, sample, calls, own, model)
    if calls and not own and sample.output.usage is None:
        raise Unusable("no model answered: the calls of the sample are a grader's")
    return _from_totals(log, sample)


def _from_calls(
    log: EvalLog, sample: EvalSample, calls: Sequence[Call], own: Sequence[ModelEvent], model: str
) -> SampleAnswer:
    """Return the answer of a sample by the calls that are part of it, with their settings."""
    usages = [_usage(event.output.usage, model) for event in own if event.output.usage is not None]
    tokens = sum(usage.tokens for usage in usages)
    remarks = _others(own)
    if model != log.eval.model:
        remarks.append(f"were answered by {model}, where the log names {log.eval.model}")
    if any(len(event.output.choices) > 1 for event in own):
        remarks.append(_CHOICES)
    unlisted = _unlisted(sample, calls, own[0].model)
    if unlisted > 0:
        compacted = any(e.event == "compaction" and e.type == "summary" for e in sample.events)
        tokens += unlisted if compacted else 0
        remarks.append(_COMPACTED if compacted else _UNACCOUNTED)
    settings = [event.config.model_dump(exclude_none=True) for event in own]
    return SampleAnswer(
        tokens,
        tuple(usages),
        model,
        cap_of(settings[0], _CAPS) if len(own) == 1 else None,
        tuple(settings),
        tuple(remarks),
    )


def _others(own: Sequence[ModelEvent]) -> list[str]:
    """Name the models that served a call in the place of the one that was asked."""
    others = {event.output.fallback.fallback_model for event in own if event.output.fallback}
    return [f"were served by {other}, to which the provider fell back" for other in sorted(others)]


def _own_calls(calls: Sequence[Call], evaluated: str) -> tuple[list[ModelEvent], str]:
    """Return the answering calls of one model in its own role, and its name."""
    events = [call.event for call in calls if call.purpose is Purpose.ANSWER]
    events = [event for event in events if _came_back(event)]
    own, model = [event for event in events if _same(event.model, evaluated)], evaluated
    if events and not own:  # the solvers chose the model
        names = sorted({event.model for event in events})
        if len(names) > 1:
            raise Unusable("several models answered, none of them the evaluated", ", ".join(names))
        own, model = events, names[0]
    return [event for event in own if event.role is None] or own, model


def _came_back(event: ModelEvent) -> bool:
    """Whether a call was answered; one that failed and was tried again has no usage."""
    failed = event.error is not None or event.pending or not event.output.choices
    return event.output.usage is not None or not failed


def _lost(event: ModelEvent) -> bool:
    """Whether a call wrote something that nobody counted."""
    return event.output.usage is None and event.output.stop_reason not in _NOTHING_WRITTEN


def _same(name: str, other: str) -> bool:
    """Whether two names mean one model: one may lack the provider, R's vitals add the solver."""
    short, long = sorted((name, other), key=len)
    return short == long or long.endswith((f"/{short}", f"({short})"))


def _unlisted(sample: EvalSample, calls: Sequence[Call], model: str) -> int:
    """Count the output tokens of a model that no call accounts for."""
    used = sample.model_usage.get(model)
    if used is None:
        return 0
    return used.output_tokens - sum(
        event.output.usage.output_tokens
        for event, _ in calls
        if event.model == model and event.cache != "read" and event.output.usage is not None
    )


def _from_totals(log: EvalLog, sample: EvalSample) -> SampleAnswer:
    """Return the answer of a sample whose calls are not recorded."""
    last, model = sample.output.usage, log.eval.model
    usage = next((u for name, u in sample.model_usage.items() if _same(name, model)), None)
    asked = [] if isinstance(sample.input, str) else sample.input
    calls = _answers(sample.messages) - _answers(asked)
    remarks = ()
    if last is not None and (usage is None or calls <= 1):
        counted, tokens = _usage(last, model), _usage(last, model).tokens
        if usage is not None and calls < 1 and usage.output_tokens != last.output_tokens:
            remarks = (_LAST_CALL,)
    elif usage is not None:
        counted = _usage(usage, model)
        tokens = counted.tokens - sum(
            _usage(other, model).tokens for other in _usage_in_roles(log, sample)
        )
        remarks = (_UNSEEN,)
    else:
        raise Unusable("the sample has no token usage")
    config = _config(log)
    return SampleAnswer(
        tokens,
        (counted,),
        model,
        cap_of(config, _CAPS) if calls == 1 else None,
        (config,),
        remarks,
    )


def _usage_in_roles(log: EvalLog, sample: EvalSample) -> Iterator[ModelUsage]:
    """Return the evaluated model's use in roles; if it is alone, also of those without a model."""
    alone = set(sample.model_usage) == {log.eval.model}
    bound = {role: _bound(configs) for role, configs in (log.eval.model_roles or {}).items()}
    for role, usage in sample.role_usage.items():
        if log.eval.model in bound.get(role, [log.eval.model] if alone else []):
            yield usage


def _bound(configs: ModelConfig | list[ModelConfig]) -> list[str]:
    return [config.model for config in (configs if isinstance(configs, list) else [configs])]


def _usage(counted: ModelUsage, model: str) -> Usage:
    """Return a usage of Inspect in terms that all importers share."""
    return Usage(
        completion=counted.output_tokens,
        prompt=counted.input_tokens,
        reasoning=counted.reasoning_tokens,
        total=counted.total_tokens,
        cached=(counted.input_tokens_cache_read or 0) + (counted.input_tokens_cache_write or 0),
        reasoning_inside=any(name in model.lower() for name in _REASONING_INSIDE),
    )


def _config(log: EvalLog) -> dict[str, Any]:
    """Return what the evaluated model is asked with, as Inspect puts it together."""
    return log.eval.model_generate_config.merge(log.plan.config).model_dump(exclude_none=True)


def _answers(messages: Sequence[ChatMessage]) -> int:
    return sum(message.role == "assistant" for message in messages)

"""Rollouts from Inspect AI logs, read by Inspect's own library."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clear_opt.errors import MissingExtraError
from clear_opt.files import TableError
from clear_opt.rollouts.importers.imported import Collector, Imported

if TYPE_CHECKING:
    from inspect_ai.log import EvalLog, EvalSample
    from inspect_ai.model import ChatMessage

_ENDINGS = (".eval", ".json")
_CUT_OFF = ("max_tokens", "model_length")
_GRADES = ("C", "I", "P", "N")  # correct, incorrect, partial, no answer
_TRUTH = ("yes", "no", "true", "false")


def import_inspect(
    source: str | Path,
    *,
    scorer: str | None = None,
    model: str | None = None,
    features: Sequence[str] = (),
) -> Imported:
    """Import Inspect AI logs.

    A rollout is one epoch of one sample: ``query_id`` is task and sample id, ``sample`` the epoch,
    ``text`` what the user asked, ``n_tokens`` the output tokens of the evaluated model, which
    count reasoning too, ``correct`` the score as Inspect's ``value_to_float`` gives it. It is
    truncated if the model stopped at a token limit, or a limit of the sample stopped it. A cap is
    known where the model answered once and the task limits the tokens of an answer.

    Parameters
    ----------
    source
        A log, ``.eval`` or ``.json``, or a folder of logs.
    scorer
        Whose score counts, where a sample has several.
    model
        Name of the model, instead of the one in the log.
    features
        Names in the samples' metadata to keep as features.

    Raises
    ------
    TableError
        If there is no log, a log cannot be read, samples have scores of several scorers and none
        is chosen, or no sample can be used.
    MissingExtraError
        If inspect-ai is not installed.
    """
    source = Path(source)
    collector = Collector(source)
    seen: dict[str, str] = {}
    numbers: dict[tuple[str, str], set[int]] = {}
    for path in _logs(source):
        name = str(path.relative_to(source)) if path != source else ""
        log = _read(path, collector, source)
        if log is None:
            continue
        if log.status != "success":
            collector.notes.append(f"{name or path.name} ended with status {log.status}")
        if not log.samples:
            collector.refuse(name or path.name, "the log holds no samples")
        for sample in log.samples or []:
            place = ", ".join(filter(None, [name, f"sample {sample.id}", f"epoch {sample.epoch}"]))
            _take(collector, place, log, sample, (scorer, model, features), seen, numbers)
    return collector.finish()


def _logs(source: Path) -> list[Path]:
    if source.is_dir():
        found = sorted(p for p in source.rglob("*") if p.suffix in _ENDINGS and p.is_file())
        if not found:
            raise TableError("holds no log", path=source, remedy="logs end in .eval or .json")
        return found
    if not source.exists():
        raise TableError("cannot be read: no such file", path=source, remedy="check the path")
    if source.suffix not in _ENDINGS:
        raise TableError("is no Inspect log", path=source, remedy="logs end in .eval or .json")
    return [source]


def _read(path: Path, collector: Collector, source: Path) -> EvalLog | None:
    try:
        from inspect_ai.log import read_eval_log
    except ImportError:
        raise MissingExtraError("inspect-ai", "inspect") from None
    try:
        return read_eval_log(str(path.resolve()))
    except (
        OSError,
        ValueError,
        KeyError,
    ) as error:  # what Inspect raises on a file of another kind
        detail = str(error).partition("\n")[0]
        if path == source:
            raise TableError(
                f"cannot be read as an Inspect log: {detail}", path=path, remedy="check the file"
            ) from None
        collector.refuse(str(path.relative_to(source)), "the file is no Inspect log", detail)
        return None


def _take(
    collector: Collector,
    place: str,
    log: EvalLog,
    sample: EvalSample,
    options: tuple[str | None, str | None, Sequence[str]],
    seen: dict[str, str],
    numbers: dict[tuple[str, str], set[int]],
) -> None:
    """Keep one sample, or say why not."""
    scorer, model, features = options
    if sample.uuid and seen.setdefault(sample.uuid, place) != place:
        collector.refuse(place, "the sample stands in another log too", seen[sample.uuid])
        return
    if sample.error is not None:
        collector.refuse(place, "the sample ended with an error", sample.error.message)
        return
    tokens = _output_tokens(log, sample)
    if tokens is None:
        collector.refuse(place, "the sample has no token usage")
        return
    value = _score(collector.source, place, sample, scorer)
    grade = _grade(value)
    if grade is None:
        reason = "the sample has no score" if value is None else "the score is not a grade"
        collector.refuse(place, reason, "" if value is None else value)
        return
    query = f"{log.eval.task}/{sample.id}"
    name = model or log.eval.model
    collector.add(
        place,
        {
            "query_id": query,
            "n_tokens": tokens,
            "correct": grade,
            "text": _question(sample),
            "model": name,
            "sample": _free(numbers.setdefault((query, name), set()), sample.epoch),
            "truncated": _cut_off(sample),
            "source": log.eval.task,
            "cap": _cap(log, sample, tokens),
        },
        {key: sample.metadata.get(key) for key in features},
    )


def _output_tokens(log: EvalLog, sample: EvalSample) -> int | None:
    """Output tokens of the evaluated model, less those it spent in other roles, such as grading."""
    usage = sample.model_usage.get(log.eval.model)
    if usage is None:  # an answer from the cache is not counted as usage
        answer = sample.output.usage
        return None if answer is None else answer.output_tokens
    roles = {role for role, name in _roles(log) if name == log.eval.model}
    others = sum(u.output_tokens for role, u in sample.role_usage.items() if role in roles)
    return usage.output_tokens - others


def _roles(log: EvalLog) -> Iterator[tuple[str, str]]:
    for role, models in (log.eval.model_roles or {}).items():
        for config in models if isinstance(models, list) else [models]:
            yield role, config.model


def _score(source: Path, place: str, sample: EvalSample, scorer: str | None) -> Any:
    scores = sample.scores or {}
    if scorer is None and len(scores) > 1:
        raise TableError(
            "has scores of several scorers",
            path=source,
            place=place,
            remedy=f"choose one (scorer=, --scorer): {', '.join(scores)}",
        )
    if scorer is not None and scores and scorer not in scores:
        raise TableError(
            f"has no score of {scorer!r}",
            path=source,
            place=place,
            remedy=f"scorers here: {', '.join(scores)}",
        )
    score = scores.get(scorer) if scorer else next(iter(scores.values()), None)
    return None if score is None else score.value


def _grade(value: Any) -> float | None:
    """Give Inspect's own number for a score, or ``None`` where it would only guess 0."""
    from inspect_ai.scorer import value_to_float

    if isinstance(value, str):
        known = value in _GRADES or value.lower() in _TRUTH or _is_number(value)
    else:
        known = isinstance(value, (bool, int, float)) and math.isfinite(value)
    return value_to_float()(value) if known else None


def _is_number(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False


def _question(sample: EvalSample) -> str:
    if isinstance(sample.input, str):
        return sample.input
    asked: list[str] = []
    for message in sample.input:
        if message.role == "assistant":
            asked = []
        elif message.role == "user":
            asked.append(message.text)
    return "\n\n".join(asked)


def _cut_off(sample: EvalSample) -> bool:
    stopped = bool(sample.output.choices) and sample.output.stop_reason in _CUT_OFF
    return stopped or sample.limit is not None


def _cap(log: EvalLog, sample: EvalSample, tokens: int) -> int | None:
    """Most tokens of the answer, where one call was all there was."""
    cap = log.plan.config.max_tokens or log.eval.model_generate_config.max_tokens
    asked = [] if isinstance(sample.input, str) else sample.input
    calls = _answers(sample.messages) - _answers(asked)
    return cap if cap is not None and calls == 1 and tokens <= cap else None


def _answers(messages: Sequence[ChatMessage]) -> int:
    return sum(message.role == "assistant" for message in messages)


def _free(taken: set[int], number: int) -> int:
    """Give a number that no other sample of the query has: the epoch, or one above it."""
    while number in taken:
        number += 1
    taken.add(number)
    return number

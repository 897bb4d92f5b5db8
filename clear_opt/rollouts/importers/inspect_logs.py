"""Rollouts from Inspect AI logs, read by Inspect's own library."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from clear_opt.errors import MissingExtraError
from clear_opt.files import TableError
from clear_opt.rollouts.importers.answers import Unusable
from clear_opt.rollouts.importers.imported import Collector, Imported
from clear_opt.rollouts.importers.inspect_answers import answer_of
from clear_opt.rollouts.importers.inspect_copies import Copies
from clear_opt.rollouts.importers.inspect_flaws import flaw_of
from clear_opt.rollouts.importers.inspect_scores import grade_of
from clear_opt.rollouts.importers.model_names import ModelNames
from clear_opt.rollouts.importers.stop_reasons import stop_reason
from clear_opt.rollouts.importers.texts import question_of
from clear_opt.rollouts.importers.usage import Usage, usage_notes

if TYPE_CHECKING:
    from inspect_ai.log import EvalLog, EvalSample

_ENDINGS = (".eval", ".json")


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
    reading = _Reading(Collector(source), scorer, model, features)
    for path in _logs(source):
        name = str(path.relative_to(source)) if path != source else ""
        log = _read(path, reading.collector)
        if log is not None:
            reading.run(log, name, path.name)
    return reading.finish()


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


def _read(path: Path, collector: Collector) -> EvalLog | None:
    try:
        from inspect_ai.log import read_eval_log
    except ImportError:
        raise MissingExtraError("inspect-ai", "inspect") from None
    try:
        return read_eval_log(str(path.resolve()))
    except Exception as error:  # damaged and foreign files make the parsers raise many kinds
        detail = flaw_of(error)
    if path == collector.source:
        raise TableError(
            f"cannot be read as an Inspect log: {detail}", path=path, remedy="check the file"
        )
    collector.refuse(str(path.relative_to(collector.source)), "the file is no Inspect log", detail)
    return None


class _Reading:
    """The samples of all logs, on their way to the collector."""

    def __init__(
        self, collector: Collector, scorer: str | None, model: str | None, features: Sequence[str]
    ) -> None:
        self.collector, self.scorer, self.features = collector, scorer, features
        self.names, self.copies = ModelNames(model), Copies()
        self.numbers: dict[tuple[str, str], set[int]] = {}
        self.remarks: Counter[str] = Counter()
        self.usages: list[Usage] = []

    def run(self, log: EvalLog, name: str, file: str) -> None:
        if log.status != "success":
            self.collector.notes.append(f"{name or file} ended with status {log.status}")
        samples = log.samples or []
        if not samples:
            self.collector.refuse(name or file, "the log holds no samples")
        wholly = log.invalidated and all(sample.invalidation is None for sample in samples)
        for sample in samples:
            place = ", ".join(filter(None, [name, f"sample {sample.id}", f"epoch {sample.epoch}"]))
            try:
                if wholly:
                    raise Unusable("the log was invalidated")
                self._take(place, log, sample)
            except Unusable as flaw:
                self.collector.refuse(place, flaw.reason, flaw.detail)

    def finish(self) -> Imported:
        self.collector.notes += [
            f"{count:,} rollouts {remark}" for remark, count in self.remarks.items()
        ]
        self.collector.notes += usage_notes(self.usages) + self.names.notes()
        return self.collector.finish()

    def _take(self, place: str, log: EvalLog, sample: EvalSample) -> None:
        """Keep one sample.

        Raises
        ------
        Unusable
            If there is no telling from it how long an answer is and whether it is right.
        """
        if sample.invalidation is not None:
            raise Unusable("the sample was invalidated", sample.invalidation.reason or "")
        seen = self.copies.original(log, sample, place)
        if seen is not None:
            where = "in its log twice" if seen == place else "in another log too"
            raise Unusable(f"the sample stands {where}", seen)
        if sample.error is not None:
            raise Unusable("the sample ended with an error", sample.error.message)
        cut_off = _cut_off(sample)
        answer = answer_of(log, sample)
        grade = grade_of(sample, self.scorer, self.collector.source, place)
        self.remarks.update(answer.remarks)
        self.usages += answer.usages
        query = f"{log.eval.task}/{sample.id}"
        name = self.names.name(answer.model, *answer.settings, log.eval.model_args)
        self.collector.add(
            place,
            {
                "query_id": query,
                "n_tokens": answer.n_tokens,
                "correct": grade,
                "text": _question(sample),
                "model": name,
                "sample": _free(self.numbers.setdefault((query, name), set()), sample.epoch),
                "truncated": cut_off,
                "source": log.eval.task,
                "cap": answer.cap,
            },
            {key: sample.metadata.get(key) for key in self.features},
        )


def _question(sample: EvalSample) -> str:
    if isinstance(sample.input, str):
        return sample.input
    return question_of([{"role": m.role, "content": m.text} for m in sample.input])


def _cut_off(sample: EvalSample) -> bool:
    """Whether a limit of the sample or of the model ended it."""
    if sample.limit is not None:
        return True
    if not sample.output.choices:
        return False
    reason = stop_reason(sample.output.stop_reason)
    if reason.flaw:
        raise Unusable(reason.flaw, sample.output.error or "")
    return reason.truncated


def _free(taken: set[int], number: int) -> int:
    """Give a number that no other sample of the query has: the epoch, or one above it."""
    while number in taken:
        number += 1
    taken.add(number)
    return number

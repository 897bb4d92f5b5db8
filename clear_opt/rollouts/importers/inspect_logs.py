"""Rollouts from Inspect AI logs, read by Inspect's own library."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

from clear_opt.io import TableError
from clear_opt.rollouts.importers.answers import Unusable
from clear_opt.rollouts.importers.imported import Collector, Imported
from clear_opt.rollouts.importers.inspect_answers import SampleAnswer, answer_of
from clear_opt.rollouts.importers.inspect_copies import Copies
from clear_opt.rollouts.importers.inspect_files import log_paths, read_log
from clear_opt.rollouts.importers.inspect_scores import grade_of
from clear_opt.rollouts.importers.model_names import ModelNames
from clear_opt.rollouts.importers.stop_reasons import stop_reason
from clear_opt.rollouts.importers.texts import question_of
from clear_opt.rollouts.importers.usage import Usage, usage_notes

if TYPE_CHECKING:
    from inspect_ai.log import EvalLog, EvalSample

_TAKEN_BACK = "the sample was invalidated"


def import_inspect(
    source: str | Path,
    *,
    scorer: str | None = None,
    model: str | None = None,
    features: Sequence[str] = (),
) -> Imported:
    """Import Inspect AI logs.

    A rollout is one epoch of one sample: ``query_id`` is task and sample id, ``sample`` the epoch,
    ``text`` what the user asked, ``n_tokens`` the output tokens that the evaluated model wrote for
    the solvers, reasoning included and grading not, ``correct`` the score as Inspect's
    ``value_to_float`` gives it. It is truncated if the model stopped at a token limit, or a limit
    of the sample stopped it. A cap is known where the model answered once and its call had a limit.
    The effort that the model was asked for is part of its name.

    Parameters
    ----------
    source : str or Path
        A log, ``.eval`` or ``.json``, or a folder of logs.
    scorer : str, optional
        Whose score counts, where a sample has several.
    model : str, optional
        Name of the model, instead of the one in the log and its effort.
    features : sequence of str, optional
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
    reading = _LogReading(Collector(source), scorer, model, features)
    for path in log_paths(source):
        name = str(path.relative_to(source)) if path != source else ""
        try:
            log = read_log(path)
        except Unusable as error:
            if path == source:
                raise TableError(
                    f"cannot be read as an Inspect log: {error.detail}",
                    path=path,
                    remedy="check the file",
                ) from None
            reading.collector.refuse(name, error.reason, error.detail)
        else:
            reading.run(log, name, path.name)
    return reading.finish()


class _Kept(NamedTuple):
    """A sample that is a rollout, unless another log took it back."""

    uuid: str | None
    location: str
    answer: SampleAnswer
    values: dict[str, Any]
    features: dict[str, Any]


class _LogReading:
    """The samples of all logs, on their way to the collector."""

    def __init__(
        self, collector: Collector, scorer: str | None, model: str | None, features: Sequence[str]
    ) -> None:
        self.collector, self.scorer, self.features = collector, scorer, features
        self.names, self.copies = ModelNames(model), Copies()
        self.numbers: dict[tuple[str, str], set[int]] = {}
        self.kept: list[_Kept] = []
        self.taken_back: dict[str, str] = {}

    def run(self, log: EvalLog, name: str, file: str) -> None:
        if log.status != "success":
            self.collector.notes.append(f"{name or file} ended with status {log.status}")
        samples = log.samples or []
        if not samples:
            self.collector.refuse(name or file, "the log holds no samples")
        wholly = log.invalidated and all(sample.invalidation is None for sample in samples)
        for sample in samples:
            location = ", ".join(
                filter(None, [name, f"sample {sample.id}", f"epoch {sample.epoch}"])
            )
            try:
                if wholly or sample.invalidation is not None:
                    self._take_back(location, sample)
                self.kept.append(self._rollout(location, log, sample))
            except Unusable as error:
                self.collector.refuse(location, error.reason, error.detail)

    def finish(self) -> Imported:
        remarks: Counter[str] = Counter()
        usages: list[Usage] = []
        for uuid, location, answer, values, features in self.kept:
            if uuid in self.taken_back:
                self.collector.refuse(location, _TAKEN_BACK, f"in {self.taken_back[uuid]}")
                continue
            remarks.update(answer.remarks)
            usages += answer.usages
            self.collector.add(location, values, features)
        told = [f"{count:,} rollouts {remark}" for remark, count in remarks.items()]
        self.collector.notes += told + usage_notes(usages) + self.names.notes()
        return self.collector.finish()

    def _take_back(self, location: str, sample: EvalSample) -> NoReturn:
        """Refuse an invalidated sample, and with it its copies in other logs."""
        if sample.uuid:
            self.taken_back[sample.uuid] = location
        if sample.invalidation is None:
            raise Unusable("the log was invalidated")
        raise Unusable(_TAKEN_BACK, sample.invalidation.reason or "")

    def _rollout(self, location: str, log: EvalLog, sample: EvalSample) -> _Kept:
        """Return the rollout in a sample.

        Raises
        ------
        Unusable
            If there is no telling from it how long an answer is and whether it is right.
        """
        seen = self.copies.original(log, sample, location)
        if seen is not None:
            where = "in its log twice" if seen == location else "in another log too"
            raise Unusable(f"the sample stands {where}", seen)
        if sample.error is not None:
            raise Unusable("the sample ended with an error", sample.error.message)
        cut_off = _cut_off(sample)
        answer = answer_of(log, sample)
        grade = grade_of(sample, self.scorer, self.collector.source, location)
        query = f"{log.eval.task}/{sample.id}"
        name = self.names.name(answer.model, *answer.settings, log.eval.model_args)
        values = {
            "query_id": query,
            "n_tokens": answer.n_tokens,
            "correct": grade,
            "text": _question(sample),
            "model": name,
            "sample": _free(self.numbers.setdefault((query, name), set()), sample.epoch),
            "truncated": cut_off,
            "source": log.eval.task,
            "cap": answer.cap,
        }
        features = {key: sample.metadata.get(key) for key in self.features}
        return _Kept(sample.uuid, location, answer, values, features)


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
    if reason.problem:
        raise Unusable(reason.problem, sample.output.error or "")
    return reason.truncated


def _free(taken: set[int], number: int) -> int:
    """Return a number that no other sample of the query has: the epoch, or one above it."""
    while number in taken:
        number += 1
    taken.add(number)
    return number

"""Copies of a sample in several Inspect logs, or twice in one."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from inspect_ai.log import EvalLog, EvalSample, EvalSpec

_CONTENT = {"input", "target", "messages", "output", "model_usage", "total_time"}
_Run = tuple[str, ...]
_Sample = tuple[str, str, str, datetime | None]


class Copies:
    """The samples that were seen, each with its location.

    Samples have a ``uuid`` since Inspect 0.3.70. Those without one, as in older logs and in logs
    of R's vitals, are the same if run, id, epoch, content and time are. A retry kept the samples of
    the run before it in a log of its own: they began before that log did, so their run is not
    known and the rest decides.
    """

    def __init__(self) -> None:
        self._reading_since = datetime.now(UTC)
        self._by_uuid: dict[str, str] = {}
        self._by_content: dict[_Sample, dict[_Run | None, str]] = {}

    def original(self, log: EvalLog, sample: EvalSample, location: str) -> str | None:
        """Return where a sample was seen before, ``None`` if nowhere: then it is seen now.

        Parameters
        ----------
        log : EvalLog
            The sample's log.
        sample : EvalSample
            The sample.
        location : str
            Where it stands.
        """
        if sample.uuid:
            seen = self._by_uuid.get(sample.uuid)
            self._by_uuid.setdefault(sample.uuid, location)
            return seen
        began = self._began(sample)
        key = (str(sample.id), str(sample.epoch), _digest(sample), began)
        runs = self._by_content.setdefault(key, {})
        run = _run(log.eval)
        if began is not None and began < datetime.fromisoformat(log.eval.created):
            run = None
        unknown = run is None or None in runs
        seen = next(iter(runs.values()), None) if unknown else runs.get(run)
        runs.setdefault(run, location)
        return seen

    def _began(self, sample: EvalSample) -> datetime | None:
        times = [event.timestamp for event in sample.events]
        if sample.started_at:
            times.append(datetime.fromisoformat(sample.started_at))
        # An event without a time gets the one at which Inspect reads it.
        return min((time for time in times if time < self._reading_since), default=None)


def _run(spec: EvalSpec) -> _Run:
    return (spec.run_id, spec.eval_id, spec.task_id, spec.task, spec.model, spec.created)


def _digest(sample: EvalSample) -> str:
    content = sample.model_dump_json(include=_CONTENT)
    return hashlib.sha256(content.encode()).hexdigest()

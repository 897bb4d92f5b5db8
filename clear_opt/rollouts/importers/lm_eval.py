"""Rollouts from the per-sample logs of lm-evaluation-harness (``--log_samples``)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from clear_opt.errors import InvalidInputError
from clear_opt.io import (
    Record,
    Records,
    TableError,
    listed,
    parse_json,
    read_json,
    read_records,
)
from clear_opt.rollouts.importers.caps import cap_of
from clear_opt.rollouts.importers.imported import Collector, Imported
from clear_opt.rollouts.importers.model_names import ModelNames
from clear_opt.rollouts.importers.texts import question_of
from clear_opt.rollouts.importers.token_estimates import estimate_quality, estimate_tokens

_FILE = re.compile(r"samples_(?P<task>.+?)(?:_(?P<date>\d{4}-\d\d-\d\dT[\d.\-]+))?")
_OWN = {
    "doc_id", "doc", "target", "arguments", "resps", "filtered_resps", "filter", "metrics",
    "doc_hash", "prompt_hash", "target_hash",
}  # fmt: skip
_CAPS = ("max_gen_toks", "max_new_tokens", "max_tokens")
_MAPPED = ("correct", "n_tokens", "text")
_COUNTS = (None, "words")
_TRUTH = {"True": True, "False": False}


def import_lm_eval(
    source: str | Path,
    *,
    columns: Mapping[str, str] | None = None,
    filter_name: str | None = None,
    count_tokens: str | None = None,
    model: str | None = None,
    features: Sequence[str] = (),
) -> Imported:
    """Import ``samples_*.jsonl`` of lm-evaluation-harness, tasks that generate text.

    A rollout is one response: ``query_id`` is task and ``doc_id``, ``text`` the prompt, ``source``
    the task, by the name of the file, ``model`` what ``results_*.json`` beside the file names. The
    harness counts no tokens and does not say whether a response was cut off.

    Parameters
    ----------
    source : str or Path
        A file, or a folder with such files at any depth.
    columns : mapping of str to str, optional
        ``correct``: which metric is the grade, needed where there are several. ``n_tokens``: which
        field of a row holds its length, a number, or one for each response; ``n_tokens`` itself is
        taken if it is there. ``text``: which field of ``doc`` to take instead of the prompt.
    filter_name : str, optional
        Which of the harness's filters graded; needed where there are several.
    count_tokens : str, optional
        ``"words"`` estimates lengths from words and punctuation marks, and from letters in other
        scripts than Latin; a note says how far off that may be.
    model : str, optional
        Name of the model, instead of the one found.
    features : sequence of str, optional
        Fields of ``doc`` to keep as features.

    Raises
    ------
    TableError
        If a file cannot be read, lengths are not known, a metric or filter must be chosen, or no
        row can be used.
    """
    source = Path(source)
    columns = dict(columns or {})
    for name in columns:
        if name not in _MAPPED:
            raise InvalidInputError(
                "cannot be mapped", column=name, remedy=f"lm-eval maps {', '.join(_MAPPED)}"
            )
    if count_tokens not in _COUNTS:
        raise InvalidInputError(
            "is not known", column="count_tokens", value=count_tokens, remedy="use 'words'"
        )
    collector, names = Collector(source), ModelNames(model)
    estimated: list[str] | None = [] if count_tokens else None
    for path in _files(source):
        records = read_records(path)
        reading = _Reading(collector, records, columns, filter_name, estimated, features, names)
        reading.run(f"{path.relative_to(source)}, " if path != source else "")
    if "text" in columns and collector.rows and not any(row["text"] for row in collector.rows):
        raise TableError(
            f"has no field {columns['text']!r} in any doc", path=source, remedy="take the prompt"
        )
    if estimated is not None:
        collector.notes.append(estimate_quality(estimated))
    elif not any(row["cap"] for row in collector.rows):
        collector.notes.append("no row names a token limit: no rollout counts as truncated")
    collector.notes.extend(names.notes())
    return collector.finish()


def _files(source: Path) -> list[Path]:
    if not source.is_dir():
        return [source]
    found = sorted(source.rglob("samples_*.jsonl"))
    if not found:
        raise TableError(
            "holds no samples_*.jsonl", path=source, remedy="run lm_eval with --log_samples"
        )
    return found


class _Reading:
    """One file's rows, on their way to the collector."""

    def __init__(
        self,
        collector: Collector,
        records: Records,
        columns: Mapping[str, str],
        filter_name: str | None,
        estimated: list[str] | None,
        features: Sequence[str],
        names: ModelNames,
    ) -> None:
        self.collector, self.records, self.columns = collector, records, columns
        self.filter_name, self.features = self._filter(filter_name), features
        self.estimated, self.names = estimated, names
        self.lengths = columns.get("n_tokens", "n_tokens")
        if estimated is None and records.rows and self.lengths not in records.columns:
            raise TableError(
                f"counts no tokens: it has no field {self.lengths!r}",
                path=records.path,
                remedy="name the field that does (--map n_tokens=FIELD), or ask for an estimate "
                "(--count-tokens words)",
            )

    def run(self, prefix: str) -> None:
        name = _FILE.fullmatch(self.records.path.stem)
        task = name["task"] if name else self.records.path.stem
        model = ("", {})
        if self.names.given is None and name:
            model = _model_beside(self.records.path, name["date"])
        skipped, seen = 0, set[str]()
        for record in self.records.rows:
            values, location = record.values, prefix + record.location
            if self.filter_name is not None and values.get("filter") != self.filter_name:
                skipped += 1
                continue
            doc_id = values.get("doc_id")
            if doc_id is None:
                self.collector.refuse(location, "the row has no doc_id")
            elif isinstance(doc_id, bool) or not isinstance(doc_id, (int, str)):
                self.collector.refuse(location, "the doc_id is neither number nor text", doc_id)
            elif str(doc_id) in seen:
                self.collector.refuse(
                    location, "the row grades an answer again, by a filter it does not name"
                )
            else:
                seen.add(str(doc_id))
                self._take(record, location, task, model)
        if skipped:
            self.collector.notes.append(
                f"{skipped:,} rows repeat the answers under other filters than {self.filter_name!r}"
            )

    def _take(
        self, record: Record, location: str, task: str, model: tuple[str, dict[str, Any]]
    ) -> None:
        values = record.values
        answers, problem = _answers(values.get("resps"))
        if problem:
            self.collector.refuse(location, problem)
            return
        grades = _each(values.get(self._metric(record)), len(answers))
        if grades is None:
            shared = values.get(self._metric(record)) is not None and len(answers) > 1
            reason = "several responses share one grade" if shared else "the row has no grade"
            self.collector.refuse(location, reason, values.get(self._metric(record), ""))
            return
        if self.estimated is not None:
            self.estimated += answers
            lengths = [estimate_tokens(answer) for answer in answers]
        else:
            lengths = _each(values.get(self.lengths), len(answers))
        if lengths is None:
            self.collector.refuse(location, "the row has no length for each response")
            return
        prompt, options = _request(values.get("arguments"))
        doc = _object(values.get("doc"))
        cap = cap_of(options, _CAPS) if self.estimated is None else None
        name = self.names.name(model[0], model[1], options) or None
        for sample, (grade, length) in enumerate(zip(grades, lengths, strict=True)):
            self.collector.add(
                location,
                {
                    "query_id": f"{task}/{values['doc_id']}",
                    "n_tokens": length,
                    "correct": grade,
                    "text": doc.get(self.columns["text"]) if "text" in self.columns else prompt,
                    "model": name,
                    "sample": sample,
                    "source": task,
                    "cap": cap,
                },
                {name: doc.get(name) for name in self.features},
            )

    def _filter(self, wanted: str | None) -> str | None:
        named = [record.values.get("filter") for record in self.records.rows]
        found = list(dict.fromkeys(name for name in named if isinstance(name, str)))
        if wanted is None and len(found) > 1:
            raise TableError(
                "holds the grades of several filters",
                path=self.records.path,
                remedy=f"choose one (--filter): {listed(found)}",
            )
        if wanted is not None and found and wanted not in found:
            raise TableError(
                f"holds no grades of the filter {wanted!r}",
                path=self.records.path,
                remedy=f"filters here: {listed(found)}",
            )
        return wanted if found else None

    def _metric(self, record: Record) -> str:
        if "correct" in self.columns:
            return self.columns["correct"]
        values = record.values
        named = values.get("metrics")
        if not isinstance(named, list):  # logs from before the end of 2024 do not name them
            other = {*_OWN, self.lengths}
            named = [
                key for key, v in values.items() if key not in other and isinstance(v, (int, float))
            ]
        if len(named) > 1:
            raise TableError(
                "holds several metrics",
                path=self.records.path,
                location=record.location,
                remedy=f"choose the grade (--map correct=METRIC): {listed(map(str, named))}",
            )
        return str(named[0]) if named else ""


def _answers(resps: Any) -> tuple[list[str], str]:
    """Return the responses to the one request of a row, or what keeps it from having any."""
    if not isinstance(resps, list) or not resps:
        return [], "the row has no response"
    if len(resps) > 1:
        return [], "the row has several requests, as choices by likelihood do"
    answers = resps[0] if isinstance(resps[0], list) else resps
    if not answers or not all(isinstance(answer, str) for answer in answers):
        return [], "the response is no generated text"
    return answers, ""


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _each(value: Any, count: int) -> list[Any] | None:
    """One value for each response, where the row has that."""
    if isinstance(value, list):
        return value if len(value) == count else None
    return [value] if value is not None and count == 1 else None


def _request(arguments: Any) -> tuple[str | None, dict[str, Any]]:
    """Return prompt and generation options of the first request."""
    first: Any = None
    if isinstance(arguments, dict):
        first = arguments.get("gen_args_0")
        first = list(first.values()) if isinstance(first, dict) else None
    elif isinstance(arguments, list) and arguments:
        first = arguments[0]
    if not isinstance(first, list) or not first:
        return None, {}
    prompt, options = first[0], _object(first[1] if len(first) > 1 else None)
    if isinstance(prompt, list) and len(prompt) == 1:  # a chat is logged as one JSON text in a list
        prompt = prompt[0]
    return question_of(_unrolled(prompt) if isinstance(prompt, str) else prompt), options


def _unrolled(prompt: str) -> Any:
    """Return the messages of a chat that was logged as JSON; other prompts as they are."""
    if not prompt.lstrip().startswith("["):
        return prompt
    try:
        messages = parse_json(prompt, path="prompt")
    except TableError:
        return prompt
    chat = all(isinstance(message, dict) and "role" in message for message in messages)
    return messages if messages and chat else prompt


def _model_beside(path: Path, date: str | None) -> tuple[str, dict[str, Any]]:
    """Return name and settings of the model, from the results of the same run; empty if none."""
    results = path.with_name(f"results_{date}.json")
    if date is None or not results.is_file():
        return "", {}
    try:
        found = _object(read_json(results))
    except TableError as error:
        raise TableError(
            f"cannot be read: {error.problem.removeprefix(f'{results}: ')}",
            path=results,
            remedy="name the model (--model)",
        ) from None
    name = found.get("model_name")
    arguments = _object(found.get("config")).get("model_args")
    return name if isinstance(name, str) else "", _settings(arguments)


def _settings(arguments: Any) -> dict[str, Any]:
    """Read what the model was made with, ``name=value`` with commas between in older versions."""
    if isinstance(arguments, str):
        pairs = (pair.partition("=") for pair in arguments.split(","))
        return {name.strip(): _TRUTH.get(value.strip(), value.strip()) for name, _, value in pairs}
    return _object(arguments)

"""Runs in Inspect logs: the same one again, one that was taken back, another configuration."""

import pytest

from clear_opt.io import TableError
from clear_opt.rollouts.importers import import_inspect
from tests.inspect_logs import edited, only_log, sample, write_logs

pytest.importorskip("inspect_ai", reason="inspect-ai is not installed (extra inspect)")

WRITE_LOGS = """
import time
from inspect_ai.log import ProvenanceData, invalidate_samples

sums = [Sample(input="2+2", target="4", id=1), Sample(input="3+3", target="6", id=2)]


def log(name, model_config=None, task=None, **config):
    task = Task(dataset=sums, solver=[generate(**config)], scorer=match(), name="sums",
                config=GenerateConfig(**(task or {})))
    model = get_model("mockllm/model", config=GenerateConfig(**(model_config or {})),
                      custom_outputs=[answer("4", 10), answer("5", 25)])
    return Path(run(task, model=model, display="none", log_dir=str(folder / name),
                    log_format="json", max_samples=1)[0].location)


first = log("first")
time.sleep(1)  # a log's time has whole seconds
log("second")
log("high", {"reasoning_effort": "high"})
log("low", task={"reasoning_effort": "low", "verbosity": "low"})
log("thinking", reasoning_tokens=2048,
    extra_body={"chat_template_kwargs": {"enable_thinking": True}})
taken_back = read_eval_log(str(first))
taken_back = invalidate_samples(taken_back, [taken_back.samples[1].uuid],
                                ProvenanceData(author="me", reason="the sandbox was down"))
write_eval_log(taken_back, str(folder / "taken back" / "log.json"))
"""


@pytest.fixture(scope="module")
def logs(tmp_path_factory):
    return write_logs(WRITE_LOGS, tmp_path_factory.mktemp("inspect"))


def without_uuid(log):
    for one in log["samples"]:
        del one["uuid"]


def without_times(log):
    without_uuid(log)
    for one in log["samples"]:
        del one["started_at"], one["completed_at"], one["total_time"], one["working_time"]
        one["events"] = []
        for message in [*one["messages"], one["output"]["choices"][0]["message"]]:
            del message["id"]


def of_run(run):
    def edit(log):
        without_times(log)
        log["eval"]["run_id"] = run

    return edit


@pytest.mark.parametrize("edit", [without_uuid, without_times])
def test_copies_of_samples_without_a_uuid_count_once(logs, tmp_path, edit):
    for name in ("one.json", "other.json"):
        edited(only_log(logs / "first"), tmp_path / "logs", edit, name)
    found = import_inspect(tmp_path / "logs")
    assert found.rollouts.query_id.tolist() == ["sums/1", "sums/2"]
    assert [refusal.reason for refusal in found.refused] == [
        "the sample stands in another log too"
    ] * 2


def test_two_true_runs_with_equal_grades_stay_two(logs, tmp_path):
    for name in ("first", "second"):
        edited(only_log(logs / name), tmp_path / "logs", without_uuid, f"{name}.json")
    assert len(import_inspect(tmp_path / "logs").rollouts) == 4
    for run in ("a", "b"):  # nothing but the run tells them apart
        edited(only_log(logs / "first"), tmp_path / "bare", of_run(run), f"{run}.json")
    assert len(import_inspect(tmp_path / "bare").rollouts) == 4


def test_what_a_retry_kept_of_the_run_before_counts_once(logs, tmp_path):
    edited(only_log(logs / "first"), tmp_path / "logs", without_uuid, "a.json")

    def retry(log):
        without_uuid(log)
        log["eval"].update(run_id="retry", eval_id="retry", created="2099-01-01T00:00:00+00:00")

    edited(only_log(logs / "first"), tmp_path / "logs", retry, "b.json")
    found = import_inspect(tmp_path / "logs")
    assert (len(found.rollouts), len(found.refused)) == (2, 2)


def test_a_sample_that_stands_twice_in_one_log_counts_once(logs, tmp_path):
    def edit(log):
        log["samples"].append(sample(log, 1))

    found = import_inspect(edited(only_log(logs / "first"), tmp_path, edit))
    assert (len(found.rollouts), len(found.refused)) == (2, 1)
    assert found.refused[0].reason == "the sample stands in its log twice"


def test_invalidated_samples_are_refused_with_the_reason(logs):
    found = import_inspect(logs / "taken back")
    assert found.rollouts.query_id.tolist() == ["sums/1"]
    assert found.refused == (
        ("log.json, sample 2, epoch 1", "the sample was invalidated", "the sandbox was down"),
    )


@pytest.mark.parametrize("order", ["ab", "ba"])
def test_what_one_log_took_back_is_refused_in_its_copies_too(logs, tmp_path, order):
    for name, source in zip(order, ("first", "taken back"), strict=True):
        edited(only_log(logs / source), tmp_path / "logs", lambda log: None, f"{name}.json")
    found = import_inspect(tmp_path / "logs")
    assert found.rollouts.query_id.tolist() == ["sums/1"]
    assert len(found.reasons()["the sample was invalidated"]) == 2


def test_an_invalidated_log_that_names_no_sample_is_refused_wholly(logs, tmp_path):
    changed = edited(only_log(logs / "first"), tmp_path, lambda log: log.update(invalidated=True))
    with pytest.raises(TableError, match=r"2 x the log was invalidated"):
        import_inspect(changed)


def test_two_efforts_of_one_model_are_two_models(logs):
    for name, model in {
        "first": "mockllm/model",
        "high": "mockllm/model effort=high",
        "low": "mockllm/model effort=low verbosity=low",
        "thinking": "mockllm/model thinking=on thinking_tokens=2048",
    }.items():
        found = import_inspect(logs / name)
        assert found.rollouts.models == (model,)
        told = () if name == "first" else (f"the effort asked for is part of the model: {model}",)
        assert found.notes == told


def test_effort_is_known_without_events(logs, tmp_path):
    changed = edited(only_log(logs / "low"), tmp_path, without_times)
    assert import_inspect(changed).rollouts.models == ("mockllm/model effort=low verbosity=low",)


def test_a_name_of_the_users_own_stands_and_what_it_covers_is_told(logs, tmp_path):
    for name in ("first", "high"):
        edited(only_log(logs / name), tmp_path / "logs", lambda log: None, f"{name}.json")
    found = import_inspect(tmp_path / "logs", model="mine")
    assert found.rollouts.models == ("mine",)
    assert found.notes == (
        "'mine' stands for several models or efforts: mockllm/model, mockllm/model effort=high",
    )

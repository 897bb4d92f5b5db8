"""Inspect AI logs, written by the real library with its mock model, become rollouts."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from clear_opt.errors import MissingExtraError
from clear_opt.io import TableError
from clear_opt.rollouts.importers import import_inspect
from tests.inspect_logs import edited, only_log, sample, write_logs

pytest.importorskip("inspect_ai", reason="inspect-ai is not installed (extra inspect)")

WRITE_LOGS = """
@solver
def fails_on(word):
    async def solve(state, generate):
        if word in state.input_text:
            raise ValueError("the tool broke")
        return state

    return solve


@scorer(metrics=[accuracy()])
def confidence():
    async def score(state, target):
        return Score(value={"a": 1} if "3+3" in state.input_text else 0.25)

    return score


talk = [ChatMessageSystem(content="Be brief."), ChatMessageUser(content="1+1"),
        ChatMessageAssistant(content="2"), ChatMessageUser(content="3+3")]
samples = [
    Sample(input="2+2", target="4", id=1, metadata={"level": 3}),
    Sample(input=talk, target="6", id="talk"),
    Sample(input="boom", target="0", id="bad"),
]
path = write(
    "sums",
    Task(dataset=samples, solver=[fails_on("boom"), generate()], scorer=match(), name="sums",
         config=GenerateConfig(max_tokens=30)),
    [answer("4", 10), answer("5", 25, reasoning=20), answer("so...", 30, stop="max_tokens"),
     answer("6", 30, stop="max_tokens")],
    epochs=2,
)
write_eval_log(read_eval_log(str(path)), str(folder / "sums.json"))
(folder / "copies").mkdir()
for name in ("a.eval", "b.eval"):
    (folder / "copies" / name).write_bytes(path.read_bytes())
(folder / "copies" / "other.json").write_text("{}")
write("two", Task(dataset=samples[:2], solver=[generate()], scorer=[match(), confidence()],
                  name="two"), [answer("4", 10), answer("6", 5)])


@solver
def twice():
    async def solve(state, generate):
        return await generate(await generate(state))

    return solve


grader = model(answer("GRADE: C", 1000))


@scorer(metrics=[accuracy()])
def graded():
    async def score(state, target):
        await get_model(role="grader").generate("right?")
        return Score(value=True)

    return score


write("agent", Task(dataset=samples[:1], solver=[twice()], scorer=graded(), name="agent",
                    config=GenerateConfig(max_tokens=60), model_roles={"grader": grader}),
      [answer("4", 20), answer("4", 25)])
"""


@pytest.fixture(scope="module")
def logs(tmp_path_factory):
    return write_logs(WRITE_LOGS, tmp_path_factory.mktemp("inspect"))


def test_samples_and_epochs_become_rollouts(logs):
    found = import_inspect(only_log(logs / "sums"), features=["level"])
    rollouts = found.rollouts
    assert rollouts.query_id.tolist() == ["sums/1", "sums/talk"] * 2
    assert rollouts.sample.tolist() == [1, 1, 2, 2]
    assert rollouts.n_tokens.tolist() == [10, 25, 30, 30]  # 25 counts the 20 of reasoning
    assert rollouts.correct.tolist() == [1, 0, 0, 1]
    assert rollouts.text.tolist() == ["2+2", "3+3"] * 2  # what was asked last
    assert rollouts.models == ("mockllm/model",)
    assert rollouts.sources == ("sums",)
    assert rollouts.cap.tolist() == [30] * 4
    # The third ran into its limit without an answer; the fourth had given the right one.
    assert rollouts.truncated.tolist() == [False, False, True, False]
    assert found.notes == ("1 rollouts were cut off after a right answer: they count as complete",)
    assert rollouts.queries()["level"].tolist()[0] == 3


def test_a_sample_with_an_error_is_refused(logs):
    found = import_inspect(only_log(logs / "sums"))
    assert found.read == 6
    assert [refusal.location for refusal in found.refused] == [
        "sample bad, epoch 1",
        "sample bad, epoch 2",
    ]
    assert {refusal.reason for refusal in found.refused} == {"the sample ended with an error"}
    assert "the tool broke" in found.refused[0].detail
    with pytest.raises(TableError, match=r"sample bad, epoch 1: .*; 2 refused in all; mend"):
        found.require_all()


def test_both_formats_of_a_log_say_the_same(logs):
    one, other = import_inspect(only_log(logs / "sums")), import_inspect(logs / "sums.json")
    assert one.refused == other.refused
    for name, values in one.rollouts.columns().items():
        assert values.tolist() == other.rollouts.columns()[name].tolist()


def test_copies_of_a_log_count_once_and_other_files_are_told(logs):
    found = import_inspect(logs / "copies")
    assert len(found.rollouts) == 4
    reasons = {reason: len(some) for reason, some in found.reasons().items()}
    assert reasons == {
        "the sample stands in another log too": 6,
        "the sample ended with an error": 2,
        "the file is no Inspect log": 1,
    }
    assert found.reasons()["the file is no Inspect log"][0].location == "other.json"


def test_one_scorer_of_several_must_be_chosen(logs):
    path = only_log(logs / "two")
    with pytest.raises(TableError, match=r"several scorers; choose one .*: match, confidence"):
        import_inspect(path)
    with pytest.raises(TableError, match=r"no score of 'exact'; scorers here: match, confidence"):
        import_inspect(path, scorer="exact")
    assert import_inspect(path, scorer="match").rollouts.correct.tolist() == [1, 1]
    found = import_inspect(path, scorer="confidence")
    assert found.rollouts.correct.tolist() == [0.25]
    assert found.refused[0].reason == "the score is not a grade"
    assert found.rollouts.cap is None  # the task limits nothing


def test_only_the_tokens_of_the_answer_count(logs):
    """Two calls of 20 and 25 tokens; the same model as its own grader spent 1,000 more."""
    found = import_inspect(only_log(logs / "agent"), model="mine")
    assert found.rollouts.n_tokens.tolist() == [45]
    assert found.rollouts.correct.tolist() == [1]
    assert found.rollouts.models == ("mine",)
    assert found.rollouts.cap is None  # 60 tokens were the limit of a call, not of the answer


def test_what_holds_no_rollout_is_refused(logs, tmp_path):
    def edit(log):
        log["status"] = "cancelled"
        sample(log, 1)["model_usage"], sample(log, 1)["output"]["usage"] = {}, None
        sample(log, "talk")["scores"] = {}
        sample(log, "talk", 2)["scores"]["match"]["value"] = "Z"

    found = import_inspect(edited(logs / "sums.json", tmp_path, edit))
    assert found.rollouts.n_tokens.tolist() == [30]
    assert list(found.reasons()) == [
        "the sample ended with an error",
        "the sample has no token usage",
        "the sample has no score",
        "the score is not a grade",
    ]
    assert found.notes == ("changed.json ended with status cancelled",)


@pytest.mark.parametrize(
    ("value", "grade"),
    [("C", 1), ("P", 0.5), ("N", 0), ("yes", 1), ("0.75", 0.75), (True, 1), (0.5, 0.5)],
)
def test_scores_become_grades_as_inspect_has_it(logs, tmp_path, value, grade):
    def edit(log):
        sample(log, 1)["scores"]["match"]["value"] = value

    found = import_inspect(edited(logs / "sums.json", tmp_path, edit))
    assert found.rollouts.correct.tolist()[0] == grade


def test_a_score_beyond_one_and_one_not_finite_are_refused(logs, tmp_path):
    def edit(log):
        sample(log, 1)["scores"]["match"]["value"] = 7
        sample(log, "talk")["scores"]["match"]["value"] = float("nan")

    found = import_inspect(edited(logs / "sums.json", tmp_path, edit))
    reasons = found.reasons()
    assert reasons["correct lies outside [0, 1]"][0].location == "sample 1, epoch 1"
    assert reasons["the score is not a grade"][0].location == "sample talk, epoch 1"


def test_answers_from_the_cache_and_limits_of_a_sample(logs, tmp_path):
    def edit(log):
        sample(log, 1)["model_usage"] = {}  # as of a cached answer, whose own usage stays
        sample(log, "talk")["limit"] = {"type": "token", "limit": 100}

    found = import_inspect(edited(logs / "sums.json", tmp_path, edit))
    assert found.rollouts.n_tokens.tolist()[0] == 10
    assert found.rollouts.truncated.tolist() == [False, True, True, False]


@pytest.mark.parametrize(
    ("reason", "cut_off"),
    [("stop", False), ("tool_calls", False), ("content_filter", False), ("max_tokens", True),
     ("model_length", True), ("length", True)],
)  # fmt: skip
def test_stop_reasons_say_whether_an_answer_was_cut_off(logs, tmp_path, reason, cut_off):
    def edit(log):
        sample(log, "talk")["output"]["choices"][0]["stop_reason"] = reason

    found = import_inspect(edited(logs / "sums.json", tmp_path, edit))
    assert found.rollouts.truncated.tolist()[1] == cut_off


def test_a_generation_that_broke_off_is_refused_unless_a_limit_did_it(logs, tmp_path):
    def edit(log):
        for number in (1, 2):
            output = sample(log, "talk", number)["output"]
            output["choices"][0]["stop_reason"], output["error"] = "unknown", "engine died"
        sample(log, "talk", 2)["limit"] = {"type": "time", "limit": 60}
        sample(log, "talk", 2)["scores"]["match"]["value"] = "I"

    found = import_inspect(edited(logs / "sums.json", tmp_path, edit))
    why = ("sample talk, epoch 1", "the generation did not finish: unknown", "engine died")
    assert why in found.refused
    assert found.rollouts.truncated.tolist() == [False, True, True]


def test_the_question_is_what_was_asked_before_a_prefill(logs, tmp_path):
    def edit(log):
        for number in (1, 2):
            talk = sample(log, "talk", number)["input"]
            talk.append({"role": "assistant", "content": "The answer is"})
            talk[:0] = [{"role": "system", "content": "Be kind."}]

    found = import_inspect(edited(logs / "sums.json", tmp_path, edit))
    assert found.rollouts.text.tolist() == ["2+2", "3+3"] * 2


def test_usage_above_the_limit_keeps_the_row_and_drops_its_cap(logs, tmp_path):
    def edit(log):
        for call in sample(log, 1)["events"]:
            if call["event"] == "model":
                call["output"]["usage"]["output_tokens"] = 31

    found = import_inspect(edited(logs / "sums.json", tmp_path, edit))
    assert found.rollouts.n_tokens.tolist() == [31, 25, 30, 30]
    assert not found.reasons().keys() - {"the sample ended with an error"}
    assert found.rollouts.truncated.tolist() == [False, False, True, False]
    assert found.rollouts.cap is None
    assert any("1 of 4 rollouts are longer than theirs" in note for note in found.notes)


def test_what_is_wrong_with_a_file_is_said_in_one_line(logs, tmp_path):
    def edit(log):
        sample(log, 1)["messages"] = [{"role": "robot"}] * 3

    with pytest.raises(TableError, match=r"content is missing \(the first of \d\d flaws\); check"):
        import_inspect(edited(logs / "sums.json", tmp_path, edit))
    for name, content, flaw in (
        ("list.json", "[1]", "it does not hold the parts of a log"),
        ("other.json", '{"version": 2}', "eval is missing"),
        ("deep.json", "[" * 100_000, "recursion limit exceeded"),
        ("cut.eval", "PK", "it is no zip archive, or one that is cut off"),
    ):
        (tmp_path / name).write_text(content)
        with pytest.raises(TableError, match=flaw):
            import_inspect(tmp_path / name)


def test_pipes_are_not_read(logs, tmp_path):
    os.mkfifo(tmp_path / "pipe.json")
    with pytest.raises(TableError, match="is a pipe"):
        import_inspect(tmp_path / "pipe.json")
    edited(logs / "sums.json", tmp_path, lambda log: None)
    found = import_inspect(tmp_path)
    assert ("pipe.json", "the file is no Inspect log", "it is no regular file") in found.refused


def test_logs_that_cannot_be_read(logs, tmp_path, monkeypatch):
    for name, content, message in (
        ("bad.eval", b"no zip", "cannot be read as an Inspect log"),
        ("bad.json", b"{}", "cannot be read as an Inspect log"),
        ("log.txt", b"", "logs end in"),
    ):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(TableError, match=message):
            import_inspect(tmp_path / name)
    with pytest.raises(TableError, match="no such file"):
        import_inspect(tmp_path / "absent.eval")
    (tmp_path / "empty").mkdir()
    with pytest.raises(TableError, match="holds no log"):
        import_inspect(tmp_path / "empty")
    with pytest.raises(TableError, match=r"no usable rollout .*2 x the sample ended"):
        import_inspect(
            edited(
                logs / "sums.json",
                tmp_path,
                lambda log: log.update(samples=[s for s in log["samples"] if s["id"] == "bad"]),
            )
        )
    with pytest.raises(TableError, match="no 'topic' on any rollout"):
        import_inspect(logs / "sums.json", features=["topic"])
    monkeypatch.setitem(sys.modules, "inspect_ai.log", None)
    with pytest.raises(MissingExtraError, match=r"clear-opt\[inspect\]"):
        import_inspect(logs / "sums.json")


def test_importing_the_importers_loads_no_log_library():
    code = "import sys, clear_opt.rollouts.importers\nprint('inspect_ai' in sys.modules)"
    root = str(Path(__file__).parents[1])
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=root, check=True
    )
    assert done.stdout.strip() == "False"

"""Which tokens of an Inspect log are the answer's: those the model wrote for the solvers."""

import pytest

from clear_opt.io import TableError
from clear_opt.rollouts.importers import import_inspect
from tests.inspect_logs import edited, only_log, sample, write_logs

pytest.importorskip("inspect_ai", reason="inspect-ai is not installed (extra inspect)")

# A grade costs 400 tokens, a critic's word 77; the name of a log says how long its answer is.
WRITE_LOGS = """
from inspect_ai import score as score_again
from inspect_ai.agent import AgentState, agent, handoff, react
from inspect_ai.solver import basic_agent, use_tools
from inspect_ai.tool import tool

right, wrong = answer("GRADE: C", 400), answer("GRADE: I", 400)


def call(name, tokens, **arguments):
    return with_usage(ModelOutput.for_tool_call("mockllm/model", name, arguments), tokens)


def log(name, *outputs, solver=None, scorer=None, **options):
    task = Task(dataset=[Sample(input="2+2", target="4", id=1)], solver=solver or [generate()],
                scorer=scorer or model_graded_qa(), config=GenerateConfig(max_tokens=100),
                name=name, **options)
    return write(name, task, outputs, log_format="json")


@tool
def add():
    async def execute(x: int, y: int):
        '''Add.

        Args:
            x: one
            y: other
        '''
        return str(x + y)

    return execute


@agent
def helper():
    async def execute(state: AgentState) -> AgentState:
        '''Help with sums.'''
        state.output = await get_model().generate(state.messages)
        state.messages.append(state.output.message)
        return state

    return execute


@solver
def asks(*critics, **role):
    async def solve(state, generate):
        state = await generate(state)
        for critic in [*critics, *([get_model(**role)] if role else [])]:
            await critic.generate("Is it right?")
        return state

    return solve


@solver
def as_worker():
    async def solve(state, generate):
        state.output = await get_model(role="worker").generate(state.messages)
        state.messages.append(state.output.message)
        return state

    return solve


critic = lambda name="mockllm/model": model(answer("fine", 77), name=name)
submit = lambda text, tokens: call("submit", tokens, answer=text)
once = log("self-graded 12", answer("4", 12), right)
log("own instance 12", answer("4", 12), scorer=model_graded_qa(model=model(right)))
log("beside another 12", answer("4", 12), right, scorer=[match(), model_graded_qa()])
log("tools 50", call("add", 20, x=2, y=2), answer("4", 30), right,
    solver=[use_tools(add()), generate()])
log("handoff 60", call("transfer_to_helper", 10), answer("4!", 20), submit("4", 30), right,
    solver=react(tools=[handoff(helper(), description="helps")]))
log("attempts 30", submit("5", 10), wrong, submit("4", 20), right, right, solver=react(attempts=2))
log("basic 30", submit("5", 10), wrong, submit("4", 20), right, right,
    solver=basic_agent(max_attempts=2))
log("critic 12", answer("4", 12), right, solver=[asks(critic("mockllm/critic"))])
log("own critic 89", answer("4", 12), right, solver=[asks(critic())])
log("critic's role 12", answer("4", 12), right, solver=[asks(role="critic")],
    model_roles={"critic": critic()})
log("only a role 12", right, solver=[as_worker()], model_roles={"worker": model(answer("4", 12))})
log("another model 12", right, solver=[as_worker()],
    model_roles={"worker": model(answer("4", 12), name="mockllm/worker")})
write_eval_log(
    score_again(read_eval_log(str(once)), match(), action="overwrite", display="none",
                model=model()),
    str(folder / "scored again 12" / "log.json"),
)
"""


@pytest.fixture(scope="module")
def logs(tmp_path_factory):
    return write_logs(WRITE_LOGS, tmp_path_factory.mktemp("inspect"))


CASES = (
    "self-graded 12",
    "own instance 12",
    "beside another 12",
    "tools 50",
    "handoff 60",
    "attempts 30",
    "basic 30",
    "critic 12",
    "own critic 89",
    "critic's role 12",
    "only a role 12",
    "another model 12",
    "scored again 12",
)


@pytest.mark.parametrize("case", CASES)
def test_what_a_model_writes_as_a_grader_or_critic_is_not_its_answer(logs, case):
    scorer = "match" if case == "beside another 12" else None
    found = import_inspect(logs / case, scorer=scorer)
    tokens = int(case.split()[-1])
    assert found.rollouts.n_tokens.tolist() == [tokens]
    # The task's limit is one of each call, and of the evaluated model's calls alone.
    limited = tokens == 12 and case not in ("only a role 12", "another model 12")
    assert (found.rollouts.cap is not None) == limited
    if limited:
        assert found.rollouts.cap.tolist() == [100]


def test_what_cannot_be_accounted_for_is_told(logs):
    """The log scored again has the first grader's 400 tokens in its usage and in no call."""
    assert import_inspect(logs / "scored again 12").notes == (
        "1 rollouts used more tokens of their model than their calls account for: those do not "
        "count",
    )
    assert import_inspect(logs / "another model 12").notes == (
        "1 rollouts were answered by mockllm/worker, where the log names mockllm/model",
    )
    assert import_inspect(logs / "another model 12").rollouts.models == ("mockllm/worker",)


def as_steps(log):
    """Mark a log's parts as Inspect did before it had spans."""
    for one in log["samples"]:
        open_, events = [], []
        for event in one["events"]:
            event.pop("span_id", None)
            if event["event"] == "span_begin":
                open_.append((event.get("type"), event["name"]))
            if event["event"] not in ("span_begin", "span_end"):
                events.append(event)
                continue
            kind, name = open_[-1] if event["event"] == "span_begin" else open_.pop()
            if kind in ("solver", "scorer", "tool"):
                action = event["event"].removeprefix("span_")
                events.append(
                    {**event, "event": "step", "action": action, "name": name, "type": kind}
                )
        one["events"] = events


def within_tools(log):
    """Keep what happened in a tool within the tool's event, as Inspect once did."""
    for one in log["samples"]:
        calls = {e["id"]: e for e in one["events"] if e["event"] == "tool"}
        spans = {e["id"]: e for e in one["events"] if e["event"] == "span_begin"}
        tool = next(iter(calls.values()))
        inner = {
            name
            for name, span in spans.items()
            if span["type"] in ("agent", "handoff")
            and span["name"].startswith(("helper", "transfer"))
        }
        moved = [e for e in one["events"] if e["event"] == "model" and e["span_id"] in inner]
        assert moved
        tool["events"] = moved
        one["events"] = [e for e in one["events"] if e not in moved]


@pytest.mark.parametrize("case", ["self-graded 12", "tools 50", "handoff 60", "attempts 30"])
def test_older_logs_mark_the_parts_by_steps(logs, tmp_path, case):
    found = import_inspect(edited(only_log(logs / case), tmp_path, as_steps))
    assert found.rollouts.n_tokens.tolist() == [int(case.split()[-1])]


def test_older_logs_keep_the_calls_of_a_tool_within_its_event(logs, tmp_path):
    def edit(log):
        within_tools(log)
        as_steps(log)

    changed = edited(only_log(logs / "handoff 60"), tmp_path, edit)
    assert import_inspect(changed).rollouts.n_tokens.tolist() == [60]


def test_logs_of_r_name_the_solver_with_the_model(logs, tmp_path):
    def edit(log):
        as_steps(log)
        log["eval"]["model"] = "generate(chat()) (mockllm/model)"

    found = import_inspect(edited(only_log(logs / "self-graded 12"), tmp_path, edit))
    assert found.rollouts.n_tokens.tolist() == [12]
    assert found.rollouts.models == ("generate(chat()) (mockllm/model)",)
    assert found.notes == ()


def without_events(log):
    for one in log["samples"]:
        one["events"] = []


def test_without_events_the_usage_of_the_only_call_counts(logs, tmp_path):
    found = import_inspect(edited(only_log(logs / "self-graded 12"), tmp_path, without_events))
    assert found.rollouts.n_tokens.tolist() == [12]
    assert found.rollouts.cap.tolist() == [100]
    assert found.notes == ()


def test_without_events_several_calls_cannot_be_told_from_grading(logs, tmp_path):
    found = import_inspect(edited(only_log(logs / "tools 50"), tmp_path, without_events))
    assert found.rollouts.n_tokens.tolist() == [450]
    assert found.rollouts.cap is None
    assert "what their model wrote as a grader, if it was one, counts" in found.notes[0]


def test_without_events_what_roles_used_is_taken_off(logs, tmp_path):
    def edit(log):
        without_events(log)
        one = sample(log, 1)
        one["output"]["usage"] = None
        one["role_usage"] = {"grader": {"output_tokens": 400, "total_tokens": 400}}

    found = import_inspect(edited(only_log(logs / "self-graded 12"), tmp_path, edit))
    assert found.rollouts.n_tokens.tolist() == [12]


def spends(tokens, reasoning=None, total=None, model="mockllm/model", **cached):
    """Set what the answer's call used, wherever the log says it."""
    total = 5 + tokens if total is None else total
    usage = {"input_tokens": 5, "output_tokens": tokens, "total_tokens": total, **cached}
    usage["reasoning_tokens"] = reasoning

    def edit(log):
        log["eval"]["model"] = model
        one = sample(log, 1)
        one["model_usage"] = {model: usage}
        one["output"]["usage"] = usage
        call = of_calls(log)[0]
        call["model"], call["output"]["usage"] = model, usage
        one["events"] = [e for e in one["events"] if e["event"] != "model" or e is call]

    return edit


@pytest.mark.parametrize("drop", [False, True])
@pytest.mark.parametrize(
    ("used", "tokens"),
    [
        (spends(3, 600, 608), 603),  # xAI: beside, as the total proves
        (spends(3, 600), 603),  # more than the output
        (spends(3, 2, 110, input_tokens_cache_read=100), 5),  # what the cache held counts in
        (spends(700, 600), 700),  # OpenAI: inside
        (spends(700, 600, 1305, model="anthropic/claude-3-7-sonnet"), 700),  # twice in the total
        (spends(118, 120, model="bedrock/us.anthropic.claude"), 118),  # Inspect's estimate
    ],
)
def test_reasoning_counts_once_wherever_it_is_counted(logs, tmp_path, used, tokens, drop):
    def edit(log):
        used(log)
        if drop:
            without_events(log)

    found = import_inspect(edited(only_log(logs / "self-graded 12"), tmp_path, edit))
    assert found.rollouts.n_tokens.tolist() == [tokens]
    told = "1 of 1 answers have their reasoning counted beside the completion: it is added"
    assert (told in found.notes) == (tokens in (603, 5))


def test_a_gap_in_the_total_that_nothing_explains_is_told(logs, tmp_path):
    found = import_inspect(edited(only_log(logs / "self-graded 12"), tmp_path, spends(7, 0, 90)))
    assert found.rollouts.n_tokens.tolist() == [7]
    assert "up to 78 tokens have no explanation" in found.notes[0]


def of_calls(log):
    return [e for e in sample(log, 1)["events"] if e["event"] == "model"]


def test_a_cached_answer_counts_as_long_as_it_is_and_a_failed_call_not(logs, tmp_path):
    def edit(log):
        first, second, _ = of_calls(log)
        first["cache"] = "read"
        usage = sample(log, 1)["model_usage"]["mockllm/model"]
        usage["output_tokens"] -= 20
        failed = {**second, "error": "timeout", "uuid": "f"}
        failed["output"] = {**second["output"], "usage": None}
        events = sample(log, 1)["events"]
        events.insert(events.index(second), failed)

    found = import_inspect(edited(only_log(logs / "tools 50"), tmp_path, edit))
    assert found.rollouts.n_tokens.tolist() == [50]
    assert found.notes == ()


def test_compaction_that_is_no_call_of_its_own_counts(logs, tmp_path):
    def edit(log):
        events = sample(log, 1)["events"]
        place = events.index(of_calls(log)[1])
        span = events[place]["span_id"]
        events.insert(place, {"event": "compaction", "type": "summary", "span_id": span})
        sample(log, 1)["model_usage"]["mockllm/model"]["output_tokens"] += 8

    found = import_inspect(edited(only_log(logs / "tools 50"), tmp_path, edit))
    assert found.rollouts.n_tokens.tolist() == [58]
    assert "had their conversation compacted" in found.notes[0]


def test_another_model_in_its_place_and_several_choices_are_told(logs, tmp_path):
    def edit(log):
        output = of_calls(log)[0]["output"]
        output["fallback"] = {"model": "mockllm/model", "fallback_model": "mockllm/small"}
        output["choices"] *= 2

    found = import_inspect(edited(only_log(logs / "self-graded 12"), tmp_path, edit))
    assert found.notes == (
        "1 rollouts were served by mockllm/small, to which the provider fell back",
        "1 rollouts have several choices: the usage of all of them counts",
    )


def test_a_sample_that_no_model_answered_is_refused(logs, tmp_path):
    def edit(log):
        one = sample(log, 1)
        one["events"].remove(of_calls(log)[0])
        one["output"]["usage"] = None

    with pytest.raises(TableError, match="no model answered"):
        import_inspect(edited(only_log(logs / "self-graded 12"), tmp_path, edit))


def test_several_models_of_which_none_is_the_evaluated_are_refused(logs, tmp_path):
    def edit(log):
        for place, call in enumerate(of_calls(log)):
            call["model"] = f"mockllm/{place}"

    with pytest.raises(TableError, match="several models answered, none of them the evaluated"):
        import_inspect(edited(only_log(logs / "tools 50"), tmp_path, edit))


def test_an_event_that_cannot_be_read_refuses_its_sample(logs, tmp_path):
    def edit(log):
        tool = next(e for e in sample(log, 1)["events"] if e["event"] == "tool")
        tool["events"] = [{"event": "model"}]

    with pytest.raises(TableError, match="an event within another cannot be read"):
        import_inspect(edited(only_log(logs / "tools 50"), tmp_path, edit))

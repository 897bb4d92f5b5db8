"""Batch outputs in the format OpenAI documents, joined to grades, become rollouts."""

import json

import pytest

from clear_opt.io import TableError
from clear_opt.rollouts.importers import import_openai_batch


def completion(custom_id, tokens=20, *, texts=("4",), reasons=("stop",), **changes):
    """A line of output of ``/v1/chat/completions``."""
    choices = [
        {"index": k, "message": {"role": "assistant", "content": text, "refusal": None},
         "logprobs": None, "finish_reason": reason}
        for k, (text, reason) in enumerate(zip(texts, reasons, strict=True))
    ]  # fmt: skip
    body = {
        "id": "chatcmpl-1", "object": "chat.completion", "model": "gpt-x", "choices": choices,
        "usage": {"prompt_tokens": 9, "completion_tokens": tokens, "total_tokens": 9 + tokens,
                  "completion_tokens_details": {"reasoning_tokens": tokens // 2}},
    }  # fmt: skip
    return line(custom_id, {**body, **changes})


def response(custom_id, tokens=20, status="completed", **changes):
    """A line of output of ``/v1/responses``."""
    body = {
        "id": "resp_1", "object": "response", "model": "gpt-y", "status": status, "error": None,
        "incomplete_details": None, "max_output_tokens": 50, "output": [],
        "usage": {"input_tokens": 9, "output_tokens": tokens, "total_tokens": 9 + tokens,
                  "output_tokens_details": {"reasoning_tokens": 3}},
    }  # fmt: skip
    return line(custom_id, {**body, **changes})


def line(custom_id, body, status=200, error=None):
    answer = None if body is None else {"status_code": status, "request_id": "r", "body": body}
    return {"id": "batch_req_1", "custom_id": custom_id, "response": answer, "error": error}


def request(custom_id, body):
    return {"custom_id": custom_id, "method": "POST", "url": "/v1/chat/completions", "body": body}


@pytest.fixture
def put(tmp_path):
    def put(name, content):
        path = tmp_path / name
        if not isinstance(content, str):
            content = "".join(json.dumps(one) + "\n" for one in content)
        path.write_text(content, encoding="utf-8")
        return path

    return put


def test_answers_are_joined_to_grades_and_requests(put):
    output = put(
        "out.jsonl",
        [completion("b", 20), completion("a", 64, texts=["so"], reasons=["length"]),
         completion("c", 64, texts=["4 and"], reasons=["length"])],
    )  # fmt: skip
    grades = put("grades.csv", "custom_id,correct,level\na,no,3\nb,yes,\nc,yes,1\n")
    asked = put(
        "in.jsonl",
        [request("a", {"messages": [{"role": "user", "content": "1+1"}], "max_tokens": 64}),
         request("b", {"messages": [{"role": "system", "content": "Be brief."},
                                    {"role": "user", "content": [
                                        {"type": "text", "text": "3+3"},
                                        {"type": "image_url", "image_url": {"url": "x"}}]}],
                       "max_completion_tokens": 64}),
         request("c", {"messages": [{"role": "user", "content": "2+2"}], "max_tokens": 64})],
    )  # fmt: skip
    found = import_openai_batch(output, grades=grades, requests=asked, features=["level"])
    rollouts = found.rollouts
    assert rollouts.query_id.tolist() == ["b", "a", "c"]
    assert rollouts.n_tokens.tolist() == [20, 64, 64]
    assert rollouts.correct.tolist() == [1, 0, 1]
    assert rollouts.text.tolist() == ["3+3", "1+1", "2+2"]
    assert rollouts.models == ("gpt-x",)
    assert rollouts.cap.tolist() == [64] * 3
    assert rollouts.truncated.tolist() == [False, True, False]
    assert rollouts.queries()["level"].fillna(-1).tolist() == [-1, 3, 1]
    assert found.refused == ()
    assert found.notes == ("1 rollouts were cut off after a right answer: they count as complete",)


def test_responses_of_the_other_api(put):
    output = put(
        "out.jsonl",
        [response("a"), response("b", 50, "incomplete",
                                 incomplete_details={"reason": "max_output_tokens"}),
         response("c", 5, "incomplete", incomplete_details={"reason": "content_filter"}),
         response("d", 5, "failed"), response("e", usage=None)],
    )  # fmt: skip
    grades = put("g.csv", "custom_id,correct\na,1\nb,0\nc,0\nd,0\ne,0\n")
    asked = put("in.jsonl", [request(name, {"input": f"{name}?"}) for name in "abcde"])
    found = import_openai_batch(output, grades=grades, requests=asked)
    assert found.rollouts.n_tokens.tolist() == [20, 50, 5]
    assert found.rollouts.truncated.tolist() == [False, True, False]
    assert found.rollouts.cap.tolist() == [50, 50, 50]
    assert found.rollouts.text.tolist() == ["a?", "b?", "c?"]
    assert found.notes == (
        "the end of 1 rollouts was withheld by a filter: they count as complete",
    )
    assert [refusal[:2] for refusal in found.refused] == [
        ("row 4 (line 4)", "the response is failed"),
        ("row 5 (line 5)", "the response has no token usage"),
    ]


def test_plain_completions(put):
    output = put(
        "out.jsonl",
        [line("a", {"object": "text_completion", "model": "base", "usage": {"completion_tokens": 7},
                    "choices": [{"text": "4", "index": 0, "finish_reason": "length"}]})],
    )  # fmt: skip
    asked = put("in.jsonl", [request("a", {"prompt": "2+2=", "max_tokens": 7})])
    found = import_openai_batch(output, grades=put("g.csv", "custom_id,correct\na,0\n"),
                                requests=asked)  # fmt: skip
    assert found.rollouts.text.tolist() == ["2+2="]
    assert found.rollouts.truncated.tolist() == [True]


def test_usage_of_several_choices_is_shared_out(put):
    """By the length of the texts; one that was cut off had its whole limit."""
    words = ("w " * 10, "w " * 30)
    output = put(
        "out.jsonl",
        [completion("a", 44, texts=words, reasons=["stop", "stop"]),
         completion("b", 143, texts=(*words, "w"), reasons=["stop", "stop", "length"]),
         completion("c", 21, texts=("", "", ""), reasons=["length"] * 3),
         completion("d", 50, texts="www", reasons=["length", "length", "stop"])],
    )  # fmt: skip
    grades = put(
        "g.jsonl",
        [{"custom_id": name, "sample": k, "correct": k == 0}
         for name, n in (("a", 2), ("b", 3), ("c", 3), ("d", 3)) for k in range(n)],
    )  # fmt: skip
    asked = put("in.jsonl", [request(name, {"max_tokens": 100}) for name in "abcd"])
    found = import_openai_batch(output, grades=grades, requests=asked)
    tokens = found.rollouts.n_tokens
    # 10 and 30 words count as 10 + 1 and 31 + 1; by hand 44 * 11/43 and 43 * 11/43 = 11.
    # What contradicts the limit, as 21 and 50 tokens do, is shared out alike.
    assert tokens.tolist() == [11, 33, 11, 32, 100, 7, 7, 7, 17, 16, 17]
    assert found.rollouts.sample.tolist() == [0, 1, 0, 1, 2, 0, 1, 2, 0, 1, 2]
    assert "4 responses have several choices" in found.notes[0]
    alone = import_openai_batch(output, grades=grades)
    assert alone.rollouts.n_tokens[2:5].sum() == 143


def test_requests_may_be_samples_of_one_query(put):
    output = put("out.jsonl", [completion(f"q{q}-{k}", 10 + k) for q in (1, 2) for k in (0, 1)])
    grades = put(
        "g.csv",
        "id,query_id,ok,text,source\n"
        + "".join(f"q{q}-{k},q{q},{k},text {q},bench\n" for q in (1, 2) for k in (0, 1)),
    )
    found = import_openai_batch(
        output, grades=grades, columns={"custom_id": "id", "correct": "ok"}, model="mine"
    )
    assert found.rollouts.query_id.tolist() == ["q1", "q1", "q2", "q2"]
    assert found.rollouts.sample.tolist() == [0, 1, 0, 1]
    assert found.rollouts.texts() == ["text 1", "text 2"]
    assert found.rollouts.models == ("mine",)
    assert found.rollouts.sources == ("bench",)


def test_a_grade_may_name_the_request_by_query_id_alone(put):
    output = put("out.jsonl", [completion("7")])
    found = import_openai_batch(output, grades=put("g.jsonl", [{"query_id": 7, "correct": 0.5}]))
    assert found.rollouts.query_id.tolist() == ["7"]
    assert found.rollouts.correct.tolist() == [0.5]


FAILED = {
    "the request failed: batch_expired": line(
        "x", None, error={"code": "batch_expired", "message": "not in time"}
    ),
    "the request failed: status 500": line("x", {"error": {"message": "oops"}}, 500),
    "the request failed: status 0": line("x", None, 0) | {"response": {"status_code": 0}},
    "the row has no response": line("x", None),
    "the response has no body": line("x", "text"),
    "the response has no token usage": completion("x", usage=None),
    "the response has no choices": completion("x", choices=[]),
    "the response has a choice that is no object": completion("x", choices=["4"]),
    "the custom_id appears again": completion("a"),
    "n_tokens must be a whole number >= 0": completion("x", -1),
}


@pytest.mark.parametrize("reason", FAILED)
def test_failed_rows_are_refused_with_their_place(put, reason):
    output = put("out.jsonl", [completion("a"), FAILED[reason]])
    known = "custom_id,correct\na,1\n" + ("" if FAILED[reason]["custom_id"] == "a" else "x,1\n")
    found = import_openai_batch(output, grades=put("g.csv", known))
    assert found.rollouts.query_id.tolist() == ["a"]
    assert [refusal[:2] for refusal in found.refused] == [("row 2 (line 2)", reason)]


def test_every_row_of_every_file_is_accounted_for(put):
    output = put("out.jsonl", [completion("a"), completion("b"), completion("c"), {"response": {}}])
    grades = put("g.csv", "custom_id,correct\na,1\nb,\nz,1\n")
    found = import_openai_batch(output, grades=grades)
    assert [refusal[:3] for refusal in found.refused] == [
        ("row 2 (line 2)", "the answer has no grade", "b"),
        ("row 3 (line 3)", "the answer has no grade", "c"),
        ("row 4 (line 4)", "the row has no custom_id", ""),
        ("g.csv, row 3 (line 4)", "the grade has no answer", "z"),
    ]
    asked = put("in.jsonl", [request("b", {})])
    with pytest.raises(TableError, match=r"2 x the custom_id has no request"):
        import_openai_batch(output, grades=grades, requests=asked)


def test_a_limit_that_some_requests_lack_is_left_out(put):
    output = put("out.jsonl", [completion("a"), completion("b")])
    asked = put("in.jsonl", [request("a", {"max_tokens": 30}), request("b", {"max_tokens": None})])
    grades = put("g.csv", "custom_id,correct\na,1\nb,0\n")
    found = import_openai_batch(output, grades=grades, requests=asked)
    assert found.rollouts.cap is None
    assert found.notes == ("cap is left out: 1 of 2 rollouts have none",)


BAD_GRADES = {
    "a grade that is none": ("custom_id,correct\na,maybe\n", r"1 x correct is not a number"),
    "twice": ("custom_id,correct\na,1\na,0\n", r"row 2 \(line 3\), .*same answer as row 1"),
    "no grades": ("custom_id,score\na,1\n", r"correct: is missing; columns found: custom_id"),
    "no names": ("name,correct\na,1\n", r"query_id: is missing"),
    "a blank name": ("custom_id,correct\n ,1\n", r"row 1 \(line 2\), custom_id: has no name"),
    "half a sample": ("custom_id,correct,sample\na,1,0.5\n", r"sample = 0.5: must be a whole"),
    "a sample in words": ("custom_id,correct,sample\na,1,one\n", r"sample = 'one': must be"),
}


@pytest.mark.parametrize("case", BAD_GRADES)
def test_bad_grades_are_named(put, case):
    content, message = BAD_GRADES[case]
    output = put("out.jsonl", [completion("a")])
    with pytest.raises(TableError, match=message):
        import_openai_batch(output, grades=put("g.csv", content))


def test_other_files_that_do_not_fit(put):
    output = put("out.jsonl", [completion("a")])
    grades = put("g.csv", "custom_id,correct\na,1\n")
    with pytest.raises(TableError, match=r"in\.jsonl, row 1 .*no custom_id with a body"):
        import_openai_batch(output, grades=grades, requests=put("in.jsonl", [{"custom_id": "a"}]))
    with pytest.raises(TableError, match="level: is missing"):
        import_openai_batch(output, grades=grades, features=["level"])
    with pytest.raises(TableError, match="points: is missing"):
        import_openai_batch(output, grades=grades, columns={"correct": "points"})
    with pytest.raises(TableError, match=r"is missing; columns found: none$"):
        import_openai_batch(output, grades=put("g.jsonl", ""))
    many = put("g.csv", ",".join(f"c{k}" for k in range(5000)) + "\n")
    with pytest.raises(TableError, match=r"columns found: c0, c1, .*, and 4,960 more$"):
        import_openai_batch(output, grades=many)


def grades_of(put, *names, correct=0):
    return put("grades.csv", "custom_id,correct\n" + "".join(f"{n},{correct}\n" for n in names))


def test_a_limit_truncates_and_what_did_not_finish_is_refused_by_its_reason(put):
    words = ["stop", "length", "model_length", "abort", "error", "insufficient_system_resource",
             None, "content_filter", "tired"]  # fmt: skip
    output = put("o.jsonl", [completion(f"q{k}", reasons=[word]) for k, word in enumerate(words)])
    found = import_openai_batch(output, grades=grades_of(put, *(f"q{k}" for k in range(9))))
    assert found.rollouts.query_id.tolist() == ["q0", "q1", "q2", "q7"]
    assert found.rollouts.truncated.tolist() == [False, True, True, False]
    assert [(refused.detail, refused.reason) for refused in found.refused] == [
        ("q3", "the generation did not finish: abort"),
        ("q4", "the generation did not finish: error"),
        ("q5", "the generation did not finish: insufficient_system_resource"),
        ("q6", "the generation did not finish: no stop reason"),
        ("q8", "the stop reason is not known: tired"),
    ]
    assert found.notes == (
        "the end of 1 rollouts was withheld by a filter: they count as complete",
    )


def test_one_choice_that_did_not_finish_does_not_take_the_others_with_it(put):
    output = put("o.jsonl", [completion("a", 44, texts=["w " * 10, "w " * 30],
                                        reasons=["stop", "abort"])])  # fmt: skip
    grades = put("g.csv", "custom_id,sample,correct\na,0,1\na,1,0\n")
    found = import_openai_batch(output, grades=grades)
    assert found.rollouts.n_tokens.tolist() == [11]  # its share: the other used its own
    assert [refused.reason for refused in found.refused] == ["the generation did not finish: abort"]


def test_reasoning_beside_the_completion_counts(put):
    def usage(completion, reasoning, total):
        return {"prompt_tokens": 40, "completion_tokens": completion, "total_tokens": total,
                "completion_tokens_details": {"reasoning_tokens": reasoning}}  # fmt: skip

    cases = {"a": usage(3, 600, 643), "b": usage(700, 600, 740), "c": usage(700, 600, 1340),
             "d": {"completion_tokens": 3, "reasoning_tokens": 600},
             "e": {"prompt_tokens": 40, "completion_tokens": 10, "total_tokens": 850}}  # fmt: skip
    output = put("o.jsonl", [completion(name, usage=one) for name, one in cases.items()])
    found = import_openai_batch(output, grades=grades_of(put, *cases))
    assert found.rollouts.n_tokens.tolist() == [603, 700, 1300, 603, 10]
    assert "3 of 5 answers have their reasoning counted beside" in found.notes[0]
    assert "1 of 5 answers have a total" in found.notes[1]
    assert "up to 800 tokens" in found.notes[1]


CHAT = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "2+2?"}]
PREFILL = {"role": "assistant", "content": "It is"}
QUESTIONS = {
    "a prefill": ({"messages": [*CHAT, PREFILL]}, "2+2?"),
    "a prefill of several messages": ({"messages": [*CHAT, PREFILL, PREFILL]}, "2+2?"),
    "a tool's result": (
        {"messages": [*CHAT, PREFILL, {"role": "tool", "content": "4"}]}, "2+2?",
    ),
    "a tool's result in the user's name": (
        {"messages": [*CHAT, PREFILL, {"role": "user", "content": [{"type": "tool_result"}]}]},
        "2+2?",
    ),
    "an earlier turn": (
        {"messages": [{"role": "user", "content": "1+1?"}, PREFILL, *CHAT, PREFILL]}, "2+2?",
    ),
    "two questions in a row": (
        {"messages": [{"role": "user", "content": "Sums."}, *CHAT]}, "Sums.\n\n2+2?",
    ),
    "a system message alone": ({"messages": [{"role": "developer", "content": "2+2?"}]}, "2+2?"),
    "parts beside a picture": (
        {"messages": [{"role": "user", "content": [
            {"type": "image_url", "image_url": {"url": "x"}}, {"type": "text", "text": "2+2?"}]}]},
        "2+2?",
    ),
    "items of a response": (
        {"input": [{"role": "user", "content": [{"type": "input_text", "text": "2+2?"}]},
                   {"type": "reasoning", "content": "hm"}, {"type": "function_call", "name": "f"},
                   {"role": "assistant", "content": [{"type": "output_text", "text": "4"}]}]},
        "2+2?",
    ),
    "instructions alone": ({"input": [], "instructions": "2+2?"}, "2+2?"),
    "one prompt in a list": ({"prompt": ["2+2?"]}, "2+2?"),
    "token ids": ({"prompt": [17, 10, 17]}, None),
    "token ids in a list": ({"prompt": [[17, 10, 17]]}, None),
    "a number": ({"input": 7}, None),
    "a picture alone": (
        {"messages": [{"role": "user", "content": [{"type": "image_url"}]}]}, None,
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", QUESTIONS)
def test_the_question_is_what_the_user_asked_last(put, case):
    body, text = QUESTIONS[case]
    output = put("o.jsonl", [completion("a"), completion("b")])
    other = request("b", {"messages": [{"role": "user", "content": "3+3?"}]})
    asked = put("in.jsonl", [request("a", body), other])
    found = import_openai_batch(output, grades=grades_of(put, "a", "b"), requests=asked)
    assert found.rollouts.text.tolist() == [text or "", "3+3?"]
    assert ("text is empty on 1 of 2 rollouts" in " ".join(found.notes)) is (text is None)


def test_texts_that_no_request_has_are_left_out_with_a_note(put):
    output, asked = put("o.jsonl", [completion("a")]), put("in.jsonl", [request("a", {"input": 7})])
    found = import_openai_batch(output, grades=grades_of(put, "a"), requests=asked)
    assert found.rollouts.text is None
    assert found.notes == ("text is left out: no question has any",)


def test_each_choice_of_several_prompts_has_its_own_question(put):
    texts = ["2", "two", "4", "four"]
    body = {"object": "text_completion", "model": "base", "usage": {"completion_tokens": 8},
            "choices": [{"text": text, "index": k, "finish_reason": "stop"}
                        for k, text in enumerate(texts)]}  # fmt: skip
    grades = "custom_id,query_id,sample,correct\n" + "".join(
        f"a,{'one' if k < 2 else 'two'},{k},1\n" for k in range(4)
    )
    found = import_openai_batch(
        put("o.jsonl", [line("a", body)]),
        grades=put("g.csv", grades),
        requests=put("in.jsonl", [request("a", {"prompt": ["1+1?", "2+2?"], "n": 2})]),
    )
    assert found.rollouts.texts() == ["1+1?", "2+2?"]


def test_an_answer_above_its_limit_is_kept_and_the_limits_are_left_out(put):
    output = put("o.jsonl", [completion("a", 65), completion("b", 64, reasons=["length"])])
    asked = put("in.jsonl", [request(name, {"prompt": "x", "max_tokens": 64}) for name in "ab"])
    found = import_openai_batch(output, grades=grades_of(put, "a", "b"), requests=asked)
    assert found.rollouts.n_tokens.tolist() == [65, 64]
    assert found.rollouts.truncated.tolist() == [False, True]
    assert found.rollouts.cap is None
    assert found.refused == ()
    (note,) = found.notes
    assert note.startswith("cap is left out: 1 of 2 rollouts are longer than theirs")
    assert "first: row 1 (line 1), 65 > 64" in note


def test_efforts_of_one_model_are_models_of_their_own(put):
    asked = put("in.jsonl", [
        request("a", {"prompt": "x", "reasoning_effort": "low"}),
        request("b", {"prompt": "x", "reasoning": {"effort": "high"}}),
        request("c", {"prompt": "x", "chat_template_kwargs": {"enable_thinking": False}}),
        request("d", {"prompt": "x"}),
    ])  # fmt: skip
    output, grades = put("o.jsonl", map(completion, "abcd")), grades_of(put, *"abcd")
    found = import_openai_batch(output, grades=grades, requests=asked)
    efforts = ["gpt-x effort=low", "gpt-x effort=high", "gpt-x thinking=off", "gpt-x"]
    assert found.rollouts.model.tolist() == efforts
    assert "the effort asked for is part of the model" in found.notes[0]
    named = import_openai_batch(output, grades=grades, requests=asked, model="mine")
    assert named.rollouts.models == ("mine",)
    assert "'mine' stands for several models or efforts" in named.notes[0]
    graded = put("g.csv", "custom_id,correct,model\na,1,own\nb,1,own\nc,1,other\nd,1,\n")
    named = import_openai_batch(output, grades=graded, requests=asked)
    assert named.rollouts.model.tolist() == ["own", "own", "other", "gpt-x"]
    assert named.notes == (
        "'own' stands for several models or efforts: gpt-x effort=high, gpt-x effort=low",
    )


def test_the_effort_that_a_response_names_counts_without_requests(put):
    output = put(
        "o.jsonl", [response(name, reasoning={"effort": name}) for name in ("low", "high")]
    )
    found = import_openai_batch(output, grades=grades_of(put, "low", "high"))
    assert found.rollouts.models == ("gpt-y effort=high", "gpt-y effort=low")


def failed(body, status=200, error=None):
    return {**line("x", body, status), "error": error}


REASONS = {
    "status as a text": (completion("x") | {"response": {
        **completion("x")["response"], "status_code": "200"}}, None, ""),
    "no status": (completion("x") | {"response": {"body": completion("x")["response"]["body"]}},
                  None, ""),
    "an error in the body of a success": (
        failed({"error": {"code": "overloaded", "message": "later"}}),
        "the request failed: overloaded", "later"),
    "an error that is a text": (failed(None, error="time is up"), "the request failed",
                                "time is up"),
    "an error without a code": (failed(None, error={"message": "time is up"}),
                                "the request failed", "time is up"),
    "a response without a status": (response("x", status=None), "the response has no status", "x"),
    "an unknown cause": (response("x", status="incomplete", incomplete_details={"reason": "bored"}),
                         "the stop reason is not known: bored", "x"),
    "half a token": (completion("x", usage={"completion_tokens": 2.5}),
                     "the usage has a count that is no whole number", "completion_tokens = 2.5"),
    "reasoning in words": (
        completion("x", usage={"completion_tokens": 2, "reasoning_tokens": "many"}),
        "the usage has a count that is no whole number", "reasoning_tokens = 'many'"),
    "choices of one number": (
        completion("x", choices=[{"index": 0, "finish_reason": "stop"}] * 2),
        "two choices of the response have one number", "x"),
}  # fmt: skip


@pytest.mark.parametrize("case", REASONS)
def test_a_refusal_says_what_is_wrong_and_nothing_else(put, case):
    row, reason, detail = REASONS[case]
    output = put("o.jsonl", [completion("a"), row])
    found = import_openai_batch(output, grades=grades_of(put, "a", "x"))
    expected = [] if reason is None else [("row 2 (line 2)", reason, detail)]
    assert [tuple(refused) for refused in found.refused] == expected
    assert len(found.rollouts) + len(expected) == 2


def test_requests_that_contradict_one_another_are_named(put):
    asked = put("in.jsonl", [request("a", {"prompt": "x"}), request("a", {"prompt": "y"})])
    output = put("o.jsonl", [completion("a")])
    with pytest.raises(TableError, match=r"in\.jsonl, row 2 .*custom_id = 'a': asks for something"):
        import_openai_batch(output, grades=grades_of(put, "a"), requests=asked)


def test_ids_may_be_numbers_in_every_file(put):
    output = put("o.jsonl", [completion(7)])
    asked = put("in.jsonl", [request(7, {"prompt": "2+2?"})])
    grades = put("g.jsonl", [{"custom_id": 7, "correct": 1}])
    found = import_openai_batch(output, grades=grades, requests=asked)
    assert found.rollouts.text.tolist() == ["2+2?"]


WRONG = [None, 7, -1, 10**400, float("nan"), "x", "\ud800", [], ["x"], [[7]], {}, {"type": "x"}]


def places(value, path=()):
    """Every place below a JSON value."""
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for key, below in items:
        yield (*path, key)
        if isinstance(below, (dict, list)):
            yield from places(below, (*path, key))


def replaced(value, path, new):
    """A copy with another value at one place."""
    copy = json.loads(json.dumps(value))
    parent = copy
    for key in path[:-1]:
        parent = parent[key]
    parent[path[-1]] = new
    return copy


def test_an_answer_with_a_value_of_a_wrong_kind_is_refused_or_read(put):
    """Each value of a chat's and of a response's line, exchanged for each wrong one."""
    chat = completion("x", texts=["4", "5"], reasons=["stop", "length"])
    lines = [
        replaced({**good, "custom_id": f"{kind}-{where}-{k}"}, where, wrong)
        for kind, good in (("chat", chat), ("response", response("x", reasoning={"effort": "low"})))
        for where in places(good)
        for k, wrong in enumerate(WRONG)
    ]
    grades = [
        {"custom_id": one["custom_id"], "correct": 0, "sample": sample}
        for one in lines
        if isinstance(one["custom_id"], str) and one["custom_id"].startswith(("chat", "response"))
        for sample in ((0, 1) if one["custom_id"].startswith("chat") else (0,))
    ]
    found = import_openai_batch(put("o.jsonl", lines), grades=put("g.jsonl", grades))
    refused = {refusal.location for refusal in found.refused if refusal.location.startswith("row")}
    assert len(refused) + len(found.rollouts.query_ids) >= len(lines)  # of some one choice of two
    assert all(refusal.reason for refusal in found.refused)


def test_a_value_of_a_wrong_kind_in_requests_and_grades_is_named_or_its_row_refused(put):
    output = put("o.jsonl", [completion("a"), completion("x")])
    asked = request("x", {"messages": CHAT, "max_tokens": 64, "reasoning": {"effort": 1}})
    grade = {"custom_id": "x", "correct": 1, "sample": 0, "text": "t", "model": "m", "source": "s"}
    outcomes = set()
    for good in (asked, grade):
        for where in places(good):
            for wrong in WRONG:
                changed = replaced(good, where, wrong)
                one, other = (asked, changed) if good is grade else (changed, grade)
                requests = put("in.jsonl", [{**asked, "custom_id": "a"}, one])
                grades = put("g.jsonl", [{**grade, "custom_id": "a"}, other])
                try:
                    found = import_openai_batch(output, grades=grades, requests=requests)
                except TableError as error:
                    outcomes.add(error.path.name)
                else:
                    outcomes.add("refused" if found.refused else "read")
    assert outcomes == {"in.jsonl", "g.jsonl", "refused", "read"}

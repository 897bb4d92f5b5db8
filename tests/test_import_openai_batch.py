"""Batch outputs in the format OpenAI documents, joined to grades, become rollouts."""

import json

import pytest

from clear_opt.files import TableError
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

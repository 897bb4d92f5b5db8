"""Per-sample logs of lm-evaluation-harness, in the format its tracker writes, become rollouts."""

import json

import pytest

from clear_opt.errors import InvalidInputError
from clear_opt.files import TableError
from clear_opt.rollouts.importers import estimate_tokens, import_lm_eval

DATE = "2025-03-01T12-30-00.123456"


def row(doc_id=0, answers=("The answer is 4.",), grade=1.0, **changes):
    """One line of ``samples_*.jsonl`` as the harness has written it since the end of 2024."""
    return {
        "doc_id": doc_id,
        "doc": {"question": f"What is {doc_id} + 2?", "answer": "4", "level": doc_id % 3},
        "target": "4",
        "arguments": {
            "gen_args_0": {
                "arg_0": f"Question: What is {doc_id} + 2?\nAnswer:",
                "arg_1": {"until": ["Question:"], "max_gen_toks": 64, "do_sample": False},
            }
        },
        "resps": [list(answers)],
        "filtered_resps": ["4"],
        "filter": "strict-match",
        "metrics": ["exact_match"],
        "doc_hash": "d" * 64,
        "prompt_hash": "p" * 64,
        "target_hash": "t" * 64,
        "exact_match": grade,
        **changes,
    }


def put(folder, *rows, task="gsm8k", date=DATE):
    path = folder / f"samples_{task}_{date}.jsonl"
    path.write_text("".join(json.dumps(one) + "\n" for one in rows), encoding="utf-8")
    return path


def without(one, *keys):
    return {key: value for key, value in one.items() if key not in keys}


def reasons(found):
    return {reason: len(some) for reason, some in found.reasons().items()}


def test_rows_become_rollouts(tmp_path):
    path = put(
        tmp_path, row(0, n_tokens=12), row(7, grade=0.0, n_tokens=64), row(8, grade=0, n_tokens=9)
    )
    (tmp_path / f"results_{DATE}.json").write_text(json.dumps({"model_name": "org/model-7b"}))
    found = import_lm_eval(path, features=["level"])
    rollouts = found.rollouts
    assert rollouts.query_id.tolist() == ["gsm8k/0", "gsm8k/7", "gsm8k/8"]
    assert rollouts.n_tokens.tolist() == [12, 64, 9]
    assert rollouts.correct.tolist() == [1, 0, 0]
    assert rollouts.text.tolist()[1] == "Question: What is 7 + 2?\nAnswer:"
    assert rollouts.models == ("org/model-7b",)
    assert rollouts.sources == ("gsm8k",)
    assert rollouts.cap.tolist() == [64] * 3
    assert rollouts.truncated.tolist() == [False, True, False]  # at its limit, without an answer
    assert rollouts.features["level"].tolist() == [0, 1, 2]
    assert (found.refused, found.notes) == ((), ())


def test_lengths_are_estimated_only_if_asked_for(tmp_path):
    path = put(tmp_path, row(0, ["Two and two: 4."]))
    with pytest.raises(TableError, match=r"counts no tokens: .*'n_tokens'.*--count-tokens words"):
        import_lm_eval(path)
    with pytest.raises(TableError, match="no field 'usage'"):
        import_lm_eval(path, columns={"n_tokens": "usage"})
    found = import_lm_eval(path, count_tokens="words")
    assert found.rollouts.n_tokens.tolist() == [6]  # Two and two : 4 .
    assert found.rollouts.cap is None  # an estimate may exceed the limit
    assert "off by about 10 %" in found.notes[0]
    with pytest.raises(InvalidInputError, match=r"count_tokens = tokens: is not known"):
        import_lm_eval(path, count_tokens="tokens")


@pytest.mark.parametrize(
    ("text", "tokens"),
    [("", 0), ("word", 1), ("a, b", 3), ("x " * 100, 103), ("½ + ½ = 1", 5), ("数学。", 2)],
)
def test_an_estimate_counts_words_and_punctuation(text, tokens):
    assert estimate_tokens(text) == tokens


def test_fields_of_other_names(tmp_path):
    path = put(
        tmp_path, row(1, usage={"x": 1}, counts=[33], acc=0.5, metrics=["exact_match", "acc"])
    )
    with pytest.raises(TableError, match=r"several metrics; .*exact_match, acc"):
        import_lm_eval(path, columns={"n_tokens": "counts"})
    columns = {"n_tokens": "counts", "correct": "acc", "text": "question"}
    found = import_lm_eval(path, columns=columns, model="mine")
    assert found.rollouts.n_tokens.tolist() == [33]
    assert found.rollouts.correct.tolist() == [0.5]
    assert found.rollouts.text.tolist() == ["What is 1 + 2?"]
    assert found.rollouts.models == ("mine",)
    with pytest.raises(TableError, match="no field 'problem' in any doc"):
        import_lm_eval(path, columns={**columns, "text": "problem"})
    with pytest.raises(InvalidInputError, match="model: cannot be mapped; lm-eval maps correct"):
        import_lm_eval(path, columns={"model": "x"})
    with pytest.raises(TableError, match="no 'topic' on any rollout"):
        import_lm_eval(path, columns=columns, features=["topic"])


def test_one_filter_of_several_must_be_chosen(tmp_path):
    strict, loose = row(0, grade=0.0, n_tokens=5), row(0, n_tokens=5, filter="flexible-extract")
    path = put(tmp_path, strict, loose)
    with pytest.raises(TableError, match=r"several filters; .*: strict-match, flexible-extract"):
        import_lm_eval(path)
    with pytest.raises(TableError, match=r"filter 'none'; filters here: strict-match"):
        import_lm_eval(path, filter_name="none")
    found = import_lm_eval(path, filter_name="flexible-extract")
    assert found.rollouts.correct.tolist() == [1]
    assert (found.read, found.refused) == (1, ())
    assert "1 rows repeat the answers under other filters" in found.notes[0]


def test_older_logs_name_neither_filter_nor_metrics(tmp_path):
    old = [
        {**without(row(k, n_tokens=5, grade=g), "filter", "metrics"),
         "arguments": [[f"What is {k}?", {"until": ["\n"], "max_gen_toks": 9}]]}
        for k, g in ((0, 1.0), (1, 0.0), (0, 0.0))
    ]  # fmt: skip
    found = import_lm_eval(put(tmp_path, *old))
    assert found.rollouts.query_id.tolist() == ["gsm8k/0", "gsm8k/1"]
    assert found.rollouts.text.tolist() == ["What is 0?", "What is 1?"]
    assert found.rollouts.cap.tolist() == [9, 9]
    assert list(found.refused) == [
        ("row 3 (line 3)", "the row grades an answer again, by a filter it does not name", "")
    ]


def test_several_responses_with_a_grade_each(tmp_path):
    answers = ["4", "It is five.", "4!"]
    found = import_lm_eval(
        put(tmp_path, row(0, answers, [1, 0, 1], n_tokens=[1, 5, 2]),
            row(1, answers, 1.0, n_tokens=[1, 5, 2]), row(2, answers, [1, 0, 1], n_tokens=7))
    )  # fmt: skip
    assert found.rollouts.sample.tolist() == [0, 1, 2]
    assert found.rollouts.n_tokens.tolist() == [1, 5, 2]
    assert found.rollouts.correct.tolist() == [1, 0, 1]
    assert [refusal[:2] for refusal in found.refused] == [
        ("row 2 (line 2)", "several responses share one grade"),
        ("row 3 (line 3)", "the row has no length for each response"),
    ]


@pytest.mark.parametrize("wrapped", [False, True])
def test_a_chat_gives_the_last_question(tmp_path, wrapped):
    chat = json.dumps(
        [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "1+1"},
            {"role": "assistant", "content": "2"},
            {"role": "user", "content": [{"type": "text", "text": "3+3"}]},
        ]
    )
    arguments = {"gen_args_0": {"arg_0": [chat] if wrapped else chat, "arg_1": {}}}
    found = import_lm_eval(put(tmp_path, row(n_tokens=3, arguments=arguments)))
    assert found.rollouts.text.tolist() == ["3+3"]
    assert "no row names a token limit" in found.notes[0]


BAD_ROWS = {
    "the row has no doc_id": without(row(), "doc_id"),
    "the row has no response": row(resps=[]),
    "the row has several requests, as choices by likelihood do": row(
        resps=[[["-1.5", "False"]], [["-0.5", "True"]]]
    ),
    "the response is no generated text": row(resps=[[["-1.5", "False"]]]),
    "the row has no grade": without(row(), "exact_match"),
    "the row has no length for each response": row(n_tokens=None),
    "correct lies outside [0, 1]": row(grade=3.5),
    "correct is not a number": row(grade="right"),
    "n_tokens must be a whole number >= 0": row(n_tokens=-1),
    "n_tokens is not a number": row(n_tokens="nine"),
    "the doc_id is neither number nor text": {**row(), "doc_id": [0]},
}


@pytest.mark.parametrize("reason", BAD_ROWS)
def test_bad_rows_are_refused_with_their_place(tmp_path, reason):
    bad = {"n_tokens": 5, **BAD_ROWS[reason]}
    found = import_lm_eval(put(tmp_path, row(7, n_tokens=4), bad))
    assert found.rollouts.n_tokens.tolist() == [4]
    assert [refusal[:2] for refusal in found.refused] == [("row 2 (line 2)", reason)]
    with pytest.raises(TableError, match=r"no usable rollout \(refused: 1 x "):
        import_lm_eval(put(tmp_path, bad))


def test_a_folder_of_tasks_and_models(tmp_path):
    for name, task in (("a", "gsm8k"), ("a", "math_500"), ("b", "gsm8k")):
        folder = tmp_path / f"org__{name}"
        folder.mkdir(exist_ok=True)
        put(folder, row(0, n_tokens=5), row(1, n_tokens=None), task=task)
        (folder / f"results_{DATE}.json").write_text(json.dumps({"model_name": f"org/{name}"}))
    found = import_lm_eval(tmp_path)
    assert found.rollouts.query_id.tolist() == ["gsm8k/0", "math_500/0", "gsm8k/0"]
    assert found.rollouts.model.tolist() == ["org/a", "org/a", "org/b"]
    assert found.refused[0].place == f"org__a/samples_gsm8k_{DATE}.jsonl, row 2 (line 2)"


def test_a_model_is_named_or_left_out(tmp_path):
    path = put(tmp_path, row(n_tokens=5))
    assert import_lm_eval(path).rollouts.model is None
    (tmp_path / f"results_{DATE}.json").write_text("{")
    with pytest.raises(TableError, match=r"results_.*cannot be read.*--model"):
        import_lm_eval(path)
    assert import_lm_eval(path, model="m").rollouts.models == ("m",)


def test_sources_that_cannot_be_read(tmp_path):
    with pytest.raises(TableError, match=r"holds no samples_\*\.jsonl; .*--log_samples"):
        import_lm_eval(tmp_path)
    with pytest.raises(TableError, match="No such file"):
        import_lm_eval(tmp_path / "samples_x.jsonl")
    with pytest.raises(TableError, match="it is empty"):
        import_lm_eval(put(tmp_path))

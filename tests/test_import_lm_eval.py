"""Per-sample logs of lm-evaluation-harness, in the format its tracker writes, become rollouts."""

import json
import unicodedata

import pytest

from clear_opt.errors import InvalidInputError
from clear_opt.io import TableError
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
    (note,) = found.notes
    assert note.endswith("off by about 10 % on English and mathematics")
    with pytest.raises(InvalidInputError, match=r"count_tokens = tokens: is not known"):
        import_lm_eval(path, count_tokens="tokens")


@pytest.mark.parametrize(
    ("text", "tokens"),
    [("", 0), ("word", 1), ("a, b", 3), ("x " * 100, 103), ("½ + ½ = 1", 5), ("数学。", 2)],
)
def test_an_estimate_counts_words_and_punctuation(text, tokens):
    assert estimate_tokens(text) == tokens


# Medians of what five tokenizers make of each: GPT-4o, Qwen 3, DeepSeek V3, Llama 3.1, Gemini.
COUNTED = {
    "The derivative of the function measures how quickly its value changes, so it is 19.": 18,
    "函数的导数表示函数值变化的快慢，所以最大值一定在两个区间的分界点处取得。": 26,  # noqa: RUF001
    "一共有24个苹果和6个孩子，所以每个孩子得到四个苹果。": 18,  # noqa: RUF001
    "数学の問題を解くということは、条件をその意味を変えないように言い換えていくことです。": 24,
    "먼저 아이 한 명이 사과를 몇 개 받는지 구합니다. 따라서 답은 열아홉 개입니다.": 27,
    "โจทย์เงื่อนไขสัญลักษณ์ส่วนใหญ่เป็นข้อสอบเกี่ยวกับการเปรียบเทียบ": 27,
    "Сначала найдём, сколько яблок получает каждый ребёнок. Всего 24 яблока и 6 детей.": 29,  # noqa: RUF001
    "تقيس مشتقة الدالة مدى سرعة تغير قيمتها. إذن العبارة صحيحة لكل عدد صحيح موجب.": 30,
}


@pytest.mark.parametrize("text", COUNTED)
def test_an_estimate_counts_letters_where_words_are_no_measure(text):
    assert estimate_tokens(text) == pytest.approx(COUNTED[text], rel=0.25)
    assert estimate_tokens(unicodedata.normalize("NFD", text)) == estimate_tokens(text)


def test_a_note_says_how_good_an_estimate_is_in_the_scripts_that_are_there(tmp_path):
    path = put(tmp_path, row(0, ["答案是四。"]), row(1, ["four"]))
    found = import_lm_eval(path, count_tokens="words")
    assert found.rollouts.n_tokens.tolist() == [4, 1]
    assert (
        "44% of the characters are of other scripts: off by a quarter in Chinese" in found.notes[0]
    )


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


PREFILL = {"role": "assistant", "content": "It is"}
USER = {"role": "user", "content": "3+3?"}
PROMPTS = {
    "a prefill": (json.dumps([USER, PREFILL]), "3+3?"),
    "a prefill, in a list": ([json.dumps([USER, PREFILL])], "3+3?"),
    "messages that are not text": ([USER, PREFILL], "3+3?"),
    "indented JSON": (json.dumps([USER, PREFILL], indent=1), "3+3?"),
    "a system message alone": (json.dumps([{"role": "system", "content": "3+3?"}]), "3+3?"),
    "a picture alone": (
        json.dumps([{"role": "user", "content": [{"type": "image_url"}]}]), "",
    ),
    "a prompt that looks like JSON": ("[{1, 2}] has how many sets?", "[{1, 2}] has how many sets?"),
    "a list in a prompt": ("[1, 2]", "[1, 2]"),
    "nested without end": ("[" * 100_000, "[" * 100_000),
    "a number": (7, ""),
    "nothing": (None, ""),
}  # fmt: skip


@pytest.mark.parametrize("case", PROMPTS)
def test_the_text_is_what_the_user_asked_last(tmp_path, case):
    prompt, text = PROMPTS[case]
    arguments = {"gen_args_0": {"arg_0": prompt, "arg_1": {"max_gen_toks": 9}}}
    rows = row(0, n_tokens=3, arguments=arguments), row(1, n_tokens=3)
    found = import_lm_eval(put(tmp_path, *rows))
    assert found.rollouts.text[0] == text
    assert ("text is empty on 1 of 2" in " ".join(found.notes)) is (not text)


def test_a_length_above_the_limit_is_kept_and_counts_as_cut_off_where_it_is_wrong(tmp_path):
    grades = {0: (64, 0.0), 1: (70, 0.0), 2: (70, 1.0), 3: (9, 0.0)}
    rows = [row(k, n_tokens=tokens, grade=grade) for k, (tokens, grade) in grades.items()]
    found = import_lm_eval(put(tmp_path, *rows))
    assert found.rollouts.n_tokens.tolist() == [64, 70, 70, 9]
    assert found.rollouts.truncated.tolist() == [True, True, False, False]
    assert found.rollouts.cap is None
    assert found.refused == ()
    assert "2 of 4 rollouts are longer than theirs" in found.notes[0]


def test_a_limit_that_some_rows_lack_still_says_which_were_cut_off(tmp_path):
    free = {"gen_args_0": {"arg_0": "2+2", "arg_1": {"max_gen_toks": "many"}}}
    rows = row(0, n_tokens=64, grade=0.0), row(1, n_tokens=64, grade=0.0, arguments=free)
    found = import_lm_eval(put(tmp_path, *rows))
    assert found.rollouts.cap is None
    assert found.rollouts.truncated.tolist() == [True, False]
    assert found.notes == ("cap is left out: 1 of 2 rollouts have none",)


@pytest.mark.parametrize("as_text", [False, True])
def test_efforts_of_one_model_are_models_of_their_own(tmp_path, as_text):
    high = {"gen_args_0": {"arg_0": "2+2", "arg_1": {"reasoning_effort": "high"}}}
    path = put(tmp_path, row(0, n_tokens=3), row(1, n_tokens=3, arguments=high))
    settings = {"pretrained": "m", "enable_thinking": True}
    if as_text:
        settings = ",".join(f"{name}={value}" for name, value in settings.items())
    results = {"model_name": "m", "config": {"model_args": settings}}
    (tmp_path / f"results_{DATE}.json").write_text(json.dumps(results))
    found = import_lm_eval(path)
    assert found.rollouts.model.tolist() == ["m thinking=on", "m effort=high thinking=on"]
    assert "the effort asked for is part of the model" in " ".join(found.notes)


WRONG = [None, 7, -1, 1.5, 10**400, float("nan"), "x", "\ud800", [], ["x"], [[7]], {}, {"a": {}}]


def places(value, path=()):
    """Every place below a JSON value."""
    for key, below in value.items() if isinstance(value, dict) else enumerate(value):
        yield (*path, key)
        if isinstance(below, (dict, list)):
            yield from places(below, (*path, key))


@pytest.mark.parametrize("count_tokens", [None, "words"])
def test_a_value_of_a_wrong_kind_is_refused_or_named(tmp_path, count_tokens):
    """Each value of a row, exchanged for each wrong one."""
    outcomes = set()
    for path in places(row()):
        for wrong in WRONG:
            changed = parent = row(n_tokens=5)
            for key in path[:-1]:
                parent = parent[key]
            parent[path[-1]] = wrong
            log = put(tmp_path, row(7, n_tokens=4), changed)
            try:
                found = import_lm_eval(log, count_tokens=count_tokens, features=["level"])
            except TableError:
                outcomes.add("named")
            else:
                outcomes.add("refused" if found.refused else "read")
    assert outcomes == {"named", "refused", "read"}


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
    assert found.refused[0].location == f"org__a/samples_gsm8k_{DATE}.jsonl, row 2 (line 2)"


def test_a_model_is_named_or_left_out(tmp_path):
    path = put(tmp_path, row(n_tokens=5))
    assert import_lm_eval(path).rollouts.model is None
    for bad in ("{", "[" * 100_000, '{"model_name": "a", "model_name": "b"}'):
        (tmp_path / f"results_{DATE}.json").write_text(bad)
        with pytest.raises(TableError, match=r"results_.*cannot be read.*--model"):
            import_lm_eval(path)
    (tmp_path / f"results_{DATE}.json").write_text('{"model_name": ["m"], "config": 7}')
    assert import_lm_eval(path).rollouts.model is None
    assert import_lm_eval(path, model="m").rollouts.models == ("m",)


def test_sources_that_cannot_be_read(tmp_path):
    with pytest.raises(TableError, match=r"holds no samples_\*\.jsonl; .*--log_samples"):
        import_lm_eval(tmp_path)
    with pytest.raises(TableError, match="No such file"):
        import_lm_eval(tmp_path / "samples_x.jsonl")
    with pytest.raises(TableError, match="it is empty"):
        import_lm_eval(put(tmp_path))

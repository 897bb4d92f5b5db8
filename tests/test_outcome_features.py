"""What is only known once a query is answered is no feature, unless somebody asks for it."""

import json

import numpy as np
import pytest

from clear_opt.errors import InvalidInputError
from clear_opt.evaluation import as_json, evaluate, evaluate_spend
from clear_opt.predictors import LinearLearner, SurgePredictor, load_predictor
from clear_opt.rollouts import (
    Rollouts,
    choose_features,
    outcome_features,
    read_rollouts,
    write_rollouts,
)
from clear_opt.rollouts.importers import import_table
from clear_opt.training import train
from clear_opt.training.register import _compared
from tests.command_line import answer, run

N = 300
LEARNER = SurgePredictor(learner=LinearLearner())


def objects(values):
    return np.array(list(values), dtype=object)


def drawn(seed=0, n=N):
    """Outcomes that follow a level, from 95 % right to 5 %, and the prompt's length; and those."""
    rng = np.random.default_rng(seed)
    level, prompt = rng.integers(1, 6, n), np.round(rng.lognormal(4.5, 0.6, n))
    tokens = np.round(20 * level * prompt**0.6 * np.exp(0.2 * rng.standard_normal(n)))
    chance = np.array([0.95, 0.85, 0.5, 0.15, 0.05])[level - 1]
    right = (rng.random(n) < chance).astype(float)
    honest = {
        "level": level.astype(float),
        "level as text": objects(map(str, level)),
        "prompt": prompt,
        "number": np.arange(n) * 1.0,
        "name": objects(f"n{k}" for k in range(n)),
        "topic": objects(rng.choice(["a", "b"], n)),
        "empty": np.full(n, np.nan),
        "constant": np.ones(n),
    }
    return rng, tokens, right, honest


def table(tokens, right, features, **more):
    return Rollouts([f"q{k}" for k in range(len(tokens))], tokens, right, features=features, **more)


def outcomes(rng, tokens, right, prompt):
    return {
        "scaled": 7 + 3 * tokens,
        "falling": -tokens,
        "logarithm": np.log(tokens),
        "noisy": tokens * np.exp(0.1 * rng.standard_normal(N)),
        "seconds": tokens / 50 + rng.normal(0, 0.5, N),
        "seconds, some missing": np.where(rng.random(N) < 0.3, np.nan, tokens / 50),
        "total": tokens + prompt,
        "dollars": np.round(1e-6 * prompt + 4e-6 * tokens, 5),
        "pass": right,
        "failed": 1 - right,
        "verdict": objects(np.where(right == 1, "pass", "fail")),
        "score": 100 * right - 30 * rng.random(N),
        "code": np.where(right == 1, 1.0, rng.choice([0.0, 2.0], N)),
        "another judge": np.where(rng.random(N) < 0.98, right, 1 - right),
        "only when right": np.where(right == 1, rng.random(N), np.nan),
    }


@pytest.mark.parametrize("seed", [0, 1])
def test_outcomes_under_any_name_are_found_and_honest_features_are_not(seed):
    rng, tokens, right, honest = drawn(seed)
    assert outcome_features(table(tokens, right, honest)) == {}
    for name, values in outcomes(rng, tokens, right, honest["prompt"]).items():
        found = outcome_features(table(tokens, right, {**honest, name: values}))
        assert list(found) == [name], name
        assert found[name].startswith("all but determines"), name


def test_outcomes_that_several_columns_tell_together_are_found():
    rng, tokens, right, honest = drawn()
    prompt = np.round(rng.lognormal(7, 1, N))  # far longer than the answers
    speed = rng.uniform(10, 90, N)
    text = objects("word " * int(k) for k in prompt / 8)
    for features, more in (
        ({"total": tokens + prompt, "prompt tokens": prompt}, {}),
        ({"seconds": tokens / speed, "speed": speed}, {}),
        ({"total": tokens + prompt}, {"text": text}),
    ):
        culprit = next(iter(features))
        found = outcome_features(table(tokens, right, {**honest, **features}, **more))
        assert found == {culprit: "all but determines n_tokens together with other columns"}


def test_what_cuts_off_and_what_one_model_did_are_outcomes():
    rng, tokens, right, honest = drawn()
    cut = tokens > np.quantile(tokens, 0.8)
    right = np.where(cut, 0.0, right)
    reason = objects(np.where(cut, "length", "stop"))
    one = table(tokens, right, {**honest, "reason": reason}, truncated=cut)
    assert outcome_features(one) == {"reason": "all but determines truncated"}
    other = rng.permutation(tokens)
    two = Rollouts(
        [f"q{k}" for k in range(N)] * 2, np.r_[tokens, other], np.r_[right, 1 - right],
        model=["a"] * N + ["b"] * N,
        features={name: np.r_[v, v] for name, v in {**honest, "tokens of b": other}.items()},
    )  # fmt: skip
    assert outcome_features(two) == {"tokens of b": "all but determines n_tokens"}


def test_with_several_samples_only_what_is_computed_from_them_is_an_outcome():
    rng, tokens, right, honest = drawn(n=100)
    samples, owner = 8, np.repeat(np.arange(100), 8)
    length = np.round(tokens[owner] * np.exp(0.2 * rng.standard_normal(800)))
    correct = (rng.random(800) < 0.1 + 0.8 * right[owner]).astype(float)
    features = {name: values[owner] for name, values in honest.items()}
    features |= {
        "expected length": tokens[owner],  # as good as a feature can be
        "chance": 0.1 + 0.8 * right[owner],
        "mean length": (np.bincount(owner, length) / samples)[owner],
        "pass rate": (np.bincount(owner, correct) / samples)[owner],
        "seconds": length / 50,
    }
    rollouts = Rollouts([f"q{k}" for k in owner], length, correct, features=features)
    assert outcome_features(rollouts) == {
        "seconds": "differs between rollouts of one query",
        "mean length": "all but determines mean n_tokens",
        "pass rate": "all but determines mean correct",
    }


@pytest.mark.parametrize("n", [1, 2, 9])
def test_a_few_rows_prove_nothing(n):
    assert outcome_features(table(np.arange(n) + 9, np.arange(n) % 2, {"x": np.arange(n)})) == {}
    assert outcome_features(table([], [], {"x": []})) == {}


@pytest.fixture(scope="module")
def leaky():
    _, tokens, right, honest = drawn()
    return table(tokens, right, {"level": honest["level"], "pass": right, "seconds": tokens / 50})


def test_outcomes_are_left_out_of_training_and_evaluation_and_told(leaky):
    for found in (
        evaluate(leaky, LEARNER, budgets=[400], folds=3),
        evaluate_spend(leaky, LEARNER, budgets=[400], folds=2),
        train(leaky, LEARNER, budgets=[400]).evaluation,
        train(leaky, LEARNER, budgets=[400], folds=3).evaluation,
    ):
        assert found.data["features"] == ["level"]
        assert found.data["left_out"] == ["pass", "seconds"]
        left_out = [note for note in found.notes if "left out of the features" in note]
        assert [note.split(" ")[0] for note in left_out] == ["pass", "seconds"]
        assert all("--features, features=" in note for note in left_out)
    honest = evaluate(leaky.with_features(["level"]), LEARNER, budgets=[400], folds=3)
    found = evaluate(leaky, LEARNER, budgets=[400], folds=3)
    assert found.oracle_fraction == honest.oracle_fraction


def test_who_names_an_outcome_keeps_it_and_is_told(leaky):
    made = train(leaky, LEARNER, budgets=[400], features=["level", "seconds"])
    assert made.predictor.columns_ == ["level", "seconds"]
    assert made.evaluation.data["features"] == ["level", "seconds"]
    assert any("the feature seconds all but determines" in n for n in made.evaluation.notes)
    # The same holds where the predictor exists already, and only for what it reads.
    found = evaluate(leaky, made.predictor, budgets=[400], folds=None)
    assert as_json(found)["data"]["features"] == ["level", "seconds"]
    told = [note for note in found.notes if "figures are too good and" in note]
    assert len(told) == 1
    assert "seconds" in told[0]
    with pytest.raises(InvalidInputError, match="features = cost: is not a feature"):
        choose_features(leaky, ["cost"])
    with pytest.raises(InvalidInputError, match="features: has no meaning for a predictor"):
        evaluate(leaky, made.predictor, folds=None, features=["level"])


def test_a_predictor_that_reads_outcomes_never_becomes_champion_by_comparison(leaky):
    honest = train(leaky, LEARNER, budgets=[400]).predictor
    cheat = train(leaky, LEARNER, budgets=[400], features=["seconds"]).predictor
    more = (leaky, [400.0], 30, 50, 0)
    rest = more[1:]
    assert _compared(leaky, honest, honest, *rest)[0] is not None
    for pair, who in (((cheat, honest), "the new one"), ((honest, cheat), "the champion")):
        comparison, reason = _compared(leaky, *pair, *rest)
        assert comparison is None
        assert f"{who} cannot be judged: the feature seconds" in reason


def test_commands_leave_outcomes_out_and_take_features(leaky, tmp_path):
    path = tmp_path / "r.csv"
    write_rollouts(leaky, path)
    told = answer("evaluate", path, "--cv", 2, "--budgets", 400)
    assert told["data"]["features"] == ["level"]
    assert len([note for note in told["notes"] if "left out" in note]) == 2
    shown = run("evaluate", path, "--cv", 2, "--budgets", 400, "--features", "pass")
    assert "features: pass" in shown.stdout
    assert "note: the feature pass all but determines correct" in shown.stderr
    done = run("train", path, "--out", tmp_path / "p", "--budgets", 400, "--features", "level")
    assert done.exit_code == 0, done.output
    assert load_predictor(tmp_path / "p").columns_ == ["level"]
    assert json.loads((tmp_path / "p" / "predictor.json").read_text())["columns"] == ["level"]
    refused = run("evaluate", path, "--features", "cost")
    assert refused.exit_code == 2
    assert "has no column 'cost' for a feature" in refused.stderr


def test_an_import_leaves_outcomes_out_unless_they_are_named(leaky, tmp_path):
    write_rollouts(leaky, tmp_path / "r.parquet")
    found = import_table(tmp_path / "r.parquet")
    assert list(found.rollouts.features) == ["level"]
    assert [note.split(" ")[0] for note in found.notes] == ["pass", "seconds"]
    named = import_table(tmp_path / "r.parquet", features=["seconds"])
    assert list(named.rollouts.features) == ["seconds"]
    assert "the feature seconds all but determines n_tokens" in named.notes[0]
    assert list(read_rollouts(tmp_path / "r.parquet").features) == ["level", "pass", "seconds"]

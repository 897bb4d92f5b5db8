"""The whole evaluation: who learns from what, the conventions of its figures, the reference."""

import json

import numpy as np
import pytest

from clear_opt import ShiftedSurge
from clear_opt.errors import InvalidInputError
from clear_opt.evaluation import as_json, evaluate, query_folds, replay, score
from clear_opt.evaluation.cross_validation import Batch, cross_validated, pooled_over_folds
from clear_opt.policies import oracle
from clear_opt.rollouts import Rollouts, query_digests, read_rollouts
from tests.known_predictors import Reads, drawn_rollouts

SHOWN = ("uniform", "proportional", "learned", "oracle")


class Same:
    """The same curve for every query."""

    def fit(self, queries, rollouts):
        return self

    def predict(self, queries, model=None):
        return ShiftedSurge.from_height(np.full(len(queries), 100.0), 0.7, 200.0)


class Knows:
    """Curves that rise at the recorded length, where the answer is right."""

    def fit(self, queries, rollouts):
        return self

    def predict(self, queries, model=None):
        length = queries["length"].to_numpy()
        height = np.maximum(queries["right"].to_numpy(), 1e-6)
        return ShiftedSurge.from_height(0.999 * length, height, 0.001 * length)


@pytest.fixture(scope="module")
def two_models():
    return drawn_rollouts(40, models=("big", "small"), seed=1)


@pytest.fixture(scope="module")
def found(two_models):
    return evaluate(two_models, Reads(), budgets=[200, 50], folds=4, seed=3, draws=100)


def test_one_fit_per_fold_on_all_models_and_no_query_predicted_by_who_saw_it(two_models):
    predictor = Reads()
    evaluate(two_models, predictor, budgets=[100], folds=4, seed=3, draws=10)
    fits = [call for call in predictor.calls if call[0] == "fit"]
    assert [call[2] for call in fits] == [("big", "small")] * 4
    folds = query_folds(two_models.query_ids, 4, seed=3)
    everyone = frozenset(two_models.query_ids)
    assert [call[1] for call in fits] == [everyone - frozenset(fold) for fold in folds]
    asked = [call for call in predictor.calls if call[0] == "predict"]
    assert {call[2] for call in asked} == {"big", "small"}
    assert all(not call[1] & call[3] for call in asked)
    assert not hasattr(predictor, "learned")  # copies learn, the caller's own stays as it is


def test_alone_fits_each_model_on_its_own_rollouts(two_models):
    predictor = Reads()
    evaluate(two_models, predictor, budgets=[100], folds=3, per_model=True, draws=10)
    fits = [call[2] for call in predictor.calls if call[0] == "fit"]
    assert fits == [("big",), ("small",)] * 3


def test_one_model_is_asked_for_and_all_are_learned_from(two_models):
    predictor = Reads()
    found = evaluate(two_models, predictor, budgets=[100], folds=3, models=["small"], draws=10)
    assert list(found.models) == ["small"]
    assert {call[2] for call in predictor.calls if call[0] == "fit"} == {("big", "small")}


def test_accuracies_are_a_replay_of_each_models_own_budget(two_models, found):
    assert found.budgets.tolist() == [50, 200]
    for model, scores in found.models.items():
        own = two_models.for_model(model)
        assert scores.query_ids.tolist() == own.query_ids.tolist()
        for budget, uniform, best in zip(
            found.budgets, scores.accuracy("uniform"), scores.accuracy("oracle"), strict=True
        ):
            caps = np.full(40, budget)
            assert uniform == pytest.approx(replay(caps, own.query_ids, own).accuracy)
            caps = oracle(own.query_ids, own, budget * 40)
            assert best == pytest.approx(replay(caps, own.query_ids, own).accuracy)


def test_conventions_of_the_summary(found):
    plain = as_json(found)
    ratios = [
        np.mean(np.divide(model["learned"], model["oracle"])) for model in plain["models"].values()
    ]
    assert [m["triage_efficiency"] for m in plain["models"].values()] == pytest.approx(ratios)
    assert plain["triage_efficiency"] == pytest.approx(np.mean(ratios))
    worst = min(
        learned - uniform
        for model in plain["models"].values()
        for learned, uniform in zip(model["learned"], model["uniform"], strict=True)
    )
    assert plain["worst_vs_uniform"] == pytest.approx(worst)
    assert plain["worst_cell"]["difference"] == plain["worst_vs_uniform"]
    assert repr(found).startswith("Evaluation(models=2, budgets=2, oracle_fraction=0.")
    for policy in SHOWN:
        by_model = [plain["models"][name][policy] for name in ("big", "small")]
        assert plain["mean"][policy] == pytest.approx(np.mean(by_model, axis=0).tolist())


def test_the_summary_is_plain_json(found):
    plain = json.loads(json.dumps(as_json(found), allow_nan=False))
    assert plain["models"]["big"]["budgets"] == [50, 200]
    for model in plain["models"].values():
        for key in (*SHOWN, "price", "abandoned", "gap", "significantly_below_uniform"):
            assert len(model[key]) == 2
        assert np.shape(model["intervals"]["learned_minus_uniform"]) == (2, 2)
        assert model["n"] == 40
    assert plain["data"]["rows"] == 80
    assert len(plain["data"]["sha256"]) == 64
    assert plain["settings"]["folds"] == 4
    assert plain["calibration"]["success"]["brier"] > 0


def test_regret_parts_add_up_and_the_solver_loses_nothing(found):
    for part in (found.regret, *(scores.regret for scores in found.models.values())):
        np.testing.assert_allclose(part.total, part.allocation + part.prediction, atol=1e-12)
        assert (part.prediction >= -1e-12).all()
        # One sample per query: the solver on the recorded curves misses at most a step.
        assert (np.abs(part.allocation) <= 1 / 40 + 1e-12).all()
    np.testing.assert_allclose(
        found.regret.total, found.accuracy("oracle") - found.accuracy("learned")
    )


def test_a_predictor_that_knows_the_outcomes_has_no_regret():
    rng = np.random.default_rng(5)
    length, correct = rng.integers(60, 900, 80), rng.random(80) < 0.7
    rollouts = Rollouts(
        [f"q{k}" for k in range(80)],
        length,
        correct,
        features={"length": length, "right": correct * 1.0},
    )
    found = evaluate(rollouts, Knows(), budgets=[100, 200, 400], folds=None, draws=20)
    assert list(found.models) == ["all"]
    assert (np.abs(found.regret.total) <= 1 / 80 + 1e-12).all()
    poor = evaluate(rollouts, Same(), budgets=[100, 200, 400], folds=None, draws=20)
    assert (poor.regret.prediction[:2] > found.regret.prediction[:2] + 0.1).all()


def test_a_trained_predictor_is_scored_as_it_is(two_models):
    predictor = Reads().fit(two_models.queries(), two_models)
    predictor.trained_on_ = {"models": ["big"]}
    found = evaluate(two_models, predictor, budgets=[100], folds=None, draws=10)
    asked = [call[2] for call in predictor.calls if call[0] == "predict"]
    assert set(asked) == {"big", None}
    notes = " ".join(found.notes)
    assert "does not say which queries" in notes
    assert "not trained on small" in notes
    digests = [*query_digests(two_models)[:2], "elsewhere"]
    predictor.trained_on_ = {"models": ["big", "small"], "query_digests": digests}
    (note,) = evaluate(two_models, predictor, budgets=[100], folds=None, draws=10).notes
    assert "trained on 2 of the 40 queries" in note


def test_folds_can_have_budgets_of_their_own(two_models):
    parts = list(cross_validated(two_models, Reads(), folds=4, seed=3))
    found = evaluate(two_models, Reads(), budgets=[100], folds=4, seed=3, batch="fold", draws=10)
    for model, scores in found.models.items():
        mine = [part.rollouts for part in parts if part.model == model]
        by_fold = [
            replay(oracle(t.query_ids, t, 100 * len(t.query_ids)), t.query_ids, t).answered
            for t in mine
        ]
        assert scores.answered["oracle"][:, 0] == pytest.approx(np.concatenate(by_fold))


def test_batches_put_together_keep_every_curve_with_its_query(two_models):
    parts = list(cross_validated(two_models, Reads(), folds=4, seed=3))
    for batch in pooled_over_folds(parts, two_models):
        whole = Reads().predict(batch.rollouts.queries())
        np.testing.assert_array_equal(batch.curves.tau, whole.tau)
        completion = Reads().predict_completion(batch.rollouts.queries())
        np.testing.assert_array_equal(batch.completion.median, completion.median)


def test_curves_of_different_kinds_cannot_share_a_budget(two_models):
    one, other = list(cross_validated(two_models.for_model("big"), Reads(), folds=2))
    decay = ShiftedSurge(other.curves.tau, other.curves.alpha, other.curves.beta, "decay")
    other = Batch(other.model, other.rollouts, decay, other.completion)
    with pytest.raises(InvalidInputError, match="differ in kind"):
        list(pooled_over_folds([one, other], two_models))


def test_a_predictor_of_curves_alone_has_no_calibration(two_models):
    found = evaluate(two_models, Same(), budgets=[100], folds=2, draws=10)
    assert found.calibration is None
    assert as_json(found)["calibration"] is None


def test_where_even_the_oracle_gets_nothing_efficiency_is_one():
    rollouts = Rollouts(["a", "b"], [100, 100], [1, 1])
    found = evaluate(rollouts, Same(), budgets=[10, 1_000], folds=None, draws=50)
    assert found.models["all"].oracle_fractions().tolist() == [1, 1]
    json.dumps(as_json(found), allow_nan=False)


def test_models_with_other_queries_are_scored_on_their_own():
    whole = drawn_rollouts(30, models=("big", "small"), seed=2)
    rollouts = whole.take((whole.model == "big") | np.isin(whole.query_id, ["q3", "q4", "q9"]))
    found = evaluate(rollouts, Reads(), budgets=[100], folds=5, draws=50)
    assert {model: scores.n for model, scores in found.models.items()} == {"big": 30, "small": 3}


def test_several_samples_count_by_their_share():
    rollouts = drawn_rollouts(20, samples=4, seed=4)
    found = evaluate(rollouts, Reads(), budgets=[5_000], folds=2, draws=10)
    by_query = rollouts.correct.reshape(20, 4).mean(axis=1)
    assert found.accuracy("uniform")[0] == pytest.approx(by_query.mean())


def test_truncated_answers_are_told():
    found = evaluate(drawn_rollouts(40, cap=300), Reads(), budgets=[100], folds=2, draws=10)
    assert "were cut off" in found.notes[0]
    assert found.data["truncated"] > 0


def test_the_same_seed_gives_the_same_figures(two_models):
    def run(seed):
        return as_json(evaluate(two_models, Reads(), budgets=[90], folds=3, seed=seed, draws=30))

    assert run(1) == run(1)
    assert run(1) != run(2)


def test_progress_ends_at_its_total(two_models):
    steps = []
    evaluate(
        two_models,
        Reads(),
        budgets=[90],
        folds=3,
        draws=10,
        on_step=lambda done, total: steps.append((done, total)),
    )
    assert steps == [(k, 8) for k in range(1, 9)]  # 3 folds x 2 models predicted, 2 models scored


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"budgets": []}, "names no budget"),
        ({"budgets": [100, 0]}, "row 1, budgets = 0: must be a number > 0"),
        ({"budgets": [np.inf]}, "row 0, budgets = inf"),
        ({"models": ["huge"]}, "model = huge: has no rollouts; models here: big, small"),
        ({"models": []}, "names no model"),
        ({"folds": 41}, "between 2 and the number of queries, 40"),
        ({"folds": None, "per_model": True}, "trained already"),
        ({"batch": "none"}, "batch = none: is not known"),
    ],
)
def test_refusals(two_models, options, message):
    with pytest.raises(InvalidInputError, match=message):
        evaluate(two_models, Reads(), **{"budgets": [100], "draws": 10, **options})


def test_a_table_without_models_and_a_score_without_batches():
    rollouts = Rollouts(["a", "b"], [100, 100], [1, 1])
    with pytest.raises(InvalidInputError, match="no model column: use 'all'"):
        evaluate(rollouts, Same(), folds=2, models=["m"])
    with pytest.raises(InvalidInputError, match="holds no rollouts"):
        score([], [100])


def test_alone_needs_rollouts_in_other_folds():
    rollouts = Rollouts(["a", "b", "c"], [9, 9, 9], [1, 1, 1], model=["x", "x", "y"])
    with pytest.raises(InvalidInputError, match="model = y: has rollouts in one fold only"):
        evaluate(rollouts, Same(), budgets=[10], folds=3, per_model=True)


REFERENCE = {
    50: (0.000, 0.399),
    100: (0.084, 0.631),
    150: (0.335, 0.725),
    200: (0.517, 0.752),
    300: (0.647, 0.753),
    400: (0.691, 0.753),
    600: (0.731, 0.753),
    800: (0.744, 0.753),
}


def test_uniform_and_oracle_are_those_of_the_reference(shared_data):
    rollouts = read_rollouts(shared_data / "zeroeval_rollouts.parquet")
    found = evaluate(rollouts, Same(), budgets=list(REFERENCE), folds=None, draws=20)
    uniform, best = zip(*REFERENCE.values(), strict=True)
    np.testing.assert_allclose(found.accuracy("uniform"), uniform, atol=6e-4)
    np.testing.assert_allclose(found.accuracy("oracle"), best, atol=6e-4)
    assert found.mean_oracle_fraction("uniform") == pytest.approx(0.627, abs=6e-4)

"""The predictor: what it recovers of a known truth, its heads, odd queries, what it refuses."""

import sys
from importlib import import_module

import numpy as np
import pytest
from scipy.special import expit, logit, ndtr

from clear_opt.errors import InvalidInputError, MissingExtraError
from clear_opt.predictors import BoostedLearner, BoostedTrees, LinearLearner, SurgePredictor
from clear_opt.predictors.parameters import thread_count
from clear_opt.rollouts import Rollouts
from tests.made_queries import EASY, HARD, LEARNERS, ODD_TEXTS, QUICK, same_curves, two_kinds

NEW_EASY = [EASY.format(k, k + 2) for k in range(500, 550)]
NEW_HARD = [HARD.format(k) for k in range(500, 550)]
TINY = BoostedLearner(n_estimators=5, residual_n_estimators=2)


@pytest.fixture(scope="module")
def rollouts():
    return two_kinds(queries=1_200, samples=1)


@pytest.fixture(scope="module", params=LEARNERS)
def predictor(request, rollouts):
    return SurgePredictor(learner=LEARNERS[request.param]).fit(rollouts.queries(), rollouts)


# --- a known truth


@pytest.mark.parametrize("learner", [None, LinearLearner()], ids=["default", "linear"])
def test_known_success_and_lengths_are_recovered(rollouts, learner):
    predictor = SurgePredictor(learner=learner).fit(rollouts.texts(), rollouts)
    # 600 answers of each kind: three standard errors are 0.06 in success, 0.04 in log length.
    # New texts all over what was learned from: trees follow the luck of a few numbers in a row.
    known = set(rollouts.queries().iloc[:, 0])
    easy = [text for k in range(1_200) if (text := EASY.format(k, k + 2)) not in known][::12]
    hard = [text for k in range(1_200) if (text := HARD.format(k)) not in known][::12]
    for texts, success, median in ((easy, 0.9, 100), (hard, 0.4, 1_000)):
        found = predictor.predict_completion(texts, "m")
        assert found.success.mean() == pytest.approx(success, abs=0.06)
        assert np.log(found.median).mean() == pytest.approx(np.log(median), abs=0.06)
        assert found.sigma.mean() == pytest.approx(0.3, abs=0.04)
        for one, truth, by in ((found.median, median, 0.2 * median), (found.sigma, 0.3, 0.08)):
            assert (np.abs(one - truth) < by).mean() >= 0.9


def test_curves_follow_the_known_completion_curve(predictor):
    curves = predictor.predict(NEW_HARD)
    caps = np.arange(100.0, 4_000.0, 100.0)
    found = [curves.value(cap).mean() for cap in caps]
    assert found == pytest.approx(0.4 * ndtr(np.log(caps / 1_000) / 0.3), abs=0.08)


def test_the_only_model_is_the_typical_one(predictor):
    named, typical = (predictor.predict_completion(NEW_HARD, name) for name in ("m", None))
    for one, other in zip(named, typical, strict=True):
        assert one == pytest.approx(other, rel=0.1)


def test_probabilities_count_as_shares():
    rng = np.random.default_rng(5)
    texts = [f"Add {k}." for k in range(120)]
    ids = [f"q{k}" for k in range(120)]
    rollouts = Rollouts(ids, rng.integers(80, 120, 120), np.full(120, 0.3), texts)
    predictor = SurgePredictor(learner=QUICK).fit(texts, rollouts)
    assert predictor.predict_completion(["Add 7."]).success == pytest.approx([0.3], abs=0.02)


def with_nine_answers(some, others):
    """Names of queries that nobody can tell apart: ``some`` with nine answers, the others one."""
    return [f"q{k}" for k in range(some) for _ in range(9)] + [f"o{k}" for k in range(others)]


@pytest.mark.parametrize("learner", LEARNERS)
def test_a_query_counts_once_for_its_length(learner):
    length = [5_000] * 9 * 60 + [100] * 140
    rollouts = Rollouts(with_nine_answers(60, 140), length, np.ones(680))
    predictor = SurgePredictor(learner=LEARNERS[learner]).fit(["Add."] * 200, rollouts)
    assert predictor.predict_completion(["Add."]).median == pytest.approx([100], rel=0.1)


@pytest.mark.parametrize("learner", LEARNERS)
def test_a_query_counts_once_for_its_success(learner):
    right = [0] * 9 * 100 + [1] * 100
    rollouts = Rollouts(with_nine_answers(100, 100), [100] * 1_000, right)
    predictor = SurgePredictor(learner=LEARNERS[learner]).fit(["Add."] * 200, rollouts)
    assert predictor.predict_completion(["Add."]).success == pytest.approx([0.5], abs=0.05)


# --- models

POOL = (("strong", 1.0, 1.0), ("usual", 0.0, 1.5), ("weak", -1.0, 3.0))


@pytest.fixture(scope="module")
def pool():
    return two_kinds(queries=600, models=POOL, samples=1)


@pytest.fixture(scope="module", params=LEARNERS)
def of_pool(request, pool):
    return SurgePredictor(learner=LEARNERS[request.param]).fit(pool.queries(), pool)


def truth_of(odds, factor):
    for texts, success, median in ((NEW_EASY, 0.9, 100), (NEW_HARD, 0.4, 1_000)):
        yield texts, expit(logit(success) + odds), median * factor


def misses(predictor, model, odds, factor):
    """Mean absolute errors of success and of the log median, over both kinds of query."""
    found = [
        (completion.success - success, np.log(completion.median / median))
        for texts, success, median in truth_of(odds, factor)
        for completion in [predictor.predict_completion(texts, model)]
    ]
    return np.abs(np.concatenate(found, axis=1)).mean(axis=1)


@pytest.mark.parametrize(("name", "odds", "factor"), POOL)
def test_models_are_told_apart(of_pool, name, odds, factor):
    assert of_pool.models == ("strong", "usual", "weak")
    success, log_median = misses(of_pool, name, odds, factor)
    assert success < 0.06
    assert log_median < 0.08


def test_the_typical_model_lies_between(of_pool):
    for texts in (NEW_EASY, NEW_HARD):
        weak, typical, strong = (
            of_pool.predict_completion(texts, name) for name in ("weak", None, "strong")
        )
        assert (weak.success < typical.success).all()
        assert (typical.success < strong.success).all()
        assert (strong.median < typical.median).all()
        assert (typical.median < weak.median).all()


def test_a_model_with_few_rollouts_borrows_from_the_others():
    few, alone = np.zeros(2), np.zeros(2)
    for seed in range(4):
        table = two_kinds(seed, models=POOL, samples=1, rows={"weak": 30})
        own = table.for_model("weak")
        few += misses(SurgePredictor(learner=QUICK).fit(table.queries(), table), "weak", -1.0, 3.0)
        alone += misses(SurgePredictor(learner=QUICK).fit(own.queries(), own), "weak", -1.0, 3.0)
    assert (few < 0.7 * alone).all()  # measured: 0.55 and 0.13
    assert few[1] / 4 < 0.1


def test_a_model_that_was_never_right_has_the_lengths_of_the_others():
    table = two_kinds(models=POOL, samples=1)
    right = np.where(table.model == "weak", 0.0, table.correct)
    never = Rollouts(table.query_id, table.n_tokens, right, table.text, model=table.model)
    predictor = SurgePredictor(learner=QUICK).fit(never.queries(), never)
    weak, strong, typical = (
        predictor.predict_completion(NEW_HARD, name) for name in ("weak", "strong", None)
    )
    assert (weak.success < 0.05).all()
    assert (strong.success > 0.5).all()
    for found in (weak, typical):
        assert found.median == pytest.approx(np.full(50, 1_000 * np.sqrt(1.5)), rel=0.15)


def test_an_unknown_model_is_refused_and_the_known_are_named(of_pool, rollouts):
    for use in (of_pool.predict, of_pool.predict_completion, of_pool.predict_distribution):
        with pytest.raises(InvalidInputError, match=r"model = nobody: .* strong, usual, weak;"):
            use(["Add 1."], "nobody")
    unnamed = Rollouts(["a", "b"], [10, 20], [1, 1], ["x", "y"])
    nameless = SurgePredictor(learner=TINY).fit(unnamed.queries(), unnamed)
    assert nameless.models == ()
    with pytest.raises(InvalidInputError, match="no model by name"):
        nameless.predict(["x"], "m")
    with pytest.raises(InvalidInputError, match="no model by name"):
        nameless.predict(["x"], "typical")


def test_a_model_called_like_the_typical_head_is_refused():
    rollouts = Rollouts(["a"], [10], [1], ["x"], model=["typical"])
    with pytest.raises(InvalidInputError, match="model = typical: is the name of the head"):
        SurgePredictor().fit(rollouts.queries(), rollouts)


# --- queries


def test_a_query_has_the_same_curve_alone_and_in_any_batch(predictor, rollouts):
    texts = rollouts.texts()[:400]
    together = predictor.predict(texts)
    turned = predictor.predict(texts[::-1])
    assert turned.tau[::-1] == pytest.approx(together.tau, rel=1e-10)
    exact = not isinstance(predictor.learner, LinearLearner)  # BLAS sums a lone row otherwise
    for rows in ([0], [17], [399], [3, 3], list(range(7)), list(range(50, 113))):
        alone, shared = predictor.predict([texts[row] for row in rows]), together.take(rows)
        assert same_curves(alone, shared) or not exact
        for name in ("tau", "alpha", "beta"):
            assert getattr(alone, name) == pytest.approx(getattr(shared, name), rel=1e-10)


@pytest.mark.parametrize("name", ODD_TEXTS)
def test_odd_texts_have_legal_curves(predictor, name):
    curves = predictor.predict([ODD_TEXTS[name]])
    assert ((curves.height > 0) & (curves.height <= 1)).all()
    assert np.isfinite([curves.tau, curves.beta, curves.value(500.0)]).all()


def test_an_empty_batch_has_no_curves(predictor, rollouts):
    for nothing in ([], rollouts.queries().iloc[:0]):
        assert len(predictor.predict(nothing)) == 0
        assert len(predictor.predict_distribution(nothing)) == 0
        assert predictor.out_of_distribution(nothing).shape == (0,)


def test_wrong_queries_are_refused(predictor, rollouts):
    with pytest.raises(InvalidInputError, match="single text"):
        predictor.predict("Add 1.")
    with pytest.raises(InvalidInputError, match="row 1, text = 3: is not text"):
        predictor.predict(["Add 1.", 3])
    with pytest.raises(InvalidInputError, match="1 rows for the 1200 queries"):
        SurgePredictor().fit(["Add 1."], rollouts)
    with pytest.raises(InvalidInputError, match="no correct rollout"):
        SurgePredictor().fit(["Add 1."], Rollouts(["a"], [10], [False]))


# --- all the rest


@pytest.mark.parametrize("learner", [TINY, LinearLearner()], ids=["boosted", "linear"])
@pytest.mark.parametrize(
    "rollouts",
    [
        Rollouts(["a"], [50], [1], ["x"]),
        Rollouts(["a", "b"], [0, 100], [True, False], ["zero tokens", "wrong"]),
        Rollouts(["a", "a", "b"], [7, 7, 7], [1, 1, 1], ["x", "x", "y"], model=["m", "n", "m"]),
        Rollouts(["a", "b"], [90, 9], [1, 0], ["x", "y"], truncated=[False, True]),
        Rollouts(["a"] * 30, [9] * 30, [1] * 30, ["x"] * 30),
    ],
    ids=["one row", "no tokens", "all alike", "one cut off", "one query"],
)
def test_a_handful_of_rollouts_still_gives_legal_curves(learner, rollouts):
    predictor = SurgePredictor(learner=learner).fit(rollouts.texts(), rollouts)
    for model in (None, *rollouts.models):
        curves = predictor.predict(["zero", "wrong", ""], model)
        assert ((curves.height > 0) & (curves.height <= 1)).all()
        assert np.isfinite([curves.tau, curves.alpha, curves.beta]).all()
        found = predictor.predict_distribution(["zero"], model)
        assert np.isfinite([found.tau, found.width, found.height, found.length]).all()


def test_what_it_learned_from_is_known(rollouts):
    sourced = Rollouts(
        rollouts.query_id,
        rollouts.n_tokens,
        rollouts.correct,
        rollouts.text,
        model=rollouts.model,
        source=["made up"] * len(rollouts),
    )
    trained_on = SurgePredictor(learner=TINY).fit(sourced.texts(), sourced).trained_on_
    digests = trained_on.pop("query_digests")
    assert trained_on == {
        "queries": 1_200,
        "rollouts": 1_200,
        "models": ["m"],
        "sources": ["made up"],
    }
    assert len(set(digests)) == 1_200
    assert not set(digests) & {*rollouts.query_ids, *rollouts.texts()}  # neither names nor texts


@pytest.mark.parametrize("learner", [TINY, LinearLearner()], ids=["boosted", "linear"])
def test_seed_and_threads(learner):
    rollouts = two_kinds(queries=100, samples=1)

    def fitted(**settings):
        chosen = SurgePredictor(learner=learner, **settings)
        return chosen.fit(rollouts.texts(), rollouts).predict(rollouts.texts())

    first = fitted()
    assert same_curves(fitted(), first)
    for n_jobs in (2, -1, None):
        assert same_curves(fitted(n_jobs=n_jobs), first)
    assert not same_curves(fitted(random_state=1), first)


@pytest.mark.parametrize(
    "random_state",
    [None, -1, 2**32, 0.5, "0", np.random.RandomState(0), np.random.default_rng(0)],
    ids=["none", "negative", "large", "half", "text", "RandomState", "Generator"],
)
def test_a_random_state_that_cannot_be_stored_is_refused(random_state):
    rollouts = two_kinds(queries=20, samples=1)
    predictor = SurgePredictor(learner=TINY, random_state=random_state)
    with pytest.raises(InvalidInputError, match=r"random_state.*give an integer"):
        predictor.fit(rollouts.texts(), rollouts)
    with pytest.raises(InvalidInputError, match=r"random_state.*give an integer"):
        BoostedTrees(random_state=random_state).fit([[0.0], [1.0]], [0.0, 1.0])


@pytest.mark.parametrize("n_jobs", [0, 1.5, "all"])
def test_an_impossible_number_of_jobs_is_refused(n_jobs):
    rollouts = two_kinds(queries=20, samples=1)
    with pytest.raises(InvalidInputError, match=r"n_jobs.*-1 for all processors"):
        SurgePredictor(learner=TINY, n_jobs=n_jobs).fit(rollouts.texts(), rollouts)


def test_jobs_are_counted_as_scikit_learn_does(monkeypatch):
    monkeypatch.setattr("joblib.parallel.cpu_count", lambda: 6)
    monkeypatch.setattr("joblib._parallel_backends.cpu_count", lambda: 6)
    assert [thread_count(n) for n in (None, 1, 4, -1, -2, -6, -99)] == [1, 1, 4, 6, 5, 1, 1]


def test_nothing_is_printed(rollouts, capfd):
    predictor = SurgePredictor(learner=TINY).fit(rollouts.texts(), rollouts)
    predictor.predict_distribution(["Add 1.", ""])
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("package", ["lightgbm", "sklearn", "skops"])
def test_without_the_learn_extra_it_is_named(monkeypatch, package):
    for name in [name for name in sys.modules if name.startswith("clear_opt.predictors")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MissingExtraError, match=r"clear-opt\[learn\]"):
        import_module("clear_opt.predictors")

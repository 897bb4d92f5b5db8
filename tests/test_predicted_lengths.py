"""Predicted lengths of all completions: a known truth, long tails, cut rollouts, few wrong ones."""

import numpy as np
import pytest

from clear_opt.curves import TabularCurve
from clear_opt.errors import InvalidInputError
from clear_opt.evaluation import query_folds
from clear_opt.fitting import Completion
from clear_opt.lengths import LogNormalLengths, MixedLengths
from clear_opt.predictors import LinearLearner, SurgePredictor, load_predictor, save_predictor
from clear_opt.predictors.completion_curves import completion_curves
from clear_opt.predictors.length_shape import NORMAL, LengthShape
from clear_opt.rollouts import Rollouts, read_rollouts
from tests.made_queries import EASY, HARD, LEARNERS, ODD_TEXTS, QUICK

CAPS = np.array([40.0, 100.0, 250.0, 700.0, 2_000.0, 6_000.0])
CHANCE, MEDIAN, WRONG = (0.8, 0.5), (100.0, 800.0), 2.5
NEW = {False: [EASY.format(k, k + 2) for k in range(900, 930)],
       True: [HARD.format(k) for k in range(900, 930)]}  # fmt: skip


def draw(hard, rng, *, factor=1.0, wrong=WRONG, tail=0.0):
    """Whether each answer is right, and its length; wrong ones are longer and scatter more.

    A share ``tail`` of the right answers is four times as long.
    """
    right = rng.random(len(hard)) < np.where(hard, CHANCE[1], CHANCE[0])
    usual = factor * np.where(hard, MEDIAN[1], MEDIAN[0])
    usual = usual * np.where(rng.random(len(hard)) < tail, 4.0, 1.0)
    scatter = np.exp(np.where(right, 0.3, 0.5) * rng.standard_normal(len(hard)))
    return right, np.where(right, usual, wrong * usual) * scatter


def table(queries=1_000, seed=0, cap=np.inf, models=(("m", 1.0),), samples=1, **how):
    """Rollouts of queries of the two kinds, cut at ``cap``."""
    rng = np.random.default_rng(seed)
    hard = rng.random(queries) < 0.5
    texts = [HARD.format(k) if h else EASY.format(k, k + 2) for k, h in enumerate(hard)]
    drawn = [draw(np.tile(hard, samples), rng, factor=factor, **how) for _, factor in models]
    right, length = (np.concatenate(part) for part in zip(*drawn, strict=True))
    cut = length > cap
    return Rollouts(
        [f"q{k}" for k in range(queries)] * samples * len(models),
        np.maximum(np.minimum(length, cap).round(), 1),
        right & ~cut,
        texts * samples * len(models),
        model=np.repeat([name for name, _ in models], queries * samples),
        truncated=cut if cut.any() else None,
    )


def true_spend(hard, **how):
    """E min(L, cap) for each of `CAPS`, by simulation: to 0.3 %."""
    _, length = draw(np.full(200_000, hard), np.random.default_rng(99), **how)
    return np.minimum(length[:, None], CAPS).mean(axis=0)


def predicted_spend(predictor, hard, model="m"):
    lengths = predictor.predict_lengths(NEW[hard], model)
    return lengths.expected_spend(np.tile(CAPS, (30, 1))).mean(axis=0)


@pytest.fixture(scope="module")
def rollouts():
    return table()


@pytest.fixture(scope="module", params=LEARNERS)
def predictor(request, rollouts):
    return SurgePredictor(learner=LEARNERS[request.param]).fit(rollouts.queries(), rollouts)


# --- a known truth


@pytest.mark.parametrize("hard", [False, True])
def test_known_lengths_of_right_and_wrong_answers_are_recovered(predictor, hard):
    lengths = predictor.predict_lengths(NEW[hard], "m")
    assert isinstance(lengths, MixedLengths)
    assert lengths.probability.mean() == pytest.approx(CHANCE[hard], abs=0.06)
    # 500 queries of each kind, of the easy ones 100 are wrong: two standard errors are 0.1.
    assert lengths.one.survival(MEDIAN[hard]).mean() == pytest.approx(0.5, abs=0.1)
    assert lengths.other.survival(WRONG * MEDIAN[hard]).mean() == pytest.approx(0.5, abs=0.12)
    assert predicted_spend(predictor, hard) == pytest.approx(true_spend(hard), rel=0.05)


def test_curve_and_length_stem_from_one_model(predictor):
    completion = predictor.predict_completion(NEW[True], "m")
    lengths = predictor.predict_lengths(NEW[True], "m")
    assert np.array_equal(lengths.probability, completion.success)
    assert lengths.one.survival(completion.median) == pytest.approx(np.full(30, 0.5), abs=0.05)


def test_completion_curves_agree_with_the_lengths(predictor):
    texts = [*NEW[False], *NEW[True]]
    curves = predictor.predict_completion_curves(texts, "m")
    lengths = predictor.predict_lengths(texts, "m")
    assert isinstance(curves, TabularCurve)
    assert (np.diff(curves.values, axis=1) >= 0).all()
    for cap in (30.0, 90.0, 110.0, 700.0, 900.0, 4_000.0, 1e6):
        exact = lengths.probability * (1.0 - lengths.one.survival(cap))
        assert curves.value(cap) == pytest.approx(exact, abs=3e-3)


def test_a_long_tail_costs_what_it_costs():
    long = table(tail=0.08, queries=1_500)
    predictor = SurgePredictor(learner=LinearLearner()).fit(long.queries(), long)
    generous = slice(3, None)  # caps beyond what most easy answers take
    truth = true_spend(False, tail=0.08)[generous]
    assert predicted_spend(predictor, False)[generous] == pytest.approx(truth, rel=0.05)
    # Without the shape of the misses a tenth of the spend is not predicted.
    success, median, sigma = predictor.predict_completion(NEW[False], "m")
    wrong = predictor.predict_lengths(NEW[False], "m").other
    plain = MixedLengths(success, LogNormalLengths(median, sigma), wrong)
    assert (plain.expected_spend(2_000.0).mean() < 0.95 * truth[1]).all()


def test_rollouts_that_were_cut_off_are_longer_than_their_record():
    """A third of the hard answers are cut; what they would have cost comes back, if told."""
    told = table(queries=300, samples=3, cap=1_500.0)
    assert 0.12 < told.truncated.mean() < 0.25
    untold = Rollouts(told.query_id, told.n_tokens, told.correct, told.text, model=told.model)
    ratio, without = (
        predicted_spend(SurgePredictor(learner=LinearLearner()).fit(of.queries(), of), True)
        / true_spend(True)
        for of in (told, untold)
    )
    assert ratio[:4] == pytest.approx(1.0, abs=0.05)  # caps below the cut
    assert ratio[4:] == pytest.approx(1.0, abs=0.12)
    assert without[5] < 0.82


# --- few wrong answers


def test_without_a_wrong_answer_wrong_ones_are_as_long_as_right_ones():
    rng = np.random.default_rng(0)
    ids, texts = [f"q{k}" for k in range(200)], [EASY.format(k, 2) for k in range(200)]
    always = Rollouts(ids, (100 * np.exp(0.3 * rng.standard_normal(200))).round(), [1] * 200, texts)
    predictor = SurgePredictor(learner=QUICK).fit(always.queries(), always)
    lengths = predictor.predict_lengths(texts[:20])
    assert lengths.other.expected_spend(400.0) == pytest.approx(
        lengths.one.expected_spend(400.0), rel=0.1
    )


@pytest.mark.parametrize("own", [0, 4])
def test_a_model_with_few_wrong_answers_takes_their_length_from_the_others(own):
    usual = table(models=(("many", 1.0), ("few", 2.0)), queries=800)
    wrong = np.flatnonzero((usual.model == "few") & (usual.correct == 0))
    kept = usual.take(np.setdiff1d(np.arange(len(usual)), wrong[own:]))
    predictor = SurgePredictor(learner=LinearLearner()).fit(kept.queries(), kept)
    for hard in (False, True):
        other = predictor.predict_lengths(NEW[hard], "few").other
        truth = 2.0 * WRONG * MEDIAN[hard]
        assert 0.2 < other.survival(truth).mean() < 0.8  # within 0.8 sigmas of the median


# --- what predictions have wrong together


def test_the_error_that_spends_share_is_that_of_totals():
    """Predicted totals of many new queries scatter around the truth as far as is said."""
    misses, said = [], []
    truth = [true_spend(hard)[-1] for hard in (False, True)]
    for seed in range(12):
        few, new = table(queries=150, seed=seed), table(queries=150, seed=100 + seed)
        predictor = SurgePredictor(learner=LinearLearner()).fit(few.queries(), few)
        predicted = predictor.predict_lengths(new.queries(), "m").expected_spend(CAPS[-1])
        hard = np.array([text.startswith("Prove") for text in new.texts()])
        misses.append(predicted.sum() / np.where(hard, truth[1], truth[0]).sum() - 1.0)
        said.append(predictor.spend_error_["m"])
    assert 0.5 < np.std(misses) / np.mean(said) < 1.6
    assert abs(np.mean(misses)) < np.mean(said)


def alike(queries, samples=1, model="m", seed=0):
    """Right answers to queries that nothing tells apart; lengths scatter by 31 %."""
    rng = np.random.default_rng(seed)
    length = (100 * np.exp(0.3 * rng.standard_normal(queries))).round()
    ids = [f"q{k}" for k in range(queries)]
    columns = [[*part] * samples for part in (ids, length, [1] * queries, ["Add 1."] * queries)]
    return Rollouts(*columns, model=[model] * queries * samples)


def error_of(rollouts, model="m"):
    predictor = SurgePredictor(learner=LinearLearner()).fit(rollouts.queries(), rollouts)
    return predictor.spend_error_[model]


def test_the_error_is_the_standard_error_of_a_total():
    """Of all queries at least, and of a tenth of them at most: what a small budget buys."""
    scatter = np.sqrt(np.exp(0.3**2) - 1)
    few, many = (error_of(alike(queries)) for queries in (150, 600))
    # A cap takes off a little, and what is known beforehand adds a little.
    assert 0.9 * scatter / np.sqrt(600) < many < 1.1 * scatter / np.sqrt(60)
    assert few == pytest.approx(2 * many, rel=0.25)
    # The same answers once more are not news.
    assert error_of(alike(150, samples=3)) == pytest.approx(few, rel=0.1)


def test_a_model_with_few_rollouts_has_a_wider_error():
    """However well the fit follows them: one answer alone is predicted as it was."""
    usual = table(models=(("many", 1.0), ("few", 1.0)), queries=400)
    own = np.flatnonzero(usual.model == "few")
    errors = []
    for kept in (1, 5, 40):
        some = usual.take(np.setdiff1d(np.arange(len(usual)), own[kept:]))
        errors.append(error_of(some, "few"))
    assert errors[0] > errors[1] > errors[2] > 2 * error_of(some, "many")
    assert errors[0] > 0.4
    assert error_of(alike(2)) > 0.2


def test_the_typical_model_is_as_unsure_as_models_differ():
    two = table(models=(("brief", 0.5), ("long", 2.0)), queries=500)
    error = SurgePredictor(learner=LinearLearner()).fit(two.queries(), two).spend_error_
    assert set(error) == {"brief", "long", "typical"}
    assert max(error["brief"], error["long"]) < 0.05
    assert 0.3 < error["typical"] < 1.5


# --- odd batches, storage, refusals


def test_a_query_has_the_same_lengths_alone_and_in_any_batch(predictor):
    texts = [*NEW[False], *NEW[True]]
    together = predictor.predict_lengths(texts).expected_spend(500.0)
    for row in (0, 31, 59):
        alone = predictor.predict_lengths([texts[row]]).expected_spend(500.0)
        assert alone == pytest.approx(together[[row]], rel=1e-10)


def test_odd_texts_and_empty_batches_have_legal_lengths(predictor):
    texts = [text for text in ODD_TEXTS.values() if len(text) < 1_000]
    spend = predictor.predict_lengths(texts).expected_spend(np.tile(CAPS, (len(texts), 1)))
    assert ((spend > 0) & (spend <= CAPS)).all()
    assert len(predictor.predict_lengths([])) == 0
    assert len(predictor.predict_completion_curves([])) == 0


def test_an_unknown_model_is_refused(predictor):
    for use in (predictor.predict_lengths, predictor.predict_completion_curves):
        with pytest.raises(InvalidInputError, match=r"model = nobody: .* m;"):
            use(["Add 1."], "nobody")


def test_a_stored_predictor_has_the_same_lengths(predictor, tmp_path):
    save_predictor(predictor, tmp_path)
    loaded, texts = load_predictor(tmp_path), [*NEW[False], *NEW[True]]
    for model in (None, "m"):
        one, other = (which.predict_lengths(texts, model) for which in (loaded, predictor))
        assert np.array_equal(one.expected_spend(300.0), other.expected_spend(300.0))
    assert loaded.spend_error_ == predictor.spend_error_


def test_a_folder_of_before_says_what_to_do(predictor, tmp_path):
    save_predictor(predictor, tmp_path)
    index = tmp_path / "predictor.json"
    index.write_text(index.read_text().replace("surge predictor 4", "surge predictor 3"))
    with pytest.raises(InvalidInputError, match=r"predictor 3', this version reads .*again"):
        load_predictor(tmp_path)


# --- real rollouts


def test_spend_of_held_out_queries_is_predicted_on_average(shared_data):
    rollouts = read_rollouts(shared_data / "zeroeval_rollouts.parquet")
    own = rollouts.for_model("gpt-4o-2024-08-06")
    fold, *rest = query_folds(own.query_ids, 2, seed=0)
    learning, held_out = own.for_queries(np.concatenate(rest)), own.for_queries(fold)
    predictor = SurgePredictor(learner=QUICK).fit(learning.queries(), learning)
    lengths = predictor.predict_lengths(held_out.queries(), own.models[0])
    for cap in (50.0, 100.0, 200.0, 400.0, 800.0):
        spent = np.minimum(held_out.n_tokens, cap).mean()
        assert lengths.expected_spend(cap).mean() == pytest.approx(spent, rel=0.05)
    assert predictor.spend_error_["typical"] < 0.05


@pytest.mark.parametrize("spread", [0.005, 0.02, 0.1, 1.0])
@pytest.mark.parametrize("median", [50.0, 1e5])
def test_completion_curves_claim_no_more_than_the_lengths_say(spread, median):
    """At whole caps, narrow and mixed lengths included; a narrow one is no narrower than 5 %."""
    shape = LengthShape(0.15, np.array([-1.5, 0.6]), np.array([0.3, 3.0]))
    for of_right in (NORMAL, shape):
        one = of_right.lengths(np.array([median]), np.array([spread]))
        lengths = MixedLengths([0.95], one, one)
        known = Completion(np.array([0.95]), np.array([median]), np.array([spread]))
        curves = completion_curves(known, lengths)
        wide = max(spread, 0.05)
        caps = np.unique(np.floor(np.geomspace(0.5 * median * np.exp(-9 * wide), 1e8, 20_000)))
        exact = 0.95 * (1.0 - one.survival(caps[None])[0])
        claimed = np.interp(caps, curves.grid[0], curves.values[0])
        assert (claimed <= exact + 3e-4).all()
        assert (claimed >= exact - 0.02).all()

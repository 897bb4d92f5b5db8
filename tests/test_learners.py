"""The learners: boosted trees and linear models recover what is known, behind one interface."""

import numpy as np
import pytest
from scipy.special import expit

from clear_opt.errors import InvalidInputError
from clear_opt.predictors import BoostedLearner, BoostedTrees, Learner, LinearLearner
from clear_opt.predictors.learners import FractionalLogit
from tests.effort import large
from tests.made_queries import LEARNERS, QUICK


def made(rows=2_000, seed=0):
    """Two columns; a share whose log odds, and a mean, that are linear in them."""
    rng = np.random.default_rng(seed)
    columns = rng.uniform(-1, 1, (rows, 2))
    return columns, expit(1.5 * columns[:, 0] - 0.5), 6.0 + 0.8 * columns[:, 1]


@pytest.mark.parametrize("learner", LEARNERS)
def test_shares_and_means_are_recovered(learner):
    columns, share, mean = made()
    rng = np.random.default_rng(1)
    seen = rng.binomial(10, share) / 10
    learned = BoostedLearner() if learner == "boosted" else LEARNERS[learner]
    found = (
        learned.probability_regressor(random_state=0, n_jobs=1).fit(columns, seen).predict(columns)
    )
    assert np.sqrt(np.mean((found - share) ** 2)) < 0.04
    noisy = mean + 0.3 * rng.standard_normal(len(mean))
    found = learned.mean_regressor(random_state=0, n_jobs=1).fit(columns, noisy).predict(columns)
    assert np.sqrt(np.mean((found - mean) ** 2)) < 0.08


@pytest.mark.parametrize("learner", LEARNERS)
def test_heavier_rows_count_for_more(learner):
    columns = np.zeros((100, 1))
    seen, weight = np.repeat([0.0, 1.0], 50), np.repeat([1.0, 3.0], 50)
    for made_by in (LEARNERS[learner].probability_regressor, LEARNERS[learner].mean_regressor):
        regressor = made_by(0, 1)
        last = getattr(regressor, "steps", None)
        name = f"{last[-1][0]}__sample_weight" if last else "sample_weight"
        found = regressor.fit(columns, seen, **{name: weight}).predict(columns)
        assert found == pytest.approx(np.full(100, 0.75), abs=0.01)


def test_quantiles_are_met_on_top_of_an_offset():
    rng = np.random.default_rng(0)
    columns = rng.uniform(-1, 1, (4_000, 1))
    noise = (1.0 + columns[:, 0] ** 2) * rng.standard_normal(4_000)
    for level in (0.1, 0.5, 0.9):
        regressor = BoostedLearner(residual_n_estimators=200).quantile_regressor(
            level, random_state=0, n_jobs=1
        )
        offset = np.full(4_000, np.quantile(noise, level))
        found = regressor.fit(columns, noise, offset=offset).predict(columns, offset=offset)
        for part in (np.abs(columns[:, 0]) < 0.4, np.abs(columns[:, 0]) > 0.8):
            assert np.mean(noise[part] < found[part]) == pytest.approx(level, abs=0.03)
    assert LinearLearner().quantile_regressor(0.5, random_state=0, n_jobs=1) is None
    assert (
        BoostedLearner(residual_n_estimators=0).quantile_regressor(0.5, random_state=0, n_jobs=1)
        is None
    )


def test_an_offset_is_added_and_not_learned():
    columns, _, mean = made(500)
    offset = 100.0 * np.arange(500)
    trees = BoostedTrees(n_estimators=50, learning_rate=0.2).fit(
        columns, mean + offset, offset=offset
    )
    found = trees.predict(columns)  # without the offset: what is left of it
    assert np.sqrt(np.mean((found - mean) ** 2)) < 0.1
    assert trees.predict(columns, offset=offset) == pytest.approx(found + offset)


def test_an_offset_of_a_share_is_in_log_odds():
    columns = np.zeros((50, 1))
    trees = BoostedTrees("cross_entropy", n_estimators=1, learning_rate=1e-9)
    trees.fit(columns, np.full(50, 0.9), offset=np.full(50, -1.0))
    assert trees.predict(columns, offset=np.full(50, -1.0)) == pytest.approx(expit(-1.0))


@pytest.mark.parametrize("objective", ["regression", "cross_entropy", "quantile"])
def test_missing_numbers_are_a_value_of_their_own(objective):
    columns = np.repeat([[np.nan], [0.0]], 50, axis=0)
    shares = np.repeat([0.9, 0.1], 50)
    trees = BoostedTrees(objective, n_estimators=100, learning_rate=0.3).fit(columns, shares)
    assert trees.predict([[np.nan], [0.0]]) == pytest.approx([0.9, 0.1], abs=0.05)


@pytest.mark.parametrize(
    "learner", [BoostedTrees("cross_entropy", n_estimators=3), FractionalLogit()]
)
@pytest.mark.parametrize("share", [-0.1, 1.5])
def test_a_share_outside_0_and_1_is_named(learner, share, capfd):
    with pytest.raises(InvalidInputError, match=f"row 1, y = {share}: lies outside"):
        learner.fit([[0.0], [1.0], [2.0]], [0.5, share, 0.5])
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_shares_that_are_all_the_same_are_given_back(share):
    regression = FractionalLogit().fit([[0.0], [1.0]], [share, share])
    assert regression.predict([[5.0], [-5.0]]).tolist() == [share, share]


def test_logistic_shares_have_the_likelihood_of_as_many_answers():
    """Three of four right, as one share of weight 4, is four answers."""
    answers = FractionalLogit().fit(np.repeat([[0.0], [1.0]], 4, axis=0), [1, 1, 1, 0, 1, 0, 0, 0])
    shares = FractionalLogit().fit([[0.0], [1.0]], [0.75, 0.25], sample_weight=[4, 4])
    assert shares.predict([[0.0], [2.0]]) == pytest.approx(
        answers.predict([[0.0], [2.0]]), abs=1e-4
    )


@pytest.mark.parametrize("learner", LEARNERS)
def test_the_seed_and_only_the_seed_decides(learner):
    columns, share, _ = made(300)
    fits = [
        LEARNERS[learner].probability_regressor(seed, 1).fit(columns, share) for seed in (0, 0, 1)
    ]
    first, again, other = (fit.predict(columns) for fit in fits)
    assert np.array_equal(first, again)
    assert np.array_equal(first, other) == (learner == "linear")  # which draws nothing


@large
def test_trees_do_not_depend_on_the_number_of_threads():
    columns, share, mean = made(1_000)
    for seen, of in ((share, QUICK.probability_regressor), (mean, QUICK.mean_regressor)):
        one, two = (of(0, threads).fit(columns, seen).predict(columns) for threads in (1, 2))
        assert np.array_equal(one, two)


def test_an_interface_cannot_be_used_as_a_learner():
    with pytest.raises(TypeError, match="abstract"):
        Learner()

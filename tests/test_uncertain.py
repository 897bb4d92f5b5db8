"""Curves known as draws: means, quantiles, what they are worth, and the benchmark of them."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks import uncertainty
from clear_opt import (
    AllocationProblem,
    Hill,
    Logistic,
    Quadratic,
    ShiftedSurge,
    TabularCurve,
    Triangular,
    UncertainCurves,
    solve,
)
from clear_opt.errors import InvalidInputError
from clear_opt.predictors import SurgePredictor
from clear_opt.rollouts import read_rollouts
from clear_opt.solvers.budget.dual import find_price
from tests.made_queries import QUICK, known_states, two_kinds

N, S = 4, 30

FAMILIES = {
    "surge": lambda place, width, height: ShiftedSurge.from_height(place, height, width),
    "decay": lambda place, width, height: ShiftedSurge.from_height(place, height, width, "decay"),
    "quadratic": lambda place, width, height: Quadratic.from_height(place, height, width),
    "triangular": lambda place, width, height: Triangular.from_height(place, height, width),
    "hill": lambda place, width, height: Hill(place, 2.0 + place / width, height),
    "logistic": lambda place, width, height: Logistic(place, 0.3 * width, height),
    "tabular": lambda place, width, height: TabularCurve(
        place[:, None] + width[:, None] * np.linspace(0.1, 1.0, 6),
        height[:, None] * np.linspace(0.2, 1.0, 6),
    ),
}


def drawn(family, seed=0, weights=None):
    rng = np.random.default_rng(seed)
    usual = np.repeat([100.0, 300.0, 1_000.0, 5_000.0], S)
    place = usual * np.exp(0.4 * rng.standard_normal(N * S))
    width = 0.7 * usual * np.exp(0.3 * rng.standard_normal(N * S))
    curves = FAMILIES[family](place, width, rng.uniform(0.2, 0.95, N * S))
    return UncertainCurves(curves, S, weights)


def success_of(uncertain, query, cap):
    """Success of each draw of a query at a cap, curve by curve."""
    rows = np.arange(query * S, (query + 1) * S)
    return np.ravel(uncertain.curves.take(rows).value(cap))


def summary_at_whole_caps(uncertain, query, level=None):
    """Mean (or quantile) over the draws at caps 0, 1, ..., and the most of them up to each cap."""
    last = 2 * int(uncertain.expected(10).grid[query, -1])
    success = np.stack([success_of(uncertain, query, float(cap)) for cap in range(last)], axis=1)
    if level is None:
        told = uncertain.weights[query] @ success
    else:
        below = int(np.floor(level * uncertain.draws * (1 + 1e-12)))
        told = np.sort(success, axis=0)[below]
    return told, np.maximum.accumulate(told)  # more tokens need not be used


def claimed(curves, query, count):
    return np.interp(np.arange(count), curves.grid[query], curves.values[query])


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("points", [7, 40, 250])
def test_expected_claims_no_more_than_the_mean_at_any_whole_cap(family, points):
    weights = np.random.default_rng(1).uniform(0.0, 1.0, (N, S))
    uncertain = drawn(family, weights=weights)
    found = uncertain.expected(points)
    assert found.grid.shape == (N, points + 1)
    for query in range(2):
        mean, held = summary_at_whole_caps(uncertain, query)
        assert (claimed(found, query, len(held)) <= held + 1e-12).all()
        caps = found.grid[query].astype(int)
        # It is exact wherever the token before is a grid point too.
        exact = np.isin(caps - 1, caps) | (caps == 0)
        assert exact.sum() >= points // 2
        assert (found.values[query][exact] >= mean[caps[exact]] - 1e-12).all()


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("level", [0.1, 0.2, 0.5])
def test_conservative_claims_no_more_than_enough_draws_reach_at_any_whole_cap(family, level):
    uncertain = drawn(family)
    found = uncertain.conservative(level, points=40)
    assert (np.diff(found.values, axis=1) >= 0).all()
    for query in range(2):
        quantile, held = summary_at_whole_caps(uncertain, query, level)
        assert (claimed(found, query, len(held)) <= held + 1e-12).all()
        caps = found.grid[query].astype(int)
        exact = np.isin(caps - 1, caps)
        assert (found.values[query][exact] >= quantile[caps[exact]] - 1e-12).all()


@pytest.mark.parametrize("width", [0.3, 1.0, 2.5])
def test_what_is_promised_for_sharp_draws_comes(width):
    """Between two thresholds' whole tokens nothing is gained: no allocation may claim it is."""
    either = UncertainCurves.from_arrays(
        ShiftedSurge.from_height, tau=[[100.2, 150.2]] * 2, height=0.8, width=width
    )
    for table in (either.expected(), either.expected(5), either.conservative()):
        answer = solve(AllocationProblem(table, 220))
        truth = either.values(answer.tokens).mean(axis=1)
        assert (answer.utility <= truth + 1e-12).all()
    assert solve(AllocationProblem(either.expected(), 220)).expected_utility == pytest.approx(
        0.8, rel=1e-3 if width > 1 else 1e-12
    )


def test_a_table_that_falls_and_rises_again_is_held_and_no_more():
    """From where a draw falls to where it rises again nothing is claimed for the way there."""
    bumps = TabularCurve([0.0, 10.5, 30.2, 55.9], [[0.0, 0.5, 0.2, 0.9], [0.0, 0.4, 0.4, 0.1]])
    for points in (4, 9, 30):
        found = UncertainCurves(bumps, 2).expected(points)
        whole = np.arange(70.0)
        mean = np.mean(
            [
                [curve.value(cap)[0] for cap in whole]
                for curve in (bumps.take([0]), bumps.take([1]))
            ],
            axis=0,
        )
        told = claimed(found, 0, len(whole))
        assert (told <= np.maximum.accumulate(mean) + 1e-12).all()
        assert told[-1] == pytest.approx(mean.max(), abs=0.02)


def bound(problem):
    price = find_price(problem)
    return problem.certify(problem.floor, price).dual_bound


@pytest.mark.parametrize("family", FAMILIES)
def test_the_grid_is_good_enough_to_allocate_by(family):
    """The optimum on 96 points is within 0.2 % of that on 400, at scarce and ample budgets."""
    uncertain = drawn(family)
    tables = [uncertain.expected(points) for points in (96, 400)]
    for budget in (150, 1_000, 4_000, 12_000):
        coarse, fine = (bound(AllocationProblem(table, budget)) for table in tables)
        assert 0.998 * fine <= coarse <= fine * (1 + 1e-3)


def test_draws_that_agree_are_the_curve_itself():
    curves = ShiftedSurge.from_height([80.0, 90.0, 900.0], [0.9, 0.7, 0.2], [60.0, 70.0, 500.0])
    alone = UncertainCurves(curves, 1)
    plain = solve(AllocationProblem(curves, 270))
    for table in (alone.expected(), alone.conservative()):
        again = solve(AllocationProblem(table, 270))
        assert again.certificate.dual_bound == pytest.approx(plain.certificate.dual_bound, rel=2e-3)


def test_expected_curves_bring_more_right_answers_than_plain_ones_on_a_known_truth():
    """Thresholds are known to 60 %: what is expected is the mean of what happens, whatever does."""
    rng = np.random.default_rng(3)
    n, noise = 300, 0.6
    known = np.exp(rng.normal(5.5, 0.1, n))
    factors = np.exp(noise * rng.standard_normal((n, 200)))
    height = rng.uniform(0.3, 0.95, n)
    uncertain = UncertainCurves.from_arrays(
        Triangular.from_height, tau=known[:, None] * factors, height=height[:, None], width=20.0
    )
    plain = Triangular.from_height(known, height, 20.0)
    truths = [
        Triangular.from_height(known * np.exp(noise * rng.standard_normal(n)), height, 20.0)
        for _ in range(20)
    ]
    expected = uncertain.expected()
    for budget in (150 * n, 300 * n):
        caps = {
            name: solve(AllocationProblem(curves, budget))
            for name, curves in (("plain", plain), ("expected", expected))
        }
        worth = {
            name: np.mean([truth.value(found.tokens.astype(float)).sum() for truth in truths])
            for name, found in caps.items()
        }
        assert worth["expected"] > 1.04 * worth["plain"]
        # It promises what comes; plain promises too much.
        assert caps["expected"].utility.sum() == pytest.approx(worth["expected"], rel=0.05)
        assert caps["plain"].utility.sum() > 1.3 * worth["plain"]


def test_conservative_counts_on_nothing_that_may_not_come():
    """One sure query and one that is a gamble: the gamble is dropped, though it expects more."""
    uncertain = UncertainCurves.from_arrays(
        Triangular.from_height,
        tau=[[90.0, 90.0], [50.0, 4_950.0]],
        height=[[0.5, 0.5], [0.99, 0.99]],
        width=10.0,
    )
    assert solve(AllocationProblem(uncertain.conservative(), 100)).tokens.tolist() == [100, 0]
    assert solve(AllocationProblem(uncertain.expected(), 60)).tokens.tolist() == [0, 60]


@given(
    seed=st.integers(0, 10**6),
    tokens=st.floats(0.5, 6.0),
    points=st.integers(2, 60),
    draws=st.integers(1, 5),
)
def test_grids_ascend_from_zero_in_whole_tokens_whatever_the_draws(seed, tokens, points, draws):
    rng = np.random.default_rng(seed)
    tau = rng.choice([0.0, 0.3, 1.0, 10.0], (3, draws)) * 10**tokens
    uncertain = UncertainCurves.from_arrays(
        ShiftedSurge.from_height, tau=tau, height=0.5, width=10 ** rng.uniform(-1, tokens, (3, 1))
    )
    found = uncertain.expected(points)
    assert found.grid.shape == (3, points + 1)
    assert (found.grid[:, 0] == 0).all()
    assert (np.diff(found.grid, axis=1) >= 1).all()
    assert (found.grid == np.round(found.grid)).all()
    assert (found.values[:, -1] >= 0.5 * 0.99).all()


def test_take_and_values():
    uncertain = drawn("surge", weights=np.arange(1.0, S + 1))
    assert (len(uncertain), repr(uncertain)) == (N, f"UncertainCurves(n={N}, draws={S})")
    some = uncertain.take([2, 0])
    caps = np.array([1_500.0, 150.0])
    assert some.values(caps).shape == (2, S)
    np.testing.assert_array_equal(some.values(caps)[0], success_of(uncertain, 2, 1_500.0))
    np.testing.assert_array_equal(some.weights, uncertain.weights[[2, 0]])
    np.testing.assert_allclose(some.weights.sum(axis=1), 1.0)
    nobody = uncertain.take(slice(0, 0))
    assert (len(nobody), len(nobody.expected()), len(nobody.conservative())) == (0, 0, 0)


def test_what_cannot_be_used_is_named():
    curves = ShiftedSurge.from_height([1.0, 2.0, 3.0], 0.5, 10.0)
    with pytest.raises(InvalidInputError, match="divides the 3 curves"):
        UncertainCurves(curves, 2)
    with pytest.raises(InvalidInputError, match="are all zero"):
        UncertainCurves(curves, 1, [[1.0], [0.0], [1.0]])
    with pytest.raises(InvalidInputError, match="must be a number >= 0"):
        UncertainCurves(curves, 3, [1.0, -1.0, 1.0])
    with pytest.raises(InvalidInputError, match="cannot be read as 1 times 3 numbers"):
        UncertainCurves(curves, 3, [1.0, 2.0])
    with pytest.raises(InvalidInputError, match=r"tau \(3,\), height \(\)"):
        UncertainCurves.from_arrays(ShiftedSurge.from_height, tau=[1.0, 2.0, 3.0], height=0.5)
    with pytest.raises(InvalidInputError, match="outside \\(0, 1\\)"):
        UncertainCurves(curves, 3).conservative(1.0)
    with pytest.raises(InvalidInputError, match="whole number >= 2"):
        UncertainCurves(curves, 3).expected(points=1)


# --- draws of a predictor


@pytest.fixture(scope="module")
def predictor():
    rollouts = two_kinds(queries=200, samples=1)
    return SurgePredictor(learner=QUICK).fit(rollouts.queries(), rollouts)


def test_draws_of_a_predictor_have_the_quantiles_it_tells(predictor):
    texts = ["Add 7 and 9.", "Prove the theorem about 77 curves."]
    draws = predictor.predict_draws(texts)
    told = predictor.predict_distribution(texts, levels=[0.25, 0.75])
    assert (len(draws), draws.draws) == (2, 256)
    for name in ("tau", "height"):
        values = np.asarray(getattr(draws.curves, name)).reshape(2, -1)
        expected = getattr(told, name)
        np.testing.assert_allclose(np.quantile(values, [0.25, 0.75], axis=1).T, expected)
    assert len(predictor.predict_draws([])) == 0


def test_expected_curves_of_a_predictor_are_the_known_completion_curves():
    """The mean over a query's possible curves is the chance of the next answer, doubt and all."""
    rollouts, _ = known_states(seed=1)
    train, held_out = (rollouts.for_queries(ids) for ids in np.split(rollouts.query_ids, [2_000]))
    fitted = SurgePredictor(learner=QUICK).fit(train.queries(), train)
    curves = fitted.predict_draws(held_out.queries()).expected()
    length, right = held_out.n_tokens, held_out.correct > 0
    owner = held_out.index_of(held_out.query_id)
    for q in (0.3, 0.6, 0.9):
        caps = fitted.predict_distribution(held_out.queries(), levels=[q]).length[:, 0]
        came = np.bincount(owner, right & (length <= caps[owner])) / np.bincount(owner)
        assert curves.value(caps).mean() == pytest.approx(came.mean(), abs=0.04)


# --- the benchmark


@pytest.fixture(scope="module")
def report():
    rollouts = two_kinds(queries=120, samples=1, models=(("a", 0.0, 1.0), ("b", -0.5, 1.5)))
    return uncertainty.run(
        rollouts,
        SurgePredictor(learner=QUICK),
        models=["a", "b"],
        budgets=[100, 400],
        noise=[0.0, 0.8],
        seeds=2,
    )


def test_the_report_compares_each_method_with_plain(report):
    assert [(row["noise"], row["budget"]) for row in report["noise"]] == [
        (0.0, 100),
        (0.0, 400),
        (0.8, 100),
        (0.8, 400),
    ]
    for row in report["noise"]:
        plain = row["methods"]["plain"]["accuracy"]
        for method, found in row["methods"].items():
            assert found["accuracy"] == pytest.approx(np.mean(list(found["models"].values())))
            if method != "plain":
                assert found["difference"] == pytest.approx(found["accuracy"] - plain)
                assert found["low"] <= found["difference"] <= found["high"]
        if row["noise"] == 0:
            for found in row["methods"].values():
                assert found["accuracy"] == pytest.approx(plain, abs=0.03)
    noisy = report["noise"][3]["methods"]
    assert noisy["expected, usual"]["accuracy"] > noisy["plain"]["accuracy"]
    assert [row["budget"] for row in report["own"]] == [100, 400]
    assert "| 80% |" in uncertainty.markdown(report)


def test_the_command_writes_what_it_prints(tmp_path, capsys, monkeypatch, report):
    monkeypatch.setattr(uncertainty, "run", lambda *args, **named: report)
    monkeypatch.setattr(uncertainty, "read_rollouts", lambda path: None)
    uncertainty.main(["--out", str(tmp_path / "found.json")])
    assert uncertainty.markdown(report) in capsys.readouterr().out
    assert json.loads((tmp_path / "found.json").read_text()) == report


ROOT = Path(__file__).resolve().parents[1]


def test_the_page_quotes_the_stored_results():
    stored = json.loads((ROOT / "benchmarks" / "results" / "uncertainty.json").read_text())
    assert uncertainty.markdown(stored) in (ROOT / "docs" / "uncertain.md").read_text()
    assert stored["settings"]["models"] == list(uncertainty.MODELS)
    assert stored["settings"]["noise"] == list(uncertainty.NOISE)


def test_expected_curves_are_ahead_of_plain_ones_on_noisy_real_predictions(shared_data):
    """One split instead of five folds, one draw of the noise: the stored figures in small."""
    table = read_rollouts(shared_data / "zeroeval_rollouts.parquet")
    rollouts = table.take(np.isin(table.model, uncertainty.MODELS))
    ids = np.random.default_rng(0).permutation(rollouts.query_ids)
    train, asked = (rollouts.for_queries(part) for part in np.split(ids, [len(ids) * 3 // 5]))
    fitted = SurgePredictor(learner=QUICK).fit(train.queries(), train)
    name = uncertainty.MODELS[0]
    own = asked.for_model(name)
    row = own.index_of(own.query_id).argsort()
    completion = fitted.predict_completion(own.queries(), name)
    draw = np.random.default_rng(0).standard_normal(len(completion.median))
    shown = completion._replace(median=completion.median * np.exp(0.8 * draw))
    known = uncertainty.HeldOut(
        own.query_ids, own.n_tokens[row].astype(float), own.correct[row], shown, {}
    )
    right = {
        method: uncertainty.answered(curves, known, 200).mean()
        for method, curves in uncertainty.allocated_by(shown, 0.8).items()
    }
    assert right["expected"] > right["plain"] + 0.03
    assert right["expected, usual"] > right["plain"] + 0.08

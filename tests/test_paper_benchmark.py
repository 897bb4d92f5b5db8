"""The paper's experiment: its parts against known truths, its stored result against the page."""

import json
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import ttest_1samp

from benchmarks import paper
from benchmarks.paper_cells import DIFFERENCES, claims, interval
from benchmarks.paper_policies import (
    OURS,
    PAPER,
    POLICIES,
    SURGE,
    UNIFORM,
    careful,
    score,
    stretched,
)
from benchmarks.paper_tables import markdown, summary
from benchmarks.paper_worlds import Case, Outcomes, Shared, recorded_cases, shared_surge
from benchmarks.uncertainty import posterior_stretch
from clear_opt import TabularCurve
from clear_opt.datasets import STREAMS
from clear_opt.evaluation import Batch
from clear_opt.fitting import Completion, surge_shape
from clear_opt.predictors import LinearLearner, SurgePredictor
from clear_opt.rollouts import Rollouts

ROOT = Path(__file__).resolve().parents[1]
STORED = ROOT / "benchmarks" / "results" / "paper.json"
PAGE = ROOT / "docs" / "paper.md"


def outcomes(length, correct, median, spread=0.3, success=0.7):
    """Give outcomes whose predicted completion curves are straight from 0 to twice the median."""
    median = np.asarray(median, dtype=float)
    n = len(median)
    known = Completion(np.full(n, success), median, np.full(n, spread))
    grid = median[:, None] * np.linspace(0.05, 2.0, 40)
    chances = TabularCurve(grid, success * np.linspace(0.025, 1.0, 40) * np.ones((n, 1)))
    names = np.array([f"q{k}" for k in range(n)], dtype=object)
    return Outcomes(names, np.asarray(length, float), np.asarray(correct, float), known, chances)


@pytest.fixture(scope="module")
def report():
    return paper.run(
        None,
        budgets=(100, 800),
        noise=(0.0, 0.5),
        noise_budgets=(100,),
        seeds=2,
        queries=40,
        training=60,
        predictor=SurgePredictor(learner=LinearLearner()),
    )


def test_every_cell_is_there_and_the_oracle_is_best(report):
    streams = report["worlds"]["simulated"]["streams"]
    assert list(streams) == list(STREAMS)
    for cells in streams.values():
        best = cells["accuracy"]["oracle"]["mean"]
        for name in POLICIES:
            mean = cells["accuracy"][name]["mean"]
            assert all(0 <= one <= top for one, top in zip(mean, best, strict=True))
            assert all(0 <= share <= 1 for share in cells["abandoned"][name])
        first, last = cells["abandoned"][OURS]
        assert first > last
        assert cells["abandoned"][UNIFORM] == [0, 0]


def test_no_noise_changes_nothing(report):
    cells = report["worlds"]["simulated"]
    at_100 = np.mean([c["accuracy"][OURS]["mean"][0] for c in cells["streams"].values()])
    assert cells["noise"][OURS]["mean"][0][0] == pytest.approx(at_100, abs=1e-4)


def test_tables_pictures_and_json_are_written(report, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(paper, "run", lambda *_, **__: report)
    paper.main(["--out", str(tmp_path), "--zeroeval", str(tmp_path / "none")])
    assert json.loads((tmp_path / "paper.json").read_text())["worlds"] == report["worlds"]
    assert (tmp_path / "paper.md").read_text().startswith("### Simulated streams")
    assert len(list(tmp_path.glob("paper-simulated-*.png"))) == 3
    assert summary(report) in capsys.readouterr().out


def test_a_case_scored_by_hand():
    # Two short queries and a long one. Shared evenly, 420 tokens answer nobody; both short ones
    # together take 200 and 220 to the ends of their curves.
    known = outcomes([160, 170, 900], [1, 1, 1], median=[100, 110, 2000])
    case = Case("made", "Balanced", 0, known, Shared(0.7, 100.0), np.array([1.0, 1.0, 7.0]))
    found = score(case, [60, 140])
    got = {name: round(3 * scores[1].accuracy) for name, scores in found.items()}
    assert got[UNIFORM] == got["proportional"] == got["self_estimate"] == 0
    assert got[OURS] == got[PAPER] == got["oracle"] == 2
    # 180 tokens set the first at the margin, and the other two are given up.
    assert found[OURS][0].abandoned == pytest.approx(2 / 3)


def test_a_shared_surge_is_found_again():
    rng = np.random.default_rng(0)
    n, height, width = 4_000, 0.6, 250.0
    shape = surge_shape(np.array([0.3]))
    tau = rng.uniform(50.0, 400.0, n)
    # Lengths whose distribution is the surge's own rise, y e^(1 - y), by inversion on a grid.
    y = np.linspace(0.0, 1.0, 2_001)
    length = tau + width * np.interp(rng.random(n), y * np.exp(1 - y), y)
    right = rng.random(n) < height
    found = shared_surge(outcomes(length, right, median=tau / shape.tau[0]))
    assert found == pytest.approx((height, width), rel=0.06)


def test_known_noise_gives_the_mean_of_what_it_leaves_possible():
    from scipy.special import ndtr

    rng = np.random.default_rng(1)
    median = np.exp(rng.normal(6.0, 0.8, 30))
    steps = np.linspace(-3.2, 4.8, 51)
    plain = outcomes(median, np.ones(30), median)
    grid = median[:, None] * np.exp(0.3 * steps)
    plain = plain._replace(chances=TabularCurve(grid, 0.7 * ndtr(steps) * np.ones((30, 1))))
    draws = posterior_stretch(median, 0.4)
    found = careful(plain, 0.4)
    for cap in (150.0, 400.0, 1_000.0):
        possible = 0.7 * ndtr(np.log(cap / (median[:, None] * draws)) / 0.3)
        assert found.value(cap) == pytest.approx(possible.mean(axis=1), abs=0.01)


def test_stretching_moves_curves_and_thresholds_alike():
    known = outcomes([1, 1], [1, 1], median=[100, 300])
    longer = stretched(known, np.array([2.0, 0.5]))
    assert longer.threshold / known.threshold == pytest.approx([2.0, 0.5])
    assert longer.chances.value(np.array([100.0, 50.0])) == pytest.approx(
        known.chances.value(np.array([50.0, 100.0]))
    )


def batch(model, sources, samples=1, start=100):
    names = [f"{source}-{k}" for source, count in sources.items() for k in range(count)]
    labels = [source for source, count in sources.items() for _ in range(count)]
    length = start + np.arange(samples * len(names))
    rollouts = Rollouts(
        np.repeat(names, samples),
        length,
        np.ones(len(length)),
        source=np.repeat(labels, samples),
        model=[model] * len(length),
    )
    known = outcomes(length[::samples], np.ones(len(names)), median=length[::samples])
    return Batch(model, rollouts, known.chances, known.completion, known.chances)


def test_recorded_streams_mix_their_pools_and_take_turns_at_the_models():
    school = [
        batch(model, {"gsm8k": 40, "math-level5": 40}, start=start)
        for model, start in (("a", 100), ("b", 1_000))
    ]
    harder = batch("c", {"aime": 30}, samples=4, start=9_000)
    cases = list(recorded_cases(school, harder, seeds=3, queries=40))
    assert [(case.stream, case.seed) for case in cases] == [
        (s, k) for s in STREAMS for k in range(3)
    ]
    for case in cases:
        ids, length = case.outcomes.query_ids, case.outcomes.length
        assert len(set(ids)) == 40
        hard = np.char.startswith(ids.astype(str), "aime")
        assert abs(hard.sum() - 40 * STREAMS[case.stream]["hard"]) < 1
        # Each answer is one of its own query's, by the model whose turn it is.
        for name, tokens in zip(ids, length, strict=True):
            source, number = name.rsplit("-", 1)
            first = 9_000 if source == "aime" else (100, 1_000)[case.seed % 2]
            first += 40 * (source == "math-level5") + int(number) * (4 if source == "aime" else 1)
            assert 0 <= tokens - first < (4 if source == "aime" else 1)
    assert len({tuple(case.outcomes.query_ids) for case in cases}) == len(cases)


def test_intervals_are_students():
    values = np.random.default_rng(2).normal(1.0, 2.0, (20, 3))
    found = interval(values)
    for k in range(3):
        low, high = ttest_1samp(values[:, k], 0.0).confidence_interval(0.95)
        assert (found["low"][k], found["high"][k]) == pytest.approx((low, high), abs=1e-5)


def test_a_cell_below_is_named_only_where_the_whole_interval_is():
    ends = {"mean": [-0.02, -0.02], "low": [-0.03, -0.05], "high": [-0.01, 0.01]}
    cells = {
        "accuracy": {OURS: {"mean": [0.3, 0.4]}, UNIFORM: {"mean": [0.1, 0.4]}},
        "abandoned": {name: [0.4, 0.0004] for name in (OURS, PAPER, SURGE)},
        "difference": {f"{one} - {other}": ends for one, other in DIFFERENCES},
        "least_times_uniform": 2.5,
    }
    found = claims({"Balanced": cells}, [100, 200])
    assert found["times_uniform"] == {"Balanced": 3.0}
    assert found["below"]["ours - uniform"] == [["Balanced", 100]]
    assert found["none_abandoned"][OURS] == {"Balanced": 200}


@pytest.fixture(scope="module")
def stored():
    return json.loads(STORED.read_text(encoding="utf-8"))


def test_the_page_quotes_the_stored_cells(stored):
    assert markdown(stored) in PAGE.read_text(encoding="utf-8")
    assert STORED.stat().st_size < 200_000


@pytest.mark.parametrize("world", ["simulated", "recorded"])
def test_the_stored_cells_show_what_the_page_says(stored, world):
    settings, cells = stored["settings"], stored["worlds"][world]
    assert (settings["seeds"], settings["queries"], len(settings["budgets"])) == (20, 500, 15)
    streams = cells["streams"]
    assert len(streams) == 4
    for found in streams.values():
        accuracy = found["accuracy"]
        assert accuracy[OURS]["mean"][0] >= 3 * accuracy[UNIFORM]["mean"][0]
        for other in (UNIFORM, PAPER):
            assert min(found["difference"][f"{OURS} - {other}"]["high"]) >= 0
        assert (np.diff(found["abandoned"][OURS]) <= 1e-9).all()

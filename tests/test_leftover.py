"""Tokens left over are spread whole, within the limits, and at no query's cost."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from clear_opt import (
    AllocationProblem,
    InvalidInputError,
    ShiftedSurge,
    Status,
    TabularCurve,
    solve,
)
from clear_opt.cli.app import app
from clear_opt.datasets import random_problem
from clear_opt.policies import spread_leftover, uniform
from tests.effort import effort


def surges(tau, height=0.8, width=50.0, **reading):
    return ShiftedSurge.from_height(np.asarray(tau, dtype=float), height, width, **reading)


@given(
    st.sampled_from(("hill", "surge", "tabular")),
    st.integers(0, 2**32 - 1),
    st.integers(1, 8),
    st.booleans(),
    st.sampled_from([1, 7]),
    st.floats(1.0, 6.0),
)
@settings(max_examples=effort(60))
def test_any_leftover_is_spread_within_the_limits_and_hurts_nobody(
    family, seed, n, bounded, block, plenty
):
    drawn = random_problem(family, seed=seed, n=n, bounded=bounded)
    budget = max(drawn.budget, plenty * float(np.sum(drawn.envelope.end)))
    problem = AllocationProblem(
        drawn.curves, min(budget, 1e9), drawn.floor, drawn.ceiling, drawn.weight, block
    )
    if not problem.feasible:
        return
    kept = solve(problem)
    spread = spread_leftover(problem, kept)
    assert spread.tokens.dtype == np.int64
    assert (spread.tokens % block == 0).all()
    assert (spread.tokens >= kept.tokens).all()
    assert (spread.tokens <= problem.ceiling).all()
    assert spread.spent <= problem.budget
    assert (spread.utility >= kept.utility).all()
    np.testing.assert_allclose(spread.utility, problem.utility(spread.tokens))
    assert spread.price == kept.price
    assert spread.dual_bound == pytest.approx(kept.dual_bound, rel=1e-9, abs=1e-12)
    assert spread.gap <= kept.gap + 1e-9
    # What is still unspent has no taker: each funded query is full, or its curve falls.
    if spread.unspent >= block and kept.funded.any():
        more = np.minimum(spread.tokens + block, problem.ceiling)
        full = more == spread.tokens
        assert (full | ~kept.funded | (problem.utility(more) <= kept.utility + 1e-15)).all()


def test_shares_follow_the_caps():
    problem = AllocationProblem(surges([50, 150, 250]), budget=1_203)
    kept = solve(problem)
    assert kept.tokens.tolist() == [100, 200, 300]
    spread = spread_leftover(problem, kept)
    assert spread.tokens.tolist() == [200, 401, 602]  # 2.005 times as much, the last one to 300
    assert spread.spent == 1_203
    assert kept.status is Status.BUDGET_SLACK
    assert spread.status is Status.SOLVED
    assert spread.reasons == kept.reasons


def test_a_full_query_passes_its_part_on():
    problem = AllocationProblem(surges([50, 150, 250]), 1_100, ceiling=[np.inf, 200, np.inf])
    assert spread_leftover(problem, solve(problem)).tokens.tolist() == [225, 200, 675]
    full = AllocationProblem(surges([50, 150]), 1_100, ceiling=[120, 210])
    assert spread_leftover(full, solve(full)).tokens.tolist() == [120, 210]


def test_the_abandoned_stay_abandoned():
    # The second is worth nothing within its ceiling.
    problem = AllocationProblem(surges([50, 150]), 400, ceiling=[np.inf, 90])
    spread = spread_leftover(problem, solve(problem))
    assert spread.tokens.tolist() == [400, 0]
    assert spread.funded.tolist() == [True, False]


def test_decaying_curves_keep_their_caps():
    problem = AllocationProblem(surges([50, 150], beyond_peak="decay"), budget=900)
    kept = solve(problem)
    assert spread_leftover(problem, kept) is kept


def test_who_would_lose_is_passed_over():
    falls = [[0.0, 0.5, 0.5, 0.1], [0.0, 0.5, 0.5, 0.6]]
    problem = AllocationProblem(TabularCurve([0, 100, 200, 400], falls), budget=500)
    kept = solve(AllocationProblem(problem.curves, budget=200))
    assert kept.tokens.tolist() == [100, 100]
    spread = spread_leftover(problem, kept)
    assert spread.tokens.tolist() == [100, 400]


def test_where_nobody_is_funded_all_share():
    problem = AllocationProblem(surges([500, 500]), budget=101)
    kept = solve(problem)
    assert kept.tokens.tolist() == [0, 0]
    assert spread_leftover(problem, kept).tokens.tolist() == [51, 50]


def test_claims_decide_the_shares():
    problem = AllocationProblem(surges([50, 50]), budget=500)
    kept = solve(problem)
    assert spread_leftover(problem, kept, claims=[3, 0]).tokens.tolist() == [400, 100]
    assert spread_leftover(problem, kept, claims=[0, 0]).tokens.tolist() == [250, 250]
    for wrong in ([1], [1, -1], [1, np.nan]):
        with pytest.raises(InvalidInputError, match="claims"):
            spread_leftover(problem, kept, claims=wrong)


def test_a_policys_leftover_and_answers_without_one():
    problem = AllocationProblem(surges([50, 50, 50]), budget=200)
    spread = spread_leftover(problem, uniform(problem))
    assert spread.tokens.tolist() == [67, 67, 66]
    assert spread.status is Status.POLICY
    infeasible = AllocationProblem(surges([50]), budget=10, floor=20)
    answer = solve(infeasible, throw=False)
    assert spread_leftover(infeasible, answer) is answer
    empty = AllocationProblem(surges([]), budget=10)
    assert spread_leftover(empty, solve(empty)).status is Status.EMPTY


def test_the_command_keeps_or_spreads(tmp_path):
    path = tmp_path / "curves.csv"
    path.write_text("query_id,tau,height,width\na,50,0.8,50\nb,150,0.8,50\n")
    spent = {}
    for option in ("keep", "spread"):
        done = CliRunner().invoke(
            app, ["allocate", str(path), "--budget", "900", "--leftover", option, "--json"]
        )
        found = json.loads(done.stdout)
        spent[option] = (found["spent"], found["status"])
    assert spent == {"keep": (300, "budget_slack"), "spread": (900, "solved")}

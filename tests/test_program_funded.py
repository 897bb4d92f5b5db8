"""What counts as funded: at least one block of tokens, in every row, solver and question."""

from dataclasses import replace

import numpy as np
import pytest

from clear_opt import (
    FundedShare,
    InfeasibleError,
    Limit,
    LogNormalLengths,
    Offer,
    Program,
    ShiftedSurge,
    TabularCurve,
    entry_budgets,
    find_conflict,
    solve,
)

N = 4
AT_ONCE = ShiftedSurge.from_height([0.0] * N, 0.5, 100.0)  # concave from the first token on
OFFER = Offer("m", AT_ONCE, lengths=LogNormalLengths([80.0] * N, 0.4))
ALL = FundedShare(1.0, name="all")

WAYS = {
    "reserved": {},
    "expected": {"basis": "expected"},
    "blocks of five": {"block": 5},
    "floors": {"floor": [0, 2, 2, 2]},
}


@pytest.mark.parametrize("solver", ["dual", "conic"])
def test_without_tokens_nobody_is_funded(solver):
    program = Program(OFFER, [Limit(0), ALL])
    with pytest.raises(InfeasibleError, match=r"'all' .* and 'tokens' .* contradict each other"):
        solve(program, solver)
    assert find_conflict(program).names == ("all", "tokens")


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("solver", ["dual", "conic"])
def test_a_share_asks_for_a_block_for_each_of_its_queries(way, solver):
    program = Program(OFFER, [Limit(0), ALL], **WAYS[way])
    block = program.block
    least = float(np.maximum(program.floor, block).sum())
    # A floor that passes the threshold is funded as it is, and expected spend is a little less.
    with pytest.raises(InfeasibleError):
        solve(program.with_budget(least - block), solver)
    answer = solve(program.with_budget(least), solver)
    assert answer.tokens.tolist() == np.maximum(program.floor, block).tolist()
    assert answer.funded.all()


@pytest.mark.parametrize(
    "curves",
    [
        ShiftedSurge.from_height([0.0] * N, 0.5, 0.3),  # at its peak within the first block
        TabularCurve([0.0, 1.0, 2.0], [[0.2, 0.5, 0.6]] * N),  # worth something without a token
    ],
)
def test_pins_ask_for_a_block_whatever_the_curve(curves):
    program = Program(Offer("m", curves), Limit(N - 1), pinned=range(N))
    assert find_conflict(program).names == ("pinned queries", "tokens")
    answer = solve(program.with_budget(N))
    assert answer.tokens.tolist() == [1] * N


def test_a_funded_query_has_tokens_beyond_its_floor_or_a_floor_past_its_threshold():
    rng = np.random.default_rng(0)
    for seed in range(6):
        floor = rng.integers(0, 3, N)
        rows = [Limit(float(floor.sum() + rng.integers(0, 5))), Limit(2.0, "cents")]
        offers = [OFFER, replace(OFFER, name="other", fixed={"cents": 1.0})]
        answer = solve(Program(offers, rows, floor=floor))
        assert (answer.funded == ((answer.tokens > floor) | (floor > 0))).all(), seed
        assert (answer.tokens > 0)[answer.offer_codes >= 0].all()


def test_no_budget_below_a_block_lets_a_query_enter():
    plain = Program(OFFER, Limit(9), block=5)
    several = replace(plain, constraints=[Limit(9), Limit(1e6, name="far")])
    assert entry_budgets(plain).min() == 5
    assert entry_budgets(several).min() >= 5

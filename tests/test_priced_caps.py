"""Best caps at prices, against every whole cap of every offer."""

import numpy as np
import pytest

from clear_opt import (
    Hill,
    InvalidInputError,
    Limit,
    LogNormalLengths,
    Offer,
    Program,
    ShiftedSurge,
    TabularCurve,
    caps_at_prices,
    solve,
)
from clear_opt.defaults import MOST_TOKENS

TOP = 400  # tokens; no curve below gains anything beyond


def family(name, rng, n):
    """Draw curves of a family, all with their peak below `TOP`."""
    if name == "surge":
        return ShiftedSurge.from_height(
            rng.uniform(0, 200, n), rng.uniform(0.2, 1, n), rng.uniform(5, 150, n)
        )
    if name == "hill":
        return Hill(rng.uniform(40, 150, n), 3.0, rng.uniform(0.2, 1, n))
    # In whole blocks, and worth something with no tokens at all.
    grid = np.array([rng.choice(np.arange(20, TOP, 20), 4, replace=False) for _ in range(n)])
    values = np.sort(rng.uniform(0.05, 1, (n, 5)), axis=1)
    values[:, 0] = 0.05  # by every offer, since no offer is asked
    return TabularCurve(np.column_stack([np.zeros(n), np.sort(grid, axis=1)]), values)


def best_payoffs(program, prices):
    """Return the payoff of idling and the best payoff of any whole cap by any offer, (n,) each."""
    n, floor = len(program), program.floor
    idle, best = np.full(n, -np.inf), np.full(n, -np.inf)
    for k, offer in enumerate(program.offers):
        per_token = prices[0] + prices[1] * offer.rate_of("money")
        for cap in np.arange(0, TOP + 1, program.block, dtype=float):
            payoff = program.weight * offer.curves.value(np.full(n, cap)) - per_token * cap
            best = np.where(cap > floor, np.maximum(best, payoff), best)
            # With no tokens a query has what its first offer says of none.
            idles = (cap == floor) & ((floor > 0) | (k == 0))
            idle = np.where(idles, np.maximum(idle, payoff), idle)
    return idle, np.maximum(idle, best)


@pytest.mark.parametrize("block", [1, 20])
@pytest.mark.parametrize("name", ["surge", "hill", "tabular"])
@pytest.mark.parametrize("seed", range(3))
def test_caps_are_best_responses_by_enumeration(name, seed, block):
    rng = np.random.default_rng([seed, block, 5])
    n = 12
    offers = [
        Offer(f"offer {k}", family(name, rng, n), rate={"money": float(rng.uniform(0.5, 3))})
        for k in range(2)
    ]
    free = [Limit(MOST_TOKENS), Limit(MOST_TOKENS, "money")]
    floor = rng.choice([0, block, 40], n)
    program = Program(
        offers, free, floor=floor, ceiling=TOP, block=block, weight=rng.uniform(0.5, 2, n)
    )
    for prices in rng.uniform(0, 0.006, (5, 2)) * [[1, 1]]:
        tokens, codes = caps_at_prices(program, prices)
        idle, best = best_payoffs(program, prices)
        got = idle.copy()
        for k, offer in enumerate(program.offers):
            per_token = prices[0] + prices[1] * offer.rate_of("money")
            payoff = program.weight * offer.curves.value(tokens) - per_token * tokens
            got = np.where(codes == k, payoff, got)
        np.testing.assert_allclose(got, best, atol=1e-12)
        assert (tokens % block == 0).all()
        assert (tokens >= program.floor).all()
        clearly = best > idle + 1e-12
        assert (tokens[clearly] > program.floor[clearly]).all()


def test_success_without_tokens_counts_before_any_is_bought():
    # Worth 0.25 for nothing; 256 tokens bring 0.75, so a token is worth at most 2^-9.
    curve = TabularCurve([[0.0, 128.0, 256.0]], [[0.25, 0.25, 0.75]])
    program = Program(Offer("m", curve), Limit(MOST_TOKENS))
    found = caps_at_prices(program, [[0.002], [2.0**-9], [0.0019]])
    assert found.tokens.ravel().tolist() == [0, 0, 256]
    assert found.offer_codes.ravel().tolist() == [-1, -1, 0]


def test_expected_spend_is_what_is_priced():
    # Half of the answers end at 20 tokens, so a cap of 100 spends far less than 100.
    curve = TabularCurve([[0.0, 50.0, 100.0]], [[0.2, 0.2, 0.8]])
    offer = Offer("m", curve, lengths=LogNormalLengths([20.0], 0.1))
    reserved = Program(offer, Limit(MOST_TOKENS))
    expected = Program(offer, Limit(MOST_TOKENS), basis="expected")
    assert caps_at_prices(reserved, [0.01]).tokens.tolist() == [0]
    assert caps_at_prices(expected, [0.01]).tokens.tolist() == [100]


def test_the_caps_at_the_clearing_price_spend_the_budget_but_for_ties():
    curves = family("surge", np.random.default_rng(3), 300)
    program = Program(Offer("m", curves), Limit(30_000))
    allocation = solve(program)
    found = caps_at_prices(program, [allocation.price])
    funded = found.tokens > 0
    assert (funded == allocation.funded)[np.abs(allocation.surplus) > 0.01].all()
    apart = np.abs(found.tokens - allocation.tokens)[funded & allocation.funded]
    assert apart.max() <= 2


def test_higher_prices_never_buy_more():
    program = Program(Offer("m", family("hill", np.random.default_rng(4), 50)), Limit(MOST_TOKENS))
    tokens = caps_at_prices(program, np.linspace(0, 0.02, 30)[:, None]).tokens
    assert (np.diff(tokens, axis=0) <= 0).all()
    assert (tokens[0] > 0).all()
    assert not tokens[-1].any()


@pytest.mark.parametrize("prices", [[0.1, 0.1], 0.1, [[-0.1]], [np.nan], [[[0.1]]]])
def test_prices_that_do_not_fit_are_refused(prices):
    program = Program(Offer("m", ShiftedSurge.from_height(100, 0.9, 50)), Limit(100))
    with pytest.raises(InvalidInputError, match="prices"):
        caps_at_prices(program, prices)

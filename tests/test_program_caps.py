"""Whole caps of programs: small batches against all combinations of caps, and exchanges."""

import numpy as np
import pytest

from clear_opt import ShiftedSurge, solve
from clear_opt.problem import Constraint, FundedShare, Guarantee, Limit, Offer, Program

MOST = 40  # tokens, more than any query of a small batch can use


def draw_batch(seed, n, kinds):
    """Draw one or two offers, and rows of the kinds asked for."""
    rng = np.random.default_rng([seed, 77])
    offers = []
    for k in range(2 if n == 2 else 1 + seed % 2):
        tau, width = rng.integers(2, 20, n) * 1.0, rng.integers(3, 20, n) * 1.0
        curves = ShiftedSurge.from_height(tau, rng.uniform(0.1, 1.0, n), width)
        money = {"money": (0.3, 1.0)[k]}
        offers.append(
            Offer(f"offer {k}", curves, rate=money, fixed={"money": rng.uniform(0, 3, n)})
        )
    rows: list[Constraint] = [Limit(int(rng.integers(20, 22 * n)))]
    if "money" in kinds:
        rows.append(Limit(rng.uniform(5, 15 * n), "money"))
    if "guarantee" in kinds:
        rows.append(Guarantee(int(rng.integers(5, 18)), group=[n - 1], name="granted"))
    if "share" in kinds:
        rows.append(FundedShare(0.5, group=[0, 1], name="share"))
    return Program(offers, rows)


def states_by_hand(program):
    """Give value, tokens, money, granted tokens and whether funded, (5, n, states)."""
    caps = np.arange(1.0, MOST + 1)
    tables = [np.zeros((5, len(program), 1))]
    for offer in program.offers:
        tau = np.asarray(offer.curves.tau)[:, None]
        width = np.asarray(offer.curves.peak)[:, None] - tau
        y = np.clip((caps - tau) / width, 0.0, 1.0)
        value = np.asarray(offer.curves.height)[:, None] * y * np.exp(1.0 - y)
        # Break-even: the tangent from the origin, x^2 + tau x - tau width = 0.
        tangent = tau + 0.5 * (np.sqrt(tau**2 + 4 * tau * width) - tau)
        money = offer.rate_of("money")[:, None] * caps + offer.fixed_of("money")[:, None]
        tokens = np.broadcast_to(caps, value.shape)
        granted = np.minimum(caps, tau + width)
        funded = 1.0 * (caps >= np.ceil(tangent))
        tables.append(np.stack([value, tokens, money, granted, funded]))
    return np.concatenate(tables, axis=2)


def best_of_all(program):
    """Try every combination of offers and caps; ``-inf`` if none keeps the rows."""
    options, n = states_by_hand(program), len(program)
    best = -np.inf
    for first in range(options.shape[2]) if n == 3 else [None]:
        shape = (options.shape[2], options.shape[2])
        parts = [
            np.broadcast_to(options[:, n - 2, :, None], (5, *shape)),
            np.broadcast_to(options[:, n - 1, None, :], (5, *shape)),
        ]
        if first is not None:
            parts.insert(0, np.broadcast_to(options[:, 0, first, None, None], (5, *shape)))
        kept = np.ones(shape, dtype=bool)
        for row in program.constraints:
            members = range(n) if row.group is None else row.group
            used = np.sum([parts[query] for query in members], axis=0)
            if isinstance(row, Limit):
                kept &= used[1 if row.resource == "tokens" else 2] <= row.amount + 1e-9
            elif isinstance(row, Guarantee):
                kept &= used[3] >= row.amount - 1e-9
            else:
                kept &= used[4] >= row.share * len(members) - 1e-9
        if kept.any():
            best = max(best, float(np.sum([part[0] for part in parts], axis=0)[kept].max()))
    return best


@pytest.mark.parametrize(
    "kinds", [(), ("money",), ("guarantee",), ("money", "guarantee"), ("money", "share")]
)
@pytest.mark.parametrize("n", [2, 3])
def test_batches_of_two_and_three_get_the_best_of_all_combinations(n, kinds):
    feasible = 0
    for seed in range(12 if n == 2 else 5):
        program = draw_batch(seed, n, kinds)
        best, answer = best_of_all(program), solve(program, throw=False)
        if not np.isfinite(best):
            assert not answer.status.ok
            continue
        feasible += 1
        assert answer.expected_utility == pytest.approx(best, rel=1e-9, abs=1e-12), seed
        assert min(row.slack for row in answer.rows) >= -1e-9
    assert feasible >= 3


@pytest.mark.parametrize("seed", range(3))
def test_no_two_queries_could_exchange_tokens_where_a_limit_and_a_guarantee_bind(seed):
    rng, n = np.random.default_rng([seed, 78]), 24
    curves = ShiftedSurge.from_height(
        rng.uniform(50, 300, n), rng.uniform(0.2, 1.0, n), rng.uniform(50, 400, n)
    )
    group = np.arange(n) < 6
    full = float(np.asarray(curves.peak)[group].sum())
    rows = [Limit(3500), Guarantee(0.8 * full, group=group, name="granted")]
    answer = solve(Program(Offer("only", curves), rows))
    prices = answer.prices
    assert prices["tokens"] > 0
    assert prices["granted"] > 0
    caps, value = answer.tokens, answer.utility
    granted = np.minimum(caps, np.asarray(curves.peak))[group].sum()
    assert caps.sum() <= 3500
    assert granted >= rows[1].amount - 1e-9
    for step in (1, 2, 3, 7, 20):
        gain = np.asarray(curves.value(caps + 1.0 * step)) - value
        loss = value - np.asarray(curves.value(np.maximum(caps - 1.0 * step, 0.0)))
        better = gain[None, :] - loss[:, None]  # from a row's query to a column's
        # What leaves the group must not be missed there.
        allowed = (caps >= step)[:, None] & ~(group[:, None] & ~group[None, :])
        allowed &= (caps + step <= np.asarray(curves.peak))[None, :]
        assert better[allowed].max() <= 1e-9

"""Whole caps of programs against all choices; of identical queries in closed form."""

import warnings

import numpy as np
import pytest

from clear_opt import (
    FundedShare,
    Guarantee,
    Limit,
    Offer,
    Program,
    ShiftedSurge,
    TabularCurve,
    solve,
)
from tests.effort import effort
from tests.enumerated import options_of, use_of


def curves_of(rng, n):
    """Draw surges or tables, one time in three the same for all queries."""
    if rng.random() < 0.3:
        grid = np.sort(rng.uniform(5, 250, (n, 4)), axis=1)
        return TabularCurve(grid, np.sort(rng.uniform(0, 1, (n, 4)), axis=1))
    tau, width, height = rng.uniform(0, 150, n), rng.uniform(2, 6, n), rng.uniform(0.1, 1, n)
    if rng.random() < 0.3:
        tau, width, height = tau[:1].repeat(n), width[:1].repeat(n), height[:1].repeat(n)
    return ShiftedSurge.from_height(tau, height, width)


def draw(seed):
    """Draw up to four queries, two offers and five constraints, with few caps to choose from."""
    rng = np.random.default_rng([seed, 77])
    n, block = int(rng.integers(1, 5)), int(rng.choice([20, 25, 50]))
    offers = [
        Offer(
            f"offer {k}",
            curves_of(rng, n),
            rate={"money": float(rng.uniform(0.5, 3))},
            fixed={"money": float(rng.choice([0, 10]))},
        )
        for k in range(rng.integers(1, 3))
    ]
    amount, half = n * float(rng.uniform(20, 220)), range((n + 1) // 2)
    rows = [Limit(amount), Limit(amount * float(rng.uniform(0.5, 2.5)), "money")]
    optional = [
        Limit(amount * float(rng.uniform(0.2, 0.6)), group=half, name="half"),
        Guarantee(amount * float(rng.uniform(0.1, 0.5)), group=half, name="granted"),
        FundedShare(float(rng.uniform(0.1, 0.8)), name="share"),
    ]
    rows += [row for row in optional if rng.random() < 0.3]
    weight = rng.uniform(0.5, 3.0, n) if rng.random() < 0.3 else 1.0
    return Program(offers, rows, weight=weight, block=block)


def best_of_all(program):
    """Give the value of the best choice of whole caps, ``None`` if no choice keeps every row."""
    n = len(program)
    options = [options_of(program, query) for query in range(n)]
    value, total = np.zeros([1] * n), np.zeros([len(program.constraints)] + [1] * n)
    for query, own in enumerate(options):
        shape = [len(own) if axis == query else 1 for axis in range(n)]
        curve = [(offer or program.offers[0]).curves.take([query]) for offer, _, _ in own]
        worth = [
            c.value(np.array([float(cap)]))[0] for c, (_, cap, _) in zip(curve, own, strict=True)
        ]
        value = value + program.weight[query] * np.reshape(worth, shape)
        used = [
            np.reshape([use_of(row, option, query) * member[query] for option in own], shape)
            for row, member in zip(program.constraints, program.members, strict=True)
        ]
        total = total + np.stack(used)
    kept = np.ones(value.shape, dtype=bool)
    for row, member, used in zip(program.constraints, program.members, total, strict=True):
        if isinstance(row, Limit):
            kept &= used <= row.amount + 1e-9
        elif isinstance(row, Guarantee):
            most = sum(
                max(use_of(row, option, query) for option in options[query])
                for query in np.flatnonzero(member)
            )
            kept &= used >= min(row.amount, most) - 1e-9
        else:
            kept &= used >= np.ceil(row.share * member.sum() - 1e-9)
    return float(value[kept].max()) if kept.any() else None


def test_small_programs_get_the_best_of_all_choices_and_no_warning():
    solved, missed = 0, []
    for seed in range(effort(60)):
        program = draw(seed)
        best = best_of_all(program)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            answer = solve(program, throw=False)
        if best is None:
            assert not answer.status.ok, seed
            continue
        assert answer.status.ok, seed
        assert answer.expected_utility <= best + 1e-9, seed
        assert answer.dual_bound >= best - 1e-9, seed
        solved += 1
        if answer.expected_utility < best - 1e-9:
            missed.append((seed, answer.expected_utility / best))
    assert solved > effort(60) // 2
    assert not missed


def even_split(tau, width, height, amount, n):
    """Give the most that n identical queries can reach: tokens shared evenly by some of them."""
    tokens = np.arange(int(amount) + 2)
    worth = ShiftedSurge.from_height(np.full(len(tokens), tau), height, width).value(1.0 * tokens)
    found = 0.0
    for funded in range(1, n + 1):
        each, more = divmod(int(amount), funded)
        found = max(found, more * worth[each + 1] + (funded - more) * worth[each])
    return found


@pytest.mark.parametrize("n", [6, 20, 200])
def test_identical_queries_of_a_program_share_a_limit_as_evenly_as_is_best(n):
    for seed in range(6):
        rng = np.random.default_rng([seed, n])
        tau, width = rng.uniform(20, 200), rng.uniform(10, 200)
        amount = float(n * rng.uniform(0.1, 1.0) * (tau + width))
        curves = ShiftedSurge.from_height(np.full(n, tau), 0.8, width)
        rows = [Limit(10.0 * amount), Limit(2.0 * amount, "money")]
        answer = solve(Program(Offer("only", curves, rate={"money": 2.0}), rows))
        best = even_split(tau, width, 0.8, amount, n)
        assert answer.expected_utility == pytest.approx(best, rel=1e-5), seed
        assert answer.dual_bound >= best - 1e-9

"""Programs by two solvers, by trying every choice, and by what must hold whatever the answer."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.relaxed_vertex import relaxed_vertex
from clear_opt import (
    AllocationProblem,
    ConicSolver,
    DualSolver,
    FundedShare,
    Guarantee,
    Hill,
    InfeasibleError,
    InvalidInputError,
    Limit,
    Logistic,
    LogNormalLengths,
    Offer,
    Program,
    Quadratic,
    ShiftedSurge,
    SolverError,
    Status,
    cross_check,
    solve,
)
from clear_opt.datasets import random_program
from clear_opt.solvers import choose_solver
from clear_opt.solvers.conic import program as conic_program
from clear_opt.solvers.conic.program import relax_program
from clear_opt.solvers.program import LagrangianDual
from clear_opt.solvers.program.barrier_method import coupled_prices
from tests.effort import effort

BOUND, PRICE = 1e-6, 1e-3  # relative; the issue's own tolerances
CONIC = ("surge", "quadratic", "triangular", "tabular")
SIZES = (3, 11, 24)  # few, so that little is compiled
SEEDS = st.integers(0, 10_000)
properties = settings(max_examples=effort(8), deadline=None, derandomize=True)

# For tests of many solves: what runs in them runs in others too, and to count it takes as long.
many_solves = pytest.mark.no_cover


def draw(seed, n=None, **options):
    """Draw a small program; every third one counts expected spend, by any family."""
    rng = np.random.default_rng([seed, 5])
    n = n or int(np.exp(rng.uniform(np.log(3), np.log(60))))
    if seed % 3 == 2:
        return random_program(seed=[seed, 5], n=n, basis="expected", **options)
    return random_program(seed=[seed, 5], n=n, families=CONIC, **options)


def used(program, answer, row):
    """Give what an answer uses of a row, from the offers themselves."""
    members = np.zeros(len(program), dtype=bool)
    members[... if row.group is None else row.group] = True
    if isinstance(row, FundedShare):
        return int(answer.funded[members].sum())
    total = 0.0
    for code, offer in enumerate(program.offers):
        caps = answer.tokens.astype(float)
        spend = offer.lengths.expected_spend(caps) if program.basis == "expected" else caps
        use = offer.rate_of(row.resource) * spend + offer.fixed_of(row.resource)
        total += use[members & (answer.offer_codes == code)].sum()
    return total


def assert_kept(program, answer):
    for row in program.constraints:
        amount = used(program, answer, row)
        if isinstance(row, Limit):
            assert amount <= row.amount * (1 + 1e-9)
        elif isinstance(row, Guarantee):
            assert amount >= row.amount * (1 - 1e-9)  # by construction they can use it
        else:
            members = len(program) if row.group is None else row.group.sum()
            assert amount >= row.share * members - 1e-9
    assert (answer.tokens >= program.floor).all()
    assert (answer.tokens <= np.maximum(program.ceiling, program.floor)).all()
    assert answer.funded[program.pinned].all()
    assert answer.gap >= 0


@many_solves
def test_two_solvers_agree_on_bounds_and_every_price():
    """A share of the 200 programs that ``python -m benchmarks.parity --programs`` runs."""
    several = 0
    for seed in range(effort(36)):
        rows = LagrangianDual.of(draw(seed))
        dual, conic = coupled_prices(rows), relax_program(rows)
        assert dual.converged
        assert conic.converged
        bounds = [rows.bound(prices) for prices in (dual.prices, conic.prices)]
        assert bounds[1] == pytest.approx(bounds[0], rel=BOUND), seed
        assert conic.value == pytest.approx(bounds[0], rel=BOUND), seed
        between = rows.bound(0.5 * (dual.prices + conic.prices))
        flat = np.ptp([*bounds, between]) <= 1e-9 * abs(between)
        negligible = 1e-6 * bounds[0] / np.maximum(np.abs(rows.limits), 1e-300)
        for one, other, least in zip(dual.prices, conic.prices, negligible, strict=True):
            assert flat or abs(one - other) <= PRICE * max(one, other, least), seed
        several += (dual.prices > 0).sum() >= 2
    assert several >= effort(36) // 4


def test_answers_of_both_solvers_keep_every_row():
    for seed in range(6):
        program = draw(seed)
        check = cross_check(program)
        assert check.agrees(BOUND, PRICE), (seed, check.summary())
        assert set(check.price_differences) == {row.name for row in program.constraints}
        assert_kept(program, check.dual)
        assert_kept(program, check.conic)


@many_solves
def test_a_vertex_of_the_relaxation_splits_at_most_one_query_for_each_constraint():
    split = 0
    for seed in range(60, 90):
        program = draw(seed)
        dual = LagrangianDual.of(program)
        prices = coupled_prices(dual).prices
        vertex = relaxed_vertex(dual, prices)
        assert vertex.split <= (prices > 0).sum()
        assert vertex.value == pytest.approx(dual.bound(prices), rel=2e-6)
        split = max(split, vertex.split)
    assert split >= 2  # or nothing was tried


# Every choice of offers and whole caps, by formulas of the test's own.


def small_batch(seed, n, rows):
    """Make two offers of surges with few useful caps, and the states of each query by hand."""
    rng = np.random.default_rng([seed, 6])
    caps = np.arange(1.0, 41.0)
    offers, options = [], []
    for k in range(2):
        tau, width = rng.integers(2, 20, n) * 1.0, rng.integers(3, 20, n) * 1.0
        height, cost = rng.uniform(0.1, 1.0, n), (0.3, 1.0)[k]
        fixed = rng.uniform(0, 3, n)
        curves = ShiftedSurge.from_height(tau, height, width)
        offers.append(Offer(f"offer {k}", curves, rate={"money": cost}, fixed={"money": fixed}))
        y = np.clip((caps - tau[:, None]) / width[:, None], 0.0, 1.0)
        value = height[:, None] * y * np.exp(1.0 - y)
        # Break-even: the tangent from the origin, x^2 + tau x - tau width = 0.
        tangent = tau + 0.5 * (np.sqrt(tau**2 + 4 * tau * width) - tau)
        counts = caps >= np.minimum(np.ceil(tangent), tau + width)[:, None]
        granted = np.minimum(caps, (tau + width)[:, None])
        money = cost * caps + fixed[:, None]
        options.append(np.stack([value, np.tile(caps, (n, 1)), money, granted, 1.0 * counts]))
    idle = np.zeros((5, n, 1))
    return offers, np.concatenate([idle, *options], axis=2), rows(rng, n)


def best_by_trying_all(options, rows):
    """Give the best value over all combinations of the queries' states."""
    n = options.shape[1]
    best = -np.inf
    for first in range(options.shape[2]) if n == 3 else [None]:
        table = options[:, n - 2, :, None] + options[:, n - 1, None, :]
        parts = [options[:, n - 2, :, None] + 0 * table, options[:, n - 1, None, :] + 0 * table]
        if first is not None:
            parts = [options[:, 0, first, None, None] + 0 * table, *parts]
        fits = np.ones(table.shape[1:], dtype=bool)
        for row in rows:
            group = range(n) if row.group is None else row.group
            of = [parts[query] for query in group]
            if isinstance(row, Limit):
                fits &= sum(part[1 if row.resource == "tokens" else 2] for part in of) <= row.amount
            elif isinstance(row, Guarantee):
                fits &= sum(part[3] for part in of) >= row.amount - 1e-9
            else:
                fits &= sum(part[4] for part in of) >= row.share * len(of) - 1e-9
        if fits.any():
            best = max(best, sum(part[0] for part in parts)[fits].max())
    return best


def two_limits(rng, n):
    return [Limit(int(rng.integers(10, 25 * n))), Limit(rng.uniform(5, 15 * n), "money")]


def limit_and_guarantee(rng, n):
    return [
        Limit(int(rng.integers(20, 22 * n))),
        Guarantee(int(rng.integers(5, 18)), group=[n - 1], name="granted"),
    ]


def limits_and_share(rng, n):
    return [*two_limits(rng, n), FundedShare(0.5, group=[0, 1], name="share")]


@many_solves
@pytest.mark.parametrize("rows", [two_limits, limit_and_guarantee, limits_and_share])
@pytest.mark.parametrize("n", [2, 3])
def test_no_combination_is_worth_more_than_the_bound_nor_much_more_than_the_answer(n, rows):
    feasible = 0
    for seed in range(4 if n == 2 else 3):
        offers, options, constraints = small_batch(seed, n, rows)
        best = best_by_trying_all(options, constraints)
        answers = [solve(Program(offers, constraints), name, throw=False) for name in NAMES]
        for answer in answers:
            if np.isfinite(best):
                assert answer.dual_bound >= best - 1e-9
                assert answer.expected_utility <= best + 1e-9
                assert answer.expected_utility >= 0.96 * best, (seed, answer.expected_utility, best)
            else:
                assert not answer.status.ok
        feasible += np.isfinite(best)
    assert feasible >= 2


NAMES = ("dual", "conic")


# What must hold whatever the answer.


def bound_of(program):
    dual = LagrangianDual.of(program)
    return dual.bound(coupled_prices(dual).prices)


@many_solves
@properties
@given(SEEDS)
def test_every_row_is_kept(seed):
    program = random_program(seed=seed, n=SIZES[seed % 3])
    assert_kept(program, solve(program))


@many_solves
@properties
@given(SEEDS)
def test_the_order_of_queries_does_not_matter(seed):
    program = random_program(seed=seed, n=SIZES[seed % 2], families=CONIC)
    order = np.random.default_rng(seed).permutation(len(program))
    offers = [
        replace(
            offer,
            curves=offer.curves.take(order),
            rate={key: rate[order] for key, rate in offer.rate.items()},
            fixed={key: cost[order] for key, cost in offer.fixed.items()},
            ceiling=offer.ceiling[order],
            available=offer.available[order],
        )
        for offer in program.offers
    ]
    rows = [
        row if row.group is None else replace(row, group=row.group[order])
        for row in program.constraints
    ]
    own = {name: getattr(program, name)[order] for name in ("floor", "ceiling", "weight", "pinned")}
    there, back = solve(program), solve(Program(offers, rows, **own))
    assert back.dual_bound == pytest.approx(there.dual_bound, rel=1e-8)
    assert back.expected_utility == pytest.approx(there.expected_utility, rel=1e-2)


@many_solves
@properties
@given(SEEDS)
def test_units_of_money_and_tokens_are_the_users_own(seed):
    program = random_program(seed=seed, n=SIZES[seed % 2], families=("surge", "quadratic"))
    cents, stretch = 100.0, 8
    offers = [
        Offer(
            offer.name,
            type(offer.curves)(
                offer.curves.tau * stretch,
                offer.curves.alpha / stretch,
                offer.curves.beta / stretch,
            ),
            rate={"money": offer.rate["money"] * cents / stretch},
            fixed={
                key: cost * (stretch if key == "tokens" else cents)
                for key, cost in offer.fixed.items()
            },
        )
        for offer in program.offers
    ]
    unit = [
        1.0 if isinstance(row, FundedShare) else stretch if row.resource == "tokens" else cents
        for row in program.constraints
    ]
    rows = [
        row if isinstance(row, FundedShare) else replace(row, amount=row.amount * by)
        for row, by in zip(program.constraints, unit, strict=True)
    ]
    other = Program(
        offers,
        rows,
        floor=program.floor * stretch,
        ceiling=program.ceiling * stretch,
        weight=program.weight,
        pinned=program.pinned,
        block=stretch,
    )
    there, back = solve(program), solve(other)
    assert back.dual_bound == pytest.approx(there.dual_bound, rel=1e-8)
    # Prices in the new units are as good as the old ones in theirs.
    prices = np.array([back.prices[row.name] for row in rows]) * unit
    assert LagrangianDual.of(program).bound(prices) == pytest.approx(there.dual_bound, rel=1e-8)


@many_solves
@properties
@given(SEEDS)
def test_relaxing_a_row_gains_its_price_or_less_and_tightening_costs_it_or_more(seed):
    program = random_program(seed=seed, n=SIZES[seed % 3], families=CONIC)
    dual = LagrangianDual.of(program)
    prices = coupled_prices(dual).prices
    bound = dual.bound(prices)
    index = seed % len(program.constraints)
    row = program.constraints[index]
    if isinstance(row, FundedShare):
        return
    size, sign = max(row.amount, 1.0), 1 if isinstance(row, Limit) else -1
    slack = 2e-9 * bound
    bounds = {}
    for share in (1e-3, -1e-3):
        rows = list(program.constraints)
        rows[index] = replace(row, amount=max(row.amount + sign * share * size, 0.0))
        bounds[share] = bound_of(replace(program, constraints=rows))
    price = prices[index]
    gain = bounds[1e-3] - bound
    assert -slack <= gain <= price * 1e-3 * size + slack
    if row.amount > 2e-3 * size:  # else the amount was cut at zero
        loss = bound - bounds[-1e-3]
        assert loss >= price * 1e-3 * size - slack - 1e-6 * price * size


@many_solves
def test_prices_are_slopes_of_the_bound_where_it_is_smooth():
    checked = 0
    for seed in range(4):
        program = random_program(seed=[seed, 7], n=100, families=["surge"], smooth=True)
        dual = LagrangianDual.of(program)
        prices = coupled_prices(dual).prices
        bound = dual.bound(prices)
        for index, row in enumerate(program.constraints):
            step = 1e-5 * row.amount
            either = []
            for move in (step, -step):
                rows = list(program.constraints)
                rows[index] = replace(row, amount=row.amount + move)
                either.append(bound_of(replace(program, constraints=rows)))
            slope = (either[0] - either[1]) / (2 * step) * (1 if isinstance(row, Limit) else -1)
            bend = abs(either[0] + either[1] - 2 * bound)
            price = prices[index]
            if price > 0 and bend <= 1e-3 * price * step:
                assert slope == pytest.approx(price, rel=2e-3)
                checked += 1
    assert checked >= 2


# The conic solver and programs.


def surges(n, scale=1.0):
    rng = np.random.default_rng(n)
    return ShiftedSurge.from_height(
        rng.uniform(20, 200, n), scale * rng.uniform(0.2, 1, n), rng.uniform(20, 150, n)
    )


@pytest.mark.parametrize("family", [Hill, Logistic])
def test_families_without_a_convex_program_are_named_with_the_remedy(family):
    curves = family(np.full(3, 80.0), np.full(3, 4.0), np.full(3, 0.9))
    offers = [Offer("small", surges(3)), Offer("large", curves, rate={"money": 1.0})]
    program = Program(offers, [Limit(300), Limit(500, "money")])
    with pytest.raises(InvalidInputError, match=f"'large': {family.__name__} .* use solver='dual'"):
        solve(program, "conic")
    with pytest.raises(InvalidInputError, match=family.__name__):
        cross_check(program)
    assert choose_solver(program).solver.name == "dual"
    assert solve(program).status.ok


def test_a_program_of_one_row_is_solved_as_the_problem_it_stands_for():
    curves = Hill(np.full(3, 80.0), np.full(3, 4.0), np.array([0.9, 0.6, 0.3]))
    program = Program(Offer("only", curves), Limit(300, name="all"))
    check = cross_check(program)
    assert check.agrees()
    assert check.unique
    assert solve(program, "conic").prices.keys() == check.conic.prices.keys() == {"all"}
    plain = ConicSolver().solve(AllocationProblem(curves, 300))
    assert (check.conic.tokens == plain.tokens).all()


def test_offers_of_different_families_in_one_program():
    n = 12
    rng = np.random.default_rng(2)
    parabola = Quadratic.from_height(rng.uniform(50, 90, n), 0.9, rng.uniform(30, 90, n))
    offers = [Offer("a", surges(n, 0.6)), Offer("b", parabola, rate={"money": 0.2})]
    rows = [Limit(900), Limit(40, "money"), Guarantee(200, group=[0, 1, 2], name="three")]
    check = cross_check(Program(offers, rows, floor=5, ceiling=150))
    assert check.agrees(1e-8, 1e-5)
    assert min(check.dual.prices.values()) > 0
    assert {"a", "b"} <= set(check.conic.offered)
    text = check.summary()
    assert "price of three" in text
    assert "not unique" not in text


def test_queries_that_are_funded_for_a_share_get_no_less_than_break_even():
    # Without the least rise, the convex program would fund them at their thresholds, too cheaply.
    curves = ShiftedSurge.from_height([50.0] * 4, [0.9, 0.8, 0.01, 0.01], [100.0] * 4)
    rows = [Limit(420), FundedShare(1.0, group=[2, 3], name="all of C")]
    check = cross_check(Program(Offer("only", curves), rows))
    assert check.agrees(1e-8, 1e-5)
    assert check.dual.prices["all of C"] > 0
    tangent = 50 + 0.5 * (np.sqrt(50**2 + 4 * 50 * 100) - 50)
    assert (check.conic.tokens[2:] >= tangent).all()


@pytest.mark.parametrize("bound", ["normal", "bernstein"])
def test_limits_that_hold_with_a_probability(bound):
    rng, n = np.random.default_rng(4), 80
    offers = [
        Offer(
            name,
            surges(n, scale),
            rate={"money": rate},
            lengths=LogNormalLengths(rng.uniform(60, 200, n), rng.uniform(0.2, 0.6, n)),
        )
        for name, scale, rate in (("small", 0.5, 0.1), ("large", 1.0, 0.5))
    ]
    rows = [Limit(6000), Limit(1500, "money"), Guarantee(1000, group=range(10), name="ten")]
    program = Program(offers, rows, basis="expected", overrun_probability=0.05, overrun_bound=bound)
    check = cross_check(program)
    assert check.agrees(1e-6, 1e-3)
    assert min(check.conic.rows[0].reserve, check.dual.rows[0].reserve) > 0
    own = solve(program, "conic")
    assert own.dual_bound == pytest.approx(check.dual.dual_bound, rel=1e-3)


def test_prices_that_are_not_unique_are_told_and_no_difference():
    # Two limits on the same thing: any mixture of their prices is as good.
    program = Program(Offer("only", surges(30)), [Limit(1500), Limit(1500, name="again")])
    check = cross_check(program)
    assert check.agrees()
    assert check.flat
    both = sum(check.dual.prices.values()), sum(check.conic.prices.values())
    assert both[0] == pytest.approx(both[1], rel=1e-5)
    skewed = np.add(list(check.dual.prices.values()), [both[0] / 5, -both[0] / 5])
    rows = [replace(row, price=price) for row, price in zip(check.dual.rows, skewed, strict=True)]
    conic = replace(check.conic, certificate=replace(check.conic.certificate, rows=tuple(rows)))
    other = replace(check, conic=conic)
    assert other.price_difference > 0.1
    assert other.agrees()
    assert "prices are not unique" in other.summary()
    assert not replace(other, bound_between=1.1 * check.dual.dual_bound).agrees()


def test_nothing_to_do_and_nothing_that_can_be_done():
    nobody = Program([Offer("a", surges(0)), Offer("b", surges(0))], [Limit(10)])
    answer = ConicSolver().solve(nobody)
    assert (answer.status, answer.solver) == (Status.EMPTY, "conic")
    assert cross_check(nobody).agrees()
    offers = [Offer("a", surges(4)), Offer("b", surges(4))]
    impossible = Program(offers, [Limit(10), Guarantee(300, group=[0, 1], name="two")])
    for call in (cross_check, ConicSolver().solve, DualSolver().solve):
        with pytest.raises(InfeasibleError, match="two"):
            call(impossible)
    answer = ConicSolver().solve(impossible, throw=False)
    assert (answer.status, answer.solver) == (Status.INFEASIBLE, "conic")


def test_a_backend_that_fails_is_told(monkeypatch):
    monkeypatch.setattr(conic_program, "_run", lambda *_: False)
    program = Program([Offer("a", surges(6)), Offer("b", surges(6))], [Limit(400)])
    with pytest.raises(SolverError, match="try the other solver"):
        ConicSolver().solve(program)
    answer = ConicSolver().solve(program, throw=False)
    assert answer.status is Status.NOT_CONVERGED
    assert answer.spent <= 400
    assert answer.dual_bound >= solve(program).expected_utility


def test_another_backend_gives_the_same_prices():
    program = Program(Offer("only", surges(5)), [Limit(500), Limit(250, group=[0, 1], name="two")])
    clarabel = solve(program, "conic")
    scs = conic_program.relax_program(LagrangianDual.of(program), "SCS")
    assert scs.value == pytest.approx(clarabel.dual_bound, rel=1e-2)


def test_random_programs_are_the_same_for_the_same_seed():
    one, other = random_program(seed=8, n=9), random_program(seed=8, n=9)
    assert repr(one) == repr(other)
    assert (one.weight == other.weight).all()
    assert len(random_program(seed=8)) >= 3
    with pytest.raises(InvalidInputError, match="families"):
        random_program(seed=0, families=["cubic"])


def test_tokens_past_a_peak_within_a_block_grant_nothing():
    # The last two have their peaks at 30.5 and 20.5, so caps at 35 and 25 pass them. Did the
    # tokens past a peak count for the guarantee, an answer could be worth more than the bound.
    curves = ShiftedSurge.from_height([40.0, 20.0, 15.0], [0.9, 0.02, 0.5], [20.5, 10.5, 5.5])
    rows = [Limit(2.2, "money"), Guarantee(45, group=[1, 2], name="granted")]
    program = Program(Offer("only", curves, fixed={"money": 1.0}), rows, block=5)
    answer = solve(program)
    assert answer.tokens.tolist() == [0, 35, 25]
    assert answer.rows[1].used == 51
    prices = np.array([answer.prices[row.name] for row in rows])
    assert prices[1] > 0
    assert answer.dual_bound == pytest.approx(LagrangianDual.of(program).bound(prices), rel=1e-9)

"""Programs: offers, several constraints, two bases. Truths are dense grids and plain arithmetic."""

import numpy as np
import pytest
from scipy.optimize import minimize_scalar

from clear_opt import (
    AllocationProblem,
    FundedShare,
    Guarantee,
    InvalidInputError,
    Limit,
    LogNormalLengths,
    MixedLengths,
    Offer,
    Program,
    Reason,
    ShiftedSurge,
    Status,
    TabularCurve,
    find_conflict,
    per_tenant,
    solve,
)
from clear_opt.envelopes.spend_frontier import cap_grid, spend_points
from clear_opt.solvers.program import LagrangianDual


def surges(rng, n, height=1.0):
    return ShiftedSurge.from_height(
        rng.uniform(20, 300, n), height * rng.uniform(0.05, 1, n), rng.uniform(20, 200, n)
    )


def lengths_of(rng, n):
    median = rng.uniform(50, 300, n)
    return MixedLengths(
        rng.uniform(0.1, 0.9, n),
        LogNormalLengths(median, rng.uniform(0.1, 0.5, n)),
        LogNormalLengths(1.4 * median, rng.uniform(0.3, 0.8, n)),
    )


def offers_of(rng, n, count):
    return [
        Offer(
            f"offer {k}",
            surges(rng, n, (k + 1) / count),
            rate={"cents": 0.1 * 4.0**k},
            fixed={"cents": rng.uniform(0, 5, n)},
            lengths=lengths_of(rng, n),
        )
        for k in range(count)
    ]


def least_bound(cost, value, budget):
    """Minimise the dual bound over one price, by the points each query may take, (n, points)."""

    def bound(log_price):
        price = np.exp(log_price)
        return price * budget + np.maximum((value - price * cost).max(axis=1), 0.0).sum()

    grid = np.linspace(-25, 2, 400)
    best = grid[np.argmin([bound(x) for x in grid])]
    found = minimize_scalar(bound, bounds=(best - 0.1, best + 0.1), options={"xatol": 1e-12})
    return min(float(found.fun), bound(best)), float(np.exp(found.x))


def test_a_program_of_one_offer_and_one_limit_is_the_problem_it_stands_for():
    curves = surges(np.random.default_rng(0), 60)
    plain = solve(AllocationProblem(curves, 4000, floor=5, ceiling=250, weight=2.0, block=5))
    program = Program(
        Offer("only", curves), Limit(4000, name="all"), floor=5, ceiling=250, weight=2.0, block=5
    )
    answer = solve(program)
    assert (answer.tokens == plain.tokens).all()
    assert answer.prices == {"all": plain.price}
    assert set(answer.offered) == {"only"}
    assert answer.dual_bound == plain.dual_bound


def test_the_path_to_several_prices_finds_the_one_price_too():
    curves = surges(np.random.default_rng(1), 80)
    plain = solve(AllocationProblem(curves, 6000))
    # A second limit that cannot bind makes it a program of two rows.
    answer = solve(Program(Offer("only", curves), [Limit(6000), Limit(1e9, name="far")]))
    assert answer.price == pytest.approx(plain.price, rel=1e-6)
    assert answer.dual_bound == pytest.approx(plain.dual_bound, rel=1e-9)
    assert answer.prices["far"] == 0
    assert answer.expected_utility == pytest.approx(plain.expected_utility, rel=2e-3)


@pytest.mark.parametrize("count", [2, 3])
def test_routing_reaches_the_bound_of_a_dense_grid_of_caps_and_models(count):
    rng = np.random.default_rng(count)
    n, budget = 50, 700.0
    offers = offers_of(rng, n, count)
    caps = np.linspace(1, 600, 6000)
    cost, value = [], []
    for offer in offers:
        cost.append(offer.rate["cents"][:, None] * caps + offer.fixed["cents"][:, None])
        value.append(np.stack([offer.curves.value(cap) for cap in caps], axis=1))
    bound, price = least_bound(np.hstack(cost), np.hstack(value), budget)
    answer = solve(Program(offers, Limit(budget, "cents")))
    assert answer.dual_bound == pytest.approx(bound, rel=1e-5)
    assert answer.dual_bound >= bound * (1 - 1e-9)
    assert answer.price == pytest.approx(price, rel=1e-3)
    assert answer.relative_gap < 0.01
    spent = sum(
        offers[k].rate["cents"][i] * answer.tokens[i] + offers[k].fixed["cents"][i]
        for i, k in enumerate(answer.offer_codes)
        if k >= 0
    )
    assert spent <= budget
    assert answer.rows[0].used == pytest.approx(spent)


def test_expected_spend_reaches_the_bound_of_its_points():
    rng = np.random.default_rng(5)
    n, budget = 60, 2500.0
    curves, lengths = surges(rng, n), lengths_of(rng, n)
    points = spend_points(curves, lengths, cap_grid(curves, lengths))
    bound, price = least_bound(points.spend, points.utility, budget)
    answer = solve(Program(Offer("m", curves, lengths=lengths), Limit(budget), basis="expected"))
    assert answer.dual_bound == pytest.approx(bound, rel=1e-9)
    assert answer.price == pytest.approx(price, rel=1e-3)
    spend = lengths.expected_spend(answer.tokens)
    assert answer.spend == pytest.approx(spend)
    assert answer.expected_spend <= budget < answer.spent
    assert answer.relative_gap < 0.01
    table = answer.to_table()
    assert table.column("expected_tokens").to_pylist() == pytest.approx(list(spend))


def test_expected_spend_is_worth_more_than_reserving_at_the_same_budget():
    rng = np.random.default_rng(6)
    offer = Offer("m", surges(rng, 100), lengths=lengths_of(rng, 100))
    reserved = solve(Program(offer, Limit(5000)))
    expected = solve(Program(offer, Limit(5000), basis="expected"))
    assert expected.expected_utility > reserved.expected_utility * 1.05


@pytest.mark.parametrize(("bound", "most"), [("normal", 0.07), ("bernstein", 0.05)])
def test_a_limit_on_expected_spend_holds_with_the_probability_asked_for(bound, most):
    rng = np.random.default_rng(7)
    n = 200
    curves, lengths = surges(rng, n), lengths_of(rng, n)
    program = Program(
        Offer("m", curves, lengths=lengths),
        Limit(8000),
        basis="expected",
        overrun_probability=0.05,
        overrun_bound=bound,
    )
    answer = solve(program)
    row = answer.rows[0]
    assert 0 < row.reserve < 8000
    assert row.used == pytest.approx(answer.expected_spend + row.reserve)
    assert row.used <= 8000
    first = rng.random((4000, n)) < lengths.probability
    one, other = (
        family.median * np.exp(family.sigma * rng.standard_normal((4000, n)))
        for family in (lengths.one, lengths.other)
    )
    realised = np.minimum(np.where(first, one, other), answer.tokens).sum(axis=1)
    assert np.mean(realised > 8000) <= most
    # A margin of this kind gives little away: the batch comes near its limit.
    assert np.quantile(realised, 0.95) > (0.98 if bound == "normal" else 0.8) * 8000


def test_an_error_that_all_spend_shares_is_kept_back_too():
    rng = np.random.default_rng(15)
    n = 200
    offer = Offer("m", surges(rng, n), lengths=lengths_of(rng, n))
    sure, unsure = (
        solve(
            Program(
                offer,
                Limit(8000),
                basis="expected",
                overrun_probability=0.05,
                spend_error=error,
            )
        )
        for error in (0.0, 0.05)
    )
    variance = offer.lengths.spend_variance(unsure.tokens).sum()
    margin = 1.6449 * (np.sqrt(variance) + 0.05 * 8000)
    assert unsure.rows[0].reserve == pytest.approx(margin, rel=0.01)
    assert unsure.expected_spend <= 8000 - margin * (1 - 1e-4) < sure.expected_spend


@pytest.mark.parametrize("bound", ["normal", "bernstein"])
def test_raising_a_limit_as_told_makes_room_for_the_error_that_grows_with_it(bound):
    rng = np.random.default_rng(15)
    offer = Offer("m", surges(rng, 20), lengths=lengths_of(rng, 20))

    def program(amount, error):
        return Program(
            offer,
            Limit(amount),
            floor=30,
            basis="expected",
            overrun_probability=0.05,
            overrun_bound=bound,
            spend_error=error,
        )

    told = str(find_conflict(program(400, 0.2)))
    amount = float(told.split("raise 'tokens' to ")[1].split()[0].replace(",", ""))
    assert find_conflict(program(amount, 0.2)) is None
    assert find_conflict(program(0.98 * amount, 0.2)) is not None
    assert "lower spend_error = 0.7" in str(find_conflict(program(1e6, 0.7)))


def test_every_price_is_what_relaxing_its_row_by_one_unit_gains():
    rng = np.random.default_rng(8)
    n = 300
    offers = offers_of(rng, n, 2)
    tenant = np.where(np.arange(n) < 100, "a", "b")

    def program(**change):
        amounts = {"cents": 2000.0, "tokens": 17_000.0, "b": 12_000.0, "a": 6_000.0, **change}
        return Program(
            offers,
            [
                Limit(amounts["cents"], "cents"),
                Limit(amounts["tokens"]),
                Limit(amounts["b"], group=tenant == "b", name="b"),
                Guarantee(amounts["a"], group=tenant == "a", name="a"),
            ],
        )

    answer = solve(program())
    assert answer.price == answer.prices["cents"]
    for name, sign in (("cents", 1), ("tokens", 1), ("b", 1), ("a", -1)):
        step = 1e-3 * next(row.amount for row in answer.rows if row.name == name)
        here = next(row.amount for row in answer.rows if row.name == name)
        up, down = (solve(program(**{name: here + move})).dual_bound for move in (step, -step))
        slope = sign * (up - down) / (2 * step)
        assert answer.prices[name] == pytest.approx(slope, rel=0.05, abs=1e-7)
        assert answer.prices[name] >= 0
    # Not all of this can be idle, or the test would compare zeros.
    assert sum(price > 0 for price in answer.prices.values()) >= 2


def test_tenants_get_what_is_guaranteed_and_no_more_than_their_budget():
    rng = np.random.default_rng(9)
    n = 120
    # The queries of "poor" pay so little that without a guarantee they would get nothing.
    poor = np.arange(n) < 40
    curves = surges(rng, n)
    curves = ShiftedSurge.from_height(
        curves.tau, np.where(poor, 0.02, 1.0) * curves.height, 1.0 / curves.beta
    )
    tenant = np.where(poor, "poor", "rich")
    bare = solve(Program(Offer("m", curves), Limit(6000)))
    assert bare.tokens[poor].sum() == 0
    rules = per_tenant(tenant, budget={"rich": 4500}, guarantee={"poor": 900})
    answer = solve(Program(Offer("m", curves), [Limit(6000), *rules]))
    assert answer.tokens[poor].sum() >= 900
    assert answer.tokens[~poor].sum() <= 4500
    assert answer.spent <= 6000
    text = answer.summary()
    assert "rich's tokens bind: one more token is worth" in text


def test_a_guarantee_beyond_what_a_group_can_use_asks_for_what_it_can_use():
    curves = ShiftedSurge.from_height([50.0, 50.0, 50.0], 0.9, 50.0)
    asks = [Limit(250), Guarantee(10_000, group=[2], name="much")]
    answer = solve(Program(Offer("m", curves), asks))
    row = answer.rows[1]
    assert (row.amount, row.used) == (100, 100)
    assert answer.tokens[2] == 100


def test_shares_and_pins_fund_what_would_not_pay():
    rng = np.random.default_rng(10)
    n = 60
    curves = surges(rng, n)
    price = AllocationProblem(curves, 1).envelope.abandonment_price
    worst = np.argsort(price)[:10]
    asks = [Limit(5000), FundedShare(0.5, worst, "worst")]
    answer = solve(Program(Offer("m", curves), asks, pinned=worst[:2]))
    entry = np.ceil(curves.tangent(np.zeros(n)))
    assert (answer.tokens[worst] >= entry[worst]).sum() == 5
    assert (answer.tokens[worst[:2]] >= entry[worst[:2]]).all()
    assert answer.spent <= 5000
    assert answer.prices["worst"] > 0
    assert answer.reason_codes[worst[0]] == Reason.OBLIGED
    assert "because a constraint asks for it" in answer.reasons[worst[0]]


def test_offers_keep_their_own_ceilings_and_availability():
    n = 6
    short = Offer("short", ShiftedSurge.from_height([40.0] * n, 0.5, 40.0), ceiling=60)
    long = Offer(
        "long",
        ShiftedSurge.from_height([100.0] * n, 0.9, 100.0),
        available=[True, True, False, False, False, False],
    )
    answer = solve(Program([short, long], Limit(10_000)))
    assert answer.offered == ("long", "long", "short", "short", "short", "short")
    assert answer.tokens.tolist() == [200, 200, 60, 60, 60, 60]
    assert answer.status is Status.BUDGET_SLACK


def test_floors_are_paid_by_one_of_the_offers():
    rng = np.random.default_rng(11)
    n = 40
    offers = offers_of(rng, n, 2)
    program = Program(offers, [Limit(400, "cents"), Limit(4000)], floor=30)
    answer = solve(program)
    assert (answer.tokens >= 30).all()
    assert None not in answer.offered
    for row in answer.rows:
        assert row.used <= row.amount


def test_tabular_curves_take_part_in_programs():
    values = [[0.1, 0.3, 0.3], [0.0, 0.1, 0.9], [0.2, 0.2, 0.4]]
    curves = TabularCurve([50, 100, 200], values)
    other = ShiftedSurge.from_height([30.0, 500.0, 90.0], 0.2, 30.0)
    asks = [Limit(260), Limit(1e6, name="far")]
    answer = solve(Program([Offer("table", curves), Offer("surge", other)], asks))
    # Of 260 tokens: 200 for the second query; the others share 60, the first by its surge.
    caps = np.arange(61.0)
    first = np.maximum(0.1 * np.minimum(caps, 50) / 50, _surge(caps, 30.0))
    third = np.minimum(0.2 * caps / 50, 0.2)
    best = int(np.argmax(first + third[::-1]))
    assert answer.tokens.tolist() == [best, 200, 60 - best]
    assert answer.offered == ("surge", "table", "table")
    assert answer.expected_utility == pytest.approx(0.9 + first[best] + third[60 - best], abs=1e-9)


def _surge(caps, tau, height=0.2, width=30.0):
    y = np.clip((caps - tau) / width, 0.0, 1.0)
    return height * y * np.exp(1.0 - y)


def test_weights_scale_values_and_prices():
    rng = np.random.default_rng(12)
    offers = offers_of(rng, 50, 2)
    asks = [Limit(500, "cents"), Limit(5000)]
    once, twice = (solve(Program(offers, asks, weight=weight)) for weight in (1.0, 3.0))
    assert twice.dual_bound == pytest.approx(3 * once.dual_bound, rel=1e-8)
    for name, price in once.prices.items():
        assert twice.prices[name] == pytest.approx(3 * price, rel=1e-6)


def test_another_budget_starts_from_the_same_lanes():
    rng = np.random.default_rng(13)
    program = Program(offers_of(rng, 40, 2), [Limit(500, "cents"), Limit(4000)])
    dual = LagrangianDual.of(program)
    other = dual.with_budget(300)
    assert other.compiled.choice_sets.unlimited is dual.compiled.choice_sets.unlimited
    assert other.program.budget.amount == 300
    fresh = Program(program.offers, [Limit(300, "cents"), Limit(4000)])
    assert solve(other.program).expected_utility == solve(fresh).expected_utility


def test_a_batch_without_queries_has_nothing_to_do():
    none = ShiftedSurge([], [], [])
    answer = solve(Program([Offer("a", none), Offer("b", none)], Limit(10)))
    assert answer.status is Status.EMPTY
    assert len(answer) == 0


def test_repr_and_table_name_what_matters():
    rng = np.random.default_rng(14)
    program = Program(offers_of(rng, 30, 2), [Limit(300, "cents"), Limit(3000)])
    assert repr(program) == (
        "Program(n=30, offers=[offer 0, offer 1], Limit(300 cents, 'cents'), "
        "Limit(3000 tokens, 'tokens'), basis='reserved')"
    )
    answer = solve(program)
    assert answer.to_table().column("offer").to_pylist() == list(answer.offered)
    for index in np.flatnonzero(answer.funded):
        assert answer.reasons[index].startswith(str(answer.offered[index]))


CURVES = ShiftedSurge.from_height([50.0, 60.0], 0.5, 40.0)
ONE = Offer("one", CURVES)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Offer("", CURVES), "offer"),
        (lambda: Offer("a", CURVES, rate={"tokens": 2}), "always 1 token"),
        (lambda: Offer("a", CURVES, rate={"cents": [1, -2]}), "row 1"),
        (lambda: Offer("a", CURVES, lengths=LogNormalLengths([5.0], 0.3)), "1 entries for 2"),
        (lambda: Limit(-1), "limit = -1"),
        (lambda: Limit(np.nan), "must be a number >= 0"),
        (lambda: FundedShare(1.2), "share = 1.2"),
        (lambda: per_tenant(["a", "b"], budget={"c": 5}), "tenant = c"),
        (lambda: Program([], Limit(5)), "offers"),
        (lambda: Program([ONE, ONE], Limit(5)), "is the name of two"),
        (lambda: Program(ONE, [FundedShare(0.5)]), "at least one Limit"),
        (lambda: Program(ONE, [Limit(5), Limit(6)]), "is the name of two"),
        (lambda: Program(ONE, Limit(5, "cents")), "is used by no offer"),
        (lambda: Program(ONE, Limit(5, group=[2])), "does not fit 2 queries"),
        (lambda: Program(ONE, Limit(5), spend_error=-1), "spend_error = -1"),
        (lambda: Program(ONE, Limit(5), basis="spent"), "'reserved', 'expected'"),
        (lambda: Program(ONE, Limit(5), basis="expected"), "has no lengths"),
        (lambda: Program(ONE, Limit(5), overrun_probability=0.1), "belongs to the expected"),
        (
            lambda: Program(
                [ONE, Offer("two", ShiftedSurge.from_height([5.0], 0.5, 4.0))], Limit(5)
            ),
            "different numbers of queries",
        ),
    ],
)
def test_what_cannot_be_meant_is_refused_by_name(make, words):
    with pytest.raises(InvalidInputError, match=words):
        make()

"""Plans: what a file says becomes a program, and what it says wrongly is named."""

import json
import re
import tomllib
from pathlib import Path

import numpy as np
import pytest

from clear_opt import (
    FundedShare,
    Guarantee,
    InvalidInputError,
    Limit,
    LogNormalLengths,
    Offer,
    Program,
    ShiftedSurge,
    solve,
)
from clear_opt.inputs import (
    Forecast,
    Plan,
    forecast,
    forecast_from_columns,
    read_plan,
    read_queries,
)
from clear_opt.io import TableError

TOML = """
basis = "expected"
overrun_probability = 0.05
overrun_bound = "bernstein"
tenant_column = "team"

[[offers]]
name = "small"
model = "m-1"
rate = { dollars = 2e-6 }
fixed = { dollars = 1e-5, tokens = 7 }
ceiling = 400

[[offers]]
name = "large"
curves = "large.csv"
rate = { dollars = 2e-5 }

[[limits]]
amount = 0.01
resource = "dollars"

[[limits]]
amount = 400
tenant = "a"
name = "team a's cap"

[[guarantees]]
amount = 300
tenant = 7

[[funded_shares]]
share = 0.5
tenant = "a"

[[funded_shares]]
share = 0.25
"""
TENANTS = ["a", "7", "a", "7", "a", "a"]


def put(folder, text, name="plan.toml"):
    path = folder / name
    path.write_text(text)
    return path


def forecasts():
    tau = np.linspace(20, 120, 6)
    small = ShiftedSurge.from_height(tau, np.linspace(0.8, 0.2, 6), tau)
    large = ShiftedSurge.from_height(1.2 * tau, 0.9, tau)
    return {
        "small": Forecast(small, LogNormalLengths(1.5 * tau, 0.4), 0.02),
        "large": Forecast(large, LogNormalLengths(1.8 * tau, 0.3), 0.05),
    }


def by_hand():
    """The program that TOML means, written out."""
    small, large = forecasts().values()
    a = np.array([tenant == "a" for tenant in TENANTS])
    return Program(
        [
            Offer(
                "small", small.curves, {"dollars": 2e-6}, {"dollars": 1e-5, "tokens": 7},
                small.lengths, 400,
            ),
            Offer("large", large.curves, {"dollars": 2e-5}, lengths=large.lengths),
        ],
        [
            Limit(0.01, "dollars"),
            Limit(400, group=a, name="team a's cap"),
            Guarantee(300, group=~a, name="7's guaranteed tokens"),
            FundedShare(0.5, a, "a's funded share"),
            FundedShare(0.25),
        ],
        basis="expected",
        overrun_probability=0.05,
        overrun_bound="bernstein",
        spend_error=0.05,
    )  # fmt: skip


def test_both_formats_say_the_same(tmp_path):
    as_json = put(tmp_path, json.dumps(tomllib.loads(TOML)), "plan.json")
    assert read_plan(as_json) == read_plan(put(tmp_path, TOML))


def test_a_file_means_the_program_written_out(tmp_path):
    plan = read_plan(put(tmp_path, TOML))
    assert plan.tenants
    made, expected = plan.program(forecasts(), TENANTS), by_hand()
    assert [row.name for row in made.constraints] == [row.name for row in expected.constraints]
    np.testing.assert_array_equal(made.members, expected.members)
    for own, meant in zip(made.offers, expected.offers, strict=True):
        assert own.name == meant.name
        np.testing.assert_array_equal(own.ceiling, meant.ceiling)
    one, other = solve(made), solve(expected)
    assert one.offered == other.offered
    np.testing.assert_array_equal(one.tokens, other.tokens)
    assert one.prices == other.prices
    assert [row.reserve for row in one.rows] == [row.reserve for row in other.rows]
    assert one.rows[0].reserve > 0
    assert sum(price > 0 for price in one.prices.values()) == 3


def test_what_every_query_may_get_comes_from_the_caller():
    plan = Plan(limits=[{"amount": 500}])
    one = {"only": Forecast(forecasts()["small"].curves)}
    made = plan.program(one, floor=13, ceiling=95, weight=[1, 2, 3, 4, 5, 6], block=10)
    assert made.floor.tolist() == [20] * 6
    assert made.ceiling.tolist() == [90] * 6
    assert made.weight.tolist() == [1, 2, 3, 4, 5, 6]
    assert solve(made).offer_names == ("only",)


def test_the_largest_spend_error_counts_unless_the_plan_names_one():
    plan = Plan(limits=[{"amount": 500}], basis="expected", overrun_probability=0.1)
    assert plan.program(forecasts()).spend_error == 0.05
    assert plan.changed(spend_error=0.0).program(forecasts()).spend_error == 0.0


def test_options_change_a_plan_and_are_checked_with_it():
    plan = Plan(limits=[{"amount": 500}], basis="expected", overrun_probability=0.1)
    assert plan.changed(overrun_probability=0.2, basis=None).overrun_probability == 0.2
    with pytest.raises(InvalidInputError, match="cannot be overrun"):
        plan.changed(basis="reserved")


def test_a_batch_may_lack_a_tenant_of_the_plan():
    plan = Plan(
        limits=[{"amount": 200}, {"amount": 5, "tenant": "z"}],
        guarantees=[{"amount": 50, "tenant": "z"}],
        funded_shares=[{"share": 0.5, "tenant": "z"}],
    )
    assert plan.tenants == ("z",)
    one = {"only": Forecast(forecasts()["small"].curves)}
    found = solve(plan.program(one, TENANTS))
    rows = [Limit(200), Limit(1e6, name="ample")]
    alone = solve(Program(Offer("only", one["only"].curves), rows))
    assert found.dual_bound == pytest.approx(alone.dual_bound, rel=1e-9)
    assert [row.used for row in found.rows[1:]] == [0, 0, 0]
    assert [row.price for row in found.rows[1:]] == [0, 0, 0]


def test_what_a_plan_lacks_is_named():
    plan = Plan(offers=[{"name": "huge"}], limits=[{"amount": 5, "tenant": "a"}])
    with pytest.raises(InvalidInputError, match=r"offer = huge: has no forecast; .* small, large"):
        plan.program(forecasts(), TENANTS)
    with pytest.raises(InvalidInputError, match="the plan names tenants"):
        Plan(limits=plan.limits).program(forecasts())
    with pytest.raises(InvalidInputError, match="at least one Limit"):
        Plan().program(forecasts())


OFFER, LIMIT = '[[offers]]\nname = "a"\n', "[[limits]]\namount = 5\n"
BAD = {
    "unknown field": ("limts = 3", ["limts", "not a field", "limits", "overrun_bound"]),
    "unknown field of an offer": (OFFER + "cost = 3", ["offers 1.cost", "not a field", "rate"]),
    "no name": (OFFER + LIMIT + "[[offers]]\nmodel = 'm'", ["offers 2.name: is missing"]),
    "blank name": ("[[offers]]\nname = ' '", ["offers 1.name = ' '", "is blank"]),
    "names twice": (OFFER + OFFER, ["two offers named 'a'", "its own name"]),
    "two sources": (OFFER + "model = 'm'\ncurves = 'c'", ["offers 1", "keep the curves"]),
    "rate of tokens": (OFFER + "rate = { tokens = 2 }", ["offers 1", "always 1"]),
    "rate no number": (OFFER + "rate = { dollars = '2' }", ["offers 1.rate.dollars = '2'"]),
    "rate below zero": (OFFER + "rate = { dollars = -2 }", ["rate.dollars = -2", "6e-7"]),
    "rate no table": (OFFER + "rate = 2", ["offers 1.rate = 2", "table of resources"]),
    "infinite amount": ("[[limits]]\namount = inf", ["limits 1.amount = inf", "finite"]),
    "no amount": ("[[limits]]\nresource = 'euros'", ["limits 1.amount: is missing", "units"]),
    "limits no list": ("limits = 3", ["limits = 3", "list of tables"]),
    "limit no table": ("limits = [3]", ["limits 1 = 3", "must be a table"]),
    "guarantee for all": ("[[guarantees]]\namount = 5", ["guarantees 1.tenant: is missing"]),
    "share above one": ("[[funded_shares]]\nshare = 1.5", ["funded_shares 1.share = 1.5"]),
    "unknown basis": ("basis = 'spent'", ["basis = 'spent'", "'reserved' counts caps"]),
    "no basis for a chance": ("overrun_probability = 0.1", ["reserved basis", "'expected'"]),
    "a chance of a half": (
        "basis = 'expected'\noverrun_probability = 0.5",
        ["overrun_probability = 0.5", "less than 0.5", "e.g. 0.01"],
    ),
    "nested without end": ("limits = " + "[" * 10_000, ["plan.toml", "nests more than 100"]),
    "key without end": (".".join("a" * 10_000) + " = 1", ["plan.toml", "nests more than 100"]),
    "beyond float64": ("[[limits]]\namount = 1e400", ["plan.toml", "beyond float64: 1e400"]),
    "beyond any product": ("[[limits]]\namount = 1e308", ["limits 1.amount = 1e+308", "1e+100"]),
    "below any product": (
        OFFER + "fixed = { c = 1e-308 }",
        ["offers 1.fixed.c = 1e-308", "must be 0, or lie between"],
    ),
    "whole number beyond": ("[[limits]]\namount = 1" + "0" * 400, ["limits 1.amount = 1"]),
    "no number": ("[[limits]]\namount = nan", ["limits 1.amount = nan", "finite"]),
    "truth": ("[[limits]]\namount = true", ["limits 1.amount = True", "number"]),
    "an error beyond sense": ("spend_error = 1e20", ["spend_error = 1e+20", "share of the spend"]),
    "no TOML": ("a = = 3", ["is not TOML", "line 1"]),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_fields_are_named_with_a_remedy(tmp_path, name):
    text, fragments = BAD[name]
    path = put(tmp_path, text)
    with pytest.raises(TableError) as caught:
        read_plan(path)
    for fragment in (str(path), *fragments):
        assert fragment in str(caught.value)


@pytest.mark.parametrize(
    ("name", "text", "fragment"),
    [
        ("plan.yaml", "limits: 3", "as .toml or .json"),
        ("plan.json", "[3]", "is no object"),
        ("plan.json", "{", "is not JSON"),
    ],
)
def test_files_that_are_no_plan(tmp_path, name, text, fragment):
    with pytest.raises(TableError, match=fragment):
        read_plan(put(tmp_path, text, name))


def test_a_plan_that_is_not_there(tmp_path):
    with pytest.raises(TableError, match="No such file"):
        read_plan(tmp_path / "plan.toml")


# --- forecasts


class Says:
    """Stands in for a predictor: its answers tell what it was asked."""

    spend_error_ = {"m-1": 0.01, "typical": 0.2}  # noqa: RUF012

    def predict(self, queries, model):
        return "surge", queries, model

    def predict_completion_curves(self, queries, model):
        return "curve", queries, model

    def predict_lengths(self, queries, model):
        return "lengths", queries, model


def test_each_basis_asks_for_what_it_needs():
    queries = ["one"]
    assert forecast(Says(), queries, "m-1") == (("surge", queries, "m-1"), None, 0.0)
    found = forecast(Says(), queries, "m-1", "expected")
    assert found == (("curve", queries, "m-1"), ("lengths", queries, "m-1"), 0.01)
    assert forecast(Says(), queries, None, "expected").spend_error == 0.2


def test_curves_are_matched_by_name(tmp_path):
    table = read_queries(
        put(
            tmp_path,
            "query_id,tau,height,width,length_median,length_spread\n"
            "a,10,0.5,5,20,0.3\nb,30,0.6,8,40,0.4\nc,50,0.7,9,60,0.5\n",
            "q.csv",
        )
    )
    found = forecast_from_columns(table, ["c", "a"])
    assert found.curves.tau.tolist() == [50, 10]
    assert found.lengths.median.tolist() == [60, 20]
    assert found.lengths.sigma.tolist() == [0.5, 0.3]
    assert forecast_from_columns(table).curves.tau.tolist() == [10, 30, 50]
    with pytest.raises(TableError, match="query_id 'z': has no curve"):
        forecast_from_columns(table, ["a", "z"])


def test_without_lengths_answers_end_with_the_rise(tmp_path):
    path = put(tmp_path, "query_id,tau,height,width\na,100,0.5,50\n", "q.csv")
    lengths = forecast_from_columns(read_queries(path)).lengths
    grid = np.linspace(0, 400, 40_001)
    y = np.clip((grid - 100) / 50, 0, 1)
    mean = np.trapezoid(1 - y * np.exp(1 - y), grid)
    assert lengths.expected_spend(np.array([400.0]))[0] == pytest.approx(mean, rel=1e-6)


def test_texts_are_no_curves(tmp_path):
    table = read_queries(put(tmp_path, "query_id,text\na,hello\n", "q.csv"))
    with pytest.raises(TableError, match="gives no curves"):
        forecast_from_columns(table)


def test_parts_of_a_batch_are_joined_in_their_order():
    one, other = forecasts().values()
    found = Forecast.joined([one, other])
    assert found.curves.tau.tolist() == [*one.curves.tau, *other.curves.tau]
    assert found.lengths.median.tolist() == [*one.lengths.median, *other.lengths.median]
    assert found.spend_error == one.spend_error
    assert Forecast.joined([Forecast(one.curves)] * 2).lengths is None


def test_the_example_of_the_docs_is_a_plan(tmp_path):
    page = Path(__file__).parents[1] / "docs" / "reference" / "cli.md"
    (example,) = re.findall(r"^```toml\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL)
    plan = read_plan(put(tmp_path, example))
    assert [offer.name for offer in plan.offers] == ["small", "large"]
    assert plan.tenants

"""Plans and expected spend on the command line: what is printed, written and refused."""

import json
import math
from types import SimpleNamespace

import numpy as np
import pytest
from scipy.stats import lognorm

from clear_opt import (
    Guarantee,
    Limit,
    LogNormalLengths,
    MixedLengths,
    Offer,
    Program,
    ShiftedSurge,
    TabularCurve,
    find_conflict,
    solve,
)
from clear_opt.io import read_records
from clear_opt.sensitivity import CheapestBudget
from tests.command_line import answer, refusal, run

# tau, height, width, length_median, length_spread and tenant of three queries, by offer.
SMALL = [(10, 0.7, 20, 25, 0.5), (30, 0.3, 30, 60, 0.5), (15, 0.6, 15, 30, 0.4)]
LARGE = [(15, 0.9, 25, 40, 0.5), (25, 0.9, 25, 50, 0.4), (20, 0.8, 20, 40, 0.4)]
TENANTS = ["a", "b", "a"]
COLUMNS = "query_id,tau,height,width,length_median,length_spread"
PLAN = """
[[offers]]
name = "small"
curves = "small.csv"
rate = { cents = 0.1 }
fixed = { cents = 1 }

[[offers]]
name = "large"
curves = "large.csv"
rate = { cents = 0.4 }
fixed = { cents = 2 }

[[limits]]
amount = 30
resource = "cents"

[[limits]]
amount = 60
tenant = "a"
"""


def words(*arguments):
    result = run(*arguments)
    assert result.exit_code == 0, result.output
    return " ".join(result.stdout.split())


def rows_of(path):
    return [record.values for record in read_records(path).rows]


@pytest.fixture
def folder(tmp_path):
    """A batch with tenants, a table of curves for each of two offers, and a plan."""
    for name, curves in (("small", SMALL), ("large", LARGE)):
        lines = [f"q{i},{','.join(map(str, values))}" for i, values in enumerate(curves)]
        # The offers' tables need not be in the batch's order.
        (tmp_path / f"{name}.csv").write_text("\n".join([COLUMNS, *reversed(lines)]))
    batch = [f"q{i},{tenant}" for i, tenant in enumerate(TENANTS)]
    (tmp_path / "batch.csv").write_text("\n".join(["query_id,tenant", *batch]))
    (tmp_path / "plan.toml").write_text(PLAN)
    return tmp_path


def value_at(curve, cap):
    tau, height, width, *_ = curve
    y = np.clip((np.asarray(cap) - tau) / width, 0.0, 1.0)
    return height * y * np.exp(1.0 - y)


def spend_at(curve, cap):
    """E min(L, cap) by quadrature of the survival function."""
    *_, median, spread = curve
    grid = np.linspace(0.0, cap, 4001)
    return np.trapezoid(lognorm.sf(grid, spread, scale=median), grid)


def best_by_brute_force(cents, tokens_of_a, most=60, block=5):
    """Best total success over every choice of offers and caps in blocks."""
    caps = np.arange(block, most + 1, block)
    value, cost, tokens = [], [], []
    for small, large in zip(SMALL, LARGE, strict=True):
        value.append(np.concatenate([[0], value_at(small, caps), value_at(large, caps)]))
        cost.append(np.concatenate([[0], 1 + 0.1 * caps, 2 + 0.4 * caps]))
        tokens.append(np.concatenate([[0], caps, caps]))
    total = np.add.outer(np.add.outer(value[0], value[1]), value[2])
    spent = np.add.outer(np.add.outer(cost[0], cost[1]), cost[2])
    of_a = np.add.outer(np.add.outer(tokens[0], 0 * tokens[1]), tokens[2])
    return total[(spent <= cents + 1e-9) & (of_a <= tokens_of_a)].max()


def test_a_plan_is_answered_within_its_limits_and_bounds_every_other_answer(folder):
    out = folder / "caps.jsonl"
    options = (folder / "batch.csv", "--plan", folder / "plan.toml", "--block", 5)
    found = answer("allocate", *options, "--out", out)
    best = best_by_brute_force(30, 60)
    assert 0.9 * best <= found["expected_utility"] <= best + 1e-9
    assert best <= found["dual_bound"] + 1e-9
    rows = rows_of(out)
    assert [row["query_id"] for row in rows] == ["q0", "q1", "q2"]
    curves = {"small": SMALL, "large": LARGE, None: SMALL}
    value = [value_at(curves[row["offer"]][i], row["max_tokens"]) for i, row in enumerate(rows)]
    assert sum(value) == pytest.approx(found["expected_utility"])
    costs = {"small": (1, 0.1), "large": (2, 0.4), None: (0, 0)}
    cents = sum(costs[r["offer"]][0] + costs[r["offer"]][1] * r["max_tokens"] for r in rows)
    limit, own = found["limits"]
    assert limit["used"] == pytest.approx(cents)
    assert cents <= 30
    assert own["used"] == rows[0]["max_tokens"] + rows[2]["max_tokens"] <= 60
    assert (limit["name"], limit["unit"], limit["amount"]) == ("cents", "cents", 30)
    assert (own["name"], own["unit"], own["amount"]) == ("a's tokens", "tokens", 60)
    assert limit["price"] == found["price"] > 0
    offered = [row["offer"] for row in rows]
    assert found["offers"] == {name: offered.count(name) for name in ("small", "large")}
    assert found["budget"] == 30
    assert (found["basis"], found["expected_spend"]) == ("reserved", None)


def test_the_answer_in_words_has_a_sentence_for_each_price(folder):
    shown = words("allocate", folder / "batch.csv", "--plan", folder / "plan.toml")
    for fragment in (
        "budget 30 cents (10 per query)", "answered-by small", ", large", "cents bind: one more",
        "a's tokens", "no allocation within the budget",
    ):  # fmt: skip
        assert fragment in shown


def test_a_budget_of_tokens_comes_before_the_plans_limits(folder):
    options = ("allocate", folder / "batch.csv", "--plan", folder / "plan.toml")
    found = answer(*options, "--budget", 50)
    assert [row["name"] for row in found["limits"]] == ["budget", "cents", "a's tokens"]
    assert found["spent"] <= found["budget"] == 50
    (folder / "plan.toml").write_text("[[limits]]\namount = 40\n[[limits]]\namount = 9\ntenant='a'")
    assert "limit 1 of" in refusal(
        "allocate", folder / "small.csv", "--plan", folder / "plan.toml", "--budget", 50
    )


def test_a_plan_of_tenants_alone_takes_the_files_own_curves(folder):
    plan = folder / "tenants.json"
    plan.write_text(json.dumps({"guarantees": [{"amount": 30, "tenant": "b"}],
                                "tenant_column": "team"}))  # fmt: skip
    lines = (folder / "small.csv").read_text().splitlines()
    queries = folder / "queries.csv"
    teams = ["team", *reversed(TENANTS)]
    queries.write_text("\n".join(f"{line},{team}" for line, team in zip(lines, teams, strict=True)))
    out = folder / "caps.csv"
    result = run("allocate", queries, "--plan", plan, "--budget", 75, "--out", out)
    assert result.exit_code == 0, result.output
    assert "not used" not in result.stderr
    rows = rows_of(out)
    assert "offer" not in rows[0]
    caps = {row["query_id"]: int(row["max_tokens"]) for row in rows}
    assert caps["q1"] >= 30
    assert sum(caps.values()) <= 75
    assert "budget is missing" in refusal("allocate", queries, "--plan", plan)


def test_constraints_that_contradict_each_other_end_with_the_conflict(folder):
    text = PLAN.replace("amount = 60", "amount = 9")
    (folder / "plan.toml").write_text(text + "[[guarantees]]\namount = 40\ntenant = 'a'\n")
    message = refusal("allocate", folder / "batch.csv", "--plan", folder / "plan.toml")
    groups = [np.array([tenant == "a" for tenant in TENANTS])] * 2
    columns = [np.array(values, float).T for values in (SMALL, LARGE)]
    program = Program(
        [
            Offer(name, ShiftedSurge.from_height(*values[:3]), {"cents": rate}, {"cents": fixed})
            for name, values, rate, fixed in zip(
                ("small", "large"), columns, (0.1, 0.4), (1, 2), strict=True
            )
        ],
        [
            Limit(30, "cents"),
            Limit(9, group=groups[0], name="a's tokens"),
            Guarantee(40, group=groups[1], name="a's guaranteed tokens"),
        ],
    )
    assert message == f"clear-opt: infeasible: {find_conflict(program)}"


def test_weights_floors_and_ceilings_of_rows_hold_in_a_plan(folder):
    lines = (folder / "small.csv").read_text().splitlines()
    extra = ["weight,floor,ceiling", "1,,", "5,,25", "1,8,"]
    queries, out = folder / "queries.csv", folder / "caps.csv"
    queries.write_text("\n".join(map(",".join, zip(lines, extra, strict=True))))
    (folder / "plan.toml").write_text("[[limits]]\namount = 75")
    options = ("--plan", folder / "plan.toml", "--floor", 2, "--out", out)
    answer("allocate", queries, *options)
    caps = {row["query_id"]: int(row["max_tokens"]) for row in rows_of(out)}
    # Rows come in the order q2, q1, q0. q1 could reach 0.3 of its right answer, but starts beyond
    # its ceiling; q0 has a floor of its own.
    assert caps["q1"] == 2
    assert caps["q0"] >= 8
    assert caps["q2"] >= 2
    assert sum(caps.values()) <= 75
    queries.write_text(queries.read_text().replace("5,,25", "5,,"))
    weighted = answer("allocate", queries, *options)
    caps = {row["query_id"]: int(row["max_tokens"]) for row in rows_of(out)}
    value = {name: value_at(SMALL[int(name[1:])], cap) for name, cap in caps.items()}
    assert weighted["expected_utility"] == pytest.approx(
        value["q0"] + 5 * value["q1"] + value["q2"]
    )
    assert value["q1"] > 0
    assert "times their weights" in words("allocate", queries, *options)


# --- expected spend


def test_expected_spend_is_that_of_the_lengths_given(folder):
    out = folder / "caps.jsonl"
    found = answer(
        "allocate", folder / "small.csv", "--budget", 50, "--basis", "expected", "--out", out
    )
    rows = rows_of(out)
    assert "offer" not in rows[0]
    for row in rows:
        curve = SMALL[int(row["query_id"][1:])]
        assert row["expected_tokens"] == pytest.approx(
            spend_at(curve, row["max_tokens"]), rel=1e-4, abs=1e-9
        )
        assert row["expected_utility"] == pytest.approx(value_at(curve, row["max_tokens"]))
    total = sum(row["expected_tokens"] for row in rows)
    assert found["expected_spend"] == pytest.approx(total)
    assert total <= 50 < found["spent"] == sum(row["max_tokens"] for row in rows)
    assert found["limits"][0]["used"] == pytest.approx(total)
    reserved = answer("allocate", folder / "small.csv", "--budget", 50)
    assert found["expected_utility"] > reserved["expected_utility"]
    assert "basis" not in reserved


def test_caps_and_what_they_spend_stand_side_by_side(folder):
    shown = words("allocate", folder / "small.csv", "--budget", 70, "--basis", "expected")
    assert "budget 70 tokens" in shown
    assert "tokens are expected" in shown
    assert "max_tokens tokens expected reason" in shown


def test_a_chance_bound_keeps_tokens_back(folder):
    options = ("allocate", folder / "small.csv", "--budget", 90, "--basis", "expected")
    chances = (*options, "--overrun-probability", 0.05)
    found, free = answer(*chances), answer(*options)
    (limit,) = found["limits"]
    assert limit["reserve"] > 0 == free["limits"][0]["reserve"]
    assert found["expected_spend"] + limit["reserve"] == pytest.approx(limit["used"])
    assert limit["used"] <= 90
    assert found["overrun_probability"] == 0.05
    assert found["expected_utility"] < free["expected_utility"]
    result = run(*chances)
    assert "spend_error in a plan" in result.stderr or "spend_error can say" in result.stderr
    assert "5 % of the time at most" in " ".join(result.stdout.split())
    (folder / "plan.toml").write_text("spend_error = 0.1")
    more = answer(*chances, "--plan", folder / "plan.toml")
    assert more["limits"][0]["reserve"] > limit["reserve"]
    assert "spend_error" not in run(*chances, "--plan", folder / "plan.toml").stderr


def test_lengths_that_are_assumed_are_said_to_be(folder):
    bare = folder / "bare.csv"
    lines = (line.split(",")[:4] for line in (folder / "small.csv").read_text().splitlines())
    bare.write_text("\n".join(map(",".join, lines)))
    result = run("allocate", bare, "--budget", 70, "--basis", "expected", "--json")
    assert result.exit_code == 0, result.output
    assert "gives no lengths (length_median, length_spread)" in result.stderr
    given = run("allocate", folder / "small.csv", "--budget", 70, "--basis", "expected")
    assert given.stderr == ""


class Foretells:
    """Stands in for a predictor that knows SMALL and LARGE by their names."""

    columns_ = ("text",)
    range_ = SimpleNamespace(categories_={})
    spend_error_ = {"m-small": 0.03, "m-large": 0.08, "typical": 0.2}  # noqa: RUF012
    asked: list = []  # noqa: RUF012

    def _curves(self, queries, model):
        known = LARGE if model == "m-large" else SMALL
        return np.array([known[int(text)] for text in queries["text"]], float).T

    def out_of_distribution(self, queries):
        return np.zeros(len(queries), dtype=bool)

    def predict(self, queries, model=None):
        self.asked.append(("curves", model, len(queries)))
        return ShiftedSurge.from_height(*self._curves(queries, model)[:3])

    def predict_completion_curves(self, queries, model=None):
        self.asked.append(("chances", model, len(queries)))
        _, height, _, median, sigma = self._curves(queries, model)
        grid = median[:, None] * np.exp(sigma[:, None] * np.linspace(-3, 4, 30))
        return TabularCurve(grid, height[:, None] * lognorm.cdf(np.linspace(-3, 4, 30), 1)[None])

    def predict_lengths(self, queries, model=None):
        _, height, _, median, sigma = self._curves(queries, model)
        return MixedLengths(
            height, LogNormalLengths(median, sigma), LogNormalLengths(2 * median, sigma)
        )


@pytest.fixture
def texts(tmp_path, monkeypatch):
    """Three queries with texts that `Foretells` is asked about."""
    path = tmp_path / "texts.jsonl"
    rows = [{"query_id": f"q{i}", "text": str(i), "tenant": t} for i, t in enumerate(TENANTS)]
    path.write_text("\n".join(map(json.dumps, rows)))
    Foretells.asked.clear()

    def load(name, tracking_uri=None):
        Foretells.asked.append(("load", name, tracking_uri))
        return Foretells()

    monkeypatch.setattr("clear_opt.cli.forecasts.load_fitted", load)
    return path


def frame(size=3):
    import pandas as pd

    return pd.DataFrame({"text": [str(i) for i in range(size)]})


def test_texts_are_predicted_whole_and_with_what_the_predictor_has_wrong(texts):
    options = ("--budget", 90, "--basis", "expected", "--overrun-probability", 0.1)
    found = answer("allocate", texts, *options, "--model", "m-large", "--predictor", "mine")
    assert Foretells.asked == [("load", "mine", None), ("chances", "m-large", 3)]
    known = Foretells()
    offer = Offer(
        "m", known.predict_completion_curves(frame(), "m-large"),
        lengths=known.predict_lengths(frame(), "m-large"),
    )  # fmt: skip
    own = solve(
        Program(offer, Limit(90), basis="expected", overrun_probability=0.1, spend_error=0.08)
    )
    assert found["expected_utility"] == pytest.approx(own.expected_utility)
    assert found["limits"][0]["reserve"] == pytest.approx(own.rows[0].reserve)
    assert found["expected_spend"] == pytest.approx(own.expected_spend)


def test_how_little_is_known_of_a_typical_model_is_said(texts):
    options = ("allocate", texts, "--budget", 90, "--basis", "expected")
    result = run(*options, "--overrun-probability", 0.1)
    assert result.exit_code == 0, result.output
    assert "spend of a typical model is off by 20 %" in " ".join(result.stderr.split())
    assert "typical" not in run(*options).stderr
    named = run(*options, "--overrun-probability", 0.1, "--model", "m-small")
    assert "typical" not in named.stderr


def test_offers_of_models_ask_one_predictor_once(texts, folder):
    plan = folder / "models.toml"
    plan.write_text(
        "[[offers]]\nname = 's'\nmodel = 'm-small'\nrate = { cents = 0.1 }\n"
        "[[offers]]\nname = 'l'\nmodel = 'm-large'\nrate = { cents = 0.4 }\n"
        "[[offers]]\nname = 'f'\ncurves = 'small.csv'\nrate = { cents = 9 }\n"
        "[[limits]]\namount = 20\nresource = 'cents'\n"
        "[[limits]]\namount = 70\ntenant = 'a'\n"
    )
    result = run("allocate", texts, "--plan", plan, "--json", "--tracking-uri", "sqlite:///x")
    assert result.exit_code == 0, result.output
    assert result.stderr == ""
    assert Foretells.asked == [
        ("load", "zeroeval-math", "sqlite:///x"), ("curves", "m-small", 3), ("curves", "m-large", 3)
    ]  # fmt: skip
    found = json.loads(result.stdout)
    assert list(found["offers"]) == ["s", "l", "f"]
    assert "--model" in refusal("allocate", texts, "--plan", plan, "--model", "m-small")


# --- path and cheapest


def test_path_varies_the_first_limit_of_a_plan(folder):
    options = (folder / "batch.csv", "--plan", folder / "plan.toml", "--block", 5)
    found = answer("path", *options, "--budgets", "5,12.5,30")
    assert (found["unit"], found["basis"]) == ("cents", "reserved")
    assert [point["budget"] for point in found["points"]] == [5, 12.5, 30]
    for point in found["points"]:
        best = best_by_brute_force(point["budget"], 60)
        assert point["expected_utility"] <= best + 1e-9
        assert best <= point["dual_bound"] + 1e-9
    shown = words("path", *options, "--budgets", "12.5")
    assert "cents per" in shown
    assert "12.5" in shown
    assert "--points" in refusal("path", *options, "--points", 3)


def test_cheapest_asks_for_the_least_of_the_first_limit(folder, monkeypatch):
    asked = []

    def found(program, target, measure):
        asked.append((program.budget.resource, [len(program), target, measure]))
        allocation = solve(program.with_budget(13.25))
        return CheapestBudget(13.25, 12.1, allocation, target, measure, 0.5, 18)

    monkeypatch.setattr("clear_opt.sensitivity.cheapest_budget", found)
    out = folder / "caps.csv"
    options = (folder / "batch.csv", "--plan", folder / "plan.toml", "--target", 0.5, "--share")
    shown = words("cheapest", *options, "--out", out)
    assert asked == [("cents", [3, 0.5, "share"])]
    assert "budget 13.25 cents (4.417 per query)" in shown
    assert "no budget below 12.1 cents reaches it" in shown
    assert "answered-by small" in shown
    assert {row["offer"] for row in rows_of(out)} <= {"small", "large", None}


def test_path_and_cheapest_count_expected_spend(folder):
    queries = folder / "small.csv"
    point = answer("path", queries, "--basis", "expected", "--budgets", "70")["points"][0]
    alone = answer("allocate", queries, "--basis", "expected", "--budget", 70)
    assert point["dual_bound"] == pytest.approx(alone["dual_bound"], rel=1e-6)
    found = answer("cheapest", queries, "--basis", "expected", "--target", 0.4)
    assert found["allocation"]["expected_spend"] <= found["budget"]
    assert found["allocation"]["expected_utility"] >= 1.2 - 1e-9


# --- refusals

REFUSED = {
    "chance without a basis": (["--overrun-probability", 0.1], ["--basis expected"]),
    "chance of reserved caps": (
        ["--overrun-probability", 0.1, "--basis", "reserved"], ["--basis expected"]
    ),
    "chance in a reserved plan": (
        ["--overrun-probability", 0.1, "--plan", "PLAN"], ["cannot be overrun"]
    ),
    "chance of a half": (
        ["--overrun-probability", 0.5, "--basis", "expected"], ["(0, 1/2)", "e.g. 0.01"]
    ),
    "no number": (["--overrun-probability", "often"], ["--overrun-probability"]),
    "unknown basis": (["--basis", "spent"], ["--basis", "expected"]),
    "spread": (["--basis", "expected", "--leftover", "spread"], ["--leftover spread"]),
    "no plan": (["--plan", "nowhere.toml"], ["nowhere.toml", "No such file"]),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_options_that_do_not_go_together(folder, name):
    options, fragments = REFUSED[name]
    (folder / "plan.toml").write_text("")
    options = [folder / "plan.toml" if option == "PLAN" else option for option in options]
    message = refusal("allocate", folder / "small.csv", "--budget", 50, *options)
    for fragment in fragments:
        assert fragment in message


BAD_PLANS = {
    "unknown resource": ("[[limits]]\namount = 5\nresource = 'euros'", ["'euros'", "tokens"]),
    "two limits of one name": ("[[limits]]\namount = 5\n[[limits]]\namount = 6", ["name of two"]),
    "no column of tenants": (
        "tenant_column = 'team'\n[[limits]]\namount = 5\ntenant = 'a'", ["team", "tenant"]
    ),
    "curves of nowhere": (PLAN.replace("small.csv", "none.csv"), ["none.csv", "No such file"]),
    "curves of others": (PLAN.replace("small.csv", "other.csv"), ["other.csv", "'q0'", "no curve"]),
    "no limits": (PLAN[: PLAN.index("[[limits]]")], ["--budget", "has no limits"]),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD_PLANS)
def test_plans_that_do_not_fit_the_queries(folder, name):
    (folder / "other.csv").write_text(f"{COLUMNS}\nother,1,0.5,5,5,0.5")
    text, fragments = BAD_PLANS[name]
    (folder / "plan.toml").write_text(text)
    queries = folder / "batch.csv"
    if "[[offers]]" not in text:
        lines = (folder / "small.csv").read_text().splitlines()
        tenants = ["tenant", *reversed(TENANTS)]
        queries.write_text("\n".join(map(",".join, zip(lines, tenants, strict=True))))
    message = refusal("allocate", queries, "--plan", folder / "plan.toml")
    for fragment in fragments:
        assert fragment in message


def test_curves_beside_offers_that_want_predictions(folder):
    plan = folder / "models.toml"
    plan.write_text("[[offers]]\nname = 's'\nmodel = 'm-small'\n[[limits]]\namount = 50")
    assert "names a model or predictor" in refusal("allocate", folder / "small.csv", "--plan", plan)


def test_rows_about_other_queries_are_noted(folder):
    with (folder / "large.csv").open("a") as file:
        file.write("\nq9,1,0.5,5,5,0.5")
    result = run("allocate", folder / "batch.csv", "--plan", folder / "plan.toml")
    assert result.exit_code == 0, result.output
    assert "large.csv: 1 row is about no query of" in " ".join(result.stderr.split())


def test_tenants_without_a_query_are_noted(folder):
    text = PLAN + "[[guarantees]]\namount = 9\ntenant = 'zenith'\n"
    (folder / "plan.toml").write_text(text)
    result = run("allocate", folder / "batch.csv", "--plan", folder / "plan.toml")
    assert result.exit_code == 0, result.output
    assert "batch.csv belongs to zenith of the plan" in " ".join(result.stderr.split())


def test_an_empty_batch_of_a_plan(folder):
    (folder / "batch.csv").write_text("query_id,tenant\n")
    (folder / "plan.toml").write_text(
        "basis = 'expected'\n[[limits]]\namount = 50\n[[limits]]\namount = 5\ntenant = 'a'"
    )
    found = answer("allocate", folder / "batch.csv", "--plan", folder / "plan.toml")
    assert (found["status"], found["n_queries"]) == ("empty", 0)
    assert math.isclose(found["expected_spend"], 0.0)


@pytest.mark.parametrize("basis", ["reserved", "expected"])
@pytest.mark.parametrize("budget", [0, 60, 600])
def test_offers_that_give_nothing_are_answered_in_plain_json(tmp_path, basis, budget):
    queries = tmp_path / "q.csv"
    queries.write_text("query_id,tau,height,width\na,10,0.5,20\nb,0,0.3,30\n")
    plan = tmp_path / "plan.toml"
    plan.write_text(
        f"basis = '{basis}'\n[[limits]]\namount = {budget}\n[[offers]]\nname = 's'\nceiling = 0\n"
    )
    told = answer("allocate", queries, "--plan", plan, "--out", tmp_path / "out.jsonl")
    assert (told["funded"], told["spent"], told["price"], told["dual_bound"]) == (0, 0, 0, 0)
    lines = (tmp_path / "out.jsonl").read_text().splitlines()
    rows = [json.loads(line, parse_constant=pytest.fail) for line in lines]
    assert [row["max_tokens"] for row in rows] == [0, 0]

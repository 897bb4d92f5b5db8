"""Arrays that are handed over: read as real numbers, and kept as the package's own."""

import copy
import dataclasses
import pickle
from decimal import Decimal
from itertools import product

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest

from clear_opt import (
    AllocationProblem,
    FundedShare,
    Hill,
    InvalidInputError,
    Limit,
    Logistic,
    LogNormalLengths,
    MixedLengths,
    Offer,
    Program,
    Quadratic,
    ShiftedSurge,
    TabularCurve,
    TabularLengths,
    Triangular,
    UncertainCurves,
    budget_path,
    cheapest_budget,
    concave_envelope,
    cross_check,
    double_precision,
    entry_budgets,
    optimal_value,
    solve,
    what_would_fund,
)
from clear_opt._numerics.arrays import own_numbers
from clear_opt.policies import index_policy, proportional

N = 12
BUDGET = 900.0


def parameters(family):
    """Draw what a family is made from, in 32 bits, which every kind of array can hold."""
    rng = np.random.default_rng(0)
    tau, width, height = rng.uniform(50, 300, N), rng.uniform(20, 150, N), rng.uniform(0.1, 1.0, N)
    columns = {
        "hill": (tau, 1.5 + 2.0 * height, height),
        "logistic": (tau, 0.3 * width, height),
        "tabular": (np.outer(tau, [1.0, 1.2, 1.5]), np.outer(height, [0.25, 0.5, 1.0])),
        "uncertain": (np.outer(tau, [0.5, 1.0]), height[:, None], width[:, None]),
    }.get(family, (tau, height, width))
    return [column.astype(np.float32) for column in columns]


MAKERS = {
    "surge": ShiftedSurge.from_height,
    "quadratic": Quadratic.from_height,
    "triangular": Triangular.from_height,
    "hill": Hill,
    "logistic": Logistic,
    "tabular": TabularCurve,
    "uncertain": lambda tau, height, width: UncertainCurves.from_arrays(
        Triangular.from_height, tau=tau, height=height, width=width
    ).expected(),
}


def made(family, kind=np.asarray):
    return MAKERS[family](*map(kind, parameters(family)))


def wide(array):
    with double_precision():
        return jnp.asarray(array, dtype=float)


@pytest.mark.parametrize("family", MAKERS)
@pytest.mark.parametrize("kind", [jnp.asarray, wide], ids=["float32", "float64"])
def test_curves_of_jax_arrays_are_solved_as_those_of_numpy(family, kind):
    ours, theirs = made(family), made(family, kind)
    # As an optimiser leaves them: a pytree of JAX arrays that no constructor has seen.
    with double_precision():
        updated = jax.tree_util.tree_map(jnp.asarray, ours)
    expected = solve(AllocationProblem(ours, BUDGET))
    for curves in (theirs, updated):
        found = solve(AllocationProblem(curves, BUDGET))
        np.testing.assert_array_equal(found.tokens, expected.tokens)
        assert (found.price, found.dual_bound) == (expected.price, expected.dual_bound)


def test_every_question_takes_curves_of_jax_arrays():
    lengths = LogNormalLengths(np.full(N, 150.0), 0.5)
    ours = made("surge"), lengths
    theirs = jax.tree_util.tree_map(wide, ours)
    answers = []
    for curves, length in (ours, theirs):
        problem = AllocationProblem(curves, BUDGET)
        program = Program(Offer("m", curves, lengths=length), Limit(BUDGET), basis="expected")
        answers.append(
            [
                cross_check(problem).conic.tokens,
                budget_path(problem, [300, 600]).value,
                cheapest_budget(problem, 0.2).budget,
                entry_budgets(problem),
                what_would_fund(problem, 0),
                solve(program).tokens,
                proportional(problem).tokens,
                index_policy(curves, length, BUDGET),
            ]
        )
    for one, other in zip(*answers, strict=True):
        np.testing.assert_array_equal(one, other)


def test_rows_of_jax_arrays_are_taken_as_those_of_numpy():
    ours = made("surge")
    theirs = jax.tree_util.tree_map(wide, ours)
    mask = ours.tau > 100
    for rows in ([3, 0], np.array([3, 0]), mask, mask.tolist(), slice(1, 4), []):
        np.testing.assert_array_equal(theirs.take(rows).tau, ours.tau[rows])
    np.testing.assert_array_equal(ours.take(jnp.array([3, 0])).tau, ours.tau[[3, 0]])
    with pytest.raises(IndexError):
        theirs.take([N])


def surges(tau):
    return ShiftedSurge.from_height(tau, 0.5, 50.0)


HANDED_OVER = {
    "curves": lambda a: AllocationProblem(ShiftedSurge(a, 0.01, 0.01), 300),
    "pytree": lambda a: AllocationProblem(
        jax.tree_util.tree_map(lambda leaf: leaf if leaf[0] < 50 else a, surges([80.0, 90.0])), 300
    ),
    "points": lambda a: AllocationProblem(TabularCurve(a, [[0.3, 0.5]] * 2), 300),
    "floor": lambda a: AllocationProblem(surges([80.0, 90.0]), 300, floor=a),
    "ceiling": lambda a: AllocationProblem(surges([80.0, 90.0]), 300, ceiling=a),
    "weight": lambda a: AllocationProblem(surges([80.0, 90.0]), 300, weight=a),
    "offer": lambda a: Program(Offer("m", ShiftedSurge(a, 0.01, 0.01)), Limit(300)),
    "rate": lambda a: Program(Offer("m", surges([80.0, 90.0]), {"cents": a}), Limit(9e3, "cents")),
    "lengths": lambda a: Program(
        Offer("m", surges([80.0, 90.0]), lengths=LogNormalLengths(a, 0.5)),
        Limit(200),
        basis="expected",
    ),
}


@pytest.mark.parametrize("make", HANDED_OVER.values(), ids=HANDED_OVER)
def test_a_change_to_the_callers_array_does_not_reach_the_problem(make):
    expected = solve(make(np.array([100.0, 120.0])))
    mine = np.array([100.0, 120.0])
    problem = make(mine)
    mine[:] = [60.0, 61.0]
    found = solve(problem)
    np.testing.assert_array_equal(found.tokens, expected.tokens)
    assert found.dual_bound == expected.dual_bound
    assert mine.flags.writeable


def test_a_change_to_the_callers_group_does_not_reach_the_program():
    group = np.array([True, False, False])
    offer = Offer("m", surges([80.0, 90.0, 95.0]))
    program = Program(offer, [Limit(300), FundedShare(1.0, group=group)])
    group[:] = True
    np.testing.assert_array_equal(program.members[1], [True, False, False])


def test_what_a_problem_shows_cannot_be_written_to():
    curves = surges([80.0, 90.0])
    problem = AllocationProblem(curves, 150, weight=[1.0, 2.0])
    allocation = solve(problem)
    shown = [
        *jax.tree_util.tree_leaves((curves, problem.curves, curves.take([1]), problem.envelope)),
        *(problem.floor, problem.ceiling, problem.weight, problem.envelope.end),
        *(allocation.tokens, allocation.utility, allocation.abandonment_price),
    ]
    for array in shown:
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 1.0


def test_arrays_that_nobody_can_write_to_are_shared_and_one_number_stays_one():
    tau = np.array([80.0, 90.0])
    tau.flags.writeable = False
    problem = AllocationProblem(ShiftedSurge(tau, 0.01, 0.01), 150)
    assert np.shares_memory(problem.curves.tau, tau)
    assert problem.curves.alpha.strides == problem.floor.strides == (0,)
    view = np.array([80.0, 90.0])[:]  # read-only itself, but not what it looks at
    view.flags.writeable = False
    assert not np.shares_memory(own_numbers(view, "tau"), view)
    again = dataclasses.replace(problem, budget=100)
    assert again.curves is problem.curves
    assert again.floor.strides == (0,)


def test_problems_can_be_pickled_and_copied():
    program = Program(Offer("m", surges([80.0, 90.0])), Limit(150))
    for twin in (pickle.loads(pickle.dumps(program)), copy.deepcopy(program)):
        np.testing.assert_array_equal(solve(twin).tokens, solve(program).tokens)


NO_NUMBERS = {
    "masked": (np.ma.masked_array([80.0, 90.0], [0, 1]), "row 1, {}: is masked"),
    "masked entry": ([80.0, np.ma.masked], "{}: is masked"),
    "complex": (np.array([80.0, 90.0j]), "is not a number but complex"),
    "JAX's complex": (jnp.array([80.0, 90.0j]), "is not a number but complex"),
    "dates": (np.array(["2026-01-01"] * 2, "M8[D]"), "{}: holds dates"),
    "times": (pd.Series(pd.to_timedelta([1, 2], "s")), "{}: holds dates or spans of time"),
    "text": (["80", "90"], "row 0, {} = 80: is not a number but str"),
    "text among numbers": ([80.0, "90"], "row 1, {} = 90: is not a number but str"),
    "none": ([80.0, None], "row 1, {} = None: is not a number but NoneType"),
    "missing": (pd.Series([80.0, pd.NA], dtype=object), "row 1, {} = <NA>: is not a number"),
    "too large": ([80.0, 10**400], "row 1, {}: lies beyond the range of float64"),
    "ragged": ([[80.0, 90.0], [80.0]], "{}: is not a rectangular array of numbers"),
    "records": (np.zeros(2, [("a", "f8")]), "{}: is of the type"),
}
OFFER = Offer("m", surges([80.0, 90.0]))
TAKERS = {
    "tau": surges,
    "half": lambda v: Hill(v, 2.0, 0.5),
    "grid": lambda v: TabularCurve(v, [[0.1, 0.2]]),
    "median": lambda v: LogNormalLengths(v, 0.5),
    "survival": lambda v: TabularLengths([100, 200], v),
    "probability": lambda v: MixedLengths(v, *[LogNormalLengths([1.0, 2.0], 0.5)] * 2),
    "budget": lambda v: AllocationProblem(OFFER.curves, v),
    "floor": lambda v: AllocationProblem(OFFER.curves, 300, floor=v),
    "ceiling": lambda v: AllocationProblem(OFFER.curves, 300, ceiling=v),
    "weight": lambda v: AllocationProblem(OFFER.curves, 300, weight=v),
    "tokens": lambda v: AllocationProblem(OFFER.curves, 300).certify(v, 1e-3),
    "rate['cents'] of 'm'": lambda v: dataclasses.replace(OFFER, rate={"cents": v}),
    "ceiling of 'm'": lambda v: dataclasses.replace(OFFER, ceiling=v),
    "available of 'm'": lambda v: dataclasses.replace(OFFER, available=v),
    "limit": Limit,
    "weights": lambda v: UncertainCurves(OFFER.curves, 2, v),
    "budgets": lambda v: budget_path(AllocationProblem(OFFER.curves, 300), v),
}


@pytest.mark.parametrize("column", TAKERS)
def test_what_is_no_real_number_is_refused_by_name(column):
    for values, words in NO_NUMBERS.values():
        with pytest.raises(InvalidInputError) as caught:
            TAKERS[column](values)
        assert words.format(column) in str(caught.value)
        assert column in str(caught.value)


@pytest.mark.parametrize(
    ("column", "make"),
    [
        ("group of 'tokens of a group'", lambda group: Program(OFFER, Limit(300, group=group))),
        ("pinned", lambda group: Program(OFFER, Limit(300), pinned=group)),
    ],
)
def test_groups_that_are_no_places_are_refused_by_name(column, make):
    for group in (NO_NUMBERS["masked"][0], [0.5, 1.0], ["a", "b"], [[0], [0, 1]], [0, 2], [-1]):
        with pytest.raises(InvalidInputError) as caught:
            make(group)
        assert column in str(caught.value)


@pytest.mark.parametrize(
    "values",
    [
        np.array([80, 90], np.int8),
        np.array([80, 90], np.float16),
        np.array([80, 90], np.longdouble),
        jnp.array([80, 90]),
        jnp.array([80, 90], jnp.bfloat16),
        np.ma.masked_array([80.0, 90.0], [0, 0]),
        pd.Series([80, 90], dtype="Int64"),
        pd.Series([80, 90], index=[7, 8]),
        [Decimal(80), 90.0],
        [jnp.float32(80), 90],
        (80, 90),
    ],
    ids=lambda values: f"{type(values).__name__} {getattr(values, 'dtype', '')}",
)
def test_numbers_of_every_width_and_home_are_read_as_float64(values):
    for numbers in (own_numbers(values, "tau"), surges(values).tau):
        assert numbers.dtype == np.float64
        assert type(numbers) is np.ndarray
        np.testing.assert_array_equal(numbers, [80.0, 90.0])


EDGES = [5e-324, 1e-310, 1e-160, 0.01, 1e160, 1.7e308]


@pytest.mark.parametrize("family", [ShiftedSurge, Quadratic, Triangular])
@pytest.mark.parametrize("names", [("tau", "alpha", "beta"), ("tau", "height", "width")])
def test_parameters_at_the_edges_of_float64_are_blamed_by_the_names_they_were_given(family, names):
    make = family.from_height if "height" in names else family
    blamed, usable = set(), 0
    for values in product((0.0, 1.7e308), EDGES, EDGES):
        try:
            curves = make(**dict(zip(names, values, strict=True)))
        except InvalidInputError as error:
            blamed.add((error.column, error.row))
        else:  # what is accepted can be computed with: a warning would be an error
            usable += 1
            assert np.isfinite(solve(AllocationProblem(curves, 1000)).expected_utility)
    assert blamed == {(name, 0) for name in names}
    assert usable > 5


def test_a_height_that_cannot_be_is_told_by_alpha_and_beta():
    with pytest.raises(
        InvalidInputError, match=r"^row 1, alpha = 1e\+300: and beta = 1e-10 make a"
    ):
        ShiftedSurge([1.0, 1.0], [1e-10, 1e300], 1e-10)


def test_a_bad_draw_is_named_by_its_query():
    with pytest.raises(InvalidInputError, match=r"row 1, height = 1\.5: of draw 0 lies outside"):
        UncertainCurves.from_arrays(
            ShiftedSurge.from_height, tau=5.0, width=1.0, height=[[0.1, 0.2, 0.3], [1.5, 0.2, 0.3]]
        )


def test_functions_that_take_bounds_as_they_are_refuse_what_is_missing():
    for ask in (concave_envelope, lambda curves, floor: optimal_value(curves, 300, floor)):
        with pytest.raises(InvalidInputError, match="row 1, floor: is NaN"):
            ask(OFFER.curves, pd.array([5, None], dtype="Int64"))


CHANCES = np.array([0.0, 0.5, 1.0])
SHARED = {
    "grid from zero": lambda tau, height: TabularCurve([0, 100, 300], height[:, None] * CHANCES),
    "grid above zero": lambda tau, height: TabularCurve([50, 100, 300], height[:, None] * CHANCES),
    "values": lambda tau, height: TabularCurve(tau[:, None] + [0.0, 100.0, 200.0], CHANCES),
    "shape": lambda tau, height: Hill(tau, 3.0, height),
    "half and shape": lambda tau, height: Hill(100.0, 2.0, height),
    "width": lambda tau, height: ShiftedSurge.from_height(tau, height, 50.0),
}


@pytest.mark.parametrize("shared", SHARED)
def test_parameters_shared_by_all_queries_are_those_of_each_in_large_batches_too(
    shared, monkeypatch
):
    rng = np.random.default_rng(0)
    curves = SHARED[shared](rng.uniform(50, 300, 40), rng.uniform(0.1, 1.0, 40))
    caps = rng.uniform(0, 400, 40)

    def answers():
        problem = AllocationProblem(curves, 5000)
        return problem.utility(caps), problem.surplus(1e-3)

    expected = answers()
    monkeypatch.setattr("clear_opt._numerics.chunked.BLOCK_QUERIES", 32)
    for found, right in zip(answers(), expected, strict=True):
        np.testing.assert_allclose(found, right, rtol=1e-9)

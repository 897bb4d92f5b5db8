"""What if, for programs: the first limit varies, in its own unit, and everything else stays.

There is no demand of demand where several rows are priced together, so each budget is a solve. A
solve starts from the prices of the budget nearest to it, and no budget is solved twice.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from functools import wraps
from typing import Any

import numpy as np

from clear_opt import defaults
from clear_opt._numerics.formatting import format_amount
from clear_opt._numerics.root_finding import bisect, first_integer
from clear_opt.errors import InfeasibleError, InvalidInputError
from clear_opt.problem import Program
from clear_opt.problem.allocation import Allocation, Status
from clear_opt.problem.offers import TOKENS
from clear_opt.sensitivity.entries import entry_budgets, rows_of, what_would_fund
from clear_opt.sensitivity.paths import REACHED, BudgetPath, as_budgets, budget_path
from clear_opt.sensitivity.targets import (
    CheapestBudget,
    TargetMeasure,
    cheapest_budget,
    check_target,
)
from clear_opt.solvers.infeasibility import Conflict, find_conflict
from clear_opt.solvers.infeasibility.state_families import asked_for
from clear_opt.solvers.program import LagrangianDual, solve_program
from clear_opt.solvers.program.compiled import CompiledProgram
from clear_opt.solvers.program.coupling_rows import CouplingRows
from clear_opt.solvers.program.offer_responses import OfferChoices
from clear_opt.solvers.reduction import SingleBudget

_POINTS = 20
_DIGITS = 4  # amounts that are not tokens are searched in steps of the leading digit times 1e-4
_TANGENTS = 12  # of the dual bound; each is nearer to the target, three or four are the rule
_ROUNDING = 1e-12  # relative; a sum of many terms may fall short of itself by this much
_CLOSE = 1e-9  # relative; where the line touches the bound itself
_SOLVES = 60
_DOUBLINGS = 40
_NOTHING = 1e-9  # share of a curve's height that no budget is asked about
_HALVINGS = 30  # of the logarithm of a spend


def _registered(question: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Register a question's answer for programs; those of one budget are reduced to it first."""

    def register(answer: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(answer)
        def reduced(program: Program, *arguments: Any, **options: Any) -> Any:
            reduction = SingleBudget.apply(program)
            if reduction is None:
                return answer(program, *arguments, **options)
            found = question(reduction.problem, *arguments, **options)
            if isinstance(found, CheapestBudget):
                return replace(found, allocation=reduction.invert(found.allocation))
            return found

        question.register(Program, reduced)
        return answer

    return register


class _Solves:
    """Answers of a program by amount of its first limit, each solved once."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.dual = LagrangianDual.of(program)  # compiled once for all budgets
        self.answers: dict[float, Allocation] = {}

    def at(self, amount: float, *, throw: bool = False) -> Allocation:
        """Solve for an amount, from the prices of the nearest amount that has an answer."""
        last = self.answers.get(amount)
        if last is None or (throw and last.status is Status.INFEASIBLE):
            known = [k for k, one in self.answers.items() if one.status is not Status.INFEASIBLE]
            near = min(known, key=lambda other: abs(other - amount), default=None)
            start = None if near is None else self._prices(self.answers[near])
            dual = self.dual.with_budget(amount)
            self.answers[amount] = solve_program(dual.program, throw=throw, start=start, dual=dual)
        return self.answers[amount]

    def conflict(self, amount: float) -> Conflict | None:
        """Find out whether constraints contradict each other at an amount."""
        dual = self.dual.with_budget(amount)
        return find_conflict(dual.program, dual)

    def value(self, amount: float) -> float:
        """Return the worth of the caps for an amount, ``-inf`` where there are none."""
        answer = self.at(amount)
        has_caps = answer.status not in (Status.INFEASIBLE, Status.UNROUNDED)
        return answer.expected_utility if has_caps else -math.inf

    def ample(self) -> float:
        """Return an amount with which all constraints can be kept and next to all be gained."""
        program, dual = self.program, self.dual
        index = program.constraints.index(program.budget)
        spend = [
            np.maximum(_plenty(offered), np.minimum(asked_for(dual, k), offered.most))
            for k, offered in enumerate(dual.compiled.choice_sets.unlimited)
        ]
        used = dual.rate[index] * np.stack(spend) + dual.fixed[index]
        amount = float(used.max(axis=0).sum())
        # Whole blocks round peaks up.
        amount += program.block * float(dual.rate[index].max(axis=0).sum())
        amount = float(math.ceil(amount)) if program.budget.resource == TOKENS else amount
        for _ in range(_DOUBLINGS):  # margins come on top of expected spend
            if program.overrun_probability is None or self.at(float(amount)).price == 0.0:
                break
            amount *= 2
        return float(min(amount, defaults.MOST_TOKENS))

    def step(self, scale: float) -> float:
        """Return what budgets of about a scale are multiples of: a token, or four digits below."""
        if self.program.budget.resource == TOKENS:
            return 1.0
        return 10.0 ** (math.floor(math.log10(scale)) - _DIGITS) if scale > 0 else 1.0

    def bound(self, amount: float, answer: Allocation, choices: tuple[OfferChoices, ...]) -> float:
        """Return the dual bound at an answer's prices over the states of choices."""
        choice_sets = replace(self.dual.compiled.choice_sets, free=choices)
        compiled = CompiledProgram(self.program.with_budget(amount), choice_sets)
        return LagrangianDual(CouplingRows(compiled)).bound(self._prices(answer))

    def _prices(self, answer: Allocation) -> np.ndarray:
        prices = {row.name: row.price for row in answer.rows}  # the first limit leads the rows
        return np.array([prices[str(row.name)] for row in self.program.constraints])


def _plenty(offered: OfferChoices) -> np.ndarray:
    """Return the spend beyond which next to nothing is gained, however far the peak, (n,)."""
    low, high = np.maximum(offered.least, 1.0), np.maximum(offered.most, 1.0)
    top = offered.utility_at(offered.saturation_cap)
    _, high = bisect(
        lambda spend: top - offered.utility_at(offered.cap_at(spend)) <= _NOTHING * top,
        low,
        high,
        _HALVINGS,
        ratio=True,
    )
    return np.minimum(high, offered.most)


@_registered(budget_path)
def _path(program: Program, budgets: Any = None) -> BudgetPath:
    solves = _Solves(program)
    asked = _sweep(solves) if budgets is None else as_budgets(budgets)
    rising, place = np.unique(asked, return_inverse=True)
    m, n = len(rising), len(program)
    price, value, bound = np.zeros(m), np.zeros(m), np.zeros(m)
    tokens, offers = np.zeros((m, n), np.int64), np.full((m, n), -1)
    funded = np.zeros((m, n), bool)
    for k, amount in enumerate(rising.tolist()):
        try:
            answer = solves.at(amount, throw=True)
        except InfeasibleError as error:
            index = int(np.argmax(asked == amount))
            detail = str(error).removeprefix("infeasible: ")
            raise InfeasibleError(
                f"infeasible: budget {format_amount(amount)} (number {index}): {detail} "
                "Or leave that budget out."
            ) from None
        price[k], bound[k] = answer.price, answer.dual_bound
        if k and value[k - 1] > answer.expected_utility:  # what less money buys, this buys too
            value[k], tokens[k] = value[k - 1], tokens[k - 1]
            offers[k], funded[k] = offers[k - 1], funded[k - 1]
        else:
            value[k], tokens[k] = answer.expected_utility, answer.tokens
            offers[k], funded[k] = answer.offer_codes, answer.funded
    return BudgetPath(
        budgets=asked,
        price=price[place],
        dual_bound=np.maximum(bound, value)[place],
        value=value[place],
        tokens=tokens[place],
        funded=funded[place],
        total_weight=float(program.weight.sum()),
        evaluations=len(solves.answers),
        offer_codes=offers[place],
    )


def _sweep(solves: _Solves) -> np.ndarray:
    """Return twenty budgets, evenly spaced from the least that is feasible to nearly ample."""
    program, high = solves.program, solves.ample()
    if len(program) == 0:
        return np.zeros(1)
    step = solves.step(high)
    most = solves.at(high, throw=True).expected_utility
    enough, _ = _proven(solves, REACHED * most, high)
    top, low = math.ceil(min(enough, high) / step * (1 - _ROUNDING)), 0
    if solves.conflict(0.0) is not None:
        low = first_integer(
            lambda count: solves.conflict(_amount(count, step)) is None, 0, math.ceil(high / step)
        )
    share = np.arange(1, _POINTS + 1) / _POINTS
    return np.unique(np.ceil(low + share * (max(top, low) - low))) * step


@_registered(cheapest_budget)
def _cheapest(
    program: Program, target: float, measure: TargetMeasure = "accuracy"
) -> CheapestBudget:
    check_target(program, target, measure)
    solves = _Solves(program)
    ample = solves.ample()
    solves.at(ample, throw=True)  # what contradicts itself at every budget is told at once
    most = solves.value(ample)
    full = float(program.weight.sum()) if measure == "accuracy" else most
    wanted = target * full
    if wanted > most * (1 + _ROUNDING):
        share = math.floor(most / full * 1e6) / 1e6
        raise InvalidInputError(
            f"cannot be reached: the most that was found for any budget is {share:.6g}",
            column="target",
            value=target,
            remedy="ask for no more than that",
        )
    wanted = min(wanted, most) * (1 - _ROUNDING)
    least, before = _proven(solves, wanted, ample)
    step = solves.step(least if least > 0 else ample)
    high = math.ceil(ample / step * (1 - _ROUNDING))
    low = min(math.ceil(least / step * (1 - 1e-9)), high)
    count = _reach(solves, wanted, low, high, step)
    budget = _amount(count, step)
    allocation = solves.at(budget)
    whole = step == 1.0 and program.budget.resource == TOKENS
    return CheapestBudget(
        budget=int(budget) if whole else budget,
        at_least=int(low) if whole else min(least, budget),
        allocation=allocation,
        target=float(target),
        measure=measure,
        reached=allocation.expected_utility / full if full > 0 else 1.0,
        solves=len(solves.answers) + before,
    )


def _proven(solves: _Solves, wanted: float, ample: float) -> tuple[float, int]:
    """Return an amount below which the target is out of reach, and the solves beyond ``solves``.

    At any prices the dual bound is a straight line in the amount, and lies above what any amount
    is worth. Where the line meets the target is a lower bound, and the next place to draw one. A
    limit that holds with a probability is at least as tight as one that holds on average, whose
    lines are drawn instead: margins are not linear.
    """
    program, lines = solves.program, solves
    if program.overrun_probability is not None:
        lines = _Solves(replace(program, overrun_probability=None))
    choices = solves.dual.with_budget(ample).free_choices
    least, amount, high = 0.0, min(float(program.budget.amount), ample), ample
    for _ in range(_TANGENTS):
        answer = lines.at(amount)
        if answer.status is Status.INFEASIBLE:  # and so is everything below
            least, amount = max(least, amount), 0.5 * (amount + high)
            continue
        bound = lines.bound(amount, answer, choices)
        high = min(high, amount) if bound >= wanted else high
        meets = -math.inf
        if answer.price > 0:
            meets = amount + (wanted - bound) / answer.price
        if meets > least:
            least = amount = min(meets, ample)
        elif bound <= wanted * (1 + _CLOSE):
            break
        else:  # too far above for the line to say anything
            amount = 0.5 * (least + high)
    return least, 0 if lines is solves else len(lines.answers)


def _reach(solves: _Solves, wanted: float, low: int, high: int, step: float) -> int:
    """Return a number of steps that reaches what is wanted; ``high`` is known to.

    One step less does not, unless the search ran out of solves.
    """
    if solves.value(_amount(low, step)) >= wanted:
        return low
    stride, begun = 1, len(solves.answers)
    while low + stride < high and len(solves.answers) - begun < _SOLVES:
        # What is missing at the price of the last answer, or twice as far as before.
        price, missing = (
            solves.at(_amount(low, step)).price,
            wanted - solves.value(_amount(low, step)),
        )
        jump = missing / price / step if 0 < price < math.inf and missing < math.inf else 0.0
        count = low + max(stride, math.ceil(min(jump, high - low - 1)))
        if solves.value(_amount(count, step)) >= wanted:
            high = count
            break
        low, stride = count, 2 * stride
    while high - low > 1 and len(solves.answers) - begun < _SOLVES:
        middle = (low + high) // 2
        low, high = (
            (low, middle) if solves.value(_amount(middle, step)) >= wanted else (middle, high)
        )
    return high


@_registered(entry_budgets)
def _entry(program: Program, queries: Any = None) -> np.ndarray:
    solves, rows = _Solves(program), rows_of(program, queries)
    ample = solves.ample() if len(rows) else 0.0
    return np.array([_first_funded(solves, int(row), ample) for row in rows], dtype=np.float64)


@_registered(what_would_fund)
def _fund(program: Program, query: int) -> float:
    row = rows_of(program, [query])
    solves = _Solves(program)
    return _first_funded(solves, int(row[0]), solves.ample())


def _first_funded(solves: _Solves, row: int, ample: float) -> float:
    """Return an amount that funds a query, one step above one that does not."""
    step = solves.step(ample)
    low, high = -1, math.ceil(ample / step * (1 - _ROUNDING))

    def funds(count: int) -> bool:
        return bool(solves.at(_amount(count, step)).funded[row])

    if not funds(high):
        return math.inf
    return _amount(first_integer(funds, low, high), step)


def _amount(count: int, step: float) -> float:
    """Return a number of steps without the digits that multiplying leaves behind."""
    return float(f"{count * step:.15g}")

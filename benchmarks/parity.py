"""Two solvers on random instances of every family: how far apart, at worst.

    python -m benchmarks.parity [--instances 200] [--families surge,hill]
    python -m benchmarks.parity --programs [--instances 200]

One-row instances come from `clear_opt.datasets.random_problem`: n from 1 to 2,000, budgets from
1 % to 120 % of what the queries can use, parameters over five orders of magnitude; each family
once without and once with floors, ceilings and weights. Programs come from
`clear_opt.datasets.random_program`: n from 3 to 400, one to three offers, limits of tokens and
money, tenants with limits, guarantees and funded shares, floors, ceilings, pins, weights; every
third one counts expected spend.
"""

from __future__ import annotations

import argparse
from typing import NamedTuple

import numpy as np
from rich.console import Console
from rich.progress import track
from rich.table import Table

from benchmarks.relaxed_vertex import relaxed_vertex
from clear_opt import cross_check
from clear_opt.datasets import FAMILIES, random_problem, random_program
from clear_opt.problem import Program
from clear_opt.solvers import CrossCheck
from clear_opt.solvers.program import LagrangianDual

CONIC_FAMILIES = ("surge", "quadratic", "triangular", "tabular")
PRICE = 1e-3  # relative; a larger difference must be one of prices that are not unique
COLUMNS = ("dual bound", "convex program", "price", "value", "gap")


def worst_differences(family: str, bounded: bool, instances: int) -> np.ndarray:
    """Give the largest relative differences over the instances, in the order of `COLUMNS`."""
    rows = []
    for seed in range(instances):
        problem = random_problem(family, seed=[seed, 11], bounded=bounded)
        check = cross_check(problem)
        assert max(check.dual.spent, check.conic.spent) <= problem.budget
        rows.append(
            (
                check.bound_difference,
                check.relaxation_difference,
                _unique_price_difference(check),
                check.value_difference,
                -min(check.dual.gap, check.conic.gap),
            )
        )
    worst = np.array(rows).max(axis=0)
    worst[-1] *= -1  # the smallest gap: never negative
    return worst


class ProgramParity(NamedTuple):
    """What one program showed."""

    program: Program
    check: CrossCheck
    split: int
    vertex_error: float
    seconds: tuple[float, float]

    @property
    def unique_price_difference(self) -> float:
        """Largest relative difference of prices; zero where they are not unique."""
        return _unique_price_difference(self.check)


def draw_program(seed: int, n: int | None = None) -> Program:
    """Draw the program of a seed; every third one counts expected spend."""
    if seed % 3 == 2:
        return random_program(seed=[seed, 11], n=n, basis="expected")
    return random_program(seed=[seed, 11], n=n, families=CONIC_FAMILIES)


def compare_on(program: Program) -> ProgramParity:
    """Solve a program by both solvers, and look at a vertex of its relaxation."""
    check = cross_check(program)
    dual = LagrangianDual.of(program)
    prices = np.array([check.dual.prices[str(row.name)] for row in program.constraints])
    vertex = relaxed_vertex(dual, prices)
    bound = check.dual.dual_bound
    error = abs(vertex.value - bound) / max(bound, 1e-300) if bound > 0 else 0.0
    seconds = check.dual.solve_seconds, check.conic.solve_seconds
    return ProgramParity(program, check, vertex.split, error, seconds)


def report_programs(instances: int, console: Console) -> None:
    """Print what parity of programs comes to."""
    seeds = track(range(instances), console=Console(stderr=True))
    found = [compare_on(draw_program(seed)) for seed in seeds]
    checks = [one.check for one in found]
    rows = [len(one.program.constraints) for one in found]
    gaps = np.array([check.dual.relative_gap for check in checks])
    flat = [c for c in checks if c.price_difference > PRICE and c.flat]
    prices = sum(rows)
    table = Table("what", "worst or count", title=f"{instances} programs, dual and conic")
    for label, value in (
        ("dual bound, relative", max(c.bound_difference for c in checks)),
        ("convex program's optimum, relative", max(c.relaxation_difference for c in checks)),
        ("price, relative, where unique", max(one.unique_price_difference for one in found)),
        ("value of whole caps, relative", max(c.value_difference for c in checks)),
        ("value of a vertex, relative", max(one.vertex_error for one in found)),
    ):
        table.add_row(label, f"{value:.1e}")
    table.add_row("prices compared", f"{prices}, of which > 0: {_binding(checks)}")
    table.add_row("programs whose prices are not unique", str(len(flat)))
    over = sum(one.split > m for one, m in zip(found, rows, strict=True))
    table.add_row("queries split by a vertex, at most", str(max(one.split for one in found)))
    table.add_row("programs with more splits than rows", str(over))
    for name, keep in (
        ("all", np.ones(instances, dtype=bool)),
        ("n >= 50", np.array([len(one.program) >= 50 for one in found])),
    ):
        low, middle, high, top = np.quantile(gaps[keep], (0.25, 0.5, 0.9, 1.0))
        text = f"{low:.1e} / {middle:.1e} / {high:.1e} / {top:.1e}"
        table.add_row(f"gap of whole caps, {name}: quartile, median, 90 %, most", text)
    dual, conic = np.array([one.seconds for one in found]).sum(axis=0)
    table.add_row("seconds, dual and conic (whole caps included)", f"{dual:.0f}, {conic:.0f}")
    console.print(table)


def _unique_price_difference(check: CrossCheck) -> float:
    apart = check.price_difference
    return 0.0 if apart > PRICE and check.flat else apart


def _binding(checks: list[CrossCheck]) -> int:
    return sum(price > 0 for check in checks for price in check.dual.prices.values())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--instances", type=int, default=200)
    parser.add_argument("--families", default=",".join(FAMILIES))
    parser.add_argument("--programs", action="store_true", help="several rows and offers")
    options = parser.parse_args()
    console = Console()
    if options.programs:
        report_programs(options.instances, console)
        return
    table = Table("family", "bounds", *COLUMNS, title="Worst relative difference, dual and conic")
    cases = [(f, b) for f in options.families.split(",") for b in (False, True)]
    for family, bounded in track(cases, console=Console(stderr=True)):
        worst = worst_differences(family, bounded, options.instances)
        table.add_row(
            family, "floors, ceilings" if bounded else "none", *(f"{x:.1e}" for x in worst)
        )
    console.print(table)


if __name__ == "__main__":
    main()

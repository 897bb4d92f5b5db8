"""Two solvers on random instances of every family: how far apart, at worst.

    python -m benchmarks.parity [--instances 200] [--families surge,hill]

Instances come from `clear_opt.instances.random_problem`: n from 1 to 2,000, budgets from 1 % to
120 % of what the queries can use, parameters over five orders of magnitude; each family once
without and once with floors, ceilings and weights.
"""

from __future__ import annotations

import argparse

import numpy as np
from rich.console import Console
from rich.progress import track
from rich.table import Table

from clear_opt import cross_check
from clear_opt.instances import FAMILIES, random_problem

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
                check.price_difference,
                check.value_difference,
                -min(check.dual.gap, check.conic.gap),
            )
        )
    worst = np.array(rows).max(axis=0)
    worst[-1] *= -1  # the smallest gap: never negative
    return worst


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--instances", type=int, default=200)
    parser.add_argument("--families", default=",".join(FAMILIES))
    options = parser.parse_args()
    console = Console()
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

"""Amounts are written for people: thousands separated, no powers of ten, digits kept."""

import numpy as np
import pytest

from clear_opt import AllocationProblem, ShiftedSurge, solve
from clear_opt._numerics.formatting import format_amount


@pytest.mark.parametrize("amount", [0.0, 0.25, 3.0, 99_999.4, 1e5, 12_345_678.9, 9e15])
@pytest.mark.parametrize("digits", [4, 6])
def test_what_is_written_reads_back(amount, digits):
    text = format_amount(amount, digits)
    assert "e" not in text
    assert float(text.replace(",", "")) == pytest.approx(amount, rel=0.5 * 10.0 ** (1 - digits))


def test_the_summary_of_a_large_budget_has_no_powers_of_ten():
    n = 2_000
    curves = ShiftedSurge.from_height(np.full(n, 30_000.0), 0.9, 20_000.0)
    first = solve(AllocationProblem(curves, budget=40_000_000)).summary().splitlines()[0]
    assert first == "2,000 queries, 40,000,000 of 40,000,000 tokens spent"

"""The rows of a program under a linear reserve: right-hand sides, and what idle queries use."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from clear_opt.problem.constraints import FundedShare, Guarantee
from clear_opt.solvers.program.compiled import CompiledProgram


class LinearReserve(NamedTuple):
    """A chance reserve linear in the variance: constant + rate * variance, per row, (m,)."""

    rate: np.ndarray
    constant: np.ndarray

    def at(self, variance: np.ndarray) -> np.ndarray:
        """Return the reserve at variances of the rows, in units, shape (m,)."""
        return self.constant + self.rate * variance


@dataclass(frozen=True, eq=False)
class CouplingRows:
    """A compiled program's rows, net of the reserve that chance constraints ask for.

    Attributes
    ----------
    compiled : CompiledProgram
    reserve : LinearReserve or None
        ``None`` where nothing is reserved.
    """

    compiled: CompiledProgram
    reserve: LinearReserve | None = None

    @cached_property
    def variance_rate(self) -> np.ndarray:
        """Units reserved in each row per unit of variance of a member's spend, (m, K, n)."""
        rate = self.compiled.rate
        if self.reserve is None:
            return np.zeros_like(rate)
        return self.reserve.rate[:, None, None] * rate**2

    @cached_property
    def amount(self) -> np.ndarray:
        """Right-hand sides in units, shape (m,).

        Guarantees are cut to what members can use, and limits to what no caps exceed.
        """
        compiled, amounts = self.compiled, []
        for index, row in enumerate(compiled.program.constraints):
            if isinstance(row, FundedShare):
                members = compiled.program.members[index].sum()
                amounts.append(float(np.ceil(row.share * members - 1e-9)))
            elif isinstance(row, Guarantee):
                amounts.append(min(float(row.amount), compiled.usable(index)))
            else:
                kept = 0.0 if self.reserve is None else float(self.reserve.constant[index])
                amounts.append(min(float(row.amount) - kept, compiled.beyond(index)))
        return np.array(amounts)

    @cached_property
    def limits(self) -> np.ndarray:
        """Right-hand sides of the rows read as "at most", shape (m,)."""
        return self.compiled.sign * self.amount

    @cached_property
    def idle_use(self) -> np.ndarray:
        """What an idle query uses of each row by each offer, sign-normalised, shape (m, K, n)."""
        compiled, use = self.compiled, []
        program = compiled.program
        asked = program.floor > 0
        for index, row in enumerate(program.constraints):
            per_offer = []
            for k, offered in enumerate(compiled.choice_sets.free):
                if isinstance(row, FundedShare):
                    per_offer.append(program.members[index] * offered.floor_funds)
                else:
                    spent = (
                        compiled.rate[index, k] * offered.start + compiled.fixed[index, k] * asked
                    )
                    per_offer.append(spent + self.variance_rate[index, k] * offered.start_variance)
            use.append(per_offer)
        return compiled.sign[:, None, None] * np.array(use, dtype=np.float64)

    @cached_property
    def signed(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Rates, rates of variance and fixed units, sign-normalised, (m, K, n) each."""
        sign = self.compiled.sign[:, None, None]
        return sign * self.compiled.rate, sign * self.variance_rate, sign * self.compiled.fixed

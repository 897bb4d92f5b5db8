"""Tangent cuts for curves without a conic form, refined until the certified error is small.

All queries share one grid of prices p_1 < ... < p_k inside a window that holds the optimal price.
The line of slope p_k above query i's curve is

    v_i <= p_k b + max over b of (w_i U_i(b) - p_k b)

and with each query's own first chord these lines make an outer approximation, whose dual
interpolates the true dual between the p_k. Its minimum therefore lies next to the true one, and
the window closes in. Tokens count from the caps at the window's upper end and slopes from its
lower end, both in units of the window, so that a narrow window is as well scaled as a wide one.
"""

from __future__ import annotations

from typing import NamedTuple

import cvxpy as cp
import numpy as np

from clear_opt.envelopes.concave import Envelope
from clear_opt.problem import AllocationProblem
from clear_opt.solvers.conic.cvxpy_terms import at_most, dual_of, numbers


class Window(NamedTuple):
    """Prices that hold the optimal one, success per token."""

    low: float
    high: float

    def grid(self, k: int) -> np.ndarray:
        """Return k prices in equal ratios; a window that starts at zero fans out over 8 decades."""
        if self.low > 0:
            return np.geomspace(self.low, self.high, k)
        return np.concatenate([[0.0], np.geomspace(1e-8 * self.high, self.high, k - 1)])

    def around(self, price: float, k: int) -> Window:
        """Return the window between the grid prices next to ``price``."""
        grid = self.grid(k)
        nearest = int(np.argmin(np.abs(grid - price)))
        return Window(float(grid[max(nearest - 1, 0)]), float(grid[min(nearest + 1, k - 1)]))

    def holds(self, envelope: Envelope, budget: float) -> bool:
        """Return whether demand meets the budget inside, so that nothing was cut off."""
        enough = self.low == 0 or envelope.response(self.low).sum() >= budget
        return bool(enough and envelope.response(self.high, inclusive=False).sum() <= budget)


class CutProgram:
    """The linear program of the cuts, compiled once for n queries and k shared prices."""

    def __init__(self, n: int, k: int) -> None:
        self.n, self.k = n, k
        self.slopes = cp.Parameter((1, k), nonneg=True)
        self.offsets = cp.Parameter((n, k), nonneg=True)
        self.chord = cp.Parameter(n, nonneg=True)
        self.most = cp.Parameter(n, nonneg=True)
        self.extra = cp.Variable(n, nonneg=True)
        self.gain = cp.Variable(n)
        lines = cp.reshape(self.extra, (n, 1), order="C") @ self.slopes + self.offsets
        gains = cp.reshape(self.gain, (n, 1), order="C") @ np.ones((1, k))
        self.token_row = at_most(cp.sum(self.extra), n)
        self.program = cp.Problem(
            cp.Maximize(cp.sum(self.gain)),
            [
                self.token_row,
                at_most(gains, lines),
                at_most(self.gain, cp.multiply(self.chord, self.extra)),
                at_most(self.extra, self.most),
            ],
        )

    def load(self, problem: AllocationProblem, window: Window) -> None:
        """Fill the cuts at the window's grid of prices."""
        envelope, n = problem.envelope, self.n
        low, width = window.low, window.high - window.low
        prices = window.grid(self.k)
        self.window = window
        self.base = envelope.response(window.high, inclusive=False)
        self.unit = max(problem.spendable - self.base.sum(), 1e-9 * problem.spendable) / n
        scale = width * self.unit
        reached = np.stack([envelope.response(price) for price in prices], axis=1)
        beyond = reached - self.base[:, None]
        gained = np.stack([envelope.value(tokens) for tokens in reached.T], axis=1)
        gained -= envelope.value(self.base)[:, None]
        # gained - price * beyond is the gain beyond the base net of its tokens, never negative.
        self.offsets.value = np.maximum(gained - prices * beyond, 0.0) / scale
        self.slopes.value = ((prices - low) / width)[None, :]
        ceded = envelope.abandonment_price
        at_start = self.base <= envelope.start
        self.chord.value = np.where(at_start, np.clip((ceded - low) / width, 0.0, 1.0), 1.0)
        room = (envelope.response(low) - self.base) / self.unit
        self.most.value = np.clip(room, 0.0, 2.0 * n)

    @property
    def price(self) -> float:
        """Price of the solved program, success per token."""
        return self.window.low + (self.window.high - self.window.low) * dual_of(self.token_row)

    def bounds(self, problem: AllocationProblem) -> tuple[float, float]:
        """Return upper and lower bounds on the relaxation's value from the solved program."""
        envelope, window = problem.envelope, self.window
        extra = np.clip(numbers(self.extra), 0.0, numbers(self.most))
        least = float(envelope.value(self.base + extra * self.unit).sum())
        gained = window.low * self.n + (window.high - window.low) * float(numbers(self.gain).sum())
        return float(envelope.value(self.base).sum()) + self.unit * gained, least

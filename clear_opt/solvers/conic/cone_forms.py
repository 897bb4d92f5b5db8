"""Convex programs of the concave envelope, one class per form, compiled once per shape.

Each form states the same problem (the mathematics, section 7): maximise the envelopes' sum subject
to one token row. A form owns its cvxpy parameters, so that solving another problem of the same
shape changes numbers only (DPP). Token rows are divided by the mean budget per query; prices are
turned back into success per token by the caller.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from functools import singledispatch
from typing import NamedTuple, cast

import cvxpy as cp
import numpy as np

from clear_opt.curves import Curve, Quadratic, ShiftedSurge
from clear_opt.curves.threshold import ThresholdCurve
from clear_opt.envelopes.block_envelope import corner_caps
from clear_opt.errors import SolverError
from clear_opt.problem import AllocationProblem
from clear_opt.solvers.conic.cvxpy_terms import at_most, dual_of, numbers

_SPARE = 1e-5  # a token row this much below its right-hand side, relatively, does not bind


class ConicForm(ABC):
    """A compiled convex program for problems of one shape.

    Subclasses build their variables and parameters in ``_build`` and fill the parameters in
    ``_load``.

    Parameters
    ----------
    n
        Number of queries.
    points
        Grid points per query, for forms that have any.
    """

    def __init__(self, n: int, points: int = 0) -> None:
        self.n, self.points = n, points
        self.budget = cp.Parameter(nonneg=True)
        value, tokens, constraints = self._build()
        self.token_row = at_most(tokens, self.budget)
        self.program = cp.Problem(cp.Maximize(value), [self.token_row, *constraints])
        if not self.program.is_dpp():
            raise SolverError(f"the {type(self).__name__} program is not DPP")

    @abstractmethod
    def _build(self) -> tuple[cp.Expression, cp.Expression, list[cp.Constraint]]:
        """Return total value, total scaled tokens beyond the floors, and constraints."""

    def load(self, problem: AllocationProblem) -> None:
        """Fill the parameters with a problem's numbers."""
        room = problem.spendable - problem.floor_total
        self.unit = max(room, 1.0) / self.n
        self.budget.value = room / self.unit
        self._load(problem, self.unit)

    @property
    def price(self) -> float:
        """Price of the solved program, weighted success per token, >= 0.

        Complementary slackness settles the case of tokens to spare, where an interior-point
        solver leaves a small positive number.
        """
        if numbers(self.token_row.expr) < -_SPARE * numbers(self.budget):
            return 0.0
        return dual_of(self.token_row) / self.unit

    @abstractmethod
    def _load(self, problem: AllocationProblem, unit: float) -> None:
        """Fill the form's own parameters; ``unit`` is the number of tokens that count as one."""

    @abstractmethod
    def relaxed_value(self, problem: AllocationProblem) -> float:
        """Return the optimal value of the program, recomputed from the recovered variables."""


class ThresholdForm(ConicForm):
    """What surge and quadratic share: a funded share z and a rise above the threshold.

    With z in [0, 1] the funded share and s the perspective of the distance above the threshold (in
    widths, y = beta x), tokens are l + (tau - l) z + s / beta. A query whose floor passes its
    threshold has z = 1 and s at least what the floor gives. Queries that no token can help carry
    zero coefficients.

    Parameters
    ----------
    n
        Number of queries.
    sure
        How many of them, the last ones, are known to be funded: their z is the number one.
    """

    def __init__(self, n: int, sure: int = 0) -> None:
        self.sure = sure
        super().__init__(n)

    def _build(self) -> tuple[cp.Expression, cp.Expression, list[cp.Constraint]]:
        n, unsure = self.n, self.n - self.sure
        self.height = cp.Parameter(n, nonneg=True)
        self.distance = cp.Parameter(n)
        self.width = cp.Parameter(n, nonneg=True)
        self.share_least = cp.Parameter(unsure, nonneg=True)
        self.rise_most = cp.Parameter(n, nonneg=True)
        unknown = cp.Variable(unsure)
        self.share = cp.hstack([unknown, np.ones(self.sure)]) if self.sure else unknown
        self.rise = cp.Variable(n)
        tokens = self.distance @ self.share + self.width @ self.rise
        bounds = [
            at_most(self.share_least, unknown),
            at_most(unknown, 1),
            at_most(self.rise, cp.multiply(self.rise_most, self.share)),
        ]
        gain, shape = self._perspective()
        return self.height @ gain, tokens, [*bounds, *shape]

    @abstractmethod
    def _perspective(self) -> tuple[cp.Expression, list[cp.Constraint]]:
        """Return the perspective of the unit shape s(y) at (rise, share), and its constraints."""

    def _load(self, problem: AllocationProblem, unit: float) -> None:
        curves, envelope = cast(ThresholdCurve, problem.curves), problem.envelope
        active = envelope.abandonment_price > 0
        past = np.maximum(curves.beta * (problem.floor - curves.tau), 0.0)
        self.active = active
        self.height.value = np.where(active, problem.weight * curves.height, 0.0)
        self.distance.value = np.where(active, (curves.tau - problem.floor) / unit, 0.0)
        self.width.value = np.where(active, 1.0 / curves.beta / unit, 0.0)
        above = (active & (past > 0))[: self.n - self.sure]
        self.share_least.value = np.where(above, 1.0, 0.0)
        self._load_floor(np.where(active, past, 0.0))
        self.rise_most.value = np.where(active, curves.beta * (envelope.end - curves.tau), 1.0)

    @abstractmethod
    def _load_floor(self, past: np.ndarray) -> None:
        """Fill in how far above the threshold, in widths, the floors already are, shape (n,)."""

    @abstractmethod
    def _shape_value(self, share: np.ndarray, rise: np.ndarray) -> np.ndarray:
        """Return the perspective z s(y / z) from numbers, shape (n,)."""

    def relaxed_value(self, problem: AllocationProblem) -> float:
        """Return the optimal value, recomputed from the recovered variables."""
        share = np.clip(numbers(self.share), 1e-300, 1.0)
        rise = np.clip(numbers(self.rise), 0.0, share)
        gained = numbers(self.height) * self._shape_value(share, rise)
        still = np.where(self.active, 0.0, problem.utility(problem.floor))
        return float((gained + still).sum())


class SurgeForm(ThresholdForm):
    """Exponential-cone program of the shifted surge, exact (the mathematics, section 7)."""

    def _perspective(self) -> tuple[cp.Expression, list[cp.Constraint]]:
        self.fade_most = cp.Parameter(self.n, nonneg=True)
        return surge_perspective(self.share, self.rise, self.fade_most)

    def _load_floor(self, past: np.ndarray) -> None:
        self.fade_most.value = np.exp(-past)  # y >= past is q <= z exp(-past)

    def _shape_value(self, share: np.ndarray, rise: np.ndarray) -> np.ndarray:
        return surge_shape(share, rise)


class QuadraticForm(ThresholdForm):
    """Second-order-cone program of the quadratic curve, exact."""

    def _perspective(self) -> tuple[cp.Expression, list[cp.Constraint]]:
        self.rise_least = cp.Parameter(self.n, nonneg=True)
        return quadratic_perspective(self.share, self.rise, self.rise_least)

    def _load_floor(self, past: np.ndarray) -> None:
        self.rise_least.value = past

    def _shape_value(self, share: np.ndarray, rise: np.ndarray) -> np.ndarray:
        return quadratic_shape(share, rise)


def surge_perspective(
    share: cp.Expression, rise: cp.Variable, fade_most: np.ndarray | cp.Parameter
) -> tuple[cp.Expression, list[cp.Constraint]]:
    """Return z s(y/z) of the surge's shape s(y) = y e^(1-y) at (rise, share), and its constraints.

    With q = z exp(-y), z y = z log(z/q) = rel_entr(z, q) and the shape is e times
    z y e^(-y) = -rel_entr(q, z). The bound q <= fade_most z, with fade_most <= 1 (y >= 0), is
    needed: without it a query with a small alpha would sell tokens.
    """
    faded, net = cp.Variable(share.size, nonneg=True), cp.Variable(share.size)
    return np.e * net, [
        at_most(faded, cp.multiply(fade_most, share)),
        cp.ExpCone(-rise, share, faded),  # rel_entr(share, faded) <= rise
        cp.ExpCone(net, faded, share),  # net <= -rel_entr(faded, share)
    ]


def quadratic_perspective(
    share: cp.Expression, rise: cp.Variable, rise_least: np.ndarray | cp.Parameter
) -> tuple[cp.Expression, list[cp.Constraint]]:
    """Return z s(y/z) of the parabola s(y) = 2 y - y^2, that is 2 r - r^2 / z, and constraints."""
    square = cp.Variable(share.size)
    cone = cp.SOC(share + square, cp.vstack([2 * rise, share - square]), axis=0)
    return 2 * rise - square, [cone, at_most(cp.multiply(rise_least, share), rise)]


def surge_shape(share: np.ndarray, rise: np.ndarray) -> np.ndarray:
    """Return z (y/z) e^(1 - y/z) from numbers, shape (n,), shares > 0."""
    return rise * np.exp(1.0 - rise / share)


def quadratic_shape(share: np.ndarray, rise: np.ndarray) -> np.ndarray:
    """Return z s(r / z) with s(y) = 2 y - y^2 from numbers, shape (n,), shares > 0."""
    return 2.0 * rise - rise**2 / share


class PointsForm(ConicForm):
    """Linear program over mixtures of points, exact for piecewise-linear curves.

    Each query mixes its floor and the whole blocks around the curve's corners; the program finds
    the upper hull by itself.
    """

    def _build(self) -> tuple[cp.Expression, cp.Expression, list[cp.Constraint]]:
        shape = (self.n, self.points)
        self.gain = cp.Parameter(shape)
        self.cost = cp.Parameter(shape, nonneg=True)
        self.mixture = cp.Variable(shape, nonneg=True)
        value = cp.vec(self.gain, order="C") @ cp.vec(self.mixture, order="C")
        tokens = cp.vec(self.cost, order="C") @ cp.vec(self.mixture, order="C")
        return value, tokens, [at_most(cp.sum(self.mixture, axis=1), 1)]

    def _load(self, problem: AllocationProblem, unit: float) -> None:
        tokens, values = corner_points(problem)
        self.gain.value = problem.weight[:, None] * (values - values[:, :1])
        self.cost.value = (tokens - tokens[:, :1]) / unit

    def relaxed_value(self, problem: AllocationProblem) -> float:
        """Return the optimal value, recomputed from the recovered variables."""
        mixture = np.clip(numbers(self.mixture), 0.0, 1.0)
        return float(problem.utility(problem.floor).sum() + (numbers(self.gain) * mixture).sum())


def corner_points(problem: AllocationProblem) -> tuple[np.ndarray, np.ndarray]:
    """Return tokens and values of piecewise-linear curves where they bend, shape (n, k) each.

    The first column is the floor. The others are the corners, or the whole blocks around them where
    the envelope is one of whole blocks.
    """
    tokens = _corner_caps(problem)
    values = np.column_stack([problem.curves.value(column) for column in tokens.T])
    return tokens, values


def _corner_caps(problem: AllocationProblem) -> np.ndarray:
    corners, envelope = np.asarray(problem.curves.corners), problem.envelope
    floor, ceiling = problem.floor, problem.ceiling
    if envelope.on_blocks or envelope.vertices() is not None:
        return corner_caps(corners, floor, ceiling, problem.block)
    return np.column_stack([floor, np.clip(corners, floor[:, None], ceiling[:, None])])


class Perspective(NamedTuple):
    """An exact conic model of curves that rise from a threshold like one shape s(y)."""

    form: type[ThresholdForm]
    """Of a problem of one budget."""
    constrain: Callable[..., tuple[cp.Expression, list[cp.Constraint]]]
    """Takes shares z, rises r and a bound; returns z s(r / z) and its constraints."""
    bound: Callable[[np.ndarray], np.ndarray]
    """The bound for least distances above the threshold in widths."""
    value: Callable[[np.ndarray, np.ndarray], np.ndarray]
    """z s(r / z) from numbers."""


@singledispatch
def cone_form(curves: Curve) -> Perspective | None:
    """Return the exact conic model of a family of curves, ``None`` where it has none.

    A family registers its own: ``@cone_form.register``. Piecewise-linear families need none: they
    are linear programs. Others are cut by tangents to a certified error.
    """
    return None


@cone_form.register
def _(curves: ShiftedSurge) -> Perspective | None:
    return Perspective(SurgeForm, surge_perspective, lambda y: np.exp(-y), surge_shape)


@cone_form.register
def _(curves: Quadratic) -> Perspective | None:
    return Perspective(QuadraticForm, quadratic_perspective, lambda y: y, quadratic_shape)


def form_of(problem: AllocationProblem) -> tuple[type[ConicForm], int] | None:
    """Return a problem's exact form and its points per query, or ``None`` where there is none.

    Where whole blocks matter (`clear_opt.envelopes.block_envelope`) curved families have none.
    """
    if problem.curves.piecewise_linear:
        return PointsForm, _corner_caps(problem).shape[1]
    model = None if problem.envelope.on_blocks else cone_form(problem.curves)
    return None if model is None else (model.form, 0)

"""Lengths that follow a surge's own rise: each generation stops when its answer is there."""

from __future__ import annotations

import math
from dataclasses import dataclass

from clear_opt._numerics.array_namespace import Array, namespace
from clear_opt.curves import ShiftedSurge
from clear_opt.errors import InvalidInputError
from clear_opt.lengths.base import Lengths, aligned, special


@dataclass(frozen=True, eq=False, repr=False)
class SurgeLengths(Lengths):
    """L has density U'(t) / h between threshold and peak: right or wrong, it ends with the rise.

    Parameters
    ----------
    curves : ShiftedSurge
        Shifted surges; both readings of what lies beyond the peak give the same lengths.

    Raises
    ------
    InvalidInputError
        If the curves are of another family.

    Examples
    --------
    >>> from clear_opt import ShiftedSurge
    >>> lengths = SurgeLengths(ShiftedSurge.from_height(tau=[100.0], height=[0.8], width=[50.0]))
    >>> lengths.expected_spend(150.0).round(3), lengths.survival(150.0)
    (array([114.086]), array([0.]))

    Notes
    -----
    With y = beta (b - tau) in [0, 1], P(L > b) = 1 - y e^(1-y), and its integral is
    E min(L, b) = tau + [y - e (1 - (1 + y) e^(-y))] / beta.
    """

    curves: ShiftedSurge

    def __post_init__(self) -> None:
        if not isinstance(self.curves, ShiftedSurge):
            raise InvalidInputError(
                f"are of the family {type(self.curves).__name__}",
                column="curves",
                remedy="give ShiftedSurge curves, or tabulate the lengths (TabularLengths)",
            )

    def _distance(self, tokens: Array) -> tuple[Array, Array, Array, Array]:
        """Return caps up to the threshold, y in [0, 1], 1/beta, and the integral of s e^(-s)."""
        tau, beta = self.curves.tau, self.curves.beta
        xp, tokens, tau, beta = aligned(self, tokens, tau, beta)
        y = xp.clip(beta * (tokens - tau), 0.0, 1.0)
        return xp.minimum(tokens, tau), y, 1.0 / beta, special(xp).gammainc(2.0, y)

    def survival(self, tokens: Array) -> Array:
        """Return P(L > b) = 1 - y e^(1-y), shape (n,) or (n, m)."""
        _, y, _, _ = self._distance(tokens)
        return 1.0 - y * namespace(y).exp(1.0 - y)

    def expected_spend(self, tokens: Array) -> Array:
        """Return E min(L, b), tokens, shape (n,) or (n, m)."""
        before, y, width, first = self._distance(tokens)
        return before + width * (y - math.e * first)

    def spend_variance(self, tokens: Array) -> Array:
        """Return Var min(L, b), squared tokens, shape (n,) or (n, m)."""
        _, y, width, first = self._distance(tokens)
        xp = namespace(y)
        # What a generation leaves of its cap, D = (y - s)+ with P(S < s) = s e^(1-s), has
        # E D = e I1 and E D^2 = 2 e (y I1 - I2), where Ik is the integral of s^k e^(-s) to y.
        second = 2.0 * special(xp).gammainc(3.0, y)
        square = 2.0 * math.e * (y * first - second)
        return width**2 * xp.maximum(square - (math.e * first) ** 2, 0.0)

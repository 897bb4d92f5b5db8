"""Mixtures of two families: lengths of right answers and of wrong ones, for instance."""

from __future__ import annotations

from dataclasses import dataclass

from clear_opt._numerics.array_namespace import Array, is_traced, namespace
from clear_opt._numerics.arrays import per_query
from clear_opt.curves.base import require
from clear_opt.errors import InvalidInputError
from clear_opt.lengths.base import Lengths, aligned


@dataclass(frozen=True, eq=False, repr=False)
class MixedLengths(Lengths):
    """Mixture of two families: ``one`` with the given probability, else ``other``.

    Parameters
    ----------
    probability : array-like, shape (n,), or float
        Probability of the first, in [0, 1].
    one, other : Lengths
        Lengths of the same n queries.

    Raises
    ------
    InvalidInputError
        Naming row, column and value, or if the two are of different sizes.

    Examples
    --------
    >>> from clear_opt.lengths import LogNormalLengths
    >>> right, wrong = LogNormalLengths([100.0], 0.3), LogNormalLengths([500.0], 0.6)
    >>> MixedLengths([0.7], one=right, other=wrong).expected_spend(200.0).round(1)
    array([132.3])
    """

    probability: Array
    one: Lengths
    other: Lengths

    def __post_init__(self) -> None:
        n = len(self.one)
        if len(self.other) != n:
            raise InvalidInputError(
                f"holds {len(self.other)} queries where 'one' holds {n}",
                column="other",
                remedy="mix lengths of the same queries",
            )
        probability = self.probability
        if is_traced(probability):
            probability = namespace(probability).broadcast_to(probability, (n,))
        else:
            probability = per_query("probability", probability, n)
        require(
            "probability",
            probability,
            lambda v: (v >= 0) & (v <= 1),
            "lies outside [0, 1]",
            "it is a probability",
        )
        object.__setattr__(self, "probability", probability)

    def survival(self, tokens: Array) -> Array:
        """Return P(L > b), shape (n,) or (n, m)."""
        p = self._probability(tokens)
        return p * self.one.survival(tokens) + (1.0 - p) * self.other.survival(tokens)

    def expected_spend(self, tokens: Array) -> Array:
        """Return E min(L, b), tokens, shape (n,) or (n, m)."""
        p = self._probability(tokens)
        return _mix(p, self.one.expected_spend(tokens), self.other.expected_spend(tokens))

    def spend_variance(self, tokens: Array) -> Array:
        """Return Var min(L, b), squared tokens: within the two and between their means."""
        p = self._probability(tokens)
        within = _mix(p, self.one.spend_variance(tokens), self.other.spend_variance(tokens))
        apart = self.one.expected_spend(tokens) - self.other.expected_spend(tokens)
        return within + p * (1.0 - p) * apart**2

    def _probability(self, tokens: Array) -> Array:
        return aligned(self, tokens, self.probability)[2]


def _mix(p: Array, one: Array, other: Array) -> Array:
    """Return the mixture's mean, without terms of probability zero: they may be infinite."""
    xp = namespace(p, one, other)
    first = xp.where(p > 0, one, 0.0)
    return p * first + (1.0 - p) * xp.where(p < 1, other, 0.0)

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
    """With probability ``share`` the length is drawn from ``one``, else from ``other``.

    Parameters
    ----------
    share
        Probability of the first, in [0, 1], shape (n,) or a scalar.
    one, other
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

    share: Array
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
        share = self.share
        if is_traced(share):
            share = namespace(share).broadcast_to(share, (n,))
        else:
            share = per_query("share", share, n)
        require(
            "share",
            share,
            lambda v: (v >= 0) & (v <= 1),
            "lies outside [0, 1]",
            "it is a probability",
        )
        object.__setattr__(self, "share", share)

    def survival(self, tokens: Array) -> Array:
        """Give P(L > b), shape (n,) or (n, m)."""
        share = self._share(tokens)
        return share * self.one.survival(tokens) + (1.0 - share) * self.other.survival(tokens)

    def expected_spend(self, tokens: Array) -> Array:
        """Give E min(L, b), tokens, shape (n,) or (n, m)."""
        share = self._share(tokens)
        return _mix(share, self.one.expected_spend(tokens), self.other.expected_spend(tokens))

    def spend_variance(self, tokens: Array) -> Array:
        """Give Var min(L, b), squared tokens: within the two and between their means."""
        share = self._share(tokens)
        within = _mix(share, self.one.spend_variance(tokens), self.other.spend_variance(tokens))
        apart = self.one.expected_spend(tokens) - self.other.expected_spend(tokens)
        return within + share * (1.0 - share) * apart**2

    def _share(self, tokens: Array) -> Array:
        return aligned(self, tokens, self.share)[2]


def _mix(share: Array, one: Array, other: Array) -> Array:
    """Average, leaving out what has no weight: it may be infinite."""
    xp = namespace(share, one, other)
    first = xp.where(share > 0, one, 0.0)
    return share * first + (1.0 - share) * xp.where(share < 1, other, 0.0)

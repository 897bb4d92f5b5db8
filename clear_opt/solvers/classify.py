"""Why each query got its cap: one classification for budgets and programs, NumPy and JAX."""

from __future__ import annotations

from typing import Any, NamedTuple

from clear_opt._numerics.array_namespace import Array
from clear_opt.problem.allocation import Reason

BREAK_EVEN = 1e-6
"""A query whose surplus, or price, is this close to break-even, relative to its success or its
abandonment price, breaks even: the digits to which every solver finds prices."""


class Facts(NamedTuple):
    """What is known of queries at their caps and at the prices; booleans of shape (n,)."""

    bought: Array
    """The cap lies above the floor."""
    at_ceiling: Array
    at_peak: Array
    """More tokens would gain nothing."""
    marginal: Array
    """Funded at less than its break-even cap, or at a loss: the break item."""
    obliged: Array
    """Funded at a loss because a constraint asks for it."""
    floor_funds: Array
    """The floor alone passes the threshold."""
    hopeless: Array
    """No price is low enough."""
    pays: Array
    """Funding does not lose at the prices."""


def classify(facts: Facts, xp: Any, unpaid: Reason = Reason.ABANDONED) -> Array:
    """Return the `Reason` of each query, int8, shape (n,).

    Parameters
    ----------
    facts : Facts
    xp : module
        The array namespace to compute in, `numpy` or `jax.numpy`.
    unpaid : Reason
        Of a query that does not pay: by the one price, or by several.
    """
    cases = (
        (facts.obliged, Reason.OBLIGED),
        (facts.bought & facts.at_ceiling, Reason.CEILING),
        (facts.bought & facts.at_peak, Reason.PEAK),
        (facts.marginal, Reason.MARGINAL),
        (facts.bought, Reason.FUNDED),
        (facts.floor_funds, Reason.FLOOR),
        (facts.hopeless, Reason.HOPELESS),
        (~facts.pays, unpaid),
    )
    codes = xp.full(facts.bought.shape, int(Reason.NO_ROOM), dtype=xp.int8)
    for holds, reason in reversed(cases):
        codes = xp.where(holds, xp.int8(reason), codes)
    return codes

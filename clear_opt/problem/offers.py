"""Offers: the ways in which a query may be answered, each with its own curve and its own cost."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from clear_opt._numerics.arrays import per_query, read_only
from clear_opt._numerics.batched import owned
from clear_opt.curves import Curve
from clear_opt.curves.base import require
from clear_opt.errors import InvalidInputError
from clear_opt.lengths import Lengths
from clear_opt.problem.allocation_problem import require_ceiling

TOKENS = "tokens"
"""The resource every completion uses: one unit per token."""


@dataclass(frozen=True, eq=False, repr=False)
class Offer:
    """One way to answer each of n queries: a model, an effort, a mode.

    Parameters
    ----------
    name
        What the answer will call it.
    curves
        One utility curve per query with this offer, over caps in tokens.
    rate
        What a token of the completion costs of resources other than tokens, >= 0, e.g.
        ``{"dollars": 4.4e-6}``; a number, or one per query.
    fixed
        What a funded query costs however short its answer, >= 0, e.g. the prompt: ``{"dollars":
        1.2e-4}``, or ``{"tokens": 350}`` where prompts count; a number, or one per query.
    lengths
        Distribution of the completion's length under no cap, one per query; needed where a
        program counts expected spend.
    ceiling
        Most tokens of this offer, a number or one per query; ``None`` for no limit of its own.
    available
        Which queries may use the offer, booleans of shape (n,); ``None`` for all.

    Raises
    ------
    InvalidInputError
        Naming row, column and value of what cannot be used.

    Examples
    --------
    >>> from clear_opt import ShiftedSurge
    >>> curves = ShiftedSurge.from_height(tau=[80, 300], height=[0.7, 0.2], width=[60, 200])
    >>> Offer("small", curves, rate={"dollars": 0.6e-6})
    Offer('small', n=2, rate={'dollars': 6e-07})
    """

    name: str
    curves: Curve
    rate: Mapping[str, Any] = field(default_factory=dict)
    fixed: Mapping[str, Any] = field(default_factory=dict)
    lengths: Lengths | None = None
    ceiling: Any = None
    available: Any = None

    def __post_init__(self) -> None:
        n = len(self.curves)
        if not (isinstance(self.name, str) and self.name):
            raise InvalidInputError(
                "is not a name", column="offer", value=self.name, remedy="give a text"
            )
        object.__setattr__(self, "curves", owned(self.curves, f"curves of {self.name!r}"))
        if self.lengths is not None:
            lengths = owned(self.lengths, f"lengths of {self.name!r}")
            object.__setattr__(self, "lengths", lengths)
        if self.lengths is not None and len(self.lengths) != n:
            raise InvalidInputError(
                f"has {len(self.lengths)} entries for {n} curves",
                column=f"lengths of {self.name!r}",
                remedy="give one for each query",
            )
        if TOKENS in self.rate:
            raise InvalidInputError(
                "is always 1 token per token",
                column=f"rate of {self.name!r}",
                value=TOKENS,
                remedy="leave it out; rates are for other resources",
            )
        for name in ("rate", "fixed"):
            costs = {}
            for resource, amount in getattr(self, name).items():
                column = f"{name}[{resource!r}] of {self.name!r}"
                each = per_query(column, amount, n)
                require(column, each, lambda v: v >= 0, "must be a number >= 0", "costs add up")
                costs[str(resource)] = each
            object.__setattr__(self, name, costs)
        column = f"ceiling of {self.name!r}"
        ceiling = per_query(column, np.inf if self.ceiling is None else self.ceiling, n)
        require_ceiling(column, ceiling)
        object.__setattr__(self, "ceiling", ceiling)
        column = f"available of {self.name!r}"
        open_to = per_query(column, True if self.available is None else self.available, n)
        require(column, open_to, lambda v: (v == 0) | (v == 1), "is no boolean", "give booleans")
        object.__setattr__(self, "available", read_only(open_to > 0))

    def rate_of(self, resource: str) -> np.ndarray:
        """Return units of a resource per token, shape (n,)."""
        n = len(self.curves)
        return np.ones(n) if resource == TOKENS else self.rate.get(resource, np.zeros(n))

    def fixed_of(self, resource: str) -> np.ndarray:
        """Return units of a resource that a funded query costs in any case, shape (n,)."""
        return self.fixed.get(resource, np.zeros(len(self.curves)))

    @property
    def resources(self) -> set[str]:
        """Names of what the offer uses."""
        return {TOKENS, *self.rate, *self.fixed}

    def __len__(self) -> int:
        return len(self.curves)

    def __repr__(self) -> str:
        rates = {name: _short(rate) for name, rate in self.rate.items()}
        return f"Offer({self.name!r}, n={len(self)}" + (f", rate={rates}" if rates else "") + ")"


def _short(values: np.ndarray) -> Any:
    return float(values[0]) if len(values) and (values == values[0]).all() else "per query"

"""Constraints that couple queries: limits, guarantees, and shares that must be funded.

Each gets one price, what relaxing it by one unit would gain, which is never negative.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from clear_opt._numerics.arrays import as_array, as_number, own
from clear_opt.errors import InvalidInputError
from clear_opt.problem.offers import TOKENS

QUERIES = "queries"
"""Unit of constraints that count funded queries."""


@dataclass(frozen=True, eq=False, repr=False)
class Limit:
    """The queries of a group together use at most ``amount`` of a resource.

    Parameters
    ----------
    amount
        Units of the resource, >= 0.
    resource
        ``"tokens"``, or a resource that offers have a rate or a fixed cost of.
    group
        Which queries, booleans or indices; ``None`` for all.
    name
        What answers and messages call it; made of resource and group where left out.

    Examples
    --------
    >>> Limit(2.5, "dollars")
    Limit(2.5 dollars, 'dollars')
    """

    amount: float
    resource: str = TOKENS
    group: Any = None
    name: str | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "amount", _as_amount(self.amount, "limit"))
        _settle(self, self.resource)

    def __repr__(self) -> str:
        return f"Limit({self.amount:g} {self.resource}, {self.name!r})"


@dataclass(frozen=True, eq=False, repr=False)
class Guarantee:
    """The queries of a group together get at least ``amount`` of a resource, if they can use it.

    A group that cannot use so much, because all its queries are at their peaks, gets what it can
    use. Parameters are those of `Limit`; the group must be given.

    Examples
    --------
    >>> Guarantee(500, group=[0, 3], name="team B")
    Guarantee(500 tokens, 'team B')
    """

    amount: float
    resource: str = TOKENS
    group: Any = None
    name: str | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "amount", _as_amount(self.amount, "guarantee"))
        _settle(self, f"guaranteed {self.resource}")

    def __repr__(self) -> str:
        return f"Guarantee({self.amount:g} {self.resource}, {self.name!r})"


@dataclass(frozen=True, eq=False, repr=False)
class FundedShare:
    """At least a share of a group's queries is funded, up to its break-even cap or beyond.

    That is one block at least: without tokens nobody is funded, unless by a floor that passes the
    query's threshold.

    Parameters
    ----------
    share
        In [0, 1]; the number of queries is rounded up.
    group
        Which queries, booleans or indices; ``None`` for all.
    name
        What answers and messages call it.

    Examples
    --------
    >>> FundedShare(0.5, group=[0, 1, 2], name="students")
    FundedShare(50%, 'students')
    """

    share: float
    group: Any = None
    name: str | None = None

    def __post_init__(self) -> None:
        share = as_number(self.share, "share")
        if not 0 <= share <= 1:
            raise InvalidInputError(
                "lies outside [0, 1]", column="share", value=self.share, remedy="give a share"
            )
        object.__setattr__(self, "share", share)
        _settle(self, "funded share")

    def __repr__(self) -> str:
        return f"FundedShare({self.share:.0%}, {self.name!r})"


Constraint = Limit | Guarantee | FundedShare


def per_tenant(
    labels: Sequence[Any] | np.ndarray,
    *,
    budget: Mapping[Any, float] | None = None,
    guarantee: Mapping[Any, float] | None = None,
    funded_share: Mapping[Any, float] | None = None,
    resource: str = TOKENS,
) -> list[Constraint]:
    """Return the constraints of tenants, named after them.

    Parameters
    ----------
    labels
        Tenant of each query, shape (n,).
    budget
        Most units that each tenant may use.
    guarantee
        Units that each tenant gets if it can use them.
    funded_share
        Least share of each tenant's queries that is funded.
    resource
        What budgets and guarantees count.

    Raises
    ------
    InvalidInputError
        If a tenant is named that no query has.

    Examples
    --------
    >>> per_tenant(["a", "b", "a"], budget={"a": 900}, guarantee={"b": 200})
    [Limit(900 tokens, "a's tokens"), Guarantee(200 tokens, "b's guaranteed tokens")]
    """
    labels = as_array(labels, "labels")
    found: list[Constraint] = []

    def group(tenant: Any) -> np.ndarray:
        members = labels == tenant
        if not np.any(members):
            raise InvalidInputError(
                "has no query",
                column="tenant",
                value=tenant,
                remedy=f"tenants are {', '.join(map(str, np.unique(labels)[:10]))}",
            )
        return members

    for tenant, amount in (budget or {}).items():
        found.append(Limit(amount, resource, group(tenant), f"{tenant}'s {resource}"))
    for tenant, amount in (guarantee or {}).items():
        name = f"{tenant}'s guaranteed {resource}"
        found.append(Guarantee(amount, resource, group(tenant), name))
    for tenant, share in (funded_share or {}).items():
        found.append(FundedShare(share, group(tenant), f"{tenant}'s funded share"))
    return found


def members_of(constraint: Constraint, n: int) -> np.ndarray:
    """Return the group of a constraint as booleans of shape (n,).

    Raises
    ------
    InvalidInputError
        If the group does not fit n queries.
    """
    return as_members(constraint.group, f"group of {constraint.name!r}", n)


def as_members(group: Any, column: str, n: int) -> np.ndarray:
    """Read booleans, indices from 0, or ``None`` for all queries, as read-only booleans, (n,)."""
    members = np.ones(n, dtype=bool) if group is None else np.zeros(n, dtype=bool)
    if group is not None:
        group = _as_places(group, column)
        fits = group.shape == (n,) if group.dtype == bool else ((group >= 0) & (group < n)).all()
        if group.ndim != 1 or not fits:
            raise InvalidInputError(
                f"does not fit {n} queries",
                column=column,
                remedy="give a boolean for each query, or indices from 0",
            )
        members[group] = True
    members.flags.writeable = False
    return members


def _as_places(group: Any, column: str) -> np.ndarray:
    """Return booleans or whole numbers that nobody can change."""
    places = as_array(group, column)
    if places.dtype.kind not in "biu" and places.size:
        raise InvalidInputError(
            f"holds {places.dtype}",
            column=column,
            remedy="give a boolean for each query, or indices from 0",
        )
    return own(places if places.size else places.astype(np.int64))


def _as_amount(given: Any, column: str) -> float:
    amount = as_number(given, column)
    if not 0 <= amount < np.inf:
        raise InvalidInputError(
            "must be a number >= 0",
            column=column,
            value=amount,
            remedy="leave out what is no limit",
        )
    return amount


def _settle(constraint: Any, usual: str) -> None:
    """Name a constraint, and make its group its own."""
    group = constraint.group
    if constraint.name is None:
        within = "" if group is None else " of a group"
        object.__setattr__(constraint, "name", usual + within)
    if group is not None:
        places = _as_places(group, f"group of {constraint.name!r}")
        object.__setattr__(constraint, "group", places)

"""Constraints that couple queries: limits, guarantees, and shares that must be funded.

Each gets one price, what relaxing it by one unit would gain, which is never negative.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from clear_opt.errors import InvalidInputError
from clear_opt.program.offers import TOKENS

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
        _check_amount(self.amount, "limit")
        _settle_name(self, self.resource)

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
        _check_amount(self.amount, "guarantee")
        _settle_name(self, f"guaranteed {self.resource}")

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
        if not (isinstance(self.share, int | float | np.number) and 0 <= self.share <= 1):
            raise InvalidInputError(
                "lies outside [0, 1]", column="share", value=self.share, remedy="give a share"
            )
        _settle_name(self, "funded share")

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
    """Give the constraints of tenants, named after them.

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
    labels = np.asarray(labels)
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
    """Give the group of a constraint as booleans of shape (n,).

    Raises
    ------
    InvalidInputError
        If the group does not fit n queries.
    """
    if constraint.group is None:
        return np.ones(n, dtype=bool)
    group = np.asarray(constraint.group)
    if group.dtype == bool and group.shape == (n,):
        return group.copy()
    whole = group.ndim == 1 and (group.size == 0 or np.issubdtype(group.dtype, np.integer))
    if group.dtype != bool and whole and ((group >= 0) & (group < n)).all():
        members = np.zeros(n, dtype=bool)
        members[group.astype(np.int64)] = True
        return members
    raise InvalidInputError(
        f"does not fit {n} queries",
        column=f"group of {constraint.name!r}",
        remedy="give a boolean for each query, or indices from 0",
    )


def _check_amount(amount: Any, column: str) -> None:
    if not (isinstance(amount, int | float | np.number) and 0 <= amount < np.inf):
        raise InvalidInputError(
            "must be a number >= 0",
            column=column,
            value=amount,
            remedy="leave out what is no limit",
        )


def _settle_name(constraint: Any, usual: str) -> None:
    if constraint.name is None:
        within = "" if constraint.group is None else " of a group"
        object.__setattr__(constraint, "name", usual + within)

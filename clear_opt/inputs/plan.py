"""A plan: everything of a program but its queries."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import numpy as np
from pydantic import Field, ValidationError, model_validator

from clear_opt import defaults
from clear_opt.errors import InvalidInputError
from clear_opt.inputs.forecast import Forecast
from clear_opt.inputs.plan_schema import (
    Name,
    PlannedGuarantee,
    PlannedLimit,
    PlannedOffer,
    PlannedShare,
    PlanPart,
)
from clear_opt.problem import FundedShare, Guarantee, Limit, Offer, Program
from clear_opt.problem.chance_constraints import OverrunBound
from clear_opt.problem.constraints import Constraint
from clear_opt.problem.program import Basis

_LARGEST_ERROR = 100.0  # of the spend: a forecast that is further off forecasts nothing


class Plan(PlanPart):
    """What a gateway decides once: offers, limits, guarantees, shares, and what counts as spent.

    Attributes
    ----------
    offers : tuple of PlannedOffer, optional
        Ways to answer; where none is named there is one, which costs its tokens.
    limits : tuple of PlannedLimit, optional
        The first is the budget that "what if" questions vary.
    guarantees, funded_shares : tuple, optional
        What tenants get.
    tenant_column : str, default="tenant"
        Column of the query table with each query's tenant.
    basis : {"reserved", "expected"}, default="reserved"
        ``"reserved"`` counts caps, ``"expected"`` what is expected to be spent.
    overrun_probability, overrun_bound, spend_error
        See `Program`. A spend error that is left out is the largest of the forecasts'.

    Examples
    --------
    >>> from clear_opt import ShiftedSurge, solve
    >>> plan = Plan(
    ...     offers=[
    ...         {"name": "small", "rate": {"cents": 0.01}},
    ...         {"name": "large", "rate": {"cents": 0.1}},
    ...     ],
    ...     limits=[{"amount": 45, "resource": "cents"}],
    ... )
    >>> small = ShiftedSurge.from_height(tau=[80, 300], height=[0.7, 0.2], width=[60, 200])
    >>> large = ShiftedSurge.from_height(tau=[90, 250], height=[0.9, 0.8], width=[80, 150])
    >>> solve(plan.program({"small": Forecast(small), "large": Forecast(large)})).offered
    ('small', 'large')
    """

    offers: Annotated[tuple[PlannedOffer, ...], Field(strict=False)] = ()
    limits: Annotated[tuple[PlannedLimit, ...], Field(strict=False)] = ()
    guarantees: Annotated[tuple[PlannedGuarantee, ...], Field(strict=False)] = ()
    funded_shares: Annotated[tuple[PlannedShare, ...], Field(strict=False)] = ()
    tenant_column: Name = "tenant"
    basis: Basis = "reserved"
    overrun_probability: Annotated[float, Field(gt=0, lt=0.5)] | None = None
    overrun_bound: OverrunBound = "normal"
    spend_error: Annotated[float, Field(ge=0, le=_LARGEST_ERROR, allow_inf_nan=False)] | None = None

    @model_validator(mode="after")
    def _agrees(self) -> Plan:
        names = [offer.name for offer in self.offers]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"has two offers named {name!r}; give each its own name")
        if self.overrun_probability is not None and self.basis == "reserved":
            raise ValueError(
                "has an overrun_probability in the reserved basis; caps that are reserved cannot "
                "be overrun: add basis = 'expected', or leave it out"
            )
        return self

    @property
    def tenants(self) -> tuple[str, ...]:
        """The tenants that it names, each once."""
        parts = (*self.limits, *self.guarantees, *self.funded_shares)
        return tuple(dict.fromkeys(part.tenant for part in parts if part.tenant is not None))

    def changed(self, **fields: Any) -> Plan:
        """Return the same plan with other fields, checked again; ``None`` changes nothing.

        Raises
        ------
        InvalidInputError
            If the fields do not go together.
        """
        wanted = {name: value for name, value in fields.items() if value is not None}
        own = {name: getattr(self, name) for name in self.model_fields_set}
        try:
            return Plan(**{**own, **wanted})
        except ValidationError as error:
            (first, *_) = error.errors(include_url=False)
            column = ".".join(map(str, first["loc"])) or "plan"
            message = first["msg"].removeprefix("Value error, ").replace("Input should", "must", 1)
            raise InvalidInputError(message, column=column, value=wanted.get(column)) from None

    def program(
        self,
        forecasts: Mapping[str, Forecast],
        tenants: Sequence[str] | np.ndarray | None = None,
        *,
        floor: Any = defaults.FLOOR,
        ceiling: Any = None,
        weight: Any = 1.0,
        block: int = defaults.BLOCK,
    ) -> Program:
        """Return the program of a batch.

        Parameters
        ----------
        forecasts : mapping of str to Forecast
            For each offer, by its name, what it would do with n queries. A plan without offers
            takes those that are here, at no cost but their tokens.
        tenants : sequence of str, optional
            Tenant of each query, shape (n,), texts; needed where the plan names tenants. A
            tenant of the plan without a query here asks for nothing.
        floor, ceiling, weight, block
            As for `Program`.

        Raises
        ------
        InvalidInputError
            If an offer has no forecast, the plan has no limit, a resource no offer that uses
            it, or a value cannot be used.
        """
        errors = [one.spend_error for one in forecasts.values()]
        shared = max(errors, default=0.0) if self.spend_error is None else self.spend_error
        return Program(
            self._offers(forecasts),
            self._constraints(tenants),
            floor=floor,
            ceiling=ceiling,
            weight=weight,
            block=block,
            basis=self.basis,
            overrun_probability=self.overrun_probability,
            overrun_bound=self.overrun_bound,
            spend_error=shared,
        )

    def _offers(self, forecasts: Mapping[str, Forecast]) -> list[Offer]:
        found = []
        for planned in self.offers or [PlannedOffer(name=name) for name in forecasts]:
            if planned.name not in forecasts:
                raise InvalidInputError(
                    "has no forecast",
                    column="offer",
                    value=planned.name,
                    remedy=f"there are forecasts for {', '.join(forecasts) or 'none'}",
                )
            curves, lengths, _ = forecasts[planned.name]
            found.append(
                Offer(planned.name, curves, planned.rate, planned.fixed, lengths, planned.ceiling)
            )
        return found

    def _constraints(self, tenants: Sequence[str] | np.ndarray | None) -> list[Constraint]:
        if self.tenants and tenants is None:
            raise InvalidInputError(
                "are needed: the plan names tenants", column="tenants", remedy="give each query one"
            )
        parts = (*self.limits, *self.guarantees, *self.funded_shares)
        return [_constraint(part, tenants) for part in parts]


def _constraint(
    part: PlannedLimit | PlannedGuarantee | PlannedShare,
    tenants: Sequence[str] | np.ndarray | None,
) -> Constraint:
    """Return a constraint, named as `clear_opt.per_tenant` would; its group may be empty."""
    group, whose = None, ""
    if part.tenant is not None:
        group, whose = np.asarray(tenants, dtype=object) == part.tenant, f"{part.tenant}'s "
    if isinstance(part, PlannedShare):
        return FundedShare(part.share, group, part.name or f"{whose}funded share")
    if isinstance(part, PlannedGuarantee):
        name = part.name or f"{whose}guaranteed {part.resource}"
        return Guarantee(part.amount, part.resource, group, name)
    return Limit(part.amount, part.resource, group, part.name or f"{whose}{part.resource}")

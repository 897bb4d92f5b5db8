"""What a plan consists of, checked by pydantic: offers, limits, guarantees, funded shares."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from clear_opt.inputs.query_row import as_text
from clear_opt.problem.offers import TOKENS


def _not_blank(value: str) -> str:
    if not value.strip():
        raise ValueError("is blank")
    return value


Name = Annotated[str, AfterValidator(_not_blank)]
"""A text that names something."""

_Label = Annotated[Name, BeforeValidator(as_text)]
_LARGEST = 1e100  # units: products of two amounts, and their inverses, stay within float64


def _within_reach(value: float) -> float:
    if 0 < value < 1 / _LARGEST or value > _LARGEST:
        raise ValueError(f"must be 0, or lie between {1 / _LARGEST:g} and {_LARGEST:g}")
    return value


_NotNegative = Annotated[
    float, Field(ge=0, allow_inf_nan=False), AfterValidator(_within_reach), AfterValidator(abs)
]
_Costs = dict[Name, _NotNegative]


class PlanPart(BaseModel):
    """A table of a plan: fields that are not known are refused, numbers must be numbers."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class PlannedOffer(PlanPart):
    """One way to answer: what it costs, and where its curves come from.

    Attributes
    ----------
    name : str
        What the answer calls it.
    model : str, optional
        Whose answers the predicted curves are about; ``None`` for a typical model.
    predictor : str, optional
        Who predicts: a name, a folder, or ``models:/NAME@ALIAS``; ``None`` for the command's.
    curves : str, optional
        Instead of both, a table of curves for the same queries; its path is relative to the plan.
    rate : dict of str to float, optional
        Units of each resource per token of the completion, >= 0.
    fixed : dict of str to float, optional
        Units of each resource per funded query, >= 0, ``tokens`` among them.
    ceiling : float, optional
        Most tokens of this offer.
    """

    name: Name
    model: Name | None = None
    predictor: Name | None = None
    curves: Name | None = None
    rate: _Costs = {}
    fixed: _Costs = {}
    ceiling: _NotNegative | None = None

    @model_validator(mode="after")
    def _one_source(self) -> PlannedOffer:
        if self.curves is not None and (self.model is not None or self.predictor is not None):
            raise ValueError(
                "has curves and a model or predictor; keep the curves, or what predicts them"
            )
        if TOKENS in self.rate:
            raise ValueError("has a rate of tokens, which is always 1; rate is for other resources")
        return self


class PlannedLimit(PlanPart):
    """At most ``amount`` units of a resource, for all queries or for one tenant's."""

    amount: _NotNegative
    resource: Name = TOKENS
    tenant: _Label | None = None
    name: Name | None = None


class PlannedGuarantee(PlanPart):
    """A tenant gets ``amount`` units of a resource if it can use them."""

    amount: _NotNegative
    tenant: _Label
    resource: Name = TOKENS
    name: Name | None = None


class PlannedShare(PlanPart):
    """At least ``share`` of a tenant's queries is funded; of all queries where none is named."""

    share: Annotated[float, Field(ge=0, le=1)]
    tenant: _Label | None = None
    name: Name | None = None

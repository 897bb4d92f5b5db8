"""Plans from files: TOML or JSON, every field checked, the first bad one named with a remedy."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from clear_opt.inputs.plan import Plan
from clear_opt.inputs.plan_schema import PlannedGuarantee, PlannedLimit, PlannedOffer, PlannedShare
from clear_opt.io import TableError, read_json, read_toml

_REMEDIES = {
    "amount": "amount is in units of the resource, for all the queries concerned together",
    "name": "names tell offers, or constraints, apart",
    "model": "model is one that the predictor was trained on; leave it out for a typical one",
    "curves": "curves is the path of a table of curves, as seen from the plan",
    "rate": "rate is what one token costs of each resource, e.g. rate = { dollars = 6e-7 }",
    "fixed": "fixed is what a funded query costs of each resource, e.g. fixed = { dollars = 1e-4 }",
    "ceiling": "ceiling is in tokens; leave it out for none",
    "share": "share is a part of the queries, from 0 to 1",
    "tenant": "tenant is a label that the queries' tenant column has",
    "tenant_column": "tenant_column names a column of the queries",
    "basis": "'reserved' counts caps, 'expected' what is expected to be spent",
    "overrun_probability": "say how often a limit may be exceeded, e.g. 0.01",
    "spend_error": "it is a share of the spend, e.g. 0.03",
}
_KINDS = {
    "tuple_type": "must be a list of tables",
    "dict_type": "must be a table of resources and numbers",
    "model_type": "must be a table",
}
_PARTS = {
    "offers": PlannedOffer,
    "limits": PlannedLimit,
    "guarantees": PlannedGuarantee,
    "funded_shares": PlannedShare,
}


def read_plan(path: str | Path) -> Plan:
    """Read a plan.

    Parameters
    ----------
    path : str or Path
        A ``.toml`` or ``.json`` file with the fields of `Plan`; ``offers``, ``limits``,
        ``guarantees`` and ``funded_shares`` are lists of tables.

    Raises
    ------
    TableError
        Naming the file, the field and its value.
    """
    path = Path(path)
    ending = path.suffix.lower()
    if ending not in (".toml", ".json"):
        raise TableError(
            "is no plan by its ending", path=path, remedy="write plans as .toml or .json"
        )
    found = read_toml(path) if ending == ".toml" else read_json(path)
    if not isinstance(found, dict):
        raise TableError("is no object", path=path, remedy=f"give {{...}} with {', '.join(_PARTS)}")
    try:
        return Plan.model_validate(found)
    except ValidationError as error:
        raise _told(path, found, error) from None


def _told(path: Path, found: dict[str, Any], error: ValidationError) -> TableError:
    first = error.errors(include_url=False)[0]
    location: tuple[str | int, ...] = first["loc"]
    kind, message = first["type"], first["msg"]
    field = next((str(part) for part in reversed(location) if part in _REMEDIES), "")
    if field == "name" and str(location[0]) not in _PARTS:
        field = ""
    value, remedy = _value(found, location), _REMEDIES.get(field, "")
    if kind == "missing":
        message, value = "is missing", None
    elif kind == "extra_forbidden":
        known = _PARTS[str(location[0])] if len(location) > 1 else Plan
        message, value = "is not a field of a plan", None
        remedy = f"fields here are {', '.join(known.model_fields)}"
    elif kind in _KINDS:
        message = _KINDS[kind]
    else:
        message = message.removeprefix("Value error, ").replace("Input should", "must", 1)
        if kind == "value_error" and "; " in message:  # with its remedy
            message, _, remedy = message.partition("; ")
    return TableError(
        message,
        path=path,
        column=_shown(location) or None,
        value=None if isinstance(value, dict | list) else value,
        remedy=remedy,
    )


def _value(found: Any, location: Sequence[str | int]) -> Any:
    for part in location:
        try:
            found = found[part]
        except (KeyError, IndexError, TypeError):
            return None  # the key of a table itself is at fault
    return found


def _shown(location: Sequence[str | int]) -> str:
    """Write a location as users count: ``offers 2.rate.dollars`` in the second offer."""
    parts = [f" {part + 1}" if isinstance(part, int) else f".{part}" for part in location]
    return "".join(parts).removeprefix(".")

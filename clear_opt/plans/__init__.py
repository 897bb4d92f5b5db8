"""Plans: offers, limits, tenants and what counts as spent, written down in a file.

A plan says what a `Program` is made of but for the queries: `read_plan` reads it, `Plan.program`
puts it together with what was predicted of the queries. Needs ``clear-opt[cli]``.
"""

from clear_opt.errors import MissingExtraError

try:
    import pyarrow  # noqa: F401
    import pydantic  # noqa: F401
except ImportError as error:
    raise MissingExtraError("pyarrow and pydantic", "cli") from error

from clear_opt.inputs.forecast import Forecast, forecast, given
from clear_opt.inputs.plan_schema import PlannedGuarantee, PlannedLimit, PlannedOffer, PlannedShare
from clear_opt.inputs.plan import Plan
from clear_opt.inputs.read_plan import read_plan

__all__ = [
    "Forecast",
    "Plan",
    "PlannedGuarantee",
    "PlannedLimit",
    "PlannedOffer",
    "PlannedShare",
    "forecast",
    "given",
    "read_plan",
]

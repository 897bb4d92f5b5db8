"""Inputs: query tables and plan files, checked row by row.

`read_queries` takes JSON Lines, CSV or Parquet; `clear_opt.io.write_table` writes the same
three. A plan has offers, limits, tenants and what counts as spent, written down in a file. It says
what a `Program` is made of but for the queries: `read_plan` reads it, `Plan.program` puts it
together with what was predicted of the queries. Needs ``clear-opt[cli]``.
"""

from clear_opt.errors import MissingExtraError

try:
    import pyarrow  # noqa: F401
    import pydantic  # noqa: F401
except ImportError as error:
    raise MissingExtraError("pyarrow and pydantic", "cli") from error

from clear_opt.inputs.curve_table import curve_table
from clear_opt.inputs.forecast import Forecast, forecast, forecast_from_columns
from clear_opt.inputs.plan import Plan
from clear_opt.inputs.plan_schema import PlannedGuarantee, PlannedLimit, PlannedOffer, PlannedShare
from clear_opt.inputs.query_table import QueryTable, read_queries
from clear_opt.inputs.read_plan import read_plan

__all__ = [
    "Forecast",
    "Plan",
    "PlannedGuarantee",
    "PlannedLimit",
    "PlannedOffer",
    "PlannedShare",
    "QueryTable",
    "curve_table",
    "forecast",
    "forecast_from_columns",
    "read_plan",
    "read_queries",
]

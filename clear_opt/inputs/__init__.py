"""Query tables: what the command line allocates for, checked row by row.

`read_queries` takes JSON Lines, CSV or Parquet; `clear_opt.io.write_table` writes the same
three. Needs ``clear-opt[cli]``.
"""

from clear_opt.errors import MissingExtraError

try:
    import pyarrow  # noqa: F401
    import pydantic  # noqa: F401
except ImportError as error:
    raise MissingExtraError("pyarrow and pydantic", "cli") from error

from clear_opt.inputs.curve_table import curve_table
from clear_opt.inputs.query_table import QueryTable, read_queries

__all__ = ["QueryTable", "curve_table", "read_queries"]

"""Query tables: what the command line reads and writes, checked row by row, never half-written.

`read_queries` takes JSON Lines, CSV or Parquet; `write_table` writes the same three. Needs
``clear-opt[cli]``.
"""

from clear_opt.errors import MissingExtraError

try:
    import pyarrow  # noqa: F401
    import pydantic  # noqa: F401
except ImportError as error:
    raise MissingExtraError("pyarrow and pydantic", "cli") from error

from clear_opt.tables.curves import curve_table
from clear_opt.tables.errors import TableError
from clear_opt.tables.queries import QueryTable, read_queries
from clear_opt.tables.records import Record, Records, read_records
from clear_opt.tables.write import check_output, make_folder, replacing, write_table

__all__ = [
    "QueryTable",
    "Record",
    "Records",
    "TableError",
    "check_output",
    "curve_table",
    "make_folder",
    "read_queries",
    "read_records",
    "replacing",
    "write_table",
]

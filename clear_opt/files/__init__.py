"""Files of rows: read with the place of every row, named in errors, never half-written.

JSON Lines, CSV and Parquet. Needs ``clear-opt[tables]``.
"""

from clear_opt.errors import MissingExtraError

try:
    import pyarrow  # noqa: F401
except ImportError as error:
    raise MissingExtraError("pyarrow", "tables") from error

from clear_opt.files.errors import TableError
from clear_opt.files.records import Record, Records, read_parquet, read_records, read_text
from clear_opt.files.write import check_output, make_folder, replacing, write_table

__all__ = [
    "Record",
    "Records",
    "TableError",
    "check_output",
    "make_folder",
    "read_parquet",
    "read_records",
    "read_text",
    "replacing",
    "write_table",
]

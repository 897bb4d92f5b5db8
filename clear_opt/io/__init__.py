"""Files: read with the location of whatever is wrong in them, never half-written.

Tables as JSON Lines, CSV and Parquet; documents as JSON and TOML. Needs ``clear-opt[tables]``.
"""

from clear_opt.errors import MissingExtraError

try:
    import pyarrow  # noqa: F401
except ImportError as error:
    raise MissingExtraError("pyarrow", "tables") from error

from clear_opt.io.documents import parse_json, parse_toml, read_json, read_toml
from clear_opt.io.errors import TableError, listed
from clear_opt.io.inputs import check_input, read_bytes, read_text
from clear_opt.io.parquet import read_indexed, read_parquet
from clear_opt.io.records import Record, Records, read_records
from clear_opt.io.write import check_folder, check_output, make_folder, replacing, write_table

__all__ = [
    "Record",
    "Records",
    "TableError",
    "check_folder",
    "check_input",
    "check_output",
    "listed",
    "make_folder",
    "parse_json",
    "parse_toml",
    "read_bytes",
    "read_indexed",
    "read_json",
    "read_parquet",
    "read_records",
    "read_text",
    "read_toml",
    "replacing",
    "write_table",
]

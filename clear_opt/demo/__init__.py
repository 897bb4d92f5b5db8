"""The demo: its questions and what it computes; ``clear-opt demo`` shows the result."""

from clear_opt.demo.queries import DemoQuery, make_queries
from clear_opt.demo.study import Study, study

__all__ = ["DemoQuery", "Study", "make_queries", "study"]

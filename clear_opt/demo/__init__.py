"""The demo: its questions and what it computes; ``clear-opt demo`` shows the result."""

from clear_opt.datasets.demo_questions import DemoQuery, make_queries
from clear_opt.cli.demo_study import Study, study

__all__ = ["DemoQuery", "Study", "make_queries", "study"]

"""The page: figures, tables and sentences put into one template."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from clear_opt.errors import MissingExtraError
from clear_opt.evaluation import Evaluation, as_json

_TEMPLATE = "report.html.j2"


def write_report(evaluation: Evaluation, path: str | Path, *, title: str | None = None) -> None:
    """Write an evaluation as one HTML file, the whole of it or nothing.

    Parameters
    ----------
    evaluation : Evaluation
        What to report.
    path : str or Path
        The file; an existing one is replaced.
    title : str or None
        Headline; a plain one by default.

    Raises
    ------
    MissingExtraError
        If plotly or jinja2 is not installed.
    """
    from clear_opt.io import replacing

    page = report_html(evaluation, title=title)
    with replacing(path) as file:
        file.write(page.encode())


def report_html(evaluation: Evaluation, *, title: str | None = None) -> str:
    """Return an evaluation as the text of one HTML page that loads nothing.

    Parameters
    ----------
    evaluation : Evaluation
        What to report.
    title : str or None
        Headline; a plain one by default.

    Raises
    ------
    MissingExtraError
        If plotly or jinja2 is not installed.
    """
    check_installed()
    from jinja2 import Environment, PackageLoader, StrictUndefined
    from plotly.offline import get_plotlyjs

    from clear_opt import __version__
    from clear_opt.plots.report.figures import MEAN, figures
    from clear_opt.plots.report.headlines import headlines, percent, whole_percent
    from clear_opt.plots.styles import DARK_COLOURS

    environment = Environment(
        loader=PackageLoader("clear_opt.plots.report", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"percent": percent, "whole_percent": whole_percent}
    drawn = figures(evaluation)
    return environment.get_template(_TEMPLATE).render(
        title=title or "What the learned allocation is worth",
        headlines=headlines(evaluation),
        evaluation=evaluation,
        plain=as_json(evaluation),
        cells={(cell.model, cell.budget): cell for cell in evaluation.cells()},
        names=list(drawn[MEAN]),
        mean_key=MEAN,
        figures=_inline(drawn),
        dark=_inline(DARK_COLOURS),
        plotly=get_plotlyjs(),
        version=__version__,
        written=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
    )


def check_installed() -> None:
    """Say what to install where a report cannot be made, before any work is done for it.

    Raises
    ------
    MissingExtraError
        If plotly or jinja2 is not installed.
    """
    try:
        import jinja2  # noqa: F401
        import plotly  # noqa: F401
    except ImportError as error:
        raise MissingExtraError("plotly and jinja2", "report") from error


def _inline(value: Any) -> str:
    """Write JSON that can stand in a script element: no tag in it can end the element."""
    return json.dumps(value, allow_nan=False, separators=(",", ":")).replace("<", "\\u003c")

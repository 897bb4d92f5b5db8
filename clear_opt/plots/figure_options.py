"""The options that every picture takes, for paper and for the screen."""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO, TypedDict


class FigureOptions(TypedDict, total=False):
    """Keyword arguments that every function of `clear_opt.plots` and its plotly twin take.

    Attributes
    ----------
    title : str or None
        Headline; each figure has its own by default. ``""`` draws none.
    path : str, Path, binary file or None
        Where to save the figure; ``None``, the default, only draws it. matplotlib takes the format
        from the file's ending (PNG into an open file), plotly writes an HTML page that loads
        nothing.
    width : float or None
        Inches. By default the 6.5 of a page's text in matplotlib, and in plotly all of the place
        in which the figure is shown. A column has about 3.3; several panels then stand one below
        the other.
    """

    title: str | None
    path: str | Path | BinaryIO | None
    width: float | None

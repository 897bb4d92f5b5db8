"""How each policy and each mark is drawn, whichever library draws it.

Colours are Okabe and Ito's ("Color Universal Design", 2008), which colour-blind readers can tell
apart; two are darkened to a contrast of 3:1 against white paper. Line and marker differ as well, so
that greyscale loses nothing.
"""

from __future__ import annotations

from typing import NamedTuple

BLUE = "#0072b2"
VERMILLION = "#d55e00"
GREEN = "#009e73"
PURPLE = "#b0578a"  # reddish purple #cc79a7, darkened
OCHRE = "#8a6d00"  # yellow #f0e442, darkened
SKY = "#3a93c4"  # sky blue #56b4e9, darkened
DARK_GREY = "#595959"
GUIDE = "#8c8c8c"
"""Diagonals and other guides for the eye, and, nearly transparent, regions out of reach."""
GRID = "#dddddd"

_NARROW = 4.8  # inches; below, smaller letters and one panel under the other

_SYMBOLS = {
    "": None,
    "o": "circle",
    "s": "square",
    "D": "diamond",
    "^": "triangle-up",
    "v": "triangle-down",
    "P": "cross",
    "X": "x",
    "x": "x-thin",
    "p": "pentagon",
}
_DASHES = {"-": "solid", "--": "dash", "-.": "dashdot", ":": "dot"}

Line = str | tuple[int, tuple[float, ...]]
"""Line style as matplotlib takes it; empty for markers alone."""


class Style(NamedTuple):
    """How a series is drawn; lengths in points."""

    colour: str
    line: Line = "-"
    marker: str = ""
    """Marker as matplotlib takes it; empty for none."""
    width: float = 1.5
    size: float = 5.0
    hollow: bool = False
    edge: float = 1.2
    """Width of a marker's outline."""

    @property
    def dash(self) -> str | None:
        """Line style as plotly takes it."""
        if isinstance(self.line, str):
            return _DASHES.get(self.line)
        return ",".join(f"{2 * length:g}px" for length in self.line[1])

    @property
    def symbol(self) -> str | None:
        """Marker as plotly takes it."""
        outlined = self.hollow or self.marker == "x"
        return f"{_SYMBOLS[self.marker]}-open" if outlined else _SYMBOLS[self.marker]


class PolicyStyle(NamedTuple):
    """How a policy is drawn."""

    label: str
    colour: str
    dark: str
    """The colour that replaces it on a dark page."""
    line: Line
    marker: str

    def series(self, *, emphasised: bool, size: float = 4.5) -> Style:
        """Return the style of a policy's line; an emphasised one is wide, its markers filled."""
        return Style(
            self.colour, self.line, self.marker, width=2.8 if emphasised else 1.4,
            size=size + 1.5 * emphasised, hollow=not emphasised,
        )  # fmt: skip


POLICY_STYLES = {
    "clear": PolicyStyle("CLEAR (shadow price)", BLUE, "#56b4e9", "-", "o"),
    "learned": PolicyStyle("learned (shadow price)", BLUE, "#56b4e9", "-", "o"),
    "auction": PolicyStyle("auction", GREEN, "#4fd1ac", (0, (5, 2)), "s"),
    "threshold_prefix": PolicyStyle(
        "cheapest thresholds first", OCHRE, "#e6c84a", (0, (3, 1, 1, 1)), "p"
    ),
    "proportional": PolicyStyle("proportional to threshold", PURPLE, "#e39bc6", "-.", "D"),
    "self_estimate": PolicyStyle("the model's own estimate", SKY, "#8fd0f5", (0, (1, 1.2)), "X"),
    "uniform": PolicyStyle("equal caps", VERMILLION, "#ff9a4d", "--", "^"),
    "oracle": PolicyStyle("oracle (knows the outcomes)", DARK_GREY, "#b9b9b9", ":", "P"),
}
"""Style of each policy by name."""

DARK_COLOURS = {style.colour: style.dark for style in POLICY_STYLES.values()} | {
    GUIDE: "#8c8c8d"  # as visible on a dark page; another string, so that it is replaced once
}
"""For each colour of a figure the one that replaces it on a dark page."""


def policy_style(policy: str) -> PolicyStyle:
    """Return the style of a policy; a plain one with its name as the label if it has none.

    Examples
    --------
    >>> policy_style("uniform").label, policy_style("mine").label
    ('equal caps', 'mine')
    """
    return POLICY_STYLES.get(policy) or PolicyStyle(policy, "#555555", "#bbbbbb", "-", "v")


def is_narrow(width: float) -> bool:
    """Say whether a figure of ``width`` inches is a column rather than a page."""
    return width < _NARROW

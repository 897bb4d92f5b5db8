"""The one place for looks: how each policy is drawn, whichever library draws it.

Colours are Okabe and Ito's ("Color Universal Design", 2008), told apart by colour-blind readers;
two are darkened until they keep 3:1 against white paper. Line and marker differ as well, so that
nothing is lost in greyscale.
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
HELP = "#8c8c8c"
"""Diagonals and other helps for the eye."""
GRID = "#dddddd"
SHADE = "#eaeaea"
"""Where nothing can be."""

_SYMBOLS = {
    "o": "circle",
    "s": "square",
    "D": "diamond",
    "^": "triangle-up",
    "v": "triangle-down",
    "P": "cross",
    "X": "x",
    "p": "pentagon",
    ".": "circle",
}
_DASHES = {"-": "solid", "--": "dash", "-.": "dashdot", ":": "dot"}


class Look(NamedTuple):
    """How a series is drawn."""

    label: str
    colour: str
    dark: str
    """The colour that takes its place on a dark page."""
    line: str | tuple[int, tuple[float, ...]]
    """Line style as matplotlib takes it."""
    marker: str
    """Marker as matplotlib takes it."""

    @property
    def dash(self) -> str:
        """Line style as plotly takes it."""
        if isinstance(self.line, str):
            return _DASHES[self.line]
        return ",".join(f"{2 * length:g}px" for length in self.line[1])

    @property
    def symbol(self) -> str:
        """Marker as plotly takes it."""
        return _SYMBOLS[self.marker]


LOOKS = {
    "clear": Look("CLEAR (shadow price)", BLUE, "#56b4e9", "-", "o"),
    "learned": Look("learned (shadow price)", BLUE, "#56b4e9", "-", "o"),
    "auction": Look("auction", GREEN, "#4fd1ac", (0, (5, 2)), "s"),
    "threshold_prefix": Look("cheapest thresholds first", OCHRE, "#e6c84a", (0, (3, 1, 1, 1)), "p"),
    "proportional": Look("proportional to threshold", PURPLE, "#e39bc6", "-.", "D"),
    "self_estimate": Look("the model's own estimate", SKY, "#8fd0f5", (0, (1, 1.2)), "X"),
    "uniform": Look("equal caps", VERMILLION, "#ff9a4d", "--", "^"),
    "oracle": Look("oracle (knows the outcomes)", DARK_GREY, "#b9b9b9", ":", "P"),
}
"""Look of each policy by name."""


def look_of(policy: str) -> Look:
    """Give the look of a policy; a plain one that carries its name where there is none.

    Examples
    --------
    >>> look_of("uniform").label, look_of("mine").label
    ('equal caps', 'mine')
    """
    return LOOKS.get(policy) or Look(policy, "#555555", "#bbbbbb", "-", "v")

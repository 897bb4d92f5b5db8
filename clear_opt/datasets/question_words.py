"""Names, things and small helpers that the demo's question templates draw from."""

from __future__ import annotations

from random import Random

NAMES = (
    "Amara", "Bruno", "Chen", "Dalia", "Emil", "Farah", "Goran", "Hana", "Idris", "Jonas",
    "Keiko", "Leila", "Mateo", "Nadia", "Oskar", "Priya", "Quentin", "Rosa", "Samir", "Tove",
    "Umar", "Vera", "Wanda", "Ximena", "Yusuf", "Zofia",
)  # fmt: skip

THINGS = (
    "marbles", "stickers", "postcards", "seashells", "coins", "buttons", "pencils", "beads",
    "trading cards", "bottle caps", "badges", "toy cars",
)  # fmt: skip

GOODS = (
    "notebooks", "lamps", "cushions", "kites", "candles", "mugs", "scarves", "board games",
    "plant pots", "puzzles",
)  # fmt: skip

FRUITS = ("apples", "pears", "plums", "lemons", "peaches", "apricots", "oranges", "figs")


def two_names(rng: Random) -> tuple[str, str]:
    """Draw two different names."""
    first, second = rng.sample(NAMES, 2)
    return first, second


def step(rng: Random, low: int, high: int, by: int) -> int:
    """Draw a multiple of ``by`` in [low, high]."""
    return rng.randrange(-(-low // by) * by, high + 1, by)

"""The paper's own figures, digitised from a draft of arXiv 2606.03092: read off by eye, per cent.

They come from other models, other queries and other mixes. They can be compared with ours as curves
of the same shape, and no further.
"""

BUDGETS = (100, 200, 300, 500, 1000)
"""Tokens per query at which accuracies were read."""

METHOD: dict[str, tuple[float, ...]] = {
    "Balanced": (10.2, 16.8, 19.8, 22.2, 29.0),
    "MostlyEasy": (20.0, 33.0, 44.0, 52.4, 58.6),
    "MostlyHard": (4.8, 7.2, 8.6, 10.6, 15.4),
    "UShaped": (13.2, 21.5, 27.2, 30.6, 34.2),
}
"""Accuracy of the paper's method."""

UNIFORM: dict[str, tuple[float, ...]] = {
    "Balanced": (0.8, 3.3, 7.9, 17.5, 25.7),
    "MostlyEasy": (1.2, 7.0, 22.9, 49.2, 57.7),
    "MostlyHard": (0.3, 1.2, 3.0, 5.7, 12.2),
    "UShaped": (0.8, 4.0, 13.3, 28.0, 32.8),
}
"""Accuracy of equal caps."""

ABANDONED: dict[str, float] = {
    "Balanced": 77.0,
    "MostlyEasy": 75.0,
    "MostlyHard": 80.0,
    "UShaped": 75.0,
}
"""Share of queries that the paper's method gives up at 100 tokens per query."""

NONE_ABANDONED: dict[str, int] = {
    "Balanced": 900,
    "MostlyEasy": 800,
    "MostlyHard": 1000,
    "UShaped": 900,
}
"""Tokens per query from which it gives up none."""

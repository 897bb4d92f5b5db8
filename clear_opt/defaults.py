"""The one place for default numbers, each with its reason."""

from __future__ import annotations

from typing import Final

PRICE_STEPS: Final = 200
"""Most safeguarded Newton steps of a price search; typical searches take under ten."""

TANGENT_STEPS: Final = 60
"""Newton steps for a tangent point without closed form; float64 needs about eight."""

EXACT_PATTERNS: Final = 8
"""Queries nearest the margin whose funded sets are all tried when the batch is small."""

EXACT_CELLS: Final = 1 << 23
"""Caps of all queries times blocks of the budget up to which a batch is solved exactly: at most
about 30 ms on a core, and a tenth of that as a rule."""

EXACT_REDUCTION: Final = 8
"""How many times larger a batch may be for it to be tried whether enough caps can be ruled out."""

BLOCK_QUERIES: Final = 1 << 17
"""Queries per block in large batches: a megabyte per array, so that a block stays in cache. On two
cores half as many are 6 % slower, twice as many 15 %."""

DEVICE_BLOCK_QUERIES: Final = 1 << 24
"""The same on an accelerator, which wants more to do at a time."""

NEGLIGIBLE_GAP: Final = 1e-4
"""Share of the dual bound: caps proven this close to the best are not worth a longer search."""

BLOCK_LOSS: Final = 1e-4
"""Share of what queries gain: where rounding their caps to whole blocks loses less, envelopes are
those of the curves themselves. Surges lose it where a block is 4 % of their width."""

PATTERN_ELEMENTS: Final = 4096
"""Bound on patterns x queries in primal recovery, so that large batches stay cheap."""

SATURATION: Final = 37.0
"""Log-distance at which a saturating curve equals its height in float64: exp(-37) < 2**-53."""

CUTS_PER_QUERY: Final = 24
"""Tangent cuts per query in the conic solver, for families without a conic form."""

DPP_LIMIT: Final = 512
"""Most queries for which a cone program is kept compiled. cvxpy's map from parameters to data has a
row for each pair of a variable and a parameter, empty or not, whichever of its backends builds it:
0.2 GB at 500 queries, 14 GB at 5,000. Reading a program of 5,000 queries anew takes about 5 % of
the time to solve it."""

PRESOLVE_SAMPLE: Final = 256
"""Queries of the small program that tells a large one roughly where its price is: to a few per cent
on most batches, to a factor of two where thresholds spread over several decades."""

CUT_ROUNDS: Final = 20
"""Most refinements of the tangent cuts; about seven close in from eight decades to `CUT_WINDOW`."""

CUT_WINDOW: Final = 1e-5
"""Relative width of the price window at which tangent cuts stop being refined."""

CONIC_TOLERANCE: Final = 1e-6
"""Relative difference of a convex program's value and its dual bound that counts as solved."""

CUT_TOLERANCE: Final = 1e-9
"""Certified relative error at which tangent cuts stop being refined."""

MOST_TOKENS: Final = 2**53
"""Largest budget: float64 counts whole numbers one by one up to here."""

FLOOR: Final = 0
"""Tokens every query gets when the caller names no floor."""

BLOCK: Final = 1
"""Tokens per unit of allocation: whole tokens."""

BUDGETS: Final = (50, 100, 150, 200, 300, 400, 600, 800)
"""Tokens per query at which predictors are scored: from scarce to ample on short reasoning."""

GRID_POINTS: Final = 32
"""Caps per query where expected spend counts: against all whole caps the dual bound loses at most
0.06 % (mean 0.01 %) on random surge, quadratic, Hill and logistic batches; with 16 it is 0.25 %."""

MOST_SEED: Final = 2**32 - 1
"""Largest seed: that of NumPy's older generator, which scikit-learn draws from."""

POINTS_BELOW: Final = 8
"""Caps per query below break-even where limits hold with a probability: less variance may be worth
more than what a token brings. In batches of a few queries that happens; in large ones hardly."""

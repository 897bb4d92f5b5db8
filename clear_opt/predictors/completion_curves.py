"""Completion curves as they are predicted, on a grid, where a surge's shape is not wanted."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from clear_opt.curves import TabularCurve

if TYPE_CHECKING:
    from clear_opt.fitting import Completion
    from clear_opt.lengths import MixedLengths

_LOWEST, _HIGHEST, _POINTS = -3.2, 4.8, 51  # spreads around the median; interpolation errs by 1e-3
_LEAST_SPREAD = 0.02  # grids need a width


def completion_curves(completion: Completion, lengths: MixedLengths) -> TabularCurve:
    """Give the chance of a right answer within each cap, from the share and lengths of right ones.

    Parameters
    ----------
    completion
        Where the lengths of right answers lie: the grid is laid around their medians.
    lengths
        ``share`` and ``one`` are the chance of a right answer and its length.
    """
    spread = np.maximum(completion.spread, _LEAST_SPREAD)
    steps = np.linspace(_LOWEST, _HIGHEST, _POINTS)
    grid = completion.median[:, None] * np.exp(spread[:, None] * steps)
    within = 1.0 - np.asarray(lengths.one.survival(grid))
    return TabularCurve(grid, np.clip(np.asarray(lengths.share)[:, None] * within, 0.0, 1.0))

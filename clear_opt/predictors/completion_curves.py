"""Completion curves as they are predicted, on a grid, where a surge's shape is not wanted."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from clear_opt.curves import TabularCurve
from clear_opt.fitting.surge_shape import SMALLEST_SPREAD

if TYPE_CHECKING:
    from clear_opt.fitting import Completion
    from clear_opt.lengths import MixedLengths

_LOWEST, _HIGHEST, _POINTS = -3.2, 4.8, 101  # spreads around the median


def completion_curves(completion: Completion, lengths: MixedLengths) -> TabularCurve:
    """Give the chance of a right answer within each cap, from the share and lengths of right ones.

    Parameters
    ----------
    completion
        Where the lengths of right answers lie: the grid is laid around their medians.
    lengths
        ``share`` and ``one`` are the chance of a right answer and its length.

    Notes
    -----
    A line between two points lies above the chance where that bends up. So points are lowered by
    what the lines beside them are above it half-way, and up to the first nothing is claimed. Then
    the curve claims at most 3e-4 too much, and 0.02 too little where lengths have the longest tail.
    """
    spread = np.maximum(completion.spread, SMALLEST_SPREAD)  # lengths are no narrower
    steps = np.linspace(_LOWEST, _HIGHEST, 2 * _POINTS - 1)
    caps = completion.median[:, None] * np.exp(spread[:, None] * steps)
    chance = np.asarray(lengths.share)[:, None] * (1.0 - np.asarray(lengths.one.survival(caps)))
    grid, values = caps[:, ::2], chance[:, ::2]
    way = (caps[:, 1::2] - grid[:, :-1]) / np.diff(grid, axis=1)
    above = values[:, :-1] + way * np.diff(values, axis=1) - chance[:, 1::2]
    beside = np.pad(np.maximum(above, 0.0), ((0, 0), (1, 1)))
    values = values - np.maximum(beside[:, :-1], beside[:, 1:])
    values[:, :1] = 0.0
    values = np.minimum.accumulate(values[:, ::-1], axis=1)[:, ::-1]  # a chance never falls
    return TabularCurve(grid, np.clip(values, 0.0, 1.0))

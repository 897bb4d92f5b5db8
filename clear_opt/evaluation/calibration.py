"""Whether predictions mean what they say: of success, of length, of success within a cap."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from clear_opt.errors import InvalidInputError
from clear_opt.evaluation.forecasts import Forecasts

LEVELS = (0.5, 0.8, 0.9)
"""Shares of the correct lengths that the central intervals should hold."""

BINS = 10
"""Bins of equal width, of predicted probabilities and of the PIT histogram."""


@dataclass(frozen=True, eq=False, repr=False)
class Reliability:
    """Predicted probabilities beside what happened, in bins of equal width over [0, 1].

    Attributes
    ----------
    count : array, shape (bins,)
        Weight of the outcomes in each bin; their number where all weigh 1.
    predicted, observed : array, shape (bins,)
        Mean prediction and mean outcome of each bin; NaN in an empty bin.
    brier : float
        Mean squared difference of prediction and outcome.
    brier_constant : float
        The same for the best constant in hindsight: the mean outcome of each group.
    calibration_error : float
        Expected calibration error: mean over the bins, by weight, of |predicted - observed|.
    """

    count: np.ndarray
    predicted: np.ndarray
    observed: np.ndarray
    brier: float
    brier_constant: float
    calibration_error: float

    def __repr__(self) -> str:
        return (
            f"Reliability(n={self.count.sum():g}, brier={self.brier:.4f}, "
            f"brier_constant={self.brier_constant:.4f}, "
            f"calibration_error={self.calibration_error:.4f})"
        )


@dataclass(frozen=True, eq=False, repr=False)
class LengthCalibration:
    """Where correct lengths fall in their predicted distributions.

    Attributes
    ----------
    count : float
        Weight of the correct answers.
    coverage : tuple of float
        Share of them within the central interval of each of `LEVELS`.
    pit : array, shape (10,)
        Share of them in each of ten equal parts of the predicted distribution (histogram of the
        probability integral transform); 0.1 each if the prediction is calibrated.
    """

    count: float
    coverage: tuple[float, ...]
    pit: np.ndarray

    def __repr__(self) -> str:
        shares = ", ".join(
            f"{level:.0%}: {share:.3f}" for level, share in zip(LEVELS, self.coverage, strict=True)
        )
        return f"LengthCalibration(n={self.count:g}, {shares})"


@dataclass(frozen=True, eq=False, repr=False)
class Calibration:
    """Calibration of the predicted success, length, and success within caps.

    Attributes
    ----------
    success : Reliability
        Of the probability of a right answer. Where rollouts were cut off, of a right answer
        within the length at which the longest of them was.
    lengths : LengthCalibration or None
        Of the length of right answers; ``None`` without a right answer.
    within : tuple of Reliability
        Of the probability of a right answer within each cap, one entry for each of ``caps``.
    caps : tuple of float
        Tokens, ascending.
    curve_brier : array, shape (caps,)
        Mean squared error of the utility curves at each cap: what their shape adds to or takes
        from the predictions behind them.
    left_out : int
        Rollouts cut off before the others, of which too little is known.
    """

    success: Reliability
    lengths: LengthCalibration | None
    within: tuple[Reliability, ...]
    caps: tuple[float, ...]
    curve_brier: np.ndarray
    left_out: int

    def __repr__(self) -> str:
        return f"Calibration(success={self.success!r}, lengths={self.lengths!r})"


def calibrate(forecasts: Forecasts) -> Calibration:
    """Measure how far forecasts can be taken at their word.

    Parameters
    ----------
    forecasts : Forecasts
        What was predicted of each rollout and what happened; at least one rollout.
    """
    known = forecasts.take(forecasts.known)
    if not len(known):
        raise InvalidInputError(
            "has no rollout that says whether its query can be answered",
            column="truncated",
            remedy="calibration needs answers that were not cut off",
        )
    within = tuple(
        reliability(known.success_within(cap), known.correct_within(cap), known.weight, known.group)
        for cap in known.caps
    )
    curve_brier = [
        float(np.average((predicted - known.correct_within(cap)) ** 2, weights=known.weight))
        for cap, predicted in zip(known.caps, known.curve.T, strict=True)
    ]
    return Calibration(
        success=reliability(
            known.success_within(np.inf), known.correct_within(np.inf), known.weight, known.group
        ),
        lengths=_length_calibration(known),
        within=within,
        caps=known.caps,
        curve_brier=np.array(curve_brier),
        left_out=len(forecasts) - len(known),
    )


def reliability(
    predicted: Any, observed: Any, weight: Any = None, group: Any = None, *, bins: int = BINS
) -> Reliability:
    """Compare predicted probabilities with outcomes.

    Parameters
    ----------
    predicted : array-like, shape (n,)
        Probabilities, n >= 1.
    observed : array-like, shape (n,)
        Outcomes in [0, 1].
    weight : array-like, shape (n,), optional
        Of each outcome, >= 0; 1 by default.
    group : array-like, shape (n,), optional
        Group of each outcome, for the constant's Brier score: a constant may differ between
        groups. Integers >= 0; one group by default.
    bins : int, default=10
        Number of bins, of equal width.

    Examples
    --------
    >>> reliability([0.1, 0.1, 0.9, 0.9], [0, 0, 1, 1])
    Reliability(n=4, brier=0.0100, brier_constant=0.2500, calibration_error=0.1000)
    """
    predicted = np.asarray(predicted, dtype=np.float64)
    observed = np.asarray(observed, dtype=np.float64)
    weight = np.ones(len(predicted)) if weight is None else np.asarray(weight, dtype=np.float64)
    group = np.zeros(len(predicted), dtype=np.int64) if group is None else np.asarray(group)
    bin_index = np.clip((predicted * bins).astype(np.int64), 0, bins - 1)
    count = np.bincount(bin_index, weights=weight, minlength=bins)
    with np.errstate(invalid="ignore"):
        mean_predicted = np.bincount(bin_index, weights=weight * predicted, minlength=bins) / count
        mean_observed = np.bincount(bin_index, weights=weight * observed, minlength=bins) / count
        rate = np.bincount(group, weights=weight * observed) / np.bincount(group, weights=weight)
    filled = count > 0
    return Reliability(
        count=count,
        predicted=mean_predicted,
        observed=mean_observed,
        brier=float(np.average((predicted - observed) ** 2, weights=weight)),
        brier_constant=float(np.average((rate[group] - observed) ** 2, weights=weight)),
        calibration_error=float(
            np.average(np.abs(mean_predicted - mean_observed)[filled], weights=count[filled])
        ),
    )


def _length_calibration(known: Forecasts) -> LengthCalibration | None:
    weight = known.weight * known.correct_within(np.inf)
    right = weight > 0
    if not right.any():
        return None
    pit, weight = known.length_pit()[right], weight[right]
    from_middle = np.abs(pit - 0.5)
    histogram, _ = np.histogram(pit, bins=BINS, range=(0.0, 1.0), weights=weight)
    return LengthCalibration(
        count=float(weight.sum()),
        coverage=tuple(
            float(np.average(from_middle <= level / 2, weights=weight)) for level in LEVELS
        ),
        pit=histogram / weight.sum(),
    )


def within_cap_table(calibration: Calibration) -> Sequence[dict[str, float]]:
    """Return the calibration at each cap as rows of plain numbers, for tables and trackers."""
    rows = []
    for cap, part, curve in zip(
        calibration.caps, calibration.within, calibration.curve_brier, strict=True
    ):
        filled = part.count > 0
        rows.append(
            {
                "cap": cap,
                "predicted": float(np.average(part.predicted[filled], weights=part.count[filled])),
                "observed": float(np.average(part.observed[filled], weights=part.count[filled])),
                "brier": part.brier,
                "brier_constant": part.brier_constant,
                "brier_curve": float(curve),
                "calibration_error": part.calibration_error,
            }
        )
    return rows

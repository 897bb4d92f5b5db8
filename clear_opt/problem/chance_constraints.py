"""Margins for a chance bound: how far the realised spend of a batch may exceed the expected one.

Caps fix what queries may spend, lengths what they are expected to spend. The sum of what they do
spend, S, varies about its mean E S. A margin t is such that S exceeds E S + t with at most a given
probability, if the queries are independent.

The mean itself is a prediction, and what it has wrong for all queries together no batch averages
out: it is the same in one batch after the other. So its share of the margin is added whole, and not
in quadrature, which would keep the limit over many predictors but not in the batches of the one
that is at hand.
"""

from __future__ import annotations

import math
from typing import Literal, NamedTuple, get_args, overload

import numpy as np
from scipy.special import ndtri

from clear_opt.errors import InvalidInputError

OverrunBound = Literal["normal", "bernstein"]


class LinearMargin(NamedTuple):
    """A line above the margin: for every variance V, margin(V) <= constant + rate * V."""

    rate: float
    """Tokens of margin per squared token of variance, >= 0."""
    constant: float
    """Tokens of margin at a variance of zero, >= 0."""


@overload
def overrun_margin(
    variance: float,
    probability: float,
    bound: OverrunBound = ...,
    max_excess: float = ...,
    systematic_error: float = ...,
) -> float: ...
@overload
def overrun_margin(
    variance: np.ndarray,
    probability: float,
    bound: OverrunBound = ...,
    max_excess: float = ...,
    systematic_error: float = ...,
) -> np.ndarray: ...
def overrun_margin(
    variance: float | np.ndarray,
    probability: float,
    bound: OverrunBound = "normal",
    max_excess: float = 0.0,
    systematic_error: float = 0.0,
) -> float | np.ndarray:
    """Return the tokens above the expected total that the realised total stays below.

    Parameters
    ----------
    variance : float or array, any shape
        Variance of the total, squared tokens >= 0: the sum of
        `Lengths.spend_variance` over independent queries.
    probability : float
        How often the total may exceed the expected one by more than the margin, in (0, 1/2).
    bound : {"normal", "bernstein"}, default="normal"
        ``"normal"``: the total is taken to be normal, as it nearly is for large batches in which
        no query dominates. ``"bernstein"``: Bernstein's inequality, true for every batch and
        every distribution, and wider.
    max_excess : float, default=0
        For Bernstein: the most by which one query can exceed its own expected spend, tokens >= 0,
        the greatest value of cap - E min(L, cap) in the batch. That grows with the cap, so at
        the largest caps allowed it holds for all.
    systematic_error : float, default=0
        Standard error of the expected total that the predictions for all queries share, tokens
        >= 0. The bound then holds for every batch of a predictor that is out by
        no more than it is with the same probability.

    Returns
    -------
    float or np.ndarray
        Tokens >= 0, of the shape of ``variance``.

    Raises
    ------
    InvalidInputError
        Naming the argument out of range.

    Examples
    --------
    >>> round(overrun_margin(200 * 80.0**2, probability=0.05), 1)
    1860.9
    >>> round(overrun_margin(200 * 80.0**2, 0.05, "bernstein", max_excess=400), 1)
    3197.4
    >>> round(overrun_margin(200 * 80.0**2, 0.05, systematic_error=500.0), 1)
    2683.4

    Notes
    -----
    Normal: t = z sqrt(V), with z the quantile at 1 - p. Bernstein: P(S - E S >= t) is at most
    exp(-t^2 / (2 V + 2 M t / 3)); this equals p at t = M l / 3 + sqrt((M l / 3)^2 + 2 V l) with
    l = log(1 / p) (Boucheron, Lugosi and Massart, Concentration Inequalities, 2013, section 2.8).
    A systematic error of e adds z e, or e sqrt(2 l), the same tail bound of one sub-Gaussian error.
    """
    _check(variance, probability, bound, max_excess, systematic_error)
    doubt = -math.log(probability)
    quantile = -float(ndtri(probability)) if bound == "normal" else math.sqrt(2.0 * doubt)
    jump = 0.0 if bound == "normal" else max_excess * doubt / 3.0
    varying = jump + np.sqrt(jump**2 + quantile**2 * np.asarray(variance, dtype=np.float64))
    # What cannot vary cannot jump either.
    margin = np.where(np.asarray(variance) > 0, varying, 0.0) + quantile * systematic_error
    return margin if isinstance(variance, np.ndarray) else float(margin)


def linearised_margin(
    variance: float,
    probability: float,
    bound: OverrunBound = "normal",
    max_excess: float = 0.0,
    systematic_error: float = 0.0,
) -> LinearMargin:
    """Return the tangent to the margin at a variance; the margin is concave, so it lies above.

    Charge each query its expected spend plus ``rate`` times its variance, and hold the sum to the
    budget less ``constant``. Then the total stays within the budget with the probability asked
    for, whatever the variance turns out to be: nearly nothing is given away where it is near the
    one the tangent was taken at.

    Parameters
    ----------
    variance : float
        Where the tangent touches, squared tokens > 0.
    probability, bound, max_excess, systematic_error
        As for `overrun_margin`.

    Returns
    -------
    LinearMargin

    Raises
    ------
    InvalidInputError
        Naming the argument out of range; also for a variance of zero, where the tangent is
        vertical.

    Examples
    --------
    >>> line = linearised_margin(1e6, probability=0.05)
    >>> round(line.constant + line.rate * 1e6, 1), round(overrun_margin(1e6, 0.05), 1)
    (1644.9, 1644.9)
    """
    _check(variance, probability, bound, max_excess, systematic_error)
    if not variance > 0:
        raise InvalidInputError(
            "must be > 0", column="variance", value=variance, remedy="take a typical variance"
        )
    systematic = overrun_margin(0.0, probability, bound, systematic_error=systematic_error)
    margin = overrun_margin(variance, probability, bound, max_excess)
    if bound == "normal":
        return LinearMargin(margin / (2.0 * variance), margin / 2.0 + systematic)
    doubt = -math.log(probability)
    rate = doubt / (margin - max_excess * doubt / 3.0)
    # Rounding must not turn a margin of nothing into a bonus.
    return LinearMargin(rate, max(margin - rate * variance, 0.0) + systematic)


def _check(
    variance: float | np.ndarray,
    probability: float,
    bound: str,
    max_excess: float,
    systematic_error: float,
) -> None:
    if bound not in get_args(OverrunBound):
        raise InvalidInputError(
            "is not known", column="bound", value=bound, remedy="use 'normal' or 'bernstein'"
        )
    if not 0 < probability < 0.5:
        raise InvalidInputError(
            "lies outside (0, 1/2)",
            column="probability",
            value=probability,
            remedy="say how often the budget may be exceeded, e.g. 0.05",
        )
    given = (
        ("variance", variance),
        ("max_excess", max_excess),
        ("systematic_error", systematic_error),
    )
    for name, values in given:
        for value in np.ravel(values)[~((np.ravel(values) >= 0) & np.isfinite(np.ravel(values)))]:
            raise InvalidInputError(
                "must be a number >= 0", column=name, value=value, remedy="lower the caps"
            )

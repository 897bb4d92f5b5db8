"""The (cost, utility) plane: what a cap is expected to spend against what it is worth.

A cap of b tokens spends c(b) = E min(L, b), with L the completion length. Where expected spend is
what a budget counts, a query's frontier is the set of points (c(b), U(b)), and its envelope is
their upper hull. Everything here runs on NumPy and on JAX arrays.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import jax
import numpy as np

from clear_opt import defaults
from clear_opt._numerics.array_namespace import Array, is_traced, namespace
from clear_opt._numerics.root_finding import bisect
from clear_opt._numerics.upper_hull import Hull, upper_hull
from clear_opt.curves import Curve, TabularCurve
from clear_opt.envelopes.concave import HullEnvelope, useful_end
from clear_opt.errors import InvalidInputError
from clear_opt.lengths import Lengths

_FEWEST = 5  # floor, tangent point from both sides, one cap beyond it, peak
_FIRST_STEP = 16.0  # the first step past the tangent point is at least this part of it
_GROWTH = 1.3  # most by which the way from the tangent point grows from one cap to the next
_UNSPENT = 1e-6  # share of the largest cap's spend that tells two caps apart
_HALVINGS = 20  # of the logarithm of a cap: to a millionth of its range


class SpendPoints(NamedTuple):
    """Points of the frontiers, one row per query, in the order of their caps; shape (n, m)."""

    caps: Array
    """Token caps."""
    spend: Array
    """Expected spend E min(L, cap), tokens."""
    utility: Array
    """Weighted success at the cap."""


def spend_points(curves: Curve, lengths: Lengths, caps: Array, weight: Array = 1.0) -> SpendPoints:
    """Return what caps are expected to spend and what they are worth.

    Parameters
    ----------
    curves, lengths
        Utility and completion length of n queries.
    caps
        Caps, tokens, shape (n, m), never falling along a row (`cap_grid` makes such).
    weight
        Factor on a query's success probability, > 0, scalar or shape (n,).

    Returns
    -------
    SpendPoints

    Examples
    --------
    >>> from clear_opt import LogNormalLengths, ShiftedSurge
    >>> curves = ShiftedSurge.from_height(tau=[100.0], height=[0.8], width=[50.0])
    >>> points = spend_points(curves, LogNormalLengths([120.0], 0.3), np.array([[0, 125, 150]]))
    >>> points.spend.round(1), points.utility.round(3)
    (array([[  0. , 110.3, 118.6]]), array([[0.   , 0.659, 0.8  ]]))
    """
    xp = namespace(*jax.tree_util.tree_leaves((curves, lengths, caps, weight)))
    caps = xp.asarray(caps, dtype=float)
    each = weight * xp.ones(len(curves))
    return SpendPoints(caps, lengths.expected_spend(caps), each[:, None] * _values(curves, caps))


def _values(curves: Curve, caps: Array) -> Array:
    """Return the utility at caps of shape (n, m)."""
    if namespace(*jax.tree_util.tree_leaves((curves, caps))) is np:
        return np.stack([curves.value(column) for column in caps.T], axis=1)
    return jax.vmap(curves.value, in_axes=1, out_axes=1)(caps)


def spend_hull(points: SpendPoints) -> Hull:
    """Wrap the points of every query from above; ``tokens`` of the hull are expected tokens.

    The hull starts at the first cap's spend, with the best utility that spend can buy.
    """
    xp = namespace(*points)
    # A larger cap that spends no more than the first is as affordable: it may be worth more.
    first = points.spend[:, :1]
    free = xp.where(points.spend <= first, points.utility, -xp.inf).max(axis=1, keepdims=True)
    return upper_hull(points.spend, xp.concatenate([free, points.utility[:, 1:]], axis=1))


def spend_envelope(
    curves: Curve, lengths: Lengths, caps: Array, weight: Array = 1.0
) -> HullEnvelope:
    """Build the concave envelope over the (cost, utility) points of caps, in units of spend.

    Parameters
    ----------
    curves, lengths, caps, weight
        As for `spend_points`.

    Returns
    -------
    HullEnvelope
        All its "tokens" are expected tokens; `vertex_caps` leads from its vertices back to caps.

    Examples
    --------
    >>> from clear_opt import LogNormalLengths, ShiftedSurge
    >>> curves = ShiftedSurge.from_height(tau=[100.0], height=[0.8], width=[50.0])
    >>> lengths = LogNormalLengths([120.0], 0.3)
    >>> envelope = spend_envelope(curves, lengths, cap_grid(curves, lengths))
    >>> envelope.tangent.round(1), envelope.end.round(1)
    (array([117.3]), array([118.6]))
    """
    return HullEnvelope(spend_hull(spend_points(curves, lengths, caps, weight)))


def vertex_caps(points: SpendPoints, hull: Hull) -> Array:
    """Return the cap behind every vertex of the hull of these points, tokens, shape (n, v)."""
    xp = namespace(*points, *hull)
    columns = [
        xp.where(points.spend == hull.tokens[:, v, None], points.utility, -xp.inf).argmax(axis=1)
        for v in range(hull.tokens.shape[1])
    ]
    return xp.take_along_axis(points.caps, xp.stack(columns, axis=1), axis=1)


def cap_grid(
    curves: Curve,
    lengths: Lengths | None = None,
    floor: Array = 0.0,
    ceiling: Array | None = None,
    points: int = defaults.GRID_POINTS,
    block: int = defaults.BLOCK,
) -> Array:
    """Return caps worth considering for each query: whole blocks, dense where the hull may bend.

    Parameters
    ----------
    curves
        Utility of n queries.
    lengths
        Their completion lengths; where given, caps at which nearly all is spent already are left
        out, but for the largest.
    floor, ceiling
        Bounds on the caps, tokens, scalar or shape (n,); rounded up and down to whole blocks.
        ``None`` for no ceiling.
    points
        Caps per query, at least 5; more where they would be too far from one another (not inside a
        JAX transformation). A `TabularCurve` gets those its corners call for instead.
    block
        Caps are multiples of this many tokens.

    Returns
    -------
    Array
        Caps in tokens, shape (n, m), rising along a row from the floor to the peak (or the
        ceiling, or the floor again where that is higher); some repeat.

    Raises
    ------
    InvalidInputError
        If there are fewer than five points.

    Examples
    --------
    >>> from clear_opt import ShiftedSurge
    >>> curves = ShiftedSurge.from_height(tau=[100.0], height=[0.8], width=[50.0])
    >>> cap_grid(curves, points=9)
    array([[  0., 136., 137., 138., 141., 143., 146., 150., 150.]])

    Notes
    -----
    No vertex of the hull lies strictly between the floor and the tangent point of the curve
    itself (`Curve.tangent`), whatever the lengths: expected spend is concave in the cap, so a
    point below a chord of the curve stays below it in the (cost, utility) plane (docs,
    mathematics, section 9). From the tangent point on caps grow geometrically.
    """
    if not points >= _FEWEST:
        raise InvalidInputError(
            f"must be at least {_FEWEST}", column="points", value=points, remedy="caps per query"
        )
    xp = namespace(*jax.tree_util.tree_leaves((curves, lengths, floor, ceiling)))
    each = xp.ones(len(curves))
    start = xp.ceil(floor * each / block) * block
    most = xp.inf if ceiling is None else xp.floor(ceiling * each / block) * block
    top = xp.ceil(useful_end(curves, start, most) / block) * block
    if isinstance(curves, TabularCurve):
        corners = curves.hull(start, top).tokens / block
        inner = xp.concatenate([xp.floor(corners), xp.ceil(corners)], axis=1) * block
    else:
        low = xp.clip(curves.tangent(start), start, top)
        high = top if lengths is None else _nearly_all_spent(lengths, low, top)
        step = xp.maximum(low / _FIRST_STEP, block)[:, None]
        whole = 1.0 + (high - low)[:, None] / step
        share = xp.linspace(0.0, 1.0, max(points - 3, _points_for(whole)))[1:]
        way = step * (whole**share - 1.0)
        spaced = xp.round((low[:, None] + way) / block)
        ends = xp.stack([xp.floor(low / block), xp.ceil(low / block)], axis=1)
        inner = xp.concatenate([ends, spaced], axis=1) * block
    caps = xp.concatenate([start[:, None], inner, top[:, None]], axis=1)
    return xp.sort(xp.clip(caps, start[:, None], top[:, None]), axis=1)


def _points_for(whole: Array) -> int:
    """Return how many caps it takes from 1 to ``whole`` so that none is too far from the next."""
    if is_traced(whole) or not len(whole):  # shapes cannot depend on values
        return 0
    return 1 + math.ceil(math.log(float(whole.max())) / math.log(_GROWTH))


def _nearly_all_spent(lengths: Lengths, low: Array, top: Array) -> Array:
    """Return a cap in [low, top] that spends nearly all that ``top`` spends, tokens, shape (n,).

    A saturating curve's peak may lie far beyond any completion: caps in between cost the same.
    """
    xp = namespace(low, top, *jax.tree_util.tree_leaves(lengths))
    nearly_all = (1.0 - _UNSPENT) * lengths.expected_spend(top)

    _, cap = bisect(
        lambda caps: lengths.expected_spend(caps) >= nearly_all,
        xp.maximum(low, 1.0),
        xp.maximum(top, 1.0),
        _HALVINGS,
        ratio=True,
    )
    return xp.clip(cap, low, top)

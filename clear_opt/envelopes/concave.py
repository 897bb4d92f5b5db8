"""Exact concave envelopes: what a query's curve is worth once part-funding is averaged out.

The envelope of a curve with a floor and a ceiling is a chord from the floor to the tangent point,
then the curve up to its peak (or the ceiling), then flat: tokens may go unused, so a curve that
falls past its peak never charges for them. It is the smallest concave nondecreasing function above
the curve. Its slope at the left end is the query's abandonment price.

Everything here runs on NumPy arrays as it is and on JAX arrays under jit, grad and vmap; the
answers are differentiable in the curve parameters away from kinks.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, Self

import jax
import numpy as np

from clear_opt import defaults
from clear_opt._numerics.array_namespace import Array, chosen, namespace
from clear_opt._numerics.arrays import once, per_query, read_only, refuse_missing
from clear_opt._numerics.batched import PerQuery
from clear_opt._numerics.chunked import map_chunked
from clear_opt._numerics.upper_hull import Hull
from clear_opt.curves import Curve, TabularCurve
from clear_opt.curves.tabular import hull_response


class Envelope(ABC):
    """The concave envelope of one curve per query; all arrays have shape (n,).

    Attributes
    ----------
    start, start_value
        Left end: the floor, in tokens, and the weighted utility there.
    tangent
        Where the first chord meets the curve, tokens; ``start`` where there is no chord.
    end
        Tokens beyond which nothing is gained: the peak, the ceiling, or 2^53.
    abandonment_price
        Greatest slope, in weighted success per token: a query is worth tokens beyond its floor
        at prices up to this one. Zero where no tokens help.
    """

    start: Array
    start_value: Array
    tangent: Array
    end: Array
    abandonment_price: Array

    def __len__(self) -> int:
        return len(self.start)

    @abstractmethod
    def value(self, tokens: Array) -> Array:
        """Return the envelope, weighted success, at ``tokens`` (scalar or (n,)) in [start, end]."""

    @abstractmethod
    def response(self, price: Array, *, inclusive: bool = True) -> Array:
        """Return the tokens, shape (n,), that maximise envelope(b) - price * b.

        A tie goes to the largest maximiser where ``inclusive``, else to the smallest. The price
        is a scalar or of shape (n,), weighted success per token.
        """

    @abstractmethod
    def response_if_funded(self, price: Array) -> Array:
        """Return the response, tokens (n,), of queries that must be funded whatever the price."""

    @property
    @abstractmethod
    def min_funded(self) -> Array:
        """Fewest tokens, shape (n,), a funded query can be given: concave from here on."""

    @property
    @abstractmethod
    def max_slope(self) -> Array:
        """Price, shape (n,), from which on `response_if_funded` is `min_funded`."""

    @property
    @abstractmethod
    def breakpoints(self) -> Array:
        """Prices at which demand may jump, shape (k,), in no order."""

    def own_curves(self) -> Curve | None:
        """Return the curves that the envelope asks itself; ``None`` where it holds points only."""
        return None

    def vertices(self) -> Hull | None:
        """Return the finitely many points that the envelope joins; ``None`` where it is curved."""
        return None

    @property
    def on_blocks(self) -> bool:
        """Whether it is the envelope of whole blocks instead of real-valued caps."""
        return False

    @property
    def max_breakeven_price(self) -> float:
        """Highest abandonment price: from here on nobody is worth a token beyond the floor."""
        return float(self.abandonment_price.max(initial=0.0))

    @abstractmethod
    def take(self, rows: Any) -> Self:
        """Return the envelopes of some queries: ``rows`` is an index array, mask or slice."""


def concave_envelope(
    curves: Curve, floor: Array = 0.0, ceiling: Array | None = None, weight: Array = 1.0
) -> Envelope:
    """Build the concave envelope of weighted curves between floors and ceilings.

    Parameters
    ----------
    curves
        One curve per query.
    floor
        Tokens every query gets, >= 0, scalar or shape (n,).
    ceiling
        Most tokens a query may get, at least the floor; ``None`` for no limit.
    weight
        Factor on a query's success probability, > 0.

    Returns
    -------
    Envelope

    Examples
    --------
    >>> from clear_opt import ShiftedSurge
    >>> envelope = concave_envelope(ShiftedSurge.from_height(tau=200.0, height=1.0, width=100.0))
    >>> envelope.tangent.round(2), envelope.abandonment_price.round(6)
    (array([273.21]), array([0.003503]))

    Notes
    -----
    `clear_opt.curves` says how each family finds its tangent point: closed form for surge,
    quadratic and triangular, safeguarded Newton for Hill and logistic, upper hull for tabular.
    """
    named = {"floor": floor, "ceiling": np.inf if ceiling is None else ceiling, "weight": weight}
    xp, n = namespace(*jax.tree_util.tree_leaves((curves, named))), len(curves)
    start, top, weight = (
        xp.broadcast_to(value if isinstance(value, jax.Array) else _known(name, value, n), (n,))
        for name, value in named.items()
    )
    if isinstance(curves, TabularCurve):
        hull = curves.hull(start, useful_end(curves, start, top))
        return HullEnvelope(
            hull._replace(
                values=hull.values * weight[:, None], slopes=hull.slopes * weight[:, None]
            )
        )
    queries = curves, start, top, weight
    if xp is not np:
        return TangentEnvelope(curves, weight, start, top, *_pieces(queries))
    start_value, *others = map_chunked(_pieces, queries)
    if n and not start_value.any():  # the rule; one zero then stands for them all
        start_value = np.broadcast_to(0.0, (n,))
    return TangentEnvelope(curves, weight, start, top, start_value, *others)


def _known(column: str, value: Any, n: int) -> np.ndarray:
    numbers = per_query(column, value, n)
    refuse_missing(once(numbers), column)
    return numbers


def _pieces(queries: tuple[Curve, Array, Array, Array]) -> tuple[Array, Array, Array]:
    """Return the value at the start, the tangent point and the abandonment price."""
    curves, start, ceiling, weight = queries
    xp = namespace(start, curves.threshold)
    end = useful_end(curves, start, ceiling)
    tangent = xp.clip(curves.tangent(start), start, end)
    start_value = curves.value(start)
    run = tangent - start
    chord = (curves.value(tangent) - start_value) / xp.where(run > 0, run, 1.0)
    if xp is np and (run > 0).all():
        return weight * start_value, tangent, weight * chord
    concave = xp.where(start < end, xp.maximum(curves.marginal(start), 0.0), 0.0)
    return weight * start_value, tangent, weight * xp.where(run > 0, chord, concave)


def useful_end(curves: Curve, start: Array, ceiling: Array) -> Array:
    """Return the caps beyond which nothing is gained, or nothing can be given, tokens, shape (n,).

    A curve with a long tail peaks at 1e18 tokens, or never; no budget holds more than 2^53.
    """
    xp = namespace(start, curves.threshold)
    most = xp.minimum(ceiling, float(defaults.MOST_TOKENS))
    return xp.maximum(start, xp.minimum(most, curves.peak))


def own_response(curves: Curve, price: Array, weight: Array) -> Array:
    """Return the curves' own response, tokens, shape (n,), to a price of weighted success."""
    # Next to no weight sees a price beyond floats: the greatest number stands for it.
    seen = price / weight
    return curves.response(namespace(seen).minimum(seen, float(np.finfo(seen.dtype).max)))


@dataclass(frozen=True, eq=False)
class CurveEnvelope(PerQuery, Envelope):
    """An envelope that asks the curve itself: a chord from the floor, then points of the curve."""

    curves: Curve
    weight: Array
    start: Array
    ceiling: Array
    start_value: Array
    tangent: Array
    abandonment_price: Array

    def own_curves(self) -> Curve:
        """Return the curves."""
        return self.curves

    @abstractmethod
    def funded_caps(self, price: Array, count: int | None = None) -> Array:
        """Return the response, tokens, of queries whose abandonment price is above ``price``.

        Shape (count,): of all, or of the first few queries only.
        """

    @property
    def breakpoints(self) -> Array:
        """The abandonment prices, shape (n,)."""
        return self.abandonment_price


@dataclass(frozen=True, eq=False)
class TangentEnvelope(CurveEnvelope):
    """A chord from the floor to the tangent point, then the curve itself."""

    @property
    def end(self) -> Array:
        """Tokens beyond which nothing is gained, shape (n,)."""
        known = self.__dict__.get("_end")
        if known is None:
            known = useful_end(self.curves, self.start, self.ceiling)
            if isinstance(known, np.ndarray):  # what JAX traces must not be kept
                known = read_only(known)
                object.__setattr__(self, "_end", known)
        return known

    def value(self, tokens: Array) -> Array:
        """Return the envelope, weighted success, shape (n,), at ``tokens`` in [start, end]."""
        xp = namespace(self.start, tokens)
        chord = self.start_value + self.abandonment_price * (tokens - self.start)
        curve = self.weight * self.curves.value(xp.clip(tokens, self.tangent, self.end))
        return xp.where(tokens < self.tangent, chord, curve)

    def response(self, price: Array, *, inclusive: bool = True) -> Array:
        """Return the best tokens at a price, shape (n,); see `Envelope.response`."""
        xp = namespace(self.start, price)
        ceded = self.abandonment_price
        pays = (price <= ceded) & (ceded > 0) if inclusive else price < ceded
        return xp.where(pays, self.funded_caps(price), self.start)

    def funded_caps(self, price: Array, count: int | None = None) -> Array:
        """Return the response, tokens, (count,), of funded queries; see `CurveEnvelope`."""
        xp = namespace(self.start, price)
        if count is None:
            return xp.clip(own_response(self.curves, price, self.weight), self.tangent, self.end)
        curves = self.curves.take(slice(0, count))
        wanted = own_response(curves, price, self.weight[:count])
        return xp.clip(wanted, self.tangent[:count], self.end[:count])

    def response_if_funded(self, price: Array) -> Array:
        """Return the response on the curve's concave part, tokens, shape (n,)."""
        wanted = own_response(self.curves, price, self.weight)
        return namespace(self.start, price).clip(wanted, self.min_funded, self.end)

    @property
    def min_funded(self) -> Array:
        """Threshold or floor, whichever is larger, tokens, shape (n,)."""
        xp = namespace(self.start)
        return xp.minimum(xp.maximum(self.start, self.curves.threshold), self.end)

    @property
    def max_slope(self) -> Array:
        """Slope of the curve at `min_funded`, weighted success per token, shape (n,)."""
        return self.weight * self.curves.marginal(self.min_funded)


@dataclass(frozen=True, eq=False)
class HullEnvelope(Envelope):
    """An upper hull: straight lines between vertices, for curves known at points only."""

    hull: Hull

    def vertices(self) -> Hull:
        """Return the hull."""
        return self.hull

    def value(self, tokens: Array) -> Array:
        """Return the hull, weighted success, shape (n,), at ``tokens`` in [start, end]."""
        xp = namespace(self.hull.tokens, tokens)
        offset = tokens * xp.ones(len(self.start)) - self.start
        corners = self.hull.tokens - self.hull.tokens[:, :1]
        # On each segment the part of the way that has been covered, times its slope.
        covered = xp.clip(offset[:, None], corners[:, :-1], corners[:, 1:]) - corners[:, :-1]
        return self.start_value + (covered * self.hull.slopes).sum(axis=1)

    def response(self, price: Array, *, inclusive: bool = True) -> Array:
        """Return the best vertex at a price, tokens, shape (n,); see `Envelope.response`."""
        xp = namespace(self.start, price)
        return hull_response(self.hull, price * xp.ones(len(self.start)), inclusive=inclusive)

    def response_if_funded(self, price: Array) -> Array:
        """Return the best vertex past the first chord, tokens, shape (n,)."""
        return namespace(self.start, price).maximum(self.response(price), self.tangent)

    @property
    def start(self) -> Array:
        """Left end, tokens, shape (n,)."""
        return self.hull.tokens[:, 0]

    @property
    def start_value(self) -> Array:
        """Weighted utility at the left end, shape (n,)."""
        return self.hull.values[:, 0]

    @property
    def tangent(self) -> Array:
        """First vertex after the left end, tokens, shape (n,)."""
        return self.hull.tokens[:, min(1, self.hull.tokens.shape[1] - 1)]

    @property
    def end(self) -> Array:
        """Last vertex, tokens, shape (n,)."""
        return self.hull.tokens[:, -1]

    @property
    def abandonment_price(self) -> Array:
        """Slope of the first segment, weighted success per token, shape (n,)."""
        if self.hull.slopes.shape[1] == 0:
            return 0.0 * self.start
        return self.hull.slopes[:, 0]

    @property
    def min_funded(self) -> Array:
        """First vertex after the left end, tokens, shape (n,)."""
        return self.tangent

    @property
    def max_slope(self) -> Array:
        """Slope of the first segment, weighted success per token, shape (n,)."""
        return self.abandonment_price

    @property
    def breakpoints(self) -> Array:
        """The slopes of all segments, shape (n * segments,)."""
        return self.hull.slopes.ravel()

    def take(self, rows: Any) -> HullEnvelope:
        """Return the envelopes of some queries: ``rows`` is an index array, mask or slice."""
        return HullEnvelope(Hull(*(chosen(part, rows) for part in self.hull)))


jax.tree_util.register_dataclass(HullEnvelope)

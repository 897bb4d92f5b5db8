"""Concave envelopes over whole blocks: the upper hull of a curve at the caps that can be given.

The envelope of the curve itself bounds all caps, fractions of tokens included. Where a block is
wide beside a curve's rise, no whole block comes near its best points, and that bound is loose. The
hull of the values at whole blocks is the smallest concave function above those, so its bound is the
tightest that a price can give. Nothing is sampled: past the threshold a curve is concave, so its
best whole block at a price lies next to the best cap of all, and on the convex part below only the
blocks around the tangent point can be a vertex.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from clear_opt._numerics.array_namespace import Array, namespace, saturating
from clear_opt._numerics.batched import STATIC
from clear_opt._numerics.blocks import floor_to_block
from clear_opt._numerics.chunked import map_chunked, max_chunked
from clear_opt._numerics.upper_hull import upper_hull
from clear_opt.curves import Curve, TabularCurve
from clear_opt.defaults import BLOCK_LOSS, MOST_TOKENS
from clear_opt.envelopes.concave import (
    CurveEnvelope,
    Envelope,
    HullEnvelope,
    TangentEnvelope,
    concave_envelope,
    own_response,
)

_SAMPLE = 1 << 8  # queries that tell whether blocks matter
_DIGITS = 1e-12  # width beside its peak from which on float64 cannot tell the caps of a rise apart
_ROUNDING = 4 * float(np.finfo(np.float64).eps)  # relative; a gain below is none


@saturating
def envelope_on_blocks(
    curves: Curve, floor: np.ndarray, ceiling: np.ndarray, weight: np.ndarray, block: int
) -> Envelope:
    """Build the concave envelope of what caps in whole blocks can reach.

    Parameters
    ----------
    curves
        One curve per query, n queries, NumPy arrays.
    floor, ceiling
        Least and most tokens of a query, whole blocks (or infinite ceilings), shape (n,).
    weight
        Factor on a query's success probability, > 0, shape (n,).
    block
        Caps are multiples of this many tokens.

    Returns
    -------
    Envelope
        A `HullEnvelope` for tables. For other curves a `BlockEnvelope`, or the curve's own
        `TangentEnvelope` where whole blocks lose less than `clear_opt.defaults.BLOCK_LOSS` beside
        it: both bound all caps in whole blocks, and the curve's own is quicker to ask.
    """
    if isinstance(curves, TabularCurve):
        if not (curves.grid % block).any():
            return concave_envelope(curves, floor, ceiling, weight)
        end = np.maximum(floor, np.minimum(ceiling, MOST_TOKENS // block * block))
        caps = corner_caps(curves.grid, floor, end, block)
        values = np.stack([weight * curves.value(column) for column in caps.T], axis=1)
        return HullEnvelope(upper_hull(caps, values))
    envelope = concave_envelope(curves, floor, ceiling, weight)
    assert isinstance(envelope, TangentEnvelope)
    return _on_blocks(envelope, block) if _blocks_matter(envelope, block) else envelope


def corner_caps(corners: Array, floor: Array, ceiling: Array, block: int) -> Array:
    """Return the whole blocks at which a piecewise linear curve's hull may have a vertex.

    Parameters
    ----------
    corners
        Tokens at the curve's corners, rising along a row, shape (n, m); flat beyond the last.
    floor, ceiling
        As for `envelope_on_blocks`.
    block
        Caps are multiples of this many tokens.

    Returns
    -------
    Array
        Caps, tokens, shape (n, 2 m + 1), the floor first: the blocks on both sides of every corner.
        Any other block lies on a line between its neighbours.
    """
    below = floor_to_block(corners, block)
    inner = np.concatenate([below, np.where(below < corners, below + block, below)], axis=1)
    inner = np.clip(inner, floor[:, None], ceiling[:, None])
    return np.concatenate([floor[:, None], inner], axis=1)


@dataclass(frozen=True, eq=False)
class BlockEnvelope(CurveEnvelope):
    """The upper hull of a curve's values at whole blocks, whichever of them are asked for.

    Its vertices are the floor, the ``tangent`` (the block of greatest slope from the floor), and
    every block from there to ``end``. They are not stored: memory does not grow with the blocks.
    """

    last: Array
    concave_from: Array
    block: int = field(metadata=STATIC)

    @property
    def end(self) -> Array:
        """The first block of greatest value up to the ceiling, tokens, shape (n,)."""
        return self.last

    @property
    def min_funded(self) -> Array:
        """The first block on the concave part, or the tangent, whichever is less, tokens, (n,)."""
        return self.concave_from

    def value(self, tokens: Array) -> Array:
        """Return the hull, weighted success, shape (n,), at ``tokens`` in [start, end]."""
        xp = namespace(self.start, tokens)
        chord = self.start_value + self.abandonment_price * (tokens - self.start)
        below = xp.clip(xp.floor(tokens / self.block) * self.block, self.tangent, self.end)
        rise = self.slope_above(below) * (xp.minimum(tokens, self.end) - below)
        return xp.where(tokens < self.tangent, chord, self._worth(below) + rise)

    def response(self, price: Array, *, inclusive: bool = True) -> Array:
        """Return the best whole blocks at a price, tokens, shape (n,); see `Envelope.response`."""
        xp = namespace(self.start, price)
        ceded = self.abandonment_price
        pays = (price <= ceded) & (ceded > 0) if inclusive else price < ceded
        wanted = xp.maximum(self._best_block(price, inclusive=inclusive), self.tangent)
        return xp.where(pays, wanted, self.start)

    def response_if_funded(self, price: Array) -> Array:
        """Return the best whole blocks on the concave part, the fewest on a tie, (n,)."""
        return self._best_block(price, inclusive=False)

    def funded_caps(self, price: Array, count: int | None = None) -> Array:
        """Return the response, tokens, (count,), of funded queries; see `CurveEnvelope`.

        The fewest of equally good blocks, so that a price leaves out the block whose slope it is.
        """
        first = self if count is None else self.take(slice(0, count))
        return namespace(self.start, price).maximum(first.response_if_funded(price), first.tangent)

    @property
    def max_slope(self) -> Array:
        """Slope of the first block beyond `min_funded`, weighted success per token, shape (n,)."""
        return self.slope_above(self.min_funded)

    def slope_above(self, caps: Array) -> Array:
        """Return what a block more than ``caps`` gains, per token; zero from the end on, (n,)."""
        above = namespace(self.start, caps).minimum(caps + self.block, self.end)
        return self.weight * (self.curves.value(above) - self.curves.value(caps)) / self.block

    def _best_block(self, price: Array, *, inclusive: bool) -> Array:
        xp = namespace(self.start, price)
        wanted = own_response(self.curves, price, self.weight)
        nearest = xp.floor(wanted / self.block) * self.block
        below = xp.clip(nearest, self.min_funded, self.end)
        slope = self.slope_above(below)
        pays = slope >= price if inclusive else slope > price
        return xp.where(pays, xp.minimum(below + self.block, self.end), below)

    def _worth(self, caps: Array) -> Array:
        return self.weight * self.curves.value(caps)


def _on_blocks(envelope: TangentEnvelope, block: int) -> BlockEnvelope:
    tangent, slope, end, least = map_chunked(_vertices, envelope, block)
    return BlockEnvelope(
        curves=envelope.curves,
        weight=envelope.weight,
        start=envelope.start,
        ceiling=envelope.ceiling,
        start_value=envelope.start_value,
        tangent=tangent,
        abandonment_price=slope,
        last=end,
        concave_from=least,
        block=block,
    )


def _vertices(envelope: TangentEnvelope, block: Array) -> tuple[Array, Array, Array, Array]:
    """Return the first vertex, the slope to it, the last vertex, and where blocks are concave."""
    xp, start = namespace(envelope.start), envelope.start
    values = envelope.curves.value

    def around(caps: Array) -> tuple[Array, Array]:
        below = xp.maximum(xp.floor(caps / block) * block, start)
        return below, xp.minimum(below + block, envelope.ceiling)

    below, above = around(envelope.end)
    short, full = values(below), values(above)
    end = xp.where(full > short * (1 + _ROUNDING), above, below)
    at_start = values(start)

    def slope(caps: Array) -> Array:
        run = caps - start
        return xp.where(run > 0, (values(caps) - at_start) / xp.where(run > 0, run, 1.0), 0.0)

    below, above = around(envelope.tangent)
    one, other = slope(below), slope(above)
    tangent = xp.minimum(xp.where(other >= one, above, below), end)
    steepest = envelope.weight * xp.maximum(xp.maximum(one, other), 0.0)
    hopeless = (steepest <= 0) | (end <= start)
    tangent = xp.where(hopeless, start, tangent)
    concave = xp.ceil(xp.maximum(start, envelope.curves.threshold) / block) * block
    least = xp.minimum(concave, tangent)
    return tangent, xp.where(hopeless, 0.0, steepest), xp.where(hopeless, start, end), least


def _blocks_matter(envelope: TangentEnvelope, block: int) -> bool:
    """Return whether whole blocks lose a share worth mentioning of what the envelope promises.

    Looked at are some of the queries, each at half its abandonment price. Where a query's rise is
    so narrow that float64 cannot resolve it, only whole blocks have a value and a slope.
    """
    if len(envelope) == 0:
        return False
    if max_chunked(_unresolved, envelope) > 0 or envelope.max_breakeven_price == np.inf:
        return True
    rows = slice(None, None, -(-len(envelope) // _SAMPLE))
    loss, gain = _at_half_price(envelope.take(rows), block)
    return bool(loss.sum() > BLOCK_LOSS * gain.sum())


def _unresolved(envelope: TangentEnvelope) -> Array:
    peak = envelope.curves.peak
    return peak - envelope.curves.threshold < _DIGITS * peak


def _at_half_price(envelope: TangentEnvelope, block: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the loss of rounding to blocks at half the abandonment price, and funding's gain."""
    price = 0.5 * envelope.abandonment_price
    caps, start_value = envelope.funded_caps(price), envelope.start_value
    below = np.maximum(floor_to_block(caps, block), envelope.start)
    gained, *rounded = (
        envelope.weight * envelope.curves.value(at) - start_value - price * (at - caps)
        for at in (caps, below, np.minimum(below + block, envelope.ceiling))
    )
    at_rest = price * (caps - envelope.start)
    return gained - np.maximum(np.maximum(*rounded), at_rest), gained

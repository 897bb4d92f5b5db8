"""Concave envelopes of curves, and the hull of expected spend against success."""

from clear_opt.envelopes.concave import (
    Envelope,
    HullEnvelope,
    TangentEnvelope,
    concave_envelope,
)
from clear_opt.envelopes.spend_frontier import (
    SpendPoints,
    cap_grid,
    spend_envelope,
    spend_hull,
    spend_points,
    vertex_caps,
)

__all__ = [
    "Envelope",
    "HullEnvelope",
    "SpendPoints",
    "TangentEnvelope",
    "cap_grid",
    "concave_envelope",
    "spend_envelope",
    "spend_hull",
    "spend_points",
    "vertex_caps",
]

"""Concave envelopes of curves, and the hull of expected spend against success."""

from clear_opt.envelopes.concave import Envelope, concave_envelope
from clear_opt.envelopes.spend_frontier import cap_grid, spend_envelope, spend_hull, spend_points

__all__ = [
    "Envelope",
    "cap_grid",
    "concave_envelope",
    "spend_envelope",
    "spend_hull",
    "spend_points",
]

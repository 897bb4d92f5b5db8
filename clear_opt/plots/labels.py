"""What pictures say in words, the same for every drawing library."""

from __future__ import annotations

import numpy as np

from clear_opt._numerics.formatting import written
from clear_opt.plots.data import CurveShape


def price_in_words(price: float, *, weighted: bool = False) -> str:
    """Say what a price means.

    Examples
    --------
    >>> price_in_words(0.002)
    'price 0.002 right answers per token: one more right answer costs 500 tokens'
    >>> price_in_words(0.0)
    'price 0: the budget is not scarce'
    """
    answer = "weighted right answer" if weighted else "right answer"
    if price == 0:
        return "price 0: the budget is not scarce"
    if not np.isfinite(price):
        return "no price: the floors exceed the budget"
    return (
        f"price {price:.3g} {answer}s per token: "
        f"one more {answer} costs {tokens_in_words(1 / price)}"
    )


def tokens_in_words(tokens: float) -> str:
    """Write a number of tokens with as many digits as a reader can use.

    Examples
    --------
    >>> tokens_in_words(1234.56), tokens_in_words(7.25)
    ('1,235 tokens', '7.25 tokens')
    """
    return f"{written(tokens, 3)} tokens"


def tangent_in_words(shape: CurveShape) -> str:
    """Say where the envelope meets the curve, and what follows."""
    ceded = f"abandonment price {shape.abandonment_price:.3g} per token"
    if shape.tangent <= shape.start:
        return f"concave from its start; {ceded}"
    return f"tangent point, {tokens_in_words(shape.tangent)}; slope of the chord: {ceded}"


def response_in_words(shape: CurveShape) -> str:
    """Say what a query does at the shape's price."""
    best = tokens_in_words(shape.best)
    if shape.funded:
        return f"best cap, {best}: surplus (bar) {shape.surplus:.3g}"
    if shape.abandonment_price <= 0:
        return "abandoned: no cap within its ceiling gains anything"
    return f"abandoned: its best cap, {best}, falls {-shape.surplus:.3g} short"

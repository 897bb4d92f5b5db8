"""What pictures say in words, the same for every drawing library."""

from __future__ import annotations

import numpy as np

from clear_opt._numerics.formatting import format_amount
from clear_opt.problem.allocation import Allocation


def price_label(price: float, *, weighted: bool = False) -> str:
    """Say what a price means.

    Examples
    --------
    >>> price_label(0.002)
    'price 0.002 right answers per token: one more right answer costs 500 tokens'
    >>> price_label(0.0)
    'price 0: the budget is not scarce'
    """
    answer = "weighted right answer" if weighted else "right answer"
    if price == 0:
        return "price 0: the budget is not scarce"
    if not np.isfinite(price):
        return "no price: the floors exceed the budget"
    return (
        f"price {price:.3g} {answer}s per token: one more {answer} costs {tokens_label(1 / price)}"
    )


def tokens_label(tokens: float) -> str:
    """Write a number of tokens with as many digits as a reader can use.

    Examples
    --------
    >>> tokens_label(1234.56), tokens_label(7.25)
    ('1,235 tokens', '7.25 tokens')
    """
    return f"{format_amount(tokens, 3)} tokens"


def answer_label(allocation: Allocation, row: int) -> str:
    """Say which cap a query got and, on the next line, why."""
    return f"cap {tokens_label(float(allocation.tokens[row]))}\n{allocation.reasons[row]}"

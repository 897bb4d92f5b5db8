"""Amounts of tokens, money or queries as text for a reader."""

from __future__ import annotations


def format_amount(amount: float, digits: int = 6) -> str:
    """Format an amount to significant digits, with thousands separators instead of exponents.

    Parameters
    ----------
    amount : float
        In any unit, finite.
    digits : int, default=6
        Significant digits of amounts that have fewer before the point; whole units of the others.

    Examples
    --------
    >>> format_amount(50_000_000), format_amount(15_190.4, 4), format_amount(0.00002)
    ('50,000,000', '15,190', '2e-05')
    """
    whole = abs(amount) >= 10 ** (digits - 1)
    return f"{amount:,.0f}" if whole else f"{amount:,.{digits}g}"

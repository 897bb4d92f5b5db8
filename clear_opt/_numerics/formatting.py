"""How an amount of tokens, money or queries is written for a reader."""

from __future__ import annotations


def written(amount: float, digits: int = 6) -> str:
    """Write an amount to some significant digits; large ones in thousands, not by powers of ten.

    Parameters
    ----------
    amount
        In any unit, finite.
    digits
        Significant digits of amounts that have fewer before the point; whole units of the others.

    Examples
    --------
    >>> written(50_000_000), written(15_190.4, 4), written(0.0123456, 4), written(0.00002)
    ('50,000,000', '15,190', '0.01235', '2e-05')
    """
    whole = abs(amount) >= 10 ** (digits - 1)
    return f"{amount:,.0f}" if whole else f"{amount:,.{digits}g}"

"""What one row of a query table may hold, checked by pydantic."""

from __future__ import annotations

import math
from typing import Annotated, Any

import numpy as np
from pydantic import AfterValidator, BaseModel, BeforeValidator, Field

_AGREEMENT = 0.01  # alpha and beta may differ this much from height and width: rounded by hand


def as_text(value: Any) -> Any:
    """Turn a whole number into text: names may be numbers; leave the rest to the check."""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _encodable(value: str) -> str:
    try:
        value.encode()
    except UnicodeEncodeError:
        raise ValueError("half of a surrogate pair, which no file can hold") from None
    return value


def _not_blank(value: str) -> str:
    if not value.strip():
        raise ValueError("is blank")
    return value


_Text = Annotated[str, AfterValidator(_not_blank), AfterValidator(_encodable)]
_NotNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
_Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class QueryRow(BaseModel):
    """What one row may hold; columns not named here are reported, not read."""

    query_id: Annotated[_Text, BeforeValidator(as_text)]
    text: _Text | None = None
    tau: _NotNegative | None = None
    alpha: _Positive | None = None
    beta: _Positive | None = None
    height: Annotated[float, Field(gt=0, le=1, allow_inf_nan=False)] | None = None
    width: _Positive | None = None
    length_median: _Positive | None = None
    length_spread: Annotated[float, Field(gt=0, le=10, allow_inf_nan=False)] | None = None
    weight: _Positive | None = None
    floor: _NotNegative | None = None
    ceiling: _NotNegative | None = None

    @property
    def slope_pair(self) -> tuple[float, float] | None:
        """Alpha and beta, where both are given."""
        return None if self.alpha is None or self.beta is None else (self.alpha, self.beta)

    @property
    def shape_pair(self) -> tuple[float, float] | None:
        """Height and width, where both are given."""
        return None if self.height is None or self.width is None else (self.height, self.width)

    def slopes(self) -> tuple[float, float] | None:
        """Return alpha and beta, from height and width where need be; ``None`` if incomplete."""
        if self.slope_pair is None and self.shape_pair is not None:
            height, width = self.shape_pair
            return height * math.e / width, 1.0 / width
        return self.slope_pair

    def curve_violation(self) -> str | None:
        """Return what keeps the row from being a curve, or ``None`` if nothing does."""
        if self.tau is None:
            return "has an incomplete curve: no tau"
        if self.slopes() is None:
            return f"has an incomplete curve: no {self._missing()}"
        if self.slope_pair is not None and self.shape_pair is not None:
            alpha, beta = self.slope_pair
            implied = alpha / (beta * math.e), 1.0 / beta
            if not np.allclose(implied, self.shape_pair, rtol=_AGREEMENT, atol=0.0):
                return (
                    f"alpha and beta (height {implied[0]:.4g}, width {implied[1]:.4g}) contradict "
                    f"height {self.shape_pair[0]:.4g} and width {self.shape_pair[1]:.4g}"
                )
        return None

    def _missing(self) -> str:
        for one, other in (("alpha", "beta"), ("beta", "alpha"), ("height", "width")):
            if getattr(self, one) is not None:
                return other
        return "height" if self.width is not None else "height and width (or alpha and beta)"


REMEDIES = {
    "query_id": "name every query by a text or a whole number",
    "text": "give the query's text, or leave the query out",
    "tau": "tau is the emergence threshold in tokens, a number >= 0",
    "alpha": "alpha is the slope at the threshold in success per token, a number > 0",
    "beta": "1/beta is the distance from threshold to peak in tokens, a number > 0",
    "height": "height is the success probability at the peak, in (0, 1]",
    "width": "width is the distance from threshold to peak in tokens, a number > 0",
    "length_median": "length_median is in tokens, a number > 0: half of the answers are longer",
    "length_spread": "length_spread is the standard deviation of the length's logarithm",
    "weight": "weight is what a right answer is worth, a number > 0; empty means 1",
    "floor": "floor is in tokens, a number >= 0; empty means the --floor option",
    "ceiling": "ceiling is in tokens, a number >= 0; empty means the --ceiling option",
}
